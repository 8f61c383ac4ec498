//! The portal and the resellers' API against real servers.
#![allow(clippy::unwrap_used, reason = "a test that fails may say so by panicking")]

mod access;
mod isolation;
mod keys;
mod pace;
mod selling;
mod snapshots;
mod test_portal;
