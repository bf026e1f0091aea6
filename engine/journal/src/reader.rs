//! Looks at a directory without changing a byte: for `tandem verify`, `tandem inspect` and a curious operator.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Finding, Result, Severity, VisitError};
use crate::format::{Identity, Point, Record, RunningHash, SECTOR_BYTES, Seal, SegmentHeader, segment_name};
use crate::journal::take_lock;
use crate::recover::check_successor;
use crate::scan::{SealState, SealVerdict, Segment, Tail, judge_seal, list_segments, load_segment, open_segment};
use crate::snapshot::{Snapshot, list_snapshots, load_snapshot, snapshot_name};
use crate::storage::{FileStorage, LockGuard, Storage};

/// Whether a reader keeps the writer out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locking {
    /// Take the writer's lock while reading.
    Exclusive,
    /// Read a directory that may be in use; its end may then look torn.
    None,
}

/// What `verify` saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifySummary {
    /// Whose log it is; None in an empty directory.
    pub identity: Option<Identity>,
    /// Segment files.
    pub segments: usize,
    /// Snapshot files that verify.
    pub good_snapshots: usize,
    /// Records that verify.
    pub records: u64,
    /// The first record there could be: one after what the first segment continues.
    pub first_seq: u64,
    /// The last record that verifies.
    pub last_seq: u64,
    /// The running hash after it.
    pub running_hash: RunningHash,
    /// How many findings are `Severity::Damage`.
    pub damages: usize,
    /// How many findings are `Severity::Newer`.
    pub newer: usize,
    /// How many findings are `Severity::Warning`.
    pub warnings: usize,
}

/// Reads a directory offline.
pub struct Reader {
    storage: Arc<dyn Storage>,
    _lock: Option<Box<dyn LockGuard>>,
}

impl Reader {
    /// Opens an existing directory of the local file system.
    ///
    /// Errors: `Locked`, `Io`.
    pub fn open(path: impl AsRef<Path>, locking: Locking) -> Result<Self> {
        let path = path.as_ref();
        let storage =
            FileStorage::open(path).map_err(|error| Error::io("open directory", &path.display().to_string(), error))?;
        Self::new(Arc::new(storage), locking)
    }

    /// Opens any storage.
    ///
    /// Errors: `Locked`, `Io`.
    pub fn new(storage: Arc<dyn Storage>, locking: Locking) -> Result<Self> {
        let lock = match locking {
            Locking::None => None,
            Locking::Exclusive => Some(take_lock(storage.as_ref())?),
        };
        Ok(Self { storage, _lock: lock })
    }

    /// The snapshots, newest first, each verified.
    pub fn snapshots(&self) -> Result<Vec<std::result::Result<Snapshot, Finding>>> {
        let seqs = list_snapshots(self.storage.as_ref())?;
        Ok(seqs.iter().rev().map(|seq| self.snapshot(*seq, None)).collect())
    }

    fn snapshot(&self, seq: u64, identity: Option<&Identity>) -> std::result::Result<Snapshot, Finding> {
        let name = snapshot_name(seq);
        load_snapshot(self.storage.as_ref(), &name, seq, identity).map_err(|error| finding_of(error, &name))
    }

    /// Passes every valid record from `from_seq` on to `visit`, in order; a torn end is where the log ends.
    ///
    /// Errors: as for `Journal::open`, `History` when the log begins after `from_seq`; nothing is repaired.
    pub fn visit(
        &self,
        from_seq: u64,
        mut visit: impl FnMut(Record<'_>) -> std::result::Result<(), VisitError>,
    ) -> Result<()> {
        let first_seqs = list_segments(self.storage.as_ref())?;
        if let Some(first_seq) = first_seqs.first().filter(|first_seq| **first_seq > from_seq.max(1)) {
            let what = format!("the log begins here; seq {from_seq} is wanted, which is gone or was never here");
            return Err(Error::History(Finding::damage(&segment_name(*first_seq), 0, Some(from_seq), what)));
        }
        let from = first_seqs.iter().rposition(|first_seq| *first_seq <= from_seq).unwrap_or(0);
        let mut next = match first_seqs.get(from) {
            Some(first_seq) => Some(open_segment(self.storage.as_ref(), *first_seq, None, false)?),
            None => None,
        };
        let mut index = from;
        while let Some((file, header, _)) = next.take() {
            index += 1;
            if let Some(first_seq) = first_seqs.get(index) {
                next = Some(open_segment(self.storage.as_ref(), *first_seq, Some(&header.identity), false)?);
            }
            let until = next.as_ref().map(|(_, header, _)| header.before);
            load_segment(file.as_ref(), header)?.scan(until.as_ref(), &mut Vec::new(), |record| {
                if record.seq < from_seq {
                    return Ok(());
                }
                visit(*record).map_err(|source| Error::Visit { seq: record.seq, source })
            })?;
        }
        Ok(())
    }

    /// Checks every record, seal and snapshot and how they fit together, and goes on after damage.
    ///
    /// Errors: only `Io` on listing; everything else is a finding.
    pub fn verify(&self, on_finding: impl FnMut(Finding)) -> Result<VerifySummary> {
        let storage = self.storage.as_ref();
        let mut check = Check { storage, on_finding, summary: VerifySummary::default(), wanted: BTreeMap::new() };
        let first_seqs = list_segments(storage)?;
        let headers: Vec<_> = first_seqs.iter().map(|first_seq| check.header(*first_seq)).collect();
        for seq in list_snapshots(storage)? {
            let identity = check.summary.identity;
            match self.snapshot(seq, identity.as_ref()) {
                Ok(snapshot) => {
                    check.summary.good_snapshots += 1;
                    check.wanted.insert(seq, snapshot.running_hash);
                }
                Err(finding) => check.report(finding),
            }
        }
        check.summary.segments = first_seqs.len();
        check.summary.first_seq = first_seqs.first().copied().unwrap_or(0);
        for (index, header) in headers.iter().enumerate() {
            let next = headers.get(index + 1).map(|next| next.as_ref().map(|(header, _)| *header));
            if let Some((header, seal)) = header {
                check.segment(*header, seal, next);
            }
        }
        // What a newer version wrote may hold what is missing.
        if check.summary.newer == 0 {
            check.records_before_the_log();
            check.snapshots_beyond_the_log();
        }
        Ok(check.summary)
    }
}

fn finding_of(error: Error, file: &str) -> Finding {
    match error {
        Error::Damage(finding) | Error::History(finding) => finding,
        Error::Version { .. } => Finding::new(Severity::Newer, file, 8, None, error.to_string()),
        other => Finding::damage(file, 0, None, other.to_string()),
    }
}

struct Check<'a, F: FnMut(Finding)> {
    storage: &'a dyn Storage,
    on_finding: F,
    summary: VerifySummary,
    /// Hashes that snapshots claim, by seq.
    wanted: BTreeMap<u64, RunningHash>,
}

impl<F: FnMut(Finding)> Check<'_, F> {
    fn report(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Damage => self.summary.damages += 1,
            Severity::Newer => self.summary.newer += 1,
            Severity::Warning => self.summary.warnings += 1,
            Severity::Note => {}
        }
        (self.on_finding)(finding);
    }

    fn header(&mut self, first_seq: u64) -> Option<(SegmentHeader, SealState)> {
        let identity = self.summary.identity;
        match open_segment(self.storage, first_seq, identity.as_ref(), false) {
            Ok((_, header, seal)) => {
                self.summary.identity = Some(header.identity);
                Some((header, seal))
            }
            Err(error) => {
                self.report(finding_of(error, &segment_name(first_seq)));
                None
            }
        }
    }

    /// `next`: None for the last segment, Some(None) when the next one's header is unreadable.
    fn segment(&mut self, header: SegmentHeader, seal: &SealState, next: Option<Option<SegmentHeader>>) {
        let name = segment_name(header.first_seq());
        let loaded = open_segment(self.storage, header.first_seq(), None, false)
            .and_then(|(file, header, _)| load_segment(file.as_ref(), header));
        let segment = match loaded {
            Ok(segment) => segment,
            Err(error) => return self.report(finding_of(error, &name)),
        };
        if header.before.seq == 0 && header.before != Point::genesis(&header.identity) {
            self.report(Finding::damage(&name, 40, None, "the first segment does not start with the genesis hash"));
        }
        // The seal stands in for a neighbour that cannot be read.
        let until = match (next, seal) {
            (Some(Some(next)), _) => Some(next.before),
            (Some(None), SealState::Sealed(seal)) => Some(seal.last),
            _ => None,
        };
        if let (Some(Some(next)), SealState::Sealed(seal)) = (next, seal)
            && let Err(error) = check_successor(&header, seal, &next)
        {
            self.report(finding_of(error, &name));
        }
        self.records(&segment, seal, until.as_ref(), next.is_none());
    }

    fn records(&mut self, segment: &Segment, seal: &SealState, until: Option<&Point>, is_last: bool) {
        let mut last = segment.header.before;
        let mut findings = Vec::new();
        let mut mismatches: Vec<Finding> = self.claims(&last).into_iter().collect();
        let outcome = segment.scan(until, &mut findings, |record| {
            last = Point { seq: record.seq, time_us: record.time_us, hash: record.running_hash };
            self.summary.records += 1;
            mismatches.extend(self.claims(&last));
            Ok(())
        });
        (self.summary.last_seq, self.summary.running_hash) = (last.seq, last.hash);
        findings.append(&mut mismatches);
        match outcome {
            Ok(scanned) => {
                if let Tail::Torn { why, garbage_end, is_stray } = scanned.tail {
                    let severity = if is_stray { Severity::Warning } else { Severity::Note };
                    let what = format!(
                        "{} bytes after the last valid record: {why}; a start would cut them",
                        garbage_end - scanned.end
                    );
                    findings.push(Finding::new(severity, &segment.name, scanned.end as u64, Some(last.seq + 1), what));
                }
                let expected = Seal { end_offset: scanned.end as u64, last: scanned.last };
                match judge_seal(&segment.name, seal, &expected, is_last) {
                    SealVerdict::Fine => {}
                    SealVerdict::Rewrite(severity, what) => {
                        findings.push(Finding::new(
                            severity,
                            &segment.name,
                            SECTOR_BYTES,
                            None,
                            format!("{what}; a start would repair it"),
                        ));
                    }
                    SealVerdict::Refuse(error) => findings.push(finding_of(error, &segment.name)),
                }
            }
            Err(error) => {
                let mut finding = finding_of(error, &segment.name);
                let after = segment.headers_after(finding.offset as usize, segment.bytes.len() - 1).count();
                finding.what = format!("{}; {after} record headers after it can be read", finding.what);
                findings.push(finding);
            }
        }
        findings.into_iter().for_each(|finding| self.report(finding));
    }

    /// Does a snapshot say otherwise about this point?
    fn claims(&self, point: &Point) -> Option<Finding> {
        let claimed = self.wanted.get(&point.seq).filter(|claimed| **claimed != point.hash)?;
        let what = format!("the snapshot says hash {claimed}, the log {}", point.hash);
        Some(Finding::damage(&snapshot_name(point.seq), 48, Some(point.seq), what))
    }

    fn records_before_the_log(&mut self) {
        let first_seq = self.summary.first_seq;
        let is_covered = first_seq <= 1 || self.wanted.keys().next_back().is_some_and(|seq| seq + 1 >= first_seq);
        if !is_covered {
            let what = format!("the log starts at seq {first_seq}, and no good snapshot covers what came before");
            self.report(Finding::damage(&segment_name(first_seq), 0, Some(1), what));
        }
    }

    fn snapshots_beyond_the_log(&mut self) {
        let beyond: Vec<u64> = self.wanted.keys().copied().filter(|seq| *seq > self.summary.last_seq).collect();
        for seq in beyond {
            let what = format!("the log ends before this snapshot, at seq {}", self.summary.last_seq);
            self.report(Finding::damage(&snapshot_name(seq), 32, Some(seq), what));
        }
    }
}
