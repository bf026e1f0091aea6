//! The invariants of order lists, of what their orders lock, and of the queue of releases.

use std::collections::BTreeSet;

use super::{Locks, ensure};
use crate::broken::Broken;
use crate::core::Core;
use crate::lists::{OrderList, Release};
use crate::market::{Market, NUMBER_MAX};
use crate::orders::Place;
use crate::types::{ListId, OrderId, OrderKind, Price, Side};
use crate::waiting::{Stage, Waiting};

/// What an open order of a list is, wherever it is kept.
#[derive(Clone, Copy)]
struct Leg<'a> {
    side: Side,
    kind: OrderKind,
    lots: u64,
    is_touched: bool,
    /// `None`: it is in the book.
    outside: Option<&'a Waiting>,
    /// What it needs, apart from all others.
    need: u128,
}

impl Leg<'_> {
    fn is_pending(&self) -> bool {
        self.outside.is_some_and(|order| order.stage == Stage::Pending)
    }
}

/// What a waiting BUY or SELL needs; `None`: it does not fit.
fn need_of(market: &Market, order: &Waiting) -> Option<u128> {
    let qty = market.qty(order.lots);
    match order.side {
        Side::Sell => Some(u128::from(qty.0)),
        Side::Buy => {
            let product = u128::from(order.need_price.0).checked_mul(u128::from(qty.0))?;
            Some(product.div_ceil(u128::from(market.one)))
        }
    }
}

fn check_need_price(order: &Waiting) -> Result<(), Broken> {
    let (price, stop_price) = (order.extra.price, order.extra.terms.stop_price);
    let is_legal = match order.side {
        Side::Sell => order.need_price.0 == 0,
        Side::Buy if price.0 > 0 => order.need_price == price,
        Side::Buy if stop_price.0 > 0 => order.need_price == stop_price,
        Side::Buy => order.need_price > Price(0) && order.need_price.0 <= NUMBER_MAX,
    };
    ensure(is_legal, Broken::LocksNotOrders)
}

impl Core {
    pub(super) fn check_lists(&self, locks: &mut Locks) -> Result<(), Broken> {
        let mut with_client_id = 0_usize;
        let queued: BTreeSet<ListId> = self.lists.releases.iter().filter_map(list_of).collect();
        for (id, list) in &self.lists.by_id {
            ensure(*id == list.id && id.0 < self.lists.next, Broken::OrderList)?;
            if !list.client_list_id.is_empty() {
                with_client_id = with_client_id.saturating_add(1);
                let found = self.lists.find_client(list.account, &list.client_list_id);
                ensure(found == Some(*id), Broken::OrderList)?;
            }
            self.check_list(list, queued.contains(id))?;
            let market = self.known_market(list.market).map_err(|_| Broken::IdUnknown)?;
            let added = locks.add(&self.ledger.wallets, list.account.0, market.base, list.proceeds);
            added.ok_or(Broken::LocksNotOrders)?;
        }
        ensure(self.lists.by_client.len() == with_client_id, Broken::OrderList)?;
        for market in &self.markets {
            for (id, place) in market.orders.places() {
                self.check_membership(market, id, place)?;
            }
        }
        Ok(())
    }

    /// Orders and lists name each other, and an order outside of all lists locks what it needs.
    fn check_membership(&self, market: &Market, id: OrderId, place: Place) -> Result<(), Broken> {
        if let Some(list) = market.orders.list_of(place) {
            let list = self.lists.get(list).ok_or(Broken::OrderList)?;
            let (_, owner, _) = market.orders.names(place).ok_or(Broken::OrderIndex)?;
            let is_its = list.market == market.id && list.account == owner && list.open & list.bit(id) != 0;
            return ensure(is_its, Broken::OrderList);
        }
        let Place::Waiting(at) = place else { return Ok(()) };
        let order = market.orders.waiting.get(at).ok_or(Broken::OrderIndex)?;
        check_need_price(order)?;
        ensure(order.lots > 0 && Some(order.locked) == need_of(market, order), Broken::LocksNotOrders)
    }

    fn check_list(&self, list: &OrderList, is_queued: bool) -> Result<(), Broken> {
        let market = self.known_market(list.market).map_err(|_| Broken::IdUnknown)?;
        self.known_account(list.account).map_err(|_| Broken::IdUnknown)?;
        let known = list.orders().fold(0, |bits, order| bits | list.bit(order));
        ensure(list.open != 0 && list.open & !known == 0, Broken::OrderList)?;
        let is_fresh = list.first.0 > 0 && list.orders().all(|order| order.0 < self.next_order);
        ensure(is_fresh && list.accepted_at <= self.time.0, Broken::OrderList)?;
        let mut pending = 0_u8;
        for order in list.open_orders() {
            let leg = leg_of(market, list.id, order)?;
            check_role(list, order, &leg)?;
            if leg.is_pending() {
                pending |= list.bit(order);
            }
        }
        check_stage(list, is_queued, known, pending)?;
        ensure(list.proceeds == 0 || (pending != 0 && list.kind.pays_pending()), Broken::LocksNotOrders)?;
        self.check_list_locks(market, list)
    }

    fn check_list_locks(&self, market: &Market, list: &OrderList) -> Result<(), Broken> {
        for id in list.open_orders() {
            let leg = leg_of(market, list.id, id)?;
            let Some(order) = leg.outside else { continue };
            if leg.is_pending() && list.kind.pays_pending() {
                ensure(order.locked == 0 && order.lots == 0 && order.side == Side::Sell, Broken::LocksNotOrders)?;
                continue;
            }
            check_need_price(order)?;
            ensure(order.lots > 0, Broken::OrderQuantity)?;
            let other = list.other_leg(id).filter(|other| list.open & list.bit(*other) != 0);
            let Some(other) = other else {
                // The legs of a pair end together: alone is only who is not in one.
                ensure(list.other_leg(id).is_none() && order.locked == leg.need, Broken::LocksNotOrders)?;
                continue;
            };
            let other_leg = leg_of(market, list.id, other)?;
            check_pair(&leg, &other_leg)?;
            // The second leg locks its own, the first what it needs on top.
            let shared = if id < other { other_leg.need } else { 0 };
            ensure(order.locked == leg.need.saturating_sub(shared), Broken::LocksNotOrders)?;
        }
        Ok(())
    }

    /// Every fired order and every list whose working order is filled is in the queue, once.
    pub(super) fn check_releases(&self) -> Result<(), Broken> {
        let mut fired: BTreeSet<OrderId> = BTreeSet::new();
        let mut lists: BTreeSet<ListId> = BTreeSet::new();
        for release in self.open_releases() {
            let is_new = match release {
                Release::Order(market, order) => {
                    let market = self.known_market(market).map_err(|_| Broken::IdUnknown)?;
                    let Some(Place::Waiting(at)) = market.orders.find(order) else { return Err(Broken::OrderState) };
                    let order = market.orders.waiting.get(at).ok_or(Broken::OrderIndex)?;
                    order.stage == Stage::Fired && fired.insert(order.id)
                }
                Release::List(list) => lists.insert(list),
            };
            ensure(is_new, Broken::OrderState)?;
        }
        // What is at its front is open: an empty queue means that nothing is to be released.
        ensure(self.open_releases().next().as_ref() == self.lists.releases.front(), Broken::OrderState)?;
        let is_fired = |order: &Waiting| order.stage == Stage::Fired;
        let of_market = |market: &Market| market.orders.waiting.iter().filter(|(_, order)| is_fired(order)).count();
        let all = self.markets.iter().fold(0_usize, |sum, market| sum.saturating_add(of_market(market)));
        ensure(all == fired.len(), Broken::OrderState)
    }
}

const fn list_of(release: &Release) -> Option<ListId> {
    match release {
        Release::List(list) => Some(*list),
        Release::Order(..) => None,
    }
}

/// Pending orders are all there until their working order is filled and their list is released.
fn check_stage(list: &OrderList, is_queued: bool, known: u8, pending: u8) -> Result<(), Broken> {
    let working = list.working().map_or(0, |order| list.bit(order));
    let waits_for_working = list.open & working != 0;
    let all_but_working = known & !working;
    let is_legal = if waits_for_working || is_queued {
        working != 0 && pending == all_but_working && waits_for_working != is_queued
    } else {
        pending == 0
    };
    ensure(is_legal, Broken::OrderState)
}

fn leg_of(market: &Market, list: ListId, id: OrderId) -> Result<Leg<'_>, Broken> {
    let orders = &market.orders;
    let place = orders.find(id).ok_or(Broken::OrderList)?;
    ensure(orders.list_of(place) == Some(list), Broken::OrderList)?;
    match place {
        Place::Waiting(at) => {
            let order = orders.waiting.get(at).ok_or(Broken::OrderIndex)?;
            let need = need_of(market, order).ok_or(Broken::LocksNotOrders)?;
            let (side, kind, lots) = (order.side, order.kind, order.lots);
            Ok(Leg { side, kind, lots, is_touched: false, outside: Some(order), need })
        }
        Place::Book(handle) => {
            let maker = orders.book.get(handle).ok_or(Broken::OrderIndex)?;
            let resting = orders.get(handle).ok_or(Broken::OrderIndex)?;
            let left = maker.lots.checked_add(orders.hidden(handle)).ok_or(Broken::OrderQuantity)?;
            let (_, need) = market.lock_of(maker.side, maker.ticks, left);
            let is_touched = left != resting.lots;
            Ok(Leg { side: maker.side, kind: resting.kind, lots: left, is_touched, outside: None, need })
        }
    }
}

/// Whether an order of this kind can be at this place of its list.
fn check_role(list: &OrderList, id: OrderId, leg: &Leg<'_>) -> Result<(), Broken> {
    let is_working = list.working() == Some(id);
    let is_legal = match list.other_leg(id) {
        _ if is_working => matches!(leg.kind, OrderKind::Limit | OrderKind::LimitMaker) && leg.outside.is_none(),
        None => true,
        Some(other) if id < other => matches!(leg.kind, OrderKind::StopLoss | OrderKind::StopLossLimit),
        Some(_) => matches!(leg.kind, OrderKind::LimitMaker | OrderKind::TakeProfit | OrderKind::TakeProfitLimit),
    };
    let pays = list.kind.pays_pending();
    let is_on_its_side = !pays || (leg.side == Side::Buy) == is_working;
    ensure(is_legal && is_on_its_side, Broken::OrderList)
}

/// What two open legs of a pair have in common.
fn check_pair(one: &Leg<'_>, other: &Leg<'_>) -> Result<(), Broken> {
    let is_even = one.side == other.side && one.lots == other.lots && !one.is_touched && !other.is_touched;
    ensure(is_even && one.is_pending() == other.is_pending(), Broken::OrderList)
}
