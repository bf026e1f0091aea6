//! The exchange as a pure state machine: `apply(seq, time, command) -> events`.
//!
//! No I/O, clock, randomness, threads or floats. Total: every command ends in events or in one named reject.
//! `spec/rules.md` says what each command does; [`core`](crate::Core) does it.

#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::iter_over_hash_type,
    clippy::too_many_lines
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests stop at the first surprise"
    )
)]

mod admin;
mod amend;
mod average;
pub mod book;
mod broken;
mod cancels;
mod check;
mod checks;
pub mod codec;
pub mod command;
mod core;
pub mod digest;
pub mod event;
mod exchange;
mod fees;
mod filters;
mod floor;
mod followers;
mod hash;
mod index;
mod ledger;
mod levels;
mod list_checks;
mod list_flow;
mod list_place;
mod lists;
mod market;
mod matching;
mod orders;
mod parts;
mod place;
mod plan;
mod query;
mod range;
mod reference;
pub mod reject;
mod releases;
mod replace;
mod sessions;
mod slab;
mod snapshot;
mod sor;
mod triggers;
pub mod types;
mod view;
mod waiting;
mod wire;

pub use crate::broken::Broken;
pub use crate::core::{Core, FEE_ACCOUNT_NAME};
pub use crate::ledger::{AssetFunds, Balance};
pub use crate::snapshot::SnapshotError;
pub use crate::view::{Account, Asset, Depth, MarketView, OpenOrder, OpenOrderList, ReferencePrice, SorView};
