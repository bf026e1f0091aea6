//! The invariants of open orders: those in the book, and those outside of it.

use super::{Locks, ensure};
use crate::book::{Lots, Maker};
use crate::broken::Broken;
use crate::core::Core;
use crate::market::{Market, NUMBER_MAX, TRAILING_ABOVE_MAX};
use crate::orders::{NO_EXTRA, Place, Resting};
use crate::types::{AccountId, BIPS_ONE, OrderId, OrderKind, Price, Side, TimeInForce};
use crate::waiting::{Extra, Stage, Waiting};

/// What is counted on the way through a market's orders, against its indexes.
#[derive(Default)]
struct Seen {
    with_client_id: usize,
    with_extra: usize,
    icebergs: usize,
}

/// The orders of one level so far: whoever joined later stands behind.
#[derive(Default)]
struct Level {
    ticks: u64,
    joined_at: u64,
    /// Of those that joined when they were placed.
    last_id: u64,
}

impl Core {
    pub(super) fn check_orders(&self, market: &Market, locks: &mut Locks) -> Result<(), Broken> {
        let orders = &market.orders;
        let book = &orders.book;
        book.check()?;
        if let (Some(bid), Some(ask)) = (book.best_ticks(Side::Buy), book.best_ticks(Side::Sell)) {
            ensure(bid < ask, Broken::BookCrossed)?;
        }
        let mut seen = Seen::default();
        for side in [Side::Buy, Side::Sell] {
            let mut level = Level::default();
            for maker in book.makers(side) {
                self.check_resting(market, &maker, &mut level, &mut seen)?;
                let (asset, amount) = market.lock_of(maker.side, maker.ticks, whole(market, &maker)?);
                locks.add(&self.ledger.wallets, maker.owner, asset, amount).ok_or(Broken::LocksNotOrders)?;
            }
        }
        for (at, order) in orders.waiting.iter() {
            self.check_waiting(market, at, order)?;
            seen.with_client_id = seen.with_client_id.saturating_add(usize::from(!order.client_order_id.is_empty()));
            let asset = if order.side == Side::Buy { market.quote } else { market.base };
            let added = locks.add(&self.ledger.wallets, order.owner.0, asset, order.locked);
            added.ok_or(Broken::LocksNotOrders)?;
        }
        ensure(orders.index_sizes() == (orders.len(), seen.with_client_id), Broken::OrderIndex)?;
        ensure(orders.extra_sizes() == (seen.with_extra, seen.icebergs), Broken::OrderIndex)?;
        ensure(orders.triggers.is_sound(&orders.waiting), Broken::TriggerIndex)
    }

    fn check_resting(&self, market: &Market, maker: &Maker, level: &mut Level, seen: &mut Seen) -> Result<(), Broken> {
        let orders = &market.orders;
        let resting = orders.get(maker.handle).ok_or(Broken::OrderIndex)?;
        self.check_id(market, OrderId(maker.id), Place::Book(maker.handle))?;
        let owner = AccountId(maker.owner);
        if !resting.client_order_id.is_empty() {
            let found = orders.find_client(owner, &resting.client_order_id);
            ensure(found == Some(Place::Book(maker.handle)), Broken::OrderIndex)?;
            seen.with_client_id = seen.with_client_id.saturating_add(1);
        }
        let left = whole(market, maker)?;
        let spent = resting.lots.checked_sub(left).and_then(|rest| rest.checked_sub(resting.prevented));
        let filled = spent.ok_or(Broken::OrderQuantity)?;
        // A price of at least one tick: something filled has cost something.
        ensure((filled == 0) == (resting.filled_quote.get() == 0), Broken::OrderQuantity)?;
        ensure(maker.ticks > 0 && maker.lots > 0, Broken::OrderQuantity)?;
        ensure(fits(maker.ticks, market.rules.tick_size.0), Broken::OrderQuantity)?;
        ensure(fits(resting.lots, market.rules.lot_size.0), Broken::OrderQuantity)?;
        ensure(resting.kind.works_as() != OrderKind::Market, Broken::OrderQuantity)?;
        ensure(resting.accepted_at <= resting.updated_at, Broken::TimeFell)?;
        ensure(resting.updated_at <= self.time.0, Broken::TimeFell)?;
        check_priority(maker, resting, orders.extra(maker.handle), level)?;
        if resting.extra == NO_EXTRA {
            return Ok(());
        }
        let extra = orders.extra(maker.handle).ok_or(Broken::OrderIndex)?;
        seen.with_extra = seen.with_extra.saturating_add(1);
        seen.icebergs = seen.icebergs.saturating_add(usize::from(extra.terms.iceberg_qty.0 > 0));
        self.check_extra(market, resting.kind, maker.side, resting.accepted_at, extra)?;
        ensure(extra.working_at.is_some(), Broken::TimeFell)?;
        let limit = if extra.pegged_price.0 > 0 { extra.pegged_price } else { extra.price };
        ensure(limit == market.price(maker.ticks), Broken::OrderQuantity)?;
        let most_shown = market.lots(extra.terms.iceberg_qty).ok_or(Broken::OrderQuantity)?;
        let is_iceberg = most_shown > 0 && maker.lots <= most_shown;
        ensure(is_iceberg || (most_shown == 0 && extra.hidden == 0), Broken::OrderQuantity)
    }

    fn check_id(&self, market: &Market, id: OrderId, place: Place) -> Result<(), Broken> {
        ensure(id.0 > 0 && id.0 < self.next_order, Broken::OrderIndex)?;
        ensure(market.orders.find(id) == Some(place), Broken::OrderIndex)
    }

    /// What the terms, times and prices of an order with an extra must be.
    fn check_extra(
        &self,
        market: &Market,
        kind: OrderKind,
        side: Side,
        accepted_at: u64,
        extra: &Extra,
    ) -> Result<(), Broken> {
        let terms = &extra.terms;
        let tick = market.rules.tick_size.0;
        let is_price = |price: Price| price.0 <= NUMBER_MAX && price.0.checked_rem(tick) == Some(0);
        let has_trigger = terms.stop_price.0 > 0 || terms.trailing_delta > 0;
        let most_delta = if kind.triggers_above(side) { TRAILING_ABOVE_MAX } else { BIPS_ONE };
        let is_legal = kind.is_contingent() == has_trigger
            && terms.trailing_delta <= most_delta
            && [terms.stop_price, extra.price, extra.pegged_price].into_iter().all(is_price)
            && (extra.pegged_price.0 == 0 || terms.peg.is_some())
            && terms.iceberg_qty.0 <= NUMBER_MAX
            && (extra.trailing_at.is_none() || terms.trailing_delta > 0);
        ensure(is_legal, Broken::OrderQuantity)?;
        let is_time = |time: Option<u64>| time.is_none_or(|at| at >= accepted_at && at <= self.time.0);
        ensure(is_time(extra.working_at) && is_time(extra.trailing_at), Broken::TimeFell)
    }

    fn check_waiting(&self, market: &Market, at: u32, order: &Waiting) -> Result<(), Broken> {
        let place = Place::Waiting(at);
        self.check_id(market, order.id, place)?;
        self.known_account(order.owner).map_err(|_| Broken::IdUnknown)?;
        if !order.client_order_id.is_empty() {
            let found = market.orders.find_client(order.owner, &order.client_order_id);
            ensure(found == Some(place), Broken::OrderIndex)?;
        }
        let extra = &order.extra;
        self.check_extra(market, order.kind, order.side, order.accepted_at, extra)?;
        ensure(order.accepted_at <= order.updated_at && order.updated_at <= self.time.0, Broken::TimeFell)?;
        ensure(extra.working_at.is_none() && extra.hidden == 0, Broken::OrderQuantity)?;
        ensure(extra.pegged_price.0 == 0, Broken::OrderQuantity)?;
        ensure(fits(order.lots, market.rules.lot_size.0), Broken::OrderQuantity)?;
        // One whose quantity is not known yet is judged when it is.
        let shows_lots = order.lots == 0 || market.lots(extra.terms.iceberg_qty).is_some();
        ensure(shows_lots, Broken::OrderQuantity)?;
        let works_as = order.kind.works_as();
        ensure(works_as == OrderKind::Limit || order.tif == TimeInForce::Gtc, Broken::OrderQuantity)?;
        let has_price = extra.price.0 > 0 || extra.terms.peg.is_some();
        ensure(has_price == (works_as != OrderKind::Market), Broken::OrderQuantity)?;
        let is_following = order.extreme.0 > 0;
        ensure(is_following == extra.trailing_at.is_some(), Broken::OrderQuantity)?;
        let is_legal = match order.stage {
            Stage::Waiting => order.kind.is_contingent() && is_untouched(market, order),
            Stage::Fired => order.kind.is_contingent(),
            Stage::Pending => extra.list.is_some() && !is_following,
            Stage::Working => false,
        };
        ensure(is_legal, Broken::OrderState)
    }
}

/// Whether the last trade left a waiting order as it is.
fn is_untouched(market: &Market, order: &Waiting) -> bool {
    match market.last_price {
        None => order.extreme.0 == 0,
        Some(last) => !market.orders.triggers.touches(order, last),
    }
}

/// What is left of a maker, with what it does not show.
fn whole(market: &Market, maker: &Maker) -> Result<Lots, Broken> {
    maker.lots.checked_add(market.orders.hidden(maker.handle)).ok_or(Broken::OrderQuantity)
}

fn fits(value: u64, step: u64) -> bool {
    value.checked_mul(step).is_some_and(|n| n <= NUMBER_MAX)
}

/// Who joined a level later stands behind. When an iceberg's present part joined is not known.
fn check_priority(maker: &Maker, resting: &Resting, extra: Option<&Extra>, level: &mut Level) -> Result<(), Broken> {
    if level.ticks != maker.ticks {
        *level = Level { ticks: maker.ticks, ..Level::default() };
    }
    if extra.is_some_and(|extra| extra.terms.iceberg_qty.0 > 0) {
        return Ok(());
    }
    let joined_at = extra.and_then(|extra| extra.working_at).unwrap_or(resting.accepted_at);
    ensure(level.joined_at <= joined_at, Broken::PriorityLost)?;
    level.joined_at = joined_at;
    let is_as_placed = !resting.kind.is_contingent() && extra.is_none_or(|extra| extra.list.is_none());
    if is_as_placed {
        ensure(level.last_id < maker.id, Broken::PriorityLost)?;
        level.last_id = maker.id;
    }
    Ok(())
}
