//! A seeded stream of random commands over a small exchange, for the tests that need much of everything.
#![allow(dead_code, reason = "each test uses its part")]

mod commands;

use tandem_core::command::Origin;
use tandem_core::types::*;
use tandem_core::{Broken, Core};

#[allow(unused_imports, reason = "each test uses its part")]
pub use commands::{command, opening, rules};

/// xorshift64*, seeded: the same stream everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

pub const ACCOUNTS: u64 = 6;
pub const MARKETS: u64 = 3;
pub const ASSETS: u64 = 3;

/// A whole stream with origins and times, encoded. A core goes with it, so that cancels and amends mostly name orders
/// that are open.
pub fn stream(seed: u64, len: usize) -> Vec<(TimeUs, Vec<u8>)> {
    let mut random = Random::new(seed);
    let opening = opening(&mut random);
    let (mut core, mut events) = (Core::new(), Vec::new());
    let mut time = 1_700_000_000_000_000;
    let mut encoded = Vec::with_capacity(len);
    for at in 0..len.max(opening.len()) {
        let command = opening.get(at).cloned().unwrap_or_else(|| command(&mut random, &core));
        time += random.below(3_000_000);
        // A repeat now and then; never among the first, which everything else needs.
        let back = if at > 100 && random.one_in(20) { 2 } else { 0 };
        let (session, number) = (random.below(4), at as u64 + 1 - back);
        let mut payload = Vec::new();
        tandem_core::codec::encode(Origin { session, number }, &command, &mut payload);
        if at > 100 && random.one_in(200) {
            payload.pop();
        }
        events.clear();
        // What breaks here is found by whoever applies the stream.
        let _ = core.apply(Seq(at as u64 + 1), TimeUs(time), &payload, &mut events);
        encoded.push((TimeUs(time), payload));
    }
    encoded
}

/// Applies a part of a stream, starting behind the core's seq.
pub fn apply_all(core: &mut Core, stream: &[(TimeUs, Vec<u8>)]) -> Result<(), Broken> {
    let mut events = Vec::new();
    for (time, payload) in stream {
        events.clear();
        let seq = Seq(core.seq().0 + 1);
        core.apply(seq, *time, payload, &mut events)?;
        assert!(!events.is_empty(), "a command without events");
    }
    Ok(())
}

pub fn snapshot(core: &Core) -> Vec<u8> {
    let mut bytes = Vec::new();
    core.snapshot(&mut bytes);
    bytes
}
