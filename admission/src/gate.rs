//! How fast a room lets fans in.

pub mod redis;
