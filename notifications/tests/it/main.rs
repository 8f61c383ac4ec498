//! E-mails against a real mail server, Kafka and Postgres, each test in an environment of its own.
#![allow(clippy::unwrap_used)]

mod emails;
mod faults;
mod mail;
mod mailbox_pages;
mod near_turns;
mod snapshots;
mod test_mailer;
