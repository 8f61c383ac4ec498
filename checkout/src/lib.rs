//! Checkout, the only door to stock: sessions, holds, orders, payments, tickets.
//!
//! Reading order: [`contract`] is what others may use. [`session`] is what a fan shows, or an API
//! key in a reseller's name. [`stock`] cuts allotments into shards and keeps them in Redis.
//! [`hold`] sets tickets aside; [`order`] carries a hold through Kafka into Postgres, and says what
//! an order may become. [`payment`] takes the money and gives it back; [`ticket`] is what was
//! bought, [`report`] counts it. [`http`] answers fans and their programs, [`worker`] starts what
//! runs in the background, [`store`] has all the SQL. [`session::signal`] tells the line how it
//! goes here; [`sandbox`] is a payment provider of our own.
pub mod app;
pub mod config;
pub mod contract;
pub mod error;

mod hold;
mod http;
pub mod order;
mod payment;
mod report;
pub mod sandbox;
mod session;
mod stock;
mod store;
mod ticket;
mod worker;

pub use app::App;
pub use config::Config;
pub use error::Error;
pub use http::{Routers, router, routers, webhooks};
pub use worker::{run_api, run_writer};
