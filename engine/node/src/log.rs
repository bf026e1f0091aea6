//! What the node needs of a log, so that a local file and a cluster of brokers can both be one.
//!
//! Invariants:
//! - Who appends is not who applies: entries come out of the [`Tail`] in the log's order, whoever wrote them, and a
//!   submitter finds its own by the (session, number) in the payload, never by the order of its appends.
//! - What comes out of a tail is durable at the configured level.

/// Commands on their way to the log, encoded, in the order of their numbers.
#[derive(Debug, Default)]
pub struct Entries {
    bytes: Vec<u8>,
    list: Vec<Entry>,
}

/// One command of [`Entries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where its payload ends in the bytes. 32 bits: a batch is bounded far below 4 GiB.
    end: u32,
    /// What the submitter knows it by; 0: the node's own.
    pub number: u64,
    /// Whether it may make room in a book, or carries on with what was begun, and so may use the reserve of a full disk.
    pub has_reserve: bool,
}

impl Entries {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Their payloads' length.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds one.
    pub fn push(&mut self, number: u64, has_reserve: bool, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        let end = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        assert!(end < u32::MAX, "a batch of commands passed 4 GiB");
        self.list.push(Entry { end, number, has_reserve });
    }

    /// Each entry with its payload.
    pub fn iter(&self) -> impl Iterator<Item = (Entry, &[u8])> {
        let mut start = 0;
        self.list.iter().map(move |entry| {
            let payload = &self.bytes[start..entry.end as usize];
            start = entry.end as usize;
            (*entry, payload)
        })
    }

    /// The numbers of all.
    pub fn numbers(&self) -> Vec<u64> {
        self.list.iter().map(|entry| entry.number).collect()
    }

    /// Turns what was appended at one time into what comes out of a tail, without copying the payloads.
    pub fn into_records(self, first_seq: u64, time_us: u64, hash: u128) -> Records {
        Records { first_seq, time_us, bytes: self.bytes, list: self.list, hash }
    }
}

/// Consecutive durable commands of one time, as they come out of a log.
#[derive(Debug)]
pub struct Records {
    first_seq: u64,
    time_us: u64,
    bytes: Vec<u8>,
    list: Vec<Entry>,
    hash: u128,
}

/// One of [`Records`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the log.
    pub seq: u64,
    /// Stamped by the log; never falls.
    pub time_us: u64,
    /// Origin and command, encoded.
    pub payload: &'a [u8],
}

impl Records {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The log's running hash after the last of them.
    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// Each record in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        let mut start = 0;
        self.list.iter().zip(self.first_seq..).map(move |(record, seq)| {
            let payload = &self.bytes[start..record.end as usize];
            start = record.end as usize;
            Record { seq, time_us: self.time_us, payload }
        })
    }
}

/// Which space an append may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// What is left to everybody.
    Ordinary,
    /// Also what is kept back for cancels.
    Reserve,
}

/// Why an append did not happen.
#[derive(Debug)]
pub enum AppendError {
    /// No room; nothing was written, and the entries come back.
    Full(Entries),
    /// What is durable is no longer known. The process has to end; nothing may be retried or answered.
    Fatal(String),
}

/// The end of a log that entries are appended to.
pub trait Log: Send + 'static {
    /// Takes entries in order. After `Ok` each comes out of the tail, once, when it is durable.
    fn append(&mut self, entries: Entries, space: Space) -> Result<(), AppendError>;

    /// Whether an ordinary append would find room now; asked every now and then after `Full`.
    fn has_room(&mut self) -> bool;

    /// Whether `Full` is near: what is left is what was allocated before.
    fn is_running_out(&mut self) -> bool {
        false
    }
}

/// The end of a log that durable records come out of.
pub trait Tail: Send + 'static {
    /// Waits for records that follow those returned before; `None` when the log has ended and all were returned.
    ///
    /// Errors: the log can no longer be read; the process has to end.
    fn next(&mut self) -> Result<Option<Records>, String>;
}
