//! Failing syncs and writes, a full disk, a second opener, a wrong directory, a wrong caller.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::io::ErrorKind;
use std::sync::Arc;

use support::{IDENTITY, batch, config, reopen, reopen_all, snapshot_of};
use tandem_journal::testing::{FaultStorage, Op, Tear};
use tandem_journal::{Config, Error, Identity, Journal, Locking, LogDir, NewSnapshot, Reader, RunningHash, Start};

const MAX: usize = 400;

fn small() -> Config {
    config(4096, MAX as u32)
}

fn open(storage: &FaultStorage, config: Config) -> Result<Journal, Error> {
    Journal::open(LogDir::lock(Arc::new(storage.clone()), config)?, Start::Genesis, |_| Ok(()))
        .map(|(journal, _)| journal)
}

#[test]
fn a_failed_sync_poisons_for_good_and_is_never_retried() {
    for is_sticky in [false, true] {
        let storage = FaultStorage::new();
        let mut journal = open(&storage, small()).unwrap();
        journal.append(&batch(1, 3, 100)).unwrap();
        storage.fail(Op::Sync, 0, ErrorKind::InvalidData, is_sticky);
        journal.write(&batch(4, 2, 100)).unwrap();
        let error = journal.sync().unwrap_err();
        assert!(matches!(error, Error::Fatal { .. }) && error.is_fatal(), "{error}");
        let ops = storage.ops();
        for _ in 0..3 {
            assert!(matches!(journal.sync(), Err(Error::Poisoned { .. })));
            assert!(matches!(journal.append(&batch(6, 1, 100)), Err(Error::Poisoned { .. })));
            assert!(matches!(journal.write_reserved(&batch(6, 1, 100)), Err(Error::Poisoned { .. })));
        }
        assert_eq!((storage.ops(), journal.durable_seq()), (ops, 3), "no storage call after the failure");
    }
}

#[test]
fn what_a_restart_after_a_failed_sync_replays_is_really_durable() {
    let storage = FaultStorage::new();
    let mut journal = open(&storage, small()).unwrap();
    journal.append(&batch(1, 3, 100)).unwrap();
    journal.write(&batch(4, 2, 100)).unwrap();
    storage.fail(Op::Sync, 0, ErrorKind::InvalidData, false);
    journal.sync().unwrap_err();
    drop(journal);
    // The page cache still shows records 4 and 5, marked clean: without a new write no sync would save them.
    let (journal, _, seen) = reopen_all(&storage.after_process_death(), &small(), 100).unwrap();
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    drop(journal);
    let image = storage.after_process_death();
    drop(reopen_all(&image, &small(), 100).unwrap());
    let (_, _, seen) = reopen_all(&image.after_power_loss(Tear::Nothing), &small(), 100).unwrap();
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}

#[test]
fn every_storage_call_that_fails_is_fatal_or_harmless() {
    let script = |storage: &FaultStorage, acked: &mut u64| -> Result<(), Error> {
        let dir = LogDir::lock(Arc::new(storage.clone()), small())?;
        let snapshots = dir.snapshots();
        let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(()))?;
        for round in 0..20 {
            match journal.append(&batch(journal.last_seq() + 1, 4, 200)) {
                Ok(appended) => *acked = appended.last_seq,
                Err(error) => {
                    assert_eq!(journal.write(&batch(1, 1, 1)).unwrap_err().is_fatal(), error.is_fatal(), "{error}");
                    return Err(error);
                }
            }
            if round % 7 == 6 {
                snapshots.write(&snapshot_of(&journal, &[1; 700]))?;
                snapshots.prune()?;
            }
        }
        Ok(())
    };
    let mut failures = 0;
    for op in [Op::Create, Op::Allocate, Op::Write, Op::Sync, Op::Rename, Op::Remove, Op::SyncDir] {
        for after in 0.. {
            let storage = FaultStorage::new();
            storage.fail(op, after, ErrorKind::InvalidData, false);
            let mut acked = 0;
            let outcome = script(&storage, &mut acked);
            for image in [
                storage.after_process_death(),
                storage.after_power_loss(Tear::Nothing),
                storage.after_power_loss(Tear::Sectors(after)),
            ] {
                let (journal, report, _) =
                    reopen(&image, &small(), 200).unwrap_or_else(|error| panic!("{op:?} {after}: {error}"));
                assert!(journal.last_seq() >= acked, "{op:?} {after}: {report}");
            }
            match outcome {
                Ok(()) => break,
                Err(error) if matches!(op, Op::Sync | Op::SyncDir) => {
                    assert!(error.is_fatal(), "{op:?} {after}: {error}")
                }
                Err(_) => {}
            }
            failures += 1;
        }
    }
    println!("{failures} failures injected");
    assert!(failures > 80);
}

#[test]
fn a_full_disk_refuses_whole_batches_keeps_a_reserve_and_recovers_by_itself() {
    let storage = FaultStorage::new();
    let mut journal = open(&storage, small()).unwrap();
    // Room for the first segment and its spare, not for a third.
    storage.set_capacity(Some(storage.used_bytes() + 100));
    let mut acked = 0;
    let error = loop {
        match journal.append(&batch(acked + 1, 1, 100)) {
            Ok(appended) => acked = appended.last_seq,
            Err(error) => break error,
        }
    };
    let Error::DiskFull { reserved_bytes, .. } = error else { panic!("{error}") };
    assert!(!error.is_fatal() && reserved_bytes >= 1024, "{error}");
    assert!(journal.append(&batch(acked + 1, 1, 100)).is_err(), "still full");
    assert_eq!(journal.last_seq(), acked);

    let mut reserved = 0;
    while let Ok(appended) = journal.write_reserved(&batch(acked + 1, 1, 100)) {
        journal.sync().unwrap();
        (acked, reserved) = (appended.last_seq, reserved + 1);
    }
    assert!(reserved >= 4, "{reserved} reserved writes");
    let image = storage.after_power_loss(Tear::Nothing);
    assert_eq!(reopen_all(&image, &small(), 100).unwrap().2.len() as u64, acked, "a start on a full disk works");

    storage.set_capacity(None);
    journal.append(&batch(acked + 1, 5, 100)).unwrap();
    drop(journal);
    assert_eq!(reopen_all(&storage.after_power_loss(Tear::Nothing), &small(), 100).unwrap().2.len() as u64, acked + 5);
}

#[test]
fn a_write_that_finds_the_disk_full_leaves_nothing_behind() {
    let storage = FaultStorage::new();
    let mut journal = open(&storage, small()).unwrap();
    journal.append(&batch(1, 3, 100)).unwrap();
    for _ in 0..2 {
        storage.fail(Op::Write, 0, ErrorKind::StorageFull, false);
        let (last, hash) = (journal.last_seq(), journal.running_hash());
        assert!(matches!(journal.append(&batch(last + 1, 6, 100)), Err(Error::DiskFull { .. })));
        assert_eq!((journal.last_seq(), journal.running_hash()), (last, hash));
        journal.append(&batch(last + 1, 1, 100)).unwrap();
        for tear in [Tear::Nothing, Tear::Everything] {
            let (again, report, _) = reopen_all(&storage.after_power_loss(tear), &small(), 100).unwrap();
            assert_eq!((again.last_seq(), report.cut_bytes), (last + 1, 0), "{report}");
        }
    }
}

#[test]
fn a_refused_batch_never_comes_back() {
    let storage = FaultStorage::new();
    let mut journal = open(&storage, small()).unwrap();
    journal.append(&batch(1, 3, 100)).unwrap();
    storage.fail(Op::Write, 0, ErrorKind::StorageFull, false);
    // Half of the write reaches the file: whole records, which would be replayed.
    let refused = vec![(support::time_us(4), vec![0xEE; 90]); 12];
    assert!(matches!(journal.append(&refused), Err(Error::DiskFull { .. })));
    let mut images = vec![storage.after_process_death(), storage.after_power_loss(Tear::Everything)];
    images.extend((0..200).map(|seed| storage.after_power_loss(Tear::Sectors(seed))));
    for image in images {
        let (again, report, _) = reopen_all(&image, &small(), 100).unwrap();
        assert_eq!((again.last_seq(), report.cut_bytes), (3, 0), "{report}");
    }
    journal.write(&batch(4, 1, 100)).unwrap();
    for seed in 0..200 {
        let image = storage.after_power_loss(Tear::Sectors(seed));
        let (again, report, _) = reopen_all(&image, &small(), 100).unwrap_or_else(|error| panic!("{seed}: {error}"));
        assert!((3..=4).contains(&again.last_seq()), "{report}");
    }
}

#[test]
fn a_batch_that_may_come_back_is_not_refused_but_fatal() {
    let storage = FaultStorage::new();
    let mut journal = open(&storage, small()).unwrap();
    journal.append(&batch(1, 3, 100)).unwrap();
    // As on a file system that copies on write: not even the zeros over it find room.
    storage.fail(Op::Write, 0, ErrorKind::StorageFull, false);
    storage.fail(Op::Write, 0, ErrorKind::QuotaExceeded, true);
    let error = journal.append(&batch(4, 12, 100)).unwrap_err();
    let image = storage.after_process_death();
    assert_eq!(reopen_all(&image, &small(), 100).unwrap().2, (1..=9).collect::<Vec<u64>>(), "half of it came back");
    assert!(error.is_fatal(), "{error}");
    storage.clear_faults();
    assert!(matches!(journal.append(&batch(4, 1, 100)), Err(Error::Poisoned { .. })));
}

#[test]
fn a_disk_that_is_full_for_one_call_costs_no_record_and_revives_none() {
    let mut refused = 0;
    for op in [Op::Create, Op::Allocate, Op::Write, Op::Sync, Op::Rename, Op::SyncDir] {
        for after in 0..60 {
            let storage = FaultStorage::new();
            let Ok(mut journal) = open(&storage, small()) else { panic!("{op:?} {after}: no fault yet") };
            storage.fail(op, after, ErrorKind::StorageFull, false);
            let mut acked = Vec::new();
            let mut is_alive = true;
            for attempt in 0..60_u64 {
                // What an attempt writes is told from what any other writes.
                let payload = attempt.to_le_bytes().repeat(40);
                match journal
                    .append(&[(support::time_us(attempt + 1), &payload), (support::time_us(attempt + 1), &payload)])
                {
                    Ok(_) => acked.extend([payload.clone(), payload]),
                    Err(Error::DiskFull { .. }) => refused += 1,
                    Err(error) => {
                        assert!(error.is_fatal(), "{op:?} {after}: {error}");
                        is_alive = false;
                        break;
                    }
                }
            }
            for image in [
                storage.after_process_death(),
                storage.after_power_loss(Tear::Nothing),
                storage.after_power_loss(Tear::Sectors(after)),
            ] {
                let mut seen = Vec::new();
                let dir = LogDir::lock(Arc::new(image), small()).unwrap();
                let opened = Journal::open(dir, Start::Genesis, |record| {
                    seen.push(record.payload.to_vec());
                    Ok(())
                });
                assert!(opened.is_ok(), "{op:?} {after}: {}", opened.err().unwrap());
                assert!(seen.starts_with(&acked), "{op:?} {after}: something acknowledged is gone");
                assert!(!is_alive || seen.len() == acked.len(), "{op:?} {after}: something refused came back");
            }
        }
    }
    println!("{refused} batches refused");
    assert!(refused > 20, "{refused}");
}

#[test]
fn space_below_the_minimum_counts_as_full() {
    let storage = FaultStorage::new();
    storage.set_capacity(Some(20_000));
    let mut journal = open(&storage, Config { min_free_bytes: 10_000, ..small() }).unwrap();
    let mut acked = 0;
    while let Ok(appended) = journal.append(&batch(acked + 1, 1, 100)) {
        acked = appended.last_seq;
    }
    assert!(acked > 10 && storage.used_bytes() <= 10_000, "{acked} records, {} bytes", storage.used_bytes());
    // Snapshots may use it: only they let the log be pruned.
    drop(journal);
    let dir = LogDir::lock(Arc::new(storage.clone()), Config { min_free_bytes: 10_000, ..small() }).unwrap();
    let snapshots = dir.snapshots();
    let (journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    let left = 20_000 - storage.used_bytes();
    snapshots.write(&snapshot_of(&journal, &vec![1; left as usize - 96])).unwrap();
    assert_eq!(storage.used_bytes(), 20_000);
    let tiny = FaultStorage::new();
    tiny.set_capacity(Some(1000));
    assert!(matches!(open(&tiny, small()), Err(Error::DiskFull { .. })), "a first start without room says so");
}

#[test]
fn a_snapshot_on_a_full_disk_leaves_nothing_behind() {
    let storage = FaultStorage::new();
    let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    journal.append(&batch(1, 3, 100)).unwrap();
    let names = storage.names();
    storage.set_capacity(Some(storage.used_bytes() + 500));
    assert!(matches!(snapshots.write(&snapshot_of(&journal, &[1; 1000])), Err(Error::DiskFull { .. })));
    storage.set_capacity(None);
    storage.fail(Op::Write, 1, ErrorKind::StorageFull, false);
    assert!(matches!(snapshots.write(&snapshot_of(&journal, &[1; 1000])), Err(Error::DiskFull { .. })));
    assert_eq!(storage.names(), names);
    snapshots.write(&snapshot_of(&journal, &[1; 1000])).unwrap();
    storage.fail(Op::Sync, 0, ErrorKind::InvalidData, false);
    assert!(snapshots.write(&snapshot_of(&journal, &[2; 1000])).unwrap_err().is_fatal());
    assert!(matches!(snapshots.write(&snapshot_of(&journal, &[2; 1000])), Err(Error::Poisoned { .. })));
    assert_eq!(snapshots.newest().unwrap().snapshot.unwrap().payload, [1; 1000]);
}

#[test]
fn a_second_opener_is_told_who_is_there() {
    let storage = FaultStorage::new();
    let journal = open(&storage, small()).unwrap();
    let Err(error) = open(&storage, small()) else { panic!("two writers") };
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    assert!(matches!(Reader::new(Arc::new(storage.clone()), Locking::Exclusive), Err(Error::Locked { .. })));
    assert!(Reader::new(Arc::new(storage.clone()), Locking::None).is_ok());
    drop(journal);
    assert!(open(&storage, small()).is_ok());
}

#[test]
fn files_of_another_cluster_or_shard_are_refused_untouched() {
    let storage = FaultStorage::new();
    let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    journal.append(&batch(1, 3, 100)).unwrap();
    snapshots.write(&snapshot_of(&journal, b"state")).unwrap();
    drop((journal, snapshots));
    let ops = storage.ops();
    let others = [Identity { shard: 4, ..IDENTITY }, Identity { cluster_id: [9; 16], ..IDENTITY }];
    for identity in others {
        let other = Config { identity, ..small() };
        let Err(error) = open(&storage, other.clone()) else { panic!("{identity} was accepted") };
        assert!(matches!(error, Error::Identity { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&identity.to_string()) && text.contains(&IDENTITY.to_string()), "{text}");
        let dir = LogDir::lock(Arc::new(storage.clone()), other).unwrap();
        assert!(matches!(dir.snapshots().newest(), Err(Error::Identity { .. })));
    }
    assert_eq!(storage.ops(), ops, "nothing was written");
}

#[test]
fn wrong_batches_are_refused_before_anything_is_written() {
    let storage = FaultStorage::new();
    let mut journal = open(&storage, small()).unwrap();
    journal.append(&[(10, b"first")]).unwrap();
    let ops = storage.ops();
    let error = journal.write(&[(10, b"same time"), (9, b"time fell")]).unwrap_err();
    assert!(matches!(error, Error::TimeFell { last_us: 10, given_us: 9 }), "{error}");
    assert!(matches!(journal.write(&[(9, b"time fell")]), Err(Error::TimeFell { .. })));
    assert!(matches!(journal.write::<&[u8]>(&[]), Err(Error::Batch(_))));
    assert!(matches!(journal.write(&[(10, b"")]), Err(Error::Batch(_))));
    assert!(matches!(journal.write(&[(10, vec![1; MAX + 1])]), Err(Error::Batch(_))));
    assert!(matches!(journal.write(&vec![(10, vec![1; MAX]); 20]), Err(Error::Batch(_))));
    assert_eq!((storage.ops(), journal.last_seq()), (ops, 1));
    for wrong in [
        Config { segment_bytes: 4097, ..small() },
        Config { max_payload_bytes: 0, ..small() },
        Config { max_payload_bytes: 4096, ..small() },
        Config { keep_snapshots: 0, ..small() },
    ] {
        assert!(matches!(open(&FaultStorage::new(), wrong), Err(Error::Config(_))));
    }
}

#[test]
fn a_failing_visitor_stops_the_replay_and_names_the_record() {
    let storage = FaultStorage::new();
    open(&storage, small()).unwrap().append(&batch(1, 5, 100)).unwrap();
    let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
    let outcome = Journal::open(dir, Start::Genesis, |record| if record.seq == 3 { Err("no".into()) } else { Ok(()) });
    assert!(matches!(outcome, Err(Error::Visit { seq: 3, .. })));
}

#[test]
fn equal_histories_have_equal_hashes_however_they_were_written() {
    let (one, many) = (FaultStorage::new(), FaultStorage::new());
    let mut left = open(&one, small()).unwrap();
    let mut right = open(&many, config(65536, 1000)).unwrap();
    assert_eq!(left.running_hash(), RunningHash::genesis(&IDENTITY));
    for seq in 1..=50 {
        left.append(&batch(seq, 1, MAX)).unwrap();
    }
    right.append(&batch(1, 50, MAX)).unwrap();
    assert_eq!(left.running_hash(), right.running_hash());
    let mut seen = Vec::new();
    let reader = Reader::new(Arc::new(one.clone()), Locking::None).unwrap();
    reader
        .visit(20, |record| {
            seen.push(record.seq);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, (20..=50).collect::<Vec<u64>>());
    let first = one.names().into_iter().find(|name| name.ends_with(".log")).unwrap();
    let second = one.names().into_iter().filter(|name| name.ends_with(".log")).nth(1).unwrap();
    let later = one.fork();
    later.tamper(&first, None);
    let later = Reader::new(Arc::new(later), Locking::None).unwrap();
    let error = later.visit(1, |record| panic!("seq {}", record.seq)).unwrap_err();
    assert!(matches!(&error, Error::History(finding) if finding.file == second), "{error}");
    let summary = reader.verify(|finding| panic!("{finding}")).unwrap();
    assert_eq!((summary.records, summary.last_seq, summary.running_hash), (50, 50, left.running_hash()));
}

#[test]
fn pruning_needs_two_verified_snapshots_that_agree_with_the_log() {
    let storage = FaultStorage::new();
    let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    journal.append(&batch(1, 10, 100)).unwrap();
    for seq in 11..=60 {
        journal.append(&batch(seq, 1, 100)).unwrap();
    }
    snapshots.write(&snapshot_of(&journal, b"one")).unwrap();
    assert_eq!(snapshots.prune().unwrap().removed, Vec::<String>::new(), "one snapshot is no ground to delete");
    let wrong = NewSnapshot { running_hash: RunningHash(1), seq: 59, ..snapshot_of(&journal, b"wrong") };
    snapshots.write(&wrong).unwrap();
    let report = snapshots.prune().unwrap();
    assert_eq!(
        (report.removed.len(), report.findings.len()),
        (0, 1),
        "a snapshot that contradicts the log: {report:?}"
    );
    journal.append(&batch(61, 1, 100)).unwrap();
    snapshots.write(&snapshot_of(&journal, b"two")).unwrap();
    let report = snapshots.prune().unwrap();
    assert!(report.findings.is_empty() && report.removed.len() >= 2, "{report:?}");
    assert_eq!(snapshots.list().unwrap(), [61, 60]);
    drop((journal, snapshots));
    assert_eq!(reopen(&storage, &small(), 100).unwrap().0.last_seq(), 61);
}
