//! The exchange as a pure state machine: `apply(seq, time, command) -> events`.
//!
//! No I/O, clock, randomness, threads or floats. Total: every command ends in events or in one named reject.

pub mod command;
pub mod event;
pub mod reject;
pub mod types;
