//! Counters and gauges, written by the threads and read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// See the module.
        #[derive(Debug, Default)]
        pub struct Stats {
            $($(#[$doc])* pub $name: Stat,)+
            /// Nanoseconds of each sync.
            pub sync_ns: Histogram,
            /// Commands of each append.
            pub batch_sizes: Histogram,
        }

        impl Stats {
            /// Every name with its value now.
            pub fn values(&self) -> Vec<(&'static str, u64)> {
                vec![
                    $((stringify!($name), self.$name.get()),)+
                    ("sync_ns_p50", self.sync_ns.percentile(50)),
                    ("sync_ns_p99", self.sync_ns.percentile(99)),
                    ("batch_p50", self.batch_sizes.percentile(50)),
                ]
            }
        }
    };
}

stats!(
    /// Applied in this life, without replay.
    commands,
    /// Times the node itself let triggered orders and activated lists go on.
    release_runs,
    /// Appends that succeeded.
    batches,
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
    /// Doubts that kept the journal from dropping what a snapshot replaces.
    findings,
    /// Size of the latest snapshot's state.
    snapshot_bytes,
    /// How long the replica stood still for the latest snapshot.
    snapshot_pause_ns,
    /// How long writing the latest snapshot took, in the background.
    snapshot_write_ns,
    /// Size of the log.
    log_bytes,
    /// Seconds by which the log's time is ahead of the clock, at the last append; the log's time stands still meanwhile.
    log_ahead_s,
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

/// Eight buckets for each power of two: a percentile is at most an eighth too high.
#[derive(Debug)]
pub struct Histogram([AtomicU64; BUCKETS]);

const BUCKETS: usize = 64 * 8;

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Histogram {
    /// Counts a value.
    pub fn record(&self, value: u64) {
        self.0[Self::bucket(value)].fetch_add(1, Ordering::Relaxed);
    }

    fn bucket(value: u64) -> usize {
        if value < 8 {
            return value as usize;
        }
        let power = value.ilog2();
        // The three bits after the leading one.
        let eighth = (value >> (power - 3)) & 7;
        (power as usize - 2) * 8 + eighth as usize
    }

    /// The largest value that the bucket takes.
    fn top(bucket: usize) -> u64 {
        if bucket < 8 {
            return bucket as u64;
        }
        let power = bucket / 8 + 2;
        let next = 8 + (bucket as u128 % 8) + 1;
        u64::try_from((next << (power - 3)) - 1).unwrap_or(u64::MAX)
    }

    /// A value that this many percent of those counted do not pass; 0 when none was counted.
    pub fn percentile(&self, percent: u64) -> u64 {
        let counts: Vec<u64> = self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Self::top(bucket);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_lies_between_its_neighbours_tops() {
        let mut last = None;
        for bucket in 0..60 * 8 {
            let top = Histogram::top(bucket);
            assert_eq!(Histogram::bucket(top), bucket);
            assert!(last < Some(top));
            assert_eq!(Histogram::bucket(last.map_or(0, |last| last + 1)), bucket);
            last = Some(top);
        }
        assert!(Histogram::bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn percentiles_are_at_most_an_eighth_too_high() {
        let histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), 0);
        (1..=1000).for_each(|value| histogram.record(value));
        let median = histogram.percentile(50);
        assert!((500..=563).contains(&median), "{median}");
        assert!((990..=1023).contains(&histogram.percentile(99)));
    }
}
