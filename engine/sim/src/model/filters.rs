//! The filters of a market: checks 9 to 16.

use tandem_core::command::PlaceOrder;
use tandem_core::reject::RejectCode;
use tandem_core::types::{MarketId, MarketRules, OrderKind, Qty, Side};

use super::Model;
use super::judge::terms;
use crate::planted::Planted;

impl Model {
    pub(super) fn check_filters(&self, order: &PlaceOrder, pegged: u64, is_unsized: bool) -> Result<(), RejectCode> {
        let rules = &self.market(order.market)?.rules;
        let terms = terms(order);
        for price in [order.price.0, terms.stop_price.0, pegged] {
            if price > 0 && !is_within(price, rules.price_min.0, rules.price_max.0, rules.tick_size.0) {
                return Err(RejectCode::PriceFilterFailed);
            }
        }
        self.check_percent_price(order, pegged)?;
        let p = limit_known(order.price.0, pegged, terms.peg.is_some(), terms.stop_price.0);
        let worth = self.worth(order, p);
        if !is_unsized {
            self.check_qty(order)?;
            self.check_notional(order.market, order.kind.works_as(), worth)?;
        }
        self.check_trailing(rules, order)?;
        if !is_unsized {
            self.check_position(order)?;
            self.check_asset_limits(order, worth)?;
        }
        Ok(())
    }

    fn check_percent_price(&self, order: &PlaceOrder, pegged: u64) -> Result<(), RejectCode> {
        let filter = self.market(order.market)?.rules.percent_price;
        let judging = match self.last_price(order.market) {
            Some(last) if self.bug(Planted::PercentPriceByLast) => Some(last.0),
            _ => self.judging_price(order.market),
        };
        let (Some(filter), Some(judging)) = (filter, judging) else {
            return Ok(());
        };
        let is_swapped = self.bug(Planted::PercentSidesSwapped);
        let (down, up) = match if is_swapped { order.side.opposite() } else { order.side } {
            Side::Buy => (filter.bid_down, filter.bid_up),
            Side::Sell => (filter.ask_down, filter.ask_up),
        };
        let code = if filter.by_side { RejectCode::PercentPriceBySideFailed } else { RejectCode::PercentPriceFailed };
        let judging = u128::from(judging);
        for price in [order.price.0, pegged] {
            let scaled = u128::from(price) * 100_000_000;
            if price > 0 && (scaled < judging * u128::from(down) || scaled > judging * u128::from(up)) {
                return Err(code);
            }
        }
        Ok(())
    }

    /// LOT_SIZE, the iceberg's, and MARKET_LOT_SIZE.
    fn check_qty(&self, order: &PlaceOrder) -> Result<(), RejectCode> {
        if order.qty.0 == 0 {
            return Ok(());
        }
        let rules = &self.market(order.market)?.rules;
        self.check_lot_size(rules, order.qty)?;
        let iceberg = terms(order).iceberg_qty;
        if iceberg.0 > 0 {
            if iceberg > order.qty {
                return Err(RejectCode::IcebergQtyTooLarge);
            }
            self.check_lot_size(rules, iceberg)?;
            let parts_max = if rules.iceberg_parts == 0 { 1000 } else { u64::from(rules.iceberg_parts) };
            let parts = order.qty.0.div_ceil(iceberg.0);
            let parts = if self.bug(Planted::IcebergPartsRoundedDown) { order.qty.0 / iceberg.0 } else { parts };
            if parts > parts_max {
                return Err(RejectCode::IcebergPartsFailed);
            }
        }
        check_market_lot_size(rules, order.kind.works_as(), order.qty)
    }

    pub(super) fn check_lot_size(&self, rules: &MarketRules, qty: Qty) -> Result<(), RejectCode> {
        let max = if self.bug(Planted::QtyMaxExclusive) { rules.qty_max.0.saturating_sub(1) } else { rules.qty_max.0 };
        if is_within(qty.0, rules.qty_min.0, max, rules.lot_size.0) { Ok(()) } else { Err(RejectCode::LotSizeFailed) }
    }

    /// The notional of check 13, rounded down; none: there is no price to say it by. `p` is the price of what works
    /// as LIMIT.
    pub(super) fn worth(&self, order: &PlaceOrder, p: u64) -> Option<i128> {
        if order.quote_qty.0 > 0 {
            return Some(order.quote_qty.0 as i128);
        }
        let price = match order.kind.works_as() {
            OrderKind::Market if self.bug(Planted::NotionalByLastPrice) => self.last_price(order.market)?.0,
            OrderKind::Market => self.judging_price(order.market)?,
            _ if p == 0 => return None,
            _ => p,
        };
        Some(self.notional(&self.markets[order.market.0 as usize], price, order.qty.0))
    }

    /// MIN_NOTIONAL, then NOTIONAL. A LIMIT order without a price is not judged; a MARKET order fails.
    pub(super) fn check_notional(
        &self,
        market: MarketId,
        works_as: OrderKind,
        worth: Option<i128>,
    ) -> Result<(), RejectCode> {
        let is_market = works_as == OrderKind::Market;
        if !is_market && worth.is_none() {
            return Ok(());
        }
        let rules = &self.market(market)?.rules;
        if let Some(filter) = rules.min_notional {
            let applies = !is_market || (filter.apply_to_market && filter.min.0 > 0);
            if applies && worth.is_none_or(|worth| worth < filter.min.0 as i128) {
                return Err(RejectCode::MinNotionalFailed);
            }
        }
        if let Some(filter) = rules.notional {
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

    fn check_trailing(&self, rules: &MarketRules, order: &PlaceOrder) -> Result<(), RejectCode> {
        let delta = terms(order).trailing_delta;
        let Some(filter) = rules.trailing_delta.filter(|_| delta > 0) else {
            return Ok(());
        };
        let is_above = order.kind.triggers_above(order.side);
        let bounds = if is_above != self.bug(Planted::TrailingBoundsSwapped) {
            filter.above_min..=filter.above_max
        } else {
            filter.below_min..=filter.below_max
        };
        if bounds.contains(&delta) { Ok(()) } else { Err(RejectCode::TrailingDeltaFailed) }
    }

    /// MAX_POSITION: what the account has, and what it has asked for.
    fn check_position(&self, order: &PlaceOrder) -> Result<(), RejectCode> {
        let market = self.market(order.market)?;
        let max = market.rules.max_position.0;
        if max == 0 || order.side == Side::Sell {
            return Ok(());
        }
        let balance = self.balance(order.account, market.base);
        let buys = market.orders.iter().filter(|open| {
            let open = &open.accepted;
            open.account == order.account && open.side == Side::Buy
        });
        let wanted: i128 = buys.map(|open| i128::from(open.left)).sum();
        let wanted = if self.bug(Planted::PositionForgetsOrders) { 0 } else { wanted };
        let position = balance.free + balance.locked + wanted + i128::from(order.qty.0);
        if position <= max as i128 { Ok(()) } else { Err(RejectCode::MaxPositionReached) }
    }

    /// MAX_ASSET.
    fn check_asset_limits(&self, order: &PlaceOrder, worth: Option<i128>) -> Result<(), RejectCode> {
        let market = self.market(order.market)?;
        let limit = |asset| self.asset_limits.get(&(order.account, asset)).copied().unwrap_or(0);
        let (of_base, of_quote) = (limit(market.base), limit(market.quote));
        let is_too_much = of_base != 0 && of_base < u128::from(order.qty.0);
        let is_worth_too_much = of_quote != 0
            && !self.bug(Planted::AssetLimitOfBaseOnly)
            && worth.is_some_and(|worth| of_quote < worth as u128);
        if is_too_much || is_worth_too_much { Err(RejectCode::MaxAssetExceeded) } else { Ok(()) }
    }
}

/// The price that an order that works as LIMIT is worth something by; 0: none.
pub(super) const fn limit_known(price: u64, pegged: u64, has_peg: bool, stop_price: u64) -> u64 {
    match (pegged, price, has_peg) {
        (0, 0, true) => stop_price,
        (0, price, _) => price,
        (pegged, _, _) => pegged,
    }
}

pub(super) fn check_market_lot_size(rules: &MarketRules, works_as: OrderKind, qty: Qty) -> Result<(), RejectCode> {
    let (min, max, step) = (rules.market_qty_min.0, rules.market_qty_max.0, rules.market_lot_size.0);
    if works_as == OrderKind::Market && !is_within(qty.0, min, max, step) {
        return Err(RejectCode::MarketLotSizeFailed);
    }
    Ok(())
}

/// Bounds and step, each off when 0.
const fn is_within(value: u64, min: u64, max: u64, step: u64) -> bool {
    value >= min && (max == 0 || value <= max) && (step == 0 || value.is_multiple_of(step))
}
