//! The open orders of one market: the book, those that wait outside of it, what else is known about each order, and the
//! ways to find one.

use std::collections::BTreeMap;

use crate::book::{Book, Handle, Lots};
use crate::hash::{self, spread};
use crate::index::Index;
use crate::ledger::{NO_ORDER, OpenList};
use crate::slab::Slab;
use crate::triggers::Triggers;
use crate::types::{AccountId, ClientOrderId, ListId, OrderId, OrderKind, Price, SelfTradePrevention, Side};
use crate::waiting::{Extra, Waiting};

/// The bit of a place's number that says that it is not in the book.
const OUTSIDE: u32 = 1 << 31;
/// No extra.
pub(crate) const NO_EXTRA: u32 = u32::MAX;

/// Where an open order is kept; as one number in the indexes and in its account's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Book(Handle),
    /// In the table of waiting orders.
    Waiting(u32),
}

impl Place {
    #[inline(always)]
    pub(crate) const fn index(self) -> u32 {
        match self {
            Self::Book(handle) => handle.index(),
            Self::Waiting(at) => at | OUTSIDE,
        }
    }

    #[inline(always)]
    pub(crate) const fn from_index(index: u32) -> Self {
        if index & OUTSIDE == 0 { Self::Book(Handle::from_index(index)) } else { Self::Waiting(index & !OUTSIDE) }
    }

    /// The place behind a link of an account's list.
    #[inline(always)]
    pub(crate) const fn from_link(index: u32) -> Option<Self> {
        if index == NO_ORDER { None } else { Some(Self::from_index(index)) }
    }

    #[inline(always)]
    pub(crate) const fn handle(self) -> Option<Handle> {
        match self {
            Self::Book(handle) => Some(handle),
            Self::Waiting(_) => None,
        }
    }
}

/// An amount in two words: 128 bits that need no alignment of 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wide([u64; 2]);

impl Wide {
    #[inline(always)]
    pub(crate) const fn new(value: u128) -> Self {
        Self([value as u64, (value >> 64) as u64])
    }

    #[inline(always)]
    pub(crate) fn get(self) -> u128 {
        let [low, high] = self.0;
        u128::from(low) | u128::from(high) << 64
    }
}

/// What the book does not know about an order. The fields that a fill changes come first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resting {
    /// Minor quote units.
    pub(crate) filled_quote: Wide,
    pub(crate) updated_at: u64,
    pub(crate) prevented: Lots,
    pub(crate) lots: Lots,
    pub(crate) accepted_at: u64,
    /// Place of its extra; `NO_EXTRA`: it is plain.
    pub(crate) extra: u32,
    /// Older open order of the account in this market.
    pub(crate) prev: u32,
    /// Newer open order of the account in this market.
    pub(crate) next: u32,
    pub(crate) kind: OrderKind,
    pub(crate) stp: SelfTradePrevention,
    pub(crate) client_order_id: ClientOrderId,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    pub(crate) book: Book,
    /// By the handle's place.
    resting: Vec<Resting>,
    /// Of orders in the book.
    pub(crate) extras: Slab<Extra>,
    pub(crate) waiting: Slab<Waiting>,
    pub(crate) triggers: Triggers,
    /// How many orders in the book have an iceberg quantity, by their price.
    icebergs: BTreeMap<Price, usize>,
    by_id: Index,
    by_client: Index,
    /// Of `by_client`. Clients choose its keys: whoever knows the hash can make all of theirs meet in one place.
    seed: u64,
}

/// The hash of a client order id of an account.
#[inline]
fn client_hash(seed: u64, account: u32, id: &ClientOrderId) -> u64 {
    let [a, b, c, d, e] = id.words();
    let front = hash::fold(a ^ 0x9E37_79B9_7F4A_7C15 ^ seed, b ^ 0xD1B5_4A32_D192_ED03 ^ seed.rotate_left(32));
    let middle = hash::fold(c ^ front, d ^ 0x8CB9_2BA7_2F3D_8DD7 ^ seed.rotate_left(16));
    hash::fold(e ^ middle, u64::from(account) ^ 0xAAAA_AAAA_5555_5555)
}

impl Orders {
    /// Builds the index by client order id anew. `None`: an order is not known.
    pub(crate) fn set_seed(&mut self, seed: u64) -> Option<()> {
        let mut by_client = Index::default();
        by_client.reserve(self.by_client.len())?;
        let mut add = |owner: u32, client: &ClientOrderId, place: Place| {
            if client.is_empty() { Some(()) } else { by_client.insert(client_hash(seed, owner, client), place.index()) }
        };
        for maker in [Side::Buy, Side::Sell].into_iter().flat_map(|side| self.book.makers(side)) {
            add(maker.owner, &self.get(maker.handle)?.client_order_id, Place::Book(maker.handle))?;
        }
        for (at, order) in self.waiting.iter() {
            add(order.owner.0, &order.client_order_id, Place::Waiting(at))?;
        }
        (self.by_client, self.seed) = (by_client, seed);
        Some(())
    }

    /// Makes room for `more` orders at once.
    pub(crate) fn reserve(&mut self, more: usize) -> Option<()> {
        self.book.reserve(more);
        self.resting.reserve(more);
        self.by_id.reserve(more)
    }

    /// Open orders of every state.
    pub(crate) fn len(&self) -> usize {
        self.book.len().saturating_add(self.waiting.len())
    }

    /// Whether some maker may hide a part of it.
    #[inline(always)]
    pub(crate) fn has_icebergs(&self) -> bool {
        !self.icebergs.is_empty()
    }

    /// Whether some maker at this price may hide a part of it.
    #[inline]
    pub(crate) fn has_icebergs_at(&self, price: Price) -> bool {
        self.has_icebergs() && self.icebergs.contains_key(&price)
    }

    #[inline]
    pub(crate) fn get(&self, handle: Handle) -> Option<&Resting> {
        self.resting.get(handle.index() as usize)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut Resting> {
        self.resting.get_mut(handle.index() as usize)
    }

    /// What an order in the book has beyond the plain ones.
    #[inline]
    pub(crate) fn extra(&self, handle: Handle) -> Option<&Extra> {
        self.extras.get(self.get(handle)?.extra)
    }

    /// See [`Self::extra`].
    pub(crate) fn extra_mut(&mut self, handle: Handle) -> Option<&mut Extra> {
        let at = self.get(handle)?.extra;
        self.extras.get_mut(at)
    }

    /// The same; a plain order, whose price this is, gets one.
    pub(crate) fn extra_or_plain(&mut self, handle: Handle, price: Price) -> Option<&mut Extra> {
        let order = self.resting.get_mut(handle.index() as usize)?;
        if order.extra == NO_EXTRA {
            order.extra = self.extras.insert(Extra::plain(price, order.accepted_at))?;
        }
        self.extras.get_mut(order.extra)
    }

    /// What an order in the book does not show; 0 for most.
    #[inline]
    pub(crate) fn hidden(&self, handle: Handle) -> Lots {
        if self.icebergs.is_empty() { 0 } else { self.extra(handle).map_or(0, |extra| extra.hidden) }
    }

    #[inline]
    pub(crate) fn find(&self, id: OrderId) -> Option<Place> {
        let is_it = |index| match Place::from_index(index) {
            Place::Book(handle) => self.book.get(handle).is_some_and(|order| order.id == id.0),
            Place::Waiting(at) => self.waiting.get(at).is_some_and(|order| order.id == id),
        };
        self.by_id.find(spread(id.0), is_it).map(Place::from_index)
    }

    #[inline]
    pub(crate) fn find_client(&self, account: AccountId, id: &ClientOrderId) -> Option<Place> {
        let is_it = |index| match Place::from_index(index) {
            Place::Book(handle) => {
                self.get(handle).is_some_and(|order| order.client_order_id == *id)
                    && self.book.get(handle).is_some_and(|order| order.owner == account.0)
            }
            Place::Waiting(at) => {
                self.waiting.get(at).is_some_and(|order| order.client_order_id == *id && order.owner == account)
            }
        };
        self.by_client.find(client_hash(self.seed, account.0, id), is_it).map(Place::from_index)
    }

    /// An open order's id, owner and client order id.
    pub(crate) fn names(&self, place: Place) -> Option<(OrderId, AccountId, ClientOrderId)> {
        match place {
            Place::Book(handle) => {
                let maker = self.book.get(handle)?;
                Some((OrderId(maker.id), AccountId(maker.owner), self.get(handle)?.client_order_id))
            }
            Place::Waiting(at) => self.waiting.get(at).map(|order| (order.id, order.owner, order.client_order_id)),
        }
    }

    /// Whether an open order is of this account and, where one is given, has this client order id.
    #[inline]
    pub(crate) fn is_named(&self, place: Place, account: AccountId, client: &ClientOrderId) -> bool {
        let is_it = |owner: u32, own: &ClientOrderId| owner == account.0 && (client.is_empty() || own == client);
        match place {
            Place::Book(handle) => {
                let owner = self.book.get(handle).map(|maker| maker.owner);
                owner.zip(self.get(handle)).is_some_and(|(owner, order)| is_it(owner, &order.client_order_id))
            }
            Place::Waiting(at) => {
                self.waiting.get(at).is_some_and(|order| is_it(order.owner.0, &order.client_order_id))
            }
        }
    }

    /// The list of an open order, if it is in one.
    pub(crate) fn list_of(&self, place: Place) -> Option<ListId> {
        match place {
            Place::Book(handle) => self.extra(handle)?.list,
            Place::Waiting(at) => self.waiting.get(at)?.extra.list,
        }
    }

    /// Registers an order that was just put into the book, as its owner's newest.
    #[inline]
    pub(crate) fn add(
        &mut self,
        handle: Handle,
        id: OrderId,
        owner: AccountId,
        list: &mut OpenList,
        info: Resting,
    ) -> Option<()> {
        self.add_unlisted(handle, id, owner, info)?;
        self.enlist(Place::Book(handle), list)
    }

    /// Registers an order that was just put into the book, apart from its owner's list.
    #[inline]
    pub(crate) fn add_unlisted(&mut self, handle: Handle, id: OrderId, owner: AccountId, info: Resting) -> Option<()> {
        self.set_resting(handle, info)?;
        self.add_names(Place::Book(handle), id, owner, &info.client_order_id)
    }

    #[inline]
    fn set_resting(&mut self, handle: Handle, info: Resting) -> Option<()> {
        let at = handle.index() as usize;
        // The book's slab grows by one at a time, and so does this table beside it.
        if at == self.resting.len() {
            self.resting.push(info);
        } else {
            *self.resting.get_mut(at)? = info;
        }
        if info.extra != NO_EXTRA
            && let extra = self.extras.get(info.extra)?
            && extra.terms.iceberg_qty.0 > 0
        {
            let count = self.icebergs.entry(extra.limit()).or_default();
            *count = count.checked_add(1)?;
        }
        Some(())
    }

    #[inline]
    fn add_names(&mut self, place: Place, id: OrderId, owner: AccountId, client: &ClientOrderId) -> Option<()> {
        self.by_id.insert(spread(id.0), place.index())?;
        if !client.is_empty() {
            self.by_client.insert(client_hash(self.seed, owner.0, client), place.index())?;
        }
        Some(())
    }

    #[inline]
    fn drop_names(&mut self, place: Place, id: OrderId, owner: AccountId, client: &ClientOrderId) -> Option<()> {
        self.by_id.remove(spread(id.0), place.index())?;
        if !client.is_empty() {
            self.by_client.remove(client_hash(self.seed, owner.0, client), place.index())?;
        }
        Some(())
    }

    /// Gives an open order another client order id.
    pub(crate) fn rename(&mut self, place: Place, client: ClientOrderId) -> Option<()> {
        let (_, owner, old) = self.names(place)?;
        if !old.is_empty() {
            self.by_client.remove(client_hash(self.seed, owner.0, &old), place.index())?;
        }
        if !client.is_empty() {
            self.by_client.insert(client_hash(self.seed, owner.0, &client), place.index())?;
        }
        match place {
            Place::Book(handle) => self.get_mut(handle)?.client_order_id = client,
            Place::Waiting(at) => self.waiting.get_mut(at)?.client_order_id = client,
        }
        Some(())
    }

    /// Registers an order outside the book, apart from its owner's list.
    pub(crate) fn add_waiting_unlisted(&mut self, order: Waiting) -> Option<u32> {
        let at = self.waiting.insert(order)?;
        self.add_names(Place::Waiting(at), order.id, order.owner, &order.client_order_id)?;
        self.triggers.insert(at, &order);
        Some(at)
    }

    /// Registers an order outside the book, as its owner's newest.
    pub(crate) fn add_waiting(&mut self, order: Waiting, list: &mut OpenList) -> Option<u32> {
        let at = self.add_waiting_unlisted(order)?;
        self.enlist(Place::Waiting(at), list)?;
        Some(at)
    }

    /// Forgets an order outside the book; returns it.
    pub(crate) fn forget_waiting(&mut self, at: u32, list: &mut OpenList) -> Option<Waiting> {
        let order = self.waiting.remove(at)?;
        self.triggers.remove(&order);
        self.unlink(order.prev, order.next, list)?;
        list.uncount(order.is_algo(), order.extra.terms.iceberg_qty.0 > 0)?;
        self.drop_names(Place::Waiting(at), order.id, order.owner, &order.client_order_id)?;
        Some(order)
    }

    /// Changes an order outside the book, and what the triggers and counts know of it.
    pub(crate) fn change_waiting(
        &mut self,
        at: u32,
        list: &mut OpenList,
        change: impl FnOnce(&mut Waiting),
    ) -> Option<()> {
        let order = self.waiting.get_mut(at)?;
        let before = *order;
        change(order);
        let after = *order;
        self.triggers.remove(&before);
        self.triggers.insert(at, &after);
        let others = list.algos.checked_sub(u32::from(before.is_algo()))?;
        list.algos = others.checked_add(u32::from(after.is_algo()))?;
        Some(())
    }

    /// An order that began to work rests: it leaves the table of waiting orders for a place in the book that was made
    /// for it, and keeps its place in its owner's list.
    pub(crate) fn settle_waiting(
        &mut self,
        at: u32,
        handle: Handle,
        mut info: Resting,
        list: &mut OpenList,
    ) -> Option<()> {
        let order = self.waiting.remove(at)?;
        self.triggers.remove(&order);
        if order.is_algo() {
            list.algos = list.algos.checked_sub(1)?;
        }
        self.drop_names(Place::Waiting(at), order.id, order.owner, &order.client_order_id)?;
        (info.prev, info.next) = (order.prev, order.next);
        self.add_unlisted(handle, order.id, order.owner, info)?;
        self.set_next(order.prev, handle.index(), list)?;
        self.set_prev(order.next, handle.index(), list)
    }

    fn links_mut(&mut self, place: Place) -> Option<(&mut u32, &mut u32)> {
        match place {
            Place::Book(handle) => self.get_mut(handle).map(|order| (&mut order.prev, &mut order.next)),
            Place::Waiting(at) => self.waiting.get_mut(at).map(|order| (&mut order.prev, &mut order.next)),
        }
    }

    /// Puts an order at the new end of its owner's list.
    #[inline]
    pub(crate) fn enlist(&mut self, place: Place, list: &mut OpenList) -> Option<()> {
        let (prev, next) = self.links_mut(place)?;
        (*prev, *next) = (list.tail, NO_ORDER);
        self.set_next(list.tail, place.index(), list)?;
        list.tail = place.index();
        list.count = list.count.checked_add(1)?;
        let (is_algo, is_iceberg) = self.counts_as(place)?;
        list.algos = list.algos.checked_add(u32::from(is_algo))?;
        list.icebergs = list.icebergs.checked_add(u32::from(is_iceberg))?;
        Some(())
    }

    /// Whether an order is counted as contingent, and as an iceberg.
    #[inline]
    pub(crate) fn counts_as(&self, place: Place) -> Option<(bool, bool)> {
        match place {
            Place::Book(handle) => {
                let extra = self.get(handle)?.extra;
                let is_iceberg = extra != NO_EXTRA && self.extras.get(extra)?.terms.iceberg_qty.0 > 0;
                Some((false, is_iceberg))
            }
            Place::Waiting(at) => {
                let order = self.waiting.get(at)?;
                Some((order.is_algo(), order.extra.terms.iceberg_qty.0 > 0))
            }
        }
    }

    #[inline]
    fn set_next(&mut self, link: u32, next: u32, list: &mut OpenList) -> Option<()> {
        match Place::from_link(link) {
            Some(place) => *self.links_mut(place)?.1 = next,
            None => list.head = next,
        }
        Some(())
    }

    #[inline]
    fn set_prev(&mut self, link: u32, prev: u32, list: &mut OpenList) -> Option<()> {
        match Place::from_link(link) {
            Some(place) => *self.links_mut(place)?.0 = prev,
            None => list.tail = prev,
        }
        Some(())
    }

    #[inline]
    fn unlink(&mut self, prev: u32, next: u32, list: &mut OpenList) -> Option<()> {
        self.set_next(prev, next, list)?;
        self.set_prev(next, prev, list)
    }

    /// Forgets an order that has left the book.
    #[inline]
    pub(crate) fn forget(&mut self, handle: Handle, id: OrderId, owner: AccountId, list: &mut OpenList) -> Option<()> {
        let (prev, next, extra, client) = {
            let order = self.get(handle)?;
            (order.prev, order.next, order.extra, order.client_order_id)
        };
        self.unlink(prev, next, list)?;
        let mut is_iceberg = false;
        if extra != NO_EXTRA {
            let extra = self.extras.remove(extra)?;
            is_iceberg = extra.terms.iceberg_qty.0 > 0;
            if is_iceberg {
                self.drop_iceberg(extra.limit())?;
            }
        }
        list.uncount(false, is_iceberg)?;
        self.drop_names(Place::Book(handle), id, owner, &client)
    }

    fn drop_iceberg(&mut self, price: Price) -> Option<()> {
        let count = self.icebergs.get_mut(&price)?;
        *count = count.checked_sub(1)?;
        if *count == 0 {
            self.icebergs.remove(&price);
        }
        Some(())
    }

    /// The account's next newer open order in this market.
    pub(crate) fn next_of_account(&self, place: Place) -> Option<Place> {
        let next = match place {
            Place::Book(handle) => self.get(handle)?.next,
            Place::Waiting(at) => self.waiting.get(at)?.next,
        };
        Place::from_link(next)
    }

    /// How many extras there are, and how many of them are of icebergs.
    pub(crate) fn extra_sizes(&self) -> (usize, usize) {
        (self.extras.len(), self.icebergs.values().fold(0, |sum, count| sum.saturating_add(*count)))
    }

    /// All open orders of any state, in no order that means anything.
    pub(crate) fn places(&self) -> impl Iterator<Item = (OrderId, Place)> {
        let makers = self.book.makers(Side::Buy).chain(self.book.makers(Side::Sell));
        let resting = makers.map(|maker| (OrderId(maker.id), Place::Book(maker.handle)));
        resting.chain(self.waiting.iter().map(|(at, order)| (order.id, Place::Waiting(at))))
    }

    /// Sizes of the two indexes: orders by id, orders by client order id.
    pub(crate) const fn index_sizes(&self) -> (usize, usize) {
        (self.by_id.len(), self.by_client.len())
    }
}
