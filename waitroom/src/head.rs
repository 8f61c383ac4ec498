//! How far a line got: the heads of its lanes.

pub mod head_consumer;
pub mod head_log;

use admission::contract::{LaneHead, RoomName};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::room::phase::Phase;

/// The state of a room, the same for everybody.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HeadDocument {
    pub room: RoomName,
    pub show: String,
    pub phase: Phase,
    pub lanes: Vec<LaneHead>,
    /// How many have joined and were not let in yet, over all lanes.
    pub waiting: i64,
    /// How many were let in so far.
    pub admitted: i64,
    /// How many are let in per second, at most.
    pub rate_per_sec: f64,
    /// How many were let in per second over the last half minute; null where it is too early to
    /// say.
    pub pace_per_sec: Option<f64>,
    /// How long a fan may take to come in when it is their turn.
    pub claim_window_secs: i32,
    /// What the operator tells everybody who waits.
    pub message: String,
    pub as_of: DateTime<Utc>,
    /// Ask again after so many milliseconds; later is fine the further back you stand.
    pub poll_after_ms: u32,
}
