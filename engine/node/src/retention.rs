//! How much of the log is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// When segments of the log are deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Never.
    #[default]
    Everything,
    /// When two verified snapshots cover them.
    UntilCovered,
    /// When they are covered, and released by whoever needs their records.
    UntilReleased,
}

/// Up to where segments may be deleted that are covered; clones share it.
#[derive(Clone, Debug)]
pub struct Retention {
    keep: Keep,
    released_seq: Arc<AtomicU64>,
}

impl Retention {
    /// Nothing is released so far.
    pub fn new(keep: Keep) -> Self {
        let released_seq = if keep == Keep::UntilCovered { u64::MAX } else { 0 };
        Self { keep, released_seq: Arc::new(AtomicU64::new(released_seq)) }
    }

    /// The records up to this seq are needed no more; never takes a release back.
    pub fn release(&self, seq: u64) {
        if self.keep == Keep::UntilReleased {
            self.released_seq.fetch_max(seq, Ordering::Relaxed);
        }
    }

    /// What is needed to follow the log from here on is kept.
    pub fn released_seq(&self) -> u64 {
        self.released_seq.load(Ordering::Relaxed)
    }
}
