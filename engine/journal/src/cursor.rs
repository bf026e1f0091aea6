//! Reads on where it stopped, in a directory that a writer may be appending to, dying in and recovering.
//!
//! Invariants:
//! - With [`Bound::Durable`] no byte counts that was read before the bound was known: what is there then is what every
//!   later reader finds, for a recovery cuts and rewrites only what lies behind it.
//! - A record that should be there and is not is an error that names file and offset; the cursor stays where it is.
//!
//! Deliberately absent: how a bound is found out, and waiting.

use std::io::ErrorKind;
use std::sync::Arc;

use crate::error::{Error, Finding, Result, VisitError};
use crate::format::{
    DATA, HEADER, Header, Identity, Place, Point, Record, SegmentHeader, UNPACKED_PAYLOAD, is_zero, segment_name,
};
use crate::recover::Start;
use crate::scan::{Step, list_segments, load_segment, open_segment, read_record};
use crate::storage::{Storage, StorageFile};

/// What is read at once: at first, for whoever follows closely, and at most, for whoever catches up.
const READ_MIN: usize = 16 << 10;
const READ_MAX: usize = 1 << 20;

/// How far a log may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Everything up to this seq is durable: it has to be there, and nothing after it is looked at.
    Durable(u64),
    /// Nobody knows: what is there and valid counts, and a torn end is where the log ends for now.
    Valid,
}

impl Bound {
    fn seq(self) -> u64 {
        match self {
            Self::Durable(seq) => seq,
            Self::Valid => u64::MAX,
        }
    }
}

/// See the module.
pub struct Cursor {
    storage: Arc<dyn Storage>,
    segment: Current,
    /// The record that was passed on last.
    last: Point,
    window: Window,
    /// The hash's input of the record that was looked at last, its payload at the end.
    scratch: Vec<u8>,
    /// Where the end of the last segment was judged to be one, so that it is not judged again and again.
    judged: Option<(u64, u64)>,
}

struct Current {
    name: String,
    header: SegmentHeader,
    place: Place,
    file: Box<dyn StorageFile>,
    /// Where the next record should stand.
    end: u64,
}

impl Current {
    fn new(file: Box<dyn StorageFile>, header: SegmentHeader, end: u64) -> Self {
        let name = segment_name(header.first_seq());
        Self { name, header, place: Place::new(&header.identity, header.first_seq()), file, end }
    }
}

/// Bytes of the current segment.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
    /// The bound that was known before they were read.
    trusted_seq: u64,
    read_next: usize,
}

impl Window {
    fn from(&self, offset: u64) -> &[u8] {
        let at = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.bytes.get(at..)).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.trusted_seq = 0;
    }
}

impl Cursor {
    /// Stands after the point of `start`.
    ///
    /// Errors: `Gone`, `History` when the log does not go through the point, `Damage`, `Version`, `Io`.
    pub fn open(storage: Arc<dyn Storage>, start: Start) -> Result<Self> {
        let from_seq = start.seq() + 1;
        let first_seqs = list_segments(storage.as_ref())?;
        let gone = |first_seq| Error::Gone { dir: storage.describe(), seq: from_seq, first_seq };
        let Some(first_seq) = first_seqs.iter().copied().rfind(|first_seq| *first_seq <= from_seq) else {
            return Err(gone(first_seqs.first().copied()));
        };
        let (file, header, _) = match open_segment(storage.as_ref(), first_seq, None, false) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Err(gone(list_segments(storage.as_ref())?.first().copied()));
            }
            opened => opened?,
        };
        if header.before.seq == 0 && header.before != Point::genesis(&header.identity) {
            let what = "the first segment does not start with the genesis hash";
            return Err(Error::damage(&segment_name(first_seq), 40, None, what));
        }
        let mut cursor = Self {
            storage,
            segment: Current::new(file, header, DATA as u64),
            last: header.before,
            window: Window::default(),
            scratch: Vec::new(),
            judged: None,
        };
        cursor.go_to(start)?;
        Ok(cursor)
    }

    /// Goes through what the segment holds before the point, which is durable since there is a snapshot of it.
    fn go_to(&mut self, start: Start) -> Result<()> {
        let Start::After { seq, running_hash } = start else { return Ok(()) };
        self.read(Bound::Durable(seq), usize::MAX, |_| Ok(true))?;
        if self.last.hash == running_hash {
            return Ok(());
        }
        let what = format!("the log has hash {} here, the snapshot says {running_hash}", self.last.hash);
        Err(Error::History(Finding::damage(&self.segment.name, self.segment.end, Some(seq), what)))
    }

    /// Whose log it is.
    pub fn identity(&self) -> Identity {
        self.segment.header.identity
    }

    /// The last record that was passed on.
    pub fn last_seq(&self) -> u64 {
        self.last.seq
    }

    /// Passes on the records that follow, at most `max`, until the bound or until `visit` says that it does not want
    /// one, which then is the next again. Returns how many were taken.
    ///
    /// Errors: `Gone`, `Damage`, `Version`, `Visit` (that record was not taken), `Io`. Those before were passed on.
    pub fn read(
        &mut self,
        bound: Bound,
        max: usize,
        mut visit: impl FnMut(Record<'_>) -> std::result::Result<bool, VisitError>,
    ) -> Result<usize> {
        let mut taken = 0;
        while taken < max && self.last.seq < bound.seq() {
            let Some((header, len)) = self.next(bound)? else { break };
            let record = Record {
                seq: header.seq,
                time_us: header.time_us,
                running_hash: header.hash,
                payload: &self.scratch[UNPACKED_PAYLOAD..],
            };
            if !visit(record).map_err(|source| Error::Visit { seq: header.seq, source })? {
                break;
            }
            self.last = Point { seq: header.seq, time_us: header.time_us, hash: header.hash };
            self.segment.end += len as u64;
            taken += 1;
        }
        if self.last.seq == bound.seq() || bound == Bound::Valid {
            self.window.read_next = READ_MIN;
        }
        if bound == Bound::Valid {
            // What was read beyond the end is nothing to rely on later.
            self.window.clear();
        }
        Ok(taken)
    }

    /// The next record, with its length; none where the log ends for now.
    fn next(&mut self, bound: Bound) -> Result<Option<(Header, usize)>> {
        let mut is_fresh = self.window.trusted_seq <= self.last.seq;
        if is_fresh {
            self.load(HEADER, bound)?;
        }
        let mut was_reopened = false;
        loop {
            match self.step(bound, &mut is_fresh)? {
                Step::Whole { header, len } => return Ok(Some((header, len))),
                _ if !is_fresh => self.load(HEADER, bound)?,
                _ if self.enter_next_segment()? => self.load(HEADER, bound)?,
                _ if !was_reopened && bound != Bound::Valid => {
                    // Somebody may have put another file in its place.
                    was_reopened = true;
                    self.reopen()?;
                    self.load(HEADER, bound)?;
                }
                bad => return self.nothing_there(bad, bound),
            }
            is_fresh = true;
        }
    }

    /// Looks at what stands where the next record should, reading on when the window ends inside of it.
    fn step(&mut self, bound: Bound, is_fresh: &mut bool) -> Result<Step> {
        let end = self.segment.end;
        let mut needed = HEADER;
        loop {
            let bytes = self.window.from(end);
            if bytes.len() >= needed || end + bytes.len() as u64 >= self.segment.header.segment_bytes {
                let header = Header::decode(bytes, end, self.segment.place);
                needed = header.map_or(HEADER, |header| header.record_len());
                let left = self.segment.header.segment_bytes - end;
                if bytes.len() >= needed || needed as u64 > left {
                    return Ok(read_record(bytes, end, self.segment.place, &self.last, &mut self.scratch));
                }
            }
            self.load(needed, bound)?;
            *is_fresh = true;
        }
    }

    /// Reads from the next record's place on, at least `needed` bytes if the segment has them.
    fn load(&mut self, needed: usize, bound: Bound) -> Result<()> {
        let Current { file, end, header, name, .. } = &self.segment;
        let wanted = self.window.read_next.max(READ_MIN).max(needed) as u64;
        let len = wanted.min(header.segment_bytes.saturating_sub(*end));
        self.window.read_next = (2 * self.window.read_next).clamp(READ_MIN, READ_MAX);
        self.window.start = *end;
        self.window.trusted_seq = bound.seq();
        self.window.bytes.resize(len as usize, 0);
        file.read_at(&mut self.window.bytes, *end).map_err(|error| {
            self.window.clear();
            Error::damage(name, *end, Some(self.last.seq + 1), format!("it cannot be read: {error}"))
        })
    }

    /// Goes on in the segment that starts with the next record, if there is one.
    fn enter_next_segment(&mut self) -> Result<bool> {
        let first_seq = self.last.seq + 1;
        if first_seq == self.segment.header.first_seq() {
            return Ok(false);
        }
        let identity = self.identity();
        let (file, header, _) = match open_segment(self.storage.as_ref(), first_seq, Some(&identity), false) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        if header.before != self.last {
            let what = format!(
                "it goes on after seq {} with hash {}, but the log before it ends at seq {} with hash {}: a segment is \
                 missing, stale or foreign",
                header.before.seq, header.before.hash, self.last.seq, self.last.hash
            );
            return Err(Error::damage(&segment_name(first_seq), 48, Some(first_seq), what));
        }
        self.segment = Current::new(file, header, DATA as u64);
        self.window.clear();
        Ok(true)
    }

    fn reopen(&mut self) -> Result<()> {
        let Current { header, end, .. } = &self.segment;
        let (before, end) = (header.before, *end);
        let (file, header, _) = match open_segment(self.storage.as_ref(), header.first_seq(), None, false) {
            // Then what is open is the best there is.
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        if (header.before, header.identity) != (before, self.identity()) {
            let what = "the segment was replaced by another one";
            return Err(Error::damage(&self.segment.name, 0, Some(self.last.seq + 1), what));
        }
        self.segment = Current::new(file, header, end);
        Ok(())
    }

    /// There is no record where the next one should stand, and no segment that starts with it.
    fn nothing_there(&mut self, bad: Step, bound: Bound) -> Result<Option<(Header, usize)>> {
        let (seq, at) = (self.last.seq + 1, (self.segment.header.first_seq(), self.segment.end));
        if bound == Bound::Valid && self.judged == Some(at) {
            return Ok(None);
        }
        let first_seqs = list_segments(self.storage.as_ref())?;
        if first_seqs.iter().all(|first_seq| *first_seq > seq) {
            let first_seq = first_seqs.first().copied();
            return Err(Error::Gone { dir: self.storage.describe(), seq, first_seq });
        }
        let Bound::Durable(durable) = bound else {
            let next = first_seqs.into_iter().find(|first_seq| *first_seq > self.segment.header.first_seq());
            let last_seq = self.judge_end(next)?;
            self.judged = Some(at).filter(|_| last_seq == self.last.seq);
            return Ok(None);
        };
        let what = match bad {
            Step::Bad { .. } if is_zero(self.window.from(self.segment.end)) => "the log ends here".into(),
            Step::Bad { what, .. } => what.into(),
            Step::Wrong(what) => what,
            Step::Whole { .. } => return Ok(None),
        };
        let what = format!("{what}, but everything up to seq {durable} was written and synced");
        Err(Error::damage(&self.segment.name, self.segment.end, Some(seq), what))
    }

    /// Whether what stands at the end is torn or damaged takes the whole segment to tell, and the next one's header.
    /// Returns the last seq, which may be a later one by now.
    fn judge_end(&self, next: Option<u64>) -> Result<u64> {
        let until = match next {
            Some(first_seq) => Some(open_segment(self.storage.as_ref(), first_seq, None, false)?.1.before),
            None => None,
        };
        let segment = load_segment(self.segment.file.as_ref(), self.segment.header)?;
        Ok(segment.scan(until.as_ref(), &mut Vec::new(), |_| Ok(()))?.last.seq)
    }
}
