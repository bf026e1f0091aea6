//! One side of the book: its price levels, sorted, the best one at the end.
//!
//! Levels live in a slab, so that an order finds its level in one step. The sorted part is a vector of chunks of at most
//! [`CHUNK`] entries: real flows insert and remove near the end of the last chunk, and the worst case moves one chunk
//! (4 KiB) plus, once per 128 inserts, the vector of chunks.

use super::{NONE, Ticks};

const CHUNK: usize = 256;

/// A price level. `head` is its oldest order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// Sum of its orders' lots. 128 bits: many orders of up to 2^63 lots.
    pub(super) total: u128,
    pub(super) key: u64,
    pub(super) head: u32,
    pub(super) tail: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    key: u64,
    level: u32,
}

/// Holds the keys from `low` up to the next chunk's `low`.
#[derive(Clone, Debug)]
struct Chunk {
    low: u64,
    entries: Vec<Entry>,
}

/// Levels by key; a higher key is a better price. The key is the price for bids and its complement for asks.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    flip: u64,
    levels: Vec<Level>,
    /// First free slot of `levels`, linked through `head`.
    free: u32,
    chunks: Vec<Chunk>,
    /// Copy of the last entry of the last chunk; level `NONE` when there is none.
    best: Entry,
    count: usize,
    /// One emptied chunk's memory, so that a level that comes and goes does not allocate.
    spare: Vec<Entry>,
}

const NO_ENTRY: Entry = Entry { key: 0, level: NONE };

impl Ladder {
    pub(super) const fn new(flip: u64) -> Self {
        Self { flip, levels: Vec::new(), free: NONE, chunks: Vec::new(), best: NO_ENTRY, count: 0, spare: Vec::new() }
    }

    #[inline(always)]
    pub(super) const fn key(&self, ticks: Ticks) -> u64 {
        ticks ^ self.flip
    }

    #[inline(always)]
    pub(super) const fn ticks(&self, key: u64) -> Ticks {
        key ^ self.flip
    }

    /// The best level's place, `NONE` when the side is empty.
    #[inline(always)]
    pub(super) const fn best(&self) -> u32 {
        self.best.level
    }

    #[inline(always)]
    pub(super) const fn best_key(&self) -> Option<u64> {
        if self.best.level == NONE { None } else { Some(self.best.key) }
    }

    #[inline(always)]
    pub(super) fn level(&self, at: u32) -> Option<&Level> {
        self.levels.get(at as usize)
    }

    #[inline(always)]
    pub(super) fn level_mut(&mut self, at: u32) -> Option<&mut Level> {
        self.levels.get_mut(at as usize)
    }

    /// The chunk that holds or would hold a key.
    #[inline]
    fn chunk_of(&self, key: u64) -> usize {
        let last = self.chunks.len().saturating_sub(1);
        match self.chunks.last() {
            Some(chunk) if key < chunk.low => self.chunks.partition_point(|c| c.low <= key).saturating_sub(1),
            _ => last,
        }
    }

    /// Where in its chunk a key is (`Ok`) or belongs (`Err`).
    ///
    /// Keys are distinct integers: one that is `gap` below the last has at most `gap` entries behind it. Where every
    /// tick has its level, which is where most orders come, that bound is the place itself.
    #[inline]
    fn search(entries: &[Entry], key: u64) -> Result<usize, usize> {
        let Some(last) = entries.last() else { return Err(0) };
        let Some(gap) = last.key.checked_sub(key) else { return Err(entries.len()) };
        let behind = usize::try_from(gap).unwrap_or(usize::MAX);
        let low = entries.len().saturating_sub(1).saturating_sub(behind);
        if entries.get(low).is_some_and(|e| e.key == key) {
            return Ok(low);
        }
        let rest = entries.get(low..).unwrap_or_default();
        let at = low.saturating_add(rest.partition_point(|e| e.key < key));
        match entries.get(at) {
            Some(e) if e.key == key => Ok(at),
            _ => Err(at),
        }
    }

    /// The level with this key.
    pub(super) fn find(&self, key: u64) -> Option<u32> {
        if self.best.key == key && self.best.level != NONE {
            return Some(self.best.level);
        }
        let entries = &self.chunks.get(self.chunk_of(key))?.entries;
        let at = Self::search(entries, key).ok()?;
        entries.get(at).map(|e| e.level)
    }

    /// The level with this key, made empty if it was not there. `None`: no more levels fit.
    #[inline]
    pub(super) fn find_or_add(&mut self, key: u64) -> Option<u32> {
        if self.best.key == key && self.best.level != NONE {
            return Some(self.best.level);
        }
        if self.chunks.is_empty() {
            self.chunks.push(Chunk { low: 0, entries: Vec::with_capacity(CHUNK) });
        }
        let c = self.chunk_of(key);
        let chunk = self.chunks.get(c)?;
        match Self::search(&chunk.entries, key) {
            Ok(at) => chunk.entries.get(at).map(|e| e.level),
            Err(at) => self.add(key, c, at),
        }
    }

    fn add(&mut self, key: u64, mut c: usize, mut at: usize) -> Option<u32> {
        let entry = Entry { key, level: self.new_level(key)? };
        let chunk = self.chunks.get_mut(c)?;
        if chunk.entries.len() >= CHUNK {
            let half = chunk.entries.len() / 2;
            let mut upper = std::mem::take(&mut self.spare);
            upper.reserve(CHUNK);
            upper.extend(chunk.entries.drain(half..));
            let low = upper.first()?.key;
            self.chunks.insert(c.checked_add(1)?, Chunk { low, entries: upper });
            if key >= low {
                c = c.checked_add(1)?;
                at = at.checked_sub(half)?;
            }
        }
        self.chunks.get_mut(c)?.entries.insert(at, entry);
        if key > self.best.key || self.best.level == NONE {
            self.best = entry;
        }
        self.count = self.count.checked_add(1)?;
        Some(entry.level)
    }

    fn new_level(&mut self, key: u64) -> Option<u32> {
        let level = Level { total: 0, key, head: NONE, tail: NONE };
        if self.free == NONE {
            // One bit of an order's level names the side.
            let at = u32::try_from(self.levels.len()).ok().filter(|at| *at < NONE >> 1)?;
            self.levels.push(level);
            return Some(at);
        }
        let at = self.free;
        let slot = self.levels.get_mut(at as usize)?;
        self.free = slot.head;
        *slot = level;
        Some(at)
    }

    /// Takes out a level that has no orders any more.
    pub(super) fn remove(&mut self, at: u32) -> Option<()> {
        let slot = self.levels.get_mut(at as usize)?;
        let key = slot.key;
        slot.head = self.free;
        self.free = at;
        self.count = self.count.checked_sub(1)?;
        if self.best.level == at {
            self.chunks.last_mut()?.entries.pop()?;
            if self.chunks.last()?.entries.is_empty() {
                self.drop_chunk(self.chunks.len().checked_sub(1)?)?;
            }
            self.best = self.chunks.last().and_then(|c| c.entries.last()).copied().unwrap_or(NO_ENTRY);
            return Some(());
        }
        let c = self.chunk_of(key);
        let entries = &mut self.chunks.get_mut(c)?.entries;
        let place = Self::search(entries, key).ok()?;
        entries.remove(place);
        if entries.is_empty() {
            self.drop_chunk(c)?;
        }
        Some(())
    }

    fn drop_chunk(&mut self, c: usize) -> Option<()> {
        if self.chunks.len() == 1 {
            return Some(());
        }
        let chunk = self.chunks.remove(c);
        self.spare = chunk.entries;
        // The first chunk reaches down to the lowest key there is.
        self.chunks.first_mut()?.low = 0;
        Some(())
    }

    /// Levels, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Level> {
        self.chunks.iter().rev().flat_map(|c| c.entries.iter().rev()).filter_map(|e| self.levels.get(e.level as usize))
    }

    /// Whether entries, levels, bounds and counts agree, and every key is above the one before.
    pub(super) fn is_sound(&self) -> bool {
        let mut last = None;
        let mut count = 0_usize;
        for (c, chunk) in self.chunks.iter().enumerate() {
            let is_misplaced = (c == 0 && chunk.low != 0) || last.is_some_and(|l| l >= chunk.low);
            if is_misplaced || (chunk.entries.is_empty() && self.chunks.len() > 1) {
                return false;
            }
            for e in &chunk.entries {
                let matches = self.levels.get(e.level as usize).is_some_and(|l| l.key == e.key);
                if !matches || last.is_some_and(|l| l >= e.key) || e.key < chunk.low {
                    return false;
                }
                last = Some(e.key);
                count = count.saturating_add(1);
            }
        }
        count == self.count && last == self.best_key()
    }
}
