//! Which number each session sent last, for the sessions used last. A retry is recognised by it.
//!
//! Bounded: a new session beyond [`SESSIONS_MAX`] replaces the one used longest ago. Use is ordered by seq, so every
//! replica forgets the same session at the same command.

use crate::broken::Broken;
use crate::command::Origin;
use crate::hash::spread;
use crate::index::Index;

/// Sessions remembered.
pub(crate) const SESSIONS_MAX: usize = 4096;

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry {
    session: u64,
    number: u64,
    /// Used longer ago.
    older: u32,
    /// Used more recently.
    newer: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    entries: Vec<Entry>,
    index: Index,
    oldest: u32,
    newest: u32,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), index: Index::default(), oldest: NONE, newest: NONE }
    }

    /// Remembers a number. `false`: the session already sent it or a later one, and nothing has changed.
    pub(crate) fn take(&mut self, origin: Origin) -> Result<bool, Broken> {
        if origin.session == 0 {
            return Ok(true);
        }
        self.take_known(origin).ok_or(Broken::SessionIndex)
    }

    fn take_known(&mut self, origin: Origin) -> Option<bool> {
        // Most commands come from the session that sent the one before.
        let newest = self.entries.get_mut(self.newest as usize).filter(|e| e.session == origin.session);
        if let Some(entry) = newest {
            if origin.number <= entry.number {
                return Some(false);
            }
            entry.number = origin.number;
            return Some(true);
        }
        let entries = &self.entries;
        let is_it = |at: u32| entries.get(at as usize).is_some_and(|e| e.session == origin.session);
        let Some(at) = self.index.find(spread(origin.session), is_it) else {
            if origin.number == 0 {
                return Some(false);
            }
            self.add(origin)?;
            return Some(true);
        };
        if origin.number <= self.entries.get(at as usize)?.number {
            return Some(false);
        }
        self.unlink(at)?;
        self.entries.get_mut(at as usize)?.number = origin.number;
        self.link_newest(at)?;
        Some(true)
    }

    fn add(&mut self, origin: Origin) -> Option<()> {
        let entry = Entry { session: origin.session, number: origin.number, older: NONE, newer: NONE };
        let at = if self.entries.len() < SESSIONS_MAX {
            self.entries.push(entry);
            u32::try_from(self.entries.len().checked_sub(1)?).ok()?
        } else {
            let at = self.oldest;
            self.unlink(at)?;
            let slot = self.entries.get_mut(at as usize)?;
            self.index.remove(spread(slot.session), at)?;
            *slot = entry;
            at
        };
        self.index.insert(spread(origin.session), at)?;
        self.link_newest(at)
    }

    fn unlink(&mut self, at: u32) -> Option<()> {
        let Entry { older, newer, .. } = *self.entries.get(at as usize)?;
        match self.entries.get_mut(older as usize) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.entries.get_mut(newer as usize) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        Some(())
    }

    fn link_newest(&mut self, at: u32) -> Option<()> {
        let newest = self.newest;
        let entry = self.entries.get_mut(at as usize)?;
        entry.older = newest;
        entry.newer = NONE;
        match self.entries.get_mut(newest as usize) {
            Some(last) => last.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
        Some(())
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is remembered, the session used longest ago first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Origin> {
        let mut at = self.oldest;
        std::iter::from_fn(move || {
            let entry = self.entries.get(at as usize)?;
            at = entry.newer;
            Some(Origin { session: entry.session, number: entry.number })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{SESSIONS_MAX, Sessions};
    use crate::command::Origin;

    fn take(sessions: &mut Sessions, session: u64, number: u64) -> bool {
        sessions.take(Origin { session, number }).unwrap()
    }

    #[test]
    fn numbers_of_a_session_must_rise_and_session_0_is_free() {
        let mut sessions = Sessions::new();
        assert!(!take(&mut sessions, 5, 0));
        assert!(take(&mut sessions, 5, 3));
        assert!(!take(&mut sessions, 5, 3));
        assert!(take(&mut sessions, 6, 1));
        assert!(!take(&mut sessions, 5, 2));
        assert!(take(&mut sessions, 5, 4));
        assert!(take(&mut sessions, 0, 1));
        assert!(take(&mut sessions, 0, 1));
    }

    #[test]
    fn the_session_used_longest_ago_is_forgotten_first() {
        let mut sessions = Sessions::new();
        let full = SESSIONS_MAX as u64;
        for session in 1..=full {
            assert!(take(&mut sessions, session, 7));
        }
        // A repeat is no use: session 2 stays next in line once 1 is used again.
        assert!(take(&mut sessions, 1, 8));
        assert!(!take(&mut sessions, 2, 7));
        assert!(take(&mut sessions, full + 1, 1));
        assert!(!take(&mut sessions, 3, 7));
        assert!(!take(&mut sessions, 1, 8));
        assert!(take(&mut sessions, 2, 1));
        let order: Vec<u64> = sessions.iter().map(|o| o.session).collect();
        assert_eq!(order.len(), SESSIONS_MAX);
        assert_eq!(order.first(), Some(&4));
        assert_eq!(order.get(SESSIONS_MAX - 3..), Some(&[1, full + 1, 2][..]));
    }
}
