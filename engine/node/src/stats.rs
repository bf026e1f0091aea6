//! Counters and gauges, written by the threads and read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// See the module.
        #[derive(Debug, Default)]
        pub struct Stats { $($(#[$doc])* pub $name: Stat),+ }

        impl Stats {
            /// Every name with its value now.
            pub fn values(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get())),+]
            }
        }
    };
}

stats!(
    /// Applied in this life, without replay.
    commands,
    /// Appends that succeeded.
    batches,
    /// Commands in the latest append.
    batch_last,
    /// Commands that never reached the log.
    refused,
    /// Completed syncs.
    syncs,
    /// Time in sync, in all.
    sync_ns_total,
    /// The slowest sync.
    sync_ns_max,
    /// Time in which the replica was locked for applying, in all.
    apply_ns_total,
    /// The latest command of the replica.
    last_seq,
    /// The latest command whose snapshot is on the disk.
    snapshot_seq,
    /// Snapshots written in this life.
    snapshots,
    /// Snapshots that could not be written.
    snapshots_failed,
    /// Size of the latest snapshot's state.
    snapshot_bytes,
    /// How long the replica stood still for the latest snapshot.
    snapshot_pause_ns,
    /// How long writing the latest snapshot took, in the background.
    snapshot_write_ns,
    /// Size of the log.
    log_bytes,
    /// 1 while orders are refused for lack of space.
    disk_full,
);

/// One counter or gauge. Relaxed: each stands alone.
#[derive(Debug, Default)]
pub struct Stat(AtomicU64);

impl Stat {
    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces the value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to the value.
    pub fn add(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    /// Raises the value to at least this.
    pub fn raise(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

/// Saturating, as 64 bits of nanoseconds last 584 years.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
