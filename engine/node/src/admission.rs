//! What still gets into the log when the disk is full: cancels of orders that are open, each order once.
//!
//! The space that is kept back is for what makes the books smaller. Anybody may send a cancel, so one that cancels
//! nothing, or what is being cancelled already, is refused like an order.

use std::collections::HashSet;

use tandem_core::codec;
use tandem_core::command::Command;
use tandem_core::types::{AccountId, MarketId, OrderId};
use tandem_core::{Core, OpenOrder};

use crate::levels::find;
use crate::log::Entries;

/// Remembers what is being cancelled, since the core that is asked may not have applied it yet.
#[derive(Debug, Default)]
pub struct Admission {
    orders: HashSet<OrderId>,
    /// All orders of an account in a market.
    lists: HashSet<(AccountId, MarketId)>,
}

impl Admission {
    /// Those entries that get in, and the numbers of the others.
    pub fn admit(&mut self, core: &Core, entries: &Entries) -> (Entries, Vec<u64>) {
        let (mut admitted, mut others) = (Entries::default(), Vec::new());
        for (entry, payload) in entries.iter() {
            // Asked first, since it costs nothing.
            let is_admitted = entry.is_cancel
                && codec::decode(payload).is_ok_and(|(_, command)| self.takes_off_orders(core, &command));
            if is_admitted {
                admitted.push(entry.number, true, payload);
            } else {
                others.push(entry.number);
            }
        }
        (admitted, others)
    }

    fn takes_off_orders(&mut self, core: &Core, command: &Command) -> bool {
        match command {
            Command::CancelOrder(cancel) => {
                let is_meant = |order: &OpenOrder| {
                    let is_named = cancel.client_order_id.is_empty() || cancel.client_order_id == order.client_order_id;
                    order.account == cancel.account && is_named
                };
                !self.lists.contains(&(cancel.account, cancel.market))
                    && find(core, cancel).filter(is_meant).is_some_and(|order| self.orders.insert(order.order_id))
            }
            Command::CancelAll { account, market } => {
                let is_new = |order: OpenOrder| !self.orders.contains(&order.order_id);
                core.open_orders_of(*account, *market).any(is_new) && self.lists.insert((*account, *market))
            }
            _ => false,
        }
    }

    /// Forgets everything: there is room again, or what was admitted found none.
    pub fn clear(&mut self) {
        self.orders.clear();
        self.lists.clear();
    }
}
