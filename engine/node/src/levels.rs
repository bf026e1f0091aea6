//! Which price levels a batch of commands touched.
//!
//! `OrderClosed` does not say where its order rested, so a cancel's orders are looked up before it is applied.

use tandem_core::command::{CancelOrder, Command};
use tandem_core::event::Event;
use tandem_core::types::{CloseReason, MarketId, OrderKind, Price, Qty, Side};
use tandem_core::{Core, OpenOrder};

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

/// An order that was accepted in the current command.
struct Incoming {
    place: Place,
    left: Qty,
    /// A MARKET order never rests.
    may_rest: bool,
}

/// See the module.
#[derive(Default)]
pub struct Levels {
    /// Where the orders rest that the current command may cancel.
    to_cancel: Vec<Place>,
    incoming: Option<Incoming>,
    touched: Vec<Place>,
}

impl Levels {
    /// Looks at what a command may cancel; call it before the command is applied.
    pub fn before(&mut self, core: &Core, command: &Command) {
        self.to_cancel.clear();
        let place = |order: OpenOrder| Place { market: order.market, side: order.side, price: order.price };
        match command {
            Command::CancelOrder(cancel) => self.to_cancel.extend(find(core, cancel).map(place)),
            Command::CancelAll { account, market } => {
                self.to_cancel.extend(core.open_orders_of(*account, *market).map(place));
            }
            _ => {}
        }
    }

    /// Takes in the events of the command.
    pub fn after(&mut self, events: &[Event]) {
        for event in events {
            self.note(event);
        }
        if let Some(incoming) = self.incoming.take()
            && incoming.may_rest
            && incoming.left.0 > 0
        {
            self.touched.push(incoming.place);
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::OrderAccepted(order) => {
                self.incoming = Some(Incoming {
                    place: Place { market: order.market, side: order.side, price: order.price },
                    left: order.qty,
                    may_rest: order.kind != OrderKind::Market,
                });
            }
            Event::Traded(trade) => self.meet(trade.price, trade.taker_left),
            Event::SelfTradePrevented(prevented) => self.meet(prevented.price, prevented.taker_left),
            // Every order that the command may cancel is cancelled, or none.
            Event::OrderClosed(closed) if closed.reason == CloseReason::User => {
                self.touched.append(&mut self.to_cancel);
            }
            // By prevention: the maker's level was noted with the prevention, the taker's is noted if it rests.
            Event::OrderClosed(closed) if closed.reason == CloseReason::SelfTrade => {}
            Event::OrderClosed(_) => self.incoming = None,
            _ => {}
        }
    }

    /// The incoming order met a maker at this price.
    fn meet(&mut self, price: Price, left: Qty) {
        if let Some(incoming) = &mut self.incoming {
            incoming.left = left;
            let Place { market, side, .. } = incoming.place;
            self.touched.push(Place { market, side: side.opposite(), price });
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

/// The open order that a cancel names, whoever's it is.
pub(crate) fn find(core: &Core, cancel: &CancelOrder) -> Option<OpenOrder> {
    match cancel.order_id {
        Some(order) => core.open_order(cancel.market, order),
        None => core.open_order_by_client_id(cancel.account, cancel.market, &cancel.client_order_id),
    }
}
