//! A market: its rules, its open orders, its counters, and the arithmetic between ticks, lots and amounts.

use crate::average::{Average, WINDOW_MAX, minute_of};
use crate::book::{Lots, Ticks};
use crate::orders::Orders;
use crate::types::{
    Amount, AssetId, Fees, MarketId, MarketRules, MarketStatus, Price, Qty, RATE_ONE, SelfTradePrevention, TimeUs,
};

/// The API's own bound of prices, quantities and notional bounds.
pub(crate) const NUMBER_MAX: u64 = i64::MAX as u64;

#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) id: MarketId,
    pub(crate) symbol: String,
    pub(crate) base: AssetId,
    pub(crate) quote: AssetId,
    /// `10^base_decimals`.
    pub(crate) one: u64,
    pub(crate) rules: MarketRules,
    pub(crate) status: MarketStatus,
    /// What one lot costs at a price of one tick, in minor quote units: whole, by the rules' invariant.
    unit: u128,
    /// The same when it fits 64 bits, else 0.
    unit_small: u64,
    pub(crate) next_trade: u64,
    pub(crate) next_prevented: u64,
    pub(crate) last_price: Option<Price>,
    pub(crate) average: Average,
    pub(crate) orders: Orders,
}

impl Market {
    /// A market without history; `None` when the rules are not valid for this `one`.
    pub(crate) fn new(
        id: MarketId,
        symbol: String,
        base: AssetId,
        quote: AssetId,
        one: u64,
        rules: MarketRules,
    ) -> Option<Self> {
        let unit = unit_of(&rules, one)?;
        Some(Self {
            id,
            symbol,
            base,
            quote,
            one,
            rules,
            status: MarketStatus::Trading,
            unit,
            unit_small: u64::try_from(unit).unwrap_or(0),
            next_trade: 0,
            next_prevented: 0,
            last_price: None,
            average: Average::default(),
            orders: Orders::default(),
        })
    }

    /// Replaces the rules; `None` when they are not valid.
    pub(crate) fn set_rules(&mut self, rules: MarketRules) -> Option<()> {
        self.unit = unit_of(&rules, self.one)?;
        self.unit_small = u64::try_from(self.unit).unwrap_or(0);
        self.rules = rules;
        Some(())
    }

    /// What `lots` cost at `ticks`: exact, never rounded.
    #[inline(always)]
    pub(crate) fn quote_amount(&self, ticks: Ticks, lots: Lots) -> u128 {
        match ticks.checked_mul(lots) {
            // 64 x 64 bits never pass 128.
            Some(product) if self.unit_small != 0 => u128::from(product).wrapping_mul(u128::from(self.unit_small)),
            // price * qty < 2^126, so this never saturates.
            _ => u128::from(ticks).wrapping_mul(u128::from(lots)).saturating_mul(self.unit),
        }
    }

    /// How many lots `amount` pays for at `ticks`, rounded down.
    #[inline]
    pub(crate) fn affordable(&self, amount: u64, ticks: Ticks) -> Lots {
        let per_lot = u64::try_from(self.quote_amount(ticks, 1)).ok();
        per_lot.and_then(|per_lot| amount.checked_div(per_lot)).unwrap_or(0)
    }

    /// A quantity in minor base units; lots in the book came from a quantity, so this never saturates.
    #[inline(always)]
    pub(crate) fn qty(&self, lots: Lots) -> Qty {
        Qty(lots.saturating_mul(self.rules.lot_size.0))
    }

    /// A price in minor quote units; see [`Self::qty`].
    #[inline(always)]
    pub(crate) fn price(&self, ticks: Ticks) -> Price {
        Price(ticks.saturating_mul(self.rules.tick_size.0))
    }

    /// The price in ticks, when it is on a tick.
    #[inline(always)]
    pub(crate) fn ticks(&self, price: Price) -> Option<Ticks> {
        whole(price.0, self.rules.tick_size.0)
    }

    /// The quantity in lots, when it is whole lots.
    #[inline(always)]
    pub(crate) fn lots(&self, qty: Qty) -> Option<Lots> {
        whole(qty.0, self.rules.lot_size.0)
    }

    /// What a quantity is worth at a price that need not be on a tick.
    pub(crate) fn notional_rounded_down(&self, price: Price, qty: Qty) -> Option<u128> {
        match price.0.checked_mul(qty.0) {
            Some(product) => product.checked_div(self.one).map(u128::from),
            None => u128::from(price.0).wrapping_mul(u128::from(qty.0)).checked_div(u128::from(self.one)),
        }
    }

    pub(crate) fn average_price(&self, now: TimeUs) -> Option<Price> {
        self.average.price(minute_of(now.0), self.rules.avg_price_mins, self.one).or(self.last_price)
    }
}

#[inline(always)]
fn whole(value: u64, step: u64) -> Option<u64> {
    let quotient = value.checked_div(step)?;
    (quotient.wrapping_mul(step) == value).then_some(quotient)
}

fn unit_of(rules: &MarketRules, one: u64) -> Option<u128> {
    let product = u128::from(rules.tick_size.0).wrapping_mul(u128::from(rules.lot_size.0));
    let unit = product.checked_div(u128::from(one))?;
    (product != 0 && product.checked_rem(u128::from(one)) == Some(0)).then_some(unit)
}

/// The fee on what somebody receives, rounded up: the payer never gains by rounding.
#[inline]
pub(crate) fn fee_rounded_up(received: u128, rate: u32) -> u128 {
    if rate == 0 {
        return 0;
    }
    if let Ok(received) = u64::try_from(received) {
        const ONE: u64 = RATE_ONE as u64;
        let (whole, rest, rate) = (received / ONE, received % ONE, u64::from(rate));
        // rate <= ONE, so neither product passes 64 bits.
        return u128::from(whole.wrapping_mul(rate).wrapping_add(rest.wrapping_mul(rate).div_ceil(ONE)));
    }
    const ONE: u128 = RATE_ONE as u128;
    let (whole, rest, rate) = (received / ONE, received % ONE, u128::from(rate));
    whole.saturating_mul(rate).saturating_add(rest.saturating_mul(rate).div_ceil(ONE))
}

pub(crate) const fn rates_are_valid(fees: &Fees) -> bool {
    fees.maker.0 <= RATE_ONE && fees.taker.0 <= RATE_ONE
}

/// Whether a market with this `10^base_decimals` can have these rules. Rates are judged apart.
pub(crate) fn rules_are_valid(rules: &MarketRules, one: u64) -> bool {
    let numbers = [
        rules.tick_size.0,
        rules.price_min.0,
        rules.price_max.0,
        rules.lot_size.0,
        rules.qty_min.0,
        rules.qty_max.0,
        rules.market_lot_size.0,
        rules.market_qty_min.0,
        rules.market_qty_max.0,
    ];
    let amounts = [rules.min_notional.map(|f| f.min), rules.notional.map(|f| f.min), rules.notional.map(|f| f.max)];
    let (notional_min, notional_max) = rules.notional.map_or((0, 0), |f| (f.min.0, f.max.0));
    let modes = SelfTradePrevention::ALL.iter().fold(0_u8, |bits, mode| bits | stp_bit(*mode));
    unit_of(rules, one).is_some()
        && numbers.iter().all(|n| *n <= NUMBER_MAX)
        && amounts.iter().flatten().all(|Amount(n)| *n <= u128::from(NUMBER_MAX))
        && (rules.price_max.0 == 0 || rules.price_max >= rules.price_min)
        && (rules.qty_max.0 == 0 || rules.qty_max >= rules.qty_min)
        && (rules.market_qty_max.0 == 0 || rules.market_qty_max >= rules.market_qty_min)
        && (notional_max == 0 || notional_max >= notional_min)
        && (rules.market_lot_size.0 == 0 || whole(rules.market_lot_size.0, rules.lot_size.0).is_some())
        && rules.avg_price_mins <= WINDOW_MAX
        && rules.stp_allowed & !modes == 0
        && rules.stp_allowed & stp_bit(rules.stp_default) != 0
}

/// The bit of a mode in `stp_allowed`.
#[inline(always)]
pub(crate) const fn stp_bit(mode: SelfTradePrevention) -> u8 {
    match mode {
        SelfTradePrevention::None => 1,
        SelfTradePrevention::ExpireTaker => 2,
        SelfTradePrevention::ExpireMaker => 4,
        SelfTradePrevention::ExpireBoth => 8,
        SelfTradePrevention::Decrement => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::fee_rounded_up;

    #[test]
    fn fees_round_up_on_both_paths() {
        assert_eq!(fee_rounded_up(1, 1), 1);
        assert_eq!(fee_rounded_up(0, 100_000), 0);
        assert_eq!(fee_rounded_up(100_000_000, 100_000), 100_000);
        assert_eq!(fee_rounded_up(100_000_001, 100_000), 100_001);
        let max = u128::from(u64::MAX);
        assert_eq!(fee_rounded_up(max, 100_000_000), max);
        assert_eq!(fee_rounded_up(max + 1, 100_000_000), max + 1);
        assert_eq!(fee_rounded_up(1 << 100, 1), (1_u128 << 100) / 100_000_000 + 1);
        for received in [1, 99_999_999, 123_456_789_012_345, u64::MAX] {
            for rate in [1, 7, 99_999, 12_345_678, 100_000_000] {
                let exact = (u128::from(received) * u128::from(rate)).div_ceil(100_000_000);
                assert_eq!(fee_rounded_up(u128::from(received), rate), exact);
            }
        }
    }
}
