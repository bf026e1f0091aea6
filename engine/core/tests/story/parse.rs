//! Reads the command lines of a scenario. `engine/core/scenarios/README.md` describes the language.

use tandem_core::Core;
use tandem_core::command::{CancelOrder, Command, Origin, PlaceOrder};
use tandem_core::types::*;

use super::{NOBODY, amount_of};

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
    fn take(&mut self, word: &str) -> bool {
        let is_next = self.peek() == word;
        if is_next {
            self.0.pop_front();
        }
        is_next
    }
    /// The rest as key=value pairs.
    fn pairs(&mut self) -> Result<Vec<(String, String)>, String> {
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

fn number_64(text: &str, decimals: u8) -> Result<u64, String> {
    u64::try_from(number(text, decimals)?).map_err(|_| format!("{text}: too large"))
}

pub fn account(core: &Core, name: &str) -> AccountId {
    core.account_by_name(name).map_or(AccountId(NOBODY), |account| account.id)
}

fn asset(core: &Core, code: &str) -> AssetId {
    core.asset_by_code(code).map_or(AssetId(NOBODY), |asset| asset.id)
}

/// A market's id and the decimals of its base and quote.
fn market(core: &Core, symbol: &str) -> (MarketId, u8, u8) {
    let decimals = |asset: AssetId| core.assets().get(asset.0 as usize).map_or(8, |asset| asset.decimals);
    core.market_by_symbol(symbol)
        .map_or((MarketId(NOBODY), 8, 8), |market| (market.id, decimals(market.base), decimals(market.quote)))
}

fn client_id(text: &str) -> Result<ClientOrderId, String> {
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
        "place" => place(core, words)?,
        "cancel" => cancel(core, words)?,
        "cancel-all" => {
            Command::CancelAll { account: account(core, &words.next()?), market: market(core, &words.next()?).0 }
        }
        "credit" | "debit" => transfer(core, &verb, words)?,
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
        _ => Command::Debit { account, asset, amount },
    })
}

fn place(core: &Core, words: &mut Words) -> Result<Command, String> {
    let account = account(core, &words.next()?);
    let (market, base_decimals, quote_decimals) = market(core, &words.next()?);
    let side = match words.next()?.as_str() {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        other => return Err(format!("{other}: buy or sell")),
    };
    let kind = match words.next()?.as_str() {
        "limit" => OrderKind::Limit,
        "maker" => OrderKind::LimitMaker,
        "market" => OrderKind::Market,
        other => return Err(format!("{other}: limit, maker or market")),
    };
    let mut order = PlaceOrder {
        account,
        market,
        side,
        kind,
        tif: TimeInForce::Gtc,
        price: Price(0),
        qty: Qty(0),
        quote_qty: Amount(0),
        client_order_id: ClientOrderId::EMPTY,
        stp: None,
        strategy_id: None,
        strategy_type: None,
    };
    let amount = words.next()?;
    if words.take("quote") {
        order.quote_qty = Amount(number(&amount, quote_decimals)?);
    } else {
        order.qty = Qty(number_64(&amount, base_decimals)?);
    }
    if words.take("@") {
        order.price = Price(number_64(&words.next()?, quote_decimals)?);
    }
    if words.take("ioc") {
        order.tif = TimeInForce::Ioc;
    } else if words.take("fok") {
        order.tif = TimeInForce::Fok;
    }
    for (key, value) in words.pairs()? {
        match key.as_str() {
            "id" => order.client_order_id = client_id(&value)?,
            "stp" => order.stp = Some(mode(&value)?),
            "quote" => order.quote_qty = Amount(number(&value, quote_decimals)?),
            "strategy" => {
                let (id, kind) = value.split_once(':').ok_or("strategy=<id>:<type>")?;
                order.strategy_id = Some(id.parse().map_err(|_| "strategy id")?);
                order.strategy_type = Some(kind.parse().map_err(|_| "strategy type")?);
            }
            _ => return Err(format!("{key}: no such field of an order")),
        }
    }
    Ok(Command::PlaceOrder(order))
}

fn cancel(core: &Core, words: &mut Words) -> Result<Command, String> {
    let mut cancel = CancelOrder {
        account: account(core, &words.next()?),
        market: market(core, &words.next()?).0,
        order_id: None,
        client_order_id: ClientOrderId::EMPTY,
        new_client_order_id: ClientOrderId::EMPTY,
    };
    if words.peek().starts_with('#') {
        let id = words.next()?;
        cancel.order_id = Some(OrderId(id.trim_start_matches('#').parse().map_err(|_| "order id")?));
    }
    for (key, value) in words.pairs()? {
        match key.as_str() {
            "id" => cancel.client_order_id = client_id(&value)?,
            "new" => cancel.new_client_order_id = client_id(&value)?,
            _ => return Err(format!("{key}: no such field of a cancel")),
        }
    }
    Ok(Command::CancelOrder(cancel))
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
                other => return Err(format!("{other}: no status")),
            },
        },
        "market" => {
            let (base, quote) = (asset(core, &words.next()?), asset(core, &words.next()?));
            let decimals = |id: AssetId| core.assets().get(id.0 as usize).map_or(8, |a| a.decimals);
            let rules = rules(DEFAULT_RULES, decimals(base), decimals(quote), words)?;
            Command::CreateMarket { symbol: name, base, quote, rules }
        }
        "update-market" => {
            let (id, base, quote) = market(core, &name);
            let now = core.market(id).map_or(DEFAULT_RULES, |market| *market.rules);
            Command::UpdateMarket { market: id, rules: rules(now, base, quote, words)? }
        }
        _ => return Err(format!("{verb}: no such command")),
    })
}

fn update_account(core: &Core, name: &str, words: &mut Words) -> Result<Command, String> {
    let (mut can_trade, mut fees) = (true, None::<Fees>);
    for (key, value) in words.pairs()? {
        match key.as_str() {
            "can_trade" => can_trade = value == "yes",
            "maker" => fees.get_or_insert_default().maker = RateE8(number(&value, 8)? as u32),
            "taker" => fees.get_or_insert_default().taker = RateE8(number(&value, 8)? as u32),
            _ => return Err(format!("{key}: no such field of an account")),
        }
    }
    Ok(Command::UpdateAccount { account: account(core, name), can_trade, fees })
}

/// Tick 0.01 and lot 0.001 at 8 decimals; every filter off, no fees, every mode of self-trade prevention allowed.
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
    fees: Fees { maker: RateE8(0), taker: RateE8(0) },
    stp_default: SelfTradePrevention::ExpireMaker,
    stp_allowed: 31,
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
            "max_orders" => rules.max_num_orders = value.parse().map_err(|_| "orders")?,
            "maker_fee" => rules.fees.maker = RateE8(number(&value, 8)? as u32),
            "taker_fee" => rules.fees.taker = RateE8(number(&value, 8)? as u32),
            "stp" => rules.stp_default = mode(&value)?,
            "stp_allowed" => rules.stp_allowed = value.parse().map_err(|_| "bits")?,
            _ => return Err(format!("{key}: no such rule")),
        }
    }
    Ok(rules)
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
