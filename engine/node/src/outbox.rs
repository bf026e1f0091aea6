//! Batches that wait for the consumer, and a descriptor that is readable while there are some.
//!
//! Bounded: the replica waits for a consumer that does not keep up, then the log waits for the replica, then the queue
//! fills, then submitters hear `Overloaded`.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

use parking_lot::{Condvar, Mutex};

use crate::batch::{Batch, Refusal};

/// See the module.
pub struct Outbox {
    limit: usize,
    state: Mutex<State>,
    has_space: Condvar,
    has_batch: Condvar,
    reader: PipeReader,
    writer: PipeWriter,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    results: usize,
    last_seq: u64,
    /// The pipe holds one byte; never more, so that writing never blocks.
    is_signalled: bool,
    is_replaying: bool,
    is_closing: bool,
}

impl Outbox {
    /// Empty; holds about `limit` results. While `is_replaying`, a taker waits for what recovery found.
    pub fn new(limit: usize, last_seq: u64, is_replaying: bool) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let state = Mutex::new(State { last_seq, is_replaying, ..State::default() });
        Ok(Self { limit, state, has_space: Condvar::new(), has_batch: Condvar::new(), reader, writer })
    }

    /// Adds a batch, waiting for space unless the node is closing.
    pub fn push(&self, batch: Batch) {
        let mut state = self.state.lock();
        while state.results >= self.limit && !state.is_closing {
            self.has_space.wait(&mut state);
        }
        self.add(&mut state, batch);
    }

    /// Adds a replayed batch; false when the node is closing: nobody needs the rest.
    pub fn push_replayed(&self, batch: Batch) -> bool {
        let mut state = self.state.lock();
        while state.results >= self.limit && !state.is_closing {
            self.has_space.wait(&mut state);
        }
        if !state.is_closing {
            self.add(&mut state, batch);
        }
        !state.is_closing
    }

    /// Says which commands never reached the log.
    pub fn refuse(&self, numbers: Vec<u64>, refusal: Refusal) {
        if !numbers.is_empty() {
            let refused = numbers.into_iter().map(|number| (number, refusal)).collect();
            self.push(Batch { refused, ..Batch::default() });
        }
    }

    fn add(&self, state: &mut State, mut batch: Batch) {
        state.results += weight(&batch);
        batch.seq = batch.seq.max(state.last_seq);
        state.last_seq = batch.seq;
        state.batches.push_back(batch);
        if !state.is_signalled {
            state.is_signalled = true;
            (&self.writer).write_all(&[1]).expect("a pipe whose two ends are ours takes its one byte");
        }
        self.has_batch.notify_one();
    }

    /// Everything recovery found was pushed.
    pub fn end_replay(&self) {
        self.state.lock().is_replaying = false;
        self.has_batch.notify_all();
    }

    /// Pushes wait no more; the node is closing.
    pub fn begin_close(&self) {
        let mut state = self.state.lock();
        state.is_closing = true;
        state.is_replaying = false;
        self.has_space.notify_all();
        self.has_batch.notify_all();
    }

    /// Takes whole batches until they have `max_results` results or more; at least one if there is one.
    pub fn take(&self, max_results: usize) -> Vec<Batch> {
        let mut state = self.state.lock();
        while state.batches.is_empty() && state.is_replaying {
            self.has_batch.wait(&mut state);
        }
        let (mut taken, mut results) = (Vec::new(), 0);
        while results < max_results.max(1) {
            let Some(batch) = state.batches.pop_front() else { break };
            results += weight(&batch);
            taken.push(batch);
        }
        state.results -= results;
        if state.batches.is_empty() && std::mem::take(&mut state.is_signalled) {
            (&self.reader).read_exact(&mut [0]).expect("a pipe whose two ends are ours gives its one byte back");
        }
        if state.results < self.limit {
            self.has_space.notify_all();
        }
        taken
    }

    /// Whether a batch waits.
    pub fn is_ready(&self) -> bool {
        !self.state.lock().batches.is_empty()
    }

    /// Results that wait.
    pub fn results(&self) -> usize {
        self.state.lock().results
    }

    /// Readable while batches wait.
    pub fn notify_fd(&self) -> RawFd {
        self.reader.as_raw_fd()
    }
}

fn weight(batch: &Batch) -> usize {
    batch.outcomes.len() + batch.refused.len()
}
