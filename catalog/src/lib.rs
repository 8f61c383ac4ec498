//! What is on sale: shows, venues, performers and ticket types, as JSON for programs and as pages
//! for people.
//!
//! Reading order: what others may use ([`contract`]); how prices and times are told (`money`,
//! `when`); the things: a `show`, its `venue`, its `seller`, its `ticket_type`s, their
//! `allotment`s, what stops its sale (`stop`), how it stands (`sale`); what resellers put in
//! (`draft`, and `draft/check` what fits); what the others are told (`event`, `worker`); the API
//! and the pages (`http`); what can go wrong ([`error`]), the SQL (`store`).

pub mod contract;
pub mod error;
pub mod money;
pub mod when;

mod allotment;
mod app;
mod draft;
mod event;
mod http;
mod sale;
mod seller;
mod show;
mod stop;
mod store;
mod ticket_type;
mod venue;
mod worker;

pub use app::App;
pub use http::router;
pub use worker::run;
