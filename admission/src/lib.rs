//! Lets fans in: how fast (the gate), in what order (the controller), and with what proof (the
//! pass).
//!
//! Reading order: [`contract`] is what others may use; `place` and `lane` are what a line is made
//! of, `draw` orders those who came before the opening and proves it, `head` is how far it got;
//! `pass` and `pass/keys` are the proof of having been let in; `lane/merge` decides without I/O who
//! is next; `signal` is what checkout says, `pace` how fast the line may go with it
//! (`pace/control`), `gate/no_show` who will come, `gate/stock_limit` what the stock serves;
//! `gate/redis` is the one atomic script per room; `controller` moves the heads, and `worker` runs
//! one of them per room.
pub mod config;
pub mod contract;
pub mod error;

mod controller;
mod draw;
mod gate;
mod head;
mod http;
mod lane;
mod pace;
mod pass;
mod place;
mod signal;
mod store;
mod worker;

pub use config::Config;
pub use http::api::router;
pub use worker::run;
