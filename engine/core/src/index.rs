//! A hash index from a key to a 32-bit place: open addressing, linear probing, no tombstones.
//!
//! Eight bytes a slot: 32 bits of hash and the place plus one. The key itself stays where the place points to, so the
//! caller compares it. Deterministic, and never iterated over.

/// Slots in the smallest index.
const SLOTS_MIN: usize = 16;

#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// A power of two long, or empty. 0: free; else hash in the upper half, place + 1 in the lower.
    slots: Vec<u64>,
    len: usize,
}

const fn tag(slot: u64) -> u64 {
    slot >> 32
}

/// A slot's place; only asked of slots in use.
const fn place(slot: u64) -> u32 {
    (slot as u32).wrapping_sub(1)
}

impl Index {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    fn mask(&self) -> usize {
        self.slots.len().wrapping_sub(1)
    }

    /// Where the probing for a tag starts: its highest bits, which a multiply mixes best.
    fn home(&self, tag: u64) -> usize {
        let bits = self.slots.len().trailing_zeros();
        (tag >> 32_u32.saturating_sub(bits)) as usize & self.mask()
    }

    /// The place whose hash is `hash` and for which `is_it` says yes.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let wanted = tag(hash);
        let mut at = self.home(wanted);
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                return None;
            }
            if tag(slot) == wanted && is_it(place(slot)) {
                return Some(place(slot));
            }
            at = at.wrapping_add(1) & self.mask();
        }
    }

    /// Adds a place; the caller has made sure that its key is not there yet. `None`: the place does not fit.
    pub(crate) fn insert(&mut self, hash: u64, value: u32) -> Option<()> {
        let stored = value.checked_add(1)?;
        let needed = self.len.checked_add(1)?;
        // At most three quarters full, so that probing stays short.
        if needed.checked_mul(4)? > self.slots.len().checked_mul(3)? {
            self.grow()?;
        }
        self.len = needed;
        self.put(tag(hash) << 32 | u64::from(stored))
    }

    fn put(&mut self, slot: u64) -> Option<()> {
        let mask = self.mask();
        let mut at = self.home(tag(slot));
        loop {
            let found = self.slots.get_mut(at)?;
            if *found == 0 {
                *found = slot;
                return Some(());
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    fn grow(&mut self) -> Option<()> {
        self.resize(self.slots.len().checked_mul(2)?.max(SLOTS_MIN))
    }

    /// Makes room for `more` places at once.
    pub(crate) fn reserve(&mut self, more: usize) -> Option<()> {
        let needed = self.len.checked_add(more)?;
        let mut size = self.slots.len().max(SLOTS_MIN);
        while needed.checked_mul(4)? > size.checked_mul(3)? {
            size = size.checked_mul(2)?;
        }
        if size > self.slots.len() { self.resize(size) } else { Some(()) }
    }

    fn resize(&mut self, size: usize) -> Option<()> {
        let old = std::mem::replace(&mut self.slots, vec![0; size]);
        for slot in old {
            if slot != 0 {
                self.put(slot)?;
            }
        }
        Some(())
    }

    /// Takes out a place. `None`: it was not there.
    pub(crate) fn remove(&mut self, hash: u64, value: u32) -> Option<()> {
        let wanted = tag(hash) << 32 | u64::from(value.checked_add(1)?);
        let mask = self.mask();
        let mut hole = self.home(tag(wanted));
        loop {
            let slot = *self.slots.get(hole)?;
            if slot == wanted {
                break;
            }
            if slot == 0 {
                return None;
            }
            hole = hole.wrapping_add(1) & mask;
        }
        self.len = self.len.checked_sub(1)?;
        // Moves later slots of the run back, so that no probe meets a hole before what it looks for.
        let mut at = hole;
        loop {
            at = at.wrapping_add(1) & mask;
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                break;
            }
            let from_home = at.wrapping_sub(self.home(tag(slot))) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                *self.slots.get_mut(hole)? = slot;
                hole = at;
            }
        }
        *self.slots.get_mut(hole)? = 0;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::Index;
    use crate::hash::spread;
    use std::collections::BTreeMap;

    #[test]
    fn index_agrees_with_a_map_under_churn() {
        let mut index = Index::default();
        let mut keys: Vec<u64> = Vec::new();
        let mut model: BTreeMap<u64, u32> = BTreeMap::new();
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Few distinct hashes, so that runs are long and wrap around.
            let key = state % 400;
            let hash = spread(key % 40);
            if let Some(at) = model.remove(&key) {
                assert_eq!(index.find(hash, |p| keys[p as usize] == key), Some(at));
                assert_eq!(index.remove(hash, at), Some(()));
                assert_eq!(index.remove(hash, at), None);
            } else {
                assert_eq!(index.find(hash, |p| keys[p as usize] == key), None);
                let at = keys.len() as u32;
                keys.push(key);
                assert_eq!(index.insert(hash, at), Some(()));
                model.insert(key, at);
            }
            for (k, v) in &model {
                assert_eq!(index.find(spread(k % 40), |p| keys[p as usize] == *k && p == *v), Some(*v));
            }
            assert_eq!(index.len(), model.len());
            keys.truncate(keys.len());
        }
    }
}
