//! The appender: batches in, one write and one fdatasync, segments rotated, nothing half-done on a full disk.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::{
    DATA, FORMAT_VERSION, Identity, OVERHEAD, PAYLOAD_LIMIT, Place, Point, RunningHash, SECTOR_BYTES,
    SEGMENT_DATA_OFFSET, Seal, SegmentHeader, encode_record, segment_name,
};
use crate::prepare::{Preparer, SPARE_NAME};
use crate::snapshot::SnapshotStore;
use crate::storage::{FileStorage, LockGuard, LockOutcome, Storage, StorageFile, is_disk_full};

pub use crate::recover::{RecoveryReport, Start};

/// How a journal is laid out.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whose log this is; files of anybody else are refused.
    pub identity: Identity,
    /// Length of a segment file; applies to new segments. A multiple of 512.
    pub segment_bytes: u64,
    /// Longest payload that `write` takes; at most 16 MiB.
    pub max_payload_bytes: u32,
    /// Pre-allocated space that only `write_reserved` may use once no more can be allocated.
    pub reserve_bytes: u64,
    /// No segment is made that would leave less free space than this. A snapshot may: it is what makes room.
    pub min_free_bytes: u64,
    /// How many verified snapshots `prune` keeps; at least 1.
    pub keep_snapshots: usize,
    /// Prepare the next segment in a thread of its own; off for deterministic tests.
    pub prepare_in_background: bool,
}

impl Config {
    /// The defaults: segments of 64 MiB, payloads up to 1 MiB, a quarter of a segment and 64 MiB of disk in reserve.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            segment_bytes: 64 << 20,
            max_payload_bytes: 1 << 20,
            reserve_bytes: 16 << 20,
            min_free_bytes: 64 << 20,
            keep_snapshots: 2,
            prepare_in_background: true,
        }
    }

    /// The largest batch that one `write` takes, as the sum of payload lengths + 65 each.
    pub fn max_batch_bytes(&self) -> u64 {
        (self.segment_bytes.saturating_sub(SEGMENT_DATA_OFFSET)).saturating_sub(self.usable_reserve())
    }

    /// A reserve that fits small segments too.
    fn usable_reserve(&self) -> u64 {
        self.reserve_bytes.min(self.segment_bytes / 4)
    }

    fn check(&self) -> Result<()> {
        let fail = |what: &str| Err(Error::Config(what.to_owned()));
        if !self.segment_bytes.is_multiple_of(SECTOR_BYTES) || self.segment_bytes > 1 << 32 {
            return fail("segment_bytes has to be a multiple of 512, at most 4 GiB");
        }
        if self.max_payload_bytes == 0 || self.max_payload_bytes > PAYLOAD_LIMIT {
            return fail("max_payload_bytes has to be between 1 and 16 MiB");
        }
        if u64::from(self.max_payload_bytes) + OVERHEAD as u64 > self.max_batch_bytes() {
            return fail(
                "segment_bytes is too small: a segment without its reserve has to hold a record of max_payload_bytes",
            );
        }
        if self.keep_snapshots == 0 {
            return fail("keep_snapshots has to be at least 1");
        }
        Ok(())
    }
}

/// Takes the one writer's lock of a storage, held until it is dropped.
///
/// Errors: `Locked`, `Io`.
pub fn take_lock(storage: &dyn Storage) -> Result<Box<dyn LockGuard>> {
    let dir = storage.describe();
    match storage.lock().map_err(|error| Error::io("lock", &dir, error))? {
        LockOutcome::Taken(guard) => Ok(guard),
        LockOutcome::Held { pid } => Err(Error::Locked { dir, pid }),
    }
}

/// A locked directory, before recovery.
pub struct LogDir {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) config: Config,
    pub(crate) lock: Arc<dyn LockGuard>,
    snapshots: SnapshotStore,
}

impl LogDir {
    /// Locks a directory of the local file system, making it when it is missing.
    ///
    /// Errors: `Locked`, `Config`, `Io`.
    pub fn open(path: impl AsRef<Path>, config: Config) -> Result<Self> {
        let path = path.as_ref();
        let storage = FileStorage::create(path)
            .map_err(|error| Error::io("open directory", &path.display().to_string(), error))?;
        Self::lock(Arc::new(storage), config)
    }

    /// Locks any storage.
    ///
    /// Errors: `Locked`, `Config`, `Io`.
    pub fn lock(storage: Arc<dyn Storage>, config: Config) -> Result<Self> {
        config.check()?;
        let lock = take_lock(storage.as_ref())?;
        Self::locked(storage, lock, config)
    }

    /// A storage whose lock the caller has taken with [`take_lock`], to look at it before there was a configuration.
    ///
    /// Errors: `Config`.
    pub fn locked(storage: Arc<dyn Storage>, lock: Box<dyn LockGuard>, config: Config) -> Result<Self> {
        config.check()?;
        let lock: Arc<dyn LockGuard> = Arc::from(lock);
        let snapshots = SnapshotStore::new(Arc::clone(&storage), config.clone(), Some(Arc::clone(&lock)));
        Ok(Self { storage, config, lock, snapshots })
    }

    /// The snapshots of this directory; the handle also holds the lock.
    pub fn snapshots(&self) -> SnapshotStore {
        self.snapshots.clone()
    }
}

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The seq of the batch's first record; the others follow without a gap.
    pub first_seq: u64,
    /// The seq of the batch's last record.
    pub last_seq: u64,
    /// The running hash after the last record.
    pub running_hash: RunningHash,
}

/// The one writer of a log.
///
/// Not `Clone`; made for one thread. After an error with `is_fatal()` every call returns `Poisoned`.
pub struct Journal {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) config: Config,
    pub(crate) file: Box<dyn StorageFile>,
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) segment_bytes: u64,
    /// Where the next record goes.
    pub(crate) end: u64,
    pub(crate) last: Point,
    pub(crate) durable_seq: u64,
    pub(crate) buffer: Vec<u8>,
    pub(crate) poison: Option<String>,
    pub(crate) preparer: Preparer,
    pub(crate) rotations: u64,
    // Last, so that the spare's thread has ended before the lock is released.
    pub(crate) _lock: Arc<dyn LockGuard>,
}

impl Journal {
    /// Writes a batch of (time_us, payload) with one write. It is durable only after `sync`.
    ///
    /// All or nothing: an error that is not fatal leaves nothing behind.
    /// Errors: `DiskFull`, `TimeFell`, `Batch`, `Fatal`, `Poisoned`.
    pub fn write<P: AsRef<[u8]>>(&mut self, batch: &[(u64, P)]) -> Result<Appended> {
        self.guarded(|journal| journal.write_batch(batch, false))
    }

    /// As `write`, but on a full disk it may use the pre-allocated reserve: for what has to get through, such as cancels.
    pub fn write_reserved<P: AsRef<[u8]>>(&mut self, batch: &[(u64, P)]) -> Result<Appended> {
        self.guarded(|journal| journal.write_batch(batch, true))
    }

    /// Makes everything written durable; returns the last durable seq. An error ends the process.
    pub fn sync(&mut self) -> Result<u64> {
        self.guarded(Self::sync_current)
    }

    /// `write` and `sync`.
    pub fn append<P: AsRef<[u8]>>(&mut self, batch: &[(u64, P)]) -> Result<Appended> {
        let appended = self.write(batch)?;
        self.sync()?;
        Ok(appended)
    }

    /// The last written seq; 0 in an empty log.
    pub fn last_seq(&self) -> u64 {
        self.last.seq
    }

    /// The last seq that a `sync` has covered.
    pub fn durable_seq(&self) -> u64 {
        self.durable_seq
    }

    /// The time of the last written record; nothing earlier may follow.
    pub fn last_time_us(&self) -> u64 {
        self.last.time_us
    }

    /// The running hash after the last written record.
    pub fn running_hash(&self) -> RunningHash {
        self.last.hash
    }

    /// Whether space runs out: when the current segment is full, there is no next one so far.
    pub fn is_running_out(&self) -> bool {
        self.preparer.is_missing()
    }

    /// How many segments were begun since it was opened.
    pub fn rotations(&self) -> u64 {
        self.rotations
    }

    /// The configuration it was opened with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn guarded<T>(&mut self, call: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if let Some(what) = &self.poison {
            return Err(Error::Poisoned { what: what.clone() });
        }
        let result = call(self);
        if let Err(error @ Error::Fatal { .. }) = &result {
            self.poison = Some(error.to_string());
        }
        result
    }

    fn sync_current(&mut self) -> Result<u64> {
        if self.durable_seq < self.last.seq {
            self.file.sync_data().map_err(|error| Error::fatal("fdatasync", &self.name, error))?;
            self.durable_seq = self.last.seq;
        }
        Ok(self.durable_seq)
    }

    fn write_batch<P: AsRef<[u8]>>(&mut self, batch: &[(u64, P)], may_use_reserve: bool) -> Result<Appended> {
        let total = self.check_batch(batch)?;
        self.make_room(total, may_use_reserve)?;
        let (first_seq, mut point) = (self.last.seq + 1, self.last);
        self.buffer.clear();
        for (time_us, payload) in batch {
            point = encode_record(
                &mut self.buffer,
                self.place,
                self.end,
                self.durable_seq,
                &point,
                *time_us,
                payload.as_ref(),
            );
        }
        if let Err(error) = self.file.write_at(&self.buffer, self.end) {
            return Err(self.write_failed(total, error));
        }
        self.end += total;
        self.last = point;
        Ok(Appended { first_seq, last_seq: point.seq, running_hash: point.hash })
    }

    /// The bytes that the batch takes.
    fn check_batch<P: AsRef<[u8]>>(&self, batch: &[(u64, P)]) -> Result<u64> {
        if batch.is_empty() {
            return Err(Error::Batch("the batch is empty".into()));
        }
        let (mut total, mut last_us) = (0, self.last.time_us);
        for (index, (time_us, payload)) in batch.iter().enumerate() {
            let length = payload.as_ref().len();
            if length == 0 || length > self.config.max_payload_bytes as usize {
                let max = self.config.max_payload_bytes;
                return Err(Error::Batch(format!(
                    "payload {index} of the batch has {length} bytes; allowed are 1 to {max}"
                )));
            }
            if *time_us < last_us {
                return Err(Error::TimeFell { last_us, given_us: *time_us });
            }
            last_us = *time_us;
            total += (length + OVERHEAD) as u64;
        }
        let max = self.config.max_batch_bytes();
        if total > max {
            return Err(Error::Batch(format!(
                "the batch takes {total} bytes, one write takes at most {max}; split it"
            )));
        }
        Ok(total)
    }

    /// After a write that found the disk full: part of it may stand behind the end, whole records even. It is zeroed
    /// and synced before anybody hears that it was refused, so that it never comes back; if that cannot be done, the
    /// failure is fatal.
    fn write_failed(&mut self, total: u64, error: std::io::Error) -> Error {
        if !is_disk_full(&error) {
            return Error::fatal("write", &self.name, error);
        }
        let zeros = vec![0; total as usize];
        if let Err(error) = self.file.write_at(&zeros, self.end).and_then(|()| self.file.sync_data()) {
            return Error::fatal("zero a failed write in", &self.name, error);
        }
        self.durable_seq = self.last.seq;
        self.disk_full(total)
    }

    fn disk_full(&self, needed_bytes: u64) -> Error {
        let spare = if self.preparer.is_ready() { self.config.segment_bytes - SEGMENT_DATA_OFFSET } else { 0 };
        Error::DiskFull { needed_bytes, reserved_bytes: self.segment_bytes - self.end + spare }
    }

    /// Rotates when the batch does not fit; keeps the reserve for those who may use it.
    fn make_room(&mut self, total: u64, may_use_reserve: bool) -> Result<()> {
        let reserve = if may_use_reserve { 0 } else { self.config.usable_reserve() };
        let mut has_waited = false;
        loop {
            self.preparer.poke()?;
            let left = self.segment_bytes - self.end;
            if self.preparer.is_ready() {
                // A whole spare exceeds the reserve, and a batch is never larger than a spare without reserve.
                return if total <= left { Ok(()) } else { self.rotate(total) };
            }
            if total.saturating_add(reserve) <= left {
                return Ok(());
            }
            if has_waited || !self.preparer.wait()? {
                return Err(self.disk_full(total));
            }
            has_waited = true;
        }
    }

    /// Ends the segment and goes on in the spare.
    ///
    /// Order: old records durable, new header durable, new name durable, old segment sealed. So a segment with a
    /// successor is complete, and a sealed segment without a successor has lost it.
    fn rotate(&mut self, total: u64) -> Result<()> {
        self.sync_current()?;
        let header = SegmentHeader {
            version: FORMAT_VERSION,
            identity: self.config.identity,
            before: self.last,
            segment_bytes: self.config.segment_bytes,
        };
        let name = segment_name(header.first_seq());
        let full = |journal: &Self, call, error| {
            if is_disk_full(&error) { journal.disk_full(total) } else { Error::fatal(call, &name, error) }
        };
        let Some(spare) = self.preparer.spare() else {
            return Err(self.disk_full(total));
        };
        spare.write_at(&header.encode(), 0).map_err(|error| full(self, "write", error))?;
        spare.sync_data().map_err(|error| Error::fatal("fdatasync", &name, error))?;
        self.storage.rename(SPARE_NAME, &name).map_err(|error| full(self, "rename", error))?;
        let Some(spare) = self.preparer.take() else {
            return Err(self.disk_full(total));
        };
        self.storage.sync_dir().map_err(|error| Error::fatal("fsync", &self.storage.describe(), error))?;
        write_seal(self.file.as_ref(), &self.name, &Seal { end_offset: self.end, last: self.last }.encode())?;
        self.file = spare;
        self.place = Place::new(&self.config.identity, header.first_seq());
        self.name = name;
        self.segment_bytes = header.segment_bytes;
        self.end = DATA as u64;
        self.rotations += 1;
        self.preparer.poke()
    }
}

/// Writes and syncs a segment's second sector. Any failure is fatal: the successor already exists.
pub(crate) fn write_seal(file: &dyn StorageFile, name: &str, sector: &[u8]) -> Result<()> {
    file.write_at(sector, SECTOR_BYTES).map_err(|error| Error::fatal("write the seal of", name, error))?;
    file.sync_data().map_err(|error| Error::fatal("fdatasync", name, error))
}
