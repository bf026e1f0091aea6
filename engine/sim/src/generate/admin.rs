//! Everything that is not an order: the setup of a stream, changes in its middle, and nonsense of each kind.

use tandem_core::command::{Command, PlaceOrder};
use tandem_core::types::{
    AccountId, Amount, AssetId, Fees, MarketId, MarketRules, MarketStatus, Notional, Price, Qty, RATE_ONE, RateE8,
    SelfTradePrevention, Side,
};

use super::Generator;
use super::profile;
use crate::model::Model;

const BAD_NAMES: [&str; 8] = ["", "a\tb", "a\u{7f}", "\u{0}", "a\u{85}b", "a b", "é", "\u{2003}x"];

impl Generator {
    /// Assets, markets, accounts and their first funds.
    pub(super) fn plan_setup(&mut self) {
        let profile = self.profile.clone();
        let mut decimals = Vec::new();
        for index in 0..profile.assets {
            let digits = profile.decimals(&mut self.random);
            decimals.push(digits);
            let command =
                Command::CreateAsset { code: format!("A{index}"), name: format!("Asset {index}"), decimals: digits };
            self.setup.push_back(command);
        }
        let mut worth = vec![0_u128; decimals.len()];
        for index in 0..profile.markets {
            let base = self.random.below(profile.assets);
            let quote = (base + 1 + self.random.below(profile.assets - 1)) % profile.assets;
            let mid = profile.mid(&mut self.random);
            self.mids.push(mid);
            let digits = decimals[base as usize];
            let rules = profile::rules(&mut self.random, digits, mid, profile.is_huge);
            let qty = u128::from(rules.lot_size.0) * u128::from(profile.lots);
            let cost = u128::from(mid) * u128::from(rules.tick_size.0) * qty / 10_u128.pow(u32::from(digits));
            worth[base as usize] = worth[base as usize].max(qty);
            worth[quote as usize] = worth[quote as usize].max(cost);
            let (base, quote) = (AssetId(base as u32), AssetId(quote as u32));
            self.setup.push_back(Command::CreateMarket { symbol: format!("M{index}"), base, quote, rules });
        }
        for index in 1..=profile.accounts {
            self.setup.push_back(Command::CreateAccount { name: format!("account {index}") });
        }
        for account in 1..=profile.accounts {
            for (asset, worth) in worth.iter().enumerate() {
                // So that the bound on credits leaves something for later.
                let most = (1 << 99) / u128::from(profile.accounts);
                let worth = worth.saturating_mul(u128::from(profile.wealth)).min(most);
                let amount = Amount(worth + u128::from(self.random.below(1000)) + 1);
                self.setup.push_back(Command::Credit {
                    account: AccountId(account as u32),
                    asset: AssetId(asset as u32),
                    amount,
                });
            }
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
            profile::rules(&mut self.random, digits, mid.min(10_000), false)
        } else {
            profile::with_steps(&mut self.random, digits, mid, tick, lot)
        };
        Command::UpdateMarket { market, rules }
    }

    pub(super) fn update_account(&mut self, model: &Model) -> Command {
        let account = AccountId(self.random.below(model.accounts.len() as u64) as u32);
        let fees = self.random.one_in(2).then(|| profile::rates(&mut self.random));
        Command::UpdateAccount { account, can_trade: !self.random.one_in(10), fees }
    }

    fn someone(&mut self, model: &Model) -> AccountId {
        AccountId(self.random.below(model.accounts.len() as u64) as u32)
    }

    fn something(&mut self, model: &Model) -> AssetId {
        AssetId(self.random.below(model.assets.len() as u64) as u32)
    }

    pub(super) fn credit(&mut self, model: &Model) -> Command {
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
                let rules = profile::rules(&mut self.random, digits, 10, false);
                Command::CreateMarket { symbol: name, base, quote, rules }
            }
            _ => Command::CreateAccount { name },
        }
    }

    /// A command with one thing wrong.
    pub(super) fn bad_admin(&mut self, model: &Model) -> Command {
        let bad_name = self.bad_name();
        let name = self.fresh_name();
        let nobody = AccountId(self.random.pick(&[model.accounts.len() as u32, u32::MAX]));
        let nothing = AssetId(self.random.pick(&[model.assets.len() as u32, u32::MAX]));
        let nowhere = MarketId(self.random.pick(&[model.markets.len() as u32, u32::MAX]));
        let fees = Fees { maker: RateE8(RATE_ONE + 1), taker: RateE8(0) };
        match self.random.below(16) {
            0 => Command::CreateAsset { code: bad_name, name, decimals: self.random.below(20) as u8 },
            1 => Command::CreateAsset { code: name, name: bad_name, decimals: self.random.below(20) as u8 },
            2 => Command::CreateAsset { code: name.clone(), name, decimals: self.random.pick(&[19, 255]) },
            3 => Command::CreateAsset { code: "A0".into(), name, decimals: 3 },
            4 => Command::UpdateAsset { asset: nothing, name },
            5 => Command::UpdateAsset { asset: AssetId(0), name: bad_name },
            6 => self.bad_market(model, bad_name),
            7 => self.bad_market(model, name),
            8 => Command::CreateAccount { name: bad_name },
            9 => Command::CreateAccount { name: self.random.pick(&["fees", "account 1"]).into() },
            10 => Command::UpdateAccount { account: nobody, can_trade: true, fees: None },
            11 => Command::UpdateAccount { account: AccountId(1), can_trade: true, fees: Some(fees) },
            12 => Command::SetMarketStatus { market: nowhere, status: MarketStatus::Halt },
            13 => Command::Credit { account: nobody, asset: AssetId(0), amount: Amount(1) },
            14 => Command::Debit { account: AccountId(1), asset: nothing, amount: Amount(1) },
            _ => self.bad_rules(model, nowhere),
        }
    }

    fn bad_name(&mut self) -> String {
        match self.random.below(12) {
            0 => "x".repeat(33),
            1 => "x".repeat(65),
            2 => "é".repeat(33),
            3 => "x".repeat(300),
            4 => "é".repeat(16),
            5 => "x".repeat(32),
            _ => self.random.pick(&BAD_NAMES).into(),
        }
    }

    fn bad_market(&mut self, model: &Model, symbol: String) -> Command {
        let market = self.market(model);
        let (base, quote) = (self.something(model), self.something(model));
        let digits = model.assets.get(base.0 as usize).map_or(0, |asset| asset.decimals);
        let mut rules = profile::rules(&mut self.random, digits, 10, false);
        let nothing = AssetId(model.assets.len() as u32);
        match self.random.below(6) {
            0 => Command::CreateMarket { symbol, base: nothing, quote, rules },
            1 => Command::CreateMarket { symbol, base, quote: nothing, rules },
            2 => Command::CreateMarket { symbol, base, quote: base, rules },
            3 => Command::CreateMarket { symbol: format!("M{}", market.0), base, quote, rules },
            _ => {
                self.break_rules(&mut rules);
                Command::CreateMarket { symbol, base, quote, rules }
            }
        }
    }

    fn bad_rules(&mut self, model: &Model, nowhere: MarketId) -> Command {
        let market = self.market(model);
        let Some(record) = model.markets.get(market.0 as usize) else {
            return Command::CancelAll { account: AccountId(1), market };
        };
        let mut rules = record.rules;
        if self.random.one_in(5) {
            return Command::UpdateMarket { market: nowhere, rules };
        }
        self.break_rules(&mut rules);
        Command::UpdateMarket { market, rules }
    }

    /// Breaks one rule, or goes to the very edge of it.
    fn break_rules(&mut self, rules: &mut MarketRules) {
        let big = self.random.pick(&[(1 << 63) - 1, 1 << 63, u64::MAX]);
        match self.random.below(16) {
            0 => rules.tick_size = Price(self.random.pick(&[0, 1, 3, 7, big])),
            1 => rules.lot_size = Qty(self.random.pick(&[0, 1, 3, 7, big])),
            2 => (rules.price_min, rules.price_max) = (Price(2), Price(self.random.between(0, 2))),
            3 => (rules.qty_min, rules.qty_max) = (Qty(2), Qty(self.random.between(0, 2))),
            4 => (rules.market_qty_min, rules.market_qty_max) = (Qty(2), Qty(self.random.between(0, 2))),
            5 => rules.market_lot_size = Qty(rules.lot_size.0.saturating_add(1)),
            6 => rules.avg_price_mins = self.random.pick(&[60, 61, 255]),
            7 => rules.stp_allowed = self.random.next() as u8,
            8 => rules.stp_default = self.random.pick(SelfTradePrevention::ALL),
            9 => rules.price_max = Price(big),
            10 => rules.qty_max = Qty(big),
            11 => rules.fees.taker = RateE8(self.random.pick(&[RATE_ONE, RATE_ONE + 1, u32::MAX])),
            12 => rules.fees.maker = RateE8(self.random.pick(&[RATE_ONE, RATE_ONE + 1, u32::MAX])),
            13 => rules.market_lot_size = Qty(rules.lot_size.0.saturating_mul(2)),
            14 => rules.market_qty_max = Qty(big),
            _ => {
                let (min, max) =
                    (Amount(self.random.below(3).into()), Amount(u128::from(big) * u128::from(self.random.below(2))));
                let (apply_min_to_market, apply_max_to_market) = (true, true);
                rules.notional = Some(Notional { min, max, apply_min_to_market, apply_max_to_market });
            }
        }
    }
}
