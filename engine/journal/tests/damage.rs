//! Every bit flipped, every byte cut off, records and files swapped: nothing acknowledged is ever lost silently.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::sync::Arc;

use support::{batch, config, reopen, reopen_all, snapshot_of, time_us};
use tandem_journal::testing::{FaultStorage, Tear};
use tandem_journal::{Config, Error, Finding, Journal, Locking, LogDir, Reader, Severity, Start};
use xxhash_rust::xxh3::xxh3_128;

const MAX: usize = 400;

fn small() -> Config {
    config(2048, MAX as u32)
}

/// A log of a few small segments; returns the storage and its last seq.
fn small_log(records: u64) -> FaultStorage {
    let storage = FaultStorage::new();
    let (mut journal, ..) = reopen_all(&storage, &small(), MAX).unwrap();
    for seq in 1..=records {
        journal.append(&batch(seq, 1, MAX)).unwrap();
    }
    drop(journal);
    storage.fork()
}

fn logs(storage: &FaultStorage) -> Vec<String> {
    storage.names().into_iter().filter(|name| name.ends_with(".log")).collect()
}

fn verify(storage: &FaultStorage) -> Vec<Finding> {
    let mut findings = Vec::new();
    let reader = Reader::new(Arc::new(storage.clone()), Locking::Exclusive).unwrap();
    let summary = reader.verify(|finding| findings.push(finding)).unwrap();
    assert_eq!(summary.damages, findings.iter().filter(|finding| finding.severity == Severity::Damage).count());
    findings
}

fn contents(storage: &FaultStorage) -> Vec<(String, Option<Vec<u8>>)> {
    storage.names().into_iter().map(|name| (name.clone(), storage.read(&name))).collect()
}

/// Refused with a name and an offset, or opened with everything there and a finding. True when refused.
fn assert_not_silent(storage: &FaultStorage, file: &str, last: u64, context: &str) -> bool {
    let seen = verify(storage);
    assert!(!seen.is_empty(), "{context}: verify is silent");
    let before = contents(storage);
    match reopen_all(storage, &small(), MAX) {
        Ok((journal, report, _)) => {
            assert_eq!(journal.last_seq(), last, "{context}: {report}");
            assert!(report.findings.iter().any(|finding| finding.file == file), "{context}: silent: {report}");
            drop(journal);
            let (journal, again, _) = reopen_all(&storage.after_power_loss(Tear::Nothing), &small(), MAX).unwrap();
            assert_eq!((journal.last_seq(), again.cut_bytes), (last, 0), "{context}: not stable");
            false
        }
        Err(Error::Damage(finding) | Error::History(finding)) => {
            assert!(finding.file.ends_with(".log"), "{context}: {finding}");
            assert_eq!(contents(storage), before, "{context}: a refused start changed something");
            true
        }
        Err(error) => panic!("{context}: {error}"),
    }
}

#[test]
fn no_flipped_bit_of_a_small_log_is_silent() {
    let (mut flips, mut refused) = (0, 0);
    for records in [22, 23, 24] {
        let storage = small_log(records);
        assert!(logs(&storage).len() >= 3);
        assert_eq!(verify(&storage), []);
        for file in logs(&storage) {
            for bit in 0..storage.read(&file).unwrap().len() * 8 {
                let image = storage.fork();
                image.flip_bit(&file, bit);
                refused += u64::from(assert_not_silent(&image, &file, records, &format!("{file} bit {bit}")));
                flips += 1;
            }
        }
    }
    println!("{flips} flips, {refused} refused");
    assert!(flips > 65_536);
}

/// A log whose last record starts at every offset within a sector: fill, then the batch under test, synced or not.
struct Aligned {
    storage: FaultStorage,
    /// Where the batch starts and what it is.
    start: usize,
    bytes: Vec<u8>,
    count: u64,
}

const FIRST: &str = "00000000000000000001.log";

fn aligned(shift: usize, last: &[usize]) -> Aligned {
    let config = config(8192, 2048);
    let storage = FaultStorage::new();
    let dir = LogDir::lock(Arc::new(storage.clone()), config).unwrap();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    journal.append(&[(1, vec![0x11; 1 + shift])]).unwrap();
    let start = 1024 + 65 + 1 + shift;
    let batch: Vec<(u64, Vec<u8>)> = last.iter().map(|length| (2, content(*length))).collect();
    journal.append(&batch).unwrap();
    drop(journal);
    storage.tamper("spare.tmp", None);
    let file = storage.read(FIRST).unwrap();
    let length: usize = last.iter().map(|length| length + 65).sum();
    Aligned { storage: storage.fork(), start, bytes: file[start..start + length].to_vec(), count: last.len() as u64 }
}

/// Zeros from 512 bytes on, so that masks are needed.
fn content(length: usize) -> Vec<u8> {
    if length >= 512 { vec![0; length] } else { (0..length).map(|at| at as u8).collect() }
}

fn open_aligned(storage: &FaultStorage) -> Result<(u64, u64), Error> {
    let dir = LogDir::lock(Arc::new(storage.clone()), config(8192, 2048)).unwrap();
    let mut seen = 0;
    let (journal, report) = Journal::open(dir, Start::Genesis, |record| {
        seen += 1;
        assert_eq!(record.seq, seen);
        Ok(())
    })?;
    assert_eq!(journal.last_seq(), seen);
    Ok((seen, report.cut_bytes))
}

#[test]
fn no_flipped_bit_makes_the_last_record_a_torn_tail() {
    let mut flips = 0;
    for (length, step) in [(1, 1), (40, 1), (700, 61), (1500, 127)] {
        for shift in (0..512).step_by(step) {
            let log = aligned(shift, &[length]);
            for bit in 0..log.bytes.len() * 8 {
                log.storage.flip_bit(FIRST, log.start * 8 + bit);
                match open_aligned(&log.storage) {
                    Err(Error::Damage(finding)) => {
                        assert_eq!((finding.offset, finding.seq), (log.start as u64, Some(2)))
                    }
                    other => panic!("length {length} shift {shift} bit {bit}: {other:?}"),
                }
                log.storage.flip_bit(FIRST, log.start * 8 + bit);
                flips += 1;
            }
            assert_eq!(open_aligned(&log.storage).unwrap(), (2, 0));
        }
    }
    println!("{flips} flips");
}

fn with_batch(log: &Aligned, keep: impl Fn(usize) -> bool) -> FaultStorage {
    let mut file = log.storage.read(FIRST).unwrap();
    let batch = file.iter_mut().enumerate().skip(log.start).take(log.bytes.len());
    batch.filter(|(at, _)| !keep(*at)).for_each(|(_, byte)| *byte = 0);
    let image = log.storage.fork();
    image.tamper(FIRST, Some(file));
    image
}

#[test]
fn every_torn_batch_is_cut_whatever_its_alignment() {
    let mut tears = 0;
    for lengths in [&[40, 40, 40][..], &[1, 1, 1, 1, 1], &[700, 30, 600], &[1500], &[300, 300, 300]] {
        for shift in 0..512 {
            let log = aligned(shift, lengths);
            let (first, last) = (log.start / 512, (log.start + log.bytes.len() - 1) / 512);
            for subset in 0_u32..1 << (last - first + 1) {
                let image = with_batch(&log, |at| subset >> (at / 512 - first) & 1 == 1);
                let (seen, _) =
                    open_aligned(&image).unwrap_or_else(|error| panic!("{lengths:?} {shift} {subset:b}: {error}"));
                assert!((1..=1 + log.count).contains(&seen));
                assert_eq!(open_aligned(&image.after_power_loss(Tear::Nothing)).unwrap(), (seen, 0));
                tears += 1;
            }
        }
        for shift in (0..512).step_by(37) {
            let log = aligned(shift, lengths);
            for length in 0..=log.bytes.len() {
                let image = with_batch(&log, |at| at < log.start + length);
                let (seen, _) =
                    open_aligned(&image).unwrap_or_else(|error| panic!("{lengths:?} {shift} prefix {length}: {error}"));
                assert!((1..=1 + log.count).contains(&seen));
                tears += 1;
            }
        }
    }
    println!("{tears} tears");
}

#[test]
fn no_cut_of_a_file_is_silent() {
    let storage = small_log(14);
    for file in logs(&storage) {
        let whole = storage.read(&file).unwrap();
        for length in 0..whole.len() {
            let image = storage.fork();
            image.tamper(&file, Some(whole[..length].to_vec()));
            assert!(assert_not_silent(&image, &file, 14, &format!("{file} cut to {length}")), "a cut file is refused");
        }
        let image = storage.fork();
        image.tamper(&file, Some([whole.as_slice(), &[0; 512]].concat()));
        assert!(assert_not_silent(&image, &file, 14, "extended"));
    }
}

#[test]
fn a_zeroed_sector_before_the_durable_mark_is_damage_not_a_torn_tail() {
    let storage = FaultStorage::new();
    let config = config(65536, 4096);
    let open = |storage: &FaultStorage| {
        let dir = LogDir::lock(Arc::new(storage.clone()), config.clone()).unwrap();
        Journal::open(dir, Start::Genesis, |_| Ok(()))
    };
    let (mut journal, _) = open(&storage).unwrap();
    for _ in 0..8 {
        journal.append(&[(1, vec![9; 2000])]).unwrap();
    }
    drop(journal);
    let storage = storage.fork();
    let mut refused = 0;
    // Everything but the last record: 7 of 8 times 2065 bytes from 1024 on, that is sectors 2 to 29.
    for sector in 2..30 {
        let mut file = storage.read(FIRST).unwrap();
        file[sector * 512..(sector + 1) * 512].fill(0);
        let image = storage.fork();
        image.tamper(FIRST, Some(file));
        match open(&image) {
            Err(Error::Damage(_)) => refused += 1,
            Err(error) => panic!("{error}"),
            Ok((_, report)) => panic!("sector {sector}: {report}"),
        }
    }
    assert_eq!(refused, 28);
}

#[test]
fn a_lost_stretch_after_which_nothing_was_acknowledged_is_cut() {
    let storage = FaultStorage::new();
    let (mut journal, ..) = reopen_all(&storage, &config(65536, 4096), 4096).unwrap();
    journal.append(&batch(1, 2, 4096)).unwrap();
    journal.write(&batch(3, 20, 4096)).unwrap();
    drop(journal);
    let image = storage.after_power_loss(Tear::AllButFirstSector);
    let (journal, report, _) = reopen_all(&image, &config(65536, 4096), 4096).unwrap();
    assert!(journal.last_seq() >= 2 && report.cut_bytes > 0, "{report}");
    let text = report.to_string();
    assert!(text.contains(FIRST) && text.contains("offset"), "{text}");
}

#[test]
fn swapped_records_are_refused_where_they_stand() {
    let storage = FaultStorage::new();
    let config = config(8192, 1000);
    let open = |storage: &FaultStorage| {
        Journal::open(LogDir::lock(Arc::new(storage.clone()), config.clone()).unwrap(), Start::Genesis, |_| Ok(()))
    };
    let (mut journal, _) = open(&storage).unwrap();
    for seq in 1..=6_u8 {
        journal.append(&[(1, vec![seq; 100])]).unwrap();
    }
    drop(journal);
    let storage = storage.fork();
    for (left, right) in [(0, 1), (0, 5), (2, 3), (4, 5)] {
        let mut file = storage.read(FIRST).unwrap();
        let at = |index: usize| 1024 + index * 165..1024 + (index + 1) * 165;
        let saved = file[at(left)].to_vec();
        file.copy_within(at(right), at(left).start);
        file[at(right)].copy_from_slice(&saved);
        let image = storage.fork();
        image.tamper(FIRST, Some(file));
        match open(&image) {
            Err(Error::Damage(finding)) => {
                assert_eq!((finding.offset, finding.seq), (at(left).start as u64, Some(left as u64 + 1)), "{finding}");
            }
            Err(error) => panic!("{error}"),
            Ok((_, report)) => panic!("{left} and {right}: {report}"),
        }
    }
}

#[test]
fn one_overwritten_byte_of_the_last_record_is_never_a_torn_tail() {
    for shift in 0..512 {
        let log = aligned(shift, &[40]);
        let file = log.storage.read(FIRST).unwrap();
        for at in log.start..log.start + log.bytes.len() {
            // A sector that holds one byte of the record tells nothing when that byte is zero.
            let is_alone = at == log.start && at % 512 == 511;
            for value in [0, 0xFF].into_iter().filter(|value| *value != file[at] && !(is_alone && *value == 0)) {
                let mut content = file.clone();
                content[at] = value;
                let image = log.storage.fork();
                image.tamper(FIRST, Some(content));
                match open_aligned(&image) {
                    Err(Error::Damage(finding)) => assert_eq!(finding.offset, log.start as u64),
                    Ok((2, 0)) if at + 1 == log.start + log.bytes.len() && value == 0 => {}
                    other => panic!("shift {shift}, byte {at} = {value}: {other:?}"),
                }
            }
        }
    }
}

/// Two logs of the same cluster with the same seqs, times and lengths, but other contents.
fn two_histories() -> [FaultStorage; 2] {
    [1, 2].map(|content| {
        let storage = FaultStorage::new();
        let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
        let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
        for _ in 0..16 {
            journal.append(&[(1, vec![content; 100])]).unwrap();
        }
        drop(journal);
        storage.fork()
    })
}

#[test]
fn pieces_of_another_history_are_refused() {
    let [ours, theirs] = two_histories();
    let files = logs(&ours);
    assert!(files.len() >= 3 && files == logs(&theirs));
    for file in &files {
        let (mine, other) = (ours.read(file).unwrap(), theirs.read(file).unwrap());
        let image = ours.fork();
        image.tamper(file, Some([&other[..512], &[0; 512], &other[1024..]].concat()));
        assert_refused(&image, &format!("{file} of another history, without its seal"));
        for record in 0..4 {
            let range = 1024 + record * 165..1024 + (record + 1) * 165;
            if mine[range.clone()] != other[range.clone()] {
                let mut content = mine.clone();
                content[range.clone()].copy_from_slice(&other[range]);
                let image = ours.fork();
                image.tamper(file, Some(content));
                assert_refused(&image, &format!("record {record} of {file} of another history"));
            }
        }
    }
}

fn assert_refused(storage: &FaultStorage, context: &str) {
    let before = contents(storage);
    assert!(verify(storage).iter().any(|finding| finding.severity == Severity::Damage), "{context}: verify is silent");
    let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
    match Journal::open(dir, Start::Genesis, |_| Ok(())) {
        Err(Error::Damage(_) | Error::History(_)) => assert_eq!(contents(storage), before),
        Err(error) => panic!("{context}: {error}"),
        Ok((_, report)) => panic!("{context}: {report}"),
    }
}

#[test]
fn missing_swapped_and_stale_segments_are_refused() {
    let storage = small_log(30);
    let files = logs(&storage);
    assert!(files.len() >= 4);
    for file in &files {
        let image = storage.fork();
        image.tamper(file, None);
        assert_refused(&image, &format!("{file} missing"));
    }
    for pair in files.windows(2) {
        let image = storage.fork();
        image.tamper(&pair[0], storage.read(&pair[1]));
        image.tamper(&pair[1], storage.read(&pair[0]));
        assert_refused(&image, &format!("{pair:?} swapped"));
    }
    // The same segment from earlier, when it held fewer records.
    let mut stale = 0;
    for records in 5..25 {
        let earlier = small_log(records);
        let name = logs(&earlier).pop().unwrap();
        let (old, new) = (earlier.read(&name).unwrap(), storage.read(&name).unwrap());
        if old[1024..] != new[1024..] && name != files[files.len() - 1] {
            let image = storage.fork();
            image.tamper(&name, Some(old));
            assert_refused(&image, &format!("{name} as it was at {records} records"));
            stale += 1;
        }
    }
    assert!(stale > 8);
}

fn state(seq: u64) -> Vec<u8> {
    (0..4000_u64).map(|at| (at * seq) as u8).collect()
}

fn log_with_snapshots() -> FaultStorage {
    let storage = FaultStorage::new();
    let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    for seq in 1..=30 {
        journal.append(&batch(seq, 1, MAX)).unwrap();
        if seq % 10 == 0 {
            snapshots.write(&snapshot_of(&journal, &state(seq))).unwrap();
            snapshots.prune().unwrap();
        }
    }
    drop((journal, snapshots));
    storage.fork()
}

#[test]
fn a_flipped_or_cut_snapshot_gives_way_to_the_one_before() {
    let storage = log_with_snapshots();
    let name = "00000000000000000030.snap";
    let whole = storage.read(name).unwrap();
    let check = |image: &FaultStorage, context: &str| {
        assert!(!verify(image).is_empty(), "{context}: verify is silent");
        let dir = LogDir::lock(Arc::new(image.clone()), small()).unwrap();
        let found = dir.snapshots().newest().unwrap();
        assert_eq!(found.snapshot.map(|snapshot| snapshot.seq), Some(20), "{context}");
        assert_eq!((found.findings.len(), found.findings[0].file.as_str()), (1, name), "{context}");
        drop(dir);
        let (journal, _, seen) = reopen(image, &small(), MAX).unwrap();
        assert_eq!((journal.last_seq(), seen), (30, (21..=30).collect()), "{context}");
    };
    for bit in 0..whole.len() * 8 {
        let image = storage.fork();
        image.flip_bit(name, bit);
        check(&image, &format!("bit {bit}"));
    }
    for length in 0..whole.len() {
        let image = storage.fork();
        image.tamper(name, Some(whole[..length].to_vec()));
        check(&image, &format!("cut to {length}"));
    }
    println!("{} flips and {} cuts of a snapshot", whole.len() * 8, whole.len());
}

#[test]
fn without_a_good_snapshot_a_pruned_log_is_refused_and_nothing_is_pruned() {
    let storage = log_with_snapshots();
    assert!(!logs(&storage).contains(&FIRST.to_owned()), "the first segment was pruned");
    for seq in [20, 30] {
        storage.flip_bit(&format!("{seq:020}.snap"), 9999);
    }
    let before = contents(&storage);
    let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
    let report = dir.snapshots().prune().unwrap();
    assert_eq!((report.removed.len(), report.findings.len()), (0, 2));
    drop(dir);
    match reopen(&storage, &small(), MAX) {
        Err(Error::History(finding)) => assert!(finding.to_string().contains("no good snapshot"), "{finding}"),
        Err(error) => panic!("{error}"),
        Ok((_, report, _)) => panic!("{report}"),
    }
    assert_eq!(contents(&storage), before);
}

#[test]
fn a_snapshot_that_does_not_fit_the_log_is_refused() {
    let storage = log_with_snapshots();
    let file = storage.read("00000000000000000030.snap").unwrap();
    let short = small_log(25);
    short.tamper("00000000000000000030.snap", Some(file));
    assert!(matches!(reopen(&short, &small(), MAX), Err(Error::History(_))), "the log ends before the snapshot");
    assert!(verify(&short).iter().any(|finding| finding.severity == Severity::Damage));

    let other = FaultStorage::new();
    let dir = LogDir::lock(Arc::new(other.clone()), small()).unwrap();
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).unwrap();
    for seq in 1..=30 {
        journal.append(&[(time_us(seq), b"another history")]).unwrap();
    }
    snapshots.write(&snapshot_of(&journal, b"state")).unwrap();
    drop((journal, snapshots));
    let mixed = small_log(30);
    mixed.tamper("00000000000000000030.snap", other.read("00000000000000000030.snap"));
    assert!(matches!(reopen(&mixed, &small(), MAX), Err(Error::History(_))), "the snapshot is of another history");
    assert!(verify(&mixed).iter().any(|finding| finding.severity == Severity::Damage));
}

#[test]
fn a_newer_format_is_named_and_never_taken_for_damage() {
    let storage = log_with_snapshots();
    let newest = "00000000000000000030.snap";
    let mut snapshot = storage.read(newest).unwrap();
    snapshot[8] = 2;
    let sum = xxh3_128(&[&snapshot[..80], &snapshot[96..]].concat());
    snapshot[80..96].copy_from_slice(&sum.to_le_bytes());
    storage.tamper(newest, Some(snapshot));
    let dir = LogDir::lock(Arc::new(storage.clone()), small()).unwrap();
    let found = dir.snapshots().newest().unwrap();
    assert_eq!((found.snapshot.map(|snapshot| snapshot.seq), found.findings.len()), (Some(20), 1));
    assert!(found.findings[0].what.contains("format version 2"), "{}", found.findings[0]);
    let report = dir.snapshots().prune().unwrap();
    assert_eq!((report.removed, report.findings), (vec![], found.findings), "one that verifies is no ground to delete");
    drop(dir);

    let last = logs(&storage).pop().unwrap();
    let mut segment = storage.read(&last).unwrap();
    segment[8] = 2;
    let sum = xxh3_128(&segment[..496]);
    segment[496..512].copy_from_slice(&sum.to_le_bytes());
    storage.tamper(&last, Some(segment));
    let before = contents(&storage);
    assert!(matches!(reopen(&storage, &small(), MAX), Err(Error::Version { found: 2, .. })));
    assert_eq!(contents(&storage), before);
    let findings = verify(&storage);
    let found: Vec<_> = findings.iter().map(|finding| (finding.file.as_str(), finding.severity)).collect();
    assert_eq!(found, [(last.as_str(), Severity::Newer), (newest, Severity::Newer)]);
    assert!(findings.iter().all(|finding| finding.what.contains("newer version")), "{findings:?}");
}
