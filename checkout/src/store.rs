//! All SQL of checkout, one file per noun.

pub mod allotment;
pub mod order;
pub mod order_link;
pub mod outbox;
pub mod payment;
pub mod process;
pub mod refund;
pub mod report;
pub mod session;
pub mod stock;
pub mod ticket;
pub mod writer;
