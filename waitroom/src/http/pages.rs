//! What people see.

pub mod queue;
