//! Dev only: the slow, obvious second implementation of `spec/rules.md`, and the rigs that hold the core against it.
//!
//! Everything is drawn from printed seeds; nothing here reads a clock or depends on a hash map's order.

pub mod compare;
pub mod coverage;
pub mod generate;
pub mod model;
pub mod planted;
pub mod random;
pub mod shrink;
