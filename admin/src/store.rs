//! All the SQL of admin.

pub mod audit;
pub mod outbox;
pub mod people;
pub mod security;
pub mod session;
pub mod support;
