//! The order book of one market: price-time priority in integer ticks and lots. Knows no money and no accounts.
//!
//! Orders live in a slab and are doubly linked per level, so a cancel by handle takes constant time. A partial fill
//! keeps an order's place. `None` from a changing call means that the caller's handle, or the book itself, is broken.

mod ladder;

use crate::broken::Broken;
use crate::types::Side;
use ladder::{Ladder, Level};

/// A price in steps of the market's tick size.
pub type Ticks = u64;
/// A quantity in steps of the market's lot size.
pub type Lots = u64;

const NONE: u32 = u32::MAX;

/// Where an order is in its book. Reused after the order is gone: keep the id beside it when that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle(u32);

impl Handle {
    /// The place as a number, for tables that run beside the book.
    #[inline(always)]
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The handle with this place.
    #[inline(always)]
    pub const fn from_index(index: u32) -> Self {
        Self(index)
    }
}

/// An order in the slab. 32 bytes: two to a cache line.
#[derive(Clone, Copy, Debug)]
struct Node {
    id: u64,
    lots: Lots,
    /// The level's place times two, plus the side; `NONE`: this slot is free.
    level: u32,
    prev: u32,
    /// In a free slot: the next free one.
    next: u32,
    owner: u32,
}

/// An order that rests in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maker {
    /// Where it is.
    pub handle: Handle,
    /// The caller's id.
    pub id: u64,
    /// The caller's number for its owner.
    pub owner: u32,
    /// Its side.
    pub side: Side,
    /// Its price.
    pub ticks: Ticks,
    /// What is left of it.
    pub lots: Lots,
}

/// The book.
#[derive(Clone, Debug)]
pub struct Book {
    bids: Ladder,
    asks: Ladder,
    nodes: Vec<Node>,
    /// First free slot of `nodes`, linked through `next`.
    free: u32,
    count: usize,
    version: u64,
    /// Levels whose total changed since they were last taken; `None`: nobody wants to know.
    changed: Option<Vec<(Side, Ticks)>>,
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

const fn side_of(level: u32) -> Side {
    if level & 1 == 0 { Side::Buy } else { Side::Sell }
}

impl Book {
    /// An empty book at version 0.
    pub const fn new() -> Self {
        Self {
            bids: Ladder::new(0),
            asks: Ladder::new(u64::MAX),
            nodes: Vec::new(),
            free: NONE,
            count: 0,
            version: 0,
            changed: None,
        }
    }

    /// Makes room for `more` orders at once.
    pub fn reserve(&mut self, more: usize) {
        self.nodes.reserve(more);
    }

    /// How often a level's total has changed.
    #[inline]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Carries on counting from a snapshot.
    pub(crate) const fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    /// From now on remembers which levels change, until they are taken.
    pub(crate) fn follow_levels(&mut self) {
        self.changed.get_or_insert_default();
    }

    /// Each level whose total changed since this was last asked; some more than once.
    pub(crate) fn take_changed(&mut self) -> impl Iterator<Item = (Side, Ticks)> {
        self.changed.iter_mut().flat_map(|changed| changed.drain(..))
    }

    /// A level's total has changed.
    #[inline(always)]
    fn changed(&mut self, side: Side, ticks: Ticks) {
        self.version = self.version.wrapping_add(1);
        if let Some(changed) = &mut self.changed {
            changed.push((side, ticks));
        }
    }

    /// Orders in the book.
    #[inline]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether no order rests.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    #[inline(always)]
    const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    #[inline(always)]
    const fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// The best price of a side.
    #[inline]
    pub fn best_ticks(&self, side: Side) -> Option<Ticks> {
        let ladder = self.ladder(side);
        ladder.best_key().map(|key| ladder.ticks(key))
    }

    /// The order that is first to be taken on a side.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Maker> {
        let ladder = self.ladder(side);
        let level = ladder.level(ladder.best())?;
        self.maker(side, ladder.ticks(level.key), level.head)
    }

    #[inline(always)]
    fn maker(&self, side: Side, ticks: Ticks, at: u32) -> Option<Maker> {
        let node = self.nodes.get(at as usize)?;
        Some(Maker { handle: Handle(at), id: node.id, owner: node.owner, side, ticks, lots: node.lots })
    }

    /// The order at a handle.
    #[inline]
    pub fn get(&self, handle: Handle) -> Option<Maker> {
        let node = self.nodes.get(handle.0 as usize)?;
        if node.level == NONE {
            return None;
        }
        let side = side_of(node.level);
        let ladder = self.ladder(side);
        let level = ladder.level(node.level >> 1)?;
        self.maker(side, ladder.ticks(level.key), handle.0)
    }

    /// Adds an order behind the others of its price. Whether it crosses is the caller's business.
    #[inline]
    pub fn insert(&mut self, side: Side, ticks: Ticks, lots: Lots, id: u64, owner: u32) -> Option<Handle> {
        if lots == 0 {
            return None;
        }
        let ladder = self.ladder_mut(side);
        let level_at = ladder.find_or_add(ladder.key(ticks))?;
        let tail = ladder.level(level_at)?.tail;
        let level = level_at << 1 | side as u32;
        let node = Node { id, lots, level, prev: tail, next: NONE, owner };
        let at = self.new_node(node)?;
        if let Some(last) = self.nodes.get_mut(tail as usize) {
            last.next = at;
        }
        let level = self.ladder_mut(side).level_mut(level_at)?;
        level.total = level.total.checked_add(u128::from(lots))?;
        level.tail = at;
        if tail == NONE {
            level.head = at;
        }
        self.count = self.count.wrapping_add(1);
        self.changed(side, ticks);
        Some(Handle(at))
    }

    #[inline]
    fn new_node(&mut self, node: Node) -> Option<u32> {
        if self.free == NONE {
            // One bit of a handle's number is the caller's.
            let at = u32::try_from(self.nodes.len()).ok().filter(|at| *at < NONE >> 1)?;
            self.nodes.push(node);
            return Some(at);
        }
        let at = self.free;
        let slot = self.nodes.get_mut(at as usize)?;
        self.free = slot.next;
        *slot = node;
        Some(at)
    }

    /// Takes `lots` off an order, which keeps its place; at 0 it leaves the book. Returns what is left of it.
    #[inline]
    pub fn reduce(&mut self, handle: Handle, lots: Lots) -> Option<Lots> {
        let node = self.nodes.get_mut(handle.0 as usize)?;
        if node.level == NONE || lots == 0 {
            return None;
        }
        let left = node.lots.checked_sub(lots)?;
        if left == 0 {
            self.remove(handle)?;
            return Some(0);
        }
        node.lots = left;
        let level_at = node.level;
        let side = side_of(level_at);
        let ladder = self.ladder_mut(side);
        let level = ladder.level_mut(level_at >> 1)?;
        level.total = level.total.checked_sub(u128::from(lots))?;
        let key = level.key;
        let ticks = ladder.ticks(key);
        self.changed(side, ticks);
        Some(left)
    }

    /// Takes an order out of the book, whatever is left of it.
    #[inline]
    pub fn remove(&mut self, handle: Handle) -> Option<Lots> {
        let free = self.free;
        let slot = self.nodes.get_mut(handle.0 as usize)?;
        let node = *slot;
        if node.level == NONE {
            return None;
        }
        slot.level = NONE;
        slot.next = free;
        self.free = handle.0;
        if let Some(prev) = self.nodes.get_mut(node.prev as usize) {
            prev.next = node.next;
        }
        if let Some(next) = self.nodes.get_mut(node.next as usize) {
            next.prev = node.prev;
        }
        let side = side_of(node.level);
        let ladder = self.ladder_mut(side);
        let level = ladder.level_mut(node.level >> 1)?;
        level.total = level.total.checked_sub(u128::from(node.lots))?;
        if node.prev == NONE {
            level.head = node.next;
        }
        if node.next == NONE {
            level.tail = node.prev;
        }
        let (key, is_gone) = (level.key, level.head == NONE);
        let ticks = ladder.ticks(key);
        if is_gone {
            ladder.remove(node.level >> 1)?;
        }
        self.count = self.count.checked_sub(1)?;
        self.changed(side, ticks);
        Some(node.lots)
    }

    /// An order whose lots are used up goes to the end of its level with `lots` new ones. One change of the level.
    pub fn requeue(&mut self, handle: Handle, lots: Lots) -> Option<()> {
        let node = *self.nodes.get(handle.0 as usize).filter(|node| node.level != NONE && lots > 0)?;
        let side = side_of(node.level);
        let ladder = self.ladder_mut(side);
        let level = ladder.level_mut(node.level >> 1)?;
        level.total = level.total.checked_sub(u128::from(node.lots))?.checked_add(u128::from(lots))?;
        let (key, tail) = (level.key, level.tail);
        if tail != handle.0 {
            level.tail = handle.0;
            if level.head == handle.0 {
                level.head = node.next;
            }
        }
        let ticks = ladder.ticks(key);
        if tail != handle.0 {
            if let Some(prev) = self.nodes.get_mut(node.prev as usize) {
                prev.next = node.next;
            }
            self.nodes.get_mut(node.next as usize)?.prev = node.prev;
            self.nodes.get_mut(tail as usize)?.next = handle.0;
            let moved = self.nodes.get_mut(handle.0 as usize)?;
            (moved.prev, moved.next) = (tail, NONE);
        }
        self.nodes.get_mut(handle.0 as usize)?.lots = lots;
        self.changed(side, ticks);
        Some(())
    }

    /// Whether a taker at `limit` reaches a maker at `ticks`.
    #[inline(always)]
    pub const fn crosses(taker: Side, limit: Ticks, ticks: Ticks) -> bool {
        match taker {
            Side::Buy => ticks <= limit,
            Side::Sell => ticks >= limit,
        }
    }

    /// Levels of a side with their totals, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (Ticks, u128)> {
        let ladder = self.ladder(side);
        ladder.iter().map(|level| (ladder.ticks(level.key), level.total))
    }

    /// A level's total, 0 when there is none.
    pub fn level_total(&self, side: Side, ticks: Ticks) -> u128 {
        let ladder = self.ladder(side);
        let level = ladder.find(ladder.key(ticks)).and_then(|at| ladder.level(at));
        level.map_or(0, |level| level.total)
    }

    /// Orders of a side in the order in which they would be taken.
    pub fn makers(&self, side: Side) -> impl Iterator<Item = Maker> {
        let ladder = self.ladder(side);
        ladder.iter().flat_map(move |level| self.queue(side, ladder.ticks(level.key), level))
    }

    /// Orders of one level in the order in which they would be taken.
    pub fn makers_at(&self, side: Side, ticks: Ticks) -> impl Iterator<Item = Maker> {
        let ladder = self.ladder(side);
        let level = ladder.find(ladder.key(ticks)).and_then(|at| ladder.level(at));
        level.into_iter().flat_map(move |level| self.queue(side, ticks, level))
    }

    fn queue(&self, side: Side, ticks: Ticks, level: &Level) -> impl Iterator<Item = Maker> {
        let mut at = level.head;
        std::iter::from_fn(move || {
            let maker = self.maker(side, ticks, at)?;
            at = self.nodes.get(at as usize)?.next;
            Some(maker)
        })
    }

    /// Walks everything: sorted levels, links both ways, totals, counts.
    pub fn check(&self) -> Result<(), Broken> {
        let mut orders = 0_usize;
        for side in [Side::Buy, Side::Sell] {
            let ladder = self.ladder(side);
            if !ladder.is_sound() {
                return Err(Broken::LevelOrder);
            }
            for level in ladder.iter() {
                orders = orders.saturating_add(self.check_level(side, level)?);
            }
        }
        if orders != self.count {
            return Err(Broken::BookLinks);
        }
        Ok(())
    }

    fn check_level(&self, side: Side, level: &Level) -> Result<usize, Broken> {
        let mut total = 0_u128;
        let mut orders = 0_usize;
        let mut prev = NONE;
        let mut at = level.head;
        while at != NONE {
            let node = self.nodes.get(at as usize).ok_or(Broken::BookLinks)?;
            let home = self.ladder(side).level(node.level >> 1).map(|l| l.key);
            let is_linked = node.prev == prev && side_of(node.level) == side && home == Some(level.key);
            if !is_linked || orders > self.count {
                return Err(Broken::BookLinks);
            }
            total = total.checked_add(u128::from(node.lots)).ok_or(Broken::LevelTotal)?;
            orders = orders.saturating_add(1);
            prev = at;
            at = node.next;
        }
        if level.tail != prev || orders == 0 {
            return Err(Broken::BookLinks);
        }
        if total != level.total {
            return Err(Broken::LevelTotal);
        }
        Ok(orders)
    }
}
