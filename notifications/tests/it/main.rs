//! Letters against a real mail server, Kafka and Postgres, each test in a corner of its own.
#![allow(clippy::unwrap_used)]

mod box_pages;
mod desk;
mod faults;
mod letters;
mod mail;
