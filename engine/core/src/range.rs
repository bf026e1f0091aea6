//! PRICE_RANGE: the prices at which an incoming order may trade.

use crate::book::Ticks;
use crate::market::Market;
use crate::types::{RATE_ONE, Side, TimeUs};

/// Bounds in ticks, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    low: Ticks,
    high: Ticks,
}

impl Range {
    /// Every price.
    pub(crate) const ALL: Self = Self { low: 0, high: Ticks::MAX };

    /// What holds for an order that starts to match now.
    #[inline(always)]
    pub(crate) fn of(market: &Market, side: Side, now: TimeUs) -> Self {
        if market.rules.price_range.is_none() { Self::ALL } else { Self::around_reference(market, side, now) }
    }

    #[cold]
    fn around_reference(market: &Market, side: Side, now: TimeUs) -> Self {
        let (Some(rule), Some(reference)) = (market.rules.price_range, market.reference_price(now)) else {
            return Self::ALL;
        };
        let (down, up) = match side {
            Side::Buy => (rule.bid_down, rule.bid_up),
            Side::Sell => (rule.ask_down, rule.ask_up),
        };
        // A price in ticks is compared with `reference * multiple / (10^8 * tick)`; 64 bits each.
        let step = u128::from(RATE_ONE).wrapping_mul(u128::from(market.rules.tick_size.0)).max(1);
        let product = |multiple: u64| u128::from(reference.0).wrapping_mul(u128::from(multiple));
        let ticks = |bound: u128| u64::try_from(bound).unwrap_or(u64::MAX);
        let low = ticks(product(down).div_ceil(step));
        let high = if up == 0 { Ticks::MAX } else { ticks(product(up).checked_div(step).unwrap_or(0)) };
        Self { low, high }
    }

    #[inline(always)]
    pub(crate) const fn contains(&self, ticks: Ticks) -> bool {
        self.low <= ticks && ticks <= self.high
    }
}
