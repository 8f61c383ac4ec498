//! The line: joining, waiting, and exchanging a place for a pass. The waiting room keeps nothing per fan.
//!
//! Reading order: [`contract`] is what others may use; `phase`, `place`, `wait` and `head_log` decide without I/O;
//! `room` and `follow` keep what is the same for everybody; `join`, `claim` and `routes` are what fans call;
//! `page` and `page_view` are what they see.
pub mod config;
pub mod contract;
pub mod error;

mod claim;
mod follow;
mod head_log;
mod join;
mod page;
mod page_view;
mod phase;
mod place;
mod room;
mod routes;
mod run;
mod store;
mod wait;

pub use config::Config;
pub use routes::router;
pub use run::{App, run};
