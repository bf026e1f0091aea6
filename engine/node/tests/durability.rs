//! Nothing is shown before it is durable, nothing shown is lost, and a failing disk ends or refuses.

mod common;

use std::fs::File;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::*;
use parking_lot::{Condvar, Mutex};
use tandem_core::command::Command as CoreCommand;
use tandem_core::reject::RejectCode;
use tandem_journal::testing::{Dice, FaultStorage, Tear};
use tandem_journal::{LockOutcome, Storage, StorageFile};
use tandem_node::batch::Refusal;
use tandem_node::node::Fatal;
use tandem_node::queue::{PAYLOAD_BYTES_MAX, SubmitError};
use tandem_node::recovery::{Options, open_storage};

/// A storage whose syncs wait while it is shut.
#[derive(Clone, Default)]
struct Gate {
    inner: FaultStorage,
    state: Arc<(Mutex<GateState>, Condvar)>,
}

#[derive(Default)]
struct GateState {
    is_shut: bool,
    waiting: usize,
}

struct GateFile {
    inner: Box<dyn StorageFile>,
    gate: Gate,
}

impl Gate {
    fn shut(&self, is_shut: bool) {
        self.state.0.lock().is_shut = is_shut;
        self.state.1.notify_all();
    }

    fn waiting(&self) -> usize {
        self.state.0.lock().waiting
    }

    /// Only the log's own syncs wait, not those of the journal's spare or of snapshots.
    fn pass(&self) {
        if std::thread::current().name() != Some("tandem-log") {
            return;
        }
        let mut state = self.state.0.lock();
        state.waiting += 1;
        while state.is_shut {
            // A test that fails while the gate is shut must still be able to end.
            state.is_shut &= !self.state.1.wait_for(&mut state, Duration::from_secs(30)).timed_out();
        }
        state.waiting -= 1;
    }

    fn wrap(&self, inner: Box<dyn StorageFile>) -> Box<dyn StorageFile> {
        Box::new(GateFile { inner, gate: self.clone() })
    }
}

impl Storage for Gate {
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
        Ok(self.wrap(Storage::open(&self.inner, name, is_writable)?))
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        Ok(self.wrap(self.inner.create(name)?))
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

impl StorageFile for GateFile {
    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(buf, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_at(bytes, offset)
    }
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.inner.allocate(bytes)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass();
        self.inner.sync_data()
    }
}

#[test]
fn nothing_is_shown_before_it_is_durable() {
    let gate = Gate::default();
    let opened = open_storage(Arc::new(gate.clone()), options(&Fatals::default())).unwrap();
    let node = &opened.node;
    run(node, setup());
    let before = point(node);
    gate.shut(true);
    submit_all(node, [sell(100, 1), buy(100, 1)]);
    wait_until(|| gate.waiting() == 1);
    assert!(node.poll(usize::MAX).is_empty());
    assert_eq!(point(node), before);
    assert_eq!(node.replica().core().depth(MARKET, 10).unwrap().asks, []);
    gate.shut(false);
    assert_eq!(results(node, 2).len(), 2);
    assert_eq!(point(node).0, before.0 + 2);
}

#[test]
fn commands_that_wait_for_one_sync_share_the_next() {
    let gate = Gate::default();
    let opened = open_storage(Arc::new(gate.clone()), options(&Fatals::default())).unwrap();
    let node = &opened.node;
    run(node, setup());
    let syncs = stat(node, "syncs");
    gate.shut(true);
    submit_all(node, [sell(100, 1)]);
    wait_until(|| gate.waiting() == 1);
    submit_all(node, (0..500).map(|n| sell(200 + n, 1)));
    gate.shut(false);
    results(node, 501);
    assert_eq!(stat(node, "syncs"), syncs + 2);
}

#[test]
fn a_failed_sync_ends_the_node_without_an_answer_or_a_second_try() {
    let storage = FaultStorage::new();
    let fatals = Fatals::default();
    let opened = open_with(&storage, options(&fatals));
    let node = &opened.node;
    run(node, setup());
    let before = point(node);
    // The log's own, since a thread of the journal may be syncing the spare at this moment.
    storage.fail_sync_of("00000000000000000001.log", io::ErrorKind::Other);
    node.submit(&sell(100, 1)).unwrap();
    wait_until(|| !fatals.lock().is_empty());
    wait_until(|| !node.is_accepting());
    assert_eq!(fatals.lock()[0].exit_code(), 74);
    assert_eq!(point(node), before);
    let log = storage.read("00000000000000000001.log");
    let number = node.submit(&sell(101, 1)).unwrap();
    assert_eq!(refusals(node, 1), [(number, Refusal::Closed)]);
    node.close();
    assert!(storage.read("00000000000000000001.log") == log, "the log was touched after a failed sync");
    assert_eq!(fatals.lock().len(), 1);
}

#[test]
fn a_full_disk_refuses_orders_takes_cancels_and_recovers_by_itself() {
    let storage = FaultStorage::new();
    let opened = open_with(&storage, options(&Fatals::default()));
    let node = &opened.node;
    run(node, setup());
    run(node, [sell(100, 1)]);
    // The spare has to be there first: it is made by a thread of the journal.
    wait_until(|| storage.used_bytes() >= 2 << 20);
    storage.set_capacity(Some(storage.used_bytes()));
    let mut n = 0;
    while node.is_accepting() {
        let numbers = submit_all(node, (0..1000).map(|_| sell(200, 1)));
        n += numbers.len();
        batches(node, numbers.len());
        assert!(n < 100_000, "the disk never ran full");
    }
    let order = node.submit(&sell(101, 1)).unwrap();
    let cancel = node.submit(&cancel(SELLER, 1)).unwrap();
    let answers = batches(node, 2);
    let refused: Vec<_> = answers.iter().flat_map(|batch| batch.refused.clone()).collect();
    assert_eq!(refused, [(order, Refusal::DiskFull)]);
    let outcomes: Vec<_> = answers.iter().flat_map(|batch| batch.outcomes.clone()).collect();
    assert_eq!(outcomes.iter().map(|o| (o.number, o.code)).collect::<Vec<_>>(), [(cancel, None)]);
    assert_eq!(stat(node, "disk_full"), 1);
    storage.set_capacity(None);
    wait_until(|| node.is_accepting());
    assert_eq!(run(node, [sell(102, 1)])[0].code, None);
    let before = point(node);
    node.close();
    assert_eq!(point(&open(&storage).node), before);
}

#[test]
fn what_was_shown_survives_a_loss_of_power_at_any_time() {
    let mut crashes = 0;
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let storage = FaultStorage::new();
        let fatals = Fatals::default();
        let options = Options { snapshot_every: 150, ..options(&fatals) };
        let opened = open_with(&storage, options);
        run(&opened.node, setup());
        storage.crash_after(dice.below(120));
        let mut shown = Vec::new();
        let mut poll = || shown.extend(opened.node.poll(usize::MAX).into_iter().flat_map(|batch| batch.outcomes));
        for n in 0..2000 {
            opened.node.submit(&nth_command(n)).unwrap();
            if n % 16 == 0 {
                // Many small batches, so that there are many moments to crash in.
                wait_until(|| stat(&opened.node, "queue") == 0 || !opened.node.is_accepting());
                poll();
            }
            if !opened.node.is_accepting() {
                break;
            }
        }
        opened.node.close();
        shown.extend(opened.node.poll(usize::MAX).into_iter().flat_map(|batch| batch.outcomes));
        let digest = point(&opened.node);
        drop(opened);
        crashes += usize::from(!fatals.lock().is_empty());
        let after = storage.after_power_loss(Tear::Sectors(seed));
        let recovered = open(&after);
        let last_shown = shown.last().map_or(7, |outcome| outcome.seq);
        assert!(recovered.recovery.last_seq >= last_shown, "seed {seed}: {:?} lost {last_shown}", recovered.recovery);
        if recovered.recovery.last_seq == digest.0 {
            assert_eq!(point(&recovered.node), digest, "seed {seed}");
        }
        recovered.node.replica().core().check().unwrap();
        replayed(&recovered);
        run(&recovered.node, [sell(100, 1)]);
    }
    assert!(crashes > 50, "only {crashes} of 60 lives ended in a crash");
}

#[test]
fn a_consumer_that_does_not_poll_ends_in_overloaded_and_bounded_memory() {
    let storage = FaultStorage::new();
    let opened = open_with(&storage, Options { queue_limit: 100, ..options(&Fatals::default()) });
    let node = &opened.node;
    run(node, setup());
    let mut taken = 0;
    let mut is_overloaded = false;
    // The outbox takes about 100 results, the queue 100 more; some batches are between them.
    wait_until(|| {
        match node.submit(&sell(200, 1)) {
            Ok(_) => taken += 1,
            Err(SubmitError::Overloaded) => is_overloaded = true,
            Err(error) => panic!("{error:?}"),
        }
        assert!(taken < 2000, "nothing holds the submitter back");
        is_overloaded && node.stats().contains(&("queue", 100)) && stat(node, "outbox") >= 100
    });
    results(node, taken);
    run(node, [sell(100, 1)]);
}

#[test]
fn closing_finishes_what_was_taken_and_refuses_what_comes_later() {
    let storage = FaultStorage::new();
    let opened = open_with(&storage, Options { queue_limit: 5000, ..options(&Fatals::default()) });
    let node = &opened.node;
    run(node, setup());
    let taken = submit_all(node, (0..4000).map(|_| sell(200, 1)));
    node.close();
    node.close();
    assert!(!node.is_accepting());
    let late = node.submit(&sell(200, 1)).unwrap();
    let answers = batches(node, taken.len() + 1);
    let numbers: Vec<u64> = answers.iter().flat_map(|batch| &batch.outcomes).map(|outcome| outcome.number).collect();
    assert_eq!(numbers, taken);
    assert_eq!(answers.iter().flat_map(|batch| batch.refused.clone()).collect::<Vec<_>>(), [(late, Refusal::Closed)]);
    let before = point(node);
    drop(opened);
    assert_eq!(point(&open(&storage).node), before);
}

#[test]
fn a_fatal_error_has_an_exit_code_by_whose_fault_it_is() {
    assert_eq!(Fatal::Storage(String::new()).exit_code(), 74);
    assert_eq!(Fatal::Broken(String::new()).exit_code(), 70);
}

#[test]
fn a_command_that_is_too_long_is_refused_before_it_gets_a_number() {
    let named = |len: usize| CoreCommand::CreateAccount { name: "x".repeat(len) };
    let fatals = Fatals::default();
    let opened = open_with(&FaultStorage::new(), options(&fatals));
    let node = &opened.node;
    let numbers = submit_all(node, setup());
    // Version, kind, origin and the length before the name.
    let fixed = 1 + 1 + 16 + 4;
    let longest = PAYLOAD_BYTES_MAX as usize - fixed;
    let refused = Err(SubmitError::TooLarge(PAYLOAD_BYTES_MAX as usize + 1));
    assert_eq!(node.submit(&named(longest + 1)), refused);
    let next = node.submit(&named(longest)).unwrap();
    assert_eq!(next, numbers.len() as u64 + 1, "the refused one used no number");
    let outcomes = results(node, numbers.len() + 1);
    assert_eq!(outcomes.last().unwrap().code, Some(RejectCode::NameInvalid));
    // Alone in an empty queue, too.
    assert_eq!(node.submit(&named(longest + 1)), refused);
    assert_eq!(run(node, [sell(100, 1)])[0].code, None);
    assert_eq!(*fatals.lock(), []);
}

/// Runs one test of this file in a process of its own; returns its exit code.
fn run_alone(test: &str, stderr: impl Into<Stdio>) -> Option<i32> {
    let mut child = Command::new(std::env::current_exe().expect("a test is a program"));
    child.args([test, "--exact", "--nocapture"]).env(IS_CHILD, "1");
    child.stdout(Stdio::null()).stderr(stderr).status().expect("it starts").code()
}

const IS_CHILD: &str = "TANDEM_TEST_IS_CHILD";

fn full_stderr() -> File {
    File::options().write(true).open("/dev/full").expect("Linux has it")
}

fn exit_code_of(fatal: Fatal, test: &str) {
    let code = fatal.exit_code();
    if std::env::var_os(IS_CHILD).is_some() {
        // As in the node: a thread that panics does not end the process by itself.
        let _ = std::thread::spawn(|| fatal.exit()).join();
        std::process::exit(1);
    }
    assert_eq!(run_alone(test, full_stderr()), Some(code), "no space for the message");
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(run_alone(test, writer), Some(code), "nobody reads the message");
    let (_reader, writer) = io::pipe().expect("a pipe");
    // More than a pipe takes, by a thread that waits until the reader is dropped.
    let mut filler = writer.try_clone().expect("a pipe");
    std::thread::spawn(move || filler.write_all(&vec![b'x'; 4 << 20]));
    assert_eq!(run_alone(test, writer), Some(code), "the reader of the message has stopped");
}

#[test]
fn a_failed_log_ends_the_process_though_stderr_cannot_be_written() {
    exit_code_of(
        Fatal::Storage("fsync failed".into()),
        "a_failed_log_ends_the_process_though_stderr_cannot_be_written",
    );
}

#[test]
fn a_broken_invariant_ends_the_process_though_stderr_cannot_be_written() {
    exit_code_of(Fatal::Broken("funds".into()), "a_broken_invariant_ends_the_process_though_stderr_cannot_be_written");
}

#[test]
fn a_full_disk_is_survived_though_stderr_cannot_be_written() {
    let test = "a_full_disk_refuses_orders_takes_cancels_and_recovers_by_itself";
    assert_eq!(run_alone(test, full_stderr()), Some(0));
}
