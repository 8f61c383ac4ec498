//! What only the course of the rush tells. Pure.

use std::time::Duration;

/// How the fans' part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    All,
    TimedOut,
    Interrupted,
}

/// What only the course of the rush tells.
pub struct Course {
    pub seed: u64,
    /// Tickets wanted by fans who meant to buy.
    pub wanted: i64,
    pub late_fans: u64,
    pub wall: Duration,
    pub ended: Ended,
}
