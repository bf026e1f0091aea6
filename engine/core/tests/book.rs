//! The book against a naive one: a sorted list that is searched from its start.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod support;

use support::Random;
use tandem_core::book::{Book, Handle, Lots, Ticks};
use tandem_core::types::Side;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Order {
    id: u64,
    side: Side,
    ticks: Ticks,
    lots: Lots,
}

/// Orders in the order in which they came; everything else is searched for.
#[derive(Default)]
struct Naive {
    orders: Vec<Order>,
    version: u64,
}

impl Naive {
    /// Orders of a side as they would be taken.
    fn queue(&self, side: Side) -> Vec<Order> {
        let mut queue: Vec<Order> = self.orders.iter().filter(|o| o.side == side).copied().collect();
        // A stable sort keeps age within a price.
        queue.sort_by_key(|o| if side == Side::Buy { u64::MAX - o.ticks } else { o.ticks });
        queue
    }
    fn reduce(&mut self, id: u64, lots: Lots) {
        let at = self.orders.iter().position(|o| o.id == id).unwrap();
        self.orders[at].lots -= lots;
        if self.orders[at].lots == 0 {
            self.orders.remove(at);
        }
        self.version += 1;
    }
    fn requeue(&mut self, id: u64, lots: Lots) {
        let at = self.orders.iter().position(|o| o.id == id).unwrap();
        let order = self.orders.remove(at);
        self.orders.push(Order { lots, ..order });
        self.version += 1;
    }
    fn take(&mut self, taker: Side, limit: Option<Ticks>, mut lots: Lots) -> (Lots, Vec<(u64, Lots)>) {
        let mut fills = Vec::new();
        for maker in self.queue(taker.opposite()) {
            let crosses = limit.is_none_or(|l| if taker == Side::Buy { maker.ticks <= l } else { maker.ticks >= l });
            if lots == 0 || !crosses {
                break;
            }
            let fill = lots.min(maker.lots);
            self.reduce(maker.id, fill);
            fills.push((maker.id, fill));
            lots -= fill;
        }
        (lots, fills)
    }
}

struct Pair {
    book: Book,
    naive: Naive,
    handles: Vec<(u64, Handle)>,
    next_id: u64,
}

impl Pair {
    fn step(&mut self, random: &mut Random, spread: u64) {
        let side = random.of(Side::ALL);
        match random.below(11) {
            10 => {
                let Some((id, handle)) = self.pick(random) else { return };
                let lots = 1 + random.below(100);
                self.book.requeue(handle, lots).unwrap();
                self.naive.requeue(id, lots);
            }
            0..5 => self.place(random, side, spread),
            5 => {
                let limit = (!random.one_in(3)).then(|| 1_000_000 + random.below(spread));
                self.take(side, limit, random.below(200));
            }
            6..8 => {
                let Some((id, handle)) = self.pick(random) else { return };
                let lots = self.book.remove(handle).unwrap();
                self.naive.reduce(id, lots);
                self.handles.retain(|(i, _)| *i != id);
            }
            _ => {
                let Some((id, handle)) = self.pick(random) else { return };
                let lots = random.below(self.book.get(handle).unwrap().lots + 1);
                if lots > 0 {
                    if self.book.reduce(handle, lots).unwrap() == 0 {
                        self.handles.retain(|(i, _)| *i != id);
                    }
                    self.naive.reduce(id, lots);
                }
            }
        }
    }

    fn place(&mut self, random: &mut Random, side: Side, spread: u64) {
        let ticks = 1_000_000 + random.below(spread);
        let left = self.take(side, Some(ticks), 1 + random.below(100));
        if left > 0 {
            self.next_id += 1;
            let handle = self.book.insert(side, ticks, left, self.next_id, 7).unwrap();
            self.handles.push((self.next_id, handle));
            self.naive.orders.push(Order { id: self.next_id, side, ticks, lots: left });
            self.naive.version += 1;
        }
    }

    fn take(&mut self, side: Side, limit: Option<Ticks>, lots: Lots) -> Lots {
        let (mut left, mut fills) = (lots, Vec::new());
        while left > 0
            && let Some(maker) = self.book.best(side.opposite())
            && limit.is_none_or(|limit| Book::crosses(side, limit, maker.ticks))
        {
            let fill = left.min(maker.lots);
            left -= fill;
            assert_eq!(self.book.reduce(maker.handle, fill), Some(maker.lots - fill));
            fills.push((maker.id, fill));
        }
        assert_eq!((left, fills), self.naive.take(side, limit, lots));
        let book = &self.book;
        self.handles.retain(|(id, handle)| book.get(*handle).is_some_and(|order| order.id == *id));
        left
    }

    fn pick(&self, random: &mut Random) -> Option<(u64, Handle)> {
        let len = self.handles.len() as u64;
        (len > 0).then(|| self.handles[random.below(len) as usize])
    }

    fn compare(&self) {
        self.book.check().unwrap();
        assert_eq!(self.book.version(), self.naive.version);
        assert_eq!(self.book.len(), self.naive.orders.len());
        for side in [Side::Buy, Side::Sell] {
            let queue = self.naive.queue(side);
            let makers: Vec<Order> = self
                .book
                .makers(side)
                .map(|m| Order { id: m.id, side: m.side, ticks: m.ticks, lots: m.lots })
                .collect();
            assert_eq!(makers, queue);
            assert_eq!(self.book.best_ticks(side), queue.first().map(|o| o.ticks));
            assert_eq!(self.book.best(side).map(|m| m.id), queue.first().map(|o| o.id));
            let mut levels: Vec<(Ticks, u128)> = Vec::new();
            for order in &queue {
                match levels.last_mut() {
                    Some(level) if level.0 == order.ticks => level.1 += u128::from(order.lots),
                    _ => levels.push((order.ticks, u128::from(order.lots))),
                }
            }
            assert_eq!(self.book.levels(side).collect::<Vec<_>>(), levels);
            for (ticks, total) in levels {
                assert_eq!(self.book.level_total(side, ticks), total);
            }
            assert_eq!(self.book.level_total(side, 1), 0);
        }
    }
}

#[test]
fn the_book_agrees_with_a_naive_one() {
    for (seed, spread, steps) in [(1, 10, 4_000), (2, 60, 4_000), (3, 5_000, 6_000)] {
        let mut random = Random::new(seed);
        let mut pair = Pair { book: Book::new(), naive: Naive::default(), handles: Vec::new(), next_id: 0 };
        for step in 0..steps {
            pair.step(&mut random, spread);
            if step % 7 == 0 {
                pair.compare();
            }
        }
        pair.compare();
    }
}

#[test]
fn many_levels_in_any_order_are_kept_sorted() {
    // Rising, falling and scattered prices split chunks at the end, at the start and in the middle.
    let orders: [fn(u64) -> u64; 3] = [|n| n, |n| 20_000 - n, |n| (n * 7_919) % 20_011];
    for price in orders {
        let mut book = Book::new();
        let mut handles = Vec::new();
        for n in 0..10_000 {
            let ticks = 1 + price(n);
            handles.push(book.insert(Side::Buy, ticks, 1 + n, n, 0).unwrap());
            handles.push(book.insert(Side::Sell, 1_000_000 + ticks, 1 + n, n, 0).unwrap());
        }
        book.check().unwrap();
        let bids: Vec<Ticks> = book.levels(Side::Buy).map(|l| l.0).collect();
        assert!(bids.is_sorted_by(|a, b| a > b));
        let asks: Vec<Ticks> = book.levels(Side::Sell).map(|l| l.0).collect();
        assert!(asks.is_sorted_by(|a, b| a < b));
        let mut random = Random::new(8);
        while !handles.is_empty() {
            let at = random.below(handles.len() as u64) as usize;
            book.remove(handles.swap_remove(at)).unwrap();
            if handles.len() % 1_000 == 0 {
                book.check().unwrap();
            }
        }
        assert!(book.is_empty() && book.best(Side::Buy).is_none() && book.levels(Side::Sell).next().is_none());
    }
}

#[test]
fn a_wrong_handle_is_refused() {
    let mut book = Book::new();
    assert_eq!(book.remove(Handle::from_index(0)), None);
    let handle = book.insert(Side::Buy, 5, 10, 1, 0).unwrap();
    assert_eq!(book.insert(Side::Buy, 5, 0, 2, 0), None);
    assert_eq!(book.reduce(handle, 11), None);
    assert_eq!(book.requeue(handle, 0), None);
    assert_eq!(book.get(handle).map(|order| order.lots), Some(10));
    assert_eq!(book.remove(handle), Some(10));
    assert_eq!(book.remove(handle), None);
    assert_eq!(book.reduce(handle, 1), None);
    assert_eq!(book.requeue(handle, 1), None);
    assert_eq!(book.get(handle), None);
    assert_eq!(book.get(Handle::from_index(u32::MAX)), None);
    book.check().unwrap();
}

#[test]
fn extreme_prices_and_quantities_fit() {
    let mut book = Book::new();
    for ticks in [0, 1, u64::MAX - 1, u64::MAX] {
        for side in [Side::Buy, Side::Sell] {
            book.insert(side, ticks, u64::MAX, ticks, 0).unwrap();
            book.insert(side, ticks, u64::MAX, ticks, 0).unwrap();
            assert_eq!(book.level_total(side, ticks), 2 * u128::from(u64::MAX));
        }
    }
    book.check().unwrap();
    assert_eq!(book.best_ticks(Side::Buy), Some(u64::MAX));
    assert_eq!(book.best_ticks(Side::Sell), Some(0));
}
