//! The open orders of one market: the book, what else is known about each order, and the ways to find one.

use crate::book::{Book, Handle, Lots};
use crate::hash::{self, spread};
use crate::index::Index;
use crate::ledger::{NO_ORDER, OpenList};
use crate::types::{AccountId, ClientOrderId, OrderId, OrderKind, SelfTradePrevention, Side};

/// What the book does not know about an order. The fields that a fill changes come first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resting {
    /// Minor quote units.
    pub(crate) filled_quote: u128,
    pub(crate) updated_at: u64,
    pub(crate) prevented: Lots,
    pub(crate) lots: Lots,
    pub(crate) accepted_at: u64,
    pub(crate) strategy_id: i64,
    pub(crate) strategy_type: i32,
    /// Older open order of the account in this market.
    pub(crate) prev: u32,
    /// Newer open order of the account in this market.
    pub(crate) next: u32,
    pub(crate) kind: OrderKind,
    pub(crate) stp: SelfTradePrevention,
    pub(crate) has_strategy_id: bool,
    pub(crate) has_strategy_type: bool,
    pub(crate) client_order_id: ClientOrderId,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    pub(crate) book: Book,
    /// By the handle's place.
    resting: Vec<Resting>,
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
        for maker in [Side::Buy, Side::Sell].into_iter().flat_map(|side| self.book.makers(side)) {
            let client = &self.get(maker.handle)?.client_order_id;
            if !client.is_empty() {
                by_client.insert(client_hash(seed, maker.owner, client), maker.handle.index())?;
            }
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

    #[inline]
    pub(crate) fn get(&self, handle: Handle) -> Option<&Resting> {
        self.resting.get(handle.index() as usize)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut Resting> {
        self.resting.get_mut(handle.index() as usize)
    }

    #[inline]
    pub(crate) fn find(&self, id: OrderId) -> Option<Handle> {
        let is_it = |at| self.book.get(Handle::from_index(at)).is_some_and(|order| order.id == id.0);
        self.by_id.find(spread(id.0), is_it).map(Handle::from_index)
    }

    #[inline]
    pub(crate) fn find_client(&self, account: AccountId, id: &ClientOrderId) -> Option<Handle> {
        let is_it = |at| {
            let handle = Handle::from_index(at);
            self.get(handle).is_some_and(|order| order.client_order_id == *id)
                && self.book.get(handle).is_some_and(|order| order.owner == account.0)
        };
        self.by_client.find(client_hash(self.seed, account.0, id), is_it).map(Handle::from_index)
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
        self.enlist(handle, list)
    }

    /// Registers an order that was just put into the book, apart from its owner's list.
    #[inline]
    pub(crate) fn add_unlisted(&mut self, handle: Handle, id: OrderId, owner: AccountId, info: Resting) -> Option<()> {
        let at = handle.index() as usize;
        // The book's slab grows by one at a time, and so does this table beside it.
        if at == self.resting.len() {
            self.resting.push(info);
        } else {
            *self.resting.get_mut(at)? = info;
        }
        self.by_id.insert(spread(id.0), handle.index())?;
        let client = &info.client_order_id;
        if !client.is_empty() {
            self.by_client.insert(client_hash(self.seed, owner.0, client), handle.index())?;
        }
        Some(())
    }

    /// Puts an order at the new end of its owner's list.
    #[inline]
    pub(crate) fn enlist(&mut self, handle: Handle, list: &mut OpenList) -> Option<()> {
        let order = self.get_mut(handle)?;
        order.prev = list.tail;
        order.next = NO_ORDER;
        match self.resting.get_mut(list.tail as usize) {
            Some(last) => last.next = handle.index(),
            None => list.head = handle.index(),
        }
        list.tail = handle.index();
        list.count = list.count.checked_add(1)?;
        Some(())
    }

    /// Forgets an order that has left the book.
    #[inline]
    pub(crate) fn forget(&mut self, handle: Handle, id: OrderId, owner: AccountId, list: &mut OpenList) -> Option<()> {
        let (prev, next, client) = {
            let order = self.get(handle)?;
            (order.prev, order.next, order.client_order_id)
        };
        match self.resting.get_mut(prev as usize) {
            Some(order) => order.next = next,
            None => list.head = next,
        }
        match self.resting.get_mut(next as usize) {
            Some(order) => order.prev = prev,
            None => list.tail = prev,
        }
        list.count = list.count.checked_sub(1)?;
        self.by_id.remove(spread(id.0), handle.index())?;
        if !client.is_empty() {
            self.by_client.remove(client_hash(self.seed, owner.0, &client), handle.index())?;
        }
        Some(())
    }

    /// The account's next newer open order in this market.
    pub(crate) fn next_of_account(&self, handle: Handle) -> Option<Handle> {
        let next = self.get(handle)?.next;
        (next != NO_ORDER).then_some(Handle::from_index(next))
    }

    /// Sizes of the two indexes: orders by id, orders by client order id.
    pub(crate) const fn index_sizes(&self) -> (usize, usize) {
        (self.by_id.len(), self.by_client.len())
    }
}
