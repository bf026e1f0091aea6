//! Everything that is not an order: the setup of a stream, and changes in its middle.

use tandem_core::command::{Command, PlaceOrder};
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AccountId, Amount, AssetId, Discount, ExchangeRules, MarketId, MarketStatus, Price, RATE_ONE, RateE8, Side,
};

use super::{Generator, rules};
use crate::model::Model;

impl Generator {
    /// Assets, markets, accounts and their first funds.
    pub(super) fn plan_setup(&mut self) {
        let profile = self.profile.clone();
        let mut decimals = Vec::new();
        for index in 0..profile.assets {
            let mut digits = profile.decimals(&mut self.random);
            if profile.is_routed && index > 1 {
                digits = decimals[1];
            }
            decimals.push(digits);
            let command =
                Command::CreateAsset { code: format!("A{index}"), name: format!("Asset {index}"), decimals: digits };
            self.setup.push_back(command);
        }
        let mut worth = vec![0_u128; decimals.len()];
        let first_mid = profile.mid(&mut self.random);
        for index in 0..profile.markets {
            let mut base = self.random.below(profile.assets);
            let mut quote = (base + 1 + self.random.below(profile.assets - 1)) % profile.assets;
            let mut mid = profile.mid(&mut self.random);
            if profile.is_routed {
                (base, quote, mid) = (0, index + 1, first_mid);
            }
            self.mids.push(mid);
            let digits = decimals[base as usize];
            let rules = rules::rules(&mut self.random, digits, mid, &profile);
            let rules = match self.setup.back() {
                Some(Command::CreateMarket { rules: before, .. }) if profile.is_routed => {
                    let steps = (before.tick_size.0, before.lot_size.0);
                    rules::with_steps(&mut self.random, digits, mid, steps, &profile)
                }
                _ => rules,
            };
            let qty = u128::from(rules.lot_size.0) * u128::from(profile.lots);
            let cost = u128::from(mid) * u128::from(rules.tick_size.0) * qty / 10_u128.pow(u32::from(digits));
            worth[base as usize] = worth[base as usize].max(qty);
            worth[quote as usize] = worth[quote as usize].max(cost);
            let (base, quote) = (AssetId(base as u32), AssetId(quote as u32));
            self.setup.push_back(Command::CreateMarket {
                symbol: format!("M{index}"),
                base,
                quote,
                rules: Box::new(rules),
            });
        }
        for index in 1..=profile.accounts {
            self.setup.push_back(Command::CreateAccount { name: format!("account {index}") });
        }
        self.plan_accounts();
        for account in 1..=profile.accounts {
            for (asset, worth) in worth.iter().enumerate() {
                // So that the bound on credits leaves something for later.
                let most = (1 << 99) / u128::from(profile.accounts);
                // Who stands between the books is short of funds, mostly.
                let is_short = profile.is_routed && account == profile.accounts && !self.random.one_in(4);
                let times = if is_short { self.random.below(4) } else { profile.wealth };
                let worth = worth.saturating_mul(u128::from(times)).min(most);
                let amount = Amount(worth + u128::from(self.random.below(1000)) + 1);
                self.setup.push_back(Command::Credit {
                    account: AccountId(account as u32),
                    asset: AssetId(asset as u32),
                    amount,
                });
            }
        }
    }

    /// Groups and rates of accounts, the discount, and who stands between the books.
    fn plan_accounts(&mut self) {
        let profile = self.profile.clone();
        if !profile.has_extras && !profile.is_stampede {
            return;
        }
        for account in 1..=profile.accounts {
            if self.random.one_in(2) || profile.is_discounted {
                let mut command = self.changed_account(AccountId(account as u32), true);
                if let Command::UpdateAccount { permissions, .. } = &mut command {
                    *permissions |= 1;
                }
                self.setup.push_back(command);
            }
        }
        let asset = AssetId(self.random.below(profile.assets) as u32);
        let discount = Discount { asset, rate: RateE8(self.random.pick(&[0, 75_000_000, 75_000_000, RATE_ONE])) };
        if self.random.one_in(2) || profile.is_discounted {
            let rules = ExchangeRules { discount: Some(discount), ..ExchangeRules::default() };
            self.setup.push_back(Command::UpdateExchange { rules });
        }
        if profile.is_routed {
            let markets = (0..profile.markets).map(|id| MarketId(id as u32)).collect();
            let account = AccountId(profile.accounts as u32);
            self.setup.push_back(Command::SetSor { base: AssetId(0), markets, account });
        }
    }

    /// What this order lacks, several times over.
    pub(super) fn credit_for(&mut self, model: &Model, order: &PlaceOrder) -> Command {
        let market = &model.markets[order.market.0 as usize];
        let decimals = model.assets[market.base.0 as usize].decimals;
        let mid = self.mids[order.market.0 as usize].saturating_mul(market.rules.tick_size.0).min(1 << 63);
        let (price, qty) = (u128::from(order.price.0.max(mid)), u128::from(order.qty.0.max(market.rules.lot_size.0)));
        let (asset, amount) = match order.side {
            Side::Buy => (market.quote, price * qty / 10_u128.pow(u32::from(decimals)) + order.quote_qty.0),
            Side::Sell => (market.base, qty),
        };
        let amount = Amount(amount.saturating_mul(u128::from(self.random.between(2, 20))).min(1 << 96));
        Command::Credit { account: order.account, asset, amount }
    }

    /// Takes away what orders like this one fail by, time and again.
    pub(super) fn relief(&mut self, model: &Model, order: &PlaceOrder, code: RejectCode) -> Command {
        let (account, market) = (order.account, order.market);
        let (base, quote) = (model.markets[market.0 as usize].base, model.markets[market.0 as usize].quote);
        match code {
            RejectCode::AccountMayNotTrade | RejectCode::MarketNotPermitted => {
                let mut command = self.changed_account(account, true);
                if let Command::UpdateAccount { permissions, .. } = &mut command {
                    *permissions = u32::MAX;
                }
                command
            }
            RejectCode::ExchangeMaxNumOrdersReached | RejectCode::ExchangeMaxNumAlgoOrdersReached => {
                Command::UpdateExchange {
                    rules: ExchangeRules { discount: model.rules.discount, ..ExchangeRules::default() },
                }
            }
            RejectCode::MaxAssetExceeded => {
                let asset = self.random.pick(&[base, quote]);
                Command::SetAssetLimit { account, asset, limit: Amount(0) }
            }
            RejectCode::MaxNumOrdersReached => Command::CancelAll { account, market, by_exchange: true },
            _ => self.new_rules(model),
        }
    }

    pub(super) fn status(&mut self, model: &Model) -> Command {
        let status = self.random.pick(MarketStatus::ALL);
        Command::SetMarketStatus { market: self.market(model), status }
    }

    pub(super) fn new_rules(&mut self, model: &Model) -> Command {
        let market = self.market(model);
        let Some(record) = model.markets.get(market.0 as usize) else {
            return self.status(model);
        };
        let digits = model.assets[record.base.0 as usize].decimals;
        let mid = self.mids.get(market.0 as usize).copied().unwrap_or(10);
        let (tick, lot) = (record.rules.tick_size.0, record.rules.lot_size.0);
        let rules = if self.random.one_in(4) && !self.profile.is_huge {
            rules::rules(&mut self.random, digits, mid.min(10_000), &self.profile)
        } else {
            rules::with_steps(&mut self.random, digits, mid, (tick, lot), &self.profile)
        };
        Command::UpdateMarket { market, rules: Box::new(rules) }
    }

    pub(super) fn update_account(&mut self, model: &Model) -> Command {
        let account = AccountId(self.random.below(model.accounts.len() as u64) as u32);
        let can_trade = !self.random.one_in(10);
        self.changed_account(account, can_trade)
    }

    fn changed_account(&mut self, account: AccountId, can_trade: bool) -> Command {
        let groups = self.profile.groups;
        Command::UpdateAccount {
            account,
            can_trade,
            fees: self.random.one_in(2).then(|| rules::rates(&mut self.random)),
            trade_group: (groups > 0 && !self.random.one_in(4)).then(|| self.random.below(groups) as u32),
            permissions: self.random.pick(&[1, 1, 1, 1, 1, 1, 3, 3, u32::MAX, 2]),
            discount: self.profile.is_discounted || self.random.one_in(2),
        }
    }

    pub(super) fn exchange(&mut self, model: &Model) -> Command {
        let mut bound = || self.random.pick(&[0, 0, 0, 0, 0, 0, 2, 10, 40]);
        let rules = ExchangeRules {
            max_num_orders: bound(),
            max_num_algo_orders: bound(),
            max_num_iceberg_orders: bound(),
            max_num_order_lists: bound(),
            discount: None,
        };
        let one_too_many = u64::from(self.random.one_in(9));
        let discount = Discount {
            asset: AssetId(self.random.below(model.assets.len() as u64 + one_too_many) as u32),
            rate: RateE8(self.random.pick(&[0, 1, 75_000_000, 75_000_000, RATE_ONE, RATE_ONE + one_too_many as u32])),
        };
        Command::UpdateExchange {
            rules: ExchangeRules { discount: (!self.random.one_in(4)).then_some(discount), ..rules },
        }
    }

    pub(super) fn asset_limit(&mut self, model: &Model) -> Command {
        let (account, asset) = (self.someone(model), self.something(model));
        let market = model.markets.iter().find(|market| market.base == asset);
        let lots = u128::from(market.map_or(1, |market| market.rules.lot_size.0)) * u128::from(self.profile.lots);
        let limit = Amount(self.random.pick(&[0, 0, 0, 1, lots / 2, lots, lots * 1000, u128::MAX]));
        let nobody = AccountId(model.accounts.len() as u32);
        let nothing = AssetId(model.assets.len() as u32);
        match self.random.below(20) {
            0 => Command::SetAssetLimit { account: nobody, asset, limit },
            1 => Command::SetAssetLimit { account, asset: nothing, limit },
            _ => Command::SetAssetLimit { account, asset, limit },
        }
    }

    pub(super) fn reference_price(&mut self, model: &Model) -> Command {
        let one_too_many = u64::from(self.random.one_in(20));
        let market = MarketId(self.random.below(model.markets.len() as u64 + one_too_many) as u32);
        let tick = model.markets.get(market.0 as usize).map_or(1, |market| market.rules.tick_size.0);
        let mid = self.mids.get(market.0 as usize).copied().unwrap_or(1).saturating_mul(tick);
        let near = mid.min(1 << 62).saturating_add(self.random.below(tick.min(1 << 60) * 2));
        let odd = self.random.pick(&[0, 1, (1 << 63) - 1, 1 << 63, u64::MAX]);
        let price = match self.random.below(10) {
            0 | 1 => None,
            2 => Some(Price(odd)),
            _ => Some(Price(near)),
        };
        Command::SetReferencePrice { market, price }
    }

    /// The group of the setup again, none, or one that does not fit.
    pub(super) fn sor(&mut self, model: &Model) -> Command {
        let base = AssetId(self.random.below(2) as u32);
        let of_base = (0..model.markets.len()).filter(|id| model.markets[*id].base == base);
        let mut markets: Vec<MarketId> = of_base.map(|id| MarketId(id as u32)).collect();
        let account = AccountId(1 + self.random.below(self.profile.accounts) as u32);
        let twice = markets.first().copied();
        match self.random.below(16) {
            0 => markets.clear(),
            1 => markets.extend(twice),
            2 => markets.push(MarketId(model.markets.len() as u32)),
            3 => markets.push(MarketId(0)),
            4 => return Command::SetSor { base: AssetId(model.assets.len() as u32), markets, account },
            5 => return Command::SetSor { base, markets, account: AccountId(model.accounts.len() as u32) },
            6 => return Command::SetSor { base, markets, account: AccountId(0) },
            7 => markets.truncate(1),
            8 => markets.truncate(2),
            9 => markets.reverse(),
            10 => markets.extend(vec![MarketId(0); 17]),
            _ => {}
        }
        Command::SetSor { base, markets, account }
    }

    pub(super) fn someone(&mut self, model: &Model) -> AccountId {
        AccountId(self.random.below(model.accounts.len() as u64) as u32)
    }

    pub(super) fn something(&mut self, model: &Model) -> AssetId {
        AssetId(self.random.below(model.assets.len() as u64) as u32)
    }

    pub(super) fn credit(&mut self, model: &Model) -> Command {
        if self.profile.is_routed && self.random.one_in(2) {
            return self.credit_between(model);
        }
        if model.assets.len() as u64 > self.profile.assets && self.random.one_in(10) {
            return self.fill_up(model);
        }
        let amount = match self.random.below(40) {
            0 => 0,
            1 => 1 << 100,
            2 => u128::MAX,
            3 => (1 << 100) - 1,
            4 if self.profile.is_huge => 1 << 96,
            _ => u128::from(self.random.next() >> self.random.between(20, 63)),
        };
        Command::Credit { account: self.someone(model), asset: self.something(model), amount: Amount(amount) }
    }

    /// A few lots' worth of a quote asset for who stands between the books.
    fn credit_between(&mut self, model: &Model) -> Command {
        let id = self.market(model);
        let Some(market) = model.markets.get(id.0 as usize) else {
            return self.debit(model);
        };
        let one = 10_u128.pow(u32::from(model.assets[market.base.0 as usize].decimals));
        let (tick, lot) = (u128::from(market.rules.tick_size.0), u128::from(market.rules.lot_size.0));
        let mid = u128::from(self.mids.get(id.0 as usize).copied().unwrap_or(1));
        let lots = u128::from(1 + self.random.below(self.profile.lots * 2));
        let amount = Amount((mid * tick).saturating_mul(lot * lots) / one + u128::from(self.random.below(3)));
        Command::Credit { account: AccountId(self.profile.accounts as u32), asset: market.quote, amount }
    }

    /// To the bound of an asset that no market of the setup needs, or one unit more.
    fn fill_up(&mut self, model: &Model) -> Command {
        let last = model.assets.len() as u32 - 1;
        let room = (1_u128 << 100) - model.assets[last as usize].credited as u128;
        let amount = Amount(self.random.pick(&[room, room + 1, room / 2]));
        Command::Credit { account: self.someone(model), asset: AssetId(last), amount }
    }

    /// Up to all that is free, and sometimes a little more.
    pub(super) fn debit(&mut self, model: &Model) -> Command {
        let (account, asset) = (self.someone(model), self.something(model));
        let balance = model.balance(account, asset);
        let free = balance.free as u128;
        let amount = match self.random.below(12) {
            0 => 0,
            1 => free + 1,
            2 => free + balance.locked as u128,
            3 => u128::MAX,
            4 => free,
            _ => free / u128::from(self.random.between(2, 100)),
        };
        Command::Debit { account, asset, amount: Amount(amount) }
    }

    pub(super) fn create(&mut self, model: &Model) -> Command {
        let name = self.fresh_name();
        match self.random.below(4) {
            0 => Command::CreateAsset { code: name, name: "x".repeat(64), decimals: self.random.below(19) as u8 },
            1 => Command::UpdateAsset { asset: self.something(model), name },
            2 if model.markets.len() < 8 => {
                let base = self.something(model);
                let quote = self.something(model);
                let digits = model.assets.get(base.0 as usize).map_or(0, |asset| asset.decimals);
                let rules = rules::rules(&mut self.random, digits, 10, &self.profile);
                Command::CreateMarket { symbol: name, base, quote, rules: Box::new(rules) }
            }
            _ => Command::CreateAccount { name },
        }
    }
}
