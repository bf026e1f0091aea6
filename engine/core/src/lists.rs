//! Order lists: orders that depend on each other.

use std::collections::{BTreeMap, VecDeque};

use crate::types::{AccountId, ClientOrderId, ListId, ListKind, MarketId, OrderId};

/// An open list. Its orders' ids follow each other, from `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderList {
    pub(crate) id: ListId,
    pub(crate) account: AccountId,
    pub(crate) market: MarketId,
    pub(crate) kind: ListKind,
    pub(crate) client_list_id: ClientOrderId,
    pub(crate) first: OrderId,
    /// Bit `1 << n` is set while the order `first + n` is open.
    pub(crate) open: u8,
    /// Locked base asset that the working order of `Opo` and `Opoco` bought.
    pub(crate) proceeds: u128,
    pub(crate) accepted_at: u64,
}

/// Something that goes on with the next free release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// An order whose trigger fired.
    Order(MarketId, OrderId),
    /// A list whose working order was filled.
    List(ListId),
}

/// All open lists of the exchange, and what is to be released.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    pub(crate) next: u64,
    pub(crate) by_id: BTreeMap<ListId, OrderList>,
    pub(crate) by_client: BTreeMap<(AccountId, ClientOrderId), ListId>,
    /// Oldest first. May hold entries that are not open any more, but not at its front between two commands.
    pub(crate) releases: VecDeque<Release>,
}

impl OrderList {
    /// How many orders it was made of.
    pub(crate) const fn len(&self) -> u8 {
        match self.kind {
            ListKind::Oco | ListKind::Oto | ListKind::Opo => 2,
            ListKind::Otoco | ListKind::Opoco => 3,
        }
    }

    /// Its orders, whether open or not.
    pub(crate) fn orders(&self) -> impl Iterator<Item = OrderId> {
        let first = self.first.0;
        (0..u64::from(self.len())).map(move |n| OrderId(first.saturating_add(n)))
    }

    /// The bit of an order in `open`; 0: it is not one of them.
    pub(crate) fn bit(&self, order: OrderId) -> u8 {
        let place = order.0.checked_sub(self.first.0).and_then(|place| u32::try_from(place).ok());
        place.filter(|place| *place < u32::from(self.len())).and_then(|place| 1_u8.checked_shl(place)).unwrap_or(0)
    }

    /// Its open orders, in order of order id.
    pub(crate) fn open_orders(self) -> impl Iterator<Item = OrderId> {
        (0..u64::from(self.len()))
            .map(move |n| OrderId(self.first.0.saturating_add(n)))
            .filter(move |order| self.open & self.bit(*order) != 0)
    }

    /// The working order that the others wait for, if this kind has one.
    pub(crate) fn working(&self) -> Option<OrderId> {
        self.kind.has_working().then_some(self.first)
    }

    /// The other leg of a pair.
    pub(crate) fn other_leg(&self, order: OrderId) -> Option<OrderId> {
        if !self.kind.has_pair() || self.working() == Some(order) || self.bit(order) == 0 {
            return None;
        }
        let first_leg = if self.kind.has_working() { self.first.0.checked_add(1)? } else { self.first.0 };
        let second_leg = first_leg.checked_add(1)?;
        Some(OrderId(if order.0 == first_leg { second_leg } else { first_leg }))
    }
}

impl Lists {
    /// `None`: it is there already.
    pub(crate) fn insert(&mut self, list: OrderList) -> Option<()> {
        if !list.client_list_id.is_empty() {
            let before = self.by_client.insert((list.account, list.client_list_id), list.id);
            before.is_none().then_some(())?;
        }
        self.by_id.insert(list.id, list).is_none().then_some(())
    }

    pub(crate) fn get(&self, id: ListId) -> Option<&OrderList> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: ListId) -> Option<&mut OrderList> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn find_client(&self, account: AccountId, id: &ClientOrderId) -> Option<ListId> {
        self.by_client.get(&(account, *id)).copied()
    }

    pub(crate) fn remove(&mut self, id: ListId) -> Option<OrderList> {
        let list = self.by_id.remove(&id)?;
        if !list.client_list_id.is_empty() {
            self.by_client.remove(&(list.account, list.client_list_id))?;
        }
        Some(list)
    }
}
