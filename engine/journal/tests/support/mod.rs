//! What the journal's tests share: a script of records whose content follows from its seq.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use tandem_journal::testing::{Dice, FaultStorage};
use tandem_journal::{Config, Error, Identity, Journal, LogDir, NewSnapshot, RecoveryReport, Start};

pub const IDENTITY: Identity = Identity { cluster_id: *b"cluster-of-tests", shard: 3 };

/// Tiny segments without a thread.
pub fn config(segment_bytes: u64, max_payload_bytes: u32) -> Config {
    Config {
        segment_bytes,
        max_payload_bytes,
        min_free_bytes: 0,
        prepare_in_background: false,
        ..Config::new(IDENTITY)
    }
}

/// Small and large, text-like, zeros, one bit, and records that look like records.
pub fn payload(seq: u64, max: usize) -> Vec<u8> {
    let mut dice = Dice(seq * 7919);
    let kind = dice.below(8);
    let length = if kind < 5 { 1 + dice.below(120) } else { 1 + dice.below(max as u64) } as usize;
    let mut bytes: Vec<u8> = match kind {
        5 => vec![0; max],
        6 => b"TREC".iter().copied().cycle().take(length).collect(),
        _ => (0..length).map(|_| dice.roll() as u8).collect(),
    };
    if kind == 5 {
        bytes[max / 2] = 1;
    }
    bytes.truncate(max);
    bytes
}

pub fn time_us(seq: u64) -> u64 {
    1_700_000_000_000_000 + seq / 3
}

pub fn batch(first_seq: u64, count: u64, max: usize) -> Vec<(u64, Vec<u8>)> {
    (first_seq..first_seq + count).map(|seq| (time_us(seq), payload(seq, max))).collect()
}

pub type Recovered = (Journal, RecoveryReport, Vec<u64>);

/// Opens from the newest snapshot and checks every record that comes back. Returns the seqs seen.
pub fn reopen(storage: &FaultStorage, config: &Config, max: usize) -> Result<Recovered, Error> {
    let dir = LogDir::lock(Arc::new(storage.clone()), config.clone())?;
    let found = dir.snapshots().newest()?;
    let start = found.snapshot.as_ref().map_or(Start::Genesis, Start::after);
    open_from(dir, start, max)
}

/// Opens from seq 1.
pub fn reopen_all(storage: &FaultStorage, config: &Config, max: usize) -> Result<Recovered, Error> {
    open_from(LogDir::lock(Arc::new(storage.clone()), config.clone())?, Start::Genesis, max)
}

fn open_from(dir: LogDir, start: Start, max: usize) -> Result<Recovered, Error> {
    let mut next = match start {
        Start::Genesis => 1,
        Start::After { seq, .. } => seq + 1,
    };
    let mut seen = Vec::new();
    let (journal, report) = Journal::open(dir, start, |record| {
        assert_eq!(record.seq, next, "records come in order without a gap");
        assert_eq!(record.time_us, time_us(record.seq));
        assert_eq!(record.payload, payload(record.seq, max), "record {} is exactly what was written", record.seq);
        next += 1;
        seen.push(record.seq);
        Ok(())
    })?;
    assert_eq!(journal.last_seq(), next - 1);
    assert_eq!(journal.durable_seq(), next - 1);
    Ok((journal, report, seen))
}

pub fn snapshot_of<'a>(journal: &Journal, state: &'a [u8]) -> NewSnapshot<'a> {
    NewSnapshot {
        seq: journal.last_seq(),
        time_us: journal.last_time_us(),
        running_hash: journal.running_hash(),
        digest: journal.last_seq() * 31,
        payload: state,
    }
}
