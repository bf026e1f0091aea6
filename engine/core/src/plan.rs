//! What an order would take, found by walking the book without changing it.

use crate::book::{Book, Lots, Ticks};
use crate::market::{Market, NUMBER_MAX};
use crate::types::{AccountId, SelfTradePrevention, Side};

/// Whose order walks, and how it treats that account's own makers.
#[derive(Clone, Copy)]
pub(crate) struct Walker {
    pub(crate) account: AccountId,
    pub(crate) side: Side,
    pub(crate) mode: SelfTradePrevention,
}

impl Walker {
    #[inline(always)]
    const fn is_own(&self, owner: u32) -> bool {
        owner == self.account.0 && !matches!(self.mode, SelfTradePrevention::None)
    }
}

/// The outcome of a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What would be taken.
    pub(crate) lots: Lots,
    /// Price times quantity of that.
    pub(crate) cost: u128,
    /// What DECREMENT would take off.
    pub(crate) overlap: Lots,
    /// An own maker stood in the way.
    pub(crate) met_own: bool,
    /// A maker that could be taken from was reached.
    pub(crate) met_other: bool,
}

impl Plan {
    fn take(&mut self, lots: Lots, cost: u128) {
        // Bounded by what was wanted, or by what the amount pays for.
        self.lots = self.lots.saturating_add(lots);
        // A sum that saturates is far beyond what anybody can have.
        self.cost = self.cost.saturating_add(cost);
    }
}

/// A MARKET order by quantity. The walk ends early when `is_settled` says that the rest no longer matters.
pub(crate) fn by_quantity(market: &Market, walker: Walker, wanted: Lots, is_settled: impl Fn(&Plan) -> bool) -> Plan {
    let mut plan = Plan::default();
    let mut left = wanted;
    for maker in market.orders.book.makers(walker.side.opposite()) {
        let lots = left.min(maker.lots);
        if lots == 0 {
            break;
        }
        if walker.is_own(maker.owner) {
            plan.met_own = true;
            match walker.mode {
                SelfTradePrevention::ExpireMaker => continue,
                SelfTradePrevention::Decrement => plan.overlap = plan.overlap.saturating_add(lots),
                _ => break,
            }
        } else {
            plan.met_other = true;
            plan.take(lots, market.quote_amount(maker.ticks, lots));
            if is_settled(&plan) {
                break;
            }
        }
        left = left.saturating_sub(lots);
    }
    plan
}

/// A MARKET order by quote amount, of at most `most` lots. `is_settled` as above.
pub(crate) fn by_amount(
    market: &Market,
    walker: Walker,
    amount: u64,
    most: Lots,
    is_settled: impl Fn(&Plan) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let mut rest = amount;
    // OrderAccepted.qty is quantity plus overlap and has to fit.
    let bound = NUMBER_MAX.checked_div(market.rules.lot_size.0).unwrap_or(0);
    for maker in market.orders.book.makers(walker.side.opposite()) {
        let room = most.saturating_sub(plan.lots);
        if room == 0 {
            break;
        }
        let room_in_all = bound.saturating_sub(plan.lots).saturating_sub(plan.overlap);
        let affordable = market.affordable(rest, maker.ticks).min(maker.lots).min(room_in_all);
        let is_own = walker.is_own(maker.owner);
        let lots = if is_own { affordable } else { affordable.min(room) };
        if is_own {
            plan.met_own = true;
            match walker.mode {
                SelfTradePrevention::ExpireMaker => continue,
                SelfTradePrevention::Decrement => plan.overlap = plan.overlap.saturating_add(lots),
                _ => break,
            }
        }
        let cost = market.quote_amount(maker.ticks, lots);
        if !is_own {
            plan.met_other = true;
            plan.take(lots, cost);
            if lots > 0 && is_settled(&plan) {
                break;
            }
        }
        // What is affordable costs no more than the rest.
        rest = rest.saturating_sub(u64::try_from(cost).unwrap_or(rest));
        if lots < maker.lots {
            break;
        }
    }
    plan
}

/// Whether a FOK order would be filled in full at once.
pub(crate) fn fills_in_full(book: &Book, walker: Walker, limit: Ticks, wanted: Lots) -> bool {
    let mut left = wanted;
    for maker in book.makers(walker.side.opposite()) {
        if !Book::crosses(walker.side, limit, maker.ticks) {
            return false;
        }
        if walker.is_own(maker.owner) {
            match walker.mode {
                SelfTradePrevention::ExpireMaker => continue,
                _ => return false,
            }
        }
        left = left.saturating_sub(maker.lots);
        if left == 0 {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Plan, Walker, by_amount, by_quantity};
    use crate::market::Market;
    use crate::types::{AccountId, AssetId, Fees, MarketId, MarketRules, Price, Qty, SelfTradePrevention as Stp, Side};

    /// 100 makers of one lot each, one at each tick from 1 on; an own one is first.
    fn market() -> Market {
        let off = (Price(0), Qty(0));
        let rules = MarketRules {
            tick_size: Price(1),
            price_min: off.0,
            price_max: off.0,
            lot_size: Qty(1),
            qty_min: off.1,
            qty_max: off.1,
            market_lot_size: off.1,
            market_qty_min: off.1,
            market_qty_max: off.1,
            min_notional: None,
            notional: None,
            avg_price_mins: 5,
            max_num_orders: 0,
            fees: Fees::default(),
            stp_default: Stp::ExpireMaker,
            stp_allowed: 31,
        };
        let mut market = Market::new(MarketId(0), "AB".to_owned(), AssetId(0), AssetId(1), 1, rules).unwrap();
        for ticks in 1..=100 {
            let owner = if ticks == 1 { 1 } else { 2 };
            market.orders.book.insert(Side::Sell, ticks, 1, ticks, owner).unwrap();
        }
        market
    }

    #[test]
    fn a_walk_ends_at_the_maker_that_settles_it() {
        let market = market();
        let walker = Walker { account: AccountId(1), side: Side::Buy, mode: Stp::ExpireMaker };
        let costs_more_than_8 = |plan: &Plan| plan.cost > 8;
        let settled = Plan { lots: 3, cost: 2 + 3 + 4, overlap: 0, met_own: true, met_other: true };
        assert_eq!(by_quantity(&market, walker, 50, costs_more_than_8), settled);
        assert_eq!(by_amount(&market, walker, 1_000, 50, costs_more_than_8), settled);
        assert_eq!(by_quantity(&market, walker, 2, costs_more_than_8).lots, 2);
        assert_eq!(by_quantity(&market, walker, 50, |_| false).lots, 50);
    }
}
