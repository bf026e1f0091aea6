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

/// A MARKET order by quantity.
pub(crate) fn by_quantity(market: &Market, walker: Walker, wanted: Lots) -> Plan {
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
        }
        left = left.saturating_sub(lots);
    }
    plan
}

/// A MARKET order by quote amount, of at most `most` lots.
pub(crate) fn by_amount(market: &Market, walker: Walker, amount: u64, most: Lots) -> Plan {
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
