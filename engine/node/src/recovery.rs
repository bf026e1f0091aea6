//! Opening a shard in a local directory: newest good snapshot, then the tail of the log, then at work.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem_core::types::{MarketId, Price, Seq, TimeUs};
use tandem_core::{Core, MarketView, OpenOrder, OpenOrderList, SnapshotError, codec};
use tandem_journal::{
    Config, Error, FileStorage, Identity, Journal, Locking, LogDir, Reader, RunningHash, Snapshot, SnapshotStore,
    Snapshots, Start as Resume, Storage, take_lock,
};

use crate::identity::{identity_of, random_u64};
use crate::local::{Clock, LocalStore, local_log, system_clock};
use crate::mark::{self, DurableMark};
use crate::node::{Fatal, Node, OnFatal, Settings, Start};
use crate::queue::PAYLOAD_BYTES_MAX;
use crate::replay::Replay;
use crate::replica::Replica;
use crate::retention::{Keep, Retention};
use crate::stats::Stats;

/// Smallest segment that takes the largest batch.
pub const SEGMENT_BYTES_MIN: u64 = 1 << 20;

/// How a shard is opened.
pub struct Options {
    /// Length of a new segment of the log; a multiple of 512, at least [`SEGMENT_BYTES_MIN`].
    pub segment_bytes: u64,
    /// Commands between two snapshots.
    pub snapshot_every: u64,
    /// Pre-allocated log that only cancels may use when the disk is full.
    pub reserve_bytes: u64,
    /// Free space that the log leaves to others; snapshots may use it, since they make room.
    pub min_free_bytes: u64,
    /// Most commands that wait for the log, and about the most results that wait for the consumer.
    pub queue_limit: usize,
    /// When segments of the log are deleted.
    pub keep: Keep,
    /// The last seq whose events the consumer has; `None`: it only wants those after the newest snapshot.
    pub replay_from: Option<u64>,
    /// Stamps commands.
    pub clock: Clock,
    /// What to do when the process has to end.
    pub on_fatal: OnFatal,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            snapshot_every: 1_000_000,
            reserve_bytes: 16 << 20,
            min_free_bytes: 64 << 20,
            queue_limit: 65_536,
            keep: Keep::default(),
            replay_from: None,
            clock: system_clock(),
            on_fatal: Arc::new(Fatal::exit),
        }
    }
}

/// Why a shard cannot be opened; the text names the file, the offset and what to do.
#[derive(Debug)]
pub struct OpenError(pub String);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

/// What recovery found.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The snapshot that the state was restored from; 0: none.
    pub snapshot_seq: u64,
    /// The consumer gets the events of every command after this one.
    pub events_from_seq: u64,
    /// The last command of the log.
    pub last_seq: u64,
    /// Commands applied to the snapshot.
    pub replayed: u64,
    /// What a crash left unfinished at the log's end, never acknowledged.
    pub torn_bytes_cut: u64,
    /// Snapshots that could not be used, and why.
    pub damaged_snapshots: Vec<String>,
    /// Whatever else the journal noticed.
    pub findings: Vec<String>,
    /// How long it took.
    pub took: Duration,
    /// Whose log it is.
    pub cluster_id: [u8; 16],
}

/// The state that the consumer's events start from.
#[derive(Clone, Debug, Default)]
pub struct EventsStart {
    /// The orders that were open there.
    pub orders: Vec<OpenOrder>,
    /// The lists that were open there.
    pub lists: Vec<OpenOrderList>,
    /// The markets' counters there.
    pub markets: Vec<MarketStart>,
}

/// A market's counters where the consumer's events start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketStart {
    /// Which.
    pub market: MarketId,
    /// The id that the next trade gets.
    pub next_trade: u64,
    /// The price of the last trade.
    pub last_price: Option<Price>,
    /// Of the book.
    pub book_version: u64,
}

/// A shard at work, and how it came to be.
pub struct Opened {
    /// At work.
    pub node: Node,
    /// For the operator.
    pub recovery: Recovery,
    /// For the consumer.
    pub start: EventsStart,
    /// For whoever needs the log's records.
    pub retention: Retention,
}

/// Recovers the shard in a directory, or makes one there, and starts it.
pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Opened, OpenError> {
    let path = path.as_ref();
    let storage = FileStorage::create(path)
        .map_err(|error| OpenError(format!("open directory {} failed: {error}", path.display())))?;
    open_storage(Arc::new(storage), options)
}

/// The same in any storage.
pub fn open_storage(storage: Arc<dyn Storage>, options: Options) -> Result<Opened, OpenError> {
    let started = Instant::now();
    if options.segment_bytes < SEGMENT_BYTES_MIN {
        return Err(OpenError(format!("segment_bytes has to be at least {SEGMENT_BYTES_MIN}")));
    }
    // First of all: of two first starts at once, only one may draw an identity.
    let lock = take_lock(storage.as_ref())?;
    let identity = identity_of(&storage)?;
    let mark = DurableMark::open(Arc::clone(&storage));
    let dir = LogDir::locked(Arc::clone(&storage), lock, config(&options, identity))?;
    let snapshots = dir.snapshots();
    let seed = random_u64().map_err(no_node)?;
    let mut restored = restore_at_most(&snapshots, u64::MAX)?;
    let events = events_start(&snapshots, storage.as_ref(), &restored.core, options.replay_from)?;
    let mut events_core = events.core;
    for core in events_core.iter_mut().chain([&mut restored.core]) {
        core.set_hash_seed(seed).map_err(|broken| OpenError(broken.to_string()))?;
    }
    let from = Resume::After { seq: restored.core.seq().0, running_hash: restored.hash };
    let from = if restored.core.seq() == Seq(0) { Resume::Genesis } else { from };
    let core = &mut restored.core;
    let mut unseen = Vec::new();
    let (journal, report) = Journal::open(dir, from, |record| {
        if let Some(what) = older_command(record.payload) {
            return Err(what.into());
        }
        events_core.get_or_insert_with(|| core.clone());
        unseen.clear();
        Ok(core.apply(Seq(record.seq), TimeUs(record.time_us), record.payload, &mut unseen)?)
    })?;
    let recovery = Recovery {
        snapshot_seq: report.last_seq - report.replayed,
        events_from_seq: events.from_seq,
        last_seq: report.last_seq,
        replayed: report.replayed,
        torn_bytes_cut: report.cut_bytes,
        damaged_snapshots: restored.damaged,
        findings: report.findings.iter().map(ToString::to_string).chain(lost_end(&storage, report.last_seq)).collect(),
        took: started.elapsed(),
        cluster_id: identity.cluster_id,
    };
    let replay = match events_core.filter(|core| core.seq().0 < recovery.last_seq) {
        Some(core) => Some(Replay::new(Reader::new(Arc::clone(&storage), Locking::None)?, core, recovery.last_seq)),
        None => None,
    };
    let retention = Retention::new(options.keep);
    let disk = Disk { storage, journal, mark, snapshots, retention: retention.clone() };
    let node = start(disk, restored.core, replay, recovery.snapshot_seq, options)?;
    Ok(Opened { node, recovery, start: events.start, retention })
}

/// What is to be said when the mark of an earlier life is ahead of the log.
fn lost_end(storage: &Arc<dyn Storage>, last_seq: u64) -> Option<String> {
    // One that cannot be read is written again, and says nothing meanwhile.
    let marked = mark::read(storage.as_ref()).ok().flatten().filter(|seq| *seq > last_seq)?;
    Some(format!(
        "the log ends at seq {last_seq}, but the file `{}` says that seq {marked} was synced: unless this is a copy, the \
         disk has lost what it had promised to keep",
        mark::NAME
    ))
}

fn config(options: &Options, identity: Identity) -> Config {
    Config {
        segment_bytes: options.segment_bytes,
        max_payload_bytes: PAYLOAD_BYTES_MAX,
        reserve_bytes: options.reserve_bytes,
        min_free_bytes: options.min_free_bytes,
        ..Config::new(identity)
    }
}

/// A recovered directory.
struct Disk {
    storage: Arc<dyn Storage>,
    journal: Journal,
    mark: DurableMark,
    snapshots: SnapshotStore,
    retention: Retention,
}

fn start(
    Disk { storage, journal, mark, snapshots, retention }: Disk,
    core: Core,
    replay: Option<Replay>,
    snapshot_seq: u64,
    options: Options,
) -> Result<Node, OpenError> {
    let session = random_u64().map_err(no_node)?;
    let replica = Replica::new(core, journal.running_hash().0, Some(session));
    let stats = Arc::new(Stats::default());
    let (log, tail) = local_log(journal, Arc::clone(&storage), mark, options.clock, Arc::clone(&stats));
    let start = Start {
        replica,
        replay,
        store: Some(Box::new(LocalStore::new(snapshots, storage, retention, Arc::clone(&stats)))),
        snapshot_seq,
    };
    let settings = Settings {
        session,
        queue_limit: options.queue_limit,
        snapshot_every: options.snapshot_every,
        on_fatal: options.on_fatal,
    };
    Node::start(log, tail, start, settings, stats).map_err(no_node)
}

fn no_node(error: std::io::Error) -> OpenError {
    OpenError(format!("the node cannot start: {error}"))
}

/// A core from a snapshot, or a new one.
pub(crate) struct Restored {
    pub core: Core,
    pub hash: RunningHash,
    pub damaged: Vec<String>,
}

/// What to say about a record that an older build took for a command: replayed here, it would be a reject.
pub(crate) fn older_command(payload: &[u8]) -> Option<String> {
    let found = codec::older_version(payload)?;
    let known = codec::VERSION;
    Some(format!(
        "this log was written by an older build: commands of version {found}, this build knows {known}. {HINT}"
    ))
}

const HINT: &str = "Use the build that wrote this directory, or start in a new one";

/// The newest snapshot that can be used, up to a seq; a new core when there is none.
pub(crate) fn restore_at_most(snapshots: &Snapshots, seq_max: u64) -> Result<Restored, OpenError> {
    let mut foreign = None;
    let (restored, findings) = snapshots.newest_that(seq_max, |snapshot| {
        let seq = snapshot.seq;
        restore(snapshot).map_err(|error| {
            if error == Unusable::Version {
                foreign.get_or_insert(seq);
            }
            error.to_string()
        })
    })?;
    // It is as good as the day it was written: what is left without it is not the whole.
    if let Some(seq) = foreign {
        return Err(OpenError(format!("the snapshot at seq {seq} was written by another build. {HINT}")));
    }
    let (core, hash) = restored.unwrap_or_default();
    Ok(Restored { core, hash, damaged: findings.iter().map(ToString::to_string).collect() })
}

/// Why a snapshot that verifies cannot be used.
#[derive(Debug, PartialEq, Eq)]
enum Unusable {
    /// It is none of this core's version.
    Version,
    /// It holds no state that this core could have been in.
    State(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => SnapshotError::VersionUnknown.fmt(f),
            Self::State(what) => f.write_str(what),
        }
    }
}

fn restore(snapshot: Snapshot) -> Result<(Core, RunningHash), Unusable> {
    let core = Core::restore(&snapshot.payload).map_err(|error| match error {
        SnapshotError::VersionUnknown => Unusable::Version,
        other => Unusable::State(other.to_string()),
    })?;
    if (core.seq().0, core.digest()) != (snapshot.seq, snapshot.digest) {
        return Err(Unusable::State("the snapshot restores to another seq or digest".into()));
    }
    Ok((core, snapshot.running_hash))
}

/// Where the consumer's events start.
struct Events {
    from_seq: u64,
    start: EventsStart,
    /// `None`: where the newest snapshot is; a copy of its core is only made when there is a tail.
    core: Option<Core>,
}

fn events_start(
    snapshots: &SnapshotStore,
    storage: &dyn Storage,
    newest: &Core,
    replay_from: Option<u64>,
) -> Result<Events, OpenError> {
    if replay_from.is_none_or(|seq| seq >= newest.seq().0) {
        return Ok(Events { from_seq: newest.seq().0, start: EventsStart::of(newest), core: None });
    }
    let mut restored = restore_at_most(snapshots, replay_from.unwrap_or(0))?;
    if restored.core.seq().0 == 0 && !has_first_segment(storage)? {
        restored = restore_oldest(snapshots)?;
    }
    let core = restored.core;
    Ok(Events { from_seq: core.seq().0, start: EventsStart::of(&core), core: Some(core) })
}

impl EventsStart {
    fn of(core: &Core) -> Self {
        let market_start = |market: MarketView<'_>| MarketStart {
            market: market.id,
            next_trade: market.trades,
            last_price: market.last_price,
            book_version: market.book_version,
        };
        Self {
            orders: core.open_orders().collect(),
            lists: core.open_lists().collect(),
            markets: core.markets().map(market_start).collect(),
        }
    }
}

/// Whether the log still reaches back to seq 1.
fn has_first_segment(storage: &dyn Storage) -> Result<bool, OpenError> {
    let names = storage.list().map_err(|error| OpenError(format!("list {}: {error}", storage.describe())))?;
    Ok(names.iter().any(|name| name.trim_start_matches('0') == "1.log"))
}

fn restore_oldest(snapshots: &SnapshotStore) -> Result<Restored, OpenError> {
    for seq in snapshots.list()?.into_iter().rev() {
        if let Ok(Ok((core, hash))) = snapshots.load(seq).map(restore) {
            return Ok(Restored { core, hash, damaged: Vec::new() });
        }
    }
    Err(OpenError("no snapshot can be used".into()))
}
