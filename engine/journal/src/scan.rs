//! Reads one segment's records, and decides what bytes after the last valid record mean.
//!
//! The rule (spec/log-format.md, "The end of the last segment"): bytes after the last valid record are the rest
//! of a write that was never synced only if something is *missing* from them, where missing bytes are zeros.
//! A record that is all there but wrong was damaged later, perhaps after it was acknowledged: that is refused.

use crate::error::{Error, Finding, Result, Severity};
use crate::format::{
    DATA, END_MARK, HEADER, Header, Identity, PAYLOAD_LIMIT, Place, Point, RECORD_MAGIC, Record, SECTOR, Seal,
    SegmentHeader, UNPACKED_PAYLOAD, is_zero, segment_name, seq_of_name, unpack,
};
use crate::storage::{Storage, StorageFile};

/// Fewer set bits than this cannot be what is left of a record: its marks alone have more.
const STRAY_BITS: u32 = 16;

/// A segment in memory.
pub(crate) struct Segment {
    pub name: String,
    pub header: SegmentHeader,
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// What stands in a segment's second sector.
pub(crate) enum SealState {
    Open,
    Sealed(Seal),
    /// So few bits that no seal was ever written here.
    Stray,
    Broken,
}

/// What stands after the last valid record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    Clean,
    /// Bytes up to `garbage_end` that are no acknowledged record.
    Torn {
        why: &'static str,
        garbage_end: usize,
        is_stray: bool,
    },
}

/// One segment, read to its end.
pub(crate) struct Scanned {
    /// After the last valid record.
    pub end: usize,
    pub last: Point,
    pub records: u64,
    /// The highest "durable up to" that any record carries.
    pub durable_seq: u64,
    /// Offsets of end marks that are zero although their record is whole.
    pub missing_marks: Vec<usize>,
    pub tail: Tail,
}

/// The segments by name, in order.
pub(crate) fn list_segments(storage: &dyn Storage) -> Result<Vec<u64>> {
    let names = storage.list().map_err(|error| Error::io("list", &storage.describe(), error))?;
    let mut first_seqs: Vec<u64> = names.iter().filter_map(|name| seq_of_name(name, ".log")).collect();
    first_seqs.sort_unstable();
    Ok(first_seqs)
}

/// Opens a segment and checks its header: checksum, version, identity, name, length.
pub(crate) fn open_segment(
    storage: &dyn Storage,
    first_seq: u64,
    identity: Option<&Identity>,
    is_writable: bool,
) -> Result<(Box<dyn StorageFile>, SegmentHeader, SealState)> {
    let name = segment_name(first_seq);
    let file = storage.open(&name, is_writable).map_err(|error| Error::io("open", &name, error))?;
    let size = file.size().map_err(|error| Error::io("stat", &name, error))?;
    if size < DATA as u64 {
        return Err(Error::damage(&name, size, None, format!("the file ends after {size} bytes, inside its header")));
    }
    let mut sectors = [0; DATA];
    file.read_at(&mut sectors, 0).map_err(|error| Error::io("read", &name, error))?;
    let header = SegmentHeader::decode(&sectors[..SECTOR]).map_err(|what| Error::damage(&name, 0, None, what))?;
    check_header(&name, &header, first_seq, identity, size)?;
    Ok((file, header, seal_state(&sectors[SECTOR..])))
}

fn check_header(
    name: &str,
    header: &SegmentHeader,
    first_seq: u64,
    identity: Option<&Identity>,
    size: u64,
) -> Result<()> {
    if header.version != crate::format::FORMAT_VERSION {
        return Err(Error::Version { file: name.to_owned(), found: header.version });
    }
    if let Some(expected) = identity.filter(|expected| **expected != header.identity) {
        return Err(Error::Identity {
            file: name.to_owned(),
            expected: expected.to_string(),
            found: header.identity.to_string(),
        });
    }
    if header.first_seq() != first_seq {
        let what = format!(
            "the header says that the segment starts at seq {}: the file was renamed or copied",
            header.first_seq()
        );
        return Err(Error::damage(name, 32, None, what));
    }
    if header.segment_bytes != size {
        let what =
            format!("the file has {size} bytes, its header says {}: it was cut or extended", header.segment_bytes);
        return Err(Error::damage(name, size.min(header.segment_bytes), None, what));
    }
    Ok(())
}

fn seal_state(sector: &[u8]) -> SealState {
    if is_zero(sector) {
        return SealState::Open;
    }
    match Seal::decode(sector) {
        Some(seal) => SealState::Sealed(seal),
        None if set_bits_up_to(sector, STRAY_BITS) < STRAY_BITS => SealState::Stray,
        None => SealState::Broken,
    }
}

/// Reads a whole segment whose header is right.
pub(crate) fn load_segment(file: &dyn StorageFile, header: SegmentHeader) -> Result<Segment> {
    let name = segment_name(header.first_seq());
    let mut bytes = vec![0; header.segment_bytes as usize];
    file.read_at(&mut bytes, 0).map_err(|error| Error::io("read", &name, error))?;
    Ok(Segment { name, header, bytes })
}

/// What stands where a record should.
pub(crate) enum Step {
    /// It; the payload is in the scratch space.
    Whole { header: Header, len: usize },
    /// It is not whole; `len` when its header could be read.
    Bad { what: &'static str, len: Option<usize> },
    /// Written as it stands, but it does not belong here.
    Wrong(String),
}

/// Judges the record after `last`, which should stand at this offset of its segment. `bytes` go from there to the
/// segment's end, or at least to the record's.
pub(crate) fn read_record(bytes: &[u8], offset: u64, place: Place, last: &Point, scratch: &mut Vec<u8>) -> Step {
    let Some(header) = Header::decode(bytes, offset, place) else {
        return Step::Bad { what: "no valid record header", len: None };
    };
    let len = header.record_len();
    if header.length == 0 || header.length > PAYLOAD_LIMIT || len > bytes.len() {
        return Step::Wrong(format!("a record header with the impossible length {}", header.length));
    }
    if header.seq != last.seq + 1 {
        return Step::Wrong(format!("the record here says seq {}", header.seq));
    }
    if crc32c::crc32c(&bytes[HEADER..len - 1]) != header.payload_crc {
        return Step::Bad { what: "the payload's checksum does not match", len: Some(len) };
    }
    if unpack(bytes, &header, last.hash, scratch) != header.hash {
        return Step::Wrong(
            "the running hash does not continue the one before: swapped, stale or foreign record".into(),
        );
    }
    if header.time_us < last.time_us {
        return Step::Wrong(format!("time goes back from {} to {} us", last.time_us, header.time_us));
    }
    if !matches!(bytes[len - 1], END_MARK | 0) {
        return Step::Wrong("the record's end mark is damaged".into());
    }
    Step::Whole { header, len }
}

impl Segment {
    pub fn place(&self) -> Place {
        Place::new(&self.header.identity, self.header.first_seq())
    }

    /// Passes every record on. `until` is where the next segment says that this one ends; None for the last one.
    ///
    /// Errors: `Damage`, or whatever `visit` returns.
    pub fn scan(
        &self,
        until: Option<&Point>,
        findings: &mut Vec<Finding>,
        mut visit: impl FnMut(&Record<'_>) -> Result<()>,
    ) -> Result<Scanned> {
        let place = self.place();
        let mut scratch = Vec::new();
        let mut scanned = Scanned {
            end: DATA,
            last: self.header.before,
            records: 0,
            durable_seq: 0,
            missing_marks: Vec::new(),
            tail: Tail::Clean,
        };
        loop {
            let at = scanned.end;
            if let Some(until) = until.filter(|until| scanned.last.seq >= until.seq) {
                self.check_end(until, &scanned, findings)?;
                return Ok(scanned);
            }
            match read_record(&self.bytes[at..], at as u64, place, &scanned.last, &mut scratch) {
                Step::Whole { header, len } => {
                    let end = at + len;
                    let record = Record {
                        seq: header.seq,
                        time_us: header.time_us,
                        running_hash: header.hash,
                        payload: &scratch[UNPACKED_PAYLOAD..],
                    };
                    visit(&record)?;
                    if self.bytes[end - 1] != END_MARK {
                        scanned.missing_marks.push(end - 1);
                        let what = "the record's end mark is zero, the record itself is whole";
                        findings.push(Finding::new(Severity::Note, &self.name, end as u64 - 1, Some(header.seq), what));
                    }
                    scanned.end = end;
                    scanned.last = Point { seq: header.seq, time_us: header.time_us, hash: header.hash };
                    scanned.records += 1;
                    scanned.durable_seq = scanned.durable_seq.max(header.durable_seq);
                }
                Step::Wrong(what) => return Err(self.damage(at, &scanned, what)),
                Step::Bad { what, .. } if until.is_some() => {
                    let up_to = until.map_or(0, |until| until.seq);
                    let what = if is_zero(&self.bytes[at..]) { "the records stop" } else { what };
                    let what = format!(
                        "{what}; the next segment says that everything up to seq {up_to} was written and synced"
                    );
                    return Err(self.damage(at, &scanned, what));
                }
                Step::Bad { what, len } => {
                    scanned.tail = self.classify(at, len.map(|len| at + len), what, &scanned)?;
                    return Ok(scanned);
                }
            }
        }
    }

    fn damage(&self, at: usize, scanned: &Scanned, what: impl Into<String>) -> Error {
        Error::damage(&self.name, at as u64, Some(scanned.last.seq + 1), what)
    }

    /// The end of a segment that has a successor.
    fn check_end(&self, until: &Point, scanned: &Scanned, findings: &mut Vec<Finding>) -> Result<()> {
        if scanned.last != *until {
            let what = format!(
                "the log goes on after seq {} with hash {}, but here stands seq {} with hash {}: a segment is missing, stale or foreign",
                until.seq, until.hash, scanned.last.seq, scanned.last.hash
            );
            return Err(self.damage(scanned.end, scanned, what));
        }
        if let Some(stray) = self.bytes[scanned.end..].iter().position(|byte| *byte != 0) {
            let what = "bytes that are not zero after the last record; every record is proven by the next segment";
            findings.push(Finding::new(Severity::Warning, &self.name, (scanned.end + stray) as u64, None, what));
        }
        Ok(())
    }

    /// Torn or damaged? `at` is where the last valid record ends, `end` where the bad one would.
    fn classify(&self, at: usize, end: Option<usize>, what: &'static str, scanned: &Scanned) -> Result<Tail> {
        let rest = &self.bytes[at..];
        if is_zero(rest) {
            return Ok(Tail::Clean);
        }
        let last_set = at + rest.iter().rposition(|byte| *byte != 0).unwrap_or(0);
        if let Some((offset, header)) = self.later_proof(at, last_set, scanned.last.seq + 1) {
            let what = format!(
                "{what}, but seq {} at offset {offset} says that everything up to seq {} was durable",
                header.seq, header.durable_seq
            );
            return Err(self.damage(at, scanned, what));
        }
        let torn = |why, is_stray| Ok(Tail::Torn { why, garbage_end: last_set + 1, is_stray });
        if set_bits_up_to(rest, STRAY_BITS) < STRAY_BITS {
            return torn("a few stray bits in space that was never written", true);
        }
        let extent = end.unwrap_or(at + HEADER);
        if last_set + 1 < extent {
            return torn("an unsynced write that stopped half way", false);
        }
        let boundary = (at / SECTOR + 1) * SECTOR;
        if end.is_none() && is_zero(&self.bytes[at..boundary.min(self.bytes.len())]) {
            return torn("an unsynced write whose first sector is missing", false);
        }
        let mut sectors = (boundary..extent.min(self.bytes.len())).step_by(SECTOR);
        if sectors.any(|start| is_zero(&self.bytes[start..(start + SECTOR).min(self.bytes.len())])) {
            return torn("an unsynced write with a sector missing", false);
        }
        let what = format!(
            "{what}, and nothing of the record is missing: it was written whole and changed afterwards, and may have been acknowledged"
        );
        Err(self.damage(at, scanned, what))
    }

    /// A later header that was written after `seq` had become durable.
    fn later_proof(&self, at: usize, last_set: usize, seq: u64) -> Option<(usize, Header)> {
        self.headers_after(at, last_set).find(|(_, header)| header.durable_seq >= seq)
    }

    /// Valid record headers at any offset after `at`, found by their magic.
    pub fn headers_after(&self, at: usize, last_set: usize) -> impl Iterator<Item = (usize, Header)> {
        let place = self.place();
        (at + 1..(last_set + 2).saturating_sub(HEADER)).filter_map(move |offset| {
            let is_magic = self.bytes[offset] == RECORD_MAGIC[0] && self.bytes[offset..].starts_with(&RECORD_MAGIC);
            let header = Header::decode(&self.bytes[offset..], offset as u64, place).filter(|_| is_magic);
            header.map(|header| (offset, header))
        })
    }

    /// Where the first record stands that no later record proves durable. Call after a successful scan.
    pub fn unproven_from(&self, scanned: &Scanned) -> usize {
        let (place, mut at) = (self.place(), DATA);
        while at < scanned.end {
            match Header::decode(&self.bytes[at..], at as u64, place) {
                Some(header) if header.seq <= scanned.durable_seq => at += header.record_len(),
                _ => break,
            }
        }
        at
    }
}

/// What a seal means together with the rest of its segment.
pub(crate) enum SealVerdict {
    Fine,
    /// Nothing is missing; write it as it should be (zero in the last segment).
    Rewrite(Severity, &'static str),
    Refuse(Error),
}

/// Judges the seal of a segment that was read to its end.
pub(crate) fn judge_seal(name: &str, seal: &SealState, expected: &Seal, is_last: bool) -> SealVerdict {
    let refuse = |seq: u64, what: String| {
        SealVerdict::Refuse(Error::History(Finding::damage(name, SECTOR as u64, Some(seq), what)))
    };
    match (seal, is_last) {
        (SealState::Open, true) => SealVerdict::Fine,
        (SealState::Sealed(seal), false) if seal == expected => SealVerdict::Fine,
        (SealState::Open, false) => {
            SealVerdict::Rewrite(Severity::Note, "the segment was not sealed; the next one proves that it is complete")
        }
        (SealState::Stray | SealState::Broken, false) => SealVerdict::Rewrite(
            Severity::Warning,
            "the seal is damaged; the next segment proves that nothing is missing",
        ),
        (SealState::Stray, true) => {
            SealVerdict::Rewrite(Severity::Warning, "a few stray bits where no seal was written")
        }
        (SealState::Sealed(seal), true) => refuse(
            seal.last.seq + 1,
            format!("the segment is sealed at seq {}, but the segment after it is missing", seal.last.seq),
        ),
        (SealState::Broken, true) => {
            refuse(expected.last.seq + 1, "the seal cannot be read and no segment follows: one may be missing".into())
        }
        (SealState::Sealed(seal), false) => {
            let what =
                format!("the seal says seq {} at offset {}, the records end otherwise", seal.last.seq, seal.end_offset);
            refuse(expected.last.seq, what)
        }
    }
}

/// Counts set bits, not further than `limit`.
fn set_bits_up_to(bytes: &[u8], limit: u32) -> u32 {
    let mut count = 0;
    for byte in bytes {
        count += byte.count_ones();
        if count >= limit {
            break;
        }
    }
    count
}
