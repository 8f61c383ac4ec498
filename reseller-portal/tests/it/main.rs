//! The portal and the resellers' API against real servers.
#![allow(clippy::unwrap_used, reason = "a test that fails may say so by panicking")]

mod doors;
mod isolation;
mod keys;
mod market;
mod pace;
mod selling;
