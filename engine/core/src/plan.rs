//! What an order would take, found by walking the book without changing it.

use crate::book::{Book, Lots, Ticks};
use crate::ledger::OpenList;
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

/// Whether a FOK order would be filled in full at once; `own` are the account's open orders in the market.
///
/// A level without own makers counts as a whole, so that an order that ends at once is cheap however many orders cross.
pub(crate) fn fills_in_full(
    market: &Market,
    walker: Walker,
    own: Option<&OpenList>,
    limit: Ticks,
    wanted: Lots,
) -> bool {
    let book = &market.orders.book;
    let side = walker.side.opposite();
    let own = own_levels(market, walker, own);
    let mut left = u128::from(wanted);
    for (ticks, total) in book.levels(side) {
        if !Book::crosses(walker.side, limit, ticks) {
            return false;
        }
        if own.binary_search(&ticks).is_err() {
            left = left.saturating_sub(total);
        } else {
            for maker in book.makers_at(side, ticks) {
                match walker.mode {
                    _ if !walker.is_own(maker.owner) => left = left.saturating_sub(u128::from(maker.lots)),
                    SelfTradePrevention::ExpireMaker => {}
                    _ => return left == 0,
                }
            }
        }
        if left == 0 {
            return true;
        }
    }
    false
}

/// The prices at which own makers may stand in the way, ascending.
fn own_levels(market: &Market, walker: Walker, own: Option<&OpenList>) -> Vec<Ticks> {
    let mut levels = Vec::new();
    if matches!(walker.mode, SelfTradePrevention::None) {
        return levels;
    }
    let mut next = own.and_then(OpenList::first);
    while let Some(handle) = next {
        let maker = market.orders.book.get(handle).filter(|maker| maker.side != walker.side);
        levels.extend(maker.map(|maker| maker.ticks));
        next = market.orders.next_of_account(handle);
    }
    levels.sort_unstable();
    levels
}

#[cfg(test)]
mod tests {
    use super::{Plan, Walker, by_amount, by_quantity, fills_in_full};
    use crate::book::{Book, Lots, Ticks};
    use crate::ledger::{NO_ORDER, OpenList};
    use crate::market::Market;
    use crate::orders::Resting;
    use crate::types::{AccountId, AssetId, Fees, MarketId, MarketRules, Price, Qty, SelfTradePrevention as Stp, Side};

    fn empty_market() -> Market {
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
        Market::new(MarketId(0), "AB".to_owned(), AssetId(0), AssetId(1), 1, rules).unwrap()
    }

    /// 100 makers of one lot each, one at each tick from 1 on; an own one is first.
    fn market() -> Market {
        let mut market = empty_market();
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

    /// The rules of a FOK order, word by word.
    fn fills_maker_by_maker(market: &Market, walker: Walker, limit: Ticks, wanted: Lots) -> bool {
        let mut left = wanted;
        for maker in market.orders.book.makers(walker.side.opposite()) {
            let is_own = maker.owner == walker.account.0 && walker.mode != Stp::None;
            let ends = is_own && walker.mode != Stp::ExpireMaker;
            if ends || !Book::crosses(walker.side, limit, maker.ticks) {
                return false;
            }
            if !is_own {
                left = left.saturating_sub(maker.lots);
            }
            if left == 0 {
                return true;
            }
        }
        false
    }

    fn resting(lots: Lots) -> Resting {
        Resting {
            filled_quote: 0,
            updated_at: 0,
            prevented: 0,
            lots,
            accepted_at: 0,
            strategy_id: 0,
            strategy_type: 0,
            prev: NO_ORDER,
            next: NO_ORDER,
            kind: crate::types::OrderKind::Limit,
            stp: Stp::None,
            has_strategy_id: false,
            has_strategy_type: false,
            client_order_id: crate::types::ClientOrderId::EMPTY,
        }
    }

    #[test]
    fn a_fok_order_that_counts_levels_is_judged_as_maker_by_maker() {
        let mut state = 11_u64;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let mut filled = 0;
        for _ in 0..20_000 {
            let mut market = empty_market();
            let mut lists = [1, 2].map(|_| OpenList { market: 0, count: 0, head: NO_ORDER, tail: NO_ORDER });
            for id in 1..=below(12) {
                // Own ones on both sides.
                let (side, ticks) = if below(5) == 0 { (Side::Buy, 1 + below(3)) } else { (Side::Sell, 4 + below(4)) };
                let (lots, owner) = (1 + below(5), 1 + u32::from(below(4) > 0));
                let handle = market.orders.book.insert(side, ticks, lots, id, owner).unwrap();
                let list = &mut lists[owner as usize - 1];
                let added = market.orders.add(handle, crate::types::OrderId(id), AccountId(owner), list, resting(lots));
                added.unwrap();
            }
            for mode in [Stp::None, Stp::ExpireTaker, Stp::ExpireMaker, Stp::ExpireBoth, Stp::Decrement] {
                let walker = Walker { account: AccountId(1), side: Side::Buy, mode };
                let (limit, wanted) = (3 + below(5), 1 + below(15));
                let expected = fills_maker_by_maker(&market, walker, limit, wanted);
                assert_eq!(fills_in_full(&market, walker, Some(&lists[0]), limit, wanted), expected, "{mode:?}");
                filled += u32::from(expected);
            }
        }
        assert!((10_000..90_000).contains(&filled), "{filled} of 100000 fill");
    }
}
