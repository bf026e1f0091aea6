//! What a seed is about: how many of what, how far apart, how often, and the rules of its markets.

use tandem_core::types::{
    Amount, Fees, MarketRules, MinNotional, Notional, Price, Qty, RATE_ONE, RateE8, SelfTradePrevention,
};

use crate::random::Random;

/// How much time passes between two commands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    Burst,
    Steady,
    Slow,
    Jumps,
}

/// Who the commands say they come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sessions {
    None,
    Few(u64),
    Many(u64),
    /// In turn: about as many as are remembered.
    Cycle(u64),
}

/// The mix of one seed.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // knobs that speak for themselves
pub struct Profile {
    pub accounts: u64,
    pub assets: u64,
    pub markets: u64,
    /// Prices of 10^18 and more, quantities of the same size.
    pub is_huge: bool,
    /// Books of very many levels.
    pub is_deep: bool,
    /// Widest distance of a price from the middle, in ticks.
    pub spread: u64,
    /// Largest order, in lots.
    pub lots: u64,
    /// Size of a credit, in orders of the largest size.
    pub wealth: u64,
    /// Most open orders of a market.
    pub book_max: u64,
    /// Orders that are sent without a look at whether they make sense.
    pub careless_percent: u64,
    /// Orders that are spoilt on purpose.
    pub spoilt_percent: u64,
    /// Client order ids in use; 0: none.
    pub client_ids: u64,
    /// Orders that ask for a self-trade prevention mode.
    pub stp_percent: u64,
    /// Numbers that were used before.
    pub stale_percent: u64,
    pub(super) kinds: [u64; 6],
    pub(super) actions: [u64; 12],
    pub(super) pace: Pace,
    pub(super) sessions: Sessions,
}

impl Profile {
    pub(super) fn draw(random: &mut Random) -> Self {
        let sessions = match random.below(8) {
            0 => Sessions::None,
            1 => Sessions::Many(5000),
            2 => Sessions::Cycle(random.between(4080, 4100)),
            _ => Sessions::Few(random.between(1, 20)),
        };
        let pace = random.pick(&[Pace::Burst, Pace::Steady, Pace::Slow, Pace::Jumps, Pace::Jumps]);
        let mut actions = [700, 140, 10, 6, 10, 8, 30, 15, 6, 15, 20, 8];
        for weight in actions.iter_mut().skip(1) {
            *weight = *weight * random.below(5) / 2;
        }
        let mut kinds = [40, 10, 10, 15, 15, 15];
        for weight in &mut kinds {
            *weight = *weight * random.below(4) / 2;
        }
        // Something has to rest, or nothing ever trades.
        kinds[0] = kinds[0].max(20);
        let drawn = Self::draw_sizes(random, kinds, actions, pace, sessions);
        if random.one_in(20) { drawn.deepened() } else { drawn }
    }

    /// Thousands of orders at hundreds of prices.
    fn deepened(self) -> Self {
        let kinds = [60, 1, 1, 30, 3, 3];
        let mut actions = self.actions;
        // Few cancels, or the book never grows.
        (actions[1], actions[2]) = (40, 1);
        let deep = Self { is_deep: true, accounts: 20, markets: 1, kinds, actions, ..self };
        Self { spread: 3000, book_max: 3000, wealth: 5000, lots: 3, ..deep }
    }

    fn draw_sizes(random: &mut Random, kinds: [u64; 6], actions: [u64; 12], pace: Pace, sessions: Sessions) -> Self {
        Self {
            is_deep: false,
            accounts: random.pick(&[2, 3, 4, 8, 20]),
            assets: random.between(2, 5),
            markets: random.between(1, 4),
            is_huge: random.one_in(6),
            spread: random.pick(&[1, 2, 5, 20, 100]),
            lots: random.pick(&[1, 3, 10, 40]),
            wealth: random.pick(&[3, 20, 200, 5000]),
            book_max: random.pick(&[5, 20, 60, 200]),
            careless_percent: random.pick(&[0, 3, 10, 20]),
            spoilt_percent: random.pick(&[0, 2, 5, 10]),
            client_ids: random.pick(&[0, 4, 50, 5000]),
            stp_percent: random.pick(&[0, 30, 90]),
            stale_percent: random.pick(&[0, 1, 5]),
            kinds,
            actions,
            pace,
            sessions,
        }
    }

    /// How many commands it takes to see what is special about this seed.
    pub const fn length(&self) -> u64 {
        match self.sessions {
            Sessions::Many(_) | Sessions::Cycle(_) if !self.is_deep => 20_000,
            _ if self.is_deep => 12_000,
            _ => 5_000,
        }
    }

    pub(super) fn decimals(&self, random: &mut Random) -> u8 {
        if self.is_huge { 18 } else { random.pick(&[0, 0, 1, 2, 3, 6, 8, 8, 18]) }
    }

    /// Middle of a new market's book, in ticks.
    pub(super) fn mid(&self, random: &mut Random) -> u64 {
        if self.is_huge {
            random.pick(&[1, 3, 4_000_000_000_000_000, 9_000_000_000_000_000])
        } else {
            random.pick(&[1, 4, 30, 200, 20_000]).max(if self.is_deep { 6_000 } else { 1 })
        }
    }
}

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

pub(super) fn rates(random: &mut Random) -> Fees {
    let rates = [0, 1, 9_999, 10_000, 75_000, 100_000, 100_000, 1_000_000, RATE_ONE];
    Fees { maker: RateE8(random.pick(&rates)), taker: RateE8(random.pick(&rates)) }
}

/// Valid rules for a market whose orders trade around `mid` ticks.
pub(super) fn rules(random: &mut Random, base_decimals: u8, mid: u64, is_huge: bool) -> MarketRules {
    let (tick, lot) = steps(random, base_decimals, is_huge);
    with_steps(random, base_decimals, mid, tick, lot)
}

/// The same with given steps: what a market with open orders can be changed to.
pub(super) fn with_steps(random: &mut Random, base_decimals: u8, mid: u64, tick: u64, lot: u64) -> MarketRules {
    let max = (1 << 63) - 1;
    let price = mid.saturating_mul(tick).min(max);
    // In halves of a lot: bounds need not be on the step.
    let half_lots = |halves: u64| (lot / 2).saturating_mul(halves).saturating_add(lot % 2 * halves / 2).min(max);
    let lot_worth = u128::from(price) * u128::from(lot) / 10_u128.pow(u32::from(base_decimals));
    let worth = |lots: u128| lot_worth.saturating_mul(lots);
    let stp_default = random.pick(SelfTradePrevention::ALL);
    let some = if random.one_in(4) { random.next() as u8 & 31 } else { 31 };
    let stp_allowed = some | 1 << stp_default as u8;
    let min_notional =
        MinNotional { min: Amount(worth(random.pick(&[0, 1, 1, 2]))), apply_to_market: random.one_in(2) };
    let notional = Notional {
        min: Amount(worth(random.pick(&[0, 1, 2]))),
        apply_min_to_market: random.one_in(2),
        max: Amount(random.pick(&[0, worth(30), worth(1000)]).min(u128::from(max))),
        apply_max_to_market: random.one_in(2),
    };
    let has_min_notional = random.one_in(3) && min_notional.min.0 <= u128::from(max);
    let has_notional = random.one_in(3)
        && notional.min.0 <= u128::from(max)
        && (notional.max.0 == 0 || notional.min.0 <= notional.max.0);
    MarketRules {
        tick_size: Price(tick),
        price_min: Price(random.pick(&[0, 0, tick, price / 2, price / 2 + 1])),
        price_max: Price(random.pick(&[0, 0, price.saturating_mul(2).min(max), max])),
        lot_size: Qty(lot),
        qty_min: Qty(random.pick(&[0, 0, lot, lot.saturating_add(1), half_lots(4)])),
        qty_max: Qty(random.pick(&[0, 0, half_lots(30), half_lots(31), half_lots(200), max])),
        market_lot_size: Qty(random.pick(&[0, 0, 0, lot, lot.saturating_mul(2)])),
        market_qty_min: Qty(random.pick(&[0, 0, 0, lot])),
        market_qty_max: Qty(random.pick(&[0, 0, 0, 0, half_lots(4), half_lots(16), half_lots(17), half_lots(3)])),
        min_notional: has_min_notional.then_some(min_notional),
        notional: has_notional.then_some(notional),
        avg_price_mins: random.pick(&[0, 1, 2, 5, 60]),
        max_num_orders: random.pick(&[0, 0, 0, 5, 30, 200]),
        fees: rates(random),
        stp_default,
        stp_allowed,
    }
}
