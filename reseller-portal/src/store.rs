//! All the SQL of the resellers' schema, one file per thing.

pub mod account;
pub mod key;
pub mod session;
