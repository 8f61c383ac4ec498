//! Checkout against real Postgres, Redis and Kafka, each test in an environment of its own.
#![allow(clippy::unwrap_used)]

mod allotments;
mod begun;
mod changes;
mod faults;
mod holds;
mod links;
mod orders;
mod pages;
mod payment;
mod proxy;
mod refunds;
mod reports;
mod sale;
mod sandbox;
mod sellers;
mod sessions;
mod setbacks;
mod signals;
mod slots;
mod snapshots;
mod stops;
mod test_checkout;
mod test_server;
mod topics;
