//! Reads the commands about orders of a scenario.

use tandem_core::Core;
use tandem_core::command::{AmendOrder, CancelList, CancelOrder, CancelReplace, Command, PlaceList, PlaceOrder};
use tandem_core::types::*;

use super::parse::{Words, account, client_id, market, mode, number, number_64};
use super::show;

/// Whose orders, in which market, and how that market writes its numbers.
#[derive(Clone, Copy)]
struct Place {
    account: AccountId,
    market: MarketId,
    base: u8,
    quote: u8,
}

/// Of a market's base and quote.
fn decimals_of(core: &Core, market: MarketId) -> (u8, u8) {
    let decimals = |asset: AssetId| core.assets().get(asset.0 as usize).map_or(8, |asset| asset.decimals);
    core.market(market).map_or((8, 8), |market| (decimals(market.base), decimals(market.quote)))
}

impl Place {
    fn read(core: &Core, words: &mut Words) -> Result<Self, String> {
        let account = account(core, &words.next()?);
        let (market, base, quote) = market(core, &words.next()?);
        Ok(Self { account, market, base, quote })
    }
}

pub fn place(core: &Core, words: &mut Words) -> Result<Command, String> {
    let place = Place::read(core, words)?;
    Ok(Command::PlaceOrder(order(place, words)?))
}

fn side_and_kind(words: &mut Words) -> Result<(Side, OrderKind), String> {
    let side = match words.next()?.as_str() {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        other => return Err(format!("{other}: buy or sell")),
    };
    let name = words.next()?;
    let kind = OrderKind::ALL.iter().find(|kind| show::kind(**kind) == name);
    Ok((side, *kind.ok_or(format!("{name}: no kind of order"))?))
}

fn order(place: Place, words: &mut Words) -> Result<PlaceOrder, String> {
    let (side, kind) = side_and_kind(words)?;
    let mut order = PlaceOrder {
        account: place.account,
        market: place.market,
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
        terms: None,
    };
    let amount = words.next()?;
    if words.take("quote") {
        order.quote_qty = Amount(number(&amount, place.quote)?);
    } else {
        order.qty = Qty(number_64(&amount, place.base)?);
    }
    if words.take("@") {
        order.price = Price(number_64(&words.next()?, place.quote)?);
    }
    if words.take("ioc") {
        order.tif = TimeInForce::Ioc;
    } else if words.take("fok") {
        order.tif = TimeInForce::Fok;
    }
    let mut terms = Terms { use_sor: words.take("sor"), ..Terms::default() };
    for (key, value) in words.pairs()? {
        match key.as_str() {
            "id" => order.client_order_id = client_id(&value)?,
            "stp" => order.stp = Some(mode(&value)?),
            "quote" => order.quote_qty = Amount(number(&value, place.quote)?),
            "stop" => terms.stop_price = Price(number_64(&value, place.quote)?),
            "trail" => terms.trailing_delta = value.parse().map_err(|_| "trail=<basis points>")?,
            "iceberg" => terms.iceberg_qty = Qty(number_64(&value, place.base)?),
            "peg" => terms.peg = Some(peg(&value)?),
            "strategy" => {
                let (id, kind) = value.split_once(':').ok_or("strategy=<id>:<type>")?;
                order.strategy_id = Some(id.parse().map_err(|_| "strategy id")?);
                order.strategy_type = Some(kind.parse().map_err(|_| "strategy type")?);
            }
            _ => return Err(format!("{key}: no such field of an order")),
        }
    }
    order.terms = (terms != Terms::default()).then(|| Box::new(terms));
    Ok(order)
}

fn peg(text: &str) -> Result<Peg, String> {
    let (name, offset) = text.split_once('+').map_or((text, None), |(name, offset)| (name, Some(offset)));
    let price = match name {
        "primary" => PegPrice::Primary,
        "market" => PegPrice::Market,
        _ => return Err(format!("{name}: primary or market")),
    };
    let offset = offset.map(|offset| offset.parse().map_err(|_| "peg=<side>+<offset>")).transpose()?;
    Ok(Peg { price, offset })
}

/// `list NAME SYMBOL KIND [id=] | leg | leg`
pub fn list(core: &Core, words: &mut Words) -> Result<Command, String> {
    let place = Place::read(core, words)?;
    let name = words.next()?;
    let kind = ListKind::ALL.iter().find(|kind| show::list_kind(**kind) == name);
    let kind = *kind.ok_or(format!("{name}: no kind of list"))?;
    let mut parts = words.parts().into_iter();
    let mut client_list_id = ClientOrderId::EMPTY;
    for (key, value) in parts.next().ok_or("too short")?.pairs()? {
        match key.as_str() {
            "id" => client_list_id = client_id(&value)?,
            _ => return Err(format!("{key}: no such field of a list")),
        }
    }
    let orders: Result<Vec<PlaceOrder>, String> = parts.map(|mut leg| leg_of(core, place, &mut leg)).collect();
    Ok(Command::PlaceList(PlaceList {
        account: place.account,
        market: place.market,
        kind,
        client_list_id,
        orders: orders?,
    }))
}

/// A leg may be of somebody else: `of NAME SYMBOL` in front of it.
fn leg_of(core: &Core, place: Place, words: &mut Words) -> Result<PlaceOrder, String> {
    let place = if words.take("of") { Place::read(core, words)? } else { place };
    order(place, words)
}

fn order_id(words: &mut Words) -> Result<Option<OrderId>, String> {
    if !words.peek().starts_with('#') {
        return Ok(None);
    }
    let id = words.next()?;
    Ok(Some(OrderId(id.trim_start_matches('#').parse().map_err(|_| "#<order id>")?)))
}

pub fn cancel(core: &Core, words: &mut Words) -> Result<CancelOrder, String> {
    let place = Place::read(core, words)?;
    let mut cancel = CancelOrder {
        account: place.account,
        market: place.market,
        order_id: order_id(words)?,
        client_order_id: ClientOrderId::EMPTY,
        new_client_order_id: ClientOrderId::EMPTY,
        restriction: None,
    };
    for (key, value) in words.pairs()? {
        match (key.as_str(), value.as_str()) {
            ("id", _) => cancel.client_order_id = client_id(&value)?,
            ("new", _) => cancel.new_client_order_id = client_id(&value)?,
            ("only", "new") => cancel.restriction = Some(CancelRestriction::OnlyNew),
            ("only", "partly_filled") => cancel.restriction = Some(CancelRestriction::OnlyPartiallyFilled),
            _ => return Err(format!("{key}: no such field of a cancel")),
        }
    }
    Ok(cancel)
}

pub fn cancel_all(core: &Core, words: &mut Words) -> Result<Command, String> {
    let place = Place::read(core, words)?;
    let by_exchange = words.take("by_exchange");
    Ok(Command::CancelAll { account: place.account, market: place.market, by_exchange })
}

pub fn cancel_list(core: &Core, words: &mut Words) -> Result<Command, String> {
    let place = Place::read(core, words)?;
    let mut cancel = CancelList {
        account: place.account,
        market: place.market,
        list_id: None,
        client_list_id: ClientOrderId::EMPTY,
        new_client_order_id: ClientOrderId::EMPTY,
    };
    if words.peek().starts_with('$') {
        let id = words.next()?;
        cancel.list_id = Some(ListId(id.trim_start_matches('$').parse().map_err(|_| "$<list id>")?));
    }
    for (key, value) in words.pairs()? {
        match key.as_str() {
            "id" => cancel.client_list_id = client_id(&value)?,
            "new" => cancel.new_client_order_id = client_id(&value)?,
            _ => return Err(format!("{key}: no such field of a cancel")),
        }
    }
    Ok(Command::CancelList(cancel))
}

/// `amend NAME SYMBOL [#ID] to QTY [id=] [new=]`
pub fn amend(core: &Core, words: &mut Words) -> Result<Command, String> {
    let place = Place::read(core, words)?;
    let order_id = order_id(words)?;
    if !words.take("to") {
        return Err("amend ... to <quantity>".to_owned());
    }
    let mut amend = AmendOrder {
        account: place.account,
        market: place.market,
        order_id,
        client_order_id: ClientOrderId::EMPTY,
        new_qty: Qty(number_64(&words.next()?, place.base)?),
        new_client_order_id: ClientOrderId::EMPTY,
    };
    for (key, value) in words.pairs()? {
        match key.as_str() {
            "id" => amend.client_order_id = client_id(&value)?,
            "new" => amend.new_client_order_id = client_id(&value)?,
            _ => return Err(format!("{key}: no such field of an amend")),
        }
    }
    Ok(Command::AmendOrder(amend))
}

/// `cancel-replace stop|allow NAME SYMBOL [#ID] [id=] [new=] [only=] | order`
pub fn cancel_replace(core: &Core, words: &mut Words) -> Result<Command, String> {
    let mode = match words.next()?.as_str() {
        "stop" => ReplaceMode::StopOnFailure,
        "allow" => ReplaceMode::AllowFailure,
        other => return Err(format!("{other}: stop or allow")),
    };
    let mut parts = words.parts().into_iter();
    let mut first = parts.next().ok_or("too short")?;
    let cancel = cancel(core, &mut first)?;
    let mut rest = parts.next().ok_or("cancel-replace ... | <order>")?;
    let (base, quote) = decimals_of(core, cancel.market);
    let place = Place { account: cancel.account, market: cancel.market, base, quote };
    let order = leg_of(core, place, &mut rest)?;
    Ok(Command::CancelReplace(Box::new(CancelReplace { cancel, mode, order })))
}
