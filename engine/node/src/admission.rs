//! What still gets into the log when the disk is full: cancels of orders that are open, each order once, and what carries
//! on with orders that have fired.
//!
//! The space that is kept back is for what makes the books smaller. Anybody may send a cancel, so one that cancels
//! nothing, or what is being cancelled already, is refused like an order.

use std::collections::HashSet;

use tandem_core::codec;
use tandem_core::command::{CancelList, CancelOrder, Command};
use tandem_core::types::{AccountId, CancelRestriction, ListId, MarketId, OrderId};
use tandem_core::{Core, OpenOrder, OpenOrderList};

use crate::log::Entries;

/// Remembers what is being cancelled, since the core that is asked may not have applied it yet.
#[derive(Debug, Default)]
pub struct Admission {
    orders: HashSet<OrderId>,
    lists: HashSet<ListId>,
    /// All orders of an account in a market.
    all: HashSet<(AccountId, MarketId)>,
}

impl Admission {
    /// Those entries that get in, and the numbers of the others.
    pub fn admit(&mut self, core: &Core, entries: &Entries) -> (Entries, Vec<u64>) {
        let (mut admitted, mut others) = (Entries::default(), Vec::new());
        for (entry, payload) in entries.iter() {
            // Asked first, since it costs nothing.
            let is_admitted =
                entry.has_reserve && codec::decode(payload).is_ok_and(|(_, command)| self.may_use(core, &command));
            if is_admitted {
                admitted.push(entry.number, true, payload);
            } else {
                others.push(entry.number);
            }
        }
        (admitted, others)
    }

    fn may_use(&mut self, core: &Core, command: &Command) -> bool {
        match command {
            Command::CancelOrder(cancel) => {
                !self.all.contains(&(cancel.account, cancel.market))
                    && find(core, cancel).is_some_and(|order| self.orders.insert(order.accepted.order_id))
            }
            Command::CancelList(cancel) => {
                !self.all.contains(&(cancel.account, cancel.market))
                    && find_list(core, cancel).is_some_and(|list| self.lists.insert(list.list))
            }
            Command::CancelAll { account, market, .. } => {
                let is_new = |order: OpenOrder| !self.orders.contains(&order.accepted.order_id);
                core.open_orders_of(*account, *market).any(is_new) && self.all.insert((*account, *market))
            }
            // There are never more of them than fired orders.
            Command::RunReleases => core.releases() > 0,
            _ => false,
        }
    }

    /// Forgets everything: there is room again, or what was admitted found none.
    pub fn clear(&mut self) {
        self.orders.clear();
        self.lists.clear();
        self.all.clear();
    }
}

/// The open order that a cancel would end.
fn find(core: &Core, cancel: &CancelOrder) -> Option<OpenOrder> {
    let named = match cancel.order_id {
        Some(order) => core.open_order(cancel.market, order),
        None => core.open_order_by_client_id(cancel.account, cancel.market, &cancel.client_order_id),
    };
    let is_named = |order: &OpenOrder| {
        cancel.client_order_id.is_empty() || cancel.client_order_id == order.accepted.client_order_id
    };
    let is_in_state = |order: &OpenOrder| match cancel.restriction {
        None => true,
        Some(CancelRestriction::OnlyNew) => order.filled.0 == 0,
        Some(CancelRestriction::OnlyPartiallyFilled) => order.filled.0 > 0,
    };
    named.filter(|order| order.accepted.account == cancel.account && is_named(order) && is_in_state(order))
}

/// The open list that a cancel would end.
fn find_list(core: &Core, cancel: &CancelList) -> Option<OpenOrderList> {
    let named = match cancel.list_id {
        Some(list) => core.open_list(list),
        None => core.open_list_by_client_id(cancel.account, &cancel.client_list_id),
    };
    let is_named =
        |list: &OpenOrderList| cancel.client_list_id.is_empty() || cancel.client_list_id == list.client_list_id;
    named.filter(|list| list.account == cancel.account && list.market == cancel.market && is_named(list))
}
