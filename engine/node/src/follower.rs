//! A replica of its own over a directory's log, in another process than the writer's or where there is none.
//!
//! Invariants:
//! - It shows nothing that is not durable, so that nothing is taken back when the writer dies.
//! - It locks nothing and changes nothing.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tandem_core::Core;
use tandem_core::types::{Seq, TimeUs};
use tandem_journal::{Bound, Cursor, Error, FileStorage, Snapshots, Start, Storage};

use crate::batch::Batch;
use crate::identity::random_u64;
use crate::mark::{self, MarkReader};
use crate::node::PUBLISH_MAX;
use crate::recovery::{OpenError, older_command, restore_at_most};
use crate::replay::record_of;
use crate::replica::{Replica, SharedReplica};

/// How long it sleeps before it looks again: at first, and when nothing comes. A look takes some 30 us of a core, most of
/// it for waking up.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(16);

/// What of the log is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    /// The last command whose results the caller has; it vouches that it was durable.
    pub after_seq: u64,
    /// The last command that is wanted.
    pub until_seq: Option<u64>,
    /// No command is wanted that is later.
    pub until_us: Option<u64>,
}

/// See the module.
pub struct Follower {
    storage: Arc<dyn Storage>,
    replica: SharedReplica,
    tail: Mutex<Tail>,
    cluster_id: [u8; 16],
}

struct Tail {
    cursor: Cursor,
    mark: MarkReader,
    until_seq: u64,
    until_us: u64,
    /// One of the two is reached.
    is_done: bool,
    /// An invariant of the core is broken; what the replica holds is nothing to go on from.
    broken: Option<String>,
}

impl Follower {
    /// Comes to the state at `after_seq`, from the newest usable snapshot that is not after it.
    ///
    /// Errors: there is no log, or it does not reach from such a snapshot to `after_seq`, or it is damaged.
    pub fn open(path: impl AsRef<Path>, range: Range) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let storage = FileStorage::open(path)
            .map_err(|error| OpenError(format!("open directory {} failed: {error}", path.display())))?;
        Self::open_storage(Arc::new(storage), range)
    }

    /// The same in any storage.
    pub fn open_storage(storage: Arc<dyn Storage>, range: Range) -> Result<Self, OpenError> {
        let Range { after_seq, until_seq, until_us } = range;
        let restored = restore_at_most(&Snapshots::new(Arc::clone(&storage)), after_seq)?;
        let mut core = restored.core;
        let from = match core.seq().0 {
            0 => Start::Genesis,
            seq => Start::After { seq, running_hash: restored.hash },
        };
        let mut cursor = Cursor::open(Arc::clone(&storage), from)?;
        let seed = random_u64().map_err(|error| OpenError(format!("no randomness: {error}")))?;
        core.set_hash_seed(seed).map_err(|broken| OpenError(broken.to_string()))?;
        go_to(&mut core, &mut cursor, after_seq)?;
        let cluster_id = cursor.identity().cluster_id;
        let tail = Tail {
            cursor,
            mark: MarkReader::new(Arc::clone(&storage)),
            until_seq: until_seq.unwrap_or(u64::MAX),
            until_us: until_us.unwrap_or(u64::MAX),
            is_done: false,
            broken: None,
        };
        let replica = Arc::new(Mutex::new(Replica::new(core, 0, None)));
        Ok(Self { storage, replica, tail: Mutex::new(tail), cluster_id })
    }

    /// What follows, in the log's order, at most `max_results` results; the replica is at the last of them then. Waits
    /// for the first one; nothing when there is none in time, or when everything that is wanted was returned.
    ///
    /// Errors: the log cannot be read on; what was read before is returned first.
    pub fn poll(&self, max_results: usize, timeout: Duration) -> Result<Vec<Batch>, String> {
        let mut tail = self.tail.lock();
        let started = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let mut batches = Vec::new();
            let read = tail.read(max_results, &self.replica, &mut batches);
            let left = timeout.saturating_sub(started.elapsed());
            match read {
                Err(what) if batches.is_empty() => return Err(what),
                _ if !batches.is_empty() || tail.is_done || left.is_zero() => return Ok(batches),
                _ => thread::sleep(pause.min(left)),
            }
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }

    /// The state, to be looked at.
    pub fn replica(&self) -> &SharedReplica {
        &self.replica
    }

    /// Whose log it is.
    pub fn cluster_id(&self) -> [u8; 16] {
        self.cluster_id
    }

    /// What the writer says that is durable; where none does so, what was read.
    pub fn durable_seq(&self) -> Result<u64, String> {
        let marked = mark::read(self.storage.as_ref());
        let marked = marked.map_err(|error| format!("{}/{}: {error}", self.storage.describe(), mark::NAME))?;
        Ok(marked.unwrap_or_else(|| self.replica.lock().core().seq().0))
    }
}

/// Replays without a word. Not bounded by the mark, which a power failure may have left behind what was durable before.
fn go_to(core: &mut Core, cursor: &mut Cursor, seq: u64) -> Result<(), OpenError> {
    let wanted = usize::try_from(seq - core.seq().0).unwrap_or(usize::MAX);
    let mut unseen = Vec::new();
    let replayed = cursor.read(Bound::Valid, wanted, |record| {
        if let Some(what) = older_command(record.payload) {
            return Err(what.into());
        }
        unseen.clear();
        core.apply(Seq(record.seq), TimeUs(record.time_us), record.payload, &mut unseen)?;
        Ok(true)
    })?;
    if replayed < wanted {
        let last_seq = cursor.last_seq();
        return Err(OpenError(format!("the log ends at seq {last_seq}, but is to be followed from seq {seq} on")));
    }
    Ok(())
}

impl Tail {
    fn read(&mut self, max_results: usize, replica: &Mutex<Replica>, batches: &mut Vec<Batch>) -> Result<(), String> {
        if let Some(what) = &self.broken {
            return Err(what.clone());
        }
        let bound = self.mark.read()?.map_or(Bound::Valid, Bound::Durable);
        let mut left = max_results.max(1);
        while left > 0 && !self.is_at_end(bound) {
            let mut batch = Batch::default();
            let max = left.min(PUBLISH_MAX);
            let read = self.read_batch(max, bound, &mut replica.lock(), &mut batch);
            let count = batch.outcomes.len();
            if count > 0 {
                batches.push(batch);
            }
            read.map_err(|error| explain(&error, bound))?;
            if count < max {
                break;
            }
            left -= count;
        }
        Ok(())
    }

    fn is_at_end(&mut self, bound: Bound) -> bool {
        self.is_done |= self.cursor.last_seq() >= self.until_seq;
        self.is_done || matches!(bound, Bound::Durable(seq) if seq <= self.cursor.last_seq())
    }

    fn read_batch(&mut self, max: usize, bound: Bound, replica: &mut Replica, batch: &mut Batch) -> Result<(), Error> {
        let Self { cursor, until_seq, until_us, is_done, broken, .. } = self;
        let read = cursor.read(bound, max, |stored| {
            if stored.seq > *until_seq || stored.time_us > *until_us {
                *is_done = true;
                return Ok(false);
            }
            if let Some(what) = older_command(stored.payload) {
                return Err(what.into());
            }
            replica.apply(&record_of(&stored), batch).map_err(|error| {
                let what = format!("an invariant is broken at seq {}: {error}", stored.seq);
                broken.insert(what).clone()
            })?;
            Ok(true)
        });
        replica.finish(batch);
        read.map(drop)
    }
}

fn explain(error: &Error, bound: Bound) -> String {
    match (error, bound) {
        (Error::Visit { source, .. }, _) => source.to_string(),
        (Error::Damage(_), Bound::Durable(_)) => format!(
            "{error}. What is durable is said by the file `{}`: in a copy that was made while the exchange ran, delete it",
            mark::NAME
        ),
        _ => error.to_string(),
    }
}
