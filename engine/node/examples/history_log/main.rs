//! Makes a log to measure the history with: days of trading of all kinds, the same for the same seed.
//!
//! Usage: `history_log DIRECTORY ORDERS [SEED [DAYS [END_US]]]`. The days end at END_US, or at the last midnight (UTC).
//! Prints one JSON line. Records are written to the journal without a node, so that each has a time of its own; a node
//! opens the directory at the end, as it would any other.

mod setup;
mod traffic;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tandem_core::codec;
use tandem_core::command::{Command, Origin};
use tandem_core::event::Event;
use tandem_journal::{Config, Identity, Journal, LogDir, NewSnapshot, SnapshotStore, Start};
use tandem_node::recovery::{Options, open};

use crate::traffic::Traffic;

/// Records that are written at once.
const AT_ONCE: usize = 1000;
const DAY_US: u64 = 86_400_000_000;
/// Cancels are the others. A little more than there are, so that the days do not end before the orders do.
const COMMANDS_PER_100_ORDERS: u64 = 133;

type Failure = Box<dyn std::error::Error>;

struct Plan {
    directory: PathBuf,
    orders: u64,
    seed: u64,
    days: u64,
    end_us: u64,
}

fn main() -> Result<(), Failure> {
    let plan = read_arguments()?;
    let started = Instant::now();
    let mut log = LogWriter::open(&plan.directory)?;
    let mut traffic = Traffic::new(plan.seed);
    let mut counts = Counts::default();
    let mut time_us = plan.end_us - plan.days * DAY_US;
    for command in setup::commands() {
        counts.add(traffic.apply(time_us, &command)?);
        log.push(time_us, &command)?;
    }
    let step_us = plan.days * DAY_US * 100 / (plan.orders * COMMANDS_PER_100_ORDERS);
    while counts.orders < plan.orders {
        time_us = (time_us + traffic.random.below(2 * step_us + 1)).min(plan.end_us);
        let command = traffic.next_command();
        counts.add(traffic.apply(time_us, &command)?);
        log.push(time_us, &command)?;
    }
    log.finish(&traffic)?;
    let opened = open(&plan.directory, Options::default())?;
    assert_eq!(opened.recovery.findings, Vec::<String>::new(), "it is a sound log");
    opened.node.close();
    counts.print(&plan, &traffic, started.elapsed().as_secs_f64());
    Ok(())
}

fn read_arguments() -> Result<Plan, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, orders, rest @ ..] = arguments.as_slice() else {
        return Err("usage: history_log DIRECTORY ORDERS [SEED [DAYS [END_US]]]".into());
    };
    let number = |index: usize, default: u64| rest.get(index).map_or(Ok(default), |text| text.parse());
    let now_us = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
    Ok(Plan {
        directory: directory.into(),
        orders: orders.parse::<u64>()?.max(1),
        seed: number(0, 1)?,
        days: number(1, 5)?.max(1),
        end_us: number(2, now_us - now_us % DAY_US)?,
    })
}

/// The journal of a new directory.
struct LogWriter {
    journal: Journal,
    snapshots: SnapshotStore,
    bytes: Vec<u8>,
    /// (time, end of the payload in `bytes`)
    waiting: Vec<(u64, usize)>,
}

impl LogWriter {
    fn open(path: &Path) -> Result<Self, Failure> {
        let made = open(path, Options::default())?;
        if made.recovery.last_seq > 0 {
            return Err(format!("{} holds a log already", path.display()).into());
        }
        let identity = Identity { cluster_id: made.recovery.cluster_id, shard: 0 };
        drop(made);
        let dir = LogDir::open(path, Config::new(identity))?;
        let snapshots = dir.snapshots();
        let (journal, _report) = Journal::open(dir, Start::Genesis, |_record| Ok(()))?;
        Ok(Self { journal, snapshots, bytes: Vec::new(), waiting: Vec::new() })
    }

    fn push(&mut self, time_us: u64, command: &Command) -> Result<(), Failure> {
        codec::encode(Origin::default(), command, &mut self.bytes);
        self.waiting.push((time_us, self.bytes.len()));
        if self.waiting.len() >= AT_ONCE { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Failure> {
        let mut start = 0;
        let mut batch = Vec::with_capacity(self.waiting.len());
        for (time_us, end) in &self.waiting {
            batch.push((*time_us, &self.bytes[start..*end]));
            start = *end;
        }
        self.journal.write(&batch)?;
        self.waiting.clear();
        self.bytes.clear();
        Ok(())
    }

    /// With a snapshot at the end, so that a server starts at once.
    fn finish(mut self, traffic: &Traffic) -> Result<(), Failure> {
        self.write()?;
        self.journal.sync()?;
        let mut payload = Vec::new();
        traffic.core.snapshot(&mut payload);
        self.snapshots.write(&NewSnapshot {
            seq: traffic.core.seq().0,
            time_us: traffic.core.time().0,
            running_hash: self.journal.running_hash(),
            digest: traffic.core.digest(),
            payload: &payload,
        })?;
        Ok(())
    }
}

#[derive(Default)]
struct Counts {
    commands: u64,
    orders: u64,
    /// By what makes orders different: their kind, and what only some have.
    kinds: BTreeMap<&'static str, u64>,
    trades: u64,
    rejects: BTreeMap<String, u64>,
}

impl Counts {
    fn add(&mut self, events: &[Event]) {
        self.commands += 1;
        for event in events {
            match event {
                Event::OrderAccepted(order) => {
                    self.orders += 1;
                    *self.kinds.entry(traffic::name_of(order)).or_default() += 1;
                }
                Event::Traded(_) => self.trades += 1,
                Event::Rejected { code, .. } => *self.rejects.entry(format!("{code:?}")).or_default() += 1,
                _ => {}
            }
        }
    }

    fn print(&self, plan: &Plan, traffic: &Traffic, seconds: f64) {
        println!(
            "{{\"name\": \"history_log\", \"orders\": {}, \"commands\": {}, \"trades\": {}, \"open\": {}, \"days\": {}, \
             \"seed\": {}, \"digest\": \"{:016x}\", \"seconds\": {seconds:.1}, \"kinds\": {:?}, \"rejects\": {:?}}}",
            self.orders,
            self.commands,
            self.trades,
            traffic.open_orders(),
            plan.days,
            plan.seed,
            traffic.core.digest(),
            self.kinds,
            self.rejects,
        );
    }
}
