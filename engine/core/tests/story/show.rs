//! Writes events and state as the lines of a scenario.

use tandem_core::event::{
    AcceptedExtra, Allocated, Event, Half, OrderAccepted, OrderAmended, OrderClosed, OrderReleased, SelfTradePrevented,
    Traded,
};
use tandem_core::types::*;
use tandem_core::{Core, MarketView, OpenOrder, OpenOrderList};

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
        SelfTradePrevention::Transfer => "transfer",
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

pub const fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit => "limit",
        OrderKind::LimitMaker => "maker",
        OrderKind::Market => "market",
        OrderKind::StopLoss => "stop_loss",
        OrderKind::StopLossLimit => "stop_loss_limit",
        OrderKind::TakeProfit => "take_profit",
        OrderKind::TakeProfitLimit => "take_profit_limit",
    }
}

pub const fn list_kind(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Oco => "oco",
        ListKind::Oto => "oto",
        ListKind::Otoco => "otoco",
        ListKind::Opo => "opo",
        ListKind::Opoco => "opoco",
    }
}

const fn state(state: OrderState) -> &'static str {
    match state {
        OrderState::Working => "working",
        OrderState::Waiting => "waiting",
        OrderState::Pending => "pending",
    }
}

const fn status_name(status: MarketStatus) -> &'static str {
    match status {
        MarketStatus::Trading => "trading",
        MarketStatus::Halt => "halt",
        MarketStatus::Break => "break",
        MarketStatus::CancelOnly => "cancel_only",
        MarketStatus::EndOfDay => "end_of_day",
    }
}

pub fn event(core: &Core, event: &Event) -> String {
    match event {
        Event::Rejected { code } => format!("rejected {}", code.name()),
        Event::Credited { account, asset, amount } => transfer(core, "credited", *account, *asset, *amount),
        Event::Debited { account, asset, amount } => transfer(core, "debited", *account, *asset, *amount),
        Event::OrderAccepted(order) => accepted(core, order),
        Event::Traded(trade) => traded(core, trade),
        Event::SelfTradePrevented(prevented_match) => prevented(core, prevented_match),
        Event::OrderClosed(order) => closed(core, order),
        Event::ListAccepted(list) => {
            let orders: Vec<String> = list.orders.iter().map(|order| format!("#{order}")).collect();
            let id = with_id(&list.client_list_id);
            format!(
                "list ${} {} {} {}{id}",
                list.list,
                name(core, list.account),
                list_kind(list.kind),
                orders.join(" ")
            )
        }
        Event::ListClosed { list, account, .. } => format!("list ${list} {} closed", name(core, *account)),
        Event::OrderReleased(released_order) => released(core, released_order),
        Event::TrailingStarted { order_id, account, .. } => format!("trailing #{order_id} {}", name(core, *account)),
        Event::OrderAmended(amended_order) => amended(core, amended_order),
        Event::CancelReplaced { cancel, order } => format!("replaced cancel {} order {}", half(*cancel), half(*order)),
        Event::Allocated(allocation) => allocated(core, allocation),
        _ => reference_event(core, event),
    }
}

/// The events of everything but trading.
fn reference_event(core: &Core, event: &Event) -> String {
    match event {
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
        Event::AccountUpdated { .. } => account_updated(event),
        Event::ExchangeUpdated { rules } => {
            let bounds = [
                rules.max_num_orders,
                rules.max_num_algo_orders,
                rules.max_num_iceberg_orders,
                rules.max_num_order_lists,
            ];
            let discount = rules.discount.map(|d| format!("{}:{}", code(core, d.asset), rate(d.rate)));
            format!("exchange updated bounds {bounds:?} discount {}", discount.as_deref().unwrap_or("none"))
        }
        Event::AssetLimitSet { account, asset, limit } => transfer(core, "limited", *account, *asset, *limit),
        Event::ReferencePriceSet { market, price: None } => format!("market {market} reference none"),
        Event::ReferencePriceSet { market, price: Some(price) } => {
            format!("market {market} reference {}", Scale::of(core, *market).price(*price))
        }
        Event::SorSet { base, markets, account } => {
            let symbol = |id: &MarketId| core.market(*id).unwrap().symbol.to_owned();
            let symbols: Vec<String> = markets.iter().map(symbol).collect();
            let between = if markets.is_empty() { "nobody" } else { name(core, *account) };
            format!("sor {} {between} {symbols:?}", code(core, *base))
        }
        _ => format!("{event:?}"),
    }
}

fn rate(rate: RateE8) -> String {
    decimal(u128::from(rate.0), 8)
}

fn account_updated(event: &Event) -> String {
    let Event::AccountUpdated { account, can_trade, fees, trade_group, permissions, discount } = event else {
        return String::new();
    };
    let fees = fees.map(|f| {
        let mut line = format!("maker {} taker {}", rate(f.maker), rate(f.taker));
        if f.buyer.0 > 0 || f.seller.0 > 0 {
            line += &format!(" buyer {} seller {}", rate(f.buyer), rate(f.seller));
        }
        line
    });
    let mut line = format!("account {account} updated trades {can_trade} fees {}", fees.as_deref().unwrap_or("none"));
    if let Some(group) = trade_group {
        line += &format!(" group {group}");
    }
    if *permissions != PERMISSION_SPOT {
        line += &format!(" permissions {permissions}");
    }
    if *discount {
        line += " discount";
    }
    line
}

fn code(core: &Core, asset: AssetId) -> &str {
    &core.assets()[asset.0 as usize].code
}

fn with_id(id: &ClientOrderId) -> String {
    if id.is_empty() { String::new() } else { format!(" id={}", id.as_str()) }
}

fn half(half: Half) -> String {
    match half {
        Half::Done => "done".to_owned(),
        Half::NotAttempted => "not_attempted".to_owned(),
        Half::Failed(code) => format!("failed {}", code.name()),
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
    if let Some(extra) = &e.extra {
        line += &extra_of(&scale, extra);
    }
    line
}

fn extra_of(scale: &Scale<'_>, e: &AcceptedExtra) -> String {
    let mut line = terms_of(scale, &e.terms);
    if e.pegged_price.0 > 0 {
        line += &format!(" pegged={}", scale.price(e.pegged_price));
    }
    if let Some(list) = e.list {
        line += &format!(" list=${list}");
    }
    line + " " + state(e.state)
}

fn terms_of(scale: &Scale<'_>, terms: &Terms) -> String {
    let mut line = String::new();
    if terms.use_sor {
        line += " sor";
    }
    if terms.stop_price.0 > 0 {
        line += &format!(" stop={}", scale.price(terms.stop_price));
    }
    if terms.trailing_delta > 0 {
        line += &format!(" trail={}", terms.trailing_delta);
    }
    if terms.iceberg_qty.0 > 0 {
        line += &format!(" iceberg={}", scale.qty(terms.iceberg_qty));
    }
    if let Some(peg) = terms.peg {
        let offset = peg.offset.map(|offset| format!("+{offset}")).unwrap_or_default();
        line += &format!(" peg={}{offset}", format!("{:?}", peg.price).to_lowercase());
    }
    line
}

fn released(core: &Core, e: &OrderReleased) -> String {
    let scale = Scale::of(core, e.market);
    let cause = match e.cause {
        ReleaseCause::Triggered => "triggered",
        ReleaseCause::Activated => "activated",
    };
    let (qty, state) = (scale.qty(e.qty), state(e.state));
    let mut line = format!("released #{} {} {cause} {qty} {state}", e.order_id, name(core, e.account));
    if e.pegged_price.0 > 0 {
        line += &format!(" pegged={}", scale.price(e.pegged_price));
    }
    line
}

fn amended(core: &Core, e: &OrderAmended) -> String {
    let scale = Scale::of(core, e.market);
    let (old, new, left) = (scale.qty(e.old_qty), scale.qty(e.qty), scale.qty(e.left));
    let mut line = format!("amended #{} {} {old} to {new} left {left}", e.order_id, name(core, e.account));
    if e.old_client_order_id != e.client_order_id {
        line += &format!(" id={} was={}", e.client_order_id.as_str(), e.old_client_order_id.as_str());
    } else {
        line += &with_id(&e.client_order_id);
    }
    line
}

fn allocated(core: &Core, e: &Allocated) -> String {
    let scale = Scale::of(core, e.market);
    format!(
        "allocated {}: #{} {} {} {} @ {} = {} left {} fee {}; {} trade {}",
        e.allocation_id,
        e.order_id,
        name(core, e.account),
        side(e.side),
        scale.qty(e.qty),
        scale.price(e.price),
        scale.quote(e.quote_amount),
        scale.qty(e.left),
        fee(core, e.fee, e.fee_asset, received(&scale, e.side)),
        core.market(e.maker_market).unwrap().symbol,
        e.trade_id,
    )
}

fn received(scale: &Scale<'_>, side: Side) -> AssetId {
    if side == Side::Buy { scale.market.base } else { scale.market.quote }
}

/// A fee; its asset only where it is not what was received.
fn fee(core: &Core, amount: Amount, asset: AssetId, received: AssetId) -> String {
    let number = decimal(amount.0, decimals(core, asset));
    if asset == received { number } else { format!("{number} {}", code(core, asset)) }
}

fn traded(core: &Core, e: &Traded) -> String {
    let scale = Scale::of(core, e.market);
    let taker_gets = received(&scale, e.taker_side);
    let maker_gets = received(&scale, e.taker_side.opposite());
    format!(
        "traded {}: {} @ {} = {}; taker #{} {} {} left {} fee {}; maker #{} {} left {} fee {}{}",
        e.trade_id,
        scale.qty(e.qty),
        scale.price(e.price),
        scale.quote(e.quote_amount),
        e.taker_order,
        name(core, e.taker_account),
        side(e.taker_side),
        scale.qty(e.taker_left),
        fee(core, e.taker_fee, e.taker_fee_asset, taker_gets),
        e.maker_order,
        name(core, e.maker_account),
        scale.qty(e.maker_left),
        fee(core, e.maker_fee, e.maker_fee_asset, maker_gets),
        if e.is_routed { format!("; routed {}", scale.market.symbol) } else { String::new() },
    )
}

fn prevented(core: &Core, e: &SelfTradePrevented) -> String {
    let scale = Scale::of(core, e.market);
    let mut who = name(core, e.taker_account).to_owned();
    if e.maker_account != e.taker_account {
        who += &format!(" with {}", name(core, e.maker_account));
    }
    if e.maker_market != e.market {
        who += &format!(" in {}", core.market(e.maker_market).unwrap().symbol);
    }
    let moved = if e.transferred.0 > 0 { format!("; moved {}", scale.quote(e.transferred)) } else { String::new() };
    format!(
        "prevented {}: {} {} @ {}; taker #{} loses {} left {}; maker #{} loses {} left {}{moved}",
        e.prevented_match_id,
        who,
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
        CloseReason::Rejected => "rejected",
        CloseReason::OcoTrigger => "oco_trigger",
        CloseReason::PhaseOneExpired => "phase_one_expired",
        CloseReason::PriceRangeExceeded => "price_range_exceeded",
        CloseReason::Exchange => "exchange",
        CloseReason::Amended => "amended",
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
    let a = &o.accepted;
    let scale = Scale::of(core, a.market);
    let mut line = format!(
        "{} {} {} {} @ {} left {} filled {} prevented {} for {}",
        name(core, a.account),
        side(a.side),
        kind(a.kind),
        scale.qty(a.qty),
        scale.price(a.price),
        scale.qty(o.left),
        scale.qty(o.filled),
        scale.qty(o.prevented),
        scale.quote(o.filled_quote),
    );
    if let Some(extra) = &a.extra {
        line += &extra_of(&scale, extra);
    }
    let ago = |time: TimeUs| decimal(u128::from(core.time().0 - time.0), 6);
    match o.working_at {
        None => line += " not_working",
        Some(at) if at != o.accepted_at => line += &format!(" working_since={}s", ago(at)),
        Some(_) => {}
    }
    if let Some(at) = o.trailing_at {
        line += &format!(" trailing_since={}s", ago(at));
    }
    if o.amends > 0 {
        line += &format!(" amends={}", o.amends);
    }
    line
}

pub fn open_list(list: &OpenOrderList) -> String {
    let orders: Vec<String> = list.orders.iter().map(|order| format!("#{order}")).collect();
    format!("${} {} {}{}", list.list, list_kind(list.kind), orders.join(" "), with_id(&list.client_list_id))
}

pub fn reference(core: &Core, market: &MarketView<'_>, now: TimeUs) -> String {
    let Some(reference) = core.reference_price_at(market.id, now) else { return "never".to_owned() };
    let how = if reference.is_computed { "computed" } else { "set" };
    match reference.price {
        None => format!("{how} none"),
        Some(price) => format!("{how} {}", Scale::of(core, market.id).price(price)),
    }
}
