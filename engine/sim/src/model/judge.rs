//! What a new order is judged by, check after check, and the walk that plans MARKET and FOK orders.

use tandem_core::command::PlaceOrder;
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AccountId, FEE_ACCOUNT, MarketId, MarketStatus, OrderKind, SelfTradePrevention, Side, TimeInForce,
};

use super::admin::NUMBER_MAX;
use super::{Market, Model, Order};
use crate::planted::Planted;

/// What matching would do to the opposite book.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// What it takes.
    qty: u64,
    /// What that costs.
    cost: i128,
    /// What DECREMENT takes off both sides (by quote amount only).
    overlap: u64,
    /// Self-trade prevention ended the walk or passed over a maker.
    is_prevented: bool,
    /// The walk ended because the amount, or the bound on the quantity, was used up.
    is_used_up: bool,
}

impl Model {
    /// The first check that fails, or the quantity that the order is accepted with.
    ///
    /// # Errors
    /// The reject.
    pub fn check_order(&self, order: &PlaceOrder) -> Result<u64, RejectCode> {
        let account = self.account(order.account)?;
        let market = self.market(order.market)?;
        if !account.can_trade || order.account == FEE_ACCOUNT {
            return Err(RejectCode::AccountMayNotTrade);
        }
        if market.status != MarketStatus::Trading && !self.bug(Planted::HaltTakesOrders) {
            return Err(RejectCode::MarketClosed);
        }
        check_fields(order)?;
        let stp = order.stp.unwrap_or(market.rules.stp_default);
        if market.rules.stp_allowed & (1 << stp as u8) == 0 {
            return Err(RejectCode::StpModeNotAllowed);
        }
        check_price(market, order)?;
        self.check_qty(market, order)?;
        self.check_notional(market, order)?;
        self.check_own_orders(market, order)?;
        if order.kind == OrderKind::LimitMaker
            && !self.bug(Planted::LimitMakerTakes)
            && self.best(order.market, order.side.opposite()).is_some_and(|best| self.crosses(order, &best))
        {
            return Err(RejectCode::WouldTake);
        }
        let (qty, plan) = match order.kind {
            OrderKind::Market => self.check_liquidity(market, order, stp)?,
            OrderKind::Limit | OrderKind::LimitMaker => (order.qty.0, Plan::default()),
        };
        self.check_balance(market, order, &plan)?;
        Ok(qty)
    }

    fn check_qty(&self, market: &Market, order: &PlaceOrder) -> Result<(), RejectCode> {
        if order.qty.0 == 0 {
            return Ok(());
        }
        let rules = &market.rules;
        let max = if self.bug(Planted::QtyMaxExclusive) { rules.qty_max.0.saturating_sub(1) } else { rules.qty_max.0 };
        if !is_within(order.qty.0, rules.qty_min.0, max, rules.lot_size.0) {
            return Err(RejectCode::LotSizeFailed);
        }
        let (min, max, step) = (rules.market_qty_min.0, rules.market_qty_max.0, rules.market_lot_size.0);
        if order.kind == OrderKind::Market && !is_within(order.qty.0, min, max, step) {
            return Err(RejectCode::MarketLotSizeFailed);
        }
        Ok(())
    }

    fn check_notional(&self, market: &Market, order: &PlaceOrder) -> Result<(), RejectCode> {
        let is_market = order.kind == OrderKind::Market;
        let worth = if is_market {
            self.worth_of_market_order(market, order)
        } else {
            Some(self.notional(market, order.price.0, order.qty.0))
        };
        if let Some(filter) = market.rules.min_notional {
            let applies = !is_market || (filter.apply_to_market && filter.min.0 > 0);
            if applies && worth.is_none_or(|worth| worth < filter.min.0 as i128) {
                return Err(RejectCode::MinNotionalFailed);
            }
        }
        if let Some(filter) = market.rules.notional {
            let min_applies = filter.min.0 > 0 && (!is_market || filter.apply_min_to_market);
            let max_applies = filter.max.0 > 0 && (!is_market || filter.apply_max_to_market);
            let is_too_small = min_applies && worth.is_none_or(|worth| worth < filter.min.0 as i128);
            let is_too_large = max_applies && worth.is_none_or(|worth| worth > filter.max.0 as i128);
            if is_too_small || is_too_large {
                return Err(RejectCode::NotionalFailed);
            }
        }
        Ok(())
    }

    fn worth_of_market_order(&self, market: &Market, order: &PlaceOrder) -> Option<i128> {
        if order.quote_qty.0 > 0 {
            return Some(order.quote_qty.0 as i128);
        }
        let average = if self.bug(Planted::NotionalByLastPrice) {
            self.last_price(order.market)?
        } else {
            self.average_price(order.market)?
        };
        Some(self.notional(market, average.0, order.qty.0))
    }

    fn check_own_orders(&self, market: &Market, order: &PlaceOrder) -> Result<(), RejectCode> {
        let own = || market.orders.iter().filter(|open| open.accepted.account == order.account);
        let max = u64::from(market.rules.max_num_orders);
        let spare = u64::from(self.bug(Planted::MaxOrdersOffByOne));
        if max != 0 && own().count() as u64 + 1 > max + spare {
            return Err(RejectCode::MaxNumOrdersReached);
        }
        let id = order.client_order_id;
        let is_stale = self.bug(Planted::ClientIdNeverFree) && market.client_ids_ever.contains(&(order.account, id));
        if !id.is_empty() && (is_stale || own().any(|open| open.accepted.client_order_id == id)) {
            return Err(RejectCode::ClientOrderIdInUse);
        }
        Ok(())
    }

    /// The quantity that a MARKET order is accepted with, and its plan.
    fn check_liquidity(
        &self,
        market: &Market,
        order: &PlaceOrder,
        stp: SelfTradePrevention,
    ) -> Result<(u64, Plan), RejectCode> {
        let plan = self.plan(market, order, stp);
        let (lot, by_quote) = (market.rules.lot_size.0, order.quote_qty.0 > 0);
        if plan.qty == 0 {
            let is_prevented = plan.overlap > 0 || (plan.is_prevented && !plan.is_used_up);
            if !is_prevented {
                return Err(RejectCode::LiquidityInsufficient);
            }
            let qty = if plan.overlap > 0 { plan.overlap } else { order.qty.0.max(lot) };
            return Ok((qty, plan));
        }
        if plan.qty < lot || (by_quote && plan.qty < market.rules.qty_min.0) {
            return Err(RejectCode::LiquidityInsufficient);
        }
        let qty = if by_quote { plan.qty + plan.overlap } else { order.qty.0 };
        Ok((qty, plan))
    }

    fn check_balance(&self, market: &Market, order: &PlaceOrder, plan: &Plan) -> Result<(), RejectCode> {
        let (asset, needed) = match (order.side, order.kind) {
            (Side::Buy, OrderKind::Market) => (market.quote, plan.cost),
            (Side::Sell, OrderKind::Market) if order.quote_qty.0 > 0 => (market.base, i128::from(plan.qty)),
            _ => self.needs(order.market, order.side, order.price.0, order.qty.0),
        };
        let balance = self.balance(order.account, asset);
        let locked_counts = self.bug(Planted::SellCountsLocked) && order.side == Side::Sell;
        let available = if locked_counts { balance.free + balance.locked } else { balance.free };
        if available < needed { Err(RejectCode::BalanceInsufficient) } else { Ok(()) }
    }

    /// Open orders of one side, in the order in which they would be taken.
    pub(super) fn by_priority(&self, market: MarketId, side: Side) -> Vec<Order> {
        let mut orders: Vec<Order> = self.markets[market.0 as usize].orders.clone();
        orders.retain(|order| order.accepted.side == side);
        orders.sort_by_key(|order| self.priority(order));
        orders
    }

    /// The order of one side that would be taken first.
    pub(super) fn best(&self, market: MarketId, side: Side) -> Option<Order> {
        let orders = &self.markets[market.0 as usize].orders;
        let of_side = orders.iter().filter(|order| order.accepted.side == side);
        of_side.min_by_key(|order| self.priority(order)).copied()
    }

    /// Lower goes first: the better price, then the earlier order.
    fn priority(&self, order: &Order) -> (u64, u64) {
        let price = match order.accepted.side {
            Side::Buy => u64::MAX - order.accepted.price.0,
            Side::Sell => order.accepted.price.0,
        };
        let place = if self.bug(Planted::NewestFirst) { u64::MAX - order.place } else { order.place };
        if self.bug(Planted::StaleBest) { (place, 0) } else { (price, place) }
    }

    /// Whether an incoming order takes a maker's price.
    fn crosses(&self, order: &PlaceOrder, maker: &Order) -> bool {
        self.crosses_at(order.kind, order.side, order.price.0, maker.accepted.price.0)
    }

    pub(super) fn crosses_at(&self, kind: OrderKind, side: Side, price: u64, maker: u64) -> bool {
        if kind == OrderKind::Market {
            return true;
        }
        if self.bug(Planted::TouchDoesNotCross) && price == maker {
            return false;
        }
        match side {
            Side::Buy => price >= maker,
            Side::Sell => price <= maker,
        }
    }

    /// The walk of a MARKET order.
    fn plan(&self, market: &Market, order: &PlaceOrder, stp: SelfTradePrevention) -> Plan {
        if order.quote_qty.0 > 0 {
            self.plan_by_quote(market, order, stp)
        } else {
            self.plan_by_qty(market, order, stp)
        }
    }

    fn plan_by_qty(&self, market: &Market, order: &PlaceOrder, stp: SelfTradePrevention) -> Plan {
        let mut plan = Plan::default();
        let mut left = order.qty.0;
        for maker in self.by_priority(order.market, order.side.opposite()) {
            if left == 0 {
                break;
            }
            let overlap = left.min(maker.left);
            if !is_prevented(order.account, stp, &maker) {
                plan.qty += overlap;
                plan.cost += self.notional(market, maker.accepted.price.0, overlap);
                left -= overlap;
                continue;
            }
            plan.is_prevented = true;
            match stp {
                SelfTradePrevention::ExpireTaker | SelfTradePrevention::ExpireBoth => break,
                SelfTradePrevention::Decrement => left -= overlap,
                SelfTradePrevention::ExpireMaker | SelfTradePrevention::None => {}
            }
        }
        plan
    }

    /// By quote amount, at the rate of whole lots, up to the bound on the quantity rounded down to whole lots.
    fn plan_by_quote(&self, market: &Market, order: &PlaceOrder, stp: SelfTradePrevention) -> Plan {
        let mut plan = Plan::default();
        let mut rest = order.quote_qty.0 as i128;
        let lot = market.rules.lot_size.0;
        let cap = self.cap(market);
        let most = NUMBER_MAX - NUMBER_MAX % lot;
        for maker in self.by_priority(order.market, order.side.opposite()) {
            let room = most - plan.qty - plan.overlap;
            if plan.qty == cap || room == 0 {
                break;
            }
            let price = maker.accepted.price.0;
            let extra = i128::from(self.bug(Planted::QuoteRoundsUp));
            let lots = rest / self.notional(market, price, lot) + extra;
            let affordable = (lots * i128::from(lot)).min(i128::from(maker.left.min(room))) as u64;
            if !is_prevented(order.account, stp, &maker) {
                let taken = affordable.min(cap - plan.qty);
                let cost = self.notional(market, price, taken);
                plan.qty += taken;
                plan.cost += cost;
                rest -= cost;
                if taken < maker.left {
                    plan.is_used_up = true;
                    break;
                }
                continue;
            }
            match stp {
                SelfTradePrevention::ExpireTaker | SelfTradePrevention::ExpireBoth => {
                    plan.is_prevented = true;
                    break;
                }
                SelfTradePrevention::Decrement => {
                    plan.overlap += affordable;
                    rest -= self.notional(market, price, affordable);
                    if affordable < maker.left {
                        plan.is_used_up = true;
                        break;
                    }
                }
                SelfTradePrevention::ExpireMaker | SelfTradePrevention::None => plan.is_prevented = true,
            }
        }
        plan
    }

    fn cap(&self, market: &Market) -> u64 {
        let rules = &market.rules;
        let cap = if rules.market_qty_max.0 != 0 { rules.market_qty_max.0 } else { rules.qty_max.0 };
        if cap == 0 || self.bug(Planted::QuoteCapIgnored) { u64::MAX } else { cap - cap % rules.lot_size.0 }
    }

    /// Whether a FOK order would fill in full.
    pub(super) fn can_fill(&self, order: &PlaceOrder, stp: SelfTradePrevention) -> bool {
        let mut left = order.qty.0;
        let mut level = None;
        for maker in self.by_priority(order.market, order.side.opposite()) {
            let is_next_level = level.is_some_and(|level| level != maker.accepted.price);
            level = Some(maker.accepted.price);
            if left == 0 || !self.crosses(order, &maker) || (is_next_level && self.bug(Planted::FokLooksAtOneLevel)) {
                break;
            }
            if is_prevented(order.account, stp, &maker) {
                let passes_over = stp == SelfTradePrevention::ExpireMaker || self.bug(Planted::FokPassesOverOwn);
                let counts = stp == SelfTradePrevention::Decrement && self.bug(Planted::FokCountsDecrement);
                match (passes_over, counts) {
                    (true, _) => continue,
                    (false, true) => {}
                    (false, false) => break,
                }
            }
            left -= left.min(maker.left);
        }
        left == 0
    }
}

/// Whether a match with this maker would be within one account, and the mode minds.
fn is_prevented(account: AccountId, stp: SelfTradePrevention, maker: &Order) -> bool {
    stp != SelfTradePrevention::None && maker.accepted.account == account
}

fn check_fields(order: &PlaceOrder) -> Result<(), RejectCode> {
    let (price, qty, quote_qty) = (order.price.0, order.qty.0, order.quote_qty.0);
    let go_together = match order.kind {
        OrderKind::Limit => price > 0 && qty > 0 && quote_qty == 0,
        OrderKind::LimitMaker => price > 0 && qty > 0 && quote_qty == 0 && order.tif == TimeInForce::Gtc,
        OrderKind::Market => price == 0 && order.tif == TimeInForce::Gtc && ((qty > 0) != (quote_qty > 0)),
    };
    let fit = price <= NUMBER_MAX && qty <= NUMBER_MAX && quote_qty <= u128::from(NUMBER_MAX);
    if go_together && fit { Ok(()) } else { Err(RejectCode::OrderFieldsInvalid) }
}

fn check_price(market: &Market, order: &PlaceOrder) -> Result<(), RejectCode> {
    let rules = &market.rules;
    let is_priced = order.kind != OrderKind::Market;
    if is_priced && !is_within(order.price.0, rules.price_min.0, rules.price_max.0, rules.tick_size.0) {
        return Err(RejectCode::PriceFilterFailed);
    }
    Ok(())
}

/// Bounds and step, each off when 0.
const fn is_within(value: u64, min: u64, max: u64, step: u64) -> bool {
    value >= min && (max == 0 || value <= max) && (step == 0 || value.is_multiple_of(step))
}
