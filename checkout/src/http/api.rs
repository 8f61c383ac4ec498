//! The calls of checkout, one file per noun.
pub mod availability;
pub mod hold;
pub mod order;
pub mod session;
pub mod webhook;
