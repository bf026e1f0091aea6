//! Which waiting orders of a market a trade fires, and which trailing ones it moves.
//!
//! A market remembers the widest range of prices that touches nothing, so that most trades cost two compares. A trade
//! outside costs a search for what it hits; and a walk over all following orders, but only where it sets a new extreme
//! or fires one of them.

use std::collections::BTreeMap;

use crate::broken::Broken;
use crate::event::Event;
use crate::floor::Floor;
use crate::lists::Release;
use crate::market::NUMBER_MAX;
use crate::slab::Slab;
use crate::types::{BIPS_ONE, Price};
use crate::waiting::{Stage, Waiting};

/// An index over the waiting orders: what it knows follows from them.
#[derive(Clone, Debug)]
pub(crate) struct Triggers {
    /// Fire, or begin to follow, at or above their price: price and order id, each with its place.
    above: BTreeMap<(Price, u64), u32>,
    /// The same at or below.
    below: BTreeMap<(Price, u64), u32>,
    /// Trailing orders that follow the price, by order id.
    following: BTreeMap<u64, u32>,
    /// Trailing orders that begin to follow with the market's first trade.
    unstarted: BTreeMap<u64, u32>,
    /// Prices above this and below `high` touch nothing.
    low: Price,
    high: Price,
    /// The part of `low` and `high` that following orders need.
    follow_low: Price,
    follow_high: Price,
}

impl Default for Triggers {
    fn default() -> Self {
        let (low, high) = (Price(0), Price(u64::MAX));
        let (above, below) = (BTreeMap::new(), BTreeMap::new());
        let (following, unstarted) = (BTreeMap::new(), BTreeMap::new());
        Self { above, below, following, unstarted, low, high, follow_low: low, follow_high: high }
    }
}

/// What a following order does at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    /// The price is the new extreme.
    Follow,
    Fire,
}

/// The price at which a following order fires: the highest that does for SELL, the lowest that does for BUY.
fn follow_trigger(order: &Waiting) -> Price {
    let extreme = u128::from(order.extreme.0);
    let delta = order.extra.terms.trailing_delta;
    let price = if order.follows_falls() {
        extreme.wrapping_mul(u128::from(BIPS_ONE.saturating_add(delta))).div_ceil(u128::from(BIPS_ONE))
    } else {
        const ONE: u128 = BIPS_ONE as u128;
        extreme.wrapping_mul(u128::from(BIPS_ONE.saturating_sub(delta))) / ONE
    };
    Price(u64::try_from(price).unwrap_or(u64::MAX))
}

fn step(order: &Waiting, price: Price) -> Step {
    let trigger = follow_trigger(order);
    let (is_further, fires) = if order.follows_falls() {
        (price < order.extreme, price >= trigger)
    } else {
        (price > order.extreme, price <= trigger)
    };
    match (is_further, fires) {
        (true, _) => Step::Follow,
        (false, true) => Step::Fire,
        (false, false) => Step::Nothing,
    }
}

/// Whether a trade at this price fires an order, or moves what it follows.
pub(crate) fn touches(order: &Waiting, price: Price) -> bool {
    let stop_price = order.extra.terms.stop_price;
    if order.extreme.0 > 0 {
        step(order, price) != Step::Nothing
    } else if order.triggers_above() {
        price >= stop_price
    } else {
        stop_price.0 == 0 || price <= stop_price
    }
}

/// The prices next to those that leave an order alone.
fn touching(order: &Waiting) -> [Price; 2] {
    let stop_price = order.extra.terms.stop_price;
    match (order.extreme.0, order.follows_falls()) {
        (0, _) if stop_price.0 == 0 => [Price(1), Price(NUMBER_MAX)],
        (0, _) => [stop_price; 2],
        (extreme, true) => [Price(extreme.saturating_sub(1)), follow_trigger(order)],
        (extreme, false) => [Price(extreme.saturating_add(1)), follow_trigger(order)],
    }
}

impl Triggers {
    /// Whether a trade at this price touches no waiting order.
    #[inline(always)]
    pub(crate) fn passes(&self, price: Price) -> bool {
        price > self.low && price < self.high
    }

    /// Takes up an order, if it waits for a price.
    pub(crate) fn insert(&mut self, at: u32, order: &Waiting) {
        if order.stage != Stage::Waiting {
            return;
        }
        let (id, stop_price) = (order.id.0, order.extra.terms.stop_price);
        if order.extreme.0 > 0 {
            self.following.insert(id, at);
            self.bound(order);
        } else if stop_price.0 == 0 {
            self.unstarted.insert(id, at);
        } else if order.triggers_above() {
            self.above.insert((stop_price, id), at);
        } else {
            self.below.insert((stop_price, id), at);
        }
        self.set_range();
    }

    /// Drops an order as it was when it was taken up. The range may stay narrower than it needs to be.
    pub(crate) fn remove(&mut self, order: &Waiting) {
        if order.stage != Stage::Waiting {
            return;
        }
        let (id, stop_price) = (order.id.0, order.extra.terms.stop_price);
        if order.extreme.0 > 0 {
            self.following.remove(&id);
            if self.following.is_empty() {
                (self.follow_low, self.follow_high) = (Price(0), Price(u64::MAX));
            }
        } else if stop_price.0 == 0 {
            self.unstarted.remove(&id);
        } else if order.triggers_above() {
            self.above.remove(&(stop_price, id));
        } else {
            self.below.remove(&(stop_price, id));
        }
        self.set_range();
    }

    /// Narrows the range of the following orders to one more.
    fn bound(&mut self, order: &Waiting) {
        let (trigger, extreme) = (follow_trigger(order), order.extreme);
        let (low, high) = if order.follows_falls() {
            (Price(extreme.0.saturating_sub(1)), trigger)
        } else {
            (trigger, Price(extreme.0.saturating_add(1)))
        };
        self.follow_low = self.follow_low.max(low);
        self.follow_high = self.follow_high.min(high);
    }

    /// Whether it knows exactly the orders that wait for a price, and its range leaves none of them out.
    pub(crate) fn is_sound(&self, waiting: &Slab<Waiting>) -> bool {
        let mut count = 0_usize;
        for (at, order) in waiting.iter().filter(|(_, order)| order.stage == Stage::Waiting) {
            let (id, stop_price) = (order.id.0, order.extra.terms.stop_price);
            let found = if order.extreme.0 > 0 {
                self.following.get(&id)
            } else if stop_price.0 == 0 {
                self.unstarted.get(&id)
            } else if order.triggers_above() {
                self.above.get(&(stop_price, id))
            } else {
                self.below.get(&(stop_price, id))
            };
            // Every price that touches it is outside the range: below it, at its edges and above.
            let is_seen = touching(order).into_iter().all(|price| !self.passes(price));
            if found != Some(&at) || !is_seen {
                return false;
            }
            count = count.saturating_add(1);
        }
        let known = [self.above.len(), self.below.len(), self.following.len(), self.unstarted.len()];
        known.into_iter().fold(0_usize, usize::saturating_add) == count
    }

    fn set_range(&mut self) {
        let above = self.above.first_key_value().map_or(Price(u64::MAX), |((price, _), _)| *price);
        let below = self.below.last_key_value().map_or(Price(0), |((price, _), _)| *price);
        self.low = if self.unstarted.is_empty() { self.follow_low.max(below) } else { Price(u64::MAX) };
        self.high = self.follow_high.min(above);
    }
}

impl Triggers {
    /// The orders that a trade at this price may touch, in order of order id, with their places.
    fn hits(&self, price: Price) -> Vec<(u64, u32)> {
        let mut hits: Vec<(u64, u32)> = self.unstarted.iter().map(|(id, at)| (*id, *at)).collect();
        hits.extend(self.above.range(..=(price, u64::MAX)).map(|((_, id), at)| (*id, *at)));
        hits.extend(self.below.range((price, 0)..).map(|((_, id), at)| (*id, *at)));
        if price <= self.follow_low || price >= self.follow_high {
            hits.extend(self.following.iter().map(|(id, at)| (*id, *at)));
        }
        hits.sort_unstable();
        hits
    }

    /// Finds the range of the following orders anew.
    fn rebind(&mut self, waiting: &Slab<Waiting>) {
        (self.follow_low, self.follow_high) = (Price(0), Price(u64::MAX));
        let following = std::mem::take(&mut self.following);
        for order in following.values().filter_map(|at| waiting.get(*at)) {
            self.bound(order);
        }
        self.following = following;
        self.set_range();
    }
}

impl Floor<'_> {
    /// What a trade at this price means for the waiting orders of the market.
    #[cold]
    pub(crate) fn fire(&mut self, price: Price) -> Result<(), Broken> {
        for (_, at) in self.market.orders.triggers.hits(price) {
            let order = *self.market.orders.waiting.get(at).ok_or(Broken::TriggerIndex)?;
            let is_trailing = order.extra.terms.trailing_delta > 0;
            match step(&order, price) {
                _ if order.extreme.0 == 0 && is_trailing => self.start_following(at, price)?,
                Step::Follow if order.extreme.0 > 0 => {
                    let order = self.market.orders.waiting.get_mut(at).ok_or(Broken::TriggerIndex)?;
                    order.extreme = price;
                }
                Step::Nothing if order.extreme.0 > 0 => {}
                _ => self.queue_fired(at)?,
            }
        }
        let orders = &mut self.market.orders;
        orders.triggers.rebind(&orders.waiting);
        Ok(())
    }

    fn queue_fired(&mut self, at: u32) -> Result<(), Broken> {
        let order = self.market.orders.waiting.get(at).ok_or(Broken::TriggerIndex)?;
        let (id, owner) = (order.id, order.owner);
        self.lists.releases.push_back(Release::Order(self.market.id, id));
        let list = self.ledger.wallet_mut(owner)?.open_entry(self.market.id)?;
        let fired = self.market.orders.change_waiting(at, list, |order| order.stage = Stage::Fired);
        fired.ok_or(Broken::TriggerIndex)
    }

    /// A trailing order follows the price from now on.
    pub(crate) fn start_following(&mut self, at: u32, extreme: Price) -> Result<(), Broken> {
        let order = self.market.orders.waiting.get(at).ok_or(Broken::TriggerIndex)?;
        let (order_id, account) = (order.id, order.owner);
        let (list, now) = (self.ledger.wallet_mut(account)?.open_entry(self.market.id)?, self.time.0);
        let started = self.market.orders.change_waiting(at, list, |order| {
            order.extreme = extreme;
            order.extra.trailing_at = Some(now);
            order.updated_at = now;
        });
        started.ok_or(Broken::TriggerIndex)?;
        self.events.push(Event::TrailingStarted { order_id, account, market: self.market.id });
        Ok(())
    }
}
