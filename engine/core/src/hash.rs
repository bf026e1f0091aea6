//! One fixed hash for indexes, the digest and the snapshot's checksum: a folded 64 x 64 -> 128 bit multiply.
//!
//! Fixed on purpose: replicas must agree. It is no defence against someone who computes collisions; the one index whose
//! keys clients choose, by client order id, is therefore seeded by the process. An index is only ever looked into, never
//! walked, so that no seed shows in an event or a snapshot.

/// Digits of pi: odd and without pattern.
const K0: u64 = 0x2437_6A08_85A3_08D3;
/// More digits of pi.
const K1: u64 = 0x1319_8A2E_0370_7345;

/// Mixes two words into one.
#[inline(always)]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a).wrapping_mul(u128::from(b));
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// A running hash over pairs of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash(u64);

impl Hash {
    /// Starts at a fixed value.
    pub(crate) const fn new() -> Self {
        Self(K0)
    }

    pub(crate) const fn from_value(value: u64) -> Self {
        Self(value)
    }

    pub(crate) const fn value(self) -> u64 {
        self.0
    }

    /// Takes in two words. Both words and what came before also enter by a sum, which stays when a factor is zero.
    #[inline(always)]
    pub(crate) fn words(&mut self, a: u64, b: u64) {
        let mixed = fold(a ^ self.0, b ^ K1);
        self.0 = mixed.wrapping_add(self.0.rotate_left(23)).wrapping_add(a.rotate_left(41)).wrapping_add(b);
    }

    /// Takes in bytes: their number, then words of eight, the last one filled up with zeros.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let (words, tail) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(tail) {
            *to = *from;
        }
        self.words(bytes.len() as u64, u64::from_le_bytes(last));
        let (pairs, odd) = words.as_chunks::<2>();
        for [a, b] in pairs {
            self.words(u64::from_le_bytes(*a), u64::from_le_bytes(*b));
        }
        for word in odd {
            self.words(u64::from_le_bytes(*word), K0);
        }
    }
}

/// The hash of a text.
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    let mut hash = Hash::new();
    hash.bytes(bytes);
    hash.value()
}

/// Spreads an id over 32 bits.
#[inline(always)]
pub(crate) fn spread(id: u64) -> u64 {
    id.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::{Hash, K0, K1};

    fn after(a: u64, b: u64) -> u64 {
        let mut hash = Hash::new();
        hash.words(a, b);
        hash.value()
    }

    #[test]
    fn each_word_counts_whatever_the_other_is() {
        for special in [0, 1, K0, K1, !K0, !K1, u64::MAX] {
            for bit in 0..64 {
                let other = 1_u64 << bit;
                assert_ne!(after(other, special), after(0, special), "{special:x} {bit}");
                assert_ne!(after(special, other), after(special, 0), "{special:x} {bit}");
            }
        }
    }

    #[test]
    fn what_came_before_counts_whatever_follows() {
        for special in [0, K0, K1] {
            let mut hashes = [Hash::from_value(1), Hash::from_value(2)];
            hashes.iter_mut().for_each(|hash| hash.words(special, K1));
            assert_ne!(hashes[0], hashes[1]);
        }
    }
}
