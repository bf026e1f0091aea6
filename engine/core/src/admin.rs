//! The rare commands: assets, markets, accounts and funds from and to the outside.

use crate::broken::Broken;
use crate::command::Command;
use crate::core::{Core, Stop, next_id};
use crate::event::Event;
use crate::exchange::Sor;
use crate::fees::rates_are_valid;
use crate::ledger::Totals;
use crate::market::{Market, NUMBER_MAX, rules_are_valid};
use crate::reference::Reference;
use crate::reject::RejectCode;
use crate::types::{
    AccountId, Amount, AssetId, CODE_MAX, DECIMALS_MAX, ExchangeRules, FEE_ACCOUNT, MarketId, MarketRules,
    MarketStatus, NAME_MAX, Price, Qty, RATE_ONE,
};
use crate::view::{Account, Asset, SorView};

/// The most that may ever be credited of one asset: no sum of balances can then pass 128 bits.
pub(crate) const CREDITED_MAX: u128 = 1 << 100;

/// The most markets of a routing group.
const SOR_MARKETS_MAX: usize = 16;

/// As listed in the rules: what the compiler's Unicode tables say may change, and a replay must not.
const fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}')
}

/// As listed in the rules, beside the control characters.
const fn is_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

fn judge_code(code: &str) -> Result<(), RejectCode> {
    let is_legal = !code.is_empty() && code.len() <= CODE_MAX && !code.chars().any(|c| is_control(c) || is_space(c));
    if is_legal { Ok(()) } else { Err(RejectCode::NameInvalid) }
}

fn judge_name(name: &str) -> Result<(), RejectCode> {
    let is_legal = !name.is_empty() && name.len() <= NAME_MAX && !name.chars().any(is_control);
    if is_legal { Ok(()) } else { Err(RejectCode::NameInvalid) }
}

/// Whether an asset could have been created with this code, name and decimals.
pub(crate) fn judge_asset(code: &str, name: &str, decimals: u8) -> Result<(), RejectCode> {
    judge_code(code)?;
    judge_name(name)?;
    if decimals > DECIMALS_MAX { Err(RejectCode::DecimalsOutOfRange) } else { Ok(()) }
}

/// Whether an account could have been created with this name.
pub(crate) fn judge_account_name(name: &str) -> Result<(), RejectCode> {
    judge_name(name)
}

/// `10^decimals`; decimals never pass 18.
pub(crate) const fn one_of(decimals: u8) -> u64 {
    10_u64.saturating_pow(decimals as u32)
}

impl Core {
    #[cold]
    pub(crate) fn administer(&mut self, command: &Command) -> Result<Event, Stop> {
        match command {
            Command::CreateAsset { code, name, decimals } => self.create_asset(code, name, *decimals),
            Command::UpdateAsset { asset, name } => self.update_asset(*asset, name),
            Command::CreateMarket { symbol, base, quote, rules } => self.create_market(symbol, *base, *quote, rules),
            Command::UpdateMarket { market, rules } => self.update_market(*market, rules),
            Command::SetMarketStatus { market, status } => self.set_market_status(*market, *status),
            Command::CreateAccount { name } => self.create_account(name),
            Command::UpdateAccount { .. } => self.update_account(command),
            Command::Credit { account, asset, amount } => self.credit(*account, *asset, *amount),
            Command::Debit { account, asset, amount } => self.debit(*account, *asset, *amount),
            Command::UpdateExchange { rules } => self.update_exchange(rules),
            Command::SetAssetLimit { account, asset, limit } => self.set_asset_limit(*account, *asset, *limit),
            Command::SetReferencePrice { market, price } => self.set_reference_price(*market, *price),
            Command::SetSor { base, markets, account } => self.set_sor(*base, markets, *account),
            // These never come here; were one to, it would change nothing.
            Command::PlaceOrder(_)
            | Command::CancelOrder(_)
            | Command::CancelAll { .. }
            | Command::PlaceList(_)
            | Command::CancelList(_)
            | Command::AmendOrder(_)
            | Command::CancelReplace(_)
            | Command::RunReleases => Err(RejectCode::CommandNotUnderstood.into()),
        }
    }

    pub(crate) fn known_asset(&self, asset: AssetId) -> Result<&Asset, RejectCode> {
        self.assets.get(asset.0 as usize).ok_or(RejectCode::AssetUnknown)
    }

    fn create_asset(&mut self, code: &str, name: &str, decimals: u8) -> Result<Event, Stop> {
        judge_asset(code, name, decimals)?;
        if self.asset_codes.contains_key(code) {
            return Err(RejectCode::AssetExists.into());
        }
        let id = AssetId(next_id(self.assets.len())?);
        let (code, name) = (code.to_owned(), name.to_owned());
        self.asset_codes.insert(code.clone(), id.0);
        self.assets.push(Asset { id, code: code.clone(), name: name.clone(), decimals });
        self.ledger.totals.push(Totals::default());
        Ok(Event::AssetCreated { asset: id, code, name, decimals })
    }

    fn update_asset(&mut self, asset: AssetId, name: &str) -> Result<Event, Stop> {
        let known = self.assets.get_mut(asset.0 as usize).ok_or(RejectCode::AssetUnknown)?;
        judge_name(name)?;
        name.clone_into(&mut known.name);
        Ok(Event::AssetUpdated { asset, name: name.to_owned() })
    }

    fn create_market(
        &mut self,
        symbol: &str,
        base: AssetId,
        quote: AssetId,
        rules: &MarketRules,
    ) -> Result<Event, Stop> {
        judge_code(symbol)?;
        let one = one_of(self.known_asset(base)?.decimals);
        self.known_asset(quote)?;
        if self.symbols.contains_key(symbol) {
            return Err(RejectCode::MarketExists.into());
        }
        let id = MarketId(next_id(self.markets.len())?);
        let mut market = judge_market(id, symbol, base, quote, one, rules)?;
        market.orders.set_seed(self.hash_seed).ok_or(Broken::OrderIndex)?;
        self.symbols.insert(symbol.to_owned(), id.0);
        self.markets.push(market);
        self.exchange.add_market(id, base, quote);
        Ok(Event::MarketCreated { market: id, symbol: symbol.to_owned(), base, quote, rules: Box::new(*rules) })
    }

    fn update_market(&mut self, market: MarketId, rules: &MarketRules) -> Result<Event, Stop> {
        let known = self.markets.get_mut(market.0 as usize).ok_or(RejectCode::MarketUnknown)?;
        judge_rules(rules, known.one)?;
        let is_same_grid = known.rules.tick_size == rules.tick_size && known.rules.lot_size == rules.lot_size;
        if !is_same_grid && known.orders.len() > 0 {
            return Err(RejectCode::MarketHasOpenOrders.into());
        }
        if !is_same_grid && known.is_in_sor {
            return Err(RejectCode::SorInvalid.into());
        }
        known.set_rules(*rules).ok_or(RejectCode::MarketRulesInvalid)?;
        Ok(Event::MarketUpdated { market, rules: Box::new(*rules) })
    }

    fn set_market_status(&mut self, market: MarketId, status: MarketStatus) -> Result<Event, Stop> {
        let known = self.markets.get_mut(market.0 as usize).ok_or(RejectCode::MarketUnknown)?;
        known.status = status;
        Ok(Event::MarketStatusChanged { market, status })
    }

    fn create_account(&mut self, name: &str) -> Result<Event, Stop> {
        judge_name(name)?;
        if self.find_name(name).is_some() {
            return Err(RejectCode::AccountExists.into());
        }
        let id = AccountId(next_id(self.accounts.len())?);
        self.add_account(Account::new(id, name.to_owned()))?;
        Ok(Event::AccountCreated { account: id, name: name.to_owned() })
    }

    fn update_account(&mut self, command: &Command) -> Result<Event, Stop> {
        let &Command::UpdateAccount { account, can_trade, fees, trade_group, permissions, discount } = command else {
            return Err(RejectCode::CommandNotUnderstood.into());
        };
        let known = self.accounts.get_mut(account.0 as usize).ok_or(RejectCode::AccountUnknown)?;
        if fees.is_some_and(|fees| !rates_are_valid(&[fees])) {
            return Err(RejectCode::RateOutOfRange.into());
        }
        known.can_trade = can_trade;
        known.fees = fees;
        known.trade_group = trade_group;
        known.permissions = permissions;
        known.discount = discount;
        Ok(Event::AccountUpdated { account, can_trade, fees, trade_group, permissions, discount })
    }

    /// Whether these may be the rules of the whole exchange.
    pub(crate) fn judge_exchange(&self, rules: &ExchangeRules) -> Result<(), RejectCode> {
        let is_legal = rules.discount.is_none_or(|d| self.known_asset(d.asset).is_ok() && d.rate.0 <= RATE_ONE);
        if is_legal { Ok(()) } else { Err(RejectCode::ExchangeRulesInvalid) }
    }

    fn update_exchange(&mut self, rules: &ExchangeRules) -> Result<Event, Stop> {
        self.judge_exchange(rules)?;
        self.exchange.rules = *rules;
        Ok(Event::ExchangeUpdated { rules: *rules })
    }

    fn set_asset_limit(&mut self, account: AccountId, asset: AssetId, limit: Amount) -> Result<Event, Stop> {
        self.known_account(account)?;
        self.known_asset(asset)?;
        self.ledger.wallet_mut(account)?.set_limit(asset, limit);
        Ok(Event::AssetLimitSet { account, asset, limit })
    }

    fn set_reference_price(&mut self, market: MarketId, price: Option<Price>) -> Result<Event, Stop> {
        let known = self.markets.get_mut(market.0 as usize).ok_or(RejectCode::MarketUnknown)?;
        if known.rules.reference.is_some() {
            return Err(RejectCode::ReferencePriceComputed.into());
        }
        if price.is_some_and(|price| price.0 == 0 || price.0 > NUMBER_MAX) {
            return Err(RejectCode::PriceFilterFailed.into());
        }
        known.reference = Reference::given(price, self.time);
        Ok(Event::ReferencePriceSet { market, price })
    }

    fn set_sor(&mut self, base: AssetId, markets: &[MarketId], account: AccountId) -> Result<Event, Stop> {
        self.judge_sor(&SorView { base, markets, account })?;
        self.put_sor(base, Sor { markets: markets.to_vec(), account })?;
        Ok(Event::SorSet { base, markets: markets.to_vec(), account })
    }

    /// Whether this may be a routing group.
    pub(crate) fn judge_sor(&self, sor: &SorView<'_>) -> Result<(), RejectCode> {
        self.known_asset(sor.base)?;
        if sor.markets.is_empty() {
            return Ok(());
        }
        self.known_account(sor.account)?;
        let mut quotes: Vec<AssetId> = Vec::with_capacity(sor.markets.len());
        for id in sor.markets {
            quotes.push(self.known_market(*id)?.quote);
        }
        quotes.sort_unstable();
        // Markets of one base asset with different quote assets are different markets.
        let is_distinct = quotes.is_sorted_by(|a, b| a < b);
        let mut grids = sor.markets.iter().map(|id| self.grid_of(*id, sor.base));
        let first = grids.next().flatten();
        let is_even = first.is_some() && grids.all(|grid| grid == first);
        let is_legal =
            (2..=SOR_MARKETS_MAX).contains(&quotes.len()) && is_distinct && is_even && sor.account != FEE_ACCOUNT;
        if is_legal { Ok(()) } else { Err(RejectCode::SorInvalid) }
    }

    /// What must be equal in all markets of a group; `None`: it is a market of another base asset.
    fn grid_of(&self, market: MarketId, base: AssetId) -> Option<(Price, Qty, u8)> {
        let market = self.known_market(market).ok().filter(|market| market.base == base)?;
        let decimals = self.known_asset(market.quote).ok()?.decimals;
        Some((market.rules.tick_size, market.rules.lot_size, decimals))
    }

    /// Replaces the group of a base asset, which was judged.
    pub(crate) fn put_sor(&mut self, base: AssetId, sor: Sor) -> Result<(), Broken> {
        if let Some(before) = self.exchange.sors.remove(&base) {
            self.mark_sor(&before.markets, false)?;
        }
        if !sor.markets.is_empty() {
            self.mark_sor(&sor.markets, true)?;
            self.exchange.sors.insert(base, sor);
        }
        Ok(())
    }

    fn mark_sor(&mut self, markets: &[MarketId], is_in_sor: bool) -> Result<(), Broken> {
        for id in markets {
            self.markets.get_mut(id.0 as usize).ok_or(Broken::IdUnknown)?.is_in_sor = is_in_sor;
        }
        Ok(())
    }

    fn credit(&mut self, account: AccountId, asset: AssetId, amount: Amount) -> Result<Event, Stop> {
        self.judge_transfer(account, asset, amount)?;
        let totals = self.ledger.totals_mut(asset)?;
        let credited = totals.credited.checked_add(amount.0).filter(|sum| *sum <= CREDITED_MAX);
        totals.credited = credited.ok_or(RejectCode::AmountOverflow)?;
        self.ledger.wallet_mut(account)?.entry(asset)?.receive(amount.0)?;
        Ok(Event::Credited { account, asset, amount })
    }

    fn debit(&mut self, account: AccountId, asset: AssetId, amount: Amount) -> Result<Event, Stop> {
        self.judge_transfer(account, asset, amount)?;
        if self.ledger.balance(account, asset).free < amount {
            return Err(RejectCode::BalanceInsufficient.into());
        }
        self.ledger.wallet_mut(account)?.entry(asset)?.spend(amount.0)?;
        let totals = self.ledger.totals_mut(asset)?;
        let debited = totals.debited.checked_add(amount.0);
        totals.debited = debited.ok_or(crate::broken::Broken::BalanceOverflow)?;
        Ok(Event::Debited { account, asset, amount })
    }

    fn judge_transfer(&self, account: AccountId, asset: AssetId, amount: Amount) -> Result<(), RejectCode> {
        self.known_account(account)?;
        self.known_asset(asset)?;
        if amount.0 == 0 { Err(RejectCode::AmountZero) } else { Ok(()) }
    }
}

fn judge_rules(rules: &MarketRules, one: u64) -> Result<(), RejectCode> {
    if !rules_are_valid(rules, one) {
        return Err(RejectCode::MarketRulesInvalid);
    }
    if rates_are_valid(&[rules.fees, rules.special_fees, rules.tax_fees]) {
        Ok(())
    } else {
        Err(RejectCode::RateOutOfRange)
    }
}

/// A new market, when its rules are valid; also asked of markets in a snapshot.
pub(crate) fn judge_market(
    id: MarketId,
    symbol: &str,
    base: AssetId,
    quote: AssetId,
    one: u64,
    rules: &MarketRules,
) -> Result<Market, RejectCode> {
    judge_code(symbol)?;
    if base == quote {
        return Err(RejectCode::MarketRulesInvalid);
    }
    judge_rules(rules, one)?;
    Market::new(id, symbol.to_owned(), base, quote, one, *rules).ok_or(RejectCode::MarketRulesInvalid)
}

#[cfg(test)]
mod tests {
    use super::{judge_code, judge_name};

    /// The characters that are refused alone, as ranges.
    fn refused(judge: impl Fn(&str) -> bool) -> Vec<(u32, u32)> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for c in '\0'..=char::MAX {
            if judge(c.encode_utf8(&mut [0; 4])) {
                continue;
            }
            let at = u32::from(c);
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == at => *last = at,
                _ => ranges.push((at, at)),
            }
        }
        ranges
    }

    #[test]
    fn the_characters_of_codes_and_names_are_those_of_the_rules_with_every_compiler() {
        let single = |at: u32| (at, at);
        let mut expected = vec![(0, 0x20), (0x7f, 0xa0), single(0x1680), (0x2000, 0x200a), (0x2028, 0x2029)];
        expected.extend([single(0x202f), single(0x205f), single(0x3000)]);
        assert_eq!(refused(|code| judge_code(code).is_ok()), expected);
        assert_eq!(refused(|name| judge_name(name).is_ok()), [(0, 0x1f), (0x7f, 0x9f)]);
    }
}
