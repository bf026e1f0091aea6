//! Fault storage.
