//! One shard of the exchange at work: sequence, append, sync, apply, publish; and how it recovers.
//!
//! Invariants:
//! - The replica, and with it every query, event and answer, only ever shows what is durable.
//! - A storage error or a broken invariant ends the process at once: nothing is retried, nothing is answered.
//! - Everything between submitter and consumer is bounded; a slow disk or consumer ends in `Overloaded`.
//! - What one command does not get to of a cascade of fired orders, a `RunReleases` of the node's own carries on with;
//!   one at a time is on its way.
//! - Nothing assumes that whoever appends to the log is the only one: see [`log`].
//!
//! Deliberately absent: networks, formats for clients, users, any rule of the market.

pub mod batch;
pub mod follower;
pub mod local;
pub mod log;
pub mod mark;
pub mod node;
pub mod offline;
pub mod outbox;
pub mod queue;
pub mod recovery;
pub mod replay;
pub mod replica;
pub mod retention;
pub mod snapshots;
pub mod stats;

mod admission;
mod identity;
mod levels;
mod notice;
