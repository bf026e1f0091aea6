//! A follower sees exactly what the node published, up to what is durable, from wherever it starts.

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::*;
use tandem_core::event::Event;
use tandem_core::reject::RejectCode;
use tandem_journal::Storage;
use tandem_journal::testing::{FaultStorage, Op, Tear};
use tandem_node::batch::Batch;
use tandem_node::follower::{Follower, Range};
use tandem_node::mark::{self, DurableMark};
use tandem_node::recovery::{Options, open_storage};
use tandem_node::retention::Keep;

const NOW: Duration = Duration::ZERO;

/// What everybody has to agree on: seq, time, code and events of each command.
type Told = Vec<(u64, u64, Option<RejectCode>, Vec<Event>)>;

fn told(batches: &[Batch]) -> Told {
    let of_batch = |batch: &Batch| -> Told {
        batch.iter().map(|(outcome, events, _)| (outcome.seq, outcome.time_us, outcome.code, events.to_vec())).collect()
    };
    batches.iter().flat_map(of_batch).collect()
}

fn follow(storage: &FaultStorage, range: Range) -> Follower {
    Follower::open_storage(Arc::new(storage.clone()), range).expect("the log can be followed")
}

fn after(after_seq: u64) -> Range {
    Range { after_seq, ..Range::default() }
}

fn drain(follower: &Follower) -> Vec<Batch> {
    let mut taken = Vec::new();
    loop {
        let batches = follower.poll(usize::MAX, NOW).expect("the log can be read");
        if batches.is_empty() {
            return taken;
        }
        taken.extend(batches);
    }
}

fn place_of(follower: &Follower) -> (u64, u64) {
    let replica = follower.replica().lock();
    (replica.core().seq().0, replica.core().digest())
}

fn set_mark(storage: &FaultStorage, seq: u64) {
    DurableMark::open(Arc::new(storage.clone())).set(seq);
}

/// A life of so many commands, its snapshots and log kept; returns what it published.
fn lived(commands: u64, snapshot_every: u64) -> (FaultStorage, Told) {
    let storage = FaultStorage::new();
    let options = Options { snapshot_every, keep: Keep::Everything, ..options(&Fatals::default()) };
    let opened = open_with(&storage, options);
    let mut published = Vec::new();
    for command in setup().into_iter().chain((0..commands).map(nth_command)) {
        submit_all(&opened.node, [command]);
        published.extend(batches(&opened.node, 1));
    }
    opened.node.close();
    (storage, told(&published))
}

#[test]
fn a_follower_keeps_up_with_a_node_at_work() {
    let storage = FaultStorage::new();
    let keep = Keep::Everything;
    let opened = open_with(&storage, Options { keep, snapshot_every: 7_000, ..options(&Fatals::default()) });
    let follower = follow(&storage, Range::default());
    let (mut published, mut followed) = (Vec::new(), Vec::new());
    submit_all(&opened.node, setup());
    for n in 0..40_000 {
        submit_all(&opened.node, [nth_command(n)]);
        if n % 97 == 0 {
            published.extend(opened.node.poll(usize::MAX));
            followed.extend(follower.poll(300, NOW).expect("the log can be read"));
        }
    }
    let count = |batches: &[Batch]| batches.iter().map(|batch| batch.outcomes.len()).sum::<usize>();
    wait_until(|| {
        published.extend(opened.node.poll(usize::MAX));
        count(&published) == 40_007
    });
    while count(&followed) < 40_007 {
        let more = follower.poll(usize::MAX, NOW).expect("the log can be read");
        assert!(!more.is_empty(), "what is published is durable");
        followed.extend(more);
    }
    assert_eq!(told(&followed), told(&published));
    assert_eq!(place_of(&follower), point(&opened.node));
    assert_eq!(follower.durable_seq(), Ok(40_007));
    let logs = storage.names().into_iter().filter(|name| name.ends_with(".log")).count();
    assert!(logs > 3 && stat(&opened.node, "snapshots") > 2, "{logs} segments, none of them removed");
}

#[test]
fn opened_at_every_seq_it_has_the_state_there_and_tells_the_rest() {
    let (storage, published) = lived(113, 40);
    assert!(storage.names().iter().any(|name| name.ends_with(".snap")));
    let whole = follow(&storage, Range::default());
    let mut digests = vec![place_of(&whole)];
    for (index, expected) in published.iter().enumerate() {
        let batches = whole.poll(1, NOW).expect("the log can be read");
        assert_eq!(told(&batches), std::slice::from_ref(expected));
        digests.push(place_of(&whole));
        assert_eq!(digests[index + 1].0, expected.0);
    }
    for seq in 0..=published.len() {
        let follower = follow(&storage, after(seq as u64));
        assert_eq!(place_of(&follower), digests[seq]);
        assert_eq!(told(&drain(&follower)), published[seq..]);
        assert_eq!(Some(&place_of(&follower)), digests.last());
    }
    let beyond = Follower::open_storage(Arc::new(storage.clone()), after(121));
    assert!(beyond.is_err_and(|error| error.0.contains("ends at seq 120") && error.0.contains("from seq 121")));
}

#[test]
fn it_stops_exactly_at_a_seq_or_a_time() {
    let (storage, published) = lived(60, 1000);
    let long = Duration::from_secs(600);
    for until in 0..=67_u64 {
        let follower = follow(&storage, Range { until_seq: Some(until), ..Range::default() });
        assert_eq!(told(&drain(&follower)), published[..until as usize]);
        assert_eq!(place_of(&follower).0, until);
        assert!(
            follower.poll(9, long).is_ok_and(|batches| batches.is_empty()),
            "it does not wait for what is unwanted"
        );
    }
    for (index, (_, time_us, ..)) in published.iter().enumerate().take(66) {
        for (until_us, count) in [(time_us - 1, index), (*time_us, index + 1)] {
            let follower = follow(&storage, Range { until_us: Some(until_us), ..Range::default() });
            assert_eq!(told(&drain(&follower)), published[..count]);
            assert!(follower.poll(9, long).is_ok_and(|batches| batches.is_empty()));
        }
    }
}

#[test]
fn it_never_shows_more_than_the_mark_says() {
    let (storage, published) = lived(200, 1000);
    for durable in (0..=207).rev().step_by(9) {
        let image = storage.fork();
        set_mark(&image, durable);
        let follower = follow(&image, Range::default());
        assert_eq!(told(&drain(&follower)), published[..durable as usize]);
        assert_eq!(follower.durable_seq(), Ok(durable));
        set_mark(&image, 207);
        assert_eq!(told(&drain(&follower)), published[durable as usize..]);
        // Somebody who has more than a mark that a power failure left behind just waits.
        set_mark(&image, durable);
        let ahead = follow(&image, after(207));
        assert!(drain(&ahead).is_empty());
        assert_eq!(place_of(&ahead), place_of(&follower));
    }
    let unmarked = storage.fork();
    unmarked.tamper(mark::NAME, None);
    let follower = follow(&unmarked, Range::default());
    assert_eq!((told(&drain(&follower)), follower.durable_seq()), (published, Ok(207)));
}

#[test]
fn waiting_ends_when_something_comes_and_when_the_time_is_over() {
    let (storage, published) = lived(20, 1000);
    set_mark(&storage, 20);
    let follower = follow(&storage, after(20));
    let started = Instant::now();
    assert!(follower.poll(9, Duration::from_millis(30)).is_ok_and(|batches| batches.is_empty()));
    assert!(started.elapsed() >= Duration::from_millis(30));
    let writer = std::thread::spawn({
        let storage = storage.clone();
        move || {
            std::thread::sleep(Duration::from_millis(20));
            set_mark(&storage, 21);
        }
    });
    let batches = follower.poll(9, Duration::from_secs(600)).expect("the log can be read");
    assert_eq!(told(&batches), published[20..21]);
    writer.join().unwrap();
}

#[test]
fn damage_is_told_after_what_comes_before_it() {
    let (storage, published) = lived(300, 1000);
    let whole = storage.read("00000000000000000001.log").unwrap();
    let middle = whole.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    storage.flip_bit("00000000000000000001.log", middle * 8);
    let follower = follow(&storage, Range::default());
    let before = told(&follower.poll(usize::MAX, NOW).unwrap());
    assert!(!before.is_empty() && before.len() < 307);
    assert_eq!(before, published[..before.len()]);
    for _ in 0..2 {
        let error = follower.poll(usize::MAX, NOW).unwrap_err();
        assert!(error.contains("file 00000000000000000001.log, offset ") && error.contains("tandem verify"), "{error}");
        assert_eq!(place_of(&follower).0, before.len() as u64);
    }
    // Brought back, it goes on.
    storage.tamper("00000000000000000001.log", Some(whole));
    assert_eq!(told(&drain(&follower)), published[before.len()..]);
}

#[test]
fn a_log_that_is_gone_or_another_one_is_an_error_that_says_so() {
    let error_of = |opened: Result<Follower, tandem_node::recovery::OpenError>| opened.err().expect("an error").0;
    let empty: Arc<dyn Storage> = Arc::new(FaultStorage::new());
    assert!(error_of(Follower::open_storage(empty, after(0))).contains("there is no log in "));

    let (storage, _) = lived(113, 1000);
    let follower = follow(&storage, after(100));
    assert_eq!(drain(&follower).len(), 1);
    let restored = lived(50, 1000).0;
    for name in ["00000000000000000001.log", mark::NAME] {
        storage.tamper(name, restored.read(name));
    }
    // The file that it has open may be another one by now: it looks for that now and then.
    let mut error = None;
    wait_until(|| {
        error = follower.poll(9, NOW).err();
        error.is_some()
    });
    let error = error.unwrap();
    assert!(error.contains("durable went back from seq 120 to 57") && error.contains("made again"), "{error}");

    let pruned = FaultStorage::new();
    let opened = open_with(&pruned, Options { snapshot_every: 9_000, ..options(&Fatals::default()) });
    run(&opened.node, setup());
    let behind = follow(&pruned, after(7));
    for round in 0..4 {
        let numbers = submit_all(&opened.node, (round * 9_000..(round + 1) * 9_000).map(nth_command));
        batches(&opened.node, numbers.len());
        wait_until(|| stat(&opened.node, "snapshots") == round + 1);
    }
    assert!(!pruned.names().contains(&"00000000000000000001.log".into()), "old segments are removed");
    let mut polled = Ok(Vec::new());
    wait_until(|| {
        polled = behind.poll(usize::MAX, NOW);
        polled.is_err()
    });
    let error = polled.unwrap_err();
    assert!(error.contains("the log in memory begins at seq ") && error.contains("was deleted"), "{error}");
    assert!(error_of(Follower::open_storage(Arc::new(pruned.clone()), after(3))).contains("seq 1 is wanted"));
    let newest = follow(&pruned, after(36_007));
    assert_eq!(place_of(&newest), point(&opened.node));
}

#[test]
fn a_mark_that_cannot_be_written_or_read_costs_no_command() {
    let storage = FaultStorage::new();
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    storage.fail(Op::Write, 0, ErrorKind::StorageFull, true);
    let mut mark = DurableMark::open(Arc::clone(&shared));
    mark.set(5);
    assert_eq!(mark::read(shared.as_ref()).unwrap(), None, "a mark is there whole or not at all");
    storage.clear_faults();
    mark.set(6);
    assert_eq!(mark::read(shared.as_ref()).unwrap(), Some(6));
    storage.fail(Op::Write, 0, ErrorKind::Other, false);
    mark.set(7);
    mark.set(8);
    assert_eq!(mark::read(shared.as_ref()).unwrap(), Some(8));

    let (storage, _) = lived(10, 1000);
    storage.tamper(mark::NAME, Some(vec![1, 2, 3]));
    let follower = follow(&storage, after(0));
    let error = follower.poll(9, NOW).unwrap_err();
    assert!(error.contains("memory/durable cannot be read") && error.contains("writes it again"), "{error}");
    let opened = open(&storage);
    assert_eq!(mark::read(&storage).unwrap(), Some(17));
    opened.node.close();
    assert_eq!(drain(&follow(&storage, after(0))).len(), 1);
}

/// Wherever the power goes, and whatever of what was not synced is left.
#[test]
fn the_mark_is_never_ahead_of_what_comes_back() {
    let mut marks = 0;
    for ops in (1..400).step_by(3) {
        let storage = FaultStorage::new();
        storage.crash_after(ops);
        let fatals = Fatals::default();
        if let Ok(opened) = open_storage(Arc::new(storage.clone()), options(&fatals)) {
            for n in 0.. {
                let command = setup().into_iter().nth(n).unwrap_or_else(|| nth_command(n as u64));
                submit_all(&opened.node, [command]);
                wait_until(|| !opened.node.poll(usize::MAX).is_empty() || !fatals.lock().is_empty());
                if !fatals.lock().is_empty() {
                    break;
                }
            }
        }
        for tear in [Tear::Nothing, Tear::HalfOfLast, Tear::Sectors(ops), Tear::Zeros, Tear::Everything] {
            let image = storage.after_power_loss(tear);
            let Some(marked) = mark::read(&image).unwrap() else { continue };
            marks += u64::from(marked > 0);
            let again = open(&image);
            assert!(again.recovery.last_seq >= marked, "{ops} operations, {tear:?}: {:?}", again.recovery);
            assert!(!again.recovery.findings.iter().any(|finding| finding.contains(mark::NAME)));
            assert_eq!(mark::read(&image).unwrap(), Some(again.recovery.last_seq));
        }
    }
    assert!(marks > 100, "{marks} marks");
}

#[test]
fn a_disk_that_lost_what_it_had_promised_is_noticed() {
    let (storage, _) = lived(10, 1000);
    set_mark(&storage, 99);
    let opened = open(&storage);
    let said = |finding: &String| finding.contains("ends at seq 17") && finding.contains("seq 99 was synced");
    assert!(opened.recovery.findings.iter().any(said), "{:?}", opened.recovery.findings);
}

#[test]
fn segments_go_only_when_they_are_covered_and_released() {
    let first_log = |storage: &FaultStorage| storage.names().into_iter().find(|name| name.ends_with(".log")).unwrap();
    for (keep, released) in [(Keep::Everything, true), (Keep::UntilReleased, false), (Keep::UntilReleased, true)] {
        let storage = FaultStorage::new();
        let opened = open_with(&storage, Options { snapshot_every: 9_000, keep, ..options(&Fatals::default()) });
        run(&opened.node, setup());
        for round in 0..4 {
            if released && round > 0 {
                opened.retention.release(round * 9_000 - 6_000);
                opened.retention.release(4);
            }
            let numbers = submit_all(&opened.node, (round * 9_000..(round + 1) * 9_000).map(nth_command));
            batches(&opened.node, numbers.len());
            wait_until(|| stat(&opened.node, "snapshots") == round + 1);
        }
        opened.node.close();
        let first = first_log(&storage).trim_end_matches(".log").parse::<u64>().unwrap();
        match (keep, released) {
            // Up to the snapshot before the last release, so that whoever released can begin again there.
            (Keep::UntilReleased, true) => assert!((2..=20_000).contains(&first), "{first}"),
            _ => assert_eq!(first, 1),
        }
        let snapshots = storage.names().into_iter().filter(|name| name.ends_with(".snap")).count();
        assert_eq!(snapshots, if released && keep == Keep::UntilReleased { 3 } else { 2 });
        let from = follow(&storage, after(21_000));
        assert_eq!(drain(&from).iter().map(|batch| batch.outcomes.len()).sum::<usize>(), 15_007);
    }
}
