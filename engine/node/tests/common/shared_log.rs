//! A log in memory that several nodes append to and follow, like a partition of a broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex};
use tandem_core::Core;
use tandem_node::log::{AppendError, Entries, Log, Records, Space, Tail};
use tandem_node::node::{Fatal, Node, Settings, Start};
use tandem_node::replica::Replica;
use tandem_node::stats::Stats;

#[derive(Default)]
struct State {
    payloads: Mutex<Vec<Vec<u8>>>,
    changed: Condvar,
    /// Nothing gets in.
    is_full: AtomicBool,
    /// What may use the reserve still gets in.
    has_reserve: AtomicBool,
}

/// See the module.
#[derive(Clone, Default)]
pub struct SharedLog(Arc<State>);

pub struct Writer {
    log: SharedLog,
    is_closed: Arc<AtomicBool>,
}

pub struct Follower {
    log: SharedLog,
    is_closed: Arc<AtomicBool>,
    next: usize,
}

impl SharedLog {
    /// A writer, and a follower of what comes after `seq`.
    pub fn ends(&self, seq: u64) -> (Writer, Follower) {
        let is_closed = Arc::new(AtomicBool::new(false));
        let writer = Writer { log: self.clone(), is_closed: Arc::clone(&is_closed) };
        (writer, Follower { log: self.clone(), is_closed, next: seq as usize })
    }

    pub fn push(&self, payload: Vec<u8>) {
        self.0.payloads.lock().push(payload);
        self.0.changed.notify_all();
    }

    pub fn last(&self) -> Vec<u8> {
        self.0.payloads.lock().last().expect("it is not empty").clone()
    }

    /// Whether there is no room, and whether there is still the reserve.
    pub fn set_full(&self, is_full: bool, has_reserve: bool) {
        self.0.is_full.store(is_full, Ordering::SeqCst);
        self.0.has_reserve.store(has_reserve, Ordering::SeqCst);
    }
}

impl Log for Writer {
    fn append(&mut self, entries: Entries, space: Space) -> Result<(), AppendError> {
        let may = space == Space::Reserve && self.log.0.has_reserve.load(Ordering::SeqCst);
        if !self.has_room() && !may {
            return Err(AppendError::Full(entries));
        }
        self.log.0.payloads.lock().extend(entries.iter().map(|(_, payload)| payload.to_vec()));
        self.log.0.changed.notify_all();
        Ok(())
    }

    fn has_room(&mut self) -> bool {
        !self.log.0.is_full.load(Ordering::SeqCst)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _payloads = self.log.0.payloads.lock();
        self.is_closed.store(true, Ordering::SeqCst);
        self.log.0.changed.notify_all();
    }
}

impl Tail for Follower {
    fn next(&mut self) -> Result<Option<Records>, String> {
        let mut payloads = self.log.0.payloads.lock();
        while payloads.len() == self.next {
            if self.is_closed.load(Ordering::SeqCst) {
                return Ok(None);
            }
            self.log.0.changed.wait(&mut payloads);
        }
        let mut entries = Entries::default();
        payloads[self.next..].iter().for_each(|payload| entries.push(0, false, payload));
        let first_seq = self.next as u64 + 1;
        self.next = payloads.len();
        Ok(Some(entries.into_records(first_seq, 1, 0)))
    }
}

/// A node without snapshots that follows the log from its start.
pub fn node_on(log: &SharedLog, session: u64) -> Node {
    node_after(log, Core::new(), session)
}

/// The same from where `core` is.
pub fn node_after(log: &SharedLog, core: Core, session: u64) -> Node {
    let (writer, follower) = log.ends(core.seq().0);
    let start = Start { replica: Replica::new(core, 0, Some(session)), replay: None, store: None, snapshot_seq: 0 };
    let on_fatal = Arc::new(|fatal: Fatal| assert_eq!(Some(fatal), None));
    let settings = Settings { session, queue_limit: 10_000, snapshot_every: 10, on_fatal };
    Node::start(writer, follower, start, settings, Arc::new(Stats::default())).expect("the node starts")
}
