//! A table whose places stay while what is in them lives, and are used again afterwards.

/// End of the free places.
const NONE: u32 = u32::MAX;
/// Places end here: one bit of a number that names a place is the caller's.
const PLACES_MAX: u32 = u32::MAX >> 1;

#[derive(Clone, Debug)]
enum Slot<T> {
    Used(T),
    /// The next free place.
    Free(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: NONE, len: 0 }
    }
}

impl<T> Slab<T> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        match self.slots.get(at as usize)? {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        match self.slots.get_mut(at as usize)? {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// Puts something in; its place. `None`: no more places fit.
    pub(crate) fn insert(&mut self, value: T) -> Option<u32> {
        self.len = self.len.checked_add(1)?;
        if self.free == NONE {
            let at = u32::try_from(self.slots.len()).ok().filter(|at| *at < PLACES_MAX)?;
            self.slots.push(Slot::Used(value));
            return Some(at);
        }
        let at = self.free;
        let slot = self.slots.get_mut(at as usize)?;
        let Slot::Free(next) = *slot else { return None };
        self.free = next;
        *slot = Slot::Used(value);
        Some(at)
    }

    /// Takes something out. `None`: nothing is there.
    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let slot = self.slots.get_mut(at as usize)?;
        if matches!(slot, Slot::Free(_)) {
            return None;
        }
        let Slot::Used(value) = std::mem::replace(slot, Slot::Free(self.free)) else { return None };
        self.free = at;
        self.len = self.len.checked_sub(1)?;
        Some(value)
    }

    /// What is in it, with its places; in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().zip(0_u32..).filter_map(|(slot, at)| match slot {
            Slot::Used(value) => Some((at, value)),
            Slot::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn places_stay_and_are_used_again() {
        let mut slab = Slab::default();
        let places = [10, 11, 12].map(|value| slab.insert(value).unwrap());
        assert_eq!(slab.remove(places[1]), Some(11));
        assert_eq!((slab.remove(places[1]), slab.get(places[1]), slab.len()), (None, None, 2));
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(places[0], &10), (places[2], &12)]);
        assert_eq!(slab.insert(13), Some(places[1]));
        *slab.get_mut(places[1]).unwrap() += 1;
        assert_eq!(slab.get(places[1]), Some(&14));
        assert_eq!(slab.get(9), None);
        assert_eq!(slab.remove(9), None);
    }
}
