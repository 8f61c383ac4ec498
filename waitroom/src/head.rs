//! How far a line got: the heads of its lanes.

pub mod head_consumer;
pub mod head_log;
