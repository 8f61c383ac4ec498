//! Orders: from a hold through the log into Postgres.
pub(crate) mod command_log;
pub(crate) mod event;
pub(crate) mod expiry;
pub(crate) mod language;
pub(crate) mod link;
pub(crate) mod plan;
pub mod state;
pub(crate) mod submit;
pub(crate) mod waiters;
pub(crate) mod writer;
