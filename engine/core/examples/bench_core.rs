//! Speed and memory of the whole core, one thread: checks, matching, balances, fees, events and digest.
//!
//! Mix: 46 % limit GTC (about a quarter of them cross), 6 % limit maker, 10 % limit IOC, 5 % market (half by quantity, half by
//! amount), 33 % cancels (half by order id, half by client order id; 5 % come too late). 4 markets, 400 accounts, every order
//! carries a client order id of 22 characters, as a gateway makes them; PRICE_FILTER, LOT_SIZE, MIN_NOTIONAL and
//! MAX_NUM_ORDERS are on, both fees are. 1 M commands after a warm-up of 200 k, prepared before the clock starts.
//!
//! `core_special` is the same with a third of the commands replaced: 40 % of these stop-loss limits and trailing ones, 20 % icebergs,
//! 20 % pairs (OCO), 20 % amends. `core` and `core_special` take commands, `core_payload` takes them encoded, as the log has them
//! (medians of 5 runs); `core_bytes_per_*` are resident memory by the million (lists: by the quarter of a million).
//!
//! One part alone by its name: `speed`, `special`, `memory` or `memory_special`; without a name each in a process of its own, since
//! what a part frees stays resident. Prints lines of JSON.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    reason = "a benchmark reads the clock and may stop at a surprise"
)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use tandem_core::Core;
use tandem_core::codec;
use tandem_core::command::{AmendOrder, CancelOrder, Command, Origin, PlaceList, PlaceOrder};
use tandem_core::event::Event;
use tandem_core::types::*;

const WARM_UP: usize = 200_000;
const MEASURED: usize = 1_000_000;
const RUNS: usize = 5;
const ACCOUNTS: u64 = 400;
const MARKETS: u64 = 4;
const MILLION: u64 = 1_000_000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// Applies commands with rising seq, number and time.
struct Driver {
    core: Core,
    events: Vec<Event>,
    seq: u64,
}

impl Driver {
    fn new() -> Self {
        Self { core: Core::new(), events: Vec::with_capacity(1024), seq: 0 }
    }

    fn origin(seq: u64) -> Origin {
        Origin { session: 0xFEED, number: seq }
    }

    const fn time(seq: u64) -> TimeUs {
        TimeUs(1_700_000_000_000_000 + seq * 5)
    }

    #[inline]
    fn apply(&mut self, command: &Command) {
        self.seq += 1;
        self.events.clear();
        let (seq, time, origin) = (Seq(self.seq), Self::time(self.seq), Self::origin(self.seq));
        self.core.apply_command(seq, time, origin, command, &mut self.events).unwrap();
    }

    #[inline]
    fn apply_payload(&mut self, payload: &[u8]) {
        self.seq += 1;
        self.events.clear();
        self.core.apply(Seq(self.seq), Self::time(self.seq), payload, &mut self.events).unwrap();
    }
}

fn rules(max_num_orders: u32) -> MarketRules {
    MarketRules {
        tick_size: Price(1_000_000),
        price_min: Price(1_000_000),
        price_max: Price(100_000_000_000_000),
        lot_size: Qty(1_000),
        qty_min: Qty(1_000),
        qty_max: Qty(900_000_000_000),
        market_lot_size: Qty(0),
        market_qty_min: Qty(0),
        market_qty_max: Qty(50_000_000_000),
        min_notional: Some(MinNotional { min: Amount(500_000_000), apply_to_market: true }),
        notional: None,
        avg_price_mins: 5,
        max_num_orders,
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
        fees: Fees { maker: RateE8(100_000), taker: RateE8(100_000), ..Fees::default() },
        special_fees: Fees::default(),
        tax_fees: Fees::default(),
        discount: false,
        stp_default: SelfTradePrevention::ExpireMaker,
        stp_allowed: 63,
    }
}

fn opening(accounts: u64, max_num_orders: u32) -> Vec<Command> {
    let mut all = vec![Command::CreateAsset { code: "USDT".into(), name: "Tether".into(), decimals: 8 }];
    for market in 0..MARKETS as u32 {
        let code = format!("C{market}");
        all.push(Command::CreateAsset { code: code.clone(), name: code.clone(), decimals: 8 });
        all.push(Command::CreateMarket {
            symbol: format!("{code}USDT"),
            base: AssetId(market + 1),
            quote: AssetId(0),
            rules: Box::new(rules(max_num_orders)),
        });
    }
    for account in 1..=accounts as u32 {
        all.push(Command::CreateAccount { name: format!("account-{account}") });
        for asset in 0..=MARKETS as u32 {
            let amount = Amount(100_000_000_000_000_000_000);
            all.push(Command::Credit { account: AccountId(account), asset: AssetId(asset), amount });
        }
    }
    all
}

fn client_order_id(number: u64) -> ClientOrderId {
    ClientOrderId::new(format!("x-{:020}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).as_bytes()).unwrap()
}

/// Makes commands; applies each to a core of its own to know what is live.
struct Maker {
    random: Random,
    driver: Driver,
    live: VecDeque<CancelOrder>,
    middles: [i64; MARKETS as usize],
    count: u64,
    has_special: bool,
}

/// A plain limit order; others are made from it.
fn limit(account: u32, market: u32, side: Side, ticks: u64, qty: u64, number: u64) -> PlaceOrder {
    PlaceOrder {
        account: AccountId(account),
        market: MarketId(market),
        side,
        kind: OrderKind::Limit,
        tif: TimeInForce::Gtc,
        price: Price(ticks * 1_000_000),
        qty: Qty(qty),
        quote_qty: Amount(0),
        client_order_id: client_order_id(number),
        stp: None,
        strategy_id: None,
        strategy_type: None,
        terms: None,
    }
}

fn terms(stop_ticks: u64, trailing_delta: u32, iceberg_qty: u64) -> Option<Box<Terms>> {
    let (stop_price, iceberg_qty) = (Price(stop_ticks * 1_000_000), Qty(iceberg_qty));
    Some(Box::new(Terms { stop_price, trailing_delta, iceberg_qty, ..Terms::default() }))
}

/// A stop at `stop` that sells or buys up to 10 ticks worse than that.
fn stop_limit(account: u32, market: u32, side: Side, stop: u64, qty: u64, number: u64) -> PlaceOrder {
    let ticks = if side == Side::Buy { stop + 10 } else { stop - 10 };
    let order = limit(account, market, side, ticks, qty, number);
    PlaceOrder { kind: OrderKind::StopLossLimit, terms: terms(stop, 0, 0), ..order }
}

/// A pair that sells at a loss below `middle` or at a gain above.
fn pair(account: u32, market: u32, middle: u64, away: u64, qty: u64, number: u64) -> PlaceList {
    let stop = stop_limit(account, market, Side::Sell, middle - away, qty, 2 * number);
    let target = limit(account, market, Side::Sell, middle + away, qty, 2 * number + 1);
    PlaceList {
        account: AccountId(account),
        market: MarketId(market),
        kind: ListKind::Oco,
        client_list_id: client_order_id(number),
        orders: vec![stop, PlaceOrder { kind: OrderKind::LimitMaker, ..target }],
    }
}

impl Maker {
    fn next(&mut self) -> Command {
        self.count += 1;
        if self.has_special && self.random.below(3) == 0 {
            return self.special();
        }
        let kind = self.random.below(100);
        if kind < 33 && !self.live.is_empty() {
            return self.cancel();
        }
        let market = self.random.below(MARKETS) as usize;
        if self.random.below(8) == 0 {
            self.middles[market] += self.random.below(3) as i64 - 1;
        }
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let sign = if side == Side::Buy { -1 } else { 1 };
        let distance = match self.random.below(10) {
            0..7 => self.random.below(20),
            7..9 => self.random.below(100),
            _ => self.random.below(2_000),
        } as i64;
        let (kind, tif, away) = match kind {
            0..79 => (OrderKind::Limit, TimeInForce::Gtc, distance - 3),
            79..85 => (OrderKind::LimitMaker, TimeInForce::Gtc, distance + 3),
            85..95 => (OrderKind::Limit, TimeInForce::Ioc, -(self.random.below(5) as i64)),
            _ => (OrderKind::Market, TimeInForce::Gtc, 0),
        };
        let is_market = kind == OrderKind::Market;
        let by_amount = is_market && self.random.below(2) == 0;
        let price = (self.middles[market] + sign * away) as u64 * 1_000_000;
        let qty = (1 + self.random.below(2_000)) * 100_000;
        Command::PlaceOrder(PlaceOrder {
            account: AccountId(1 + self.random.below(ACCOUNTS) as u32),
            market: MarketId(market as u32),
            side,
            kind,
            tif,
            price: Price(if is_market { 0 } else { price }),
            qty: Qty(if by_amount { 0 } else { qty }),
            quote_qty: Amount(if by_amount { u128::from(qty) * 30_000 } else { 0 }),
            client_order_id: client_order_id(self.count),
            stp: None,
            strategy_id: None,
            strategy_type: None,
            terms: None,
        })
    }

    fn special(&mut self) -> Command {
        let (market, account) = (self.random.below(MARKETS) as u32, 1 + self.random.below(ACCOUNTS) as u32);
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let (middle, away) = (self.middles[market as usize] as u64, 1 + self.random.below(40));
        let qty = (1 + self.random.below(2_000)) * 100_000;
        // Numbers of plain orders are smaller.
        let number = (1 << 40) + self.count;
        match self.random.below(10) {
            0..4 => {
                let stop = if side == Side::Buy { middle + away } else { middle - away };
                let mut order = stop_limit(account, market, side, stop, qty, number);
                if self.random.below(2) == 0 {
                    order.terms = terms(0, 1 + self.random.below(3) as u32, 0);
                }
                Command::PlaceOrder(order)
            }
            4..6 => {
                let ticks = if side == Side::Buy { middle - away + 4 } else { middle + away - 4 };
                let shown = (qty / (1 + self.random.below(5))).next_multiple_of(1_000);
                let order = limit(account, market, side, ticks, qty, number);
                Command::PlaceOrder(PlaceOrder { terms: terms(0, 0, shown), ..order })
            }
            6..8 if !self.live.is_empty() => self.amend(),
            _ => Command::PlaceList(pair(account, market, middle, away, qty, number)),
        }
    }

    /// Halves an order, as far as it is still open.
    fn amend(&mut self) -> Command {
        let at = self.random.below(self.live.len() as u64) as usize;
        let order = self.live[at];
        let open = self.driver.core.open_order(order.market, order.order_id.unwrap());
        let half = open.map_or(1_000, |open| (open.accepted.qty.0 / 2).next_multiple_of(1_000));
        Command::AmendOrder(AmendOrder {
            account: order.account,
            market: order.market,
            order_id: order.order_id,
            client_order_id: ClientOrderId::EMPTY,
            new_qty: Qty(half),
            new_client_order_id: ClientOrderId::EMPTY,
        })
    }

    fn cancel(&mut self) -> Command {
        loop {
            let reach = if self.random.below(8) == 0 { self.live.len() } else { self.live.len().min(1_000) };
            let at = self.live.len() - 1 - self.random.below(reach as u64) as usize;
            let mut cancel = self.live.swap_remove_back(at).unwrap();
            let id = cancel.order_id.unwrap();
            let is_live = self.driver.core.open_order(cancel.market, id).is_some();
            if !is_live && !self.live.is_empty() && self.random.below(20) != 0 {
                continue;
            }
            if self.random.below(2) == 0 {
                cancel.order_id = None;
            }
            return Command::CancelOrder(cancel);
        }
    }

    fn note(&mut self) {
        for event in &self.driver.events {
            let Event::OrderAccepted(order) = event else { continue };
            if self.driver.core.open_order(order.market, order.order_id).is_some() {
                self.live.push_back(CancelOrder {
                    account: order.account,
                    market: order.market,
                    order_id: Some(order.order_id),
                    client_order_id: order.client_order_id,
                    new_client_order_id: ClientOrderId::EMPTY,
                    restriction: None,
                });
            }
        }
    }
}

fn stream(has_special: bool) -> (Vec<Command>, String) {
    let mut maker = Maker {
        random: Random(0x5EED_C04E),
        driver: Driver::new(),
        live: VecDeque::new(),
        middles: [3_000_000; MARKETS as usize],
        count: 0,
        has_special,
    };
    let mut commands = opening(ACCOUNTS, 200);
    for command in &commands {
        maker.driver.apply(command);
    }
    let (mut events, mut trades, mut rejects) = (0_u64, 0_u64, 0_u64);
    while commands.len() < WARM_UP + MEASURED {
        let command = maker.next();
        maker.driver.apply(&command);
        maker.note();
        commands.push(command);
        for event in &maker.driver.events {
            events += 1;
            trades += u64::from(matches!(event, Event::Traded(_)));
            rejects += u64::from(matches!(event, Event::Rejected { .. }));
        }
    }
    maker.driver.core.check().unwrap();
    let open: u64 = maker.driver.core.markets().map(|market| market.open_orders).sum();
    let n = commands.len() as f64;
    let about = format!(
        "\"events_per_command\":{:.2},\"trades_per_command\":{:.2},\"rejected\":{:.3},\"resting\":{open}",
        events as f64 / n,
        trades as f64 / n,
        rejects as f64 / n
    );
    (commands, about)
}

fn median(mut nanos: Vec<u128>) -> u128 {
    nanos.sort_unstable();
    nanos[nanos.len() / 2]
}

fn report(name: &str, times: &[(u128, u128)], about: &str) {
    let per = |nanos: u128| nanos as f64 / MEASURED as f64;
    let wall = per(median(times.iter().map(|t| t.0).collect()));
    let cpu = per(median(times.iter().map(|t| t.1).collect()));
    println!(
        "{{\"name\":\"{name}\",\"n\":{MEASURED},\"per_second\":{:.0},\"ns_per\":{wall:.1},\"cpu_ns_per\":{cpu:.1},{about}}}",
        1e9 / wall
    );
}

/// Time on the processor of this one-threaded process, in nanoseconds: what others on the machine do is not in it.
fn cpu_nanos() -> u128 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Wall and processor nanoseconds of `work`.
fn timed(work: impl FnOnce()) -> (u128, u128) {
    let (wall, cpu) = (Instant::now(), cpu_nanos());
    work();
    (wall.elapsed().as_nanos(), cpu_nanos() - cpu)
}

fn speed() {
    let (commands, about) = stream(false);
    // One buffer, as read from a log.
    let mut payloads = Vec::new();
    let mut ends = vec![0];
    for (seq, command) in (1_u64..).zip(&commands) {
        codec::encode(Driver::origin(seq), command, &mut payloads);
        ends.push(payloads.len());
    }
    let (mut direct, mut encoded) = (Vec::new(), Vec::new());
    let mut digests = Vec::new();
    for _ in 0..RUNS {
        let mut driver = Driver::new();
        commands[..WARM_UP].iter().for_each(|command| driver.apply(command));
        direct.push(timed(|| commands[WARM_UP..].iter().for_each(|command| driver.apply(command))));
        digests.push(driver.core.digest());

        let mut driver = Driver::new();
        let apply = |driver: &mut Driver, range: &[usize]| {
            range.windows(2).for_each(|w| driver.apply_payload(&payloads[w[0]..w[1]]));
        };
        apply(&mut driver, &ends[..=WARM_UP]);
        encoded.push(timed(|| apply(&mut driver, &ends[WARM_UP..])));
        digests.push(driver.core.digest());
        black_box(&driver.core);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "digests differ");
    report("core", &direct, &about);
    report("core_payload", &encoded, &about);
}

fn special() {
    let (commands, about) = stream(true);
    let (mut times, mut digests) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let mut driver = Driver::new();
        commands[..WARM_UP].iter().for_each(|command| driver.apply(command));
        times.push(timed(|| commands[WARM_UP..].iter().for_each(|command| driver.apply(command))));
        digests.push(driver.core.digest());
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "digests differ");
    report("core_special", &times, &about);
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn memory() {
    let mut driver = Driver::new();
    opening(ACCOUNTS, 0).iter().for_each(|command| driver.apply(command));
    let mut random = Random(99);
    let before = resident();
    for number in 0..MILLION {
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let away = random.below(50_000);
        let ticks = if side == Side::Buy { 2_999_999 - away } else { 3_000_000 + away };
        let account = 1 + random.below(ACCOUNTS) as u32;
        driver.apply(&Command::PlaceOrder(limit(account, 0, side, ticks, 100_000, number)));
    }
    let open = driver.core.market(MarketId(0)).unwrap().open_orders;
    assert_eq!(open, MILLION, "every order rests");
    let bytes = (resident() - before) as f64 / MILLION as f64;
    println!("{{\"name\":\"core_bytes_per_resting_order\",\"n\":{MILLION},\"bytes\":{bytes:.0}}}");

    let before = resident();
    for account in 0..MILLION as u32 {
        driver.apply(&Command::CreateAccount { name: format!("user-{account:08}@example.org") });
        for asset in 0..2 {
            driver.apply(&Command::Credit {
                account: AccountId(account + 1 + ACCOUNTS as u32),
                asset: AssetId(asset),
                amount: Amount(1_000),
            });
        }
    }
    let bytes = (resident() - before) as f64 / MILLION as f64;
    println!("{{\"name\":\"core_bytes_per_account\",\"n\":{MILLION},\"bytes\":{bytes:.0}}}");
    let mut snapshot = Vec::new();
    let written = timed(|| driver.core.snapshot(&mut snapshot));
    let mut restored = None;
    let read = timed(|| restored = Core::restore(&snapshot).ok());
    assert_eq!(restored.map(|core| core.digest()), Some(driver.core.digest()));
    let millis = |nanos: u128| nanos / 1_000_000;
    println!(
        "{{\"name\":\"core_snapshot\",\"bytes\":{},\"write_ms\":{},\"write_cpu_ms\":{},\"restore_ms\":{},\"restore_cpu_ms\":{}}}",
        snapshot.len(),
        millis(written.0),
        millis(written.1),
        millis(read.0),
        millis(read.1)
    );
}

/// Stop orders that wait, and pairs of which one waits and the other rests.
fn memory_special() {
    let mut driver = Driver::new();
    opening(ACCOUNTS, 0).iter().for_each(|command| driver.apply(command));
    let mut random = Random(99);
    let before = resident();
    for number in 0..MILLION {
        let account = 1 + random.below(ACCOUNTS) as u32;
        let stop = 2_999_999 - random.below(50_000);
        driver.apply(&Command::PlaceOrder(stop_limit(account, 0, Side::Sell, stop, 100_000, number)));
    }
    assert_eq!(driver.core.market(MarketId(0)).unwrap().open_orders, MILLION, "every order waits");
    let bytes = (resident() - before) as f64 / MILLION as f64;
    println!("{{\"name\":\"core_bytes_per_waiting_order\",\"n\":{MILLION},\"bytes\":{bytes:.0}}}");

    let (before, lists) = (resident(), MILLION / 4);
    for number in 0..lists {
        let (account, away) = (1 + random.below(ACCOUNTS) as u32, 1 + random.below(50_000));
        driver.apply(&Command::PlaceList(pair(account, 1, 3_000_000, away, 100_000, number)));
    }
    assert_eq!(driver.core.market(MarketId(1)).unwrap().open_orders, 2 * lists, "every pair is open");
    let bytes = (resident() - before) as f64 / lists as f64;
    println!("{{\"name\":\"core_bytes_per_pair\",\"n\":{lists},\"bytes\":{bytes:.0}}}");
}

fn main() {
    const PARTS: [(&str, fn()); 4] =
        [("memory", memory), ("memory_special", memory_special), ("speed", speed), ("special", special)];
    let wanted = std::env::args().nth(1);
    for (name, part) in PARTS {
        if wanted.as_deref() == Some(name) {
            part();
        } else if wanted.is_none() {
            let done = std::process::Command::new(std::env::current_exe().unwrap()).arg(name).status().unwrap();
            assert!(done.success(), "{name}");
        }
    }
}
