//! A market: its rules, its open orders, its counters, and the arithmetic between ticks, lots and amounts.

use crate::average::{Average, WINDOW_MAX, minute_of};
use crate::book::{Lots, Ticks};
use crate::broken::Broken;
use crate::fees::Rates;
use crate::orders::Orders;
use crate::reference::Reference;
use crate::types::{
    Amount, AssetId, BIPS_ONE, Feature, MarketId, MarketRules, MarketStatus, OrderKind, PercentPrice, Price,
    PriceRange, Qty, ReferenceRule, SelfTradePrevention, Side, Terms, TimeUs, TrailingDelta,
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
    /// Of the rules, added up.
    pub(crate) rates: Rates,
    /// Whether it is in the smart order routing group of its base asset.
    pub(crate) is_in_sor: bool,
    pub(crate) next_trade: u64,
    pub(crate) next_prevented: u64,
    pub(crate) next_allocation: u64,
    pub(crate) last_price: Option<Price>,
    pub(crate) average: Average,
    pub(crate) reference: Reference,
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
            rates: Rates::new(&rules),
            is_in_sor: false,
            next_trade: 0,
            next_prevented: 0,
            next_allocation: 0,
            last_price: None,
            average: Average::default(),
            reference: Reference::default(),
            orders: Orders::default(),
        })
    }

    /// Replaces the rules; `None` when they are not valid.
    pub(crate) fn set_rules(&mut self, rules: MarketRules) -> Option<()> {
        self.unit = unit_of(&rules, self.one)?;
        self.unit_small = u64::try_from(self.unit).unwrap_or(0);
        self.rates = Rates::new(&rules);
        if rules.reference != self.rules.reference {
            self.reference = Reference::default();
        }
        self.rules = rules;
        Some(())
    }

    /// Takes note of a trade's price.
    #[inline(always)]
    pub(crate) fn traded_at(&mut self, price: Price, now: TimeUs) -> Result<(), Broken> {
        self.last_price = Some(price);
        match self.rules.reference {
            None => Ok(()),
            Some(rule) => self.reference.add(rule, now, price),
        }
    }

    /// The reference price; `None` when there is none, or when it was said that there is none.
    pub(crate) fn reference_price(&self, now: TimeUs) -> Option<Price> {
        match self.rules.reference {
            Some(rule) => self.reference.mean(rule, now),
            None => self.reference.given.flatten(),
        }
    }

    /// What prices are judged by.
    pub(crate) fn judging_price(&self, now: TimeUs) -> Option<Price> {
        self.reference_price(now).or_else(|| self.average_price(now))
    }

    /// Whether the market has a feature.
    #[inline(always)]
    pub(crate) const fn has(&self, feature: Feature) -> bool {
        self.rules.features & feature_bit(feature) != 0
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

    /// What an order in the book locks: which asset, and how much of it.
    #[inline(always)]
    pub(crate) fn lock_of(&self, side: Side, ticks: Ticks, lots: Lots) -> (AssetId, u128) {
        match side {
            Side::Buy => (self.quote, self.quote_amount(ticks, lots)),
            Side::Sell => (self.base, u128::from(self.qty(lots).0)),
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

    /// What an order with these terms shows at a time, in lots; 0: all of it.
    pub(crate) fn part(&self, terms: &Terms) -> Lots {
        terms.iceberg_qty.0.checked_div(self.rules.lot_size.0).unwrap_or(0)
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
    let amounts = [
        rules.min_notional.map(|f| f.min),
        rules.notional.map(|f| f.min),
        rules.notional.map(|f| f.max),
        Some(rules.max_position),
    ];
    let (notional_min, notional_max) = rules.notional.map_or((0, 0), |f| (f.min.0, f.max.0));
    unit_of(rules, one).is_some()
        && numbers.iter().all(|n| *n <= NUMBER_MAX)
        && amounts.iter().flatten().all(|Amount(n)| *n <= u128::from(NUMBER_MAX))
        && (rules.price_max.0 == 0 || rules.price_max >= rules.price_min)
        && (rules.qty_max.0 == 0 || rules.qty_max >= rules.qty_min)
        && (rules.market_qty_max.0 == 0 || rules.market_qty_max >= rules.market_qty_min)
        && (notional_max == 0 || notional_max >= notional_min)
        && (rules.market_lot_size.0 == 0 || whole(rules.market_lot_size.0, rules.lot_size.0).is_some())
        && rules.avg_price_mins <= WINDOW_MAX
        && rules.iceberg_parts <= ICEBERG_PARTS_MAX
        && rules.percent_price.is_none_or(percent_price_is_valid)
        && rules.trailing_delta.is_none_or(trailing_delta_is_valid)
        && rules.price_range.is_none_or(price_range_is_valid)
        && rules.reference.is_none_or(reference_is_valid)
        && bits_are_valid(rules)
}

/// The most parts an iceberg order may have.
pub(crate) const ICEBERG_PARTS_MAX: u16 = 1_000;
/// The greatest multiple of a price filter, in 10^-8.
const MULTIPLE_MAX: u64 = 10_000_000_000_000_000;
/// The greatest trailing delta where the trigger is above the market, in basis points.
pub(crate) const TRAILING_ABOVE_MAX: u32 = 1_000_000;

fn percent_price_is_valid(f: PercentPrice) -> bool {
    let is_one_for_both = f.bid_up == f.ask_up && f.bid_down == f.ask_down;
    f.bid_up.max(f.ask_up) <= MULTIPLE_MAX
        && f.bid_down <= f.bid_up
        && f.ask_down <= f.ask_up
        && (f.by_side || is_one_for_both)
}

fn trailing_delta_is_valid(f: TrailingDelta) -> bool {
    let is_range = |min: u32, max: u32, most: u32| min >= 1 && min <= max && max <= most;
    is_range(f.above_min, f.above_max, TRAILING_ABOVE_MAX) && is_range(f.below_min, f.below_max, BIPS_ONE)
}

fn price_range_is_valid(f: PriceRange) -> bool {
    let is_range = |down: u64, up: u64| up == 0 || down <= up;
    [f.bid_up, f.bid_down, f.ask_up, f.ask_down].iter().all(|multiple| *multiple <= MULTIPLE_MAX)
        && is_range(f.bid_down, f.bid_up)
        && is_range(f.ask_down, f.ask_up)
}

fn reference_is_valid(rule: ReferenceRule) -> bool {
    (1..=1_000).contains(&rule.count) && (1..=3_600_000).contains(&rule.width_ms)
}

fn bits_are_valid(rules: &MarketRules) -> bool {
    let modes = SelfTradePrevention::ALL.iter().fold(0_u8, |bits, mode| bits | stp_bit(*mode));
    let kinds = OrderKind::ALL.iter().fold(0_u8, |bits, kind| bits | kind_bit(*kind));
    let features = Feature::ALL.iter().fold(0_u16, |bits, feature| bits | feature_bit(*feature));
    rules.stp_allowed & !modes == 0
        && rules.stp_allowed & stp_bit(rules.stp_default) != 0
        && rules.kinds & !kinds == 0
        && rules.features & !features == 0
}

/// The bit of a mode in `stp_allowed`.
#[inline(always)]
pub(crate) const fn stp_bit(mode: SelfTradePrevention) -> u8 {
    1_u8.wrapping_shl(mode as u32)
}

/// The bit of a kind in `kinds`.
#[inline(always)]
pub(crate) const fn kind_bit(kind: OrderKind) -> u8 {
    1_u8.wrapping_shl(kind as u32)
}

/// The bit of a feature in `features`.
#[inline(always)]
pub(crate) const fn feature_bit(feature: Feature) -> u16 {
    1_u16.wrapping_shl(feature as u32)
}
