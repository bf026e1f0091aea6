//! Locks: what each open order holds of its owner's funds, said once from the rules and once kept in the ledger.

use std::collections::BTreeMap;

use tandem_core::types::{AccountId, AssetId, MarketId, OrderId, OrderState, Side};

use super::{Model, Order};
use crate::planted::Planted;

impl Model {
    /// What an order that does not work yet has to be covered by, for this quantity.
    pub(super) fn need(&self, market: MarketId, side: Side, need_price: u64, qty: u64) -> (AssetId, i128) {
        let record = &self.markets[market.0 as usize];
        let one = 10_i128.pow(u32::from(self.assets[record.base.0 as usize].decimals));
        match side {
            Side::Buy => (record.quote, (i128::from(need_price) * i128::from(qty) + one - 1) / one),
            Side::Sell => (record.base, i128::from(qty)),
        }
    }

    /// The price of a need: of the order, of its trigger, or the last one; none: there is no need to be said.
    pub(super) fn need_price(&self, market: MarketId, price: u64, stop_price: u64) -> Option<u64> {
        match (price, stop_price) {
            (0, 0) => self.last_price(market).map(|last| last.0),
            (0, stop_price) => Some(stop_price),
            (price, _) => Some(price),
        }
    }

    /// What an open order needs by itself.
    fn own_need(&self, order: &Order) -> (AssetId, i128) {
        let accepted = &order.accepted;
        let pays_itself = order.list.and_then(|id| self.lists.get(&id)).is_some_and(|list| list.kind.pays_pending());
        match order.state {
            OrderState::Working => self.needs(accepted.market, accepted.side, order.limit(), order.left),
            OrderState::Pending if pays_itself => (self.needs(accepted.market, accepted.side, 0, 0).0, 0),
            OrderState::Waiting | OrderState::Pending => {
                let stop = order.terms.stop_price.0;
                let price = match self.need_price(accepted.market, accepted.price.0, stop) {
                    Some(price) if self.bug(Planted::NeedFollowsLastPrice) => price,
                    _ => order.need_price,
                };
                self.need(accepted.market, accepted.side, price, order.left)
            }
        }
    }

    /// What an open order locks: its need; of the first of a pair, what is above the second's.
    pub(super) fn lock_of(&self, order: &Order) -> (AssetId, i128) {
        let (asset, need) = self.own_need(order);
        let partner = self.partner(order).and_then(|id| self.open(order.accepted.market, id));
        match partner {
            Some(second) if second.id() > order.id() && !self.bug(Planted::PairLocksBoth) => {
                (asset, (need - self.own_need(second).1).max(0))
            }
            _ => (asset, need),
        }
    }

    /// The other order of its pair, open or not.
    pub(super) fn partner(&self, order: &Order) -> Option<OrderId> {
        let list = order.list.and_then(|id| self.lists.get(&id))?;
        let pair = if list.kind.has_pair() { &list.orders[list.orders.len() - 2..] } else { &[] };
        pair.contains(&order.id()).then(|| pair.iter().copied().find(|id| *id != order.id())).flatten()
    }

    pub(super) fn move_to_locked(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        let balance = self.balance_mut(account, asset);
        balance.free -= amount;
        balance.locked += amount;
    }

    /// Sets what the ledger holds for an open order to what it needs now.
    pub(super) fn relock(&mut self, market: MarketId, order_id: OrderId) {
        let Some(order) = self.open(market, order_id) else { return };
        let (account, before) = (order.accepted.account, order.locked);
        let (asset, now) = self.lock_of(order);
        self.move_to_locked(account, asset, now - before);
        self.open_mut(market, order_id).into_iter().for_each(|order| order.locked = now);
    }

    /// Takes an open order out of the market and gives its lock back.
    pub(super) fn remove(&mut self, market: MarketId, order_id: OrderId) -> Option<Order> {
        let book = self.market_mut(market);
        let index = book.orders.iter().position(|order| order.id() == order_id)?;
        let order = book.orders.remove(index);
        book.version += u64::from(order.is_working());
        let asset = self.needs(market, order.accepted.side, 0, 0).0;
        self.move_to_locked(order.accepted.account, asset, -order.locked);
        Some(Order { locked: 0, ..order })
    }

    /// A planted bug takes the lock of an order that is gone once more.
    pub(super) fn lock_again_if(&mut self, bug: Planted, order: &Order, qty: u64) {
        if self.bug(bug) {
            let (asset, amount) = self.needs(order.accepted.market, order.accepted.side, order.limit(), qty);
            self.move_to_locked(order.accepted.account, asset, amount);
        }
    }

    /// Locks: each account has locked exactly what its open orders and the proceeds of its lists need.
    pub fn check_locks(&self) -> Result<(), String> {
        let mut needed: BTreeMap<(AccountId, AssetId), i128> = BTreeMap::new();
        for order in self.markets.iter().flat_map(|market| &market.orders) {
            let (asset, amount) = self.lock_of(order);
            *needed.entry((order.accepted.account, asset)).or_default() += amount;
        }
        for list in self.lists.values() {
            let base = self.markets[list.market.0 as usize].base;
            *needed.entry((list.account, base)).or_default() += list.proceeds;
        }
        for (key, balance) in &self.balances {
            let needed = needed.get(key).copied().unwrap_or_default();
            if balance.free < 0 || balance.locked != needed {
                return Err(format!("{key:?} has {balance:?} where open orders need {needed}"));
            }
        }
        Ok(())
    }
}
