//! The rules of markets: valid ones, with every filter near the orders that are drawn, and its edges.

use tandem_core::types::{
    Amount, Fees, MarketRules, MinNotional, Notional, PERMISSION_SPOT, PercentPrice, Price, PriceRange, Qty, RATE_ONE,
    RateE8, ReferenceRule, SelfTradePrevention, TrailingDelta,
};

use super::Profile;
use crate::random::Random;

/// Every order kind, every feature.
const ALL_KINDS: u8 = 127;
const ALL_FEATURES: u16 = 511;
/// One, as a multiple of a price.
const ONE: u64 = 100_000_000;

fn steps(random: &mut Random, base_decimals: u8, is_huge: bool) -> (u64, u64) {
    let decimals = u32::from(base_decimals);
    if is_huge {
        return (1_000, 1_000_000_000_000_000);
    }
    if random.one_in(8) {
        return (5_u64.pow(decimals), 2_u64.pow(decimals));
    }
    if random.one_in(10) {
        // One lot at one tick is worth more than 64 bits of quote units.
        let zeros = random.between(9, 13) as u32;
        return (10_u64.pow(zeros), 10_u64.pow(13.max(decimals - decimals.min(zeros))));
    }
    // Neither step so large that a sensible order leaves 63 bits.
    let zeros = random.between(u64::from(decimals.saturating_sub(12)), u64::from(decimals.min(15))) as u32;
    let tick = 10_u64.pow(decimals - zeros) * random.pick(&[1, 1, 2, 5, 25]);
    let lot = 10_u64.pow(zeros) * random.pick(&[1, 1, 1, 2, 5]);
    (tick, lot)
}

/// The worst sum of them is at most one.
pub(super) fn rates(random: &mut Random) -> Fees {
    let rates = [0, 1, 9_999, 10_000, 75_000, 100_000, 100_000, 1_000_000, RATE_ONE];
    let (maker, taker) = (RateE8(random.pick(&rates)), RateE8(random.pick(&rates)));
    let most = RATE_ONE - maker.0.max(taker.0);
    let mut of_side = || RateE8(if random.one_in(3) { random.pick(&rates).min(most) } else { 0 });
    Fees { maker, taker, buyer: of_side(), seller: of_side() }
}

fn worst(fees: &Fees) -> u32 {
    fees.maker.max(fees.taker).0 + fees.buyer.max(fees.seller).0
}

/// Rates that come on top, if they still fit.
fn more_rates(random: &mut Random, so_far: u32) -> Fees {
    let more = rates(random);
    if worst(&more) <= RATE_ONE - so_far && random.one_in(3) { more } else { Fees::default() }
}

/// Valid rules for a market whose orders trade around `mid` ticks.
pub(super) fn rules(random: &mut Random, base_decimals: u8, mid: u64, profile: &Profile) -> MarketRules {
    let (tick, lot) = steps(random, base_decimals, profile.is_huge);
    with_steps(random, base_decimals, mid, (tick, lot), profile)
}

/// The same with given steps: what a market with open orders can be changed to.
pub(super) fn with_steps(
    random: &mut Random,
    base_decimals: u8,
    mid: u64,
    (tick, lot): (u64, u64),
    profile: &Profile,
) -> MarketRules {
    let max = (1 << 63) - 1;
    let price = mid.saturating_mul(tick).min(max);
    // In halves of a lot: bounds need not be on the step.
    let half_lots = |halves: u64| (lot / 2).saturating_mul(halves).saturating_add(lot % 2 * halves / 2).min(max);
    let stp_default = random.pick(SelfTradePrevention::ALL);
    let some = if random.one_in(4) { random.next() as u8 & 63 } else { 63 };
    let (min_notional, notional) = notionals(random, base_decimals, price, lot);
    let fees = rates(random);
    let rules = MarketRules {
        tick_size: Price(tick),
        price_min: Price(random.pick(&[0, 0, tick, price / 2, price / 2 + 1])),
        price_max: Price(random.pick(&[0, 0, price.saturating_mul(2).min(max), max])),
        lot_size: Qty(lot),
        qty_min: Qty(random.pick(&[0, 0, lot, lot.saturating_add(1), half_lots(4)])),
        qty_max: Qty(random.pick(&[0, 0, half_lots(30), half_lots(31), half_lots(200), max])),
        market_lot_size: Qty(random.pick(&[0, 0, 0, lot, lot.saturating_mul(2)])),
        market_qty_min: Qty(random.pick(&[0, 0, 0, lot])),
        market_qty_max: Qty(random.pick(&[0, 0, 0, 0, half_lots(4), half_lots(16), half_lots(17), half_lots(3)])),
        min_notional,
        notional,
        avg_price_mins: random.pick(&[0, 1, 2, 5, 60]),
        max_num_orders: random.pick(&[0, 0, 0, 5, 30, 200]),
        percent_price: None,
        iceberg_parts: 0,
        max_num_algo_orders: 0,
        max_num_iceberg_orders: 0,
        max_num_order_lists: 0,
        max_num_order_amends: 0,
        max_position: Amount(0),
        trailing_delta: None,
        price_range: None,
        reference: None,
        kinds: ALL_KINDS,
        features: ALL_FEATURES,
        permissions: PERMISSION_SPOT,
        fees,
        special_fees: Fees::default(),
        tax_fees: Fees::default(),
        discount: false,
        stp_default,
        stp_allowed: some | 1 << stp_default as u8,
    };
    if profile.is_stampede {
        let sizes = MarketRules { qty_min: Qty(0), qty_max: Qty(0), market_qty_max: Qty(0), ..rules };
        return MarketRules { max_num_orders: 0, min_notional: None, notional: None, ..sizes };
    }
    if profile.is_deep {
        return MarketRules { max_num_orders: 0, ..rules };
    }
    if profile.has_extras { with_extras(random, rules, profile) } else { rules }
}

fn notionals(random: &mut Random, base_decimals: u8, price: u64, lot: u64) -> (Option<MinNotional>, Option<Notional>) {
    let max = (1_u128 << 63) - 1;
    let lot_worth = u128::from(price) * u128::from(lot) / 10_u128.pow(u32::from(base_decimals));
    let worth = |lots: u128| lot_worth.saturating_mul(lots);
    let min_notional =
        MinNotional { min: Amount(worth(random.pick(&[0, 1, 1, 2]))), apply_to_market: random.one_in(2) };
    let notional = Notional {
        min: Amount(worth(random.pick(&[0, 1, 2]))),
        apply_min_to_market: random.one_in(2),
        max: Amount(random.pick(&[0, worth(30), worth(1000)]).min(max)),
        apply_max_to_market: random.one_in(2),
    };
    let has_min_notional = random.one_in(3) && min_notional.min.0 <= max;
    let has_notional =
        random.one_in(3) && notional.min.0 <= max && (notional.max.0 == 0 || notional.min.0 <= notional.max.0);
    (has_min_notional.then_some(min_notional), has_notional.then_some(notional))
}

/// Multiples of a price below and above one; not far, so that orders are outside now and then.
fn multiples(random: &mut Random) -> (u64, u64) {
    let down = random.pick(&[0, ONE / 2, ONE / 10 * 9, ONE / 100 * 99]);
    let up = random.pick(&[ONE * 5, ONE * 2, ONE / 10 * 11, ONE / 100 * 101]);
    (down, up)
}

fn with_extras(random: &mut Random, rules: MarketRules, profile: &Profile) -> MarketRules {
    let by_side = random.one_in(2);
    let (bid_down, bid_up) = multiples(random);
    let (ask_down, ask_up) = if by_side { multiples(random) } else { (bid_down, bid_up) };
    let percent = PercentPrice { bid_up, bid_down, ask_up, ask_down, by_side };
    let (bid_down, bid_up) = multiples(random);
    let (ask_down, ask_up) = multiples(random);
    let mut bound = |multiple: u64| if random.one_in(3) { 0 } else { multiple };
    let range = PriceRange {
        bid_up: bound(bid_up),
        bid_down: bound(bid_down),
        ask_up: bound(ask_up),
        ask_down: bound(ask_down),
    };
    let (above_min, below_min) = (random.pick(&[1, 10, 1000]), random.pick(&[1, 10, 1000]));
    let trailing = TrailingDelta {
        above_min,
        above_max: random.pick(&[above_min, 5000, 10_000, 1_000_000]),
        below_min,
        below_max: random.pick(&[below_min, 2500, 9999, 10_000]),
    };
    let reference =
        ReferenceRule { count: random.pick(&[1, 2, 5, 1000]), width_ms: random.pick(&[1, 7, 1000, 60_000, 3_600_000]) };
    let position = u128::from(rules.lot_size.0) * u128::from(profile.lots) * random.pick(&[3, 30, 1000]);
    let special_fees = more_rates(random, worst(&rules.fees));
    let tax_fees = more_rates(random, worst(&rules.fees) + worst(&special_fees));
    MarketRules {
        percent_price: random.one_in(4).then_some(percent),
        iceberg_parts: random.pick(&[0, 0, 1, 3, 10, 1000]),
        max_num_algo_orders: random.pick(&[0, 0, 0, 2, 10]),
        max_num_iceberg_orders: random.pick(&[0, 0, 0, 1, 5]),
        max_num_order_lists: random.pick(&[0, 0, 0, 1, 5]),
        max_num_order_amends: random.pick(&[0, 0, 1, 3]),
        max_position: Amount(if random.one_in(6) { position.min((1 << 63) - 1) } else { 0 }),
        trailing_delta: random.one_in(3).then_some(trailing),
        price_range: random.one_in(3).then_some(range),
        reference: random.one_in(4).then_some(reference),
        kinds: if random.one_in(8) { random.next() as u8 & ALL_KINDS | 1 } else { ALL_KINDS },
        features: if random.one_in(6) { random.next() as u16 & ALL_FEATURES } else { ALL_FEATURES },
        permissions: random.pick(&[
            PERMISSION_SPOT,
            PERMISSION_SPOT,
            PERMISSION_SPOT,
            PERMISSION_SPOT,
            3,
            3,
            6,
            u32::MAX,
        ]),
        special_fees,
        tax_fees,
        discount: profile.is_discounted || random.one_in(2),
        ..rules
    }
}
