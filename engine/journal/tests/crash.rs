//! Power loss at every storage call, in every way of tearing; and power loss during the recovery from it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::sync::Arc;

use support::{batch, config, reopen, snapshot_of};
use tandem_journal::testing::{Dice, FaultStorage, Tear};
use tandem_journal::{Config, Error, Journal, LogDir, Start};

const RECORDS: u64 = 200;
const MAX: usize = 1300;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Promised {
    /// Everything up to here was acknowledged.
    acked: u64,
    /// Everything up to here was handed to `write`.
    attempted: u64,
    /// A snapshot at this seq was confirmed.
    snapshot: u64,
}

fn tiny() -> Config {
    config(8192, MAX as u32)
}

/// Appends 200 records with rotations and snapshots until it is done or the power goes.
fn run(storage: &FaultStorage, promised: &mut Promised) -> Result<(), Error> {
    let dir = LogDir::lock(Arc::new(storage.clone()), tiny())?;
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(()))?;
    let mut dice = Dice(1);
    while promised.acked < RECORDS {
        for _ in 0..=dice.below(2) {
            let first = journal.last_seq() + 1;
            let count = (1 + dice.below(3)).min(RECORDS + 1 - first);
            if count == 0 {
                continue;
            }
            promised.attempted = first + count - 1;
            journal.write(&batch(first, count, MAX))?;
        }
        promised.acked = journal.sync()?;
        if promised.acked / 40 > promised.snapshot / 40 {
            snapshots.write(&snapshot_of(&journal, &vec![7; 1500]))?;
            promised.snapshot = promised.acked;
            snapshots.prune()?;
        }
    }
    Ok(())
}

fn check(storage: &FaultStorage, promised: &Promised, context: &str) -> u64 {
    let dir = LogDir::lock(Arc::new(storage.clone()), tiny()).unwrap();
    let found = dir.snapshots().newest().unwrap();
    drop(dir);
    assert_eq!(found.findings, [], "{context}");
    assert!(
        found.snapshot.map_or(0, |snapshot| snapshot.seq) >= promised.snapshot,
        "{context}: a confirmed snapshot is gone"
    );
    let (journal, report, _) = reopen(storage, &tiny(), MAX).unwrap_or_else(|error| panic!("{context}: {error}"));
    let last = journal.last_seq();
    assert!(last >= promised.acked, "{context}: acknowledged up to {}, found {last}: {report}", promised.acked);
    assert!(last <= promised.attempted, "{context}: {last} was never written");
    last
}

/// Reopening after another power loss finds the same, cuts nothing, and appending goes on.
fn check_stable(storage: &FaultStorage, last: u64, context: &str) {
    let again = storage.after_power_loss(Tear::Nothing);
    let (mut journal, report, _) = reopen(&again, &tiny(), MAX).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!((journal.last_seq(), report.cut_bytes), (last, 0), "{context}: second start differs: {report}");
    journal.append(&batch(last + 1, 3, MAX)).unwrap();
    drop(journal);
    let (journal, ..) = reopen(&again.after_power_loss(Tear::Nothing), &tiny(), MAX).unwrap();
    assert_eq!(journal.last_seq(), last + 3, "{context}");
}

const TEARS: [Tear; 11] = [
    Tear::Nothing,
    Tear::Everything,
    Tear::Zeros,
    Tear::HalfOfLast,
    Tear::PrefixOfLast(1),
    Tear::AllButFirstSector,
    Tear::AllButLastSector,
    Tear::Sectors(1),
    Tear::Sectors(2),
    Tear::Sectors(3),
    Tear::Sectors(4),
];

fn script_ops() -> u64 {
    let storage = FaultStorage::new();
    let mut promised = Promised::default();
    run(&storage, &mut promised).unwrap();
    assert_eq!((promised.acked, promised.attempted), (RECORDS, RECORDS));
    assert!(storage.names().len() < 12, "old segments are pruned: {:?}", storage.names());
    storage.ops()
}

fn crashed(after: u64) -> (FaultStorage, Promised) {
    let storage = FaultStorage::new();
    storage.crash_after(after);
    let mut promised = Promised::default();
    let _ = run(&storage, &mut promised);
    (storage, promised)
}

#[test]
fn power_loss_at_every_call_loses_nothing_acknowledged() {
    let ops = script_ops();
    let mut recoveries = 0;
    for after in 0..=ops {
        let (storage, promised) = crashed(after);
        for tear in TEARS {
            let seeded = if let Tear::Sectors(seed) = tear { Tear::Sectors(seed * 1_000_003 + after) } else { tear };
            let context = format!("power loss after call {after} of {ops}, {seeded:?}");
            let image = storage.after_power_loss(seeded);
            let last = check(&image, &promised, &context);
            check_stable(&image, last, &context);
            recoveries += 1;
        }
    }
    println!("{ops} calls, {recoveries} recoveries");
    assert!(recoveries > 4_000);
}

#[test]
fn power_loss_during_recovery_loses_nothing_either() {
    let ops = script_ops();
    let mut recoveries = 0;
    for after in (0..=ops).step_by(2) {
        let (storage, promised) = crashed(after);
        for tear in [Tear::Everything, Tear::HalfOfLast, Tear::Sectors(after), Tear::Sectors(after + 7)] {
            for second in 0.. {
                let image = storage.after_power_loss(tear);
                image.crash_after(second);
                let is_finished = reopen(&image, &tiny(), MAX).is_ok();
                for again in [Tear::Nothing, Tear::Everything, Tear::Sectors(second), Tear::HalfOfLast] {
                    let context = format!(
                        "power loss after call {after} ({tear:?}), again in recovery after {second} ({again:?})"
                    );
                    check(&image.after_power_loss(again), &promised, &context);
                    recoveries += 1;
                }
                if is_finished {
                    break;
                }
            }
        }
    }
    println!("{recoveries} recoveries");
    assert!(recoveries > 1_000);
}

#[test]
fn a_killed_process_loses_nothing_written() {
    let ops = script_ops();
    for after in 0..=ops {
        let (storage, promised) = crashed(after);
        let context = format!("killed after call {after}");
        let image = storage.after_process_death();
        let last = check(&image, &promised, &context);
        check_stable(&image, last, &context);
    }
}
