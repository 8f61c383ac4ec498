//! What tests of every crate need, written once. Production crates never depend on it.
//!
//! [`TestEnv`] gives a test a database, a key prefix and topics of its own, so that tests run side
//! by side.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod env;

pub use env::TestEnv;
