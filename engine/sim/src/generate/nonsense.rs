//! Commands that have one thing wrong, or go to the very edge of what is right.

use tandem_core::command::Command;
use tandem_core::types::{
    AccountId, Amount, AssetId, Fees, MarketId, MarketRules, MarketStatus, Notional, PercentPrice, Price, PriceRange,
    Qty, RATE_ONE, RateE8, ReferenceRule, SelfTradePrevention, TrailingDelta,
};

use super::{Generator, rules};
use crate::model::Model;

const BAD_NAMES: [&str; 8] = ["", "a\tb", "a\u{7f}", "\u{0}", "a\u{85}b", "a b", "é", "\u{2003}x"];

impl Generator {
    /// A command with one thing wrong.
    pub(super) fn bad_admin(&mut self, model: &Model) -> Command {
        let bad_name = self.bad_name();
        let name = self.fresh_name();
        let nobody = AccountId(self.random.pick(&[model.accounts.len() as u32, u32::MAX]));
        let nothing = AssetId(self.random.pick(&[model.assets.len() as u32, u32::MAX]));
        let nowhere = MarketId(self.random.pick(&[model.markets.len() as u32, u32::MAX]));
        let fees = Fees { maker: RateE8(RATE_ONE), seller: RateE8(1), ..Fees::default() };
        let update = |account: AccountId, fees: Option<Fees>| Command::UpdateAccount {
            account,
            can_trade: true,
            fees,
            trade_group: None,
            permissions: 1,
            discount: false,
        };
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
            10 => update(nobody, None),
            11 => update(AccountId(1), Some(fees)),
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
        let mut rules = rules::rules(&mut self.random, digits, 10, &self.profile);
        let nothing = AssetId(model.assets.len() as u32);
        match self.random.below(6) {
            0 => Command::CreateMarket { symbol, base: nothing, quote, rules: Box::new(rules) },
            1 => Command::CreateMarket { symbol, base, quote: nothing, rules: Box::new(rules) },
            2 => Command::CreateMarket { symbol, base, quote: base, rules: Box::new(rules) },
            3 => Command::CreateMarket { symbol: format!("M{}", market.0), base, quote, rules: Box::new(rules) },
            _ => {
                self.break_rules(&mut rules);
                Command::CreateMarket { symbol, base, quote, rules: Box::new(rules) }
            }
        }
    }

    fn bad_rules(&mut self, model: &Model, nowhere: MarketId) -> Command {
        let market = self.market(model);
        let Some(record) = model.markets.get(market.0 as usize) else {
            return Command::CancelAll { account: AccountId(1), market, by_exchange: false };
        };
        let mut rules = record.rules;
        if self.random.one_in(5) {
            return Command::UpdateMarket { market: nowhere, rules: Box::new(rules) };
        }
        self.break_rules(&mut rules);
        Command::UpdateMarket { market, rules: Box::new(rules) }
    }

    /// Breaks one rule, or goes to the very edge of it.
    fn break_rules(&mut self, rules: &mut MarketRules) {
        let big = self.random.pick(&[(1 << 63) - 1, 1 << 63, u64::MAX]);
        if self.random.one_in(2) {
            self.break_extras(rules);
            return;
        }
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
    fn break_extras(&mut self, rules: &mut MarketRules) {
        let multiple = self.random.pick(&[10_000_000_000_000_000, 10_000_000_000_000_001, u64::MAX]);
        let one = 100_000_000;
        let percent = PercentPrice { bid_up: one, bid_down: one, ask_up: one, ask_down: one, by_side: false };
        let range = PriceRange { bid_up: one, bid_down: one, ask_up: one, ask_down: 0 };
        let delta = TrailingDelta { above_min: 1, above_max: 1, below_min: 1, below_max: 1 };
        let max = (1 << 63) - 1;
        match self.random.below(19) {
            0 => rules.kinds = self.random.pick(&[127, 128, 255, 0]),
            1 => rules.features = self.random.pick(&[511, 512, u16::MAX, 0]),
            2 => rules.iceberg_parts = self.random.pick(&[1000, 1001, u16::MAX]),
            3 => rules.max_position = Amount(self.random.pick(&[max, max + 1, u128::MAX])),
            4 => rules.percent_price = Some(PercentPrice { bid_up: multiple, ask_up: multiple, ..percent }),
            5 => rules.percent_price = Some(PercentPrice { ask_up: one + 1, ..percent }),
            6 => rules.percent_price = Some(PercentPrice { ask_up: one + 1, by_side: true, ..percent }),
            7 => rules.percent_price = Some(PercentPrice { bid_down: one + 1, by_side: true, ..percent }),
            8 => rules.price_range = Some(PriceRange { bid_up: multiple, ..range }),
            9 => rules.price_range = Some(PriceRange { ask_down: one + 1, ..range }),
            10 => rules.price_range = Some(PriceRange { ask_down: multiple, ask_up: 0, ..range }),
            11 => rules.trailing_delta = Some(TrailingDelta { above_min: self.random.below(3) as u32, ..delta }),
            12 => {
                rules.trailing_delta =
                    Some(TrailingDelta { below_max: self.random.pick(&[0, 10_000, 10_001]), ..delta })
            }
            13 => {
                rules.trailing_delta =
                    Some(TrailingDelta { above_max: self.random.pick(&[1_000_000, 1_000_001]), ..delta })
            }
            14 => rules.reference = Some(ReferenceRule { count: self.random.pick(&[0, 1, 1000, 1001]), width_ms: 1 }),
            15 => {
                let width_ms = self.random.pick(&[0, 1, 3_600_000, 3_600_001]);
                rules.reference = Some(ReferenceRule { count: 1, width_ms });
            }
            16 => rules.tax_fees.seller = RateE8(self.random.pick(&[1, RATE_ONE, u32::MAX])),
            17 => rules.special_fees.maker = RateE8(self.random.pick(&[1, RATE_ONE, u32::MAX])),
            _ => rules.fees.buyer = RateE8(self.random.pick(&[1, RATE_ONE, u32::MAX])),
        }
    }
}
