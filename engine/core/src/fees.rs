//! What each side of a fill pays, and in which asset: the rules of "Money" in `spec/rules.md`.
//!
//! In the asset received it is one rate and one multiplication. The discount asset is the cold path: whether the payer
//! has enough of it is known only where the fill is made, so that is left to the caller.

use crate::exchange::Exchange;
use crate::market::Market;
use crate::types::{Amount, AssetId, Fees, MarketId, MarketRules, RATE_ONE, Side};
use crate::view::Account;

/// Which side of a fill somebody is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its order rested.
    Maker,
    /// Its order came.
    Taker,
}

/// What the maker or taker pays as a buyer or seller, by one set of rates.
#[inline(always)]
const fn rate_of(fees: &Fees, role: Role, side: Side) -> u32 {
    let by_role = match role {
        Role::Maker => fees.maker.0,
        Role::Taker => fees.taker.0,
    };
    let by_side = match side {
        Side::Buy => fees.buyer.0,
        Side::Sell => fees.seller.0,
    };
    by_role.saturating_add(by_side)
}

/// The most that anybody pays by these rates.
const fn greatest(fees: &Fees) -> u64 {
    let role = if fees.maker.0 > fees.taker.0 { fees.maker.0 } else { fees.taker.0 };
    let side = if fees.buyer.0 > fees.seller.0 { fees.buyer.0 } else { fees.seller.0 };
    // 32 bits each.
    (role as u64).wrapping_add(side as u64)
}

/// Whether nobody pays more than all that it receives by these rates together.
pub(crate) fn rates_are_valid(all: &[Fees]) -> bool {
    all.iter().fold(0, |sum: u64, fees| sum.saturating_add(greatest(fees))) <= u64::from(RATE_ONE)
}

/// One rate for each role and side.
#[derive(Clone, Copy, Debug, Default)]
struct Four {
    maker_buyer: u32,
    maker_seller: u32,
    taker_buyer: u32,
    taker_seller: u32,
}

impl Four {
    fn new(rate: impl Fn(Role, Side) -> u32) -> Self {
        Self {
            maker_buyer: rate(Role::Maker, Side::Buy),
            maker_seller: rate(Role::Maker, Side::Sell),
            taker_buyer: rate(Role::Taker, Side::Buy),
            taker_seller: rate(Role::Taker, Side::Sell),
        }
    }

    #[inline(always)]
    const fn get(&self, role: Role, side: Side) -> u32 {
        match (role, side) {
            (Role::Maker, Side::Buy) => self.maker_buyer,
            (Role::Maker, Side::Sell) => self.maker_seller,
            (Role::Taker, Side::Buy) => self.taker_buyer,
            (Role::Taker, Side::Sell) => self.taker_seller,
        }
    }
}

/// The rates of a market, added up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    /// For accounts without rates of their own: everything.
    whole: Four,
    /// For every account, on top of the standard rate.
    extra: Four,
}

impl Rates {
    pub(crate) fn new(rules: &MarketRules) -> Self {
        let extra =
            |role, side| rate_of(&rules.special_fees, role, side).saturating_add(rate_of(&rules.tax_fees, role, side));
        let whole = |role, side| at_most_one(rate_of(&rules.fees, role, side), extra(role, side));
        Self { whole: Four::new(whole), extra: Four::new(extra) }
    }

    /// The rate of a fee in the asset received. `own`: the account's own standard rates.
    #[inline(always)]
    pub(crate) const fn of(&self, own: Option<&Fees>, role: Role, side: Side) -> u32 {
        match own {
            None => self.whole.get(role, side),
            Some(own) => at_most_one(rate_of(own, role, side), self.extra.get(role, side)),
        }
    }
}

#[inline(always)]
const fn at_most_one(standard: u32, extra: u32) -> u32 {
    let rate = standard.saturating_add(extra);
    if rate < RATE_ONE { rate } else { RATE_ONE }
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

/// One side of a fill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payer<'a> {
    pub(crate) account: &'a Account,
    pub(crate) role: Role,
    pub(crate) side: Side,
    pub(crate) gives: AssetId,
    pub(crate) gets: AssetId,
    /// Of what it gets.
    pub(crate) received: u128,
}

/// Whether a fee may be paid in the discount asset at all; almost never, so this is asked before anything else.
#[inline(always)]
pub(crate) const fn may_discount(exchange: &Exchange, market: &Market, account: &Account) -> bool {
    account.discount && market.rules.discount && exchange.rules.discount.is_some()
}

/// The fee of a payer in the discount asset, if it converts: which asset, and how much of it. The payer pays it so if
/// its free balance there covers it, and else in the asset received and without discount.
#[cold]
pub(crate) fn discounted<'m>(
    exchange: &Exchange,
    market: &Market,
    payer: &Payer<'_>,
    market_at: impl Fn(MarketId) -> Option<&'m Market>,
) -> Option<(AssetId, Amount)> {
    let discount = exchange.rules.discount.filter(|_| may_discount(exchange, market, payer.account))?;
    if discount.asset == payer.gives {
        return None;
    }
    let standard = rate_of(payer.account.fees.as_ref().unwrap_or(&market.rules.fees), payer.role, payer.side);
    let standard = fee_rounded_up(u128::from(standard), discount.rate.0);
    let rate = at_most_one(u32::try_from(standard).ok()?, market.rates.extra.get(payer.role, payer.side));
    let fee = fee_rounded_up(payer.received, rate);
    if discount.asset == payer.gets {
        return Some((discount.asset, Amount(fee)));
    }
    let ids = exchange.markets_between(discount.asset, payer.gets).iter();
    let (between, price) = ids.filter_map(|id| market_at(*id)).find_map(|m| Some((m, m.last_price?)))?;
    // A price counts minor units of the quote asset per `one` minor units of the base asset.
    let converted = if between.base == discount.asset {
        scaled_up(fee, between.one, price.0)
    } else {
        scaled_up(fee, price.0, between.one)
    };
    converted.map(|fee| (discount.asset, Amount(fee)))
}

/// `amount * times / by` rounded up, exactly; `None` when that does not fit.
fn scaled_up(amount: u128, times: u64, by: u64) -> Option<u128> {
    let (times, by) = (u128::from(times), u128::from(by));
    let whole = amount.checked_div(by)?.checked_mul(times)?;
    // 64 x 64 bits.
    let rest = amount.checked_rem(by)?.checked_mul(times)?;
    whole.checked_add(rest.div_ceil(by))
}

#[cfg(test)]
mod tests {
    use super::{fee_rounded_up, rates_are_valid, scaled_up};
    use crate::types::{Fees, RateE8};

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

    #[test]
    fn conversion_rounds_up_and_is_exact_beyond_128_bits_on_the_way() {
        assert_eq!(scaled_up(7, 10, 3), Some(24));
        assert_eq!(scaled_up(6, 10, 3), Some(20));
        assert_eq!(scaled_up(0, 10, 3), Some(0));
        assert_eq!(scaled_up(u128::MAX, 10, 10), Some(u128::MAX));
        assert_eq!(scaled_up(u128::MAX, u64::MAX, u64::MAX), Some(u128::MAX));
        assert_eq!(scaled_up(u128::MAX, 11, 10), None);
        assert_eq!(scaled_up(1, 1, 0), None);
    }

    #[test]
    fn rates_count_together_and_by_the_worst_of_roles_and_sides() {
        let fees = |maker, taker, buyer, seller| {
            let rate = |n: u32| RateE8(n * 1_000_000);
            Fees { maker: rate(maker), taker: rate(taker), buyer: rate(buyer), seller: rate(seller) }
        };
        assert!(rates_are_valid(&[fees(60, 10, 40, 5)]));
        assert!(!rates_are_valid(&[fees(10, 60, 5, 41)]));
        assert!(rates_are_valid(&[fees(10, 10, 0, 0), fees(0, 0, 50, 50), fees(20, 40, 0, 0)]));
        assert!(!rates_are_valid(&[fees(10, 10, 0, 0), fees(0, 0, 50, 51), fees(20, 40, 0, 0)]));
        let most = RateE8(u32::MAX);
        assert!(!rates_are_valid(&[Fees { maker: most, taker: most, buyer: most, seller: most }; 3]));
    }
}
