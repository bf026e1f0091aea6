//! When a snapshot is taken, and the way of a state to the thread that writes it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

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
    /// Makes a core's snapshot durable and drops what it replaces; `hash` is the log's at its seq. `Ok(Err(why))`: it could not, but nothing is lost.
    ///
    /// Errors: what is on the disk is no longer known; the process has to end.
    fn write(&mut self, core: &Core, hash: u128, payload: &[u8]) -> Result<Result<(), String>, String>;
}

/// What the snapshot thread is told.
pub enum Message {
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
    last_seq: AtomicU64,
    is_requested: AtomicBool,
    is_busy: AtomicBool,
    sender: Sender<Message>,
}

impl SnapshotGate {
    /// One snapshot every so many commands after the one at `last_seq`. A gate that starts busy waits for
    /// [`Self::end`]: a replay reads what a snapshot would remove.
    pub fn new(every: u64, last_seq: u64, is_busy: bool) -> (Self, Receiver<Message>) {
        let (sender, receiver) = mpsc::channel();
        let (is_requested, is_busy) = (AtomicBool::new(false), AtomicBool::new(is_busy));
        (Self { every: every.max(1), last_seq: AtomicU64::new(last_seq), is_requested, is_busy, sender }, receiver)
    }

    /// Asks for one soon.
    pub fn request(&self) {
        self.is_requested.store(true, Ordering::SeqCst);
        self.tell(Message::Requested);
    }

    /// Whether one should be taken at this seq.
    pub fn is_due(&self, seq: u64) -> bool {
        let after = seq.saturating_sub(self.last_seq.load(Ordering::SeqCst));
        after >= self.every || (after > 0 && self.is_requested.load(Ordering::SeqCst))
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
