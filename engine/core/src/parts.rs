//! The makers of a side as a taker meets them, with the parts of icebergs one after the other.

use std::collections::VecDeque;
use std::iter::Peekable;

use crate::book::{Lots, Maker, Ticks};
use crate::market::Market;
use crate::types::Side;

/// A maker whose shown part is used up and that has more.
struct Hiding {
    maker: Maker,
    hidden: Lots,
    part: Lots,
}

/// Walks one level after the other: its makers as they stand, then the next parts of those that hide something, in the
/// order in which the parts before were used up.
pub(crate) struct Parts<'a> {
    market: &'a Market,
    makers: Peekable<Box<dyn Iterator<Item = Maker> + 'a>>,
    /// Next parts at the present level.
    queue: VecDeque<Hiding>,
    ticks: Option<Ticks>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(market: &'a Market, side: Side) -> Self {
        let makers: Box<dyn Iterator<Item = Maker> + 'a> = Box::new(market.orders.book.makers(side));
        Self { market, makers: makers.peekable(), queue: VecDeque::new(), ticks: None }
    }

    /// Remembers the next part of a maker whose shown part a taker uses up.
    fn push(&mut self, maker: Maker, hidden: Lots, part: Lots) {
        if hidden > 0 && part > 0 {
            self.queue.push_back(Hiding { maker, hidden, part });
        }
    }
}

impl Iterator for Parts<'_> {
    type Item = Maker;

    fn next(&mut self) -> Option<Maker> {
        let ticks = self.ticks;
        let stands = self.makers.next_if(|maker| Some(maker.ticks) == ticks);
        if stands.is_none()
            && let Some(Hiding { mut maker, hidden, part }) = self.queue.pop_front()
        {
            maker.lots = hidden.min(part);
            self.push(maker, hidden.saturating_sub(maker.lots), part);
            return Some(maker);
        }
        let maker = stands.or_else(|| self.makers.next())?;
        self.ticks = Some(maker.ticks);
        if let Some(extra) = self.market.orders.extra(maker.handle) {
            self.push(maker, extra.hidden, self.market.part(&extra.terms));
        }
        Some(maker)
    }
}
