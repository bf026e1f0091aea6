//! The same journal on a real directory.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::os::unix::fs::FileExt;
use std::path::Path;

use support::{IDENTITY, batch, payload, time_us};
use tandem_journal::{Config, Error, Journal, Locking, LogDir, Reader, RecoveryReport, Start};

const MAX: usize = 1000;

fn config() -> Config {
    Config { segment_bytes: 64 << 10, max_payload_bytes: MAX as u32, min_free_bytes: 0, ..Config::new(IDENTITY) }
}

fn open(path: &Path) -> Result<(Journal, RecoveryReport), Error> {
    let dir = LogDir::open(path, config())?;
    let found = dir.snapshots().newest()?;
    Journal::open(dir, found.snapshot.as_ref().map_or(Start::Genesis, Start::after), |record| {
        assert_eq!((record.time_us, record.payload.to_vec()), (time_us(record.seq), payload(record.seq, MAX)));
        Ok(())
    })
}

#[test]
fn a_real_directory_rotates_snapshots_prunes_and_comes_back() {
    let tmp = tempfile::tempdir().unwrap();
    let path = tmp.path().join("deep/log");
    let dir = LogDir::open(&path, config()).unwrap();
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    for round in 0..40 {
        journal.append(&batch(round * 50 + 1, 50, MAX)).unwrap();
        if round % 10 == 9 {
            let (store, seq) = (snapshots.clone(), journal.durable_seq());
            let (hash, time) = (journal.running_hash(), journal.last_time_us());
            let thread = std::thread::spawn(move || {
                let state = vec![3; 100_000];
                let new =
                    tandem_journal::NewSnapshot { seq, time_us: time, running_hash: hash, digest: 1, payload: &state };
                store.write(&new).unwrap();
                store.prune().unwrap()
            });
            journal.append(&batch((round + 1) * 50 + 1, 1, MAX)).unwrap();
            assert_eq!(thread.join().unwrap().findings, []);
            for seq in (round + 1) * 50 + 2..=(round + 1) * 50 + 50 {
                journal.write(&batch(seq, 1, MAX)).unwrap();
            }
            journal.sync().unwrap();
        }
        if journal.last_seq() > (round + 1) * 50 {
            break;
        }
    }
    let last = journal.last_seq();
    drop((journal, snapshots));
    let (mut journal, report) = open(&path).unwrap();
    assert_eq!((journal.last_seq(), report.cut_bytes), (last, 0), "{report}");
    while journal.last_seq() < 3_000 {
        journal.append(&batch(journal.last_seq() + 1, 25, MAX)).unwrap();
    }
    drop(journal);
    assert_eq!(open(&path).unwrap().0.last_seq(), 3_000);
    let summary = Reader::open(&path, Locking::Exclusive).unwrap().verify(|finding| panic!("{finding}")).unwrap();
    assert_eq!((summary.last_seq, summary.identity, summary.damages), (3_000, Some(IDENTITY), 0));
}

#[test]
fn the_lock_names_the_directory_and_the_process() {
    let tmp = tempfile::tempdir().unwrap();
    let (journal, _) = open(tmp.path()).unwrap();
    let Err(error) = open(tmp.path()) else { panic!("two writers") };
    let text = error.to_string();
    assert!(
        text.contains(&tmp.path().display().to_string()) && text.contains(&std::process::id().to_string()),
        "{text}"
    );
    drop(journal);
    open(tmp.path()).unwrap();
}

#[test]
fn a_torn_tail_is_cut_and_damage_is_refused_on_a_real_file_too() {
    let tmp = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(tmp.path()).unwrap();
    journal.append(&batch(1, 3, 100)).unwrap();
    drop(journal);
    let name = tmp.path().join("00000000000000000001.log");
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&name).unwrap();
    let end = 1024 + (1..=3).map(|seq| payload(seq, MAX).len() as u64 + 65).sum::<u64>();
    file.write_all_at(b"TREC and then nothing, as after a power failure", end).unwrap();
    let (journal, report) = open(tmp.path()).unwrap();
    assert_eq!((journal.last_seq(), report.cut_bytes), (3, 47), "{report}");
    drop(journal);
    assert_eq!(open(tmp.path()).unwrap().1.findings, []);

    let mut byte = [0];
    file.read_exact_at(&mut byte, end - 2).unwrap();
    file.write_all_at(&[byte[0] ^ 4], end - 2).unwrap();
    let Err(error) = open(tmp.path()) else { panic!("a damaged last record was accepted or cut") };
    let text = error.to_string();
    assert!(text.contains("00000000000000000001.log") && text.contains("offset") && text.contains("seq 3"), "{text}");
}

#[test]
fn a_missing_directory_is_not_made_by_a_reader() {
    let tmp = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(tmp.path().join("none"), Locking::None), Err(Error::Io { .. })));
    assert!(!tmp.path().join("none").exists());
}

#[test]
fn a_snapshot_that_the_disk_does_not_give_back_gives_way_to_the_one_before() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = LogDir::open(tmp.path(), config()).unwrap();
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    for seq in 1..=3 {
        journal.append(&batch(seq, 1, MAX)).unwrap();
        snapshots.write(&support::snapshot_of(&journal, b"state")).unwrap();
    }
    // A directory can be opened for reading, and every read of it fails.
    let newest = tmp.path().join("00000000000000000003.snap");
    std::fs::remove_file(&newest).unwrap();
    std::fs::create_dir(&newest).unwrap();
    let found = snapshots.newest().unwrap();
    assert_eq!((found.snapshot.map(|snapshot| snapshot.seq), found.findings.len()), (Some(2), 1));
    let report = snapshots.prune().unwrap();
    assert_eq!((report.removed.len(), report.findings), (0, found.findings), "1 and 2 are the two that verify");
    drop((journal, snapshots));
    assert_eq!(open(tmp.path()).unwrap().1.replayed, 1);
}
