//! What every measurement needs.

use std::time::Duration;

use super::{bench_env::BenchEnv, stats};
use crate::print_status;

/// The roles on a fan's way. The others would only take their share of the machine.
const ROLES: [&str; 6] = ["catalog", "waitroom", "admission", "checkout", "writer", "sandbox"];

/// What every measurement needs.
pub struct Bench {
    pub env: BenchEnv,
    pub rounds: usize,
    pub clients: usize,
    pub fans: u64,
    /// Whose turns are all computed, and how many stand in Kafka when a room draws.
    pub entrants: u64,
    pub cohort: u64,
    /// Rooms that are awake at once.
    pub awake: u32,
    pub lasts: Duration,
}

impl Bench {
    pub fn all_roles(&self) -> &'static [&'static str] {
        &ROLES
    }

    /// Tells how a round went.
    pub fn round(&self, what: &str, round: usize, ours: Option<&f64>, theirs: Option<&f64>) {
        let told = |value: Option<&f64>| {
            value.map_or_else(|| "–".to_owned(), |value| stats::number(*value))
        };
        print_status(&format!(
            "bench: {what}, round {} of {}: {} | {}",
            round + 1,
            self.rounds,
            told(ours),
            told(theirs)
        ));
    }
}
