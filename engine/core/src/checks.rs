//! The checks of PlaceOrder, in the order of `spec/rules.md`. They change nothing.

use crate::book::{Book, Lots, Ticks};
use crate::command::PlaceOrder;
use crate::core::Core;
use crate::ledger::Wallet;
use crate::market::{Market, NUMBER_MAX, stp_bit};
use crate::plan::{self, Plan, Walker};
use crate::reject::RejectCode;
use crate::types::{Amount, FEE_ACCOUNT, MarketStatus, OrderKind, Qty, SelfTradePrevention, Side, TimeInForce, TimeUs};
use crate::view::Account;

/// An order that passed every check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// 0 for MARKET.
    pub(crate) ticks: Ticks,
    /// For MARKET by quote amount what the plan came to.
    pub(crate) lots: Lots,
    pub(crate) mode: SelfTradePrevention,
    /// A FOK order that would not be filled in full.
    pub(crate) is_unfilled_fok: bool,
}

impl Core {
    /// Whether an order would be accepted now; changes nothing.
    pub fn check_order(&self, order: &PlaceOrder) -> Result<(), RejectCode> {
        self.judge(order).map(|_| ())
    }

    #[inline]
    pub(crate) fn judge(&self, order: &PlaceOrder) -> Result<Ready, RejectCode> {
        let account = self.accounts.get(order.account.0 as usize).ok_or(RejectCode::AccountUnknown)?;
        let wallet = self.ledger.wallet(order.account).ok_or(RejectCode::AccountUnknown)?;
        let market = self.markets.get(order.market.0 as usize).ok_or(RejectCode::MarketUnknown)?;
        judge_state(order, account, market)?;
        judge_fields(order)?;
        let mode = order.stp.unwrap_or(market.rules.stp_default);
        if market.rules.stp_allowed & stp_bit(mode) == 0 {
            return Err(RejectCode::StpModeNotAllowed);
        }
        let walker = Walker { account: order.account, side: order.side, mode };
        match order.kind {
            OrderKind::Limit | OrderKind::LimitMaker => judge_limit(order, wallet, market, walker),
            OrderKind::Market => judge_market(order, wallet, market, walker, self.time()),
        }
    }
}

#[inline(always)]
fn judge_state(order: &PlaceOrder, account: &Account, market: &Market) -> Result<(), RejectCode> {
    if !account.can_trade || order.account == FEE_ACCOUNT {
        return Err(RejectCode::AccountMayNotTrade);
    }
    if market.status != MarketStatus::Trading {
        return Err(RejectCode::MarketClosed);
    }
    Ok(())
}

#[inline(always)]
fn judge_fields(order: &PlaceOrder) -> Result<(), RejectCode> {
    let fits = order.price.0 <= NUMBER_MAX && order.qty.0 <= NUMBER_MAX && order.quote_qty.0 <= u128::from(NUMBER_MAX);
    let is_limit = order.price.0 > 0 && order.qty.0 > 0 && order.quote_qty.0 == 0;
    let is_gtc = order.tif == TimeInForce::Gtc;
    let goes_together = match order.kind {
        OrderKind::Limit => is_limit,
        OrderKind::LimitMaker => is_limit && is_gtc,
        OrderKind::Market => order.price.0 == 0 && is_gtc && (order.qty.0 > 0) != (order.quote_qty.0 > 0),
    };
    if fits && goes_together { Ok(()) } else { Err(RejectCode::OrderFieldsInvalid) }
}

#[inline]
fn judge_limit(order: &PlaceOrder, wallet: &Wallet, market: &Market, walker: Walker) -> Result<Ready, RejectCode> {
    let rules = &market.rules;
    let is_in_bounds = order.price >= rules.price_min && (rules.price_max.0 == 0 || order.price <= rules.price_max);
    let ticks = market.ticks(order.price).filter(|_| is_in_bounds).ok_or(RejectCode::PriceFilterFailed)?;
    let lots = judge_lot_size(order.qty, market)?;
    let notional = market.quote_amount(ticks, lots);
    if rules.min_notional.is_some_and(|filter| notional < filter.min.0) {
        return Err(RejectCode::MinNotionalFailed);
    }
    if rules.notional.is_some_and(|f| notional < f.min.0 || (f.max.0 != 0 && notional > f.max.0)) {
        return Err(RejectCode::NotionalFailed);
    }
    judge_open_orders(order, wallet, market)?;
    let book = &market.orders.book;
    if order.kind == OrderKind::LimitMaker {
        let best = book.best_ticks(order.side.opposite());
        if best.is_some_and(|best| Book::crosses(order.side, ticks, best)) {
            return Err(RejectCode::WouldTake);
        }
    }
    let (asset, needed) = match order.side {
        Side::Buy => (market.quote, notional),
        Side::Sell => (market.base, u128::from(order.qty.0)),
    };
    if wallet.balance(asset).free < Amount(needed) {
        return Err(RejectCode::BalanceInsufficient);
    }
    let is_fok = order.kind == OrderKind::Limit && order.tif == TimeInForce::Fok;
    let is_unfilled_fok = is_fok && !plan::fills_in_full(market, walker, wallet.open_list(market.id), ticks, lots);
    Ok(Ready { ticks, lots, mode: walker.mode, is_unfilled_fok })
}

#[inline(always)]
fn judge_lot_size(qty: Qty, market: &Market) -> Result<Lots, RejectCode> {
    let rules = &market.rules;
    let is_in_bounds = qty >= rules.qty_min && (rules.qty_max.0 == 0 || qty <= rules.qty_max);
    market.lots(qty).filter(|_| is_in_bounds).ok_or(RejectCode::LotSizeFailed)
}

#[inline]
fn judge_open_orders(order: &PlaceOrder, wallet: &Wallet, market: &Market) -> Result<(), RejectCode> {
    let bound = market.rules.max_num_orders;
    if bound != 0 && wallet.open_count(market.id) >= bound {
        return Err(RejectCode::MaxNumOrdersReached);
    }
    let id = &order.client_order_id;
    if !id.is_empty() && market.orders.find_client(order.account, id).is_some() {
        return Err(RejectCode::ClientOrderIdInUse);
    }
    Ok(())
}

fn judge_market(
    order: &PlaceOrder,
    wallet: &Wallet,
    market: &Market,
    walker: Walker,
    now: TimeUs,
) -> Result<Ready, RejectCode> {
    let by_quantity = order.qty.0 > 0;
    let mut lots = 0;
    if by_quantity {
        lots = judge_lot_size(order.qty, market)?;
        judge_market_lot_size(order.qty, market)?;
    }
    judge_market_notional(order, market, now)?;
    judge_open_orders(order, wallet, market)?;
    let asset = if order.side == Side::Buy { market.quote } else { market.base };
    let free = wallet.balance(asset).free;
    let needed = |plan: &Plan| match order.side {
        Side::Buy => Amount(plan.cost),
        Side::Sell if by_quantity => Amount(order.qty.0.into()),
        Side::Sell => Amount(market.qty(plan.lots).0.into()),
    };
    // Who cannot pay does not make the core walk the whole book.
    let is_settled = |plan: &Plan| needed(plan) > free && (by_quantity || has_qty_min(plan, market));
    let plan = if by_quantity {
        plan::by_quantity(market, walker, lots, is_settled)
    } else {
        let amount = u64::try_from(order.quote_qty.0).map_err(|_| RejectCode::OrderFieldsInvalid)?;
        plan::by_amount(market, walker, amount, lots_at_most(market), is_settled)
    };
    judge_plan(&plan, by_quantity, market, walker.mode)?;
    if needed(&plan) > free {
        return Err(RejectCode::BalanceInsufficient);
    }
    if !by_quantity {
        lots = plan.lots.saturating_add(plan.overlap).max(1);
    }
    Ok(Ready { ticks: 0, lots, mode: walker.mode, is_unfilled_fok: false })
}

/// What a MARKET order by quote amount may take at most.
fn lots_at_most(market: &Market) -> Lots {
    let rules = &market.rules;
    let bounds = [rules.market_qty_max.0, rules.qty_max.0];
    let most = bounds.into_iter().find(|bound| *bound != 0).unwrap_or(NUMBER_MAX);
    most.checked_div(rules.lot_size.0).unwrap_or(0)
}

fn judge_plan(plan: &Plan, by_quantity: bool, market: &Market, mode: SelfTradePrevention) -> Result<(), RejectCode> {
    if plan.lots == 0 {
        let is_decremented = plan.overlap > 0;
        let is_only_own = plan.met_own && !plan.met_other && mode != SelfTradePrevention::Decrement;
        return if is_decremented || is_only_own { Ok(()) } else { Err(RejectCode::LiquidityInsufficient) };
    }
    if by_quantity || has_qty_min(plan, market) { Ok(()) } else { Err(RejectCode::LiquidityInsufficient) }
}

fn has_qty_min(plan: &Plan, market: &Market) -> bool {
    market.qty(plan.lots) >= market.rules.qty_min
}

fn judge_market_lot_size(qty: Qty, market: &Market) -> Result<(), RejectCode> {
    let rules = &market.rules;
    let is_on_step = rules.market_lot_size.0 == 0 || qty.0.checked_rem(rules.market_lot_size.0) == Some(0);
    let is_in_bounds = qty >= rules.market_qty_min && (rules.market_qty_max.0 == 0 || qty <= rules.market_qty_max);
    if is_on_step && is_in_bounds { Ok(()) } else { Err(RejectCode::MarketLotSizeFailed) }
}

/// The notional filters that apply to MARKET, by the average price or the amount itself.
fn judge_market_notional(order: &PlaceOrder, market: &Market, now: TimeUs) -> Result<(), RejectCode> {
    let min_notional = market.rules.min_notional.filter(|f| f.apply_to_market && f.min.0 != 0);
    let bounds = market
        .rules
        .notional
        .map(|f| (if f.apply_min_to_market { f.min.0 } else { 0 }, if f.apply_max_to_market { f.max.0 } else { 0 }));
    let bounds = bounds.filter(|(min, max)| *min != 0 || *max != 0);
    if min_notional.is_none() && bounds.is_none() {
        return Ok(());
    }
    let notional = if order.quote_qty.0 > 0 {
        Some(order.quote_qty.0)
    } else {
        market.average_price(now).and_then(|price| market.notional_rounded_down(price, order.qty))
    };
    if min_notional.is_some_and(|f| notional.is_none_or(|n| n < f.min.0)) {
        return Err(RejectCode::MinNotionalFailed);
    }
    if bounds.is_some_and(|(min, max)| notional.is_none_or(|n| n < min || (max != 0 && n > max))) {
        return Err(RejectCode::NotionalFailed);
    }
    Ok(())
}
