//! The bytes of segments and records: encode, decode, nothing else. The reference is `spec/log-format.md`.
//!
//! Every multi-byte number is little endian. No all-zero region decodes as anything.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

/// The format that this build writes and reads.
pub const FORMAT_VERSION: u32 = 1;
/// The unit in which a disk is trusted to write all or nothing.
pub const SECTOR_BYTES: u64 = 512;
pub(crate) const SECTOR: usize = 512;
/// Where a segment's first record starts: one sector of header, one for the seal.
pub const SEGMENT_DATA_OFFSET: u64 = 1024;
pub(crate) const DATA: usize = 1024;
/// What a record takes beside its payload.
pub const RECORD_OVERHEAD_BYTES: u64 = 65;
pub(crate) const HEADER: usize = 64;
pub(crate) const OVERHEAD: usize = 65;
/// No build accepts a longer payload, whatever its configuration.
pub(crate) const PAYLOAD_LIMIT: u32 = 16 << 20;

const SEGMENT_MAGIC: [u8; 8] = *b"TNDMSEG1";
const SEAL_MAGIC: [u8; 8] = *b"TNDMSEAL";
pub(crate) const RECORD_MAGIC: [u8; 4] = *b"TREC";
/// Last bytes of a record's header: zero means that the header was not wholly written.
const HEADER_MARK: [u8; 4] = *b"BODY";
/// Last byte of a record. Several bits are set in each mark, so that one flipped bit cannot erase it.
pub(crate) const END_MARK: u8 = 0xA5;

/// Whose log this is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Drawn once when the cluster is made.
    pub cluster_id: [u8; 16],
    /// The shard inside the cluster.
    pub shard: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster {:032x} shard {}", u128::from_be_bytes(self.cluster_id), self.shard)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The hash over the whole log up to a record; equal hash at equal seq means equal history.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RunningHash(pub u128);

impl RunningHash {
    /// The hash before the first record.
    pub fn genesis(identity: &Identity) -> Self {
        let mut input = *b"tandem-log-v1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        input[13..29].copy_from_slice(&identity.cluster_id);
        input[29..33].copy_from_slice(&identity.shard.to_le_bytes());
        Self(xxh3_128(&input[..33]))
    }
}

impl fmt::Display for RunningHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RunningHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One record as read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the log; dense, from 1.
    pub seq: u64,
    /// Microseconds, never less than the record before.
    pub time_us: u64,
    /// The running hash including this record.
    pub running_hash: RunningHash,
    /// The caller's bytes.
    pub payload: &'a [u8],
}

/// A point in the log: what the next record has to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub seq: u64,
    pub time_us: u64,
    pub hash: RunningHash,
}

impl Point {
    pub fn genesis(identity: &Identity) -> Self {
        Self { seq: 0, time_us: 0, hash: RunningHash::genesis(identity) }
    }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut out = [0; 4];
    out.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(out)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(out)
}

pub(crate) fn u128_at(bytes: &[u8], at: usize) -> u128 {
    let mut out = [0; 16];
    out.copy_from_slice(&bytes[at..at + 16]);
    u128::from_le_bytes(out)
}

pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (head, words, tail) = (bytes.len() % 16, bytes.chunks_exact(16), bytes.len() - bytes.len() % 16);
    words.into_iter().all(|word| u128_at(word, 0) == 0) && (head == 0 || bytes[tail..].iter().all(|byte| *byte == 0))
}

/// The name of the segment that starts with a seq.
pub(crate) fn segment_name(first_seq: u64) -> String {
    format!("{first_seq:020}.log")
}

/// The seq in a name such as `00000000000000000001.log`.
pub(crate) fn seq_of_name(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending)?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// A sector with its checksum in the last 16 bytes; the same in every format version.
fn finish_sector(sector: &mut [u8; SECTOR]) {
    let sum = xxh3_128(&sector[..SECTOR - 16]);
    sector[SECTOR - 16..].copy_from_slice(&sum.to_le_bytes());
}

fn is_sector_whole(sector: &[u8]) -> bool {
    xxh3_128(&sector[..SECTOR - 16]) == u128_at(sector, SECTOR - 16)
}

/// The first sector of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub version: u32,
    pub identity: Identity,
    /// The point before the first record: its seq is the first seq minus one.
    pub before: Point,
    pub segment_bytes: u64,
}

impl SegmentHeader {
    pub fn first_seq(&self) -> u64 {
        self.before.seq + 1
    }

    pub fn encode(&self) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        sector[..8].copy_from_slice(&SEGMENT_MAGIC);
        sector[8..12].copy_from_slice(&self.version.to_le_bytes());
        sector[12..16].copy_from_slice(&self.identity.shard.to_le_bytes());
        sector[16..32].copy_from_slice(&self.identity.cluster_id);
        sector[32..40].copy_from_slice(&self.first_seq().to_le_bytes());
        sector[40..48].copy_from_slice(&self.before.time_us.to_le_bytes());
        sector[48..64].copy_from_slice(&self.before.hash.0.to_le_bytes());
        sector[64..72].copy_from_slice(&self.segment_bytes.to_le_bytes());
        finish_sector(&mut sector);
        sector
    }

    /// Errors: a short text saying what is wrong.
    pub fn decode(sector: &[u8]) -> Result<Self, &'static str> {
        if sector.len() < SECTOR || sector[..8] != SEGMENT_MAGIC {
            return Err("this is no segment header (wrong magic)");
        }
        if !is_sector_whole(&sector[..SECTOR]) {
            return Err("the segment header's checksum does not match");
        }
        let mut cluster_id = [0; 16];
        cluster_id.copy_from_slice(&sector[16..32]);
        let Some(last_seq) = u64_at(sector, 32).checked_sub(1) else {
            return Err("the segment header says first seq 0");
        };
        Ok(Self {
            version: u32_at(sector, 8),
            identity: Identity { cluster_id, shard: u32_at(sector, 12) },
            before: Point { seq: last_seq, time_us: u64_at(sector, 40), hash: RunningHash(u128_at(sector, 48)) },
            segment_bytes: u64_at(sector, 64),
        })
    }
}

/// The second sector: zero while the segment is the last, then where and how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    pub end_offset: u64,
    pub last: Point,
}

impl Seal {
    pub fn encode(&self) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        sector[..8].copy_from_slice(&SEAL_MAGIC);
        sector[8..16].copy_from_slice(&self.end_offset.to_le_bytes());
        sector[16..24].copy_from_slice(&self.last.seq.to_le_bytes());
        sector[24..32].copy_from_slice(&self.last.time_us.to_le_bytes());
        sector[32..48].copy_from_slice(&self.last.hash.0.to_le_bytes());
        finish_sector(&mut sector);
        sector
    }

    pub fn decode(sector: &[u8]) -> Option<Self> {
        if sector[..8] != SEAL_MAGIC || !is_sector_whole(&sector[..SECTOR]) {
            return None;
        }
        let last =
            Point { seq: u64_at(sector, 16), time_us: u64_at(sector, 24), hash: RunningHash(u128_at(sector, 32)) };
        Some(Self { end_offset: u64_at(sector, 8), last })
    }
}

/// What binds a record to its place, so that a copy elsewhere never validates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    salt: u32,
}

impl Place {
    pub fn new(identity: &Identity, first_seq: u64) -> Self {
        let salt = crc32c::crc32c(&identity.cluster_id);
        let salt = crc32c::crc32c_append(salt, &identity.shard.to_le_bytes());
        Self { salt: crc32c::crc32c_append(salt, &first_seq.to_le_bytes()) }
    }

    fn header_crc(self, offset: u64, header: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.salt, &offset.to_le_bytes()), &header[8..HEADER])
    }
}

/// Appends one record to `out`, whose start will stand at `base_offset` of the segment; returns the point after it.
///
/// The caller has checked payload length, seq and time.
pub(crate) fn encode_record(
    out: &mut Vec<u8>,
    place: Place,
    base_offset: u64,
    durable_seq: u64,
    before: &Point,
    time_us: u64,
    payload: &[u8],
) -> Point {
    let start = out.len();
    let offset = base_offset + start as u64;
    let seq = before.seq + 1;
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&RECORD_MAGIC);
    header[16..24].copy_from_slice(&durable_seq.to_le_bytes());
    header[24..40].copy_from_slice(&before.hash.0.to_le_bytes());
    header[40..48].copy_from_slice(&seq.to_le_bytes());
    header[48..56].copy_from_slice(&time_us.to_le_bytes());
    header[56..60].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[60..64].copy_from_slice(&HEADER_MARK);
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
    // The slot of the hash holds the hash before, so that the hash's input lies in one piece.
    let hash = RunningHash(xxh3_128(&out[start + 24..]));
    let record = &mut out[start..];
    record[24..40].copy_from_slice(&hash.0.to_le_bytes());
    let mask = choose_mask(&mut record[HEADER..], offset + HEADER as u64, seq);
    record[12..16].copy_from_slice(&mask.to_le_bytes());
    let payload_crc = crc32c::crc32c(&record[HEADER..]);
    record[8..12].copy_from_slice(&payload_crc.to_le_bytes());
    let header_crc = place.header_crc(offset, record);
    record[4..8].copy_from_slice(&header_crc.to_le_bytes());
    out.push(END_MARK);
    Point { seq, time_us, hash }
}

/// Masks a stored payload until no aligned sector inside it is nearly all zero, so that a sector of zeros in a
/// record always means that it was never written. Almost always: nothing to do, mask 0.
fn choose_mask(stored: &mut [u8], offset: u64, seq: u64) -> u32 {
    if !has_sparse_sector(stored, offset) {
        return 0;
    }
    for mask in 1..=16 {
        apply_mask(stored, seq, mask);
        if !has_sparse_sector(stored, offset) {
            return mask;
        }
        apply_mask(stored, seq, mask);
    }
    0
}

fn has_sparse_sector(stored: &[u8], offset: u64) -> bool {
    let skip = (offset.next_multiple_of(SECTOR_BYTES) - offset) as usize;
    let Some(aligned) = stored.get(skip..) else {
        return false;
    };
    aligned.chunks_exact(SECTOR).any(|sector| sector.iter().filter(|byte| **byte != 0).take(8).count() < 8)
}

/// XORs with a splitmix64 stream; applying it twice gives the original.
pub(crate) fn apply_mask(bytes: &mut [u8], seq: u64, mask: u32) {
    let mut state = seq ^ (u64::from(mask) << 32);
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        for (byte, key) in chunk.iter_mut().zip(word.to_le_bytes()) {
            *byte ^= key;
        }
    }
}

/// A record's header whose checksum was right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub payload_crc: u32,
    pub mask: u32,
    pub durable_seq: u64,
    pub hash: RunningHash,
    pub seq: u64,
    pub time_us: u64,
    pub length: u32,
}

impl Header {
    /// None when `bytes` do not start with a header that was written exactly at this offset of the segment.
    pub fn decode(bytes: &[u8], offset: u64, place: Place) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        if bytes[..4] != RECORD_MAGIC || bytes[60..64] != HEADER_MARK {
            return None;
        }
        if place.header_crc(offset, bytes) != u32_at(bytes, 4) {
            return None;
        }
        Some(Self {
            payload_crc: u32_at(bytes, 8),
            mask: u32_at(bytes, 12),
            durable_seq: u64_at(bytes, 16),
            hash: RunningHash(u128_at(bytes, 24)),
            seq: u64_at(bytes, 40),
            time_us: u64_at(bytes, 48),
            length: u32_at(bytes, 56),
        })
    }

    /// The length of the whole record, end mark included.
    pub fn record_len(&self) -> usize {
        OVERHEAD + self.length as usize
    }
}

/// Where the payload starts in what [`unpack`] fills.
pub(crate) const UNPACKED_PAYLOAD: usize = 40;

/// The hash of a record whose header is known: fills `scratch` with the hash's input, the payload at its end.
pub(crate) fn unpack(record: &[u8], header: &Header, before: RunningHash, scratch: &mut Vec<u8>) -> RunningHash {
    scratch.clear();
    scratch.extend_from_slice(&before.0.to_le_bytes());
    scratch.extend_from_slice(&record[40..HEADER + header.length as usize]);
    if header.mask != 0 {
        apply_mask(&mut scratch[UNPACKED_PAYLOAD..], header.seq, header.mask);
    }
    RunningHash(xxh3_128(scratch))
}
