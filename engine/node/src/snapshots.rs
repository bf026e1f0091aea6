//! When a snapshot is taken, and the way of a state to the thread that writes it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tandem_core::Core;

/// A core at a seq, on its way to the disk.
pub struct State {
    /// A copy, so that the replica stands still for no longer than copying takes.
    pub core: Core,
    /// The log's running hash at the core's seq.
    pub hash: u128,
}

/// Where snapshots go.
pub trait Store: Send {
    /// Makes a core's snapshot durable and drops what it replaces; `hash` is the log's at its seq. Returns what was
    /// noticed while dropping. `Ok(Err(why))`: there is no snapshot, but nothing is lost.
    ///
    /// Errors: what is on the disk is no longer known; the process has to end.
    fn write(&mut self, core: &Core, hash: u128, payload: &[u8]) -> Result<Result<Vec<String>, String>, String>;
}

/// What the snapshot thread is told.
pub enum Message {
    /// The log begins to need room.
    Pressed,
    /// Take one, unless somebody does already.
    Requested,
    /// Write this.
    State(Box<State>),
    /// There will be no more.
    Close,
}

/// Lets one snapshot through at a time.
pub struct SnapshotGate {
    every: u64,
    /// Of the latest attempt.
    last_seq: AtomicU64,
    /// Of the latest that was written.
    written_seq: AtomicU64,
    is_requested: AtomicBool,
    is_busy: AtomicBool,
    /// The log needs room.
    is_pressed: AtomicBool,
    sender: Sender<Message>,
}

impl SnapshotGate {
    /// One snapshot every so many commands after the one at `last_seq`. A gate that starts busy waits for
    /// [`Self::end`]: a replay reads what a snapshot would remove.
    pub fn new(every: u64, last_seq: u64, is_busy: bool) -> (Self, Receiver<Message>) {
        let (sender, receiver) = mpsc::channel();
        let gate = Self {
            every: every.max(1),
            last_seq: AtomicU64::new(last_seq),
            written_seq: AtomicU64::new(last_seq),
            is_requested: AtomicBool::new(false),
            is_busy: AtomicBool::new(is_busy),
            is_pressed: AtomicBool::new(false),
            sender,
        };
        (gate, receiver)
    }

    /// Asks for one soon.
    pub fn request(&self) {
        self.is_requested.store(true, Ordering::SeqCst);
        self.tell(Message::Requested);
    }

    /// Says whether the log needs the room that snapshots make.
    pub fn press(&self, is_pressed: bool) {
        if self.is_pressed.swap(is_pressed, Ordering::SeqCst) != is_pressed && is_pressed {
            self.tell(Message::Pressed);
        }
    }

    /// Whether the log needs the room that snapshots make.
    pub fn is_pressed(&self) -> bool {
        self.is_pressed.load(Ordering::SeqCst)
    }

    /// Whether one should be taken at this seq. Asked for, also where an attempt has failed before.
    pub fn is_due(&self, seq: u64) -> bool {
        let is_new = seq > self.written_seq.load(Ordering::SeqCst);
        seq.saturating_sub(self.last_seq.load(Ordering::SeqCst)) >= self.every
            || (is_new && self.is_requested.load(Ordering::SeqCst))
    }

    /// Starts one, unless the one before is still being written.
    pub fn begin(&self) -> bool {
        !self.is_busy.swap(true, Ordering::SeqCst)
    }

    /// Hands a state to the snapshot thread.
    pub fn send(&self, state: State) {
        self.is_requested.store(false, Ordering::SeqCst);
        self.last_seq.store(state.core.seq().0, Ordering::SeqCst);
        self.tell(Message::State(Box::new(state)));
    }

    /// The one at this seq is on the disk.
    pub fn written(&self, seq: u64) {
        self.written_seq.store(seq, Ordering::SeqCst);
    }

    /// The one before is written, or failed, or the replay that kept snapshots back has ended.
    pub fn end(&self) {
        self.is_busy.store(false, Ordering::SeqCst);
        if self.is_requested.load(Ordering::SeqCst) {
            self.tell(Message::Requested);
        }
    }

    /// Ends the snapshot thread when it has written what it has.
    pub fn close(&self) {
        self.tell(Message::Close);
    }

    fn tell(&self, message: Message) {
        // Without a store there is no thread that listens, and nothing to be done.
        let _ = self.sender.send(message);
    }
}

/// After a snapshot that failed, or made too little room: how long until the next is tried, at first.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The same when that went on: a state may take seconds to write, and whoever makes room is a person.
const PAUSE_MAX: Duration = Duration::from_secs(64);

/// When to try again without being asked.
pub struct Pace {
    pause: Duration,
    again: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pause: PAUSE_MIN, again: None }
    }
}

impl Pace {
    /// Waits for a message; `None` when it is time to try again.
    pub fn next(&mut self, messages: &Receiver<Message>) -> Option<Message> {
        let Some(at) = self.again else {
            return Some(messages.recv().unwrap_or(Message::Close));
        };
        match messages.recv_timeout(at.saturating_duration_since(Instant::now())) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => Some(Message::Close),
            Err(RecvTimeoutError::Timeout) => {
                self.again = None;
                None
            }
        }
    }

    /// The log begins to need room: try at once, while it still grows. Only what is kept since then is kept when it is
    /// full, for pruning goes by the older one of two snapshots.
    pub fn press(&mut self) {
        self.pause = PAUSE_MIN;
        self.again = Some(Instant::now());
    }

    /// One was tried; `is_enough`: it was written, and the log does not need more room.
    pub fn tried(&mut self, is_enough: bool) {
        let now = Instant::now();
        (self.again, self.pause) = match is_enough {
            true => (None, PAUSE_MIN),
            false => (Some(now + self.pause), (2 * self.pause).min(PAUSE_MAX)),
        };
    }
}
