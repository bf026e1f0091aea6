//! Opening for writing: read the log from a point, decide about its end, leave it clean and durable.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Finding, Result, Severity, VisitError};
use crate::format::{
    END_MARK, FORMAT_VERSION, HEADER, Place, Point, Record, RunningHash, SECTOR, SECTOR_BYTES, Seal, SegmentHeader,
    segment_name,
};
use crate::journal::{Journal, LogDir, write_seal};
use crate::prepare::{Preparer, SPARE_NAME};
use crate::scan::{
    Scanned, SealState, SealVerdict, Segment, Tail, judge_seal, list_segments, load_segment, open_segment,
};
use crate::snapshot::{Snapshot, list_snapshots};
use crate::storage::{Storage, StorageFile};

/// From where to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From seq 1.
    Genesis,
    /// The records after a snapshot; the log has to continue exactly from there.
    After {
        /// The snapshot's seq.
        seq: u64,
        /// The snapshot's running hash.
        running_hash: RunningHash,
    },
}

impl Start {
    /// The records after this snapshot.
    pub fn after(snapshot: &Snapshot) -> Self {
        Self::After { seq: snapshot.seq, running_hash: snapshot.running_hash }
    }

    pub(crate) fn seq(&self) -> u64 {
        match self {
            Self::Genesis => 0,
            Self::After { seq, .. } => *seq,
        }
    }
}

/// What a recovery did; its `Display` is one line per thing that matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Records passed to the closure.
    pub replayed: u64,
    /// The last record of the log.
    pub last_seq: u64,
    /// Segments in the directory.
    pub segments: usize,
    /// Bytes cut from the end of the log: never synced, hence never acknowledged.
    pub cut_bytes: u64,
    /// Everything that was noticed, with file and offset.
    pub findings: Vec<Finding>,
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "replayed {} records up to seq {} from {} segments", self.replayed, self.last_seq, self.segments)?;
        if self.cut_bytes > 0 {
            write!(f, ", cut {} bytes of an unsynced write", self.cut_bytes)?;
        }
        self.findings.iter().try_for_each(|finding| write!(f, "\n{:?}: {finding}", finding.severity))
    }
}

struct Opened {
    file: Box<dyn StorageFile>,
    header: SegmentHeader,
    seal: SealState,
}

impl Journal {
    /// Recovers: passes every valid record after `start` to `visit`, in order, and returns a journal ready to append.
    ///
    /// A torn end is cut, zeroed, synced and reported. Records that were read but perhaps never synced are written
    /// again and synced first, so everything that `visit` saw is durable when this returns.
    /// Errors: `Damage`, `History`, `Identity`, `Version`, `Visit`, `DiskFull` (first start only), `Io`, `Fatal`.
    pub fn open(
        dir: LogDir,
        start: Start,
        mut visit: impl FnMut(Record<'_>) -> std::result::Result<(), VisitError>,
    ) -> Result<(Self, RecoveryReport)> {
        let storage = Arc::clone(&dir.storage);
        let mut preparer = Preparer::new(
            Arc::clone(&storage),
            dir.config.segment_bytes,
            dir.config.min_free_bytes,
            dir.config.prepare_in_background,
        );
        let mut first_seqs = list_segments(storage.as_ref())?;
        if first_seqs.is_empty() {
            preparer.adopt()?;
            make_first_segment(storage.as_ref(), &dir, start, &mut preparer)?;
            first_seqs.push(1);
        }
        let mut recovery =
            Recovery { start, report: RecoveryReport { segments: first_seqs.len(), ..RecoveryReport::default() } };
        let opened = recovery.open_segments(storage.as_ref(), &dir, &first_seqs)?;
        let mut last = None;
        for (index, segment) in opened.iter().enumerate() {
            let until = opened.get(index + 1).map(|next| next.header.before);
            let loaded = load_segment(segment.file.as_ref(), segment.header)?;
            let scanned = recovery.read(&loaded, until.as_ref(), &mut visit)?;
            let is_last = until.is_none();
            if is_last {
                recovery.check_last(&scanned, &loaded.name)?;
            }
            recovery.check_seal(segment, &loaded, &scanned, is_last)?;
            recovery.repair(segment, &loaded, &scanned, is_last)?;
            last = Some(scanned);
        }
        let Some(scanned) = last else {
            return Err(Error::History(Finding::damage("", 0, None, "there is no segment")));
        };
        storage.sync_dir().map_err(|error| Error::fatal("fsync", &storage.describe(), error))?;
        if !preparer.is_ready() {
            preparer.adopt()?;
        }
        preparer.poke()?;
        let report = recovery.report;
        Self::ready(dir, opened, &scanned, preparer).map(|journal| (journal, report))
    }

    fn ready(dir: LogDir, mut opened: Vec<Opened>, scanned: &Scanned, preparer: Preparer) -> Result<Self> {
        let Some(Opened { file, header, .. }) = opened.pop() else {
            return Err(Error::History(Finding::damage("", 0, None, "there is no segment")));
        };
        Ok(Self {
            storage: dir.storage,
            place: Place::new(&dir.config.identity, header.first_seq()),
            config: dir.config,
            file,
            name: segment_name(header.first_seq()),
            segment_bytes: header.segment_bytes,
            end: scanned.end as u64,
            last: scanned.last,
            durable_seq: scanned.last.seq,
            buffer: Vec::new(),
            poison: None,
            preparer,
            rotations: 0,
            _lock: dir.lock,
        })
    }
}

/// Makes segment 1 in a directory that has neither log nor snapshot.
fn make_first_segment(storage: &dyn Storage, dir: &LogDir, start: Start, preparer: &mut Preparer) -> Result<()> {
    let snapshots = list_snapshots(storage)?;
    if start.seq() > 0 || !snapshots.is_empty() {
        let what = "there are snapshots but no log segments";
        return Err(Error::History(Finding::damage(&segment_name(1), 0, None, what)));
    }
    if !preparer.wait()? {
        return Err(Error::DiskFull {
            needed_bytes: dir.config.segment_bytes + dir.config.min_free_bytes,
            reserved_bytes: 0,
        });
    }
    let header = SegmentHeader {
        version: FORMAT_VERSION,
        identity: dir.config.identity,
        before: Point::genesis(&dir.config.identity),
        segment_bytes: dir.config.segment_bytes,
    };
    let name = segment_name(1);
    if let Some(spare) = preparer.take() {
        spare.write_at(&header.encode(), 0).map_err(|error| Error::fatal("write", &name, error))?;
        spare.sync_data().map_err(|error| Error::fatal("fdatasync", &name, error))?;
        storage.rename(SPARE_NAME, &name).map_err(|error| Error::fatal("rename", &name, error))?;
    }
    storage.sync_dir().map_err(|error| Error::fatal("fsync", &storage.describe(), error))
}

/// A sealed segment and the one after it.
pub(crate) fn check_successor(header: &SegmentHeader, seal: &Seal, next: &SegmentHeader) -> Result<()> {
    if seal.last == next.before {
        return Ok(());
    }
    let what = format!(
        "the segment is sealed at seq {} with hash {}, the next one in the directory starts after seq {} with hash {}: \
         a segment is missing, stale or foreign",
        seal.last.seq, seal.last.hash, next.before.seq, next.before.hash
    );
    Err(Error::damage(&segment_name(header.first_seq()), SECTOR_BYTES, Some(seal.last.seq + 1), what))
}

struct Recovery {
    start: Start,
    report: RecoveryReport,
}

impl Recovery {
    /// Opens the segments from the one on that holds the first wanted record, and checks headers and the seals between
    /// them. Those before are left alone: a log may be kept for ever, and a start takes no longer for it.
    fn open_segments(&self, storage: &dyn Storage, dir: &LogDir, first_seqs: &[u64]) -> Result<Vec<Opened>> {
        let from_seq = self.start.seq() + 1;
        let Some(from) = first_seqs.iter().rposition(|first_seq| *first_seq <= from_seq) else {
            let first = first_seqs.first().copied().unwrap_or(0);
            let what = format!(
                "the log starts at seq {first}, but seq {from_seq} is needed: no good snapshot covers what came before"
            );
            return Err(Error::History(Finding::damage(&segment_name(first), 0, Some(from_seq), what)));
        };
        let mut opened: Vec<Opened> = Vec::new();
        for first_seq in &first_seqs[from..] {
            let (file, header, seal) = open_segment(storage, *first_seq, Some(&dir.config.identity), true)?;
            if let Some(Opened { header: before, seal: SealState::Sealed(seal), .. }) = opened.last() {
                check_successor(before, seal, &header)?;
            }
            opened.push(Opened { file, header, seal });
        }
        if let Some(Opened { header, .. }) = opened.first() {
            self.check_first(header)?;
        }
        Ok(opened)
    }

    fn check_first(&self, header: &SegmentHeader) -> Result<()> {
        let name = segment_name(header.first_seq());
        if header.before.seq == 0 && header.before != Point::genesis(&header.identity) {
            return Err(Error::damage(&name, 40, None, "the first segment does not start with the genesis hash"));
        }
        if header.before.seq == self.start.seq() {
            self.check_start(&name, 48, &header.before)?;
        }
        Ok(())
    }

    /// The log has to go through the snapshot's point.
    fn check_start(&self, file: &str, offset: u64, point: &Point) -> Result<()> {
        match self.start {
            Start::After { seq, running_hash } if seq == point.seq && running_hash != point.hash => {
                let what = format!("the log has hash {} here, the snapshot says {running_hash}", point.hash);
                Err(Error::History(Finding::damage(file, offset, Some(seq), what)))
            }
            _ => Ok(()),
        }
    }

    fn read(
        &mut self,
        segment: &Segment,
        until: Option<&Point>,
        visit: &mut impl FnMut(Record<'_>) -> std::result::Result<(), VisitError>,
    ) -> Result<Scanned> {
        let mut findings = Vec::new();
        let start_seq = self.start.seq();
        let mut replayed = 0;
        let scanned = segment.scan(until, &mut findings, |record| {
            if record.seq > start_seq {
                replayed += 1;
                return visit(*record).map_err(|source| Error::Visit { seq: record.seq, source });
            }
            let point = Point { seq: record.seq, time_us: record.time_us, hash: record.running_hash };
            self.check_start(&segment.name, 0, &point)
        })?;
        self.report.replayed += replayed;
        self.report.findings.append(&mut findings);
        Ok(scanned)
    }

    /// Writes again what may not be durable, zeroes what was cut, and syncs.
    fn repair(&mut self, opened: &Opened, segment: &Segment, scanned: &Scanned, is_last: bool) -> Result<()> {
        if !is_last && scanned.missing_marks.is_empty() {
            return Ok(());
        }
        // What a failed fdatasync left in the page cache reads back as if it were on the disk: only writing makes
        // it dirty again. Records below the durable mark of a later record need no proof.
        let first_mark = scanned.missing_marks.first().copied().unwrap_or(scanned.end);
        let from = segment.unproven_from(scanned).min(first_mark);
        let mut bytes = segment.bytes[from..scanned.end].to_vec();
        for mark in &scanned.missing_marks {
            bytes[mark - from] = END_MARK;
        }
        if let Tail::Torn { why, garbage_end, is_stray } = scanned.tail {
            let cut = (garbage_end - scanned.end) as u64;
            self.report.cut_bytes += cut;
            let severity = if is_stray { Severity::Warning } else { Severity::Note };
            let what = format!("cut {cut} bytes after the last valid record: {why}");
            self.report.findings.push(Finding::new(
                severity,
                &segment.name,
                scanned.end as u64,
                Some(scanned.last.seq + 1),
                what,
            ));
            erase(opened.file.as_ref(), segment, scanned.end, garbage_end)?;
        }
        if !bytes.is_empty() {
            opened.file.write_at(&bytes, from as u64).map_err(|error| Error::fatal("write", &segment.name, error))?;
        }
        opened.file.sync_data().map_err(|error| Error::fatal("fdatasync", &segment.name, error))
    }

    fn check_seal(&mut self, opened: &Opened, segment: &Segment, scanned: &Scanned, is_last: bool) -> Result<()> {
        let expected = Seal { end_offset: scanned.end as u64, last: scanned.last };
        match judge_seal(&segment.name, &opened.seal, &expected, is_last) {
            SealVerdict::Fine => Ok(()),
            SealVerdict::Refuse(error) => Err(error),
            SealVerdict::Rewrite(severity, what) => {
                self.report.findings.push(Finding::new(
                    severity,
                    &segment.name,
                    SECTOR_BYTES,
                    None,
                    format!("{what}; written again"),
                ));
                let sector = if is_last { [0; SECTOR] } else { expected.encode() };
                write_seal(opened.file.as_ref(), &segment.name, &sector)
            }
        }
    }

    fn check_last(&mut self, scanned: &Scanned, file: &str) -> Result<()> {
        self.report.last_seq = scanned.last.seq;
        if scanned.last.seq < self.start.seq() {
            let what =
                format!("the log ends at seq {}, the snapshot was taken at seq {}", scanned.last.seq, self.start.seq());
            return Err(Error::History(Finding::damage(file, scanned.end as u64, Some(scanned.last.seq + 1), what)));
        }
        Ok(())
    }
}

/// Zeroes a torn end so that, if the power goes in the middle, what is left still reads as a torn end: first what
/// lies behind the sectors of the first bad header, then those from the back, byte by byte, because one byte cannot
/// tear, and each synced before the next, because sectors reach the disk in any order.
fn erase(file: &dyn StorageFile, segment: &Segment, end: usize, garbage_end: usize) -> Result<()> {
    let zero = |from: usize, to: usize| {
        file.write_at(&vec![0; to - from], from as u64).map_err(|error| Error::fatal("write", &segment.name, error))
    };
    let mut upper = (end + HEADER).next_multiple_of(SECTOR).min(garbage_end);
    if upper < garbage_end {
        zero(upper, garbage_end)?;
        file.sync_data().map_err(|error| Error::fatal("fdatasync", &segment.name, error))?;
    }
    while upper > end {
        let lower = ((upper - 1) / SECTOR * SECTOR).max(end);
        (lower..upper).rev().filter(|at| segment.bytes[*at] != 0).try_for_each(|at| zero(at, at + 1))?;
        file.sync_data().map_err(|error| Error::fatal("fdatasync", &segment.name, error))?;
        upper = lower;
    }
    Ok(())
}
