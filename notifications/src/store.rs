//! All the SQL of notifications.

pub mod email;
