//! Joining a line.

pub mod agent;
pub mod join;
