//! The durable log of one shard, and its snapshots: bytes in, the same bytes out, or a clear refusal.
//!
//! Invariants:
//! - A record whose `sync` returned is read back exactly, or the start is refused; it is never cut silently.
//! - An unacknowledged record is read back whole or not at all.
//! - A storage error on write or sync poisons the journal: no later call succeeds, the process has to end.
//! - Nothing is deleted or overwritten on doubt.
//!
//! Deliberately absent: any idea of what a payload means, replication, compression, clocks (time is given).
//! The file format is `spec/log-format.md`.
//!
//! # Summary
//!
//! | call | does |
//! |---|---|
//! | [`LogDir::open`] | takes the writer's lock on a directory (or any [`Storage`] with [`LogDir::lock`], or [`take_lock`] first) |
//! | [`LogDir::snapshots`] | a [`SnapshotStore`]: `newest`, `write`, `prune`; `Clone + Send`, for another thread |
//! | [`Journal::open`] | recovers: every valid record after a [`Start`] goes to a closure; then ready to append |
//! | [`Journal::write`], [`Journal::sync`] | one write for a batch; one fdatasync for all batches written so far |
//! | [`Journal::append`] | `write` + `sync` |
//! | [`Journal::write_reserved`] | as `write`, but may use the reserve when the disk is full (cancels) |
//! | [`Reader`] | looks at a directory without changing it: `verify` and `visit` |
//! | [`Cursor`] | reads on where it stopped, while a writer appends, rotates, dies and comes back |
//!
//! # Use
//!
//! ```
//! use tandem_journal::{Config, Error, Identity, Journal, LogDir, NewSnapshot, Start};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let tmp = tempfile::tempdir()?; let path = tmp.path();
//! let config = Config { segment_bytes: 4 << 20, min_free_bytes: 0,
//!                       ..Config::new(Identity { cluster_id: *b"0123456789abcdef", shard: 0 }) };
//!
//! // Recovery: newest good snapshot, then the records after it.
//! let dir = LogDir::open(path, config)?;
//! let snapshots = dir.snapshots();
//! let found = snapshots.newest()?;                 // found.findings: damaged ones that were passed over
//! let start = match &found.snapshot {
//!     Some(snapshot) => Start::after(snapshot),    // restore the core from snapshot.payload first
//!     None => Start::Genesis,
//! };
//! let (mut journal, report) = Journal::open(dir, start, |record| {
//!     let _ = (record.seq, record.time_us, record.payload); // core.apply(...)
//!     Ok(())
//! })?;
//! println!("{report}");                            // what was replayed, cut, repaired
//!
//! // The log thread: drain commands, write, sync, pass on.
//! let batch: Vec<(u64, &[u8])> = vec![(1_000, b"first"), (1_000, b"second")];
//! match journal.write(&batch) {
//!     Ok(appended) => {
//!         journal.sync()?;                         // an error here ends the process
//!         assert_eq!((appended.first_seq, appended.last_seq), (1, 2));
//!     }
//!     Err(Error::DiskFull { .. }) => {}            // refuse the batch, stay up; write_reserved for cancels
//!     Err(error) => return Err(error.into()),      // check error.is_fatal()
//! }
//!
//! // Any thread: a snapshot of the state at a durable seq, then drop what it covers.
//! snapshots.write(&NewSnapshot { seq: journal.durable_seq(), time_us: journal.last_time_us(),
//!     running_hash: journal.running_hash(), digest: 42, payload: b"state" })?;
//! snapshots.prune()?;
//! # Ok(()) }
//! ```

mod cursor;
mod error;
mod format;
mod journal;
mod prepare;
mod reader;
mod recover;
mod scan;
mod snapshot;
mod storage;
#[cfg(feature = "testing")]
pub mod testing;

pub use cursor::{Bound, Cursor};
pub use error::{Error, Finding, Result, Severity, VisitError};
pub use format::{
    FORMAT_VERSION, Identity, RECORD_OVERHEAD_BYTES, Record, RunningHash, SECTOR_BYTES, SEGMENT_DATA_OFFSET,
};
pub use journal::{Appended, Config, Journal, LogDir, RecoveryReport, Start, take_lock};
pub use reader::{Locking, Reader, VerifySummary};
pub use snapshot::{FoundSnapshot, NewSnapshot, PruneReport, Snapshot, SnapshotStore, Snapshots};
pub use storage::{FileStorage, LockGuard, LockOutcome, Storage, StorageFile};
