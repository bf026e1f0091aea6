//! Snapshots: one file each, written aside, verified, then renamed; and what may be deleted because of them.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::Xxh3;

use crate::error::{Error, Finding, Result, Severity};
use crate::format::{FORMAT_VERSION, Identity, RunningHash, segment_name, seq_of_name, u32_at, u64_at, u128_at};
use crate::journal::Config;
use crate::recover::check_successor;
use crate::scan::{SealState, list_segments, load_segment, open_segment};
use crate::storage::{LockGuard, Storage, StorageFile, is_disk_full};

const MAGIC: [u8; 8] = *b"TNDMSNAP";
/// Header length; the payload follows.
pub(crate) const HEADER: usize = 96;
const TMP_ENDING: &str = ".snap.tmp";

/// A snapshot to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSnapshot<'a> {
    /// The last record that is in the state; it has to be durable.
    pub seq: u64,
    /// The time of that record.
    pub time_us: u64,
    /// The log's running hash after that record.
    pub running_hash: RunningHash,
    /// The core's digest; opaque here.
    pub digest: u64,
    /// The state.
    pub payload: &'a [u8],
}

/// A snapshot that was read and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last record that is in the state.
    pub seq: u64,
    /// The time of that record.
    pub time_us: u64,
    /// The log's running hash after that record.
    pub running_hash: RunningHash,
    /// The core's digest; opaque here.
    pub digest: u64,
    /// Whose snapshot it is.
    pub identity: Identity,
    /// The state.
    pub payload: Vec<u8>,
}

/// The newest good snapshot, and the damaged ones that were passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundSnapshot {
    /// None: replay from the start of the log.
    pub snapshot: Option<Snapshot>,
    /// What was wrong with newer ones.
    pub findings: Vec<Finding>,
}

/// What `prune` removed, and why perhaps not more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Files that are gone.
    pub removed: Vec<String>,
    /// Doubts that kept files from being removed.
    pub findings: Vec<Finding>,
}

/// The snapshots of one directory, to be read.
#[derive(Clone)]
pub struct Snapshots {
    storage: Arc<dyn Storage>,
    identity: Option<Identity>,
}

/// The same, to be written and removed. Cheap to clone; writing does not disturb the appender.
#[derive(Clone)]
pub struct SnapshotStore {
    snapshots: Snapshots,
    storage: Arc<dyn Storage>,
    config: Config,
    /// Held while one clone writes or prunes; the text of the fatal error once there was one.
    poison: Arc<Mutex<Option<String>>>,
    _lock: Option<Arc<dyn LockGuard>>,
}

/// The seqs of all snapshot files, ascending.
pub(crate) fn list_snapshots(storage: &dyn Storage) -> Result<Vec<u64>> {
    let names = storage.list().map_err(|error| Error::io("list", &storage.describe(), error))?;
    let mut seqs: Vec<u64> = names.iter().filter_map(|name| seq_of_name(name, ".snap")).collect();
    seqs.sort_unstable();
    Ok(seqs)
}

/// The name of the snapshot at a seq.
pub(crate) fn snapshot_name(seq: u64) -> String {
    format!("{seq:020}.snap")
}

fn checksum(header: &[u8], payload: &[u8]) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(&header[..HEADER - 16]);
    hasher.update(payload);
    hasher.digest128()
}

fn encode_header(identity: &Identity, new: &NewSnapshot<'_>) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&identity.shard.to_le_bytes());
    header[16..32].copy_from_slice(&identity.cluster_id);
    header[32..40].copy_from_slice(&new.seq.to_le_bytes());
    header[40..48].copy_from_slice(&new.time_us.to_le_bytes());
    header[48..64].copy_from_slice(&new.running_hash.0.to_le_bytes());
    header[64..72].copy_from_slice(&new.digest.to_le_bytes());
    header[72..80].copy_from_slice(&(new.payload.len() as u64).to_le_bytes());
    let sum = checksum(&header, new.payload);
    header[80..96].copy_from_slice(&sum.to_le_bytes());
    header
}

/// Reads and verifies one snapshot file.
///
/// Errors: `Damage`, `Version`, `Identity`, `Io`.
pub(crate) fn load_snapshot(
    storage: &dyn Storage,
    name: &str,
    seq: u64,
    identity: Option<&Identity>,
) -> Result<Snapshot> {
    let io = |error| Error::io("open", name, error);
    // What the disk cannot give back is as damaged as what it gives back wrongly: there is another snapshot.
    let unreadable = |error| Error::damage(name, 0, Some(seq), format!("the snapshot cannot be read: {error}"));
    let file = storage.open(name, false).map_err(io)?;
    let size = file.size().map_err(io)?;
    if size < HEADER as u64 {
        return Err(Error::damage(
            name,
            size,
            Some(seq),
            format!("the snapshot ends after {size} bytes, inside its header"),
        ));
    }
    let mut header = [0; HEADER];
    file.read_at(&mut header, 0).map_err(unreadable)?;
    if header[..8] != MAGIC {
        return Err(Error::damage(name, 0, Some(seq), "this is no snapshot (wrong magic)"));
    }
    // Before a length is believed: the file's own size bounds what is read.
    if u64_at(&header, 72) != size - HEADER as u64 {
        let what =
            format!("the header says {} payload bytes, the file has {}", u64_at(&header, 72), size - HEADER as u64);
        return Err(Error::damage(name, 72, Some(seq), what));
    }
    let mut payload = vec![0; (size - HEADER as u64) as usize];
    file.read_at(&mut payload, HEADER as u64).map_err(unreadable)?;
    if checksum(&header, &payload) != u128_at(&header, 80) {
        return Err(Error::damage(name, 80, Some(seq), "the snapshot's checksum does not match"));
    }
    if u32_at(&header, 8) != FORMAT_VERSION {
        return Err(Error::Version { file: name.to_owned(), found: u32_at(&header, 8) });
    }
    let mut cluster_id = [0; 16];
    cluster_id.copy_from_slice(&header[16..32]);
    let found = Identity { cluster_id, shard: u32_at(&header, 12) };
    if let Some(expected) = identity.filter(|expected| **expected != found) {
        return Err(Error::Identity {
            file: name.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        });
    }
    if u64_at(&header, 32) != seq {
        let what = format!("the header says seq {}: the file was renamed or copied", u64_at(&header, 32));
        return Err(Error::damage(name, 32, Some(seq), what));
    }
    Ok(Snapshot {
        seq,
        time_us: u64_at(&header, 40),
        running_hash: RunningHash(u128_at(&header, 48)),
        digest: u64_at(&header, 64),
        identity: found,
        payload,
    })
}

/// The finding for a snapshot that another one can stand in for; any other error stays one.
fn passed_over(seq: u64, error: Error) -> Result<Finding> {
    match error {
        Error::Damage(finding) => Ok(finding),
        Error::Version { .. } => {
            Ok(Finding::new(Severity::Warning, &snapshot_name(seq), 8, Some(seq), error.to_string()))
        }
        error => Err(error),
    }
}

impl Snapshots {
    /// Those of anybody, in any storage, whoever may be writing there.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage, identity: None }
    }

    /// The seqs of all snapshot files, newest first; not verified.
    pub fn list(&self) -> Result<Vec<u64>> {
        let mut seqs = list_snapshots(self.storage.as_ref())?;
        seqs.reverse();
        Ok(seqs)
    }

    /// Reads and verifies the snapshot at a seq.
    ///
    /// Errors: `Damage`, `Version`, `Identity`, `Io`.
    pub fn load(&self, seq: u64) -> Result<Snapshot> {
        load_snapshot(self.storage.as_ref(), &snapshot_name(seq), seq, self.identity.as_ref())
    }

    /// The newest snapshot that verifies; damaged ones and unknown versions are reported and passed over.
    ///
    /// Errors: `Identity` (never passed over), `Io`.
    pub fn newest(&self) -> Result<FoundSnapshot> {
        let (snapshot, findings) = self.newest_that(u64::MAX, Ok)?;
        Ok(FoundSnapshot { snapshot, findings })
    }

    /// What `restore` makes of the newest snapshot up to a seq that verifies and that it does not refuse; the refused
    /// ones are reported and passed over as well.
    ///
    /// Errors: `Identity` (never passed over), `Io`.
    pub fn newest_that<T>(
        &self,
        seq_max: u64,
        mut restore: impl FnMut(Snapshot) -> std::result::Result<T, String>,
    ) -> Result<(Option<T>, Vec<Finding>)> {
        let mut findings = Vec::new();
        for seq in self.list()?.into_iter().filter(|seq| *seq <= seq_max) {
            let loaded = self.load(seq).and_then(|snapshot| {
                restore(snapshot).map_err(|what| Error::damage(&snapshot_name(seq), HEADER as u64, Some(seq), what))
            });
            match loaded {
                Ok(restored) => return Ok((Some(restored), findings)),
                // Its writer has removed it meanwhile.
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error) => findings.push(passed_over(seq, error)?),
            }
        }
        Ok((None, findings))
    }
}

impl Deref for SnapshotStore {
    type Target = Snapshots;

    fn deref(&self) -> &Snapshots {
        &self.snapshots
    }
}

impl SnapshotStore {
    pub(crate) fn new(storage: Arc<dyn Storage>, config: Config, lock: Option<Arc<dyn LockGuard>>) -> Self {
        let snapshots = Snapshots { storage: Arc::clone(&storage), identity: Some(config.identity) };
        Self { snapshots, storage, config, poison: Arc::default(), _lock: lock }
    }

    fn exclusive(&self) -> Result<MutexGuard<'_, Option<String>>> {
        let guard = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
        match guard.as_ref() {
            Some(what) => Err(Error::Poisoned { what: what.clone() }),
            None => Ok(guard),
        }
    }

    /// Writes a snapshot; when this returns it is verified and durable under its final name.
    ///
    /// Errors: `DiskFull` (nothing is left behind), `Damage` (it did not read back), `Fatal`, `Poisoned`.
    pub fn write(&self, new: &NewSnapshot<'_>) -> Result<()> {
        let mut poison = self.exclusive()?;
        let result = self.write_aside(new);
        if let Err(error @ Error::Fatal { .. }) = &result {
            *poison = Some(error.to_string());
        }
        result
    }

    fn write_aside(&self, new: &NewSnapshot<'_>) -> Result<()> {
        let storage = self.storage.as_ref();
        let needed_bytes = (HEADER + new.payload.len()) as u64;
        let full = || Error::DiskFull { needed_bytes, reserved_bytes: 0 };
        let free = storage.free_bytes().map_err(|error| Error::io("statvfs", &storage.describe(), error))?;
        // Down to the last byte: without snapshots nothing is ever pruned, and their number is bounded.
        if free < needed_bytes {
            return Err(full());
        }
        let (tmp, name) = (format!("{:020}{TMP_ENDING}", new.seq), snapshot_name(new.seq));
        let file = match self.fill(&tmp, new) {
            Ok(file) => file,
            Err(error) => {
                // What is left of it is removed by `prune` if not here.
                let _ = storage.remove(&tmp);
                return Err(if is_disk_full(&error) { full() } else { Error::io("write", &tmp, error) });
            }
        };
        file.sync_data().map_err(|error| Error::fatal("fdatasync", &tmp, error))?;
        drop(file);
        load_snapshot(storage, &tmp, new.seq, Some(&self.config.identity))?;
        storage
            .rename(&tmp, &name)
            .map_err(|error| if is_disk_full(&error) { full() } else { Error::io("rename", &tmp, error) })?;
        storage.sync_dir().map_err(|error| Error::fatal("fsync", &storage.describe(), error))
    }

    fn fill(&self, tmp: &str, new: &NewSnapshot<'_>) -> std::io::Result<Box<dyn StorageFile>> {
        let file = self.storage.create(tmp)?;
        file.write_at(&encode_header(&self.config.identity, new), 0)?;
        file.write_at(new.payload, HEADER as u64)?;
        Ok(file)
    }

    /// Keeps the newest verified snapshots and removes what the oldest of them wholly covers: older verified
    /// snapshots, then segments from the oldest on.
    ///
    /// On any doubt it removes nothing more and says so. Damaged snapshots are never removed.
    pub fn prune(&self) -> Result<PruneReport> {
        self.prune_up_to(u64::MAX)
    }

    /// The same for a log that somebody reads who has come to this seq: the newest verified snapshot up to it is kept as
    /// well, and so is every record after that one. So its reader can begin again where it is.
    pub fn prune_up_to(&self, released_seq: u64) -> Result<PruneReport> {
        let mut poison = self.exclusive()?;
        let mut report = PruneReport::default();
        let result = self.prune_into(released_seq, &mut report);
        match result {
            Err(error @ Error::Fatal { .. }) => {
                *poison = Some(error.to_string());
                Err(error)
            }
            Err(Error::Damage(finding) | Error::History(finding)) => {
                report.findings.push(finding);
                Ok(report)
            }
            Err(error) => Err(error),
            Ok(()) => Ok(report),
        }
    }

    fn prune_into(&self, released_seq: u64, report: &mut PruneReport) -> Result<()> {
        let storage = self.storage.as_ref();
        self.remove_unfinished(report)?;
        let mut kept = Vec::new();
        let mut older = Vec::new();
        let mut base = None;
        for seq in self.list()? {
            let snapshot = match self.load(seq) {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    report.findings.push(passed_over(seq, error)?);
                    continue;
                }
            };
            let is_base = base.is_none() && seq <= released_seq;
            base = base.or(is_base.then_some(seq));
            if kept.len() < self.config.keep_snapshots {
                kept.push((seq, snapshot.running_hash));
            } else if !is_base {
                older.push(seq);
            }
        }
        let Some((covered_seq, _)) = kept.get(self.config.keep_snapshots - 1) else {
            return Ok(());
        };
        for (seq, hash) in &kept {
            self.check_against_log(*seq, *hash)?;
        }
        // A name seen here may not be durable yet; nothing is removed on the strength of one that is not.
        storage.sync_dir().map_err(|error| Error::fatal("fsync", &storage.describe(), error))?;
        for seq in older {
            self.remove(snapshot_name(seq), report)?;
        }
        let removed = self.remove_segments((*covered_seq).min(base.unwrap_or(0)), report);
        storage.sync_dir().map_err(|error| Error::fatal("fsync", &storage.describe(), error))?;
        removed
    }

    fn remove(&self, name: String, report: &mut PruneReport) -> Result<()> {
        self.storage.remove(&name).map_err(|error| Error::io("remove", &name, error))?;
        report.removed.push(name);
        Ok(())
    }

    /// Files of snapshots that were never finished. No other writer exists: the directory is locked, this store too.
    fn remove_unfinished(&self, report: &mut PruneReport) -> Result<()> {
        let names = self.storage.list().map_err(|error| Error::io("list", &self.storage.describe(), error))?;
        let unfinished: BTreeSet<String> =
            names.into_iter().filter(|name| seq_of_name(name, TMP_ENDING).is_some()).collect();
        unfinished.into_iter().try_for_each(|name| self.remove(name, report))
    }

    /// Removes segments from the oldest on, so that a crash in between leaves no gap.
    fn remove_segments(&self, covered_seq: u64, report: &mut PruneReport) -> Result<()> {
        let first_seqs = list_segments(self.storage.as_ref())?;
        for pair in first_seqs.windows(2).take_while(|pair| pair[1] - 1 <= covered_seq) {
            let (_, header, seal) = self.segment(pair[0])?;
            let (_, next, _) = self.segment(pair[1])?;
            let SealState::Sealed(seal) = seal else {
                let what = "the segment is not properly sealed; it is kept";
                return Err(Error::damage(&segment_name(pair[0]), 512, None, what));
            };
            check_successor(&header, &seal, &next)?;
            self.remove(segment_name(pair[0]), report)?;
        }
        Ok(())
    }

    fn segment(&self, first_seq: u64) -> Result<(Box<dyn StorageFile>, crate::format::SegmentHeader, SealState)> {
        open_segment(self.storage.as_ref(), first_seq, Some(&self.config.identity), false)
    }

    /// The log has to be there from the snapshot's point on, and agree with it.
    fn check_against_log(&self, seq: u64, hash: RunningHash) -> Result<()> {
        let first_seqs = list_segments(self.storage.as_ref())?;
        let history = |name: &str, what: String| Err(Error::History(Finding::damage(name, 0, Some(seq), what)));
        let Some(first_seq) = first_seqs.iter().rfind(|first_seq| **first_seq <= seq + 1) else {
            return history(&snapshot_name(seq), format!("no segment holds seq {seq}; nothing is removed"));
        };
        let (file, header, _) = self.segment(*first_seq)?;
        let mut found = (header.before.seq == seq).then_some(header.before.hash);
        if found.is_none() {
            let segment = load_segment(file.as_ref(), header)?;
            // The appender may be writing into this segment: read up to the snapshot's seq and not a byte further.
            let stop = || Error::Batch(String::new());
            let outcome = segment.scan(None, &mut Vec::new(), |record| {
                if record.seq == seq {
                    found = Some(record.running_hash);
                    return Err(stop());
                }
                Ok(())
            });
            if found.is_none() {
                outcome?;
            }
        }
        match found {
            Some(found) if found == hash => Ok(()),
            Some(found) => history(
                &snapshot_name(seq),
                format!("the log has hash {found} at seq {seq}, the snapshot {hash}; nothing is removed"),
            ),
            None => history(
                &segment_name(*first_seq),
                format!("the log does not reach seq {seq} of a snapshot; nothing is removed"),
            ),
        }
    }
}
