//! A cursor beside a writer that rotates, prunes, dies and comes back: exactly the durable records, or an error.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::sync::Arc;

use support::{batch, config, payload, reopen, reopen_all, snapshot_of, time_us};
use tandem_journal::testing::{Dice, FaultStorage, Tear};
use tandem_journal::{Bound, Config, Cursor, Error, Journal, LogDir, Start, Storage};

const MAX: usize = 400;
const FIRST: &str = "00000000000000000001.log";

fn small() -> Config {
    config(2048, MAX as u32)
}

fn cursor(storage: &FaultStorage) -> Cursor {
    Cursor::open(Arc::new(storage.clone()), Start::Genesis).unwrap()
}

/// Reads what follows, which has to be what was written; returns where it got to.
fn follow(cursor: &mut Cursor, bound: Bound, max_payload: usize) -> Result<u64, Error> {
    let mut next = cursor.last_seq() + 1;
    let taken = cursor.read(bound, usize::MAX, |record| {
        assert_eq!((record.seq, record.time_us), (next, time_us(next)));
        assert_eq!(record.payload, payload(next, max_payload), "record {next} is what was written");
        next += 1;
        Ok(true)
    });
    assert_eq!(cursor.last_seq(), next - 1);
    taken.map(|_| cursor.last_seq())
}

fn append(journal: &mut Journal, mut seqs: std::ops::RangeInclusive<u64>) {
    assert!(seqs.all(|seq| journal.append(&batch(seq, 1, MAX)).unwrap().last_seq == seq));
}

fn small_log(records: u64) -> FaultStorage {
    let storage = FaultStorage::new();
    let (mut journal, ..) = reopen_all(&storage, &small(), MAX).unwrap();
    append(&mut journal, 1..=records);
    drop(journal);
    storage
}

#[test]
fn what_is_written_and_not_synced_is_never_read() {
    for (segment_bytes, max) in [(2048, 400), (256 << 10, 60_000)] {
        let storage = FaultStorage::new();
        let config = config(segment_bytes, max as u32);
        let (mut journal, ..) = reopen_all(&storage, &config, max).unwrap();
        let mut cursor = cursor(&storage);
        let mut dice = Dice(segment_bytes);
        while journal.last_seq() < 600 {
            journal.write(&batch(journal.last_seq() + 1, 1, max)).unwrap();
            if dice.below(3) == 0 {
                journal.sync().unwrap();
            }
            if dice.below(3) == 0 {
                let durable = journal.durable_seq();
                assert_eq!(follow(&mut cursor, Bound::Durable(durable), max).unwrap(), durable);
            }
        }
        assert!(storage.names().len() > 3, "it rotated");
    }
}

#[test]
fn a_cursor_outlives_its_writer() {
    let mut storage = FaultStorage::new();
    reopen_all(&storage, &small(), MAX).unwrap();
    let (mut dice, mut deaths, mut cut, mut followed) = (Dice(5), 0, 0, 0);
    while deaths < 300 {
        let (mut journal, report, _) = reopen_all(&storage, &small(), MAX).unwrap();
        cut += report.cut_bytes;
        // Whoever follows a machine that lost its power starts anew; here only what is before it must not change.
        let mut cursor = cursor(&storage);
        assert_eq!(follow(&mut cursor, Bound::Durable(journal.durable_seq()), MAX).unwrap(), journal.durable_seq());
        storage.crash_after(dice.below(40));
        let mut durable = journal.durable_seq();
        while let Ok(appended) = journal.write(&batch(journal.last_seq() + 1, 1, MAX)) {
            if dice.below(2) == 0 && journal.sync().is_err() {
                break;
            }
            durable = journal.durable_seq();
            assert!(appended.last_seq >= durable);
            // Nothing can be read without power either.
            let Ok(reached) = follow(&mut cursor, Bound::Durable(durable), MAX) else { break };
            assert_eq!(reached, durable);
            followed += 1;
        }
        drop(journal);
        deaths += 1;
        let tear = [Tear::Nothing, Tear::HalfOfLast, Tear::Sectors(deaths), Tear::Everything][dice.below(4) as usize];
        storage = if dice.below(2) == 0 { storage.after_process_death() } else { storage.after_power_loss(tear) };
        let dir: Arc<FaultStorage> = Arc::new(storage.clone());
        let mut again = Cursor::open(dir, Start::Genesis).unwrap();
        assert_eq!(follow(&mut again, Bound::Durable(durable), MAX).unwrap(), durable, "before the recovery");
    }
    assert!(cut > 0 && followed > deaths, "{cut} bytes of torn ends, {followed} reads between");
}

#[test]
fn bytes_read_ahead_of_a_bound_are_read_again() {
    let (short, long) = (small_log(4), FaultStorage::new());
    let (mut journal, ..) = reopen_all(&long, &small(), MAX).unwrap();
    append(&mut journal, 1..=4);
    journal.append(&[(time_us(5), b"another fifth")]).unwrap();
    let mut cursor = cursor(&long);
    assert_eq!(follow(&mut cursor, Bound::Durable(3), MAX).unwrap(), 3);
    // What it has read with the first three goes on with a record that was never durable, and is another one later.
    let (mut other, ..) = reopen_all(&short, &small(), MAX).unwrap();
    other.append(&batch(5, 1, MAX)).unwrap();
    long.open(FIRST, true).unwrap().write_at(&short.read(FIRST).unwrap(), 0).unwrap();
    assert_eq!(follow(&mut cursor, Bound::Durable(5), MAX).unwrap(), 5);
}

#[test]
fn a_file_that_takes_the_place_of_an_equal_one_is_gone_on_with() {
    let storage = small_log(3);
    let mut cursor = cursor(&storage);
    assert_eq!(follow(&mut cursor, Bound::Durable(3), MAX).unwrap(), 3);
    // As after a restore: the same name and bytes, another file, which the writer then appends to.
    storage.tamper(FIRST, storage.read(FIRST));
    let (mut journal, ..) = reopen_all(&storage, &small(), MAX).unwrap();
    append(&mut journal, 4..=30);
    assert_eq!(follow(&mut cursor, Bound::Durable(30), MAX).unwrap(), 30);

    let (other, mut cursor) = (small_log(3), self::cursor(&small_log(3)));
    assert_eq!(follow(&mut cursor, Bound::Durable(3), MAX).unwrap(), 3);
    assert!(matches!(follow(&mut cursor, Bound::Durable(4), MAX), Err(Error::Damage(_))));
    drop(other);
}

#[test]
fn a_torn_end_is_waited_for_and_damage_is_not() {
    let whole = small_log(12);
    let last = whole.names().into_iter().rfind(|name| name.ends_with(".log")).unwrap();
    let bytes = whole.read(&last).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let from = end - payload(12, MAX).len() - 65;
    let mut damaged = 0;
    for cut in from..end {
        let storage = whole.fork();
        let mut torn = bytes.clone();
        torn[cut..].fill(0);
        storage.tamper(&last, Some(torn.clone()));
        let mut cursor = cursor(&storage);
        // An end mark that is missing is nothing that is missing.
        let reached = if cut == end - 1 { 12 } else { 11 };
        for _ in 0..2 {
            assert_eq!(follow(&mut cursor, Bound::Valid, MAX).unwrap(), reached, "cut at {cut}");
        }
        match follow(&mut cursor, Bound::Durable(12), MAX) {
            Ok(seq) => assert_eq!((seq, reached), (12, 12)),
            Err(Error::Damage(finding)) => {
                assert_eq!(
                    (finding.file.as_str(), finding.offset, finding.seq),
                    (last.as_str(), from as u64, Some(12))
                );
                damaged += 1;
            }
            Err(error) => panic!("{error}"),
        }
        storage.tamper(&last, Some(bytes.clone()));
        let mut again = Cursor::open(Arc::new(storage), Start::Genesis).unwrap();
        assert_eq!(follow(&mut again, Bound::Valid, MAX).unwrap(), 12);
    }
    assert_eq!(damaged, end - 1 - from);
    let storage = whole.fork();
    storage.flip_bit(&last, (end - 3) * 8);
    assert!(matches!(follow(&mut cursor(&storage), Bound::Valid, MAX), Err(Error::Damage(_))), "whole, and wrong");
}

#[test]
fn no_flipped_bit_is_followed_silently() {
    let storage = small_log(22).fork();
    let files: Vec<String> = storage.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    assert!(files.len() >= 3);
    let (mut flips, mut refused) = (0, 0);
    for file in &files {
        for bit in 0..storage.read(file).unwrap().len() * 8 {
            let image = storage.fork();
            image.flip_bit(file, bit);
            let opened = Cursor::open(Arc::new(image), Start::Genesis);
            match opened.and_then(|mut cursor| follow(&mut cursor, Bound::Durable(22), MAX)) {
                Ok(reached) => assert_eq!(reached, 22, "{file} bit {bit}"),
                Err(Error::Damage(finding)) => {
                    assert_eq!(&finding.file, file, "bit {bit}: {finding}");
                    refused += 1;
                }
                Err(Error::Version { .. } | Error::Identity { .. }) => refused += 1,
                Err(error) => panic!("{file} bit {bit}: {error}"),
            }
            flips += 1;
        }
    }
    println!("{flips} flips, {refused} refused");
    assert!(flips == files.len() * 2048 * 8 && refused > 22 * 65 * 8, "{refused}");
}

#[test]
fn a_log_that_was_pruned_is_said_to_be_gone_and_read_on_from_a_snapshot() {
    let storage = FaultStorage::new();
    let mut behind = None;
    let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    for seq in 1..=40 {
        journal.append(&batch(seq, 1, MAX)).unwrap();
        if seq == 2 {
            let mut cursor = cursor(&storage);
            assert_eq!(follow(&mut cursor, Bound::Durable(2), MAX).unwrap(), 2);
            behind = Some(cursor);
        }
        if seq % 10 == 0 {
            snapshots.write(&snapshot_of(&journal, b"state")).unwrap();
            assert_eq!(snapshots.prune_up_to(15).unwrap().findings, []);
        }
    }
    let first_seq = |storage: &FaultStorage| {
        storage.names().iter().find_map(|name| name.strip_suffix(".log")?.parse::<u64>().ok()).unwrap()
    };
    assert!((2..=16).contains(&first_seq(&storage)), "only what ends at 15 or before");
    assert!(snapshots.prune().unwrap().removed.iter().any(|name| name.ends_with(".log")));
    let first = first_seq(&storage);
    assert!((17..=31).contains(&first));
    // The file that it has open is still there for it, the next one is not.
    let mut behind = behind.unwrap();
    let Err(error @ Error::Gone { .. }) = follow(&mut behind, Bound::Durable(40), MAX) else { panic!("it is gone") };
    assert!(error.to_string().contains(&format!("begins at seq {first}; seq {}", behind.last_seq() + 1)), "{error}");
    let opened = Cursor::open(Arc::new(storage.clone()), Start::Genesis);
    assert!(matches!(opened, Err(Error::Gone { seq: 1, first_seq: Some(seq), .. }) if seq == first));
    let newest = snapshots.newest().unwrap().snapshot.unwrap();
    let mut cursor = Cursor::open(Arc::new(storage.clone()), Start::after(&newest)).unwrap();
    drop((journal, snapshots));
    let (mut journal, ..) = reopen(&storage, &small(), MAX).unwrap();
    append(&mut journal, 41..=43);
    assert_eq!(follow(&mut cursor, Bound::Durable(43), MAX).unwrap(), 43);
    let wrong = Start::After { seq: 40, running_hash: tandem_journal::RunningHash(7) };
    assert!(matches!(Cursor::open(Arc::new(storage), wrong), Err(Error::History(_))));
    let empty = Cursor::open(Arc::new(FaultStorage::new()), Start::Genesis);
    assert!(matches!(empty, Err(Error::Gone { first_seq: None, .. })));
}

#[test]
fn a_record_that_is_not_wanted_comes_again() {
    let mut cursor = cursor(&small_log(9));
    for max in [1, 2, 100] {
        let before = cursor.last_seq();
        let taken = cursor.read(Bound::Durable(9), max, |record| Ok(record.seq < 7)).unwrap() as u64;
        assert_eq!(taken, (max as u64).min(6 - before));
    }
    let refused = cursor.read(Bound::Durable(9), 9, |_| Err("no".into()));
    assert!(matches!(refused, Err(Error::Visit { seq: 7, .. })));
    assert_eq!(follow(&mut cursor, Bound::Durable(9), MAX).unwrap(), 9);
}
