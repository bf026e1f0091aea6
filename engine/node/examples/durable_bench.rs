//! Measures durable commands: queue, log, fdatasync, apply, publish, pipelined; and the restart after them.
//!
//! Usage: `durable_bench [commands] [directory]`. Prints one JSON line for each measure, medians of five runs. The stream is made
//! beforehand by a core of its own: places (a tenth of them cross) and cancels of open orders, none rejected.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tandem_core::Core;
use tandem_core::command::{CancelOrder, Command, Origin, PlaceOrder};
use tandem_core::event::Event;
use tandem_core::types::{
    AccountId, Amount, AssetId, ClientOrderId, Fees, MarketId, MarketRules, OrderId, OrderKind, Price, Qty, RateE8,
    SelfTradePrevention, Seq, Side, TimeInForce, TimeUs,
};
use tandem_node::node::Node;
use tandem_node::queue::SubmitError;
use tandem_node::recovery::{Options, open};

const RUNS: usize = 5;
const ACCOUNTS: u32 = 1000;
const MARKETS: u32 = 8;
/// Open orders around which places and cancels balance.
const OPEN_ORDERS: usize = 20_000;
const MID: u64 = 3_000_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let n: usize = args.next().map_or(Ok(1_000_000), |n| n.parse())?;
    let root = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let commands = Stream::new().make(n)?;
    let mut runs = Vec::new();
    let mut restarts = Vec::new();
    for run in 0..RUNS {
        let dir = root.join(format!("tandem-durable-bench-{}-{run}", std::process::id()));
        runs.push(measure(&dir, &commands)?);
        restarts.push(measure_restart(&dir)?);
        fs::remove_dir_all(&dir)?;
    }
    runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    restarts.sort_by(|a, b| a.open_s.total_cmp(&b.open_s));
    let Run { per_second, batch_p50, sync_p50_us, sync_p99_us } = runs[RUNS / 2];
    println!(
        "{{\"name\":\"durable_commands\",\"n\":{n},\"per_second\":{per_second:.0},\"batch_p50\":{batch_p50},\
         \"sync_p50_us\":{sync_p50_us:.1},\"sync_p99_us\":{sync_p99_us:.1}}}"
    );
    let Restart { open_s, events_s } = restarts[RUNS / 2];
    println!(
        "{{\"name\":\"restart\",\"n\":{},\"open_seconds\":{open_s:.3},\"events_seconds\":{events_s:.3}}}",
        commands.len()
    );
    Ok(())
}

#[derive(Clone, Copy)]
struct Run {
    per_second: f64,
    batch_p50: u64,
    sync_p50_us: f64,
    sync_p99_us: f64,
}

fn measure(dir: &Path, commands: &[Command]) -> Result<Run, Failure> {
    // No snapshot: the restart shall find everything in the tail.
    let opened = open(dir, Options { snapshot_every: u64::MAX, ..Options::default() })?;
    let node = &opened.node;
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| consume(node, commands.len()));
        commands.iter().for_each(|command| submit(node, command));
    });
    let took = started.elapsed();
    let stats: HashMap<_, _> = node.stats().into_iter().collect();
    Ok(Run {
        per_second: commands.len() as f64 / took.as_secs_f64(),
        batch_p50: stats["batch_p50"],
        sync_p50_us: stats["sync_ns_p50"] as f64 / 1000.0,
        sync_p99_us: stats["sync_ns_p99"] as f64 / 1000.0,
    })
}

fn submit(node: &Node, command: &Command) {
    while node.submit(command) == Err(SubmitError::Overloaded) {
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Takes every result, as the Python side would, and checks that nothing was rejected.
fn consume(node: &Node, n: usize) {
    let (mut seen, mut rejected) = (0, 0);
    while seen < n {
        let batches = node.poll(usize::MAX);
        if batches.is_empty() {
            std::thread::sleep(Duration::from_micros(200));
        }
        for batch in batches {
            seen += batch.outcomes.len();
            rejected += batch.outcomes.iter().filter(|outcome| outcome.code.is_some()).count();
        }
    }
    assert_eq!(rejected, 0, "the stream was made without rejects");
}

#[derive(Clone, Copy)]
struct Restart {
    open_s: f64,
    events_s: f64,
}

/// Until queries and commands are taken, and until the events of the tail were made again.
fn measure_restart(dir: &Path) -> Result<Restart, Failure> {
    let started = Instant::now();
    let opened = open(dir, Options { snapshot_every: u64::MAX, ..Options::default() })?;
    let open_s = started.elapsed().as_secs_f64();
    while !opened.node.poll(usize::MAX).is_empty() {}
    Ok(Restart { open_s, events_s: started.elapsed().as_secs_f64() })
}

/// Makes commands that are all accepted, by asking a core.
struct Stream {
    core: Core,
    seq: u64,
    random: u64,
    /// (account, market, id) of each.
    open: Vec<(AccountId, MarketId, OrderId)>,
    /// Place of an open order in `open`.
    index: HashMap<OrderId, usize>,
    events: Vec<Event>,
}

impl Stream {
    fn new() -> Self {
        let (open, index) = (Vec::new(), HashMap::new());
        Self { core: Core::new(), seq: 0, random: 0x2545_F491_4F6C_DD1D, open, index, events: Vec::new() }
    }

    fn make(mut self, n: usize) -> Result<Vec<Command>, Failure> {
        let mut commands = setup();
        for command in &commands {
            self.apply(command)?;
        }
        while commands.len() < n {
            let command =
                if self.below(2 * OPEN_ORDERS as u64) < self.open.len() as u64 { self.cancel() } else { self.place() };
            if self.apply(&command)? {
                commands.push(command);
            }
        }
        Ok(commands)
    }

    /// Whether it was accepted.
    fn apply(&mut self, command: &Command) -> Result<bool, Failure> {
        self.events.clear();
        let (seq, time) = (Seq(self.seq + 1), TimeUs(self.seq));
        self.core.apply_command(seq, time, Origin::default(), command, &mut self.events)?;
        self.seq += 1;
        let mut rests = None;
        for event in std::mem::take(&mut self.events) {
            match event {
                Event::Rejected { .. } => return Ok(false),
                Event::OrderAccepted(order) => rests = Some((order.account, order.market, order.order_id)),
                Event::Traded(trade) => {
                    if trade.maker_left.0 == 0 {
                        self.forget(trade.maker_order);
                    }
                    if trade.taker_left.0 == 0 {
                        rests = None;
                    }
                }
                Event::OrderClosed(closed) => {
                    self.forget(closed.order_id);
                    rests = rests.filter(|(_, _, order)| *order != closed.order_id);
                }
                _ => {}
            }
        }
        if let Some(order) = rests {
            self.index.insert(order.2, self.open.len());
            self.open.push(order);
        }
        Ok(true)
    }

    fn forget(&mut self, order: OrderId) {
        if let Some(at) = self.index.remove(&order) {
            self.open.swap_remove(at);
            if let Some((_, _, moved)) = self.open.get(at) {
                self.index.insert(*moved, at);
            }
        }
    }

    fn cancel(&mut self) -> Command {
        let at = self.below(self.open.len() as u64) as usize;
        let (account, market, order_id) = self.open[at];
        Command::CancelOrder(CancelOrder {
            account,
            market,
            order_id: Some(order_id),
            client_order_id: ClientOrderId::EMPTY,
            new_client_order_id: ClientOrderId::EMPTY,
            restriction: None,
        })
    }

    fn place(&mut self) -> Command {
        let side = if self.below(2) == 0 { Side::Buy } else { Side::Sell };
        let crosses = self.below(10) == 0;
        let away = 1 + self.below(200);
        let price = if (side == Side::Buy) == crosses { MID + away / 10 } else { MID - away / 10 };
        let id = format!("x-bench-{}", self.seq);
        Command::PlaceOrder(PlaceOrder {
            account: AccountId(1 + self.below(u64::from(ACCOUNTS)) as u32),
            market: MarketId(self.below(u64::from(MARKETS)) as u32),
            side,
            kind: OrderKind::Limit,
            tif: TimeInForce::Gtc,
            price: Price(price * 1_000_000),
            qty: Qty((1 + self.below(100)) * 1000),
            quote_qty: Amount(0),
            client_order_id: ClientOrderId::new(id.as_bytes()).unwrap_or(ClientOrderId::EMPTY),
            stp: None,
            strategy_id: None,
            strategy_type: None,
            terms: None,
        })
    }

    /// xorshift64*
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// Assets, markets, accounts with funds that never run out.
fn setup() -> Vec<Command> {
    let rules = MarketRules {
        tick_size: Price(1_000_000),
        price_min: Price(0),
        price_max: Price(0),
        lot_size: Qty(1000),
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
        fees: Fees { maker: RateE8(100_000), taker: RateE8(100_000), ..Fees::default() },
        special_fees: Fees::default(),
        tax_fees: Fees::default(),
        discount: false,
        stp_default: SelfTradePrevention::ExpireTaker,
        stp_allowed: 63,
    };
    let asset = |code: String| Command::CreateAsset { name: code.clone(), code, decimals: 8 };
    let mut commands = vec![asset("USDT".into())];
    for market in 0..MARKETS {
        commands.push(asset(format!("A{market}")));
        let (base, quote) = (AssetId(1 + market), AssetId(0));
        commands.push(Command::CreateMarket { symbol: format!("A{market}USDT"), base, quote, rules: Box::new(rules) });
    }
    for account in 1..=ACCOUNTS {
        commands.push(Command::CreateAccount { name: format!("account {account}") });
        for asset in 0..=MARKETS {
            let (account, asset) = (AccountId(account), AssetId(asset));
            commands.push(Command::Credit { account, asset, amount: Amount(1 << 80) });
        }
    }
    commands
}
