//! Writes events and state as the lines of a scenario.

use tandem_core::event::{Event, OrderAccepted, OrderClosed, SelfTradePrevented, Traded};
use tandem_core::types::*;
use tandem_core::{Core, MarketView, OpenOrder};

/// A number in units of `10^-decimals`, without trailing zeros.
pub fn decimal(value: u128, decimals: u8) -> String {
    let width = usize::from(decimals);
    let digits = format!("{value:0>width$}", width = width + 1);
    let (whole, fraction) = digits.split_at(digits.len() - width);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

pub fn mode(mode: SelfTradePrevention) -> &'static str {
    match mode {
        SelfTradePrevention::None => "none",
        SelfTradePrevention::ExpireTaker => "expire_taker",
        SelfTradePrevention::ExpireMaker => "expire_maker",
        SelfTradePrevention::ExpireBoth => "expire_both",
        SelfTradePrevention::Decrement => "decrement",
    }
}

fn decimals(core: &Core, asset: AssetId) -> u8 {
    core.assets()[asset.0 as usize].decimals
}

/// How a market writes its numbers.
struct Scale<'a> {
    market: MarketView<'a>,
    base: u8,
    quote: u8,
}

impl<'a> Scale<'a> {
    fn of(core: &'a Core, market: MarketId) -> Self {
        let market = core.market(market).unwrap();
        Self { market, base: decimals(core, market.base), quote: decimals(core, market.quote) }
    }
    fn price(&self, price: Price) -> String {
        decimal(u128::from(price.0), self.quote)
    }
    fn qty(&self, qty: Qty) -> String {
        decimal(u128::from(qty.0), self.base)
    }
    fn quote(&self, amount: Amount) -> String {
        decimal(amount.0, self.quote)
    }
}

pub fn price(core: &Core, market: &MarketView<'_>, price: Price) -> String {
    Scale::of(core, market.id).price(price)
}

fn name(core: &Core, account: AccountId) -> &str {
    &core.accounts()[account.0 as usize].name
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

const fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit => "limit",
        OrderKind::LimitMaker => "maker",
        OrderKind::Market => "market",
    }
}

const fn status_name(status: MarketStatus) -> &'static str {
    match status {
        MarketStatus::Trading => "trading",
        MarketStatus::Halt => "halt",
        MarketStatus::Break => "break",
        MarketStatus::CancelOnly => "cancel_only",
    }
}

pub fn event(core: &Core, event: &Event) -> String {
    match event {
        Event::Rejected { code } => format!("rejected {}", code.name()),
        Event::AssetCreated { asset, code, name, decimals } => {
            format!("asset {asset} created {code} {name:?} {decimals}")
        }
        Event::AssetUpdated { asset, name } => format!("asset {asset} updated {name:?}"),
        Event::MarketCreated { market, symbol, base, quote, .. } => {
            format!("market {market} created {symbol} {base}/{quote}")
        }
        Event::MarketUpdated { market, .. } => format!("market {market} updated"),
        Event::MarketStatusChanged { market, status } => format!("market {market} {}", status_name(*status)),
        Event::AccountCreated { account, name } => format!("account {account} created {name:?}"),
        Event::AccountUpdated { account, can_trade, fees } => {
            let rate = |rate: RateE8| decimal(u128::from(rate.0), 8);
            let fees = fees.map(|f| format!("maker {} taker {}", rate(f.maker), rate(f.taker)));
            format!("account {account} updated trades {can_trade} fees {}", fees.as_deref().unwrap_or("none"))
        }
        Event::Credited { account, asset, amount } => transfer(core, "credited", *account, *asset, *amount),
        Event::Debited { account, asset, amount } => transfer(core, "debited", *account, *asset, *amount),
        Event::OrderAccepted(order) => accepted(core, order),
        Event::Traded(trade) => traded(core, trade),
        Event::SelfTradePrevented(prevented_match) => prevented(core, prevented_match),
        Event::OrderClosed(order) => closed(core, order),
    }
}

fn transfer(core: &Core, verb: &str, account: AccountId, asset: AssetId, amount: Amount) -> String {
    let asset = &core.assets()[asset.0 as usize];
    format!("{verb} {} {} {}", name(core, account), asset.code, decimal(amount.0, asset.decimals))
}

fn accepted(core: &Core, e: &OrderAccepted) -> String {
    let scale = Scale::of(core, e.market);
    let mut line = format!(
        "accepted #{} {} {} {} {}",
        e.order_id,
        name(core, e.account),
        side(e.side),
        kind(e.kind),
        scale.qty(e.qty)
    );
    if e.price.0 > 0 {
        line += &format!(" @ {}", scale.price(e.price));
    }
    if e.tif != TimeInForce::Gtc {
        line += &format!(" {:?}", e.tif).to_lowercase();
    }
    if e.quote_qty.0 > 0 {
        line += &format!(" quote={}", scale.quote(e.quote_qty));
    }
    if !e.client_order_id.is_empty() {
        line += &format!(" id={}", e.client_order_id.as_str());
    }
    if e.stp != scale.market.rules.stp_default {
        line += &format!(" stp={}", mode(e.stp));
    }
    if let (Some(id), Some(kind)) = (e.strategy_id, e.strategy_type) {
        line += &format!(" strategy={id}:{kind}");
    }
    line
}

fn traded(core: &Core, e: &Traded) -> String {
    let scale = Scale::of(core, e.market);
    let (base, quote) = (scale.base, scale.quote);
    let (taker_scale, maker_scale) = if e.taker_side == Side::Buy { (base, quote) } else { (quote, base) };
    format!(
        "traded {}: {} @ {} = {}; taker #{} {} {} left {} fee {}; maker #{} {} left {} fee {}",
        e.trade_id,
        scale.qty(e.qty),
        scale.price(e.price),
        scale.quote(e.quote_amount),
        e.taker_order,
        name(core, e.taker_account),
        side(e.taker_side),
        scale.qty(e.taker_left),
        decimal(e.taker_fee.0, taker_scale),
        e.maker_order,
        name(core, e.maker_account),
        scale.qty(e.maker_left),
        decimal(e.maker_fee.0, maker_scale),
    )
}

fn prevented(core: &Core, e: &SelfTradePrevented) -> String {
    let scale = Scale::of(core, e.market);
    format!(
        "prevented {}: {} {} @ {}; taker #{} loses {} left {}; maker #{} loses {} left {}",
        e.prevented_match_id,
        name(core, e.account),
        mode(e.mode),
        scale.price(e.price),
        e.taker_order,
        scale.qty(e.taker_prevented),
        scale.qty(e.taker_left),
        e.maker_order,
        scale.qty(e.maker_prevented),
        scale.qty(e.maker_left),
    )
}

fn closed(core: &Core, e: &OrderClosed) -> String {
    let status = match e.status {
        CloseStatus::Canceled => "canceled",
        CloseStatus::Expired => "expired",
        CloseStatus::ExpiredInMatch => "expired_in_match",
    };
    let reason = match e.reason {
        CloseReason::User => "user",
        CloseReason::UnfilledIoc => "unfilled_ioc",
        CloseReason::UnfilledFok => "unfilled_fok",
        CloseReason::InsufficientLiquidity => "insufficient_liquidity",
        CloseReason::SelfTrade => "self_trade",
    };
    let left = Scale::of(core, e.market).qty(e.left);
    let mut line = format!("closed #{} {} {status} {reason} left {left}", e.order_id, name(core, e.account));
    if !e.client_order_id.is_empty() {
        line += &format!(" id={}", e.client_order_id.as_str());
    }
    if !e.cancel_id.is_empty() {
        line += &format!(" cancel={}", e.cancel_id.as_str());
    }
    line
}

/// Best first, each level as quantity @ price; then the version.
pub fn book(core: &Core, market: &MarketView<'_>) -> Vec<String> {
    let scale = Scale::of(core, market.id);
    let depth = core.depth(market.id, usize::MAX).unwrap();
    let line = |levels: &[(Price, u128)], side: Side| {
        let shown = levels.iter().map(|(price, total)| {
            assert_eq!(core.level(market.id, side, *price), *total, "depth and level agree");
            format!("{} @ {}", decimal(*total, scale.base), scale.price(*price))
        });
        if levels.is_empty() { "none".to_owned() } else { shown.collect::<Vec<_>>().join(", ") }
    };
    vec![
        format!("bids {}", line(&depth.bids, Side::Buy)),
        format!("asks {}", line(&depth.asks, Side::Sell)),
        format!("version {}", depth.version),
    ]
}

pub fn open_order(core: &Core, o: &OpenOrder) -> String {
    let scale = Scale::of(core, o.market);
    format!(
        "{} {} {} {} @ {} left {} filled {} prevented {} for {}",
        name(core, o.account),
        side(o.side),
        kind(o.kind),
        scale.qty(o.qty),
        scale.price(o.price),
        scale.qty(o.left),
        scale.qty(o.filled),
        scale.qty(o.prevented),
        scale.quote(o.filled_quote),
    )
}
