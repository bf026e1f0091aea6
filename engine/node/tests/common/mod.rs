//! What the tests of the node share: commands, a shard in a storage, and waiting for results.
#![allow(dead_code)] // every test file uses a part

pub mod shared_log;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tandem_core::command::{AmendOrder, CancelOrder, Command, PlaceList, PlaceOrder};
use tandem_core::types::{
    AccountId, Amount, AssetId, ClientOrderId, Fees, ListKind, MarketId, MarketRules, OrderId, OrderKind, Price, Qty,
    SelfTradePrevention, Side, Terms, TimeInForce,
};
use tandem_journal::Storage;
use tandem_journal::testing::FaultStorage;
use tandem_node::batch::{Batch, Outcome, Refusal};
use tandem_node::node::{Fatal, Node};
use tandem_node::recovery::{Opened, Options, SEGMENT_BYTES_MIN, open_storage};
use tandem_node::retention::Keep;

pub const MARKET: MarketId = MarketId(0);
pub const SELLER: AccountId = AccountId(1);
pub const BUYER: AccountId = AccountId(2);
pub const BASE: AssetId = AssetId(0);
pub const QUOTE: AssetId = AssetId(1);
/// Longer than anything takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// Fatal errors that a node would have ended for.
pub type Fatals = Arc<Mutex<Vec<Fatal>>>;

/// Small segments, a counting clock, and fatal errors that are only noted.
pub fn options(fatals: &Fatals) -> Options {
    let fatals = Arc::clone(fatals);
    let mut now = 1_000_000;
    Options {
        segment_bytes: SEGMENT_BYTES_MIN,
        reserve_bytes: 256 << 10,
        min_free_bytes: 0,
        keep: Keep::UntilCovered,
        clock: Box::new(move || {
            now += 7;
            now
        }),
        on_fatal: Arc::new(move |fatal| fatals.lock().push(fatal)),
        ..Options::default()
    }
}

pub fn open(storage: &FaultStorage) -> Opened {
    open_with(storage, options(&Fatals::default()))
}

pub fn open_with(storage: &FaultStorage, options: Options) -> Opened {
    let storage: Arc<dyn Storage> = Arc::new(storage.clone());
    open_storage(storage, options).expect("the shard opens")
}

/// One market, a seller with base and a buyer with quote.
pub fn setup() -> Vec<Command> {
    let asset = |code: &str| Command::CreateAsset { code: code.into(), name: code.into(), decimals: 8 };
    let account = |name: &str| Command::CreateAccount { name: name.into() };
    let credit = |account, asset| Command::Credit { account, asset, amount: Amount(1 << 90) };
    vec![
        asset("BTC"),
        asset("USDT"),
        account("seller"),
        account("buyer"),
        Command::CreateMarket { symbol: "BTCUSDT".into(), base: BASE, quote: QUOTE, rules: Box::new(rules()) },
        credit(SELLER, BASE),
        credit(BUYER, QUOTE),
    ]
}

fn rules() -> MarketRules {
    MarketRules {
        tick_size: Price(1_000_000),
        price_min: Price(0),
        price_max: Price(0),
        lot_size: Qty(100),
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
        permissions: 1,
        fees: Fees::default(),
        special_fees: Fees::default(),
        tax_fees: Fees::default(),
        discount: false,
        stp_default: SelfTradePrevention::None,
        stp_allowed: 63,
    }
}

/// A limit order at so many ticks for so many lots.
pub fn place(account: AccountId, side: Side, ticks: u64, lots: u64) -> Command {
    Command::PlaceOrder(limit(account, side, ticks, lots))
}

/// The same, to be changed or put into a list.
pub fn limit(account: AccountId, side: Side, ticks: u64, lots: u64) -> PlaceOrder {
    PlaceOrder {
        account,
        market: MARKET,
        side,
        kind: OrderKind::Limit,
        tif: TimeInForce::Gtc,
        price: Price(ticks * 1_000_000),
        qty: Qty(lots * 100),
        quote_qty: Amount(0),
        client_order_id: ClientOrderId::EMPTY,
        stp: None,
        strategy_id: None,
        strategy_type: None,
        terms: None,
    }
}

/// Shows only so many lots of it.
pub fn iceberg(order: PlaceOrder, lots: u64) -> PlaceOrder {
    let terms = Terms { iceberg_qty: Qty(lots * 100), ..Terms::default() };
    PlaceOrder { terms: Some(Box::new(terms)), ..order }
}

/// Becomes MARKET when the price moves to so many ticks against the position.
pub fn stop(order: PlaceOrder, ticks: u64) -> PlaceOrder {
    let terms = Terms { stop_price: Price(ticks * 1_000_000), ..Terms::default() };
    PlaceOrder { kind: OrderKind::StopLoss, price: Price(0), terms: Some(Box::new(terms)), ..order }
}

/// Both orders end when one of them is touched.
pub fn oco(stop: PlaceOrder, maker: PlaceOrder) -> Command {
    let maker = PlaceOrder { kind: OrderKind::LimitMaker, ..maker };
    let (account, market) = (maker.account, maker.market);
    let client_list_id = ClientOrderId::EMPTY;
    Command::PlaceList(PlaceList { account, market, kind: ListKind::Oco, client_list_id, orders: vec![stop, maker] })
}

pub fn sell(ticks: u64, lots: u64) -> Command {
    place(SELLER, Side::Sell, ticks, lots)
}

pub fn buy(ticks: u64, lots: u64) -> Command {
    place(BUYER, Side::Buy, ticks, lots)
}

pub fn cancel(account: AccountId, order: u64) -> Command {
    Command::CancelOrder(CancelOrder {
        account,
        market: MARKET,
        order_id: Some(OrderId(order)),
        client_order_id: ClientOrderId::EMPTY,
        new_client_order_id: ClientOrderId::EMPTY,
        restriction: None,
    })
}

/// Lowers an order to so many lots.
pub fn amend(account: AccountId, order: u64, lots: u64) -> Command {
    Command::AmendOrder(AmendOrder {
        account,
        market: MARKET,
        order_id: Some(OrderId(order)),
        client_order_id: ClientOrderId::EMPTY,
        new_qty: Qty(lots * 100),
        new_client_order_id: ClientOrderId::EMPTY,
    })
}

/// The n-th of a stream of places of all sorts, some of which trade, and cancels and amends, some of which come too late.
pub fn nth_command(n: u64) -> Command {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let (ticks, lots) = (90 + mixed % 20, 1 + mixed / 32 % 9);
    let (one, order) = (mixed / 65_536 % 16, 1 + mixed % n.max(1));
    match mixed / 1024 % 5 {
        0 if one < 5 => amend(SELLER, order, lots),
        0 => cancel(SELLER, order),
        1 if one < 5 => amend(BUYER, order, lots),
        1 => cancel(BUYER, order),
        2 | 3 if one == 0 => Command::PlaceOrder(iceberg(limit(SELLER, Side::Sell, ticks + 5, 9 * lots), lots)),
        2 | 3 if one == 1 => Command::PlaceOrder(stop(limit(SELLER, Side::Sell, 0, lots), ticks - 5)),
        2 | 3 if one == 2 => {
            oco(stop(limit(SELLER, Side::Sell, 0, lots), ticks - 5), limit(SELLER, Side::Sell, ticks + 5, lots))
        }
        2 | 3 => sell(ticks + 5, lots),
        _ if one == 0 => Command::PlaceOrder(iceberg(limit(BUYER, Side::Buy, ticks, 9 * lots), lots)),
        _ if one == 1 => Command::PlaceOrder(stop(limit(BUYER, Side::Buy, 0, lots), ticks + 5)),
        _ => buy(ticks, lots + 4),
    }
}

pub fn submit_all(node: &Node, commands: impl IntoIterator<Item = Command>) -> Vec<u64> {
    commands.into_iter().map(|command| node.submit(&command).expect("the queue has space")).collect()
}

/// Polls until there were this many results.
pub fn results(node: &Node, n: usize) -> Vec<Outcome> {
    batches(node, n).into_iter().flat_map(|batch| batch.outcomes).collect()
}

/// Polls until there were this many results or refusals.
pub fn batches(node: &Node, n: usize) -> Vec<Batch> {
    let mut taken = Vec::new();
    let mut seen = 0;
    wait_until(|| {
        let batches = node.poll(usize::MAX);
        seen += batches.iter().map(|batch| batch.outcomes.len() + batch.refused.len()).sum::<usize>();
        taken.extend(batches);
        seen >= n
    });
    assert_eq!(seen, n);
    taken
}

/// Takes all replayed batches.
pub fn replayed(opened: &Opened) -> Vec<Batch> {
    let mut taken = Vec::new();
    loop {
        let batches = opened.node.poll(500);
        if batches.is_empty() {
            return taken;
        }
        taken.extend(batches);
    }
}

/// Submits and waits for the results, which are all accepted.
pub fn run(node: &Node, commands: impl IntoIterator<Item = Command>) -> Vec<Outcome> {
    let numbers = submit_all(node, commands);
    let outcomes = results(node, numbers.len());
    assert_eq!(outcomes.iter().map(|outcome| outcome.number).collect::<Vec<_>>(), numbers);
    outcomes
}

/// Waits for refusals of these numbers, in any batches.
pub fn refusals(node: &Node, n: usize) -> Vec<(u64, Refusal)> {
    batches(node, n).into_iter().flat_map(|batch| batch.refused).collect()
}

/// Another thread has to get there; how long it takes is its business.
pub fn wait_until(mut is_there: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_there() {
        assert!(started.elapsed() < PATIENCE, "it never came");
        std::thread::yield_now();
    }
}

pub fn stat(node: &Node, name: &str) -> u64 {
    node.stats().into_iter().find(|(found, _)| *found == name).expect("the stat exists").1
}

/// (seq, digest).
pub fn point(node: &Node) -> (u64, u64) {
    let replica = node.replica();
    (replica.core().seq().0, replica.core().digest())
}
