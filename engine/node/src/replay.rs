//! The events of a recovered tail, made again for the consumer.
//!
//! Recovery replays the tail once for the truth and keeps no events: they would be some 300 bytes a command. A second
//! core starts from a snapshot and replays the same records here, no faster than the consumer takes them, so memory is
//! bounded by one more core however long the tail is. Both cores must come to the same digest.

use tandem_core::Core;
use tandem_journal::{Error, Reader, Record as Stored};

use crate::batch::Batch;
use crate::log::Record;
use crate::node::{Fatal, PUBLISH_MAX};
use crate::outbox::Outbox;
use crate::replica::Replica;

/// See the module.
pub struct Replay {
    reader: Reader,
    replica: Replica,
    last_seq: u64,
}

/// Why a visit ends before the log does.
#[derive(Debug)]
enum Stop {
    Done,
    Broken(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Broken(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Stop {}

impl Replay {
    /// Replays what follows `core` up to `last_seq`.
    pub fn new(reader: Reader, core: Core, last_seq: u64) -> Self {
        // No session: these commands were sent in earlier lives.
        Self { reader, replica: Replica::new(core, 0, None), last_seq }
    }

    /// Publishes everything, waiting for the consumer. `expected` is what the replica has come to, which does not
    /// change meanwhile.
    pub(crate) fn publish(self, outbox: &Outbox, expected: (u64, u64)) -> Result<(), Fatal> {
        let Self { reader, mut replica, last_seq } = self;
        let mut batch = Batch { is_replayed: true, ..Batch::default() };
        let from_seq = replica.core().seq().0 + 1;
        let mut is_wanted = true;
        let visited = reader.visit(from_seq, |stored| {
            replica.apply(&record_of(&stored), &mut batch).map_err(|broken| Stop::Broken(broken.to_string()))?;
            if batch.outcomes.len() >= PUBLISH_MAX || stored.seq == last_seq {
                replica.finish(&mut batch);
                let full = std::mem::replace(&mut batch, Batch { is_replayed: true, ..Batch::default() });
                is_wanted = outbox.push_replayed(full);
            }
            if stored.seq == last_seq || !is_wanted { Err(Stop::Done.into()) } else { Ok(()) }
        });
        match visited {
            Err(Error::Visit { source, .. }) => match source.downcast_ref() {
                Some(Stop::Done) => {}
                _ => return Err(Fatal::Broken(source.to_string())),
            },
            Err(error) => return Err(Fatal::Storage(error.to_string())),
            Ok(()) => {}
        }
        let reached = (replica.core().seq().0, replica.core().digest());
        if is_wanted && reached != expected {
            let what = format!("a second replay came to (seq, digest) {reached:?}, the first to {expected:?}");
            return Err(Fatal::Broken(what));
        }
        Ok(())
    }
}

/// The journal's record as the replica takes it.
pub(crate) fn record_of<'a>(stored: &Stored<'a>) -> Record<'a> {
    Record { seq: stored.seq, time_us: stored.time_us, payload: stored.payload }
}
