//! Random commands: every kind, every optional field, mostly such that something comes of them.

use tandem_core::Core;
use tandem_core::command::{AmendOrder, CancelList, CancelOrder, CancelReplace, Command, PlaceList, PlaceOrder};
use tandem_core::types::*;

use super::{ACCOUNTS, ASSETS, MARKETS, Random};

const EVERYTHING: u16 = 511;

fn fees(random: &mut Random, most: u64) -> Fees {
    let mut rate = || RateE8(random.below(most) as u32);
    Fees { maker: rate(), taker: rate(), buyer: rate(), seller: rate() }
}

fn multiples(random: &mut Random) -> [u64; 4] {
    let up = 100_000_000 + 100_000 * random.below(40);
    let down = 100_000_000 - 100_000 * random.below(40);
    [up, down, up, down]
}

pub fn rules(random: &mut Random) -> MarketRules {
    let [bid_up, bid_down, ask_up, ask_down] = multiples(random);
    let by_side = random.one_in(2);
    MarketRules {
        tick_size: Price(100),
        price_min: Price(100 * random.below(3)),
        price_max: Price(if random.one_in(2) { 0 } else { 2_000_000 }),
        lot_size: Qty(10),
        qty_min: Qty(10 * random.below(3)),
        qty_max: Qty(if random.one_in(2) { 0 } else { 9_000 }),
        market_lot_size: Qty(if random.one_in(3) { 20 } else { 0 }),
        market_qty_min: Qty(0),
        market_qty_max: Qty(if random.one_in(2) { 0 } else { 5_000 }),
        min_notional: random.one_in(2).then_some(MinNotional { min: Amount(30), apply_to_market: true }),
        notional: random.one_in(2).then_some(Notional {
            min: Amount(20),
            apply_min_to_market: true,
            max: Amount(5_000_000),
            apply_max_to_market: false,
        }),
        avg_price_mins: random.of(&[0, 1, 5, 60]),
        max_num_orders: random.of(&[0, 12, 30]),
        percent_price: random.one_in(4).then_some(PercentPrice { bid_up, bid_down, ask_up, ask_down, by_side }),
        iceberg_parts: random.of(&[0, 2, 10]),
        max_num_algo_orders: random.of(&[0, 0, 6]),
        max_num_iceberg_orders: random.of(&[0, 0, 3]),
        max_num_order_lists: random.of(&[0, 0, 4]),
        max_num_order_amends: random.of(&[0, 1]),
        max_position: Amount(if random.one_in(8) { 2_000_000_500 } else { 0 }),
        trailing_delta: random.one_in(3).then_some(TrailingDelta {
            above_min: 2,
            above_max: 2_000,
            below_min: 3,
            below_max: 1_000,
        }),
        price_range: random.one_in(5).then_some(PriceRange { bid_up, bid_down: 0, ask_up: 0, ask_down }),
        reference: random.one_in(3).then_some(ReferenceRule { count: 3, width_ms: 2_500 }),
        kinds: if random.one_in(9) { random.below(128) as u8 } else { 127 },
        features: if random.one_in(9) { random.below(512) as u16 } else { EVERYTHING },
        permissions: if random.one_in(40) { 6 } else { 3 },
        fees: Fees { maker: RateE8(10_000), taker: RateE8(random.of(&[0, 100_000, 33_333_333])), ..Fees::default() },
        special_fees: if random.one_in(3) { fees(random, 100_000) } else { Fees::default() },
        tax_fees: if random.one_in(3) { fees(random, 10_000_000) } else { Fees::default() },
        discount: !random.one_in(4),
        stp_default: SelfTradePrevention::ExpireMaker,
        stp_allowed: 63,
    }
}

/// The commands that every stream starts with: assets, markets, accounts, funds, a routing group.
pub fn opening(random: &mut Random) -> Vec<Command> {
    let mut all = Vec::new();
    for (code, decimals) in [("AAA", 3), ("BBB", 2), ("CCC", 2)] {
        all.push(Command::CreateAsset { code: code.into(), name: format!("Asset {code}"), decimals });
    }
    for (base, quote) in [(0, 1), (0, 2), (2, 1)] {
        all.push(Command::CreateMarket {
            symbol: format!("M{base}{quote}"),
            base: AssetId(base),
            quote: AssetId(quote),
            rules: Box::new(rules(random)),
        });
    }
    for account in 1..=ACCOUNTS {
        all.push(Command::CreateAccount { name: format!("account {account}") });
        for asset in 0..ASSETS {
            all.push(Command::Credit {
                account: AccountId(account as u32),
                asset: AssetId(asset as u32),
                amount: Amount(2_000_000_000),
            });
        }
    }
    all.push(Command::SetSor { base: AssetId(0), markets: vec![MarketId(0), MarketId(1)], account: AccountId(6) });
    all
}

fn client_id(random: &mut Random) -> ClientOrderId {
    if random.one_in(2) {
        return ClientOrderId::EMPTY;
    }
    let text = format!("id-{:_>width$}", random.below(12), width = random.below(30) as usize + 1);
    ClientOrderId::new(text.as_bytes()).unwrap()
}

fn price(random: &mut Random) -> Price {
    Price(100_000 + 100 * random.below(24))
}

fn an_account(random: &mut Random) -> AccountId {
    AccountId(random.below(ACCOUNTS) as u32 + 1)
}

fn a_market(random: &mut Random) -> MarketId {
    MarketId(random.of(&[0, 0, 0, 1, 1, 2]))
}

fn trigger(random: &mut Random, terms: &mut Terms) {
    if random.one_in(3) {
        terms.trailing_delta = 1 + random.below(60) as u32;
    }
    if terms.trailing_delta == 0 || random.one_in(2) {
        terms.stop_price = price(random);
    }
}

fn peg(random: &mut Random) -> Option<Peg> {
    let offset = random.one_in(2).then(|| 1 + random.below(3) as u8);
    random.one_in(7).then(|| Peg { price: random.of(PegPrice::ALL), offset })
}

fn some(terms: Terms) -> Option<Box<Terms>> {
    (terms != Terms::default()).then(|| Box::new(terms))
}

/// An order of this kind that a market with everything allowed takes more often than not.
fn order(random: &mut Random, account: AccountId, market: MarketId, kind: OrderKind) -> PlaceOrder {
    let works_as_market = kind.works_as() == OrderKind::Market;
    let by_amount = kind == OrderKind::Market && random.one_in(2);
    let tif = if kind.works_as() == OrderKind::Limit { random.of(TimeInForce::ALL) } else { TimeInForce::Gtc };
    let tif = if random.one_in(3) { tif } else { TimeInForce::Gtc };
    let qty = Qty(if by_amount { 0 } else { 20 * (1 + random.below(40)) });
    let mut terms = Terms::default();
    if kind.is_contingent() {
        trigger(random, &mut terms);
    }
    if !works_as_market && tif == TimeInForce::Gtc && random.one_in(5) {
        terms.iceberg_qty = Qty((qty.0 / (2 + random.below(4)) / 10 * 10).max(10));
    }
    if !works_as_market {
        terms.peg = peg(random);
    }
    let may_route = matches!(kind, OrderKind::Limit | OrderKind::Market) && terms.peg.is_none() && !by_amount;
    terms.use_sor = may_route && random.one_in(4);
    let is_priced = !works_as_market && (terms.peg.is_none() || random.one_in(2));
    PlaceOrder {
        account,
        market,
        side: random.of(Side::ALL),
        kind,
        tif,
        price: if is_priced { price(random) } else { Price(0) },
        qty,
        quote_qty: Amount(if by_amount { u128::from(random.below(80_000)) } else { 0 }),
        client_order_id: client_id(random),
        stp: random.one_in(2).then(|| random.of(SelfTradePrevention::ALL)),
        strategy_id: random.one_in(5).then(|| random.next() as i64),
        strategy_type: random.one_in(5).then(|| random.next() as i32),
        terms: some(terms),
    }
}

fn place(random: &mut Random) -> PlaceOrder {
    let plain = [OrderKind::Limit, OrderKind::Limit, OrderKind::LimitMaker, OrderKind::Market];
    let kind = if random.one_in(4) { random.of(OrderKind::ALL) } else { random.of(&plain) };
    let (account, market) = (an_account(random), a_market(random));
    let mut order = order(random, account, market, kind);
    match random.below(60) {
        0 => order.price.0 += 1,
        1 => order.qty.0 += 1,
        2 => order.account.0 += 9,
        3 => order.qty = Qty(u64::MAX >> random.below(40)),
        4 => order.price = Price(u64::MAX >> random.below(40)),
        5 => order.quote_qty = Amount(u128::MAX >> random.below(100)),
        6 => {
            let mut terms = order.terms.map_or_else(Terms::default, |terms| *terms);
            terms.stop_price = Price(u64::MAX >> random.below(60));
            terms.trailing_delta = random.next() as u32;
            terms.iceberg_qty = Qty(u64::MAX >> random.below(60));
            order.terms = some(terms);
        }
        _ => {}
    }
    order
}

/// The middle of the prices above; a pair's legs are on both sides of about there.
const MIDDLE: u64 = 101_200;

/// A pair on this side; without quantity for what the working order buys.
fn pair(random: &mut Random, account: AccountId, market: MarketId, side: Side, qty: Qty) -> Vec<PlaceOrder> {
    let (low, high) = (Price(MIDDLE - 100 * random.below(14)), Price(MIDDLE + 100 * random.below(14)));
    let (stop_price, target) = if side == Side::Sell { (low, high) } else { (high, low) };
    let stop = random.of(&[OrderKind::StopLoss, OrderKind::StopLossLimit]);
    let other = random.of(&[OrderKind::LimitMaker, OrderKind::TakeProfit, OrderKind::TakeProfitLimit]);
    let mut legs = [stop, other].map(|kind| order(random, account, market, kind));
    for (leg, trigger) in legs.iter_mut().zip([stop_price, target]) {
        (leg.side, leg.qty) = (side, qty);
        let mut terms = leg.terms.take().map_or_else(Terms::default, |terms| *terms);
        if leg.kind.is_contingent() {
            if terms.trailing_delta == 0 {
                terms.stop_price = trigger;
            }
        } else if leg.price.0 > 0 {
            leg.price = trigger;
        }
        if qty.0 == 0 {
            terms.iceberg_qty = Qty(0);
        }
        leg.terms = some(terms);
    }
    legs.into()
}

fn list(random: &mut Random) -> PlaceList {
    let (account, market) = (an_account(random), a_market(random));
    let kind = random.of(ListKind::ALL);
    let qty = Qty(20 * (1 + random.below(30)));
    let mut orders = Vec::new();
    let mut side = random.of(Side::ALL);
    if kind.has_working() {
        let working = random.of(&[OrderKind::Limit, OrderKind::Limit, OrderKind::LimitMaker]);
        let mut working = order(random, account, market, working);
        working.side = if kind.pays_pending() { Side::Buy } else { side };
        side = working.side.opposite();
        if let Some(terms) = &mut working.terms {
            terms.use_sor = false;
        }
        working.terms = working.terms.take().and_then(|terms| some(*terms));
        orders.push(working);
    }
    let pending_qty = if kind.pays_pending() { Qty(0) } else { qty };
    if kind.has_pair() {
        orders.extend(pair(random, account, market, side, pending_qty));
    } else {
        let kind = random.of(OrderKind::ALL);
        let mut pending = order(random, account, market, kind);
        (pending.side, pending.qty, pending.quote_qty) = (side, pending_qty, Amount(0));
        let mut terms = pending.terms.take().map_or_else(Terms::default, |terms| *terms);
        terms.use_sor = false;
        terms.iceberg_qty = Qty(0);
        pending.terms = some(terms);
        orders.push(pending);
    }
    if random.one_in(40) {
        orders.pop();
    }
    PlaceList { account, market, kind, client_list_id: client_id(random), orders }
}

/// An order that somebody may name: whose, where, and by what.
struct Named {
    account: AccountId,
    market: MarketId,
    order_id: Option<OrderId>,
    client_order_id: ClientOrderId,
}

/// Mostly one that is open.
fn an_order(random: &mut Random, core: &Core) -> Named {
    let (mut account, market) = (an_account(random), a_market(random));
    let open: Vec<_> = core.open_orders_of(account, market).collect();
    let order_id = (!random.one_in(3)).then(|| OrderId(random.below(500)));
    let mut named = Named { account, market, order_id, client_order_id: client_id(random) };
    if open.is_empty() || random.one_in(12) {
        return named;
    }
    let order = &open[random.below(open.len() as u64) as usize].accepted;
    if random.one_in(20) {
        account = an_account(random);
    }
    named.account = account;
    named.order_id = Some(order.order_id);
    named.client_order_id = if random.one_in(2) { order.client_order_id } else { ClientOrderId::EMPTY };
    if !order.client_order_id.is_empty() && random.one_in(3) {
        (named.order_id, named.client_order_id) = (None, order.client_order_id);
    }
    named
}

fn cancel(random: &mut Random, core: &Core) -> CancelOrder {
    let Named { account, market, order_id, client_order_id } = an_order(random, core);
    CancelOrder {
        account,
        market,
        order_id,
        client_order_id,
        new_client_order_id: client_id(random),
        restriction: random.one_in(5).then(|| random.of(CancelRestriction::ALL)),
    }
}

fn cancel_replace(random: &mut Random, core: &Core) -> CancelReplace {
    let cancel = cancel(random, core);
    let mut order = place(random);
    if !random.one_in(20) {
        (order.account, order.market) = (cancel.account, cancel.market);
    }
    CancelReplace { cancel, mode: random.of(ReplaceMode::ALL), order }
}

fn amend(random: &mut Random, core: &Core) -> AmendOrder {
    let Named { account, market, order_id, client_order_id } = an_order(random, core);
    let qty = order_id.and_then(|id| core.open_order(market, id)).map_or(400, |order| order.accepted.qty.0);
    AmendOrder {
        account,
        market,
        order_id,
        client_order_id,
        new_qty: Qty(10 * random.below(qty / 10 + 2)),
        new_client_order_id: client_id(random),
    }
}

fn cancel_list(random: &mut Random, core: &Core) -> CancelList {
    let lists: Vec<_> = core.open_lists().collect();
    let mut cancel = CancelList {
        account: an_account(random),
        market: a_market(random),
        list_id: random.one_in(2).then(|| ListId(random.below(50))),
        client_list_id: client_id(random),
        new_client_order_id: client_id(random),
    };
    if !lists.is_empty() && !random.one_in(6) {
        let list = &lists[random.below(lists.len() as u64) as usize];
        (cancel.account, cancel.market, cancel.list_id) = (list.account, list.market, Some(list.list));
        cancel.client_list_id = if random.one_in(2) { list.client_list_id } else { ClientOrderId::EMPTY };
    }
    cancel
}

fn exchange_rules(random: &mut Random) -> ExchangeRules {
    ExchangeRules {
        max_num_orders: random.of(&[0, 0, 40]),
        max_num_algo_orders: random.of(&[0, 0, 15]),
        max_num_iceberg_orders: random.of(&[0, 0, 10]),
        max_num_order_lists: random.of(&[0, 0, 10]),
        discount: (!random.one_in(4)).then(|| Discount {
            asset: AssetId(random.below(ASSETS + 1) as u32),
            rate: RateE8(random.of(&[0, 75_000_000, 100_000_000])),
        }),
    }
}

/// Everything but trading.
fn rare(random: &mut Random) -> Command {
    let account = AccountId(random.below(ACCOUNTS + 1) as u32);
    let market = MarketId(random.below(MARKETS) as u32);
    let asset = AssetId(random.below(ASSETS) as u32);
    match random.below(14) {
        0 => Command::SetMarketStatus {
            market,
            status: if random.one_in(8) { random.of(MarketStatus::ALL) } else { MarketStatus::Trading },
        },
        1 | 2 => Command::UpdateMarket { market, rules: Box::new(rules(random)) },
        3 => Command::UpdateAccount {
            account,
            can_trade: !random.one_in(20),
            fees: random.one_in(2).then(|| fees(random, 100_000)),
            trade_group: random.one_in(2).then(|| random.below(2) as u32),
            permissions: random.of(&[1, 1, 1, 1, 1, 3, 4]),
            discount: random.one_in(2),
        },
        4 => Command::Credit { account, asset, amount: Amount(u128::from(random.below(1 << 30))) },
        5 => Command::Debit { account, asset, amount: Amount(u128::from(random.below(1 << 30))) },
        6 => Command::CreateAccount { name: format!("account {}", random.below(20)) },
        7 => Command::UpdateAsset { asset, name: format!("name {}", random.below(9)) },
        8 => Command::UpdateExchange { rules: exchange_rules(random) },
        9 => Command::SetAssetLimit { account, asset, limit: Amount(random.of(&[0, 0, 700, 5_000_000])) },
        10 | 11 => Command::SetReferencePrice { market, price: (!random.one_in(3)).then(|| price(random)) },
        12 => {
            let markets = if random.one_in(3) { vec![] } else { vec![MarketId(1), MarketId(random.of(&[0, 0, 0, 2]))] };
            Command::SetSor { base: AssetId(0), markets, account: AccountId(random.below(ACCOUNTS + 2) as u32) }
        }
        _ => Command::RunReleases,
    }
}

/// One random command; the core is where everything before it led to.
pub fn command(random: &mut Random, core: &Core) -> Command {
    match random.below(100) {
        0..7 => rare(random),
        7 => {
            Command::CancelAll { account: an_account(random), market: a_market(random), by_exchange: random.one_in(2) }
        }
        8 => Command::CancelList(cancel_list(random, core)),
        9..14 => Command::AmendOrder(amend(random, core)),
        14..19 => Command::CancelReplace(Box::new(cancel_replace(random, core))),
        19..24 => Command::CancelOrder(cancel(random, core)),
        24..34 => Command::PlaceList(list(random)),
        _ => Command::PlaceOrder(place(random)),
    }
}
