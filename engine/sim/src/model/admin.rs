//! Assets, markets, accounts, and funds from and to the outside.

use std::collections::BTreeSet;

use tandem_core::event::Event;
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AccountId, Amount, AssetId, BIPS_ONE, CODE_MAX, DECIMALS_MAX, ExchangeRules, FEE_ACCOUNT, Fees, MarketId,
    MarketRules, MarketStatus, NAME_MAX, PERMISSION_SPOT, Price, RATE_ONE,
};

use super::{Account, Asset, Market, Model, Outcome, Sor};
use crate::planted::Planted;

/// No asset's credits pass this.
const CREDITED_MAX: u128 = 1 << 100;
/// No price, quantity or notional passes this.
pub(super) const NUMBER_MAX: u64 = (1 << 63) - 1;
/// Most basis points of a trailing delta where the trigger is above the market.
pub(super) const DELTA_ABOVE_MAX: u32 = 1_000_000;
/// No multiple of a price passes this, in 10^-8.
const MULTIPLE_MAX: u64 = 10_000_000_000_000_000;

/// What of an account can be changed.
#[derive(Clone, Copy)]
pub(super) struct Changes {
    pub(super) can_trade: bool,
    pub(super) fees: Option<Fees>,
    pub(super) trade_group: Option<u32>,
    pub(super) permissions: u32,
    pub(super) discount: bool,
}

impl Model {
    pub(super) fn create_asset(&mut self, code: &str, name: &str, decimals: u8) -> Outcome {
        check_code(code)?;
        check_name(name)?;
        if decimals > DECIMALS_MAX {
            return Err(RejectCode::DecimalsOutOfRange);
        }
        if self.assets.iter().any(|asset| asset.code == code) {
            return Err(RejectCode::AssetExists);
        }
        let asset = AssetId(self.assets.len() as u32);
        let (code, name) = (code.to_string(), name.to_string());
        self.assets.push(Asset { code: code.clone(), name: name.clone(), decimals, credited: 0, debited: 0 });
        Ok(vec![Event::AssetCreated { asset, code, name, decimals }])
    }

    pub(super) fn update_asset(&mut self, asset: AssetId, name: &str) -> Outcome {
        self.asset(asset)?;
        check_name(name)?;
        self.assets[asset.0 as usize].name = name.to_string();
        Ok(vec![Event::AssetUpdated { asset, name: name.to_string() }])
    }

    pub(super) fn create_market(
        &mut self,
        symbol: &str,
        base: AssetId,
        quote: AssetId,
        rules: &MarketRules,
    ) -> Outcome {
        check_code(symbol)?;
        let base_decimals = self.asset(base)?.decimals;
        self.asset(quote)?;
        if self.markets.iter().any(|market| market.symbol == symbol) {
            return Err(RejectCode::MarketExists);
        }
        if base == quote || !are_valid(rules, base_decimals) {
            return Err(RejectCode::MarketRulesInvalid);
        }
        check_rates(&[rules.fees, rules.special_fees, rules.tax_fees])?;
        let market = MarketId(self.markets.len() as u32);
        self.markets.push(Market {
            symbol: symbol.to_string(),
            base,
            quote,
            rules: *rules,
            status: MarketStatus::Trading,
            orders: Vec::new(),
            version: 0,
            trades: Vec::new(),
            prevented_matches: 0,
            allocations: 0,
            reference_said: None,
            reference_from: 0,
            client_ids_ever: BTreeSet::new(),
        });
        Ok(vec![Event::MarketCreated { market, symbol: symbol.to_string(), base, quote, rules: Box::new(*rules) }])
    }

    pub(super) fn update_market(&mut self, id: MarketId, rules: &MarketRules) -> Outcome {
        let market = self.market(id)?;
        if !are_valid(rules, self.asset(market.base)?.decimals) {
            return Err(RejectCode::MarketRulesInvalid);
        }
        check_rates(&[rules.fees, rules.special_fees, rules.tax_fees])?;
        let same_steps = rules.tick_size == market.rules.tick_size && rules.lot_size == market.rules.lot_size;
        if !same_steps && !market.orders.is_empty() {
            return Err(RejectCode::MarketHasOpenOrders);
        }
        if !same_steps && self.sors.values().any(|sor| sor.markets.contains(&id)) {
            return Err(RejectCode::SorInvalid);
        }
        let is_new_reference = rules.reference != market.rules.reference && !self.bug(Planted::ReferenceOutlivesRule);
        let fees = if self.bug(Planted::FeesNeverUpdated) { market.rules.fees } else { rules.fees };
        let market = self.market_mut(id);
        market.rules = MarketRules { fees, ..*rules };
        if is_new_reference {
            market.reference_from = market.trades.len();
            market.reference_said = None;
        }
        Ok(vec![Event::MarketUpdated { market: id, rules: Box::new(*rules) }])
    }

    pub(super) fn set_market_status(&mut self, market: MarketId, status: MarketStatus) -> Outcome {
        self.market(market)?;
        self.market_mut(market).status = status;
        Ok(vec![Event::MarketStatusChanged { market, status }])
    }

    pub(super) fn create_account(&mut self, name: &str) -> Outcome {
        check_name(name)?;
        if self.accounts.iter().any(|account| account.name == name) {
            return Err(RejectCode::AccountExists);
        }
        let account = AccountId(self.accounts.len() as u32);
        self.accounts.push(Account {
            name: name.to_string(),
            can_trade: true,
            fees: None,
            trade_group: None,
            permissions: PERMISSION_SPOT,
            discount: false,
        });
        Ok(vec![Event::AccountCreated { account, name: name.to_string() }])
    }

    pub(super) fn update_account(&mut self, id: AccountId, changes: Changes) -> Outcome {
        self.account(id)?;
        let Changes { can_trade, fees, trade_group, permissions, discount } = changes;
        check_rates(fees.as_slice())?;
        let account = &mut self.accounts[id.0 as usize];
        *account = Account { name: account.name.clone(), can_trade, fees, trade_group, permissions, discount };
        Ok(vec![Event::AccountUpdated { account: id, can_trade, fees, trade_group, permissions, discount }])
    }

    pub(super) fn update_exchange(&mut self, rules: &ExchangeRules) -> Outcome {
        if let Some(discount) = rules.discount
            && (self.asset(discount.asset).is_err() || discount.rate.0 > RATE_ONE)
        {
            return Err(RejectCode::ExchangeRulesInvalid);
        }
        self.rules = *rules;
        Ok(vec![Event::ExchangeUpdated { rules: *rules }])
    }

    pub(super) fn set_asset_limit(&mut self, account: AccountId, asset: AssetId, limit: Amount) -> Outcome {
        self.account(account)?;
        self.asset(asset)?;
        self.asset_limits.insert((account, asset), limit.0);
        Ok(vec![Event::AssetLimitSet { account, asset, limit }])
    }

    pub(super) fn set_reference_price(&mut self, id: MarketId, price: Option<Price>) -> Outcome {
        if self.market(id)?.rules.reference.is_some() {
            return Err(RejectCode::ReferencePriceComputed);
        }
        if price.is_some_and(|price| price.0 == 0 || price.0 > NUMBER_MAX) {
            return Err(RejectCode::PriceFilterFailed);
        }
        let time = self.time;
        self.market_mut(id).reference_said = Some((price, time));
        Ok(vec![Event::ReferencePriceSet { market: id, price }])
    }

    pub(super) fn set_sor(&mut self, base: AssetId, markets: &[MarketId], account: AccountId) -> Outcome {
        self.asset(base)?;
        let event = Event::SorSet { base, markets: markets.to_vec(), account };
        if markets.is_empty() {
            self.sors.remove(&base);
            return Ok(vec![event]);
        }
        self.account(account)?;
        let mut records = Vec::new();
        for id in markets {
            records.push(self.market(*id)?);
        }
        let quotes: BTreeSet<AssetId> = records.iter().map(|market| market.quote).collect();
        let first = records[0];
        let decimals = |market: &Market| self.assets[market.quote.0 as usize].decimals;
        let steps = |market: &Market| (market.rules.tick_size, market.rules.lot_size);
        let fits = |market: &&Market| {
            market.base == base && steps(market) == steps(first) && decimals(market) == decimals(first)
        };
        // A market that is there twice has its quote asset there twice.
        let is_valid = (2..=16).contains(&markets.len())
            && quotes.len() == markets.len()
            && records.iter().all(fits)
            && account != FEE_ACCOUNT;
        if !is_valid {
            return Err(RejectCode::SorInvalid);
        }
        self.sors.insert(base, Sor { markets: markets.to_vec(), account });
        Ok(vec![event])
    }

    pub(super) fn credit(&mut self, account: AccountId, asset: AssetId, amount: Amount) -> Outcome {
        self.account(account)?;
        let record = self.asset(asset)?;
        if amount.0 == 0 {
            return Err(RejectCode::AmountZero);
        }
        let gone = if self.bug(Planted::CreditBoundIsNet) { record.debited } else { 0 };
        if amount.0 > CREDITED_MAX || (record.credited - gone) as u128 + amount.0 > CREDITED_MAX {
            return Err(RejectCode::AmountOverflow);
        }
        self.assets[asset.0 as usize].credited += amount.0 as i128;
        self.balance_mut(account, asset).free += amount.0 as i128;
        Ok(vec![Event::Credited { account, asset, amount }])
    }

    pub(super) fn debit(&mut self, account: AccountId, asset: AssetId, amount: Amount) -> Outcome {
        self.account(account)?;
        self.asset(asset)?;
        if amount.0 == 0 {
            return Err(RejectCode::AmountZero);
        }
        let balance = self.balance(account, asset);
        let locked = if self.bug(Planted::DebitTakesLocked) { balance.locked } else { 0 };
        if amount.0 > (balance.free + locked) as u128 {
            return Err(RejectCode::BalanceInsufficient);
        }
        self.assets[asset.0 as usize].debited += amount.0 as i128;
        self.balance_mut(account, asset).free -= amount.0 as i128;
        Ok(vec![Event::Debited { account, asset, amount }])
    }
}

/// The spaces of the rules.
const SPACES: [u32; 19] = [
    0x20, 0xA0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028,
    0x2029, 0x202F, 0x205F, 0x3000,
];

fn is_control(c: char) -> bool {
    let at = u32::from(c);
    at < 0x20 || (0x7F..0xA0).contains(&at)
}

fn check_code(code: &str) -> Result<(), RejectCode> {
    let is_legal =
        (1..=CODE_MAX).contains(&code.len()) && !code.chars().any(|c| is_control(c) || SPACES.contains(&u32::from(c)));
    if is_legal { Ok(()) } else { Err(RejectCode::NameInvalid) }
}

fn check_name(name: &str) -> Result<(), RejectCode> {
    let is_legal = (1..=NAME_MAX).contains(&name.len()) && !name.chars().any(is_control);
    if is_legal { Ok(()) } else { Err(RejectCode::NameInvalid) }
}

/// The worst sum of one side's rates is at most one.
fn check_rates(all: &[Fees]) -> Result<(), RejectCode> {
    let worst = |fees: &Fees| u64::from(fees.maker.max(fees.taker).0) + u64::from(fees.buyer.max(fees.seller).0);
    if all.iter().map(worst).sum::<u64>() <= u64::from(RATE_ONE) { Ok(()) } else { Err(RejectCode::RateOutOfRange) }
}

fn are_valid(rules: &MarketRules, base_decimals: u8) -> bool {
    let (tick, lot) = (u128::from(rules.tick_size.0), u128::from(rules.lot_size.0));
    let steps = tick > 0 && lot > 0 && tick * lot % 10_u128.pow(u32::from(base_decimals)) == 0;
    if !steps {
        return false;
    }
    let mut bounds = vec![
        (u128::from(rules.price_min.0), u128::from(rules.price_max.0)),
        (u128::from(rules.qty_min.0), u128::from(rules.qty_max.0)),
        (u128::from(rules.market_qty_min.0), u128::from(rules.market_qty_max.0)),
        (tick, 0),
        (lot, 0),
        (u128::from(rules.market_lot_size.0), 0),
        (rules.max_position.0, 0),
    ];
    bounds.extend(rules.min_notional.map(|filter| (filter.min.0, 0)));
    bounds.extend(rules.notional.map(|filter| (filter.min.0, filter.max.0)));
    let max = u128::from(NUMBER_MAX);
    let bounds = bounds.iter().all(|(low, high)| *low <= max && *high <= max && (*high == 0 || high >= low));
    bounds
        && rules.market_lot_size.0.is_multiple_of(rules.lot_size.0)
        && rules.avg_price_mins <= 60
        && rules.stp_allowed < 1 << 6
        && rules.stp_allowed & (1 << rules.stp_default as u8) != 0
        && rules.kinds < 1 << 7
        && rules.features < 1 << 9
        && rules.iceberg_parts <= 1000
        && are_multiples_valid(rules)
        && rules.trailing_delta.is_none_or(|delta| {
            let above = delta.above_min >= 1 && delta.above_min <= delta.above_max;
            let below = delta.below_min >= 1 && delta.below_min <= delta.below_max;
            above && below && delta.above_max <= DELTA_ABOVE_MAX && delta.below_max <= BIPS_ONE
        })
        && rules
            .reference
            .is_none_or(|rule| (1..=1000).contains(&rule.count) && (1..=3_600_000).contains(&rule.width_ms))
}

fn are_multiples_valid(rules: &MarketRules) -> bool {
    let percent = rules.percent_price.is_none_or(|filter| {
        let sides = filter.by_side || (filter.bid_up, filter.bid_down) == (filter.ask_up, filter.ask_down);
        let fit = filter.bid_up.max(filter.ask_up) <= MULTIPLE_MAX;
        sides && fit && filter.bid_down <= filter.bid_up && filter.ask_down <= filter.ask_up
    });
    let range = rules.price_range.is_none_or(|range| {
        let all = [range.bid_up, range.bid_down, range.ask_up, range.ask_down];
        let ordered = |down: u64, up: u64| up == 0 || down <= up;
        all.iter().all(|multiple| *multiple <= MULTIPLE_MAX)
            && ordered(range.bid_down, range.bid_up)
            && ordered(range.ask_down, range.ask_up)
    });
    percent && range
}
