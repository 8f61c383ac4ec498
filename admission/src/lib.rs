//! Lets fans in: how fast (the gate), in what order (the controller), and with what proof (the
//! pass).
//!
//! Reading order: [`contract`] is what others may use; [`pass`] and [`keys`] are the proof;
//! [`pace`] and [`merge`] decide without I/O; [`gate`] is the one atomic script per room;
//! [`controller`] moves the heads.
pub mod config;
pub mod contract;
pub mod error;

mod controller;
mod gate;
mod heads;
mod keys;
mod lanes;
mod merge;
mod pass;
mod place_id;
mod routes;
mod run;
mod store;
mod tails;

pub use config::Config;
pub use routes::router;
pub use run::run;
