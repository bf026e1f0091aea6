//! The log as a local directory: `tandem-journal` behind the [`Log`] and [`Tail`] traits.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tandem_core::Core;
use tandem_journal::{Appended, Error, Journal, NewSnapshot, RunningHash, SnapshotStore, Storage};

use crate::log::{AppendError, Entries, Log, Records, Space, Tail};
use crate::mark::DurableMark;
use crate::notice::say;
use crate::retention::Retention;
use crate::snapshots::Store;
use crate::stats::{Stats, nanoseconds};

/// Appended batches that may wait for the replica; with more, the log waits.
const BATCHES_AHEAD: usize = 4;

/// How far the clock may be behind the log before it is said; less is usual when a clock is set.
const BEHIND_MIN_S: u64 = 2;

/// Wall-clock microseconds; the log makes them monotonic.
pub type Clock = Box<dyn FnMut() -> u64 + Send>;

/// The system's clock.
pub fn system_clock() -> Clock {
    Box::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

/// The writing end.
pub struct LocalLog {
    journal: Journal,
    storage: Arc<dyn Storage>,
    mark: DurableMark,
    clock: Clock,
    sender: SyncSender<Records>,
    stats: Arc<Stats>,
    /// How many segments are counted in the gauge of the log's size.
    rotations: u64,
    /// It was said that the clock is behind the log.
    is_behind: bool,
}

/// The reading end: what this process appended, as nobody else can.
pub struct LocalTail(Receiver<Records>);

/// Joins a recovered journal to a replica. `storage` is where the journal lies.
pub fn local_log(
    journal: Journal,
    storage: Arc<dyn Storage>,
    mut mark: DurableMark,
    clock: Clock,
    stats: Arc<Stats>,
) -> (LocalLog, LocalTail) {
    let (sender, receiver) = sync_channel(BATCHES_AHEAD);
    measure_log(storage.as_ref(), &stats);
    // Recovery has synced all that it found.
    mark.set(journal.durable_seq());
    let mut log = LocalLog { journal, storage, mark, clock, sender, stats, rotations: 0, is_behind: false };
    log.time_us();
    (log, LocalTail(receiver))
}

impl Log for LocalLog {
    fn append(&mut self, entries: Entries, space: Space) -> Result<(), AppendError> {
        let time_us = self.time_us();
        let appended = match self.write(&entries, time_us, space) {
            Ok(appended) => appended,
            Err(Error::DiskFull { .. }) => return Err(AppendError::Full(entries)),
            // Whatever else the journal does not take is a bug here, or the disk's end.
            Err(error) => return Err(AppendError::Fatal(error.to_string())),
        };
        let started = Instant::now();
        let durable_seq = self.journal.sync().map_err(|error| AppendError::Fatal(error.to_string()))?;
        let took = nanoseconds(started.elapsed());
        self.stats.syncs.add(1);
        self.stats.sync_ns_total.add(took);
        self.stats.sync_ns_max.raise(took);
        self.stats.sync_ns.record(took);
        self.mark.set(durable_seq);
        let begun = self.journal.rotations() - std::mem::replace(&mut self.rotations, self.journal.rotations());
        self.stats.log_bytes.add(begun * self.journal.config().segment_bytes);
        let records = entries.into_records(appended.first_seq, time_us, appended.running_hash.0);
        self.sender.send(records).map_err(|_| AppendError::Fatal("the replica has stopped".into()))
    }

    fn has_room(&mut self) -> bool {
        let config = self.journal.config();
        let needed = config.segment_bytes.saturating_add(config.min_free_bytes);
        self.storage.free_bytes().is_ok_and(|free| free >= needed)
    }

    fn is_running_out(&mut self) -> bool {
        self.journal.is_running_out()
    }
}

impl LocalLog {
    /// The clock's, but never less than the last record's: a clock that was once far ahead stops the log's time until it
    /// gets there again, which somebody has to know.
    fn time_us(&mut self) -> u64 {
        let (now_us, last_us) = ((self.clock)(), self.journal.last_time_us());
        let ahead_s = last_us.saturating_sub(now_us) / 1_000_000;
        self.stats.log_ahead_s.set(ahead_s);
        let is_behind = ahead_s >= BEHIND_MIN_S;
        if is_behind && !self.is_behind {
            say(format_args!("warning: the clock is {ahead_s} s behind the log, whose time stands still until then"));
        }
        self.is_behind = is_behind;
        now_us.max(last_us)
    }

    fn write(&mut self, entries: &Entries, time_us: u64, space: Space) -> Result<Appended, Error> {
        let batch: Vec<(u64, &[u8])> = entries.iter().map(|(_, payload)| (time_us, payload)).collect();
        match space {
            Space::Ordinary => self.journal.write(&batch),
            Space::Reserve => self.journal.write_reserved(&batch),
        }
    }
}

impl Tail for LocalTail {
    fn next(&mut self) -> Result<Option<Records>, String> {
        // The sender is dropped with the log, after its last append.
        Ok(self.0.recv().ok())
    }
}

/// Sets the gauge of the log's size: what its segments take of the disk. Looks at each of them, so not for the log thread:
/// a log may be kept for ever.
fn measure_log(storage: &dyn Storage, stats: &Stats) {
    let size = |name: &String| storage.open(name, false)?.size();
    let names = storage.list().unwrap_or_default();
    // A gauge: a segment that is removed meanwhile counts no more.
    let bytes = names.iter().filter(|name| name.ends_with(".log")).filter_map(|name| size(name).ok()).sum();
    stats.log_bytes.set(bytes);
}

/// Snapshots beside the log.
pub struct LocalStore {
    snapshots: SnapshotStore,
    storage: Arc<dyn Storage>,
    retention: Retention,
    stats: Arc<Stats>,
}

impl LocalStore {
    /// Writes and prunes `snapshots`, which lie in `storage`.
    pub fn new(snapshots: SnapshotStore, storage: Arc<dyn Storage>, retention: Retention, stats: Arc<Stats>) -> Self {
        Self { snapshots, storage, retention, stats }
    }
}

impl Store for LocalStore {
    fn write(&mut self, core: &Core, hash: u128, payload: &[u8]) -> Result<Result<Vec<String>, String>, String> {
        let snapshot = NewSnapshot {
            seq: core.seq().0,
            time_us: core.time().0,
            running_hash: RunningHash(hash),
            digest: core.digest(),
            payload,
        };
        let written = self.snapshots.write(&snapshot);
        let pruned = match &written {
            Err(error) if error.is_fatal() => return Err(error.to_string()),
            // Also after a failure: what an earlier pruning had to leave may be the room that was missing.
            _ => self.snapshots.prune_up_to(self.retention.released_seq()),
        };
        measure_log(self.storage.as_ref(), &self.stats);
        let findings = match pruned {
            Err(error) if error.is_fatal() => return Err(error.to_string()),
            Err(error) => vec![format!("not everything that is old was dropped: {error}")],
            Ok(report) => report.findings.iter().map(ToString::to_string).collect(),
        };
        Ok(written.map(|()| findings).map_err(|error| error.to_string()))
    }
}
