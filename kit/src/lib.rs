//! Plumbing every Fairgate service shares, without one noun of the ticketing domain.
//!
//! Reading order: what a process is told ([`settings`], [`public_url`]), what it answers
//! ([`problem`], [`extract`], [`http`], [`limit`], [`form`], [`page`], [`paging`], [`kept`],
//! [`chart`], [`number`]), what things are called ([`id`]), what it seals and whom it knows
//! ([`email_address`], [`language`], [`token`], [`secret`], [`cookie`], [`network`], [`password`],
//! [`throttle`]), what it leans on ([`postgres`], [`redis`], [`kafka`], [`outbox`], [`peers`],
//! [`cache`], [`http_client`]) and
//! how it is watched ([`telemetry`]).

extern crate self as kit;

pub mod asset;
pub mod cache;
pub mod chart;
pub mod cookie;
pub mod email_address;
pub mod extract;
pub mod form;
pub mod http;
pub mod http_client;
pub mod id;
pub mod kafka;
pub mod kept;
pub mod language;
pub mod limit;
pub mod network;
pub mod number;
pub mod outbox;
pub mod page;
pub mod paging;
pub mod password;
pub mod peers;
pub mod postgres;
pub mod problem;
pub mod public_url;
pub mod qr;
pub mod redis;
pub mod secret;
pub mod serve;
pub mod settings;
pub mod telemetry;
pub mod throttle;
pub mod token;
