//! No field of an event can change without changing the digest.
#![allow(clippy::unwrap_used)] // a test says so by stopping

use std::collections::BTreeSet;

use tandem_core::digest::Digest;
use tandem_core::event::{
    AcceptedExtra, Allocated, Event, Half, ListAccepted, OrderAccepted, OrderAmended, OrderClosed, OrderReleased,
    SelfTradePrevented, Traded,
};
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
        extra: None,
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
    let extra = AcceptedExtra {
        terms: Terms { stop_price: Price(1), ..Terms::default() },
        list: None,
        pegged_price: Price(2),
        state: OrderState::Working,
    };
    let peg = |price, offset| Some(Peg { price, offset });
    let mut extras = with!(extra; terms.stop_price = Price(9), terms.trailing_delta = 9, terms.iceberg_qty = Qty(9),
        terms.peg = peg(PegPrice::Primary, None), terms.use_sor = true, list = Some(ListId(0)),
        pegged_price = Price(9), state = OrderState::Waiting);
    extras.extend(
        with!(extra; terms.peg = peg(PegPrice::Market, None), list = Some(ListId(9)), state = OrderState::Pending)
            .drain(1..),
    );
    extras.extend(with!(extra; terms.peg = peg(PegPrice::Primary, Some(0))).drain(1..));
    extras.extend(with!(extra; terms.peg = peg(PegPrice::Primary, Some(9))).drain(1..));
    all.extend(extras.into_iter().map(|extra| OrderAccepted { extra: Some(Box::new(extra)), ..accepted.clone() }));
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
        taker_fee_asset: AssetId(15),
        taker_left: Qty(10),
        maker_order: OrderId(11),
        maker_account: AccountId(12),
        maker_fee: Amount(13),
        maker_fee_asset: AssetId(16),
        maker_left: Qty(14),
        is_routed: false,
    };
    let mut all = with!(trade; market = MarketId(9), trade_id = TradeId(9), price = Price(9), qty = Qty(9),
        quote_amount = Amount(9), taker_side = Side::Sell, taker_order = OrderId(9), taker_account = AccountId(9),
        taker_fee = Amount(9), taker_left = Qty(9), maker_order = OrderId(9), maker_account = AccountId(9),
        maker_fee = Amount(9), maker_left = Qty(9), taker_fee_asset = AssetId(9), maker_fee_asset = AssetId(9),
        is_routed = true);
    all.extend(
        with!(trade; quote_amount = Amount(5 | 1 << 64), taker_fee = Amount(8 | 1 << 64),
        maker_fee = Amount(13 | 1 << 64))
        .drain(1..),
    );
    check("Traded", all.into_iter().map(Event::Traded).collect());

    let prevented = SelfTradePrevented {
        market: MarketId(1),
        prevented_match_id: PreventedMatchId(2),
        maker_market: MarketId(12),
        taker_account: AccountId(3),
        maker_account: AccountId(13),
        trade_group: Some(15),
        mode: SelfTradePrevention::ExpireBoth,
        price: Price(4),
        taker_order: OrderId(5),
        maker_order: OrderId(6),
        taker_prevented: Qty(7),
        maker_prevented: Qty(8),
        taker_left: Qty(10),
        maker_left: Qty(11),
        transferred: Amount(14),
    };
    let mut all = with!(prevented; market = MarketId(9), prevented_match_id = PreventedMatchId(9),
        maker_market = MarketId(9), taker_account = AccountId(9), maker_account = AccountId(9),
        trade_group = Some(9), trade_group = None, transferred = Amount(9), mode = SelfTradePrevention::Decrement, price = Price(9), taker_order = OrderId(9), maker_order = OrderId(9),
        taker_prevented = Qty(9), maker_prevented = Qty(9), taker_left = Qty(9), maker_left = Qty(9));
    all.extend(with!(prevented; transferred = Amount(14 | 1 << 64)).drain(1..));
    check("SelfTradePrevented", all.into_iter().map(Event::SelfTradePrevented).collect());
}

/// Four rates, each its own.
fn fees(first: u32) -> Fees {
    Fees { maker: RateE8(first), taker: RateE8(first + 1), buyer: RateE8(first + 2), seller: RateE8(first + 3) }
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
        percent_price: None,
        iceberg_parts: 16,
        max_num_algo_orders: 17,
        max_num_iceberg_orders: 18,
        max_num_order_lists: 19,
        max_num_order_amends: 20,
        max_position: Amount(21),
        trailing_delta: None,
        price_range: None,
        reference: None,
        kinds: 22,
        features: 23,
        permissions: 24,
        fees: fees(25),
        special_fees: fees(30),
        tax_fees: fees(35),
        discount: false,
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
        iceberg_parts = 9, max_num_algo_orders = 9, max_num_iceberg_orders = 9, max_num_order_lists = 9,
        max_num_order_amends = 9, max_position = Amount(9), kinds = 9, features = 9, permissions = 9, discount = true,
        fees.maker = RateE8(9), fees.taker = RateE8(9), fees.buyer = RateE8(9), fees.seller = RateE8(9),
        special_fees.maker = RateE8(9), special_fees.taker = RateE8(9), special_fees.buyer = RateE8(9),
        special_fees.seller = RateE8(9), tax_fees.maker = RateE8(9), tax_fees.taker = RateE8(9),
        tax_fees.buyer = RateE8(9), tax_fees.seller = RateE8(9), stp_default = SelfTradePrevention::Decrement, stp_allowed = 9);
    for min in with!(min; min = Amount(9), apply_to_market = true).drain(1..) {
        all.push(MarketRules { min_notional: Some(min), ..rules });
    }
    let notionals = with!(notional; min = Amount(9), apply_min_to_market = true, max = Amount(9),
        apply_max_to_market = true);
    all.extend(notionals[1..].iter().map(|notional| MarketRules { notional: Some(*notional), ..rules }));
    all.extend(changed_filters());
    all
}

/// The rules with each of the filters that a market may have or not, and with each field of it changed.
fn changed_filters() -> Vec<MarketRules> {
    let rules = rules();
    let percent = PercentPrice { bid_up: 1, bid_down: 2, ask_up: 3, ask_down: 4, by_side: false };
    let percents = with!(percent; bid_up = 9, bid_down = 9, ask_up = 9, ask_down = 9, by_side = true);
    let trailing = TrailingDelta { above_min: 1, above_max: 2, below_min: 3, below_max: 4 };
    let trailings = with!(trailing; above_min = 9, above_max = 9, below_min = 9, below_max = 9);
    let range = PriceRange { bid_up: 1, bid_down: 2, ask_up: 3, ask_down: 4 };
    let ranges = with!(range; bid_up = 9, bid_down = 9, ask_up = 9, ask_down = 9);
    let reference = ReferenceRule { count: 1, width_ms: 2 };
    let references = with!(reference; count = 9, width_ms = 9);
    let mut all = Vec::new();
    all.extend(percents.into_iter().map(|filter| MarketRules { percent_price: Some(filter), ..rules }));
    all.extend(trailings.into_iter().map(|filter| MarketRules { trailing_delta: Some(filter), ..rules }));
    all.extend(ranges.into_iter().map(|range| MarketRules { price_range: Some(range), ..rules }));
    all.extend(references.into_iter().map(|rule| MarketRules { reference: Some(rule), ..rules }));
    all
}

#[test]
fn list_and_release_events() {
    let list = ListAccepted {
        list: ListId(1),
        account: AccountId(2),
        market: MarketId(3),
        kind: ListKind::Oco,
        client_list_id: id("a"),
        orders: vec![OrderId(4), OrderId(5)],
    };
    let mut lists = with!(list; list = ListId(9), account = AccountId(9), market = MarketId(9), kind = ListKind::Opo,
        client_list_id = id("b"), orders = vec![OrderId(4), OrderId(9)]);
    lists.extend(with!(list; client_list_id = ClientOrderId::EMPTY, orders = vec![OrderId(4)]).drain(1..));
    let mut all: Vec<Event> = lists.into_iter().map(Event::ListAccepted).collect();

    let released = OrderReleased {
        order_id: OrderId(1),
        account: AccountId(2),
        market: MarketId(3),
        cause: ReleaseCause::Triggered,
        state: OrderState::Working,
        qty: Qty(4),
        pegged_price: Price(5),
    };
    let changed = with!(released; order_id = OrderId(9), account = AccountId(9), market = MarketId(9),
        cause = ReleaseCause::Activated, state = OrderState::Waiting, qty = Qty(9), pegged_price = Price(9));
    all.extend(changed.into_iter().map(Event::OrderReleased));

    for (id, account, market) in [(1, 2, 3), (9, 2, 3), (1, 9, 3), (1, 2, 9)] {
        let (account, market) = (AccountId(account), MarketId(market));
        all.push(Event::ListClosed { list: ListId(id), account, market });
        all.push(Event::TrailingStarted { order_id: OrderId(id), account, market });
    }
    check("lists and releases", all);
}

#[test]
fn amend_replace_and_routing_events() {
    let amended = OrderAmended {
        order_id: OrderId(1),
        account: AccountId(2),
        market: MarketId(3),
        old_qty: Qty(4),
        qty: Qty(5),
        left: Qty(6),
        old_client_order_id: id("a"),
        client_order_id: id("b"),
    };
    let changed = with!(amended; order_id = OrderId(9), account = AccountId(9), market = MarketId(9), old_qty = Qty(9),
        qty = Qty(9), left = Qty(9), old_client_order_id = id("c"), client_order_id = id("c"));
    let mut all: Vec<Event> = changed.into_iter().map(Event::OrderAmended).collect();

    let failed = |code| Half::Failed(code);
    let halves = [Half::Done, Half::NotAttempted, failed(RejectCode::OrderUnknown), failed(RejectCode::WouldTake)];
    for cancel in halves {
        all.extend(halves.map(|order| Event::CancelReplaced { cancel, order }));
    }

    let allocated = Allocated {
        market: MarketId(1),
        allocation_id: AllocationId(2),
        order_id: OrderId(3),
        account: AccountId(4),
        side: Side::Buy,
        price: Price(5),
        qty: Qty(6),
        quote_amount: Amount(7),
        fee: Amount(8),
        fee_asset: AssetId(10),
        left: Qty(11),
        maker_market: MarketId(12),
        trade_id: TradeId(13),
    };
    let mut changed = with!(allocated; market = MarketId(9), allocation_id = AllocationId(9), order_id = OrderId(9),
        account = AccountId(9), side = Side::Sell, price = Price(9), qty = Qty(9), quote_amount = Amount(9),
        fee = Amount(9), fee_asset = AssetId(9), left = Qty(9), maker_market = MarketId(9), trade_id = TradeId(9));
    changed.extend(with!(allocated; quote_amount = Amount(7 | 1 << 64), fee = Amount(8 | 1 << 64)).drain(1..));
    all.extend(changed.into_iter().map(Event::Allocated));
    check("amends, replaces and allocations", all);
}

/// The events of the exchange's own rules, and of accounts beyond their names.
fn exchange_events() -> Vec<Event> {
    let rules = ExchangeRules {
        max_num_orders: 1,
        max_num_algo_orders: 2,
        max_num_iceberg_orders: 3,
        max_num_order_lists: 4,
        discount: None,
    };
    let discount = |asset, rate| Some(Discount { asset: AssetId(asset), rate: RateE8(rate) });
    let mut exchanges = with!(rules; max_num_orders = 9, max_num_algo_orders = 9, max_num_iceberg_orders = 9,
        max_num_order_lists = 9, discount = discount(0, 0));
    exchanges.extend([discount(9, 0), discount(0, 9)].map(|discount| ExchangeRules { discount, ..rules }));
    let mut all: Vec<Event> = exchanges.into_iter().map(|rules| Event::ExchangeUpdated { rules }).collect();
    for (account, asset, limit) in [(1, 2, 3), (9, 2, 3), (1, 9, 3), (1, 2, 9), (1, 2, 1 << 64)] {
        let (account, asset) = (AccountId(account), AssetId(asset));
        all.push(Event::AssetLimitSet { account, asset, limit: Amount(limit) });
    }
    for market in [1, 9].map(MarketId) {
        let prices = [None, Some(Price(0)), Some(Price(9))];
        all.extend(prices.map(|price| Event::ReferencePriceSet { market, price }));
    }
    for (base, markets, account) in
        [(1, vec![2, 3], 4), (9, vec![2, 3], 4), (1, vec![2], 4), (1, vec![3, 2], 4), (1, vec![2, 3], 9)]
    {
        let markets = markets.into_iter().map(MarketId).collect();
        all.push(Event::SorSet { base: AssetId(base), markets, account: AccountId(account) });
    }
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
        all.push(Event::MarketUpdated { market: m, rules: Box::new(rules) });
        all.push(Event::MarketCreated { market: m, symbol: text("AB"), base, quote, rules: Box::new(rules) });
    }
    let rules = rules();
    all.push(Event::MarketUpdated { market: MarketId(2), rules: Box::new(rules) });
    for (market, symbol, base, quote) in
        [(MarketId(2), "AB", base, quote), (m, "AC", base, quote), (m, "AB", quote, base), (m, "AB", base, base)]
    {
        all.push(Event::MarketCreated { market, symbol: text(symbol), base, quote, rules: Box::new(rules) });
    }
    for market in [m, MarketId(2)] {
        let statuses = MarketStatus::ALL.iter();
        all.extend(statuses.map(|status| Event::MarketStatusChanged { market, status: *status }));
    }
    for account in [a, AccountId(2)] {
        all.extend(["x", "y"].map(|name| Event::AccountCreated { account, name: text(name) }));
        let groups = [(None, 1, false), (Some(0), 1, false), (Some(9), 1, false), (None, 9, false), (None, 1, true)];
        for fees in [None, Some(Fees::default()), Some(rules.fees)] {
            all.extend(groups.map(|(trade_group, permissions, discount)| Event::AccountUpdated {
                account,
                can_trade: true,
                fees,
                trade_group,
                permissions,
                discount,
            }));
        }
        let (fees, trade_group) = (None, None);
        let (permissions, discount) = (1, false);
        all.push(Event::AccountUpdated { account, can_trade: false, fees, trade_group, permissions, discount });
    }
    all.extend(exchange_events());
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
