//! No field of an event can change without changing the digest.
#![allow(clippy::unwrap_used)] // a test says so by stopping

use std::collections::BTreeSet;

use tandem_core::digest::Digest;
use tandem_core::event::{Event, OrderAccepted, OrderClosed, SelfTradePrevented, Traded};
use tandem_core::reject::RejectCode;
use tandem_core::types::*;

fn digest(events: &[Event]) -> u64 {
    let mut digest = Digest::new();
    digest.command(Seq(7), events);
    digest.value()
}

/// `with!(event; field = other value, ...)`: the event, and it again with each field changed alone.
macro_rules! with {
    ($event:expr; $($($field:ident).+ = $value:expr),+ $(,)?) => {{
        let mut all = vec![$event.clone()];
        $({
            let mut changed = $event.clone();
            assert_ne!(changed.$($field).+, $value, "the other value has to be another");
            changed.$($field).+ = $value;
            all.push(changed);
        })+
        all
    }};
}

fn id(text: &str) -> ClientOrderId {
    ClientOrderId::new(text.as_bytes()).unwrap()
}

fn check(name: &str, events: Vec<Event>) {
    let digests: BTreeSet<u64> = events.iter().map(|event| digest(std::slice::from_ref(event))).collect();
    assert_eq!(digests.len(), events.len(), "{name}: a field is not in the digest");
}

#[test]
fn order_events() {
    let accepted = OrderAccepted {
        order_id: OrderId(1),
        account: AccountId(2),
        market: MarketId(3),
        side: Side::Buy,
        kind: OrderKind::Limit,
        tif: TimeInForce::Gtc,
        price: Price(4),
        qty: Qty(5),
        quote_qty: Amount(6),
        client_order_id: id("a"),
        stp: SelfTradePrevention::None,
        strategy_id: None,
        strategy_type: None,
    };
    let mut all = with!(accepted; order_id = OrderId(9), account = AccountId(9), market = MarketId(9), side = Side::Sell,
        kind = OrderKind::Market, tif = TimeInForce::Fok, price = Price(9), qty = Qty(9), quote_qty = Amount(9),
        client_order_id = id("b"), stp = SelfTradePrevention::Decrement, strategy_id = Some(9), strategy_type = Some(9));
    all.extend(
        with!(accepted; quote_qty = Amount(6 | 1 << 64), client_order_id = ClientOrderId::EMPTY,
        strategy_id = Some(0), strategy_type = Some(0))
        .drain(1..),
    );
    all.extend(
        with!(accepted; quote_qty = Amount(6 | 1 << 127), client_order_id = id(&"a".repeat(36)),
        strategy_id = Some(-1), strategy_type = Some(-1))
        .drain(1..),
    );
    all.extend(with!(accepted; client_order_id = id(&format!("{}b", "a".repeat(35)))).drain(1..));
    all.extend(with!(accepted; client_order_id = id(&format!("{}b", "a".repeat(16)))).drain(1..));
    check("OrderAccepted", all.into_iter().map(Event::OrderAccepted).collect());

    let closed = OrderClosed {
        order_id: OrderId(1),
        account: AccountId(2),
        market: MarketId(3),
        status: CloseStatus::Canceled,
        reason: CloseReason::User,
        left: Qty(4),
        client_order_id: id("a"),
        cancel_id: id("b"),
    };
    let mut all = with!(closed; order_id = OrderId(9), account = AccountId(9), market = MarketId(9),
        status = CloseStatus::Expired, reason = CloseReason::SelfTrade, left = Qty(9), client_order_id = id("b"),
        cancel_id = id("a"));
    all.extend(with!(closed; client_order_id = ClientOrderId::EMPTY, cancel_id = ClientOrderId::EMPTY).drain(1..));
    check("OrderClosed", all.into_iter().map(Event::OrderClosed).collect());
}

#[test]
fn match_events() {
    let trade = Traded {
        market: MarketId(1),
        trade_id: TradeId(2),
        price: Price(3),
        qty: Qty(4),
        quote_amount: Amount(5),
        taker_side: Side::Buy,
        taker_order: OrderId(6),
        taker_account: AccountId(7),
        taker_fee: Amount(8),
        taker_left: Qty(10),
        maker_order: OrderId(11),
        maker_account: AccountId(12),
        maker_fee: Amount(13),
        maker_left: Qty(14),
    };
    let mut all = with!(trade; market = MarketId(9), trade_id = TradeId(9), price = Price(9), qty = Qty(9),
        quote_amount = Amount(9), taker_side = Side::Sell, taker_order = OrderId(9), taker_account = AccountId(9),
        taker_fee = Amount(9), taker_left = Qty(9), maker_order = OrderId(9), maker_account = AccountId(9),
        maker_fee = Amount(9), maker_left = Qty(9));
    all.extend(
        with!(trade; quote_amount = Amount(5 | 1 << 64), taker_fee = Amount(8 | 1 << 64),
        maker_fee = Amount(13 | 1 << 64))
        .drain(1..),
    );
    check("Traded", all.into_iter().map(Event::Traded).collect());

    let prevented = SelfTradePrevented {
        market: MarketId(1),
        prevented_match_id: PreventedMatchId(2),
        account: AccountId(3),
        mode: SelfTradePrevention::ExpireBoth,
        price: Price(4),
        taker_order: OrderId(5),
        maker_order: OrderId(6),
        taker_prevented: Qty(7),
        maker_prevented: Qty(8),
        taker_left: Qty(10),
        maker_left: Qty(11),
    };
    let all = with!(prevented; market = MarketId(9), prevented_match_id = PreventedMatchId(9), account = AccountId(9),
        mode = SelfTradePrevention::Decrement, price = Price(9), taker_order = OrderId(9), maker_order = OrderId(9),
        taker_prevented = Qty(9), maker_prevented = Qty(9), taker_left = Qty(9), maker_left = Qty(9));
    check("SelfTradePrevented", all.into_iter().map(Event::SelfTradePrevented).collect());
}

fn rules() -> MarketRules {
    MarketRules {
        tick_size: Price(1),
        price_min: Price(2),
        price_max: Price(3),
        lot_size: Qty(4),
        qty_min: Qty(5),
        qty_max: Qty(6),
        market_lot_size: Qty(7),
        market_qty_min: Qty(8),
        market_qty_max: Qty(10),
        min_notional: None,
        notional: None,
        avg_price_mins: 11,
        max_num_orders: 12,
        fees: Fees { maker: RateE8(13), taker: RateE8(14) },
        stp_default: SelfTradePrevention::None,
        stp_allowed: 15,
    }
}

fn changed_rules() -> Vec<MarketRules> {
    let min = MinNotional { min: Amount(0), apply_to_market: false };
    let notional = Notional { min: Amount(1), apply_min_to_market: false, max: Amount(2), apply_max_to_market: false };
    let rules = rules();
    let mut all = with!(rules; tick_size = Price(9), price_min = Price(9), price_max = Price(9), lot_size = Qty(9),
        qty_min = Qty(9), qty_max = Qty(9), market_lot_size = Qty(9), market_qty_min = Qty(9), market_qty_max = Qty(9),
        min_notional = Some(min), notional = Some(notional), avg_price_mins = 9, max_num_orders = 9,
        fees.maker = RateE8(9), fees.taker = RateE8(9), stp_default = SelfTradePrevention::Decrement, stp_allowed = 9);
    for min in with!(min; min = Amount(9), apply_to_market = true).drain(1..) {
        all.push(MarketRules { min_notional: Some(min), ..rules });
    }
    let notionals = with!(notional; min = Amount(9), apply_min_to_market = true, max = Amount(9),
        apply_max_to_market = true);
    all.extend(notionals[1..].iter().map(|notional| MarketRules { notional: Some(*notional), ..rules }));
    all
}

#[test]
fn events_of_everything_else() {
    let (a, m) = (AccountId(1), MarketId(1));
    let (asset, base, quote) = (AssetId(1), AssetId(1), AssetId(2));
    let text = |text: &str| text.to_string();
    let mut all: Vec<Event> = RejectCode::ALL.iter().map(|code| Event::Rejected { code: *code }).collect();
    for asset in [AssetId(0), asset] {
        for (code, name) in [("ab", "c"), ("a", "bc"), ("a", "b")] {
            for decimals in [0, 1] {
                all.push(Event::AssetCreated { asset, code: text(code), name: text(name), decimals });
            }
            all.push(Event::AssetUpdated { asset, name: text(code) + name });
        }
        for account in [AccountId(0), a] {
            for amount in [0, 1, 1 << 64] {
                all.push(Event::Credited { account, asset, amount: Amount(amount) });
                all.push(Event::Debited { account, asset, amount: Amount(amount) });
            }
        }
    }
    for rules in changed_rules() {
        all.push(Event::MarketUpdated { market: m, rules });
        all.push(Event::MarketCreated { market: m, symbol: text("AB"), base, quote, rules });
    }
    let rules = rules();
    all.push(Event::MarketUpdated { market: MarketId(2), rules });
    for (market, symbol, base, quote) in
        [(MarketId(2), "AB", base, quote), (m, "AC", base, quote), (m, "AB", quote, base), (m, "AB", base, base)]
    {
        all.push(Event::MarketCreated { market, symbol: text(symbol), base, quote, rules });
    }
    for market in [m, MarketId(2)] {
        let statuses = MarketStatus::ALL.iter();
        all.extend(statuses.map(|status| Event::MarketStatusChanged { market, status: *status }));
    }
    for account in [a, AccountId(2)] {
        all.extend(["x", "y"].map(|name| Event::AccountCreated { account, name: text(name) }));
        for fees in [None, Some(Fees::default()), Some(rules.fees)] {
            all.extend([true, false].map(|can_trade| Event::AccountUpdated { account, can_trade, fees }));
        }
    }
    let distinct: Vec<Event> =
        all.iter().enumerate().filter(|(i, e)| !all[..*i].contains(e)).map(|(_, e)| e.clone()).collect();
    check("the rest", distinct);
}

#[test]
fn seq_number_and_order_of_events() {
    let one = Event::Rejected { code: RejectCode::AmountZero };
    let two = Event::Rejected { code: RejectCode::NameInvalid };
    let of = |seq: u64, events: &[Event]| {
        let mut digest = Digest::new();
        digest.command(Seq(seq), events);
        digest.value()
    };
    let digests = [
        of(1, &[]),
        of(2, &[]),
        of(1, std::slice::from_ref(&one)),
        of(1, &[one.clone(), one.clone()]),
        of(1, &[one.clone(), two.clone()]),
        of(1, &[two, one]),
    ];
    assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), digests.len());
}
