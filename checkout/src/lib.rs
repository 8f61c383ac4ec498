//! Checkout, the only door to stock: sessions, holds, orders, payments, tickets.
//!
//! Reading order: [`contract`] is what others may use. [`order`], [`stock`] and [`decide`] decide
//! without I/O: what an order may become, how stock is cut and gathered, what a batch of commands
//! does. [`session`], [`hold`] and [`place`] are a fan's way through, and with an API key a
//! reseller's ([`caller`]); [`shard`] and [`rebuild`] keep stock in Redis; [`commands`] and
//! [`writer`] carry orders through Kafka into Postgres; [`allotments`] and [`allotment`] change how
//! much there is; [`keeper`], [`sweep`], [`refund_request`] and [`outbox`] work in the background.
//! [`payment`], [`ticket`], [`refund`] and [`pages`] take the money and show what was bought;
//! [`report`] counts it; [`sandbox`] is a payment provider of our own.
pub mod app;
pub mod config;
pub mod contract;
pub mod error;

pub mod order;
pub mod stock;

mod allotment;
mod allotments;
mod availability;
mod caller;
mod commands;
mod decide;
mod gates;
mod gather;
mod hold;
mod keeper;
mod language;
mod offer;
mod order_link;
mod outbox;
mod outcomes;
mod pages;
pub mod payment;
mod place;
mod rebuild;
mod refund;
mod refund_request;
mod report;
mod routes;
mod run;
pub mod sandbox;
mod session;
mod shard;
mod store;
mod sweep;
mod ticket;
mod writer;

pub use app::App;
pub use config::Config;
pub use error::Error;
pub use routes::{router, webhooks};
pub use run::{run_api, run_writer};
