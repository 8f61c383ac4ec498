//! E-mails against a real mail server, Kafka and Postgres, each test in an environment of its own.
#![allow(clippy::unwrap_used)]

mod box_pages;
mod emails;
mod faults;
mod mail;
mod test_mailer;
