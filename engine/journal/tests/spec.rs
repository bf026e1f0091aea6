//! The examples in `spec/log-format.md` are what this build writes and reads.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::fmt::Write as _;
use std::sync::Arc;

use support::{IDENTITY, config};
use tandem_journal::testing::FaultStorage;
use tandem_journal::{Journal, LogDir, NewSnapshot, Start};

const FIRST: &str = "00000000000000000001.log";
const TIME_US: u64 = 1_700_000_000_000_000;

fn dump(bytes: &[u8], base: usize) -> String {
    let mut text = String::new();
    for (line, chunk) in bytes.chunks(16).enumerate() {
        write!(text, "{:04x} ", base + line * 16).unwrap();
        chunk.iter().for_each(|byte| write!(text, " {byte:02x}").unwrap());
        text.push('\n');
    }
    text
}

#[test]
fn the_examples_of_the_specification_are_exact() {
    let storage = FaultStorage::new();
    let dir = LogDir::lock(Arc::new(storage.clone()), config(4096, 1000)).unwrap();
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    let genesis = journal.running_hash();
    journal.append(&[(TIME_US, b"hello")]).unwrap();
    journal.append(&[(TIME_US + 1, b"tandem")]).unwrap();
    let running_hash = journal.running_hash();
    let new = NewSnapshot { seq: 2, time_us: TIME_US + 1, running_hash, digest: 42, payload: b"state" };
    snapshots.write(&new).unwrap();
    let zeros = vec![0; 1000];
    journal.append(&[(TIME_US + 2, &zeros)]).unwrap();
    journal.append(&[(TIME_US + 3, &zeros)]).unwrap();
    let masked = storage.read(FIRST).unwrap();
    journal.append(&[(TIME_US + 4, &zeros)]).unwrap();
    let file = storage.read(FIRST).unwrap();
    assert_eq!(IDENTITY.shard, 3);

    let records = 1024 + 65 + 5 + 65 + 6;
    let examples = [
        ("header, first 80 bytes", dump(&file[..80], 0)),
        ("header, last 16 bytes", dump(&file[496..512], 496)),
        ("records", dump(&file[1024..records], 1024)),
        ("masked record, first 80 bytes", dump(&masked[records..records + 80], records)),
        ("seal, first 48 bytes", dump(&file[512..560], 512)),
        ("seal, last 16 bytes", dump(&file[1008..1024], 1008)),
        ("snapshot", dump(&storage.read("00000000000000000002.snap").unwrap(), 0)),
    ];
    let spec = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/log-format.md")).unwrap();
    assert!(spec.contains(&genesis.to_string()), "genesis hash {genesis}");
    assert!(spec.contains(&running_hash.to_string()), "hash at seq 2 {running_hash}");
    for (name, text) in examples {
        assert!(spec.contains(&text), "{name}\n{text}");
    }
}
