//! Load for the REST API: signed orders or empty requests, open loop at a rate or closed loop at saturation.
//!
//! Open loop: each request has an intended send time; its latency counts from there, whether or not an earlier answer
//! was late (no coordinated omission). One thread a connection, keep-alive, no pipelining. Two accounts trade with each other: one
//! rests, the other takes, sides swapped each pair, so that neither book nor balances drift. Prints one JSON object.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, process, thread};

use hmac::{Hmac, Mac};
use sha2::Sha256;

const USAGE: &str = "usage: tandem-loadgen --host H:P --path GET_PATH | --orders SYMBOL PRICE QTY KEY SECRET KEY SECRET
       [--rate PER_SECOND] [--seconds S] [--warmup S] [--connections N]
--rate 0 is closed loop: each connection sends as soon as it has its answer.";

#[derive(Clone)]
struct Key {
    api_key: String,
    hmac: Hmac<Sha256>,
}

#[derive(Clone)]
enum Work {
    Get(String),
    Orders { symbol: String, price: String, qty: String, keys: Box<[Key; 2]> },
}

#[derive(Clone)]
struct Plan {
    host: String,
    work: Work,
    rate: u64,
    seconds: u64,
    warmup: u64,
    connections: u64,
}

fn parse_arguments() -> Option<Plan> {
    let mut arguments = env::args().skip(1);
    let mut plan = Plan {
        host: String::new(),
        work: Work::Get("/api/v3/ping".into()),
        rate: 500,
        seconds: 10,
        warmup: 2,
        connections: 32,
    };
    while let Some(name) = arguments.next() {
        let mut next = || arguments.next();
        match name.as_str() {
            "--host" => plan.host = next()?,
            "--path" => plan.work = Work::Get(next()?),
            "--orders" => {
                let (symbol, price, qty) = (next()?, next()?, next()?);
                let mut key = || -> Option<Key> {
                    let api_key = next()?;
                    Some(Key { api_key, hmac: Hmac::new_from_slice(next()?.as_bytes()).ok()? })
                };
                plan.work = Work::Orders { symbol, price, qty, keys: Box::new([key()?, key()?]) };
            }
            "--rate" => plan.rate = next()?.parse().ok()?,
            "--seconds" => plan.seconds = next()?.parse().ok()?,
            "--warmup" => plan.warmup = next()?.parse().ok()?,
            "--connections" => plan.connections = next()?.parse().ok()?,
            _ => return None,
        }
    }
    (!plan.host.is_empty()).then_some(plan)
}

/// Request number `number` of all connections together.
fn write_request(plan: &Plan, number: u64, out: &mut Vec<u8>) -> io::Result<()> {
    out.clear();
    match &plan.work {
        Work::Get(path) => write!(out, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", plan.host),
        Work::Orders { symbol, price, qty, keys } => {
            let (pair, is_taker) = (number / 2, number % 2 == 1);
            let side = if (pair % 2 == 0) == is_taker { "BUY" } else { "SELL" };
            let key = if is_taker { &keys[1] } else { &keys[0] };
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
            let query = format!(
                "symbol={symbol}&side={side}&type=LIMIT&timeInForce=GTC&quantity={qty}&price={price}&timestamp={now}"
            );
            let mut mac = key.hmac.clone();
            mac.update(query.as_bytes());
            let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
            write!(
                out,
                "POST /api/v3/order?{query}&signature={hex} HTTP/1.1\r\nHost: {}\r\nX-MBX-APIKEY: {}\r\nContent-Length: 0\r\n\r\n",
                plan.host, key.api_key
            )
        }
    }
}

/// Reads one answer; returns its status.
fn read_answer(reader: &mut BufReader<TcpStream>, scratch: &mut Vec<u8>) -> io::Result<u16> {
    use std::io::BufRead;
    let (mut status, mut length) = (0, 0);
    loop {
        scratch.clear();
        if reader.read_until(b'\n', scratch)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(scratch);
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if status == 0 {
            status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    scratch.resize(length, 0);
    reader.read_exact(scratch)?;
    Ok(status)
}

#[derive(Default)]
struct Outcome {
    latencies_ns: Vec<u64>,
    failures: u64,
    first_failure: String,
}

fn run_connection(plan: &Plan, counter: &AtomicU64, barrier: &Barrier) -> io::Result<Outcome> {
    let stream = TcpStream::connect(&plan.host)?;
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let (mut request, mut scratch, mut outcome) = (Vec::new(), Vec::new(), Outcome::default());
    barrier.wait();
    let start = Instant::now();
    let measured_from = Duration::from_secs(plan.warmup);
    let end = Duration::from_secs(plan.warmup + plan.seconds);
    loop {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        let scheduled = number.saturating_mul(1_000_000_000).checked_div(plan.rate).map(Duration::from_nanos);
        let intended = scheduled.unwrap_or_else(|| start.elapsed());
        if intended >= end {
            return Ok(outcome);
        }
        // Made and signed before its time, so that only the server's work counts.
        write_request(plan, number, &mut request)?;
        if let Some(wait) = intended.checked_sub(start.elapsed()) {
            thread::sleep(wait);
        }
        let sent = scheduled.unwrap_or_else(|| start.elapsed());
        writer.write_all(&request)?;
        let status = read_answer(&mut reader, &mut scratch)?;
        if status != 200 {
            outcome.failures += 1;
            if outcome.first_failure.is_empty() {
                outcome.first_failure = format!("{status} {}", String::from_utf8_lossy(&scratch));
            }
        }
        if intended >= measured_from {
            let latency = start.elapsed().saturating_sub(sent);
            outcome.latencies_ns.push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

fn print_report(plan: &Plan, mut outcome: Outcome) {
    outcome.latencies_ns.sort_unstable();
    let n = outcome.latencies_ns.len();
    let at = |per_mille: usize| {
        let index = (n * per_mille / 1000).min(n.saturating_sub(1));
        outcome.latencies_ns.get(index).map_or(0, |ns| ns / 1000)
    };
    let per_second = u64::try_from(n).unwrap_or(0) / plan.seconds.max(1);
    println!(
        "{{\"rate\": {}, \"connections\": {}, \"n\": {n}, \"per_second\": {per_second}, \"p50_us\": {}, \"p99_us\": {}, \
         \"p999_us\": {}, \"max_us\": {}, \"failures\": {}, \"first_failure\": {:?}}}",
        plan.rate,
        plan.connections,
        at(500),
        at(990),
        at(999),
        at(1000),
        outcome.failures,
        outcome.first_failure,
    );
}

fn main() {
    let Some(plan) = parse_arguments() else {
        eprintln!("{USAGE}");
        process::exit(2);
    };
    let counter = Arc::new(AtomicU64::new(0));
    let barrier = Arc::new(Barrier::new(usize::try_from(plan.connections).unwrap_or(1)));
    let threads: Vec<_> = (0..plan.connections)
        .map(|_| {
            let (plan, counter, barrier) = (plan.clone(), counter.clone(), barrier.clone());
            thread::spawn(move || run_connection(&plan, &counter, &barrier))
        })
        .collect();
    let mut total = Outcome::default();
    for thread in threads {
        match thread.join() {
            Ok(Ok(mut outcome)) => {
                total.latencies_ns.append(&mut outcome.latencies_ns);
                total.failures += outcome.failures;
                if total.first_failure.is_empty() {
                    total.first_failure = outcome.first_failure;
                }
            }
            Ok(Err(error)) => {
                eprintln!("tandem-loadgen: a connection failed: {error}");
                process::exit(1);
            }
            Err(_) => process::exit(1),
        }
    }
    print_report(&plan, total);
}
