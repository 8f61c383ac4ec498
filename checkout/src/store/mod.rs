//! All SQL of checkout, one file per noun.

pub mod order;
pub mod outbox;
pub mod payment;
pub mod session;
pub mod stock;
pub mod ticket;
pub mod writer;
