//! Which price levels have changed, for who follows the books. No part of the state: a core that nobody follows keeps
//! nothing, and one that is restored is followed by nobody.

use crate::core::Core;
use crate::types::{MarketId, Price, Side};

impl Core {
    /// From now on a market's changed levels are remembered, until they are taken.
    pub fn follow_levels(&mut self, market: MarketId) {
        if let Some(market) = self.markets.get_mut(market.0 as usize) {
            market.orders.book.follow_levels();
        }
    }

    /// The levels whose shown total has changed since this was last asked; some more than once. Ask before the rules may
    /// change: they say what a step of the price is.
    pub fn take_changed_levels(&mut self, market: MarketId) -> impl Iterator<Item = (Side, Price)> {
        self.markets.get_mut(market.0 as usize).into_iter().flat_map(|market| {
            let tick = market.rules.tick_size.0;
            let changed = market.orders.book.take_changed();
            // As in `Market::price`: ticks in the book came from a price.
            changed.map(move |(side, ticks)| (side, Price(ticks.saturating_mul(tick))))
        })
    }
}
