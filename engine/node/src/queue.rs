//! The bounded queue of commands between the submitters and the log thread.
//!
//! One mutex guards number, encoding and place in the queue, so that the numbers of a session rise in log order: the
//! core takes a lower number for a repetition.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tandem_core::codec;
use tandem_core::command::{Command, Origin};

use crate::log::Entries;

/// Most commands in one append, so that one batch is applied in about a millisecond.
pub const BATCH_MAX: usize = 4096;

/// Longest payload of a command; more than any command takes that the core accepts. The journal refuses a longer one,
/// which would be fatal there.
pub const PAYLOAD_BYTES_MAX: u32 = 4096;

/// Payload bytes after which a batch takes no more, so that it fits the smallest segment.
const BATCH_BYTES: usize = 384 << 10;

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// The queue is full; nothing was taken.
    Overloaded,
    /// The command takes so many bytes, more than [`PAYLOAD_BYTES_MAX`]; nothing was taken.
    TooLarge(usize),
    /// The queue is closed. The number was used up.
    Closed(u64),
}

/// What the log thread woke up for.
#[derive(Debug)]
pub enum Taken {
    /// Commands, at least one.
    Entries(Entries),
    /// The wait timed out.
    Nothing,
    /// Closed, and everything was taken.
    Closed,
}

/// See the module.
pub struct Queue {
    session: u64,
    limit: usize,
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    batches: VecDeque<Entries>,
    len: usize,
    last_number: u64,
    is_closed: bool,
    is_waiting: bool,
    /// Where a command is encoded before it is known to fit.
    payload: Vec<u8>,
}

impl Queue {
    /// An empty queue for one session.
    pub fn new(session: u64, limit: usize) -> Self {
        let state = State {
            batches: VecDeque::new(),
            len: 0,
            last_number: 0,
            is_closed: false,
            is_waiting: false,
            payload: Vec::new(),
        };
        Self { session, limit, state: Mutex::new(state), wake: Condvar::new() }
    }

    /// Numbers, encodes and queues a command; the number identifies its result.
    pub fn push(&self, command: &Command) -> Result<u64, SubmitError> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if state.len >= self.limit {
            return Err(SubmitError::Overloaded);
        }
        let number = state.last_number + 1;
        if state.is_closed {
            state.last_number = number;
            return Err(SubmitError::Closed(number));
        }
        state.encode(Origin { session: self.session, number }, command)?;
        state.last_number = number;
        let has_reserve =
            matches!(command, Command::CancelOrder(_) | Command::CancelAll { .. } | Command::CancelList(_));
        state.add(number, has_reserve);
        self.wake(guard);
        Ok(number)
    }

    /// Queues `RunReleases`, which is nobody's, whether there is space or not; false when the queue is closed.
    pub fn push_releases(&self) -> bool {
        let mut guard = self.state.lock();
        if guard.is_closed || guard.encode(Origin::default(), &Command::RunReleases).is_err() {
            return false;
        }
        guard.add(0, true);
        self.wake(guard);
        true
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let is_waiting = std::mem::take(&mut state.is_waiting);
        drop(state);
        if is_waiting {
            self.wake.notify_one();
        }
    }

    /// Waits for commands, for a close, or for the timeout.
    pub fn take(&self, timeout: Option<Duration>) -> Taken {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.state.lock();
        loop {
            if let Some(entries) = state.batches.pop_front() {
                state.len -= entries.len();
                return Taken::Entries(entries);
            }
            if state.is_closed {
                return Taken::Closed;
            }
            state.is_waiting = true;
            match deadline {
                None => self.wake.wait(&mut state),
                Some(deadline) => {
                    if self.wake.wait_until(&mut state, deadline).timed_out() {
                        state.is_waiting = false;
                        return Taken::Nothing;
                    }
                }
            }
        }
    }

    /// Takes no more commands; what is queued can still be taken.
    pub fn close(&self) {
        self.state.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// Commands that wait.
    pub fn len(&self) -> usize {
        self.state.lock().len
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it takes no more.
    pub fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }
}

impl State {
    /// Adds what is encoded in `payload`.
    fn add(&mut self, number: u64, has_reserve: bool) {
        self.len += 1;
        let is_full = |batch: &Entries| batch.len() >= BATCH_MAX || batch.bytes() >= BATCH_BYTES;
        if self.batches.back().is_none_or(is_full) {
            self.batches.push_back(Entries::default());
        }
        if let Some(batch) = self.batches.back_mut() {
            batch.push(number, has_reserve, &self.payload);
        }
    }

    /// Encodes a command into `payload`; the one that is too long leaves nothing behind.
    fn encode(&mut self, origin: Origin, command: &Command) -> Result<(), SubmitError> {
        self.payload.clear();
        codec::encode(origin, command, &mut self.payload);
        let len = self.payload.len();
        if len > PAYLOAD_BYTES_MAX as usize {
            self.payload = Vec::new();
            return Err(SubmitError::TooLarge(len));
        }
        Ok(())
    }
}
