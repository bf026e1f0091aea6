//! The filters of a market, each by itself. They change nothing; `checks` says which order is judged by which of them.

use crate::book::{Lots, Ticks};
use crate::command::PlaceOrder;
use crate::ledger::{Counts, Wallet};
use crate::market::{ICEBERG_PARTS_MAX, Market};
use crate::orders::Place;
use crate::reject::RejectCode;
use crate::types::{Amount, BIPS_ONE, Price, Qty, RATE_ONE, Side, Terms};
use crate::waiting::Stage;

/// PRICE_FILTER of one price that is not 0: the price in ticks.
#[inline(always)]
pub(crate) fn price_filter(market: &Market, price: Price) -> Result<Ticks, RejectCode> {
    let rules = &market.rules;
    let is_in_bounds = price >= rules.price_min && (rules.price_max.0 == 0 || price <= rules.price_max);
    market.ticks(price).filter(|_| is_in_bounds).ok_or(RejectCode::PriceFilterFailed)
}

/// PERCENT_PRICE and PERCENT_PRICE_BY_SIDE, of prices that are not 0, by the judging price.
#[cold]
pub(crate) fn percent_price(
    market: &Market,
    side: Side,
    prices: [Price; 2],
    judging: Option<Price>,
) -> Result<(), RejectCode> {
    let (Some(filter), Some(judging)) = (market.rules.percent_price, judging) else { return Ok(()) };
    let (down, up) = match side {
        Side::Buy => (filter.bid_down, filter.bid_up),
        Side::Sell => (filter.ask_down, filter.ask_up),
    };
    // 64 bits each.
    let product = |a: u64, b: u64| u128::from(a).wrapping_mul(u128::from(b));
    let is_in_range = |price: Price| {
        let scaled = product(price.0, u64::from(RATE_ONE));
        product(judging.0, down) <= scaled && scaled <= product(judging.0, up)
    };
    if prices.into_iter().filter(|price| price.0 > 0).all(is_in_range) {
        return Ok(());
    }
    Err(if filter.by_side { RejectCode::PercentPriceBySideFailed } else { RejectCode::PercentPriceFailed })
}

/// LOT_SIZE: the quantity in lots.
#[inline(always)]
pub(crate) fn lot_size(market: &Market, qty: Qty) -> Result<Lots, RejectCode> {
    let rules = &market.rules;
    let is_in_bounds = qty >= rules.qty_min && (rules.qty_max.0 == 0 || qty <= rules.qty_max);
    market.lots(qty).filter(|_| is_in_bounds).ok_or(RejectCode::LotSizeFailed)
}

/// MARKET_LOT_SIZE.
pub(crate) fn market_lot_size(market: &Market, qty: Qty) -> Result<(), RejectCode> {
    let rules = &market.rules;
    let is_on_step = rules.market_lot_size.0 == 0 || qty.0.checked_rem(rules.market_lot_size.0) == Some(0);
    let is_in_bounds = qty >= rules.market_qty_min && (rules.market_qty_max.0 == 0 || qty <= rules.market_qty_max);
    if is_on_step && is_in_bounds { Ok(()) } else { Err(RejectCode::MarketLotSizeFailed) }
}

/// The iceberg quantity of an order that has one.
pub(crate) fn iceberg(market: &Market, qty: Qty, iceberg_qty: Qty) -> Result<(), RejectCode> {
    if iceberg_qty > qty {
        return Err(RejectCode::IcebergQtyTooLarge);
    }
    lot_size(market, iceberg_qty)?;
    let most = if market.rules.iceberg_parts == 0 { ICEBERG_PARTS_MAX } else { market.rules.iceberg_parts };
    if iceberg_qty.0 > 0 && qty.0.div_ceil(iceberg_qty.0) > u64::from(most) {
        return Err(RejectCode::IcebergPartsFailed);
    }
    Ok(())
}

/// MIN_NOTIONAL and NOTIONAL of an order that works as LIMIT or LIMIT_MAKER.
#[inline(always)]
pub(crate) fn notional_of_limit(market: &Market, notional: u128) -> Result<(), RejectCode> {
    let rules = &market.rules;
    if rules.min_notional.is_some_and(|filter| notional < filter.min.0) {
        return Err(RejectCode::MinNotionalFailed);
    }
    if rules.notional.is_some_and(|f| notional < f.min.0 || (f.max.0 != 0 && notional > f.max.0)) {
        return Err(RejectCode::NotionalFailed);
    }
    Ok(())
}

/// The notional filters that apply to MARKET; `notional` is only asked for when there are some.
#[inline]
pub(crate) fn notional_of_market(market: &Market, notional: impl Fn() -> Option<u128>) -> Result<(), RejectCode> {
    let min_notional = market.rules.min_notional.filter(|f| f.apply_to_market && f.min.0 != 0);
    let bounds = market
        .rules
        .notional
        .map(|f| (if f.apply_min_to_market { f.min.0 } else { 0 }, if f.apply_max_to_market { f.max.0 } else { 0 }));
    let bounds = bounds.filter(|(min, max)| *min != 0 || *max != 0);
    if min_notional.is_none() && bounds.is_none() {
        return Ok(());
    }
    let notional = notional();
    if min_notional.is_some_and(|f| notional.is_none_or(|n| n < f.min.0)) {
        return Err(RejectCode::MinNotionalFailed);
    }
    if bounds.is_some_and(|(min, max)| notional.is_none_or(|n| n < min || (max != 0 && n > max))) {
        return Err(RejectCode::NotionalFailed);
    }
    Ok(())
}

/// TRAILING_DELTA of a trailing order.
pub(crate) fn trailing_delta(market: &Market, order: &PlaceOrder, terms: &Terms) -> Result<(), RejectCode> {
    let Some(filter) = market.rules.trailing_delta else { return Ok(()) };
    let (min, max) = if order.kind.triggers_above(order.side) {
        (filter.above_min, filter.above_max)
    } else {
        (filter.below_min, filter.below_max)
    };
    if (min..=max).contains(&terms.trailing_delta) { Ok(()) } else { Err(RejectCode::TrailingDeltaFailed) }
}

/// Whether a trailing delta can be at all, whatever the market says.
pub(crate) const fn trailing_delta_fits(order: &PlaceOrder, terms: &Terms) -> bool {
    let most = if order.kind.triggers_above(order.side) { crate::market::TRAILING_ABOVE_MAX } else { BIPS_ONE };
    terms.trailing_delta <= most
}

/// MAX_POSITION of a BUY order. Walks the account's open orders; only markets with this filter pay for it.
#[cold]
pub(crate) fn max_position(market: &Market, wallet: &Wallet, qty: Qty) -> Result<(), RejectCode> {
    let balance = wallet.balance(market.base);
    let held = balance.free.0.saturating_add(balance.locked.0);
    let mut position = held.saturating_add(u128::from(qty.0));
    let mut next = wallet.open_list(market.id).and_then(|list| list.first());
    while let Some(place) = next {
        position = position.saturating_add(u128::from(market.qty(buys(market, place)).0));
        next = market.orders.next_of_account(place);
    }
    if position <= market.rules.max_position.0 { Ok(()) } else { Err(RejectCode::MaxPositionReached) }
}

/// What an open order may still buy. One that is being released is judged itself and does not count twice.
fn buys(market: &Market, place: Place) -> Lots {
    let orders = &market.orders;
    match place {
        Place::Book(handle) => orders
            .book
            .get(handle)
            .filter(|maker| maker.side == Side::Buy)
            .map_or(0, |maker| maker.lots.saturating_add(orders.hidden(handle))),
        Place::Waiting(at) => orders
            .waiting
            .get(at)
            .filter(|order| order.side == Side::Buy && order.stage != Stage::Working)
            .map_or(0, |order| order.lots),
    }
}

/// MAX_ASSET: the account's bounds of what one order may be about.
#[cold]
pub(crate) fn max_asset(market: &Market, wallet: &Wallet, qty: Qty, notional: Option<u128>) -> Result<(), RejectCode> {
    let passes = |limit: Amount, amount: u128| limit.0 != 0 && limit.0 < amount;
    let is_too_much = passes(wallet.limit(market.base), u128::from(qty.0))
        || notional.is_some_and(|notional| passes(wallet.limit(market.quote), notional));
    if is_too_much { Err(RejectCode::MaxAssetExceeded) } else { Ok(()) }
}

/// The most that may be open of each, and what it is called when there would be more.
pub(crate) struct CountBounds {
    pub(crate) orders: u32,
    pub(crate) algos: u32,
    pub(crate) icebergs: u32,
    pub(crate) lists: u32,
    pub(crate) codes: [RejectCode; 4],
}

/// The counts of one market, or of the whole exchange: what is open and what is to come.
pub(crate) fn counts(bounds: &CountBounds, open: Counts, more: Counts) -> Result<(), RejectCode> {
    let pairs = [
        (bounds.orders, open.orders, more.orders),
        (bounds.algos, open.algos, more.algos),
        (bounds.icebergs, open.icebergs, more.icebergs),
        (bounds.lists, open.lists, more.lists),
    ];
    for ((bound, open, more), code) in pairs.into_iter().zip(bounds.codes) {
        if bound != 0 && more > 0 && open.saturating_add(more) > bound {
            return Err(code);
        }
    }
    Ok(())
}
