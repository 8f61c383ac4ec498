//! Plumbing every Fairgate service shares, without one noun of the ticketing domain.
//!
//! Reading order: what a process is told ([`settings`]), what it answers ([`problem`], [`extract`], [`http`], [`limit`],
//! [`page`]), what it seals ([`token`]), what it leans on ([`postgres`], [`redis`], [`kafka`]) and how it is watched
//! ([`telemetry`]). `testing` (feature) gives every test a database, a key prefix and topics of its own.
extern crate self as kit;

pub mod asset;
pub mod extract;
pub mod http;
pub mod kafka;
pub mod limit;
pub mod page;
pub mod postgres;
pub mod problem;
pub mod redis;
pub mod serve;
pub mod settings;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod token;
