//! Reads the command lines of a scenario. `engine/core/scenarios/README.md` describes the language.

use tandem_core::Core;
use tandem_core::command::{Command, Origin};
use tandem_core::types::*;

use super::{NOBODY, amount_of, orders};

/// The words of a line, taken one after the other.
pub struct Words(std::collections::VecDeque<String>);

impl Words {
    pub fn new(line: &str) -> Self {
        // `_` in a word that is in quotes stands for itself; quotes keep spaces together.
        let mut words = std::collections::VecDeque::new();
        for (at, part) in line.split('"').enumerate() {
            if at % 2 == 1 {
                words.push_back(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        Self(words)
    }
    pub fn peek(&self) -> &str {
        self.0.front().map_or("", String::as_str)
    }
    pub fn next(&mut self) -> Result<String, String> {
        self.0.pop_front().ok_or("the line is too short".to_owned())
    }
    pub fn rest(&mut self) -> Vec<String> {
        self.0.drain(..).collect()
    }
    pub fn take(&mut self, word: &str) -> bool {
        let is_next = self.peek() == word;
        if is_next {
            self.0.pop_front();
        }
        is_next
    }
    /// The lines between the `|` of the rest.
    pub fn parts(&mut self) -> Vec<Words> {
        let mut parts = vec![Words(std::collections::VecDeque::new())];
        for word in self.rest() {
            if word == "|" {
                parts.push(Words(std::collections::VecDeque::new()));
            } else if let Some(last) = parts.last_mut() {
                last.0.push_back(word);
            }
        }
        parts
    }
    /// The rest as key=value pairs.
    pub fn pairs(&mut self) -> Result<Vec<(String, String)>, String> {
        let split = |word: String| {
            let (key, value) = word.split_once('=').ok_or(format!("{word}: key=value"))?;
            Ok((key.to_owned(), value.to_owned()))
        };
        self.rest().into_iter().map(split).collect()
    }
}

/// A decimal number in units of `10^-decimals`; `max` is 2^63 - 1 of them, `max+1` one more.
pub fn number(text: &str, decimals: u8) -> Result<u128, String> {
    if text == "max" {
        return Ok((1 << 63) - 1);
    }
    if text == "max+1" {
        return Ok(1 << 63);
    }
    let text = text.replace('_', "");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let padded = format!("{whole}{fraction:0<width$}", width = usize::from(decimals));
    if fraction.len() > usize::from(decimals) {
        return Err(format!("{text}: more than {decimals} decimals"));
    }
    padded.parse().map_err(|_| format!("{text}: no number"))
}

pub fn number_64(text: &str, decimals: u8) -> Result<u64, String> {
    u64::try_from(number(text, decimals)?).map_err(|_| format!("{text}: too large"))
}

pub fn account(core: &Core, name: &str) -> AccountId {
    core.account_by_name(name).map_or(AccountId(NOBODY), |account| account.id)
}

pub fn asset(core: &Core, code: &str) -> AssetId {
    core.asset_by_code(code).map_or(AssetId(NOBODY), |asset| asset.id)
}

/// A market's id and the decimals of its base and quote.
pub fn market(core: &Core, symbol: &str) -> (MarketId, u8, u8) {
    let decimals = |asset: AssetId| core.assets().get(asset.0 as usize).map_or(8, |asset| asset.decimals);
    core.market_by_symbol(symbol)
        .map_or((MarketId(NOBODY), 8, 8), |market| (market.id, decimals(market.base), decimals(market.quote)))
}

pub fn client_id(text: &str) -> Result<ClientOrderId, String> {
    ClientOrderId::new(text.as_bytes()).ok_or(format!("{text}: no client order id"))
}

pub fn mode(text: &str) -> Result<SelfTradePrevention, String> {
    SelfTradePrevention::ALL
        .iter()
        .find(|mode| super::show::mode(**mode) == text)
        .copied()
        .ok_or(format!("{text}: no mode"))
}

pub fn command(core: &Core, words: &mut Words) -> Result<(Origin, Command), String> {
    let mut origin = Origin::default();
    if words.take("from") {
        let text = words.next()?;
        let (session, number) = text.split_once(':').ok_or("from <session>:<number>")?;
        origin.session = session.parse().map_err(|_| "session")?;
        origin.number = number.parse().map_err(|_| "number")?;
    }
    let verb = words.next()?;
    let command = match verb.as_str() {
        "place" => orders::place(core, words)?,
        "list" => orders::list(core, words)?,
        "cancel" => Command::CancelOrder(orders::cancel(core, words)?),
        "cancel-all" => orders::cancel_all(core, words)?,
        "cancel-list" => orders::cancel_list(core, words)?,
        "cancel-replace" => orders::cancel_replace(core, words)?,
        "amend" => orders::amend(core, words)?,
        "run-releases" => Command::RunReleases,
        "exchange" => exchange(core, words)?,
        "credit" | "debit" | "limit" => transfer(core, &verb, words)?,
        _ => admin(core, &verb, words)?,
    };
    let left = words.rest();
    if left.is_empty() { Ok((origin, command)) } else { Err(format!("not understood: {left:?}")) }
}

fn transfer(core: &Core, verb: &str, words: &mut Words) -> Result<Command, String> {
    let account = account(core, &words.next()?);
    let asset = asset(core, &words.next()?);
    let amount = Amount(amount_of(core, asset, &words.next()?)?);
    Ok(match verb {
        "credit" => Command::Credit { account, asset, amount },
        "limit" => Command::SetAssetLimit { account, asset, limit: amount },
        _ => Command::Debit { account, asset, amount },
    })
}

fn admin(core: &Core, verb: &str, words: &mut Words) -> Result<Command, String> {
    let name = words.next()?;
    Ok(match verb {
        "asset" => Command::CreateAsset {
            code: name,
            name: words.next()?,
            decimals: words.next()?.parse().map_err(|_| "decimals")?,
        },
        "update-asset" => Command::UpdateAsset { asset: asset(core, &name), name: words.next()? },
        "account" => Command::CreateAccount { name },
        "update-account" => update_account(core, &name, words)?,
        "status" => Command::SetMarketStatus {
            market: market(core, &name).0,
            status: match words.next()?.as_str() {
                "trading" => MarketStatus::Trading,
                "halt" => MarketStatus::Halt,
                "break" => MarketStatus::Break,
                "cancel_only" => MarketStatus::CancelOnly,
                "end_of_day" => MarketStatus::EndOfDay,
                other => return Err(format!("{other}: no status")),
            },
        },
        "market" => {
            let (base, quote) = (asset(core, &words.next()?), asset(core, &words.next()?));
            let decimals = |id: AssetId| core.assets().get(id.0 as usize).map_or(8, |a| a.decimals);
            let rules = rules(DEFAULT_RULES, decimals(base), decimals(quote), words)?;
            Command::CreateMarket { symbol: name, base, quote, rules: Box::new(rules) }
        }
        "update-market" => {
            let (id, base, quote) = market(core, &name);
            let now = core.market(id).map_or(DEFAULT_RULES, |market| *market.rules);
            Command::UpdateMarket { market: id, rules: Box::new(rules(now, base, quote, words)?) }
        }
        "reference" => {
            let (market, _, quote) = market(core, &name);
            let price = words.next()?;
            let price = if price == "none" { None } else { Some(Price(number_64(&price, quote)?)) };
            Command::SetReferencePrice { market, price }
        }
        "sor" => {
            let account = account(core, &words.next()?);
            let markets = words.rest().iter().map(|symbol| market(core, symbol).0).collect();
            Command::SetSor { base: asset(core, &name), markets, account }
        }
        _ => return Err(format!("{verb}: no such command")),
    })
}

fn exchange(core: &Core, words: &mut Words) -> Result<Command, String> {
    let mut rules = *core.exchange_rules();
    for (key, value) in words.pairs()? {
        let bound = || value.parse::<u32>().map_err(|_| format!("{value}: no number"));
        match key.as_str() {
            "max_orders" => rules.max_num_orders = bound()?,
            "max_algo_orders" => rules.max_num_algo_orders = bound()?,
            "max_iceberg_orders" => rules.max_num_iceberg_orders = bound()?,
            "max_lists" => rules.max_num_order_lists = bound()?,
            "discount" if value == "none" => rules.discount = None,
            "discount" => {
                let (code, rate) = value.split_once(':').ok_or("discount=<asset>:<rate>")?;
                let rate = RateE8(number(rate, 8)? as u32);
                rules.discount = Some(Discount { asset: asset(core, code), rate });
            }
            _ => return Err(format!("{key}: no such rule of the exchange")),
        }
    }
    Ok(Command::UpdateExchange { rules })
}

fn update_account(core: &Core, name: &str, words: &mut Words) -> Result<Command, String> {
    let (mut can_trade, mut fees, mut trade_group) = (true, None::<Fees>, None);
    let (mut permissions, mut discount) = (PERMISSION_SPOT, false);
    for (key, value) in words.pairs()? {
        let rate = || number(&value, 8).map(|rate| RateE8(rate as u32));
        let bits = || value.parse::<u32>().map_err(|_| format!("{value}: no number"));
        match key.as_str() {
            "can_trade" => can_trade = value == "yes",
            "maker" => fees.get_or_insert_default().maker = rate()?,
            "taker" => fees.get_or_insert_default().taker = rate()?,
            "buyer" => fees.get_or_insert_default().buyer = rate()?,
            "seller" => fees.get_or_insert_default().seller = rate()?,
            "group" => trade_group = Some(bits()?),
            "permissions" => permissions = bits()?,
            "discount" => discount = value == "yes",
            _ => return Err(format!("{key}: no such field of an account")),
        }
    }
    Ok(Command::UpdateAccount { account: account(core, name), can_trade, fees, trade_group, permissions, discount })
}

const NO_FEES: Fees = Fees { maker: RateE8(0), taker: RateE8(0), buyer: RateE8(0), seller: RateE8(0) };

/// Tick 0.01 and lot 0.001 at 8 decimals; every filter off, no fees, everything allowed.
const DEFAULT_RULES: MarketRules = MarketRules {
    tick_size: Price(1_000_000),
    price_min: Price(0),
    price_max: Price(0),
    lot_size: Qty(100_000),
    qty_min: Qty(0),
    qty_max: Qty(0),
    market_lot_size: Qty(0),
    market_qty_min: Qty(0),
    market_qty_max: Qty(0),
    min_notional: None,
    notional: None,
    avg_price_mins: 5,
    max_num_orders: 0,
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
    kinds: 127,
    features: 511,
    permissions: PERMISSION_SPOT,
    fees: NO_FEES,
    special_fees: NO_FEES,
    tax_fees: NO_FEES,
    discount: false,
    stp_default: SelfTradePrevention::ExpireMaker,
    stp_allowed: 63,
};

fn rules(mut rules: MarketRules, base: u8, quote: u8, words: &mut Words) -> Result<MarketRules, String> {
    for (key, value) in words.pairs()? {
        let price = || number_64(&value, quote).map(Price);
        let qty = || number_64(&value, base).map(Qty);
        let is_set = value == "yes";
        match key.as_str() {
            "tick" => rules.tick_size = price()?,
            "price_min" => rules.price_min = price()?,
            "price_max" => rules.price_max = price()?,
            "lot" => rules.lot_size = qty()?,
            "qty_min" => rules.qty_min = qty()?,
            "qty_max" => rules.qty_max = qty()?,
            "market_lot" => rules.market_lot_size = qty()?,
            "market_min" => rules.market_qty_min = qty()?,
            "market_max" => rules.market_qty_max = qty()?,
            "min_notional" => min_notional(&mut rules).min = Amount(number(&value, quote)?),
            "min_notional_market" => min_notional(&mut rules).apply_to_market = is_set,
            "notional_min" => notional(&mut rules).min = Amount(number(&value, quote)?),
            "notional_max" => notional(&mut rules).max = Amount(number(&value, quote)?),
            "notional_min_market" => notional(&mut rules).apply_min_to_market = is_set,
            "notional_max_market" => notional(&mut rules).apply_max_to_market = is_set,
            "avg_mins" => rules.avg_price_mins = value.parse().map_err(|_| "minutes")?,
            "maker_fee" => rules.fees.maker = RateE8(number(&value, 8)? as u32),
            "taker_fee" => rules.fees.taker = RateE8(number(&value, 8)? as u32),
            "max_position" => rules.max_position = Amount(number(&value, base)?),
            "stp" => rules.stp_default = mode(&value)?,
            _ => rule(&mut rules, &key, &value)?,
        }
    }
    Ok(rules)
}

/// The rules that are not told in the assets' units.
fn rule(rules: &mut MarketRules, key: &str, value: &str) -> Result<(), String> {
    let count = || value.parse::<u32>().map_err(|_| format!("{value}: no number"));
    let is_off = value == "none";
    match key {
        "max_orders" => rules.max_num_orders = count()?,
        "max_algo_orders" => rules.max_num_algo_orders = count()?,
        "max_iceberg_orders" => rules.max_num_iceberg_orders = count()?,
        "max_lists" => rules.max_num_order_lists = count()?,
        "max_amends" => rules.max_num_order_amends = count()? as u16,
        "parts" => rules.iceberg_parts = count()? as u16,
        "kinds" => rules.kinds = count()? as u8,
        "features" => rules.features = count()? as u16,
        "permissions" => rules.permissions = count()?,
        "stp_allowed" => rules.stp_allowed = count()? as u8,
        "discount" => rules.discount = value == "yes",
        "special_fee" => rules.special_fees = fees(value)?,
        "tax_fee" => rules.tax_fees = fees(value)?,
        "fee" => rules.fees = fees(value)?,
        "percent" | "percent_by_side" | "range" | "trailing" | "reference" if is_off => match key {
            "range" => rules.price_range = None,
            "trailing" => rules.trailing_delta = None,
            "reference" => rules.reference = None,
            _ => rules.percent_price = None,
        },
        "percent" | "percent_by_side" => {
            let [bid_up, bid_down, ask_up, ask_down] = four(value, 8)?;
            let by_side = key == "percent_by_side";
            rules.percent_price = Some(PercentPrice { bid_up, bid_down, ask_up, ask_down, by_side });
        }
        "range" => {
            let [bid_up, bid_down, ask_up, ask_down] = four(value, 8)?;
            rules.price_range = Some(PriceRange { bid_up, bid_down, ask_up, ask_down });
        }
        "trailing" => {
            let [above_min, above_max, below_min, below_max] = four(value, 0)?.map(|bips| bips as u32);
            rules.trailing_delta = Some(TrailingDelta { above_min, above_max, below_min, below_max });
        }
        "reference" => {
            let (count, width) = value.split_once(':').ok_or("reference=<count>:<ms>")?;
            let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text}: no number"));
            rules.reference = Some(ReferenceRule { count: number(count)?, width_ms: number(width)? });
        }
        _ => return Err(format!("{key}: no such rule")),
    }
    Ok(())
}

/// Four numbers with `:` between them; two stand for both sides.
fn four(text: &str, decimals: u8) -> Result<[u64; 4], String> {
    let all: Result<Vec<u64>, String> = text.split(':').map(|part| number_64(part, decimals)).collect();
    match all?[..] {
        [a, b, c, d] => Ok([a, b, c, d]),
        [a, b] => Ok([a, b, a, b]),
        _ => Err(format!("{text}: two or four numbers")),
    }
}

/// Maker, taker, buyer and seller.
fn fees(text: &str) -> Result<Fees, String> {
    let [maker, taker, buyer, seller] = four(text, 8)?.map(|rate| RateE8(rate as u32));
    Ok(Fees { maker, taker, buyer, seller })
}

fn min_notional(rules: &mut MarketRules) -> &mut MinNotional {
    rules.min_notional.get_or_insert(MinNotional { min: Amount(0), apply_to_market: false })
}

fn notional(rules: &mut MarketRules) -> &mut Notional {
    rules.notional.get_or_insert(Notional {
        min: Amount(0),
        apply_min_to_market: false,
        max: Amount(0),
        apply_max_to_market: false,
    })
}
