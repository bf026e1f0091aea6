//! Which price levels a batch of commands touched.
//!
//! The core remembers them: no event tells where an order rested, how much of it was shown, or whose trigger ended it.

use tandem_core::Core;
use tandem_core::event::Event;
use tandem_core::types::{MarketId, Price, Side};

/// One price level of one side of one book. Ordered by market, then side, then price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Where.
    pub market: MarketId,
    /// Which side.
    pub side: Side,
    /// Which level.
    pub price: Price,
}

/// See the module.
#[derive(Default)]
pub struct Levels {
    touched: Vec<Place>,
}

impl Levels {
    /// Takes in what a command changed; `events` are its own.
    pub fn after(&mut self, core: &mut Core, events: &[Event]) {
        let mut last = None;
        for market in events.iter().filter_map(book_of) {
            if last.replace(market) != Some(market) {
                let changed = core.take_changed_levels(market);
                self.touched.extend(changed.map(|(side, price)| Place { market, side, price }));
            }
        }
    }

    /// Hands out the touched levels, each once, in order.
    pub fn take_touched(&mut self) -> Vec<Place> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        touched
    }
}

/// The market whose book an event may have changed.
fn book_of(event: &Event) -> Option<MarketId> {
    match event {
        Event::OrderAccepted(order) => Some(order.market),
        Event::Traded(trade) => Some(trade.market),
        Event::SelfTradePrevented(prevented) => Some(prevented.maker_market),
        Event::OrderClosed(closed) => Some(closed.market),
        Event::OrderReleased(released) => Some(released.market),
        Event::OrderAmended(amended) => Some(amended.market),
        _ => None,
    }
}
