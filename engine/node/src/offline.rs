//! Looking at a data directory that nobody needs to have open: nothing is locked and nothing is changed.

use std::path::Path;
use tandem_core::command::{Command, Origin};
use tandem_core::types::{AssetId, FEE_ACCOUNT, Seq, TimeUs};
use tandem_core::{AssetFunds, Core, codec};
use tandem_journal::{
    Error, FileStorage, Finding, Locking, RECORD_OVERHEAD_BYTES, Reader, SEGMENT_DATA_OFFSET, Severity, Snapshot,
    Storage,
};

use crate::recovery::older_command;

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name in the directory; empty when it is not about one file.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// The command concerned, when known.
    pub seq: Option<u64>,
    /// What it is.
    pub problem: String,
}

/// What [`verify`] saw.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Nothing is damaged or of a newer version, and everything fits.
    pub is_ok: bool,
    /// The last command that could be applied.
    pub seq: u64,
    /// The core's digest there.
    pub digest: u64,
    /// Sums over all accounts there.
    pub funds: Vec<FundsOf>,
    /// Records that verify.
    pub records: u64,
    /// Segment files.
    pub segments: usize,
    /// Snapshot files that verify.
    pub snapshots: usize,
    /// Everything that was noticed.
    pub findings: Vec<Problem>,
}

/// The funds of one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundsOf {
    /// Its code.
    pub code: String,
    /// Its decimals.
    pub decimals: u8,
    /// Sums over all accounts.
    pub sums: AssetFunds,
    /// What the fee account holds of it.
    pub fees: u128,
}

/// Reads every record and snapshot, replays the log from its start or the oldest snapshot, compares state and digest at
/// every snapshot, and checks all invariants at the end.
///
/// Errors: the directory cannot be read at all.
pub fn verify(path: impl AsRef<Path>) -> Result<Verified, Error> {
    let reader = Reader::open(path, Locking::None)?;
    let mut verified = Verified::default();
    let mut is_unsound = false;
    let summary = reader.verify(|finding| {
        is_unsound |= finding.severity >= Severity::Newer;
        verified.findings.push(problem_of(finding));
    })?;
    verified.records = summary.records;
    verified.segments = summary.segments;
    verified.snapshots = summary.good_snapshots;
    // Damaged ones are among the findings already.
    let mut snapshots: Vec<Snapshot> = reader.snapshots()?.into_iter().filter_map(Result::ok).collect();
    // Nothing replays to one that the log does not reach back to.
    snapshots.retain(|snapshot| snapshot.seq + 1 >= summary.first_seq);
    snapshots.sort_unstable_by_key(|snapshot| std::cmp::Reverse(snapshot.seq));
    let replayed = Replayed::start(snapshots, summary.first_seq).and_then(|replayed| replayed.run(&reader));
    match replayed {
        Ok(core) => verified.read(&core),
        Err(problem) => {
            is_unsound = true;
            verified.findings.push(problem);
        }
    }
    verified.is_ok = !is_unsound;
    Ok(verified)
}

impl Verified {
    fn read(&mut self, core: &Core) {
        (self.seq, self.digest) = (core.seq().0, core.digest());
        self.funds = funds(core);
    }
}

/// Sums over all accounts, by asset.
pub fn funds(core: &Core) -> Vec<FundsOf> {
    let with_names = core.assets().iter().zip(core.funds());
    with_names
        .map(|(asset, sums)| FundsOf {
            code: asset.code.clone(),
            decimals: asset.decimals,
            sums,
            fees: fees(core, asset.id),
        })
        .collect()
}

fn fees(core: &Core, asset: AssetId) -> u128 {
    let held = core.balance(FEE_ACCOUNT, asset);
    held.free.0.saturating_add(held.locked.0)
}

fn problem_of(finding: Finding) -> Problem {
    Problem { file: finding.file, offset: finding.offset, seq: finding.seq, problem: finding.what }
}

fn problem_at(seq: u64, problem: String) -> Problem {
    Problem { file: String::new(), offset: 0, seq: Some(seq), problem }
}

fn snapshot_problem(seq: u64, problem: String) -> Problem {
    Problem { file: format!("{seq:020}.snap"), offset: 0, seq: Some(seq), problem }
}

/// A replay that meets the snapshots on its way.
struct Replayed {
    core: Core,
    /// Those ahead, the next one last.
    snapshots: Vec<Snapshot>,
}

impl Replayed {
    fn start(mut snapshots: Vec<Snapshot>, first_seq: u64) -> Result<Self, Problem> {
        if first_seq <= 1 {
            return Ok(Self { core: Core::new(), snapshots });
        }
        let Some(oldest) = snapshots.pop() else {
            return Err(problem_at(
                first_seq,
                "the log's beginning is gone, and there is no snapshot to start from".into(),
            ));
        };
        Ok(Self { core: restore(&oldest)?, snapshots })
    }

    fn run(mut self, reader: &Reader) -> Result<Core, Problem> {
        self.compare_snapshot()?;
        let mut events = Vec::new();
        let mut found = None;
        let visited = reader.visit(self.core.seq().0 + 1, |record| {
            events.clear();
            if let Some(what) = older_command(record.payload) {
                found = Some(problem_at(record.seq, what));
                return Err("stop".into());
            }
            let applied = self.core.apply(Seq(record.seq), TimeUs(record.time_us), record.payload, &mut events);
            let applied = applied.map_err(|broken| problem_at(record.seq, broken.to_string()));
            applied.and_then(|()| self.compare_snapshot()).map_err(|problem| {
                found = Some(problem);
                "stop".into()
            })
        });
        if let Some(problem) = found {
            return Err(problem);
        }
        // What the journal found has been reported with its file; the state up to there is still worth showing.
        let _ = visited;
        self.core.check().map_err(|broken| problem_at(self.core.seq().0, broken.to_string()))?;
        Ok(self.core)
    }

    fn compare_snapshot(&mut self) -> Result<(), Problem> {
        let seq = self.core.seq().0;
        while self.snapshots.last().is_some_and(|snapshot| snapshot.seq <= seq) {
            let Some(snapshot) = self.snapshots.pop() else { break };
            if snapshot.seq < seq {
                continue;
            }
            let mut state = Vec::new();
            self.core.snapshot(&mut state);
            if snapshot.digest != self.core.digest() || state != snapshot.payload {
                let what = format!("the log replays to digest {:016x}, or another state", self.core.digest());
                return Err(snapshot_problem(seq, format!("has digest {:016x}; {what}", snapshot.digest)));
            }
            restore(&snapshot)?;
        }
        Ok(())
    }
}

fn restore(snapshot: &Snapshot) -> Result<Core, Problem> {
    Core::restore(&snapshot.payload).map_err(|error| snapshot_problem(snapshot.seq, error.to_string()))
}

/// One record, readable.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Its place in the log.
    pub seq: u64,
    /// Stamped by the log.
    pub time_us: u64,
    /// The segment's name in the directory.
    pub file: String,
    /// Where the record starts in it.
    pub offset: u64,
    /// Its origin and command, or why they cannot be understood.
    pub command: Result<(Origin, Command), String>,
}

/// Up to `limit` records from a seq on.
pub fn inspect(path: impl AsRef<Path>, from_seq: u64, limit: usize) -> Result<Vec<Inspected>, Error> {
    let path = path.as_ref();
    let reader = Reader::open(path, Locking::None)?;
    let first_seqs = segments(path)?;
    let mut place = Place::before(&first_seqs, from_seq);
    let mut records = Vec::new();
    if limit == 0 {
        return Ok(records);
    }
    // Offsets are counted from the start of a segment, so its first records are read even when they are not wanted.
    let visited = reader.visit(place.first_seq, |record| {
        let offset = place.advance(&first_seqs, record.seq, record.payload.len());
        if record.seq >= from_seq {
            records.push(Inspected {
                seq: record.seq,
                time_us: record.time_us,
                file: segment_name(place.first_seq),
                offset,
                command: codec::decode(record.payload).map_err(|error| error.to_string()),
            });
        }
        if records.len() >= limit { Err("enough".into()) } else { Ok(()) }
    });
    match visited {
        Err(Error::Visit { .. }) | Ok(()) => Ok(records),
        Err(error) => Err(error),
    }
}

fn segment_name(first_seq: u64) -> String {
    format!("{first_seq:020}.log")
}

/// The first seq of every segment, ascending.
fn segments(path: &Path) -> Result<Vec<u64>, Error> {
    let failed = |source| Error::Io { what: format!("list {}", path.display()), source };
    let names = FileStorage::open(path).and_then(|storage| storage.list()).map_err(failed)?;
    let mut first_seqs: Vec<u64> = names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect();
    first_seqs.sort_unstable();
    Ok(first_seqs)
}

/// Where the next record stands.
struct Place {
    first_seq: u64,
    offset: u64,
}

impl Place {
    /// The start of the segment that holds a seq, or of the first one.
    fn before(first_seqs: &[u64], seq: u64) -> Self {
        let holds = first_seqs.iter().rfind(|first_seq| **first_seq <= seq);
        let first_seq = holds.or(first_seqs.first()).copied().unwrap_or(1);
        Self { first_seq, offset: SEGMENT_DATA_OFFSET }
    }

    /// Returns the offset of this record and goes on to the next.
    fn advance(&mut self, first_seqs: &[u64], seq: u64, payload_len: usize) -> u64 {
        if first_seqs.binary_search(&seq).is_ok() {
            *self = Self { first_seq: seq, offset: SEGMENT_DATA_OFFSET };
        }
        let offset = self.offset;
        self.offset += RECORD_OVERHEAD_BYTES + payload_len as u64;
        offset
    }
}
