//! Verify and inspect, on directories of the real file system.

mod common;

use common::*;
use tandem_core::codec;
use tandem_core::command::{Command, Origin};
use tandem_journal::{Config, Identity, Journal, LogDir, Start};
use tandem_node::offline::{inspect, verify};
use tandem_node::recovery::{Options, open};

fn life(dir: &std::path::Path, commands: u64) -> (u64, u64) {
    let opened = open(dir, Options { snapshot_every: 400, ..options(&Fatals::default()) }).expect("the shard opens");
    run(&opened.node, setup());
    for start in (0..commands).step_by(500) {
        let numbers = submit_all(&opened.node, (start..start + 500).map(nth_command));
        results(&opened.node, numbers.len());
        wait_until(|| stat(&opened.node, "snapshots") == start / 500 + 1);
    }
    point(&opened.node)
}

#[test]
fn verify_replays_a_sound_directory_to_the_digest_of_the_shard() {
    let dir = tempfile::tempdir().unwrap();
    let end = life(dir.path(), 1500);
    let verified = verify(dir.path()).unwrap();
    assert_eq!(verified.findings, []);
    assert!(verified.is_ok);
    assert_eq!((verified.seq, verified.digest), end);
    assert_eq!((verified.records, verified.segments, verified.snapshots), (1507, 1, 2));
    let btc = &verified.funds[0];
    assert_eq!((btc.code.as_str(), btc.decimals), ("BTC", 8));
    assert_eq!(btc.sums.free.0 + btc.sums.locked.0, btc.sums.credited.0 - btc.sums.debited.0);
}

#[test]
fn verify_works_beside_a_running_shard_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path(), options(&Fatals::default())).unwrap();
    run(&opened.node, setup());
    let verified = verify(dir.path()).unwrap();
    assert!(verified.is_ok, "{:?}", verified.findings);
    assert_eq!((verified.seq, verified.digest), point(&opened.node));
}

#[test]
fn verify_names_the_file_and_the_seq_of_a_flipped_bit() {
    let dir = tempfile::tempdir().unwrap();
    life(dir.path(), 1000);
    let path = dir.path().join("00000000000000000001.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let record = &inspect(dir.path(), 500, 1).unwrap()[0];
    bytes[record.offset as usize + 70] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let verified = verify(dir.path()).unwrap();
    assert!(!verified.is_ok);
    let found = &verified.findings[0];
    assert_eq!((found.file.as_str(), found.seq), ("00000000000000000001.log", Some(500)), "{found:?}");
    let refused = open(dir.path(), options(&Fatals::default()));
    // The newest snapshot is behind the damage, so the shard may start; or it says where the damage is.
    if let Err(error) = refused {
        assert!(error.0.contains("00000000000000000001.log"), "{error}");
    }
}

#[test]
fn verify_notices_a_snapshot_of_another_history() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    life(dirs[0].path(), 500);
    life(dirs[1].path(), 500);
    let name = "00000000000000000507.snap";
    std::fs::copy(dirs[0].path().join(name), dirs[1].path().join(name)).unwrap();
    let verified = verify(dirs[1].path()).unwrap();
    assert!(!verified.is_ok);
    assert!(verified.findings.iter().any(|finding| finding.file == name), "{:?}", verified.findings);
}

#[test]
fn verify_says_that_a_log_is_of_an_older_build() {
    let dir = tempfile::tempdir().unwrap();
    let mut payload = Vec::new();
    codec::encode(Origin { session: 1, number: 1 }, &setup()[0], &mut payload);
    payload[0] = 1;
    let identity = Identity { cluster_id: [7; 16], shard: 0 };
    let config =
        Config { segment_bytes: 64 << 10, max_payload_bytes: 4096, min_free_bytes: 0, ..Config::new(identity) };
    let log = LogDir::open(dir.path(), config).unwrap();
    let (mut journal, _) = Journal::open(log, Start::Genesis, |_| Ok(())).unwrap();
    journal.append(&[(1, b"no command".as_slice()), (1, &payload)]).unwrap();
    drop(journal);
    let verified = verify(dir.path()).unwrap();
    assert!(!verified.is_ok);
    let found = verified.findings.last().unwrap();
    assert_eq!(found.seq, Some(2));
    assert!(found.problem.contains("commands of version 1, this build knows 2"), "{found:?}");
}

#[test]
fn inspect_shows_commands_with_their_place_in_the_files() {
    let dir = tempfile::tempdir().unwrap();
    life(dir.path(), 500);
    let records = inspect(dir.path(), 1, 1000).unwrap();
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), (1..=507).collect::<Vec<_>>());
    let bytes = std::fs::read(dir.path().join(&records[0].file)).unwrap();
    for record in &records {
        let at = record.offset as usize;
        assert_eq!(&bytes[at..at + 4], b"TREC", "seq {}", record.seq);
    }
    let (origin, command) = records[2].command.clone().unwrap();
    assert_eq!(origin.number, 3);
    assert_eq!(command, Command::CreateAccount { name: "seller".into() });
    let few = inspect(dir.path(), 300, 5).unwrap();
    assert_eq!(
        few.iter().map(|record| (record.seq, record.offset)).collect::<Vec<_>>(),
        records[299..304].iter().map(|record| (record.seq, record.offset)).collect::<Vec<_>>()
    );
    assert!(inspect(dir.path(), 10_000, 5).unwrap().is_empty());
}

#[test]
fn a_directory_that_is_in_use_is_not_opened_twice() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), options(&Fatals::default())).unwrap();
    let second = open(dir.path(), options(&Fatals::default()));
    assert!(second.err().is_some_and(|error| error.0.contains("in use by another process")));
    first.node.close();
    drop(first);
    open(dir.path(), options(&Fatals::default())).unwrap();
}
