//! The line: joining, waiting, and exchanging a place for a pass. The waiting room keeps nothing
//! per fan.
//!
//! Reading order: [`contract`] is what others may use; `phase`, `place`, `wait` and `head_log`
//! decide without I/O; `room` and `follow` keep what is the same for everybody; `steer` makes and
//! changes rooms, and `opening` does so when the catalog or the clock says; `join`, `agent`,
//! `claim` and `routes` are what fans, and shops for them, call; `page`, `page_view` and `picture`
//! are what they see.
pub mod config;
pub mod contract;
pub mod error;

mod agent;
mod claim;
mod follow;
mod head_log;
mod join;
mod opening;
mod page;
mod page_view;
mod phase;
mod picture;
mod place;
mod room;
mod routes;
mod run;
mod steer;
mod store;
mod wait;

pub use config::Config;
pub use routes::router;
pub use run::{App, run};
