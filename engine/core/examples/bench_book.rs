//! Speed of the book alone: one symbol, 2 M messages, prepared before the clock starts.
//!
//! Mix: 54 % limit orders (about a sixth of them cross), 6 % IOC, 28 % cancels, 12 % modifies (a third of them only
//! reduce the quantity and keep their place, the others move the price). The middle walks at random; distances from it are
//! mostly below 16 ticks with a tail to 2,000. Cancels and modifies name orders that were live when the stream was
//! made, except for 5 % that come too late. Ids are dense, so the way from id to handle is a plain table.
//!
//! Prints one line of JSON: the median of 5 runs.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    reason = "a benchmark reads the clock and may stop at a surprise"
)]

use std::hint::black_box;
use std::time::Instant;

use tandem_core::book::{Book, Handle, Lots, Ticks};
use tandem_core::types::Side;

const MESSAGES: usize = 2_000_000;
const RUNS: usize = 5;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[derive(Clone, Copy)]
enum Message {
    Limit { id: u32, side: Side, ticks: Ticks, lots: Lots },
    Ioc { side: Side, ticks: Ticks, lots: Lots },
    Cancel { id: u32 },
    Modify { id: u32, ticks: Ticks, lots: Lots },
}

/// What a user of the book alone has beside it: a table from id to handle, and sums so that nothing is optimised away.
struct Driver {
    book: Book,
    handles: Vec<u32>,
    fills: u64,
    filled: u64,
}

const GONE: u32 = u32::MAX;

impl Driver {
    fn new() -> Self {
        Self { book: Book::new(), handles: vec![GONE; MESSAGES], fills: 0, filled: 0 }
    }

    #[inline]
    fn apply(&mut self, message: &Message) {
        match *message {
            Message::Limit { id, side, ticks, lots } => self.limit(id, side, ticks, lots),
            Message::Ioc { side, ticks, lots } => {
                self.take(side, ticks, lots);
            }
            Message::Cancel { id } => {
                if let Some(handle) = self.live(id) {
                    self.book.remove(handle).unwrap();
                    self.handles[id as usize] = GONE;
                }
            }
            Message::Modify { id, ticks, lots } => self.modify(id, ticks, lots),
        }
    }

    #[inline]
    fn live(&self, id: u32) -> Option<Handle> {
        let at = self.handles[id as usize];
        (at != GONE).then_some(Handle::from_index(at))
    }

    #[inline]
    fn take(&mut self, side: Side, ticks: Ticks, lots: Lots) -> Lots {
        let mut left = lots;
        while left > 0
            && let Some(maker) = self.book.best(side.opposite())
            && Book::crosses(side, ticks, maker.ticks)
        {
            let fill = left.min(maker.lots);
            left -= fill;
            self.fills += 1;
            self.filled += fill;
            if self.book.reduce(maker.handle, fill).unwrap() == 0 {
                self.handles[maker.id as usize] = GONE;
            }
        }
        left
    }

    #[inline]
    fn limit(&mut self, id: u32, side: Side, ticks: Ticks, lots: Lots) {
        let left = self.take(side, ticks, lots);
        if left > 0 {
            let handle = self.book.insert(side, ticks, left, u64::from(id), 0).unwrap();
            self.handles[id as usize] = handle.index();
        }
    }

    #[inline]
    fn modify(&mut self, id: u32, ticks: Ticks, lots: Lots) {
        let Some(handle) = self.live(id) else { return };
        let maker = self.book.get(handle).unwrap();
        if maker.ticks == ticks && lots < maker.lots {
            self.book.reduce(handle, maker.lots - lots).unwrap();
            return;
        }
        self.book.remove(handle).unwrap();
        self.handles[id as usize] = GONE;
        self.limit(id, maker.side, ticks, lots);
    }
}

fn distance(random: &mut Random) -> u64 {
    match random.below(100) {
        0..80 => random.below(16),
        80..97 => random.below(128),
        _ => random.below(2_000),
    }
}

/// Makes the stream, with a book of its own to know what is live.
fn stream() -> Vec<Message> {
    let mut random = Random(0x5EED_0B00);
    let mut driver = Driver::new();
    let mut live: Vec<u32> = Vec::new();
    let mut messages = Vec::with_capacity(MESSAGES);
    let mut middle: i64 = 1_000_000;
    let mut next_id = 0;
    while messages.len() < MESSAGES {
        if random.below(16) == 0 {
            middle += random.below(3) as i64 - 1;
        }
        let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let away = distance(&mut random) as i64 - 2;
        let ticks = (if side == Side::Buy { middle - away } else { middle + away }) as u64;
        let lots = 1 + random.below(100);
        let message = match random.below(100) {
            0..54 => {
                next_id += 1;
                live.push(next_id - 1);
                Message::Limit { id: next_id - 1, side, ticks, lots }
            }
            54..60 => {
                let reach = random.below(6);
                let ticks = if side == Side::Buy { middle as u64 + reach } else { middle as u64 - reach };
                Message::Ioc { side, ticks, lots }
            }
            kind => {
                let Some(id) = pick(&mut random, &mut live, &driver) else { continue };
                let maker = driver.live(id).and_then(|handle| driver.book.get(handle));
                match maker {
                    Some(maker) if kind >= 88 && kind % 3 == 0 => {
                        Message::Modify { id, ticks: maker.ticks, lots: 1.max(maker.lots / 2) }
                    }
                    Some(maker) if kind >= 88 => {
                        let sign = if maker.side == Side::Buy { -1 } else { 1 };
                        Message::Modify { id, ticks: (middle + sign * away) as u64, lots }
                    }
                    _ => Message::Cancel { id },
                }
            }
        };
        driver.apply(&message);
        messages.push(message);
    }
    messages
}

fn pick(random: &mut Random, live: &mut Vec<u32>, driver: &Driver) -> Option<u32> {
    loop {
        if live.is_empty() {
            return None;
        }
        // Young orders are cancelled more often than old ones.
        let reach = if random.below(8) == 0 { live.len() } else { live.len().min(512) };
        let at = live.len() - 1 - random.below(reach as u64) as usize;
        let id = live[at];
        if driver.live(id).is_some() {
            return Some(id);
        }
        live.swap_remove(at);
        if random.below(20) == 0 {
            return Some(id);
        }
    }
}

fn main() {
    let messages = stream();
    let mut nanos: Vec<u128> = Vec::new();
    let mut about = String::new();
    for _ in 0..RUNS {
        let mut driver = Driver::new();
        let start = Instant::now();
        for message in &messages {
            driver.apply(message);
        }
        nanos.push(start.elapsed().as_nanos());
        driver.book.check().unwrap();
        about = format!(
            "\"fills\":{},\"filled\":{},\"resting\":{},\"levels\":{}",
            driver.fills,
            driver.filled,
            driver.book.len(),
            driver.book.levels(Side::Buy).count() + driver.book.levels(Side::Sell).count()
        );
        black_box(&driver.book);
    }
    nanos.sort_unstable();
    let per = nanos[RUNS / 2] as f64 / MESSAGES as f64;
    println!("{{\"name\":\"book\",\"n\":{MESSAGES},\"per_second\":{:.0},\"ns_per\":{per:.1},{about}}}", 1e9 / per);
}
