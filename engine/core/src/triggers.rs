//! Which waiting orders of a market a trade fires, and which trailing ones it moves.
//!
//! A market knows the widest range of prices that touches nothing, so that most trades cost two compares. A trade outside
//! costs a search for what it hits.

use std::collections::BTreeMap;

use crate::broken::Broken;
use crate::event::Event;
use crate::floor::Floor;
use crate::followers::{Followers, fires, is_further};
use crate::lists::Release;
use crate::slab::Slab;
use crate::types::{Price, Side};
use crate::waiting::{Stage, Waiting};

/// An index over the waiting orders: what it knows follows from them, and from the trades since they follow.
#[derive(Clone, Debug)]
pub(crate) struct Triggers {
    /// Fire, or begin to follow, at or above their price: price and order id, each with its place.
    above: BTreeMap<(Price, u64), u32>,
    /// The same at or below.
    below: BTreeMap<(Price, u64), u32>,
    /// Trailing orders that follow the price up: SELL.
    rises: Followers,
    /// And down: BUY.
    falls: Followers,
    /// Trailing orders that begin to follow with the market's first trade.
    unstarted: BTreeMap<u64, u32>,
    /// Of the next order that begins to follow.
    next_number: u64,
    /// Prices above this and below `high` touch nothing.
    low: Price,
    high: Price,
}

impl Default for Triggers {
    fn default() -> Self {
        let (above, below, unstarted) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (rises, falls) = (Followers::new(Side::Sell), Followers::new(Side::Buy));
        Self { above, below, rises, falls, unstarted, next_number: 1, low: Price(0), high: Price(u64::MAX) }
    }
}

/// How a following order is found among the others.
const fn key(order: &Waiting) -> (u32, u64) {
    (order.extra.terms.trailing_delta, order.id.0)
}

impl Triggers {
    /// Whether a trade at this price touches no waiting order.
    #[inline(always)]
    pub(crate) fn passes(&self, price: Price) -> bool {
        price > self.low && price < self.high
    }

    const fn followers(&self, side: Side) -> &Followers {
        match side {
            Side::Buy => &self.falls,
            Side::Sell => &self.rises,
        }
    }

    const fn followers_mut(&mut self, side: Side) -> &mut Followers {
        match side {
            Side::Buy => &mut self.falls,
            Side::Sell => &mut self.rises,
        }
    }

    /// The number of an order that begins to follow.
    pub(crate) const fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        number
    }

    /// The best price since an order follows, until it fired; 0: it does not follow.
    pub(crate) fn extreme(&self, order: &Waiting) -> Price {
        if order.extreme.0 > 0 && order.stage == Stage::Waiting {
            return self.followers(order.side).extreme(order.number);
        }
        order.extreme
    }

    /// Whether a trade at this price fires an order, or moves what it follows.
    pub(crate) fn touches(&self, order: &Waiting, price: Price) -> bool {
        let (side, terms) = (order.side, &order.extra.terms);
        if order.extreme.0 > 0 {
            let extreme = self.extreme(order);
            return is_further(side, extreme, price) || fires(side, extreme, terms.trailing_delta, price);
        }
        if order.triggers_above() {
            price >= terms.stop_price
        } else {
            terms.stop_price.0 == 0 || price <= terms.stop_price
        }
    }

    /// Takes up an order, if it waits for a price. One that follows begins to.
    pub(crate) fn insert(&mut self, at: u32, order: &Waiting) {
        if order.stage != Stage::Waiting {
            return;
        }
        let (id, stop_price) = (order.id.0, order.extra.terms.stop_price);
        if order.extreme.0 > 0 {
            self.followers_mut(order.side).begin(order.number, order.extreme, key(order), at);
        } else if stop_price.0 == 0 {
            self.unstarted.insert(id, at);
        } else if order.triggers_above() {
            self.above.insert((stop_price, id), at);
        } else {
            self.below.insert((stop_price, id), at);
        }
        self.set_range();
    }

    /// Drops an order as it was when it was taken up.
    pub(crate) fn remove(&mut self, order: &Waiting) {
        if order.stage != Stage::Waiting {
            return;
        }
        let (id, stop_price) = (order.id.0, order.extra.terms.stop_price);
        if order.extreme.0 > 0 {
            self.followers_mut(order.side).remove(order.number, key(order));
        } else if stop_price.0 == 0 {
            self.unstarted.remove(&id);
        } else if order.triggers_above() {
            self.above.remove(&(stop_price, id));
        } else {
            self.below.remove(&(stop_price, id));
        }
        self.set_range();
    }

    /// Whether it knows exactly the orders that wait for a price, and its range leaves none of them out.
    pub(crate) fn is_sound(&self, waiting: &Slab<Waiting>) -> bool {
        let mut count = 0_usize;
        for (at, order) in waiting.iter().filter(|(_, order)| order.stage == Stage::Waiting) {
            let (id, stop_price) = (order.id.0, order.extra.terms.stop_price);
            let found = if order.extreme.0 > 0 {
                self.followers(order.side).place(order.number, key(order))
            } else if stop_price.0 == 0 {
                self.unstarted.get(&id).copied()
            } else if order.triggers_above() {
                self.above.get(&(stop_price, id)).copied()
            } else {
                self.below.get(&(stop_price, id)).copied()
            };
            if found != Some(at) {
                return false;
            }
            count = count.saturating_add(1);
        }
        let known = [self.above.len(), self.below.len(), self.rises.len(), self.falls.len(), self.unstarted.len()];
        known.into_iter().fold(0_usize, usize::saturating_add) == count
            && (self.low, self.high) == self.range()
            && self.rises.is_sound()
            && self.falls.is_sound()
    }

    fn range(&self) -> (Price, Price) {
        let above = self.above.first_key_value().map_or(Price(u64::MAX), |((price, _), _)| *price);
        let below = self.below.last_key_value().map_or(Price(0), |((price, _), _)| *price);
        let (rises, falls) = (self.rises.range(), self.falls.range());
        let low = if self.unstarted.is_empty() { below.max(rises.0).max(falls.0) } else { Price(u64::MAX) };
        (low, above.min(rises.1).min(falls.1))
    }

    fn set_range(&mut self) {
        (self.low, self.high) = self.range();
    }

    /// The orders that fire, or begin to follow, by a trade at this price, in order of order id, with their places.
    fn hits(&self, price: Price) -> Vec<(u64, u32)> {
        let mut hits: Vec<(u64, u32)> = self.unstarted.iter().map(|(id, at)| (*id, *at)).collect();
        hits.extend(self.above.range(..=(price, u64::MAX)).map(|((_, id), at)| (*id, *at)));
        hits.extend(self.below.range((price, 0)..).map(|((_, id), at)| (*id, *at)));
        self.rises.add_fired(price, &mut hits);
        self.falls.add_fired(price, &mut hits);
        hits.sort_unstable();
        hits
    }

    /// Orders that follow go on from a price that is further.
    fn go_on(&mut self, price: Price) {
        self.rises.go_on(price);
        self.falls.go_on(price);
        self.set_range();
    }
}

impl Floor<'_> {
    /// What a trade at this price means for the waiting orders of the market.
    #[cold]
    pub(crate) fn fire(&mut self, price: Price) -> Result<(), Broken> {
        let hits = self.market.orders.triggers.hits(price);
        // Who fires by a price is not passed by it.
        self.market.orders.triggers.go_on(price);
        for (_, at) in hits {
            let order = self.market.orders.waiting.get(at).ok_or(Broken::TriggerIndex)?;
            if order.extreme.0 == 0 && order.extra.terms.trailing_delta > 0 {
                self.start_following(at, price)?;
            } else {
                self.queue_fired(at)?;
            }
        }
        Ok(())
    }

    fn queue_fired(&mut self, at: u32) -> Result<(), Broken> {
        let orders = &mut self.market.orders;
        let order = orders.waiting.get(at).ok_or(Broken::TriggerIndex)?;
        let (id, owner, extreme) = (order.id, order.owner, orders.triggers.extreme(order));
        self.lists.releases.push_back(Release::Order(self.market.id, id));
        let list = self.ledger.wallet_mut(owner)?.open_entry(self.market.id)?;
        let fired = orders.change_waiting(at, list, |order| (order.stage, order.extreme) = (Stage::Fired, extreme));
        fired.ok_or(Broken::TriggerIndex)
    }

    /// A trailing order follows the price from now on.
    pub(crate) fn start_following(&mut self, at: u32, extreme: Price) -> Result<(), Broken> {
        let order = self.market.orders.waiting.get(at).ok_or(Broken::TriggerIndex)?;
        let (order_id, account) = (order.id, order.owner);
        let (list, now) = (self.ledger.wallet_mut(account)?.open_entry(self.market.id)?, self.time.0);
        let number = self.market.orders.triggers.take_number();
        let started = self.market.orders.change_waiting(at, list, |order| {
            (order.extreme, order.number) = (extreme, number);
            order.extra.trailing_at = Some(now);
            order.updated_at = now;
        });
        started.ok_or(Broken::TriggerIndex)?;
        self.events.push(Event::TrailingStarted { order_id, account, market: self.market.id });
        Ok(())
    }
}
