//! A restart ends where the life before ended, by whatever way it gets there.

mod common;

use std::io;
use std::sync::Arc;

use common::*;
use parking_lot::Mutex;
use tandem_core::command::{Command, Origin};
use tandem_core::event::Event;
use tandem_core::types::{Seq, TimeUs};
use tandem_core::{Core, codec};
use tandem_journal::testing::FaultStorage;
use tandem_journal::{
    Config, Identity, Journal, LockOutcome, LogDir, NewSnapshot, SnapshotStore, Start, Storage, StorageFile,
};
use tandem_node::batch::Batch;
use tandem_node::queue::PAYLOAD_BYTES_MAX;
use tandem_node::recovery::{OpenError, Opened, Options, SEGMENT_BYTES_MIN, open_storage};

fn events(batches: &[Batch]) -> Vec<Event> {
    batches.iter().flat_map(|batch| batch.events.clone()).collect()
}

/// A life of so many commands; returns its events and where it ended.
fn live(storage: &FaultStorage, options: Options, commands: u64) -> (Vec<Batch>, (u64, u64)) {
    let opened = open_with(storage, options);
    let numbers = submit_all(&opened.node, setup().into_iter().chain((0..commands).map(nth_command)));
    let taken = batches(&opened.node, numbers.len());
    let end = point(&opened.node);
    (taken, end)
}

#[test]
fn a_restart_replays_the_whole_tail_to_the_same_digest_and_events() {
    let storage = FaultStorage::new();
    let (before, end) = live(&storage, options(&Fatals::default()), 5000);
    let opened = open(&storage.after_process_death());
    assert_eq!(point(&opened.node), end);
    let found = &opened.recovery;
    assert_eq!((found.snapshot_seq, found.last_seq, found.replayed), (0, 5007, 5007));
    assert!(opened.start.orders.is_empty());
    let again = replayed(&opened);
    assert!(again.iter().all(|batch| batch.is_replayed));
    assert_eq!(events(&again), events(&before));
    let outcomes: Vec<_> = again.iter().flat_map(|batch| batch.outcomes.clone()).collect();
    assert_eq!(outcomes.iter().map(|outcome| outcome.seq).collect::<Vec<_>>(), (1..=5007).collect::<Vec<_>>());
    assert!(outcomes.iter().all(|outcome| outcome.number == 0), "these were sent by another process");
    let live = run(&opened.node, [sell(100, 1)]);
    assert_eq!(live[0].seq, 5008);
    assert!(live[0].time_us >= outcomes[5006].time_us);
}

/// Some lives of 3000 commands with a snapshot every 1000.
fn with_snapshots() -> (FaultStorage, (u64, u64), Vec<Batch>) {
    let storage = FaultStorage::new();
    let opened = open_with(&storage, Options { snapshot_every: 1000, ..options(&Fatals::default()) });
    let mut taken = Vec::new();
    run(&opened.node, setup());
    for round in 0..4 {
        let numbers = submit_all(&opened.node, (round * 1000..(round + 1) * 1000).map(nth_command));
        taken.extend(batches(&opened.node, numbers.len()));
        wait_until(|| stat(&opened.node, "snapshots") == round + 1);
    }
    let numbers = submit_all(&opened.node, (4000..4500).map(nth_command));
    taken.extend(batches(&opened.node, numbers.len()));
    let end = point(&opened.node);
    drop(opened);
    (storage, end, taken)
}

fn snapshot_names(storage: &FaultStorage) -> Vec<String> {
    storage.names().into_iter().filter(|name| name.ends_with(".snap")).collect()
}

#[test]
fn a_restart_from_a_snapshot_starts_the_events_there() {
    let (storage, end, before) = with_snapshots();
    assert_eq!(snapshot_names(&storage).len(), 2, "older snapshots are removed");
    let opened = open(&storage);
    assert_eq!(point(&opened.node), end);
    let found = opened.recovery.clone();
    assert!(found.snapshot_seq >= 4000 && found.snapshot_seq == found.events_from_seq);
    assert_eq!(found.replayed, found.last_seq - found.snapshot_seq);
    // The orders at the start, followed through the events, are the orders at the end.
    let orders_at_start = opened.start.orders.len();
    assert!(orders_at_start > 0);
    assert_eq!(opened.start.markets.len(), 1);
    let again = replayed(&opened);
    let after: Vec<_> = before
        .iter()
        .flat_map(|batch| batch.iter().map(|(outcome, events, _)| (outcome.seq, events.to_vec())))
        .filter(|(seq, _)| *seq > found.events_from_seq)
        .collect();
    let replayed: Vec<_> = again
        .iter()
        .flat_map(|batch| batch.iter().map(|(outcome, events, _)| (outcome.seq, events.to_vec())))
        .collect();
    assert_eq!(replayed, after);
    let first_change = again.iter().find_map(|batch| batch.depth.first()).unwrap();
    assert_eq!(first_change.first_version, opened.start.markets[0].book_version + 1);
}

#[test]
fn a_consumer_that_is_behind_the_snapshot_gets_the_events_it_lacks() {
    let (storage, end, _) = with_snapshots();
    let newest = open(&storage).recovery.snapshot_seq;
    let opened = open_with(&storage, Options { replay_from: Some(newest - 1), ..options(&Fatals::default()) });
    assert_eq!(point(&opened.node), end);
    assert_eq!(opened.recovery.snapshot_seq, newest);
    assert!(opened.recovery.events_from_seq < newest);
    let again = replayed(&opened);
    assert_eq!(again[0].outcomes[0].seq, opened.recovery.events_from_seq + 1);
    assert_eq!(again.last().unwrap().seq, end.0);
    // Further back than anything that is kept: everything that is kept.
    drop(opened);
    let opened = open_with(&storage, Options { replay_from: Some(3), ..options(&Fatals::default()) });
    assert!(opened.recovery.events_from_seq < newest);
    assert_eq!(point(&opened.node), end);
}

#[test]
fn a_damaged_snapshot_falls_back_to_the_one_before_and_is_named() {
    let (storage, end, _) = with_snapshots();
    let newest = snapshot_names(&storage).pop().unwrap();
    storage.flip_bit(&newest, 8 * 500);
    let opened = open(&storage);
    assert_eq!(point(&opened.node), end);
    assert_eq!(opened.recovery.damaged_snapshots.len(), 1);
    assert!(opened.recovery.damaged_snapshots[0].contains(&newest), "{:?}", opened.recovery);
    assert!(opened.recovery.snapshot_seq < 4000);
}

#[test]
fn segments_that_the_snapshots_cover_are_removed_and_the_rest_is_enough() {
    let storage = FaultStorage::new();
    let opened = open_with(&storage, Options { snapshot_every: 5000, ..options(&Fatals::default()) });
    run(&opened.node, setup());
    for round in 0..10 {
        let numbers = submit_all(&opened.node, (round * 5000..(round + 1) * 5000).map(nth_command));
        batches(&opened.node, numbers.len());
        wait_until(|| stat(&opened.node, "snapshots") == round + 1);
    }
    let end = point(&opened.node);
    drop(opened);
    let segments = storage.names().iter().filter(|name| name.ends_with(".log")).count();
    assert!(segments < 5 && !storage.names().contains(&"00000000000000000001.log".into()), "{:?}", storage.names());
    assert_eq!(point(&open(&storage).node), end);
}

#[test]
fn a_requested_snapshot_is_taken_while_nothing_happens() {
    let storage = FaultStorage::new();
    let opened = open(&storage);
    opened.node.request_snapshot();
    run(&opened.node, setup());
    opened.node.request_snapshot();
    wait_until(|| stat(&opened.node, "snapshot_seq") == 7);
    opened.node.request_snapshot();
    run(&opened.node, [sell(100, 1)]);
    let end = point(&opened.node);
    drop(opened);
    let again = open(&storage);
    assert_eq!(point(&again.node), end);
    assert!(again.recovery.snapshot_seq >= 7);
}

#[test]
fn the_events_of_a_tail_are_made_no_faster_than_they_are_taken() {
    let storage = FaultStorage::new();
    live(&storage, options(&Fatals::default()), 20_000);
    let opened = open_with(&storage, Options { queue_limit: 1000, ..options(&Fatals::default()) });
    wait_until(|| stat(&opened.node, "outbox") >= 1000);
    for _ in 0..1000 {
        std::thread::yield_now();
    }
    assert!(stat(&opened.node, "outbox") < 3000);
    assert_eq!(replayed(&opened).iter().map(|batch| batch.outcomes.len()).sum::<usize>(), 20_007);
}

#[test]
fn closing_in_the_middle_of_a_replay_does_not_wait_for_the_consumer() {
    let storage = FaultStorage::new();
    let (_, end) = live(&storage, options(&Fatals::default()), 20_000);
    let opened = open_with(&storage, Options { queue_limit: 1000, ..options(&Fatals::default()) });
    opened.node.close();
    assert_eq!(point(&opened.node), end);
}

#[test]
fn a_snapshot_waits_for_the_replay_that_reads_what_it_would_remove() {
    let storage = FaultStorage::new();
    let (_, end) = live(&storage, options(&Fatals::default()), 20_000);
    let opened = open_with(&storage, Options { queue_limit: 1000, ..options(&Fatals::default()) });
    opened.node.request_snapshot();
    wait_until(|| stat(&opened.node, "outbox") >= 1000);
    assert_eq!(stat(&opened.node, "snapshots"), 0);
    replayed(&opened);
    wait_until(|| stat(&opened.node, "snapshot_seq") == end.0);
}

#[test]
fn a_long_tail_is_put_into_a_snapshot_at_once() {
    let storage = FaultStorage::new();
    let (_, end) = live(&storage, options(&Fatals::default()), 2000);
    let opened = open_with(&storage, Options { snapshot_every: 1000, ..options(&Fatals::default()) });
    replayed(&opened);
    wait_until(|| stat(&opened.node, "snapshot_seq") == end.0);
}

#[test]
fn a_log_of_a_removed_cluster_file_keeps_its_identity() {
    let storage = FaultStorage::new();
    live(&storage, options(&Fatals::default()), 10);
    let first = open(&storage).recovery.cluster_id;
    storage.tamper("CLUSTER", None);
    assert_eq!(open(&storage).recovery.cluster_id, first);
    assert_ne!(open(&FaultStorage::new()).recovery.cluster_id, first);
}

/// A journal of some other build, in which `write` has put something.
fn written_by_another_build(write: impl Fn(&mut Journal, &SnapshotStore)) -> FaultStorage {
    let storage = FaultStorage::new();
    let config = Config {
        segment_bytes: SEGMENT_BYTES_MIN,
        max_payload_bytes: PAYLOAD_BYTES_MAX,
        reserve_bytes: 256 << 10,
        min_free_bytes: 0,
        ..Config::new(Identity { cluster_id: [7; 16], shard: 0 })
    };
    let dir = LogDir::lock(Arc::new(storage.clone()), config).expect("it is empty");
    let snapshots = dir.snapshots();
    let (mut journal, _) = Journal::open(dir, Start::Genesis, |_| Ok(())).expect("it is empty");
    write(&mut journal, &snapshots);
    drop((journal, snapshots));
    storage
}

fn refusal(storage: &FaultStorage) -> String {
    let storage: Arc<dyn Storage> = Arc::new(storage.clone());
    open_storage(storage, options(&Fatals::default())).err().expect("it is refused").0
}

#[test]
fn a_log_of_commands_of_an_older_version_is_refused() {
    let mut payload = Vec::new();
    codec::encode(Origin { session: 1, number: 1 }, &setup()[0], &mut payload);
    payload[0] = 1;
    let storage = written_by_another_build(|journal, _| {
        journal.append(&[(1, &payload)]).expect("there is room");
    });
    let said = refusal(&storage);
    assert!(said.contains("seq 1: this log was written by an older build: commands of version 1"), "{said}");
    assert!(said.contains("Use the build that wrote this directory, or start in a new one"), "{said}");
}

#[test]
fn a_snapshot_of_another_version_is_refused_though_the_log_would_be_enough() {
    let mut state = Vec::new();
    Core::new().snapshot(&mut state);
    // The last byte of the magic.
    state[7] -= 1;
    let storage = written_by_another_build(|journal, snapshots| {
        journal.append(&[(1, b"no command")]).expect("there is room");
        let running_hash = journal.running_hash();
        let snapshot = NewSnapshot { seq: 1, time_us: 1, running_hash, digest: 0, payload: &state };
        snapshots.write(&snapshot).expect("there is room");
    });
    let said = refusal(&storage);
    assert!(said.starts_with("the snapshot at seq 1 was written by another build. Use the build"), "{said}");
}

#[test]
fn a_clock_that_is_behind_the_log_is_a_gauge_and_time_does_not_fall() {
    let storage = FaultStorage::new();
    let far_us = 5_000_000_000_000;
    let opened = open_with(&storage, Options { clock: Box::new(move || far_us), ..options(&Fatals::default()) });
    run(&opened.node, setup());
    assert_eq!(stat(&opened.node, "log_ahead_s"), 0);
    drop(opened);
    let mut now_us = far_us - 3_500_000;
    let clock = move || {
        now_us += 1_000_000;
        now_us
    };
    let opened = open_with(&storage, Options { clock: Box::new(clock), ..options(&Fatals::default()) });
    replayed(&opened);
    assert_eq!(stat(&opened.node, "log_ahead_s"), 2, "said before the first command");
    assert_eq!(run(&opened.node, [sell(100, 1)])[0].time_us, far_us);
    assert_eq!(stat(&opened.node, "log_ahead_s"), 1);
    run(&opened.node, [sell(100, 1)]);
    assert_eq!(run(&opened.node, [sell(100, 1)])[0].time_us, far_us + 500_000);
    assert_eq!(stat(&opened.node, "log_ahead_s"), 0);
}

/// A storage in which somebody else starts while the first start draws an identity.
struct Racy {
    inner: FaultStorage,
    rival: Mutex<Option<Result<Opened, OpenError>>>,
}

impl Storage for Racy {
    fn describe(&self) -> String {
        self.inner.describe()
    }
    fn lock(&self) -> io::Result<LockOutcome> {
        self.inner.lock()
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }
    fn open(&self, name: &str, is_writable: bool) -> io::Result<Box<dyn StorageFile>> {
        Storage::open(&self.inner, name, is_writable)
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let mut rival = self.rival.lock();
        if rival.is_none() && name.starts_with("CLUSTER") {
            *rival = Some(open_storage(Arc::new(self.inner.clone()), options(&Fatals::default())));
        }
        self.inner.create(name)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.inner.sync_dir()
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.inner.free_bytes()
    }
}

#[test]
fn of_two_first_starts_at_once_one_is_refused_and_the_directory_opens_again() {
    let storage = FaultStorage::new();
    let racy = Arc::new(Racy { inner: storage.clone(), rival: Mutex::default() });
    let first = open_storage(Arc::clone(&racy) as Arc<dyn Storage>, options(&Fatals::default())).unwrap();
    let rival = racy.rival.lock().take().expect("the rival tried");
    assert!(rival.is_err_and(|error| error.0.contains("in use by another process")));
    run(&first.node, setup());
    let (end, cluster_id) = (point(&first.node), first.recovery.cluster_id);
    drop(first);
    let again = open(&storage);
    assert_eq!((point(&again.node), again.recovery.cluster_id), (end, cluster_id));
}

#[test]
fn the_replica_is_the_core_and_nothing_else() {
    let storage = FaultStorage::new();
    let (taken, end) = live(&storage, options(&Fatals::default()), 3000);
    let commands: Vec<Command> = setup().into_iter().chain((0..3000).map(nth_command)).collect();
    let outcomes = taken.iter().flat_map(|batch| batch.outcomes.clone());
    let mut core = Core::new();
    let mut events = Vec::new();
    for (command, outcome) in commands.iter().zip(outcomes) {
        let origin = Origin { session: 1, number: outcome.number };
        let mut payload = Vec::new();
        codec::encode(origin, command, &mut payload);
        core.apply(Seq(outcome.seq), TimeUs(outcome.time_us), &payload, &mut events).unwrap();
    }
    assert_eq!((core.seq().0, core.digest()), end);
}
