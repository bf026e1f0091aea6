//! The threads of one shard: queue -> log -> replica -> outbox.
//!
//! The log thread appends everything that waits, with one sync for all of it, while the replica thread applies the batch
//! before. The replica only ever sees what is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tandem_core::command::Command;
use tandem_core::{Broken, Core};

use crate::admission::Admission;
use crate::batch::{Batch, Refusal};
use crate::log::{AppendError, Entries, Log, Records, Space, Tail};
use crate::notice::{say, say_last};
use crate::outbox::Outbox;
use crate::queue::{Queue, SubmitError, Taken};
use crate::replay::Replay;
use crate::replica::{Replica, SharedReplica};
use crate::snapshots::{Message, Pace, SnapshotGate, State, Store};
use crate::stats::{Stats, nanoseconds};

/// Most results in one published batch, so that its consumer never works on one for long.
pub(crate) const PUBLISH_MAX: usize = 1024;
/// How many commands a query waits for at most; a few dozen microseconds.
const APPLIED_PER_TURN: usize = 64;
/// How often a full disk is looked at again.
const ROOM_CHECK: Duration = Duration::from_millis(200);
/// How often the operator is told about the disk at most.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Why the process has to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fatal {
    /// What is on the disk is no longer known, or can no longer be read.
    Storage(String),
    /// An invariant of the core is broken.
    Broken(String),
}

impl Fatal {
    /// The process's exit code, as in sysexits.h: EX_IOERR or EX_SOFTWARE.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Storage(_) => 74,
            Self::Broken(_) => 70,
        }
    }

    /// Says why on stderr, if it takes it, and ends the process.
    pub fn exit(self) {
        match &self {
            Self::Storage(what) => say_last(format!("ending, because the log failed: {what}")),
            Self::Broken(what) => say_last(format!("ending, because an invariant is broken: {what}")),
        }
        std::process::exit(self.exit_code());
    }
}

/// What is done about a [`Fatal`]; tests look at it, everybody else exits.
pub type OnFatal = Arc<dyn Fn(Fatal) + Send + Sync>;

/// What a node needs beside its log.
pub struct Settings {
    /// Identifies this process in the origin of its commands.
    pub session: u64,
    /// Most commands that wait for the log, and about the most results that wait for the consumer.
    pub queue_limit: usize,
    /// Commands between two snapshots.
    pub snapshot_every: u64,
    /// What to do when the process has to end.
    pub on_fatal: OnFatal,
}

/// Where a node starts from.
pub struct Start {
    /// Follows the log up to its end.
    pub replica: Replica,
    /// The events of the replayed tail, made again for the consumer.
    pub replay: Option<Replay>,
    /// Where snapshots go, if any are wanted.
    pub store: Option<Box<dyn Store>>,
    /// The seq of the snapshot that recovery started from.
    pub snapshot_seq: u64,
}

/// One shard at work.
pub struct Node {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    queue: Queue,
    outbox: Outbox,
    replica: SharedReplica,
    stats: Arc<Stats>,
    is_full: AtomicBool,
    /// A `RunReleases` is on its way.
    is_releasing: AtomicBool,
    snapshots: SnapshotGate,
    on_fatal: OnFatal,
}

impl Node {
    /// Starts the threads.
    pub fn start(
        log: impl Log,
        tail: impl Tail,
        start: Start,
        settings: Settings,
        stats: Arc<Stats>,
    ) -> std::io::Result<Self> {
        let last_seq = start.replica.core().seq().0;
        stats.last_seq.set(last_seq);
        stats.snapshot_seq.set(start.snapshot_seq);
        let (snapshots, states) = SnapshotGate::new(
            if start.store.is_some() { settings.snapshot_every } else { u64::MAX },
            start.snapshot_seq,
            start.replay.is_some() || start.store.is_none(),
        );
        let shared = Arc::new(Shared {
            queue: Queue::new(settings.session, settings.queue_limit),
            outbox: Outbox::new(settings.queue_limit, start.snapshot_seq, start.replay.is_some())?,
            replica: Arc::new(Mutex::new(start.replica)),
            stats,
            is_full: AtomicBool::new(false),
            is_releasing: AtomicBool::new(false),
            snapshots,
            on_fatal: settings.on_fatal,
        });
        let spawn = |name: &str, body: Box<dyn FnOnce(&Shared) + Send>| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(name.into()).spawn(move || shared.survive(|| body(&shared)))
        };
        let (replay, store) = (start.replay, start.store);
        let threads = vec![
            spawn("tandem-log", Box::new(move |shared| run_log(shared, log)))?,
            spawn("tandem-replica", Box::new(move |shared| run_replica(shared, tail, replay)))?,
            spawn("tandem-snapshot", Box::new(move |shared| run_snapshots(shared, &states, store)))?,
        ];
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    /// Queues a command; the outcome with the returned number comes from [`Self::poll`].
    pub fn submit(&self, command: &Command) -> Result<u64, SubmitError> {
        match self.shared.queue.push(command) {
            Err(SubmitError::Closed(number)) => {
                self.shared.outbox.refuse(vec![number], Refusal::Closed);
                Ok(number)
            }
            other => other,
        }
    }

    /// Takes what happened: whole batches, about `max_results` results.
    pub fn poll(&self, max_results: usize) -> Vec<Batch> {
        self.shared.outbox.take(max_results)
    }

    /// Whether [`Self::poll`] would return at once.
    pub fn is_poll_ready(&self) -> bool {
        self.shared.outbox.is_ready()
    }

    /// Readable while [`Self::poll`] has something.
    pub fn notify_fd(&self) -> std::os::fd::RawFd {
        self.shared.outbox.notify_fd()
    }

    /// The replica; keep it for a moment only.
    pub fn replica(&self) -> MutexGuard<'_, Replica> {
        self.shared.replica.lock()
    }

    /// The replica, for a reader that lives longer than the node.
    pub fn shared_replica(&self) -> SharedReplica {
        Arc::clone(&self.shared.replica)
    }

    /// Whether orders are taken.
    pub fn is_accepting(&self) -> bool {
        !self.shared.is_full.load(Ordering::Acquire) && !self.shared.queue.is_closed()
    }

    /// Asks for a snapshot soon.
    pub fn request_snapshot(&self) {
        self.shared.snapshots.request();
    }

    /// Counters and gauges, the queues' lengths among them.
    pub fn stats(&self) -> Vec<(&'static str, u64)> {
        let mut values = self.shared.stats.values();
        values.push(("queue", self.shared.queue.len() as u64));
        values.push(("outbox", self.shared.outbox.results() as u64));
        values
    }

    /// Takes no more commands, finishes those taken, stops the threads. A second call waits for the first.
    pub fn close(&self) {
        self.shared.outbox.begin_close();
        self.shared.queue.close();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has already said so on stderr, and there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn refuse(&self, mut numbers: Vec<u64>, refusal: Refusal) {
        let count = numbers.len();
        numbers.retain(|number| *number != 0);
        if numbers.len() < count {
            // Nobody waits for the node's own, and there will be another when there is room.
            self.is_releasing.store(false, Ordering::SeqCst);
        }
        self.stats.refused.add(numbers.len() as u64);
        self.outbox.refuse(numbers, refusal);
    }

    /// Sees to it that the core carries on with what one command did not get to; one command at a time does.
    fn carry_on(&self, core: &Core) {
        if core.releases() > 0 && !self.is_releasing.swap(true, Ordering::SeqCst) && !self.queue.push_releases() {
            // Closed: what is left is carried on with in the next life.
            self.is_releasing.store(false, Ordering::SeqCst);
        }
    }

    fn die(&self, fatal: Fatal) {
        (self.on_fatal)(fatal);
        self.outbox.begin_close();
        self.queue.close();
        self.snapshots.close();
    }

    /// A thread that panics takes the process with it: what it leaves behind is nobody's to use.
    fn survive(&self, body: impl FnOnce()) {
        if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
            let what = panic.downcast_ref::<String>().map(String::as_str);
            let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a thread panicked");
            self.die(Fatal::Broken(what.to_owned()));
        }
    }
}

/// The log thread: appends what waits in the queue until it is closed and empty; refuses what finds no room.
struct Appender<'a, L> {
    shared: &'a Shared,
    log: L,
    admission: Admission,
    /// What the operator was told last, and when.
    said: (bool, Option<Instant>),
}

fn run_log(shared: &Shared, log: impl Log) {
    let mut appender = Appender { shared, log, admission: Admission::default(), said: (false, None) };
    if let Err(what) = appender.run() {
        shared.die(Fatal::Storage(what));
    }
}

impl<L: Log> Appender<'_, L> {
    /// Errors: only fatal ones.
    fn run(&mut self) -> Result<(), String> {
        loop {
            let looks_again = self.is_full() || self.said.0;
            match self.shared.queue.take(looks_again.then_some(ROOM_CHECK)) {
                Taken::Entries(entries) => self.append(entries)?,
                Taken::Nothing if self.is_full() => {
                    let is_full = !self.log.has_room();
                    self.set_full(is_full);
                }
                Taken::Nothing => self.say_whether_full(),
                Taken::Closed => return Ok(()),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.shared.is_full.load(Ordering::Relaxed)
    }

    fn append(&mut self, entries: Entries) -> Result<(), String> {
        let count = entries.len() as u64;
        let entries = if self.is_full() && !self.log.has_room() {
            entries
        } else {
            match self.log.append(entries, Space::Ordinary) {
                Ok(()) => {
                    self.set_full(false);
                    // Before it is full: what is dropped then lies before the last but one snapshot.
                    self.shared.snapshots.press(self.log.is_running_out());
                    self.shared.stats.batches.add(1);
                    self.shared.stats.batch_sizes.record(count);
                    return Ok(());
                }
                Err(AppendError::Full(entries)) => entries,
                Err(AppendError::Fatal(what)) => return Err(what),
            }
        };
        self.set_full(true);
        self.shared.snapshots.press(true);
        self.append_cancels(&entries)
    }

    fn append_cancels(&mut self, entries: &Entries) -> Result<(), String> {
        // The replica may be some batches behind: a cancel right after its order is refused, and can be sent again.
        let (cancels, others) = self.admission.admit(self.shared.replica.lock().core(), entries);
        self.shared.refuse(others, Refusal::DiskFull);
        if cancels.is_empty() {
            return Ok(());
        }
        match self.log.append(cancels, Space::Reserve) {
            Ok(()) => Ok(()),
            Err(AppendError::Full(cancels)) => {
                self.admission.clear();
                self.shared.refuse(cancels.numbers(), Refusal::DiskFull);
                Ok(())
            }
            Err(AppendError::Fatal(what)) => Err(what),
        }
    }

    fn set_full(&mut self, is_full: bool) {
        self.shared.stats.disk_full.set(u64::from(is_full));
        let was_full = self.shared.is_full.swap(is_full, Ordering::AcqRel);
        if was_full && !is_full {
            self.admission.clear();
            self.shared.carry_on(self.shared.replica.lock().core());
        }
        self.say_whether_full();
    }

    /// Not too often: a quota, or a lack of inodes, looks like room until something is written.
    fn say_whether_full(&mut self) {
        let is_full = self.is_full();
        let (said, at) = self.said;
        if is_full != said && at.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            self.said = (is_full, Some(Instant::now()));
            let what =
                if is_full { "the disk is full; taking cancels only" } else { "there is room on the disk again" };
            say(format_args!("{what}"));
        }
    }
}

/// Publishes what recovery replayed, then applies what comes out of the log until it ends.
fn run_replica(shared: &Shared, mut tail: impl Tail, replay: Option<Replay>) {
    if let Some(replay) = replay {
        let expected = {
            let replica = shared.replica.lock();
            (replica.core().seq().0, replica.core().digest())
        };
        if let Err(fatal) = replay.publish(&shared.outbox, expected) {
            return shared.die(fatal);
        }
        shared.outbox.end_replay();
        shared.snapshots.end();
        if shared.snapshots.is_due(expected.0) {
            // A long tail is not replayed twice.
            shared.snapshots.request();
        }
    }
    shared.carry_on(shared.replica.lock().core());
    loop {
        let applied = match tail.next() {
            Ok(Some(records)) => apply(shared, &records).map_err(|broken| Fatal::Broken(broken.to_string())),
            Ok(None) => return shared.snapshots.close(),
            Err(what) => Err(Fatal::Storage(what)),
        };
        if let Err(fatal) = applied {
            return shared.die(fatal);
        }
    }
}

fn apply(shared: &Shared, records: &Records) -> Result<(), Broken> {
    let mut records_left = records.iter().peekable();
    while records_left.peek().is_some() {
        let mut batch = Batch::default();
        let mut replica = shared.replica.lock();
        let started = Instant::now();
        for (count, record) in records_left.by_ref().take(PUBLISH_MAX).enumerate() {
            replica.apply(&record, &mut batch)?;
            if count % APPLIED_PER_TURN == APPLIED_PER_TURN - 1 {
                MutexGuard::bump(&mut replica);
            }
        }
        replica.finish(&mut batch);
        let stats = &shared.stats;
        stats.apply_ns_total.add(nanoseconds(started.elapsed()));
        stats.commands.add(batch.outcomes.len() as u64);
        stats.last_seq.set(batch.seq);
        if records_left.peek().is_none() {
            replica.end_of_records(records.hash());
            if replica.take_has_run_releases() {
                shared.is_releasing.store(false, Ordering::SeqCst);
                stats.release_runs.add(1);
            }
            shared.carry_on(replica.core());
            if shared.snapshots.is_due(batch.seq) {
                take_state(shared, &replica);
            }
        }
        drop(replica);
        shared.outbox.push(batch);
    }
    Ok(())
}

/// Copies the state for the snapshot thread; the replica stands still meanwhile.
fn take_state(shared: &Shared, replica: &Replica) {
    let Some(hash) = replica.hash() else { return };
    if !shared.snapshots.begin() {
        return;
    }
    let started = Instant::now();
    let core = replica.core().clone();
    shared.stats.snapshot_pause_ns.set(nanoseconds(started.elapsed()));
    shared.snapshots.send(State { core, hash });
}

/// Writes snapshots until the replica thread has ended.
fn run_snapshots(shared: &Shared, messages: &Receiver<Message>, store: Option<Box<dyn Store>>) {
    let Some(store) = store else { return };
    let mut writer = SnapshotWriter { shared, store, known: Vec::new() };
    let mut pace = Pace::default();
    loop {
        match pace.next(messages) {
            None => shared.snapshots.request(),
            Some(Message::Pressed) => pace.press(),
            Some(Message::Requested) => {
                let replica = shared.replica.lock();
                if replica.hash().is_some() && shared.snapshots.is_due(replica.core().seq().0) {
                    take_state(shared, &replica);
                }
            }
            Some(Message::State(state)) => match writer.write(&state) {
                Ok(is_written) => pace.tried(is_written && !shared.snapshots.is_pressed()),
                Err(fatal) => return shared.die(fatal),
            },
            Some(Message::Close) => return,
        }
    }
}

struct SnapshotWriter<'a> {
    shared: &'a Shared,
    store: Box<dyn Store>,
    /// What was noticed last time, which is not said again.
    known: Vec<String>,
}

impl SnapshotWriter<'_> {
    /// Whether it was written. One that finds no room is only missed: the log has everything.
    ///
    /// Errors: only fatal ones.
    fn write(&mut self, State { core, hash }: &State) -> Result<bool, Fatal> {
        // A snapshot outlives the log that it was made of, so nothing broken may get into one.
        core.check().map_err(|broken| Fatal::Broken(broken.to_string()))?;
        let started = Instant::now();
        let mut payload = Vec::new();
        core.snapshot(&mut payload);
        let written = self.store.write(core, *hash, &payload).map_err(Fatal::Storage)?;
        if written.is_ok() {
            self.shared.snapshots.written(core.seq().0);
        }
        // Whoever sees it counted may count on the next one.
        self.shared.snapshots.end();
        let stats = &self.shared.stats;
        stats.snapshot_bytes.set(payload.len() as u64);
        match written {
            Ok(findings) => {
                stats.snapshot_seq.set(core.seq().0);
                stats.snapshot_write_ns.set(nanoseconds(started.elapsed()));
                stats.snapshots.add(1);
                self.report(findings);
                Ok(true)
            }
            Err(what) => {
                stats.snapshots_failed.add(1);
                say(format_args!("the snapshot at seq {} was not written: {what}", core.seq()));
                Ok(false)
            }
        }
    }

    fn report(&mut self, findings: Vec<String>) {
        for finding in findings.iter().filter(|finding| !self.known.contains(finding)) {
            self.shared.stats.findings.add(1);
            say(format_args!("warning: {finding}"));
        }
        self.known = findings;
    }
}
