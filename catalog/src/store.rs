//! All the SQL of the catalog.

pub mod allotment;
pub mod draft;
pub mod outbox;
pub mod sale;
pub mod show;
pub mod stop;
