//! Checkout against real Postgres, Redis and Kafka, each test in a corner of its own.
#![allow(clippy::unwrap_used)]

mod faults;
mod holds;
mod orders;
mod pages;
mod payment;
mod sandbox;
mod sessions;
mod shop;
mod stage;
