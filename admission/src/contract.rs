//! All that other crates may use of admission.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor, PgPool};
use utoipa::ToSchema;

use crate::store;
pub use crate::{
    error::PassError,
    gate::redis::{Activation, ActiveSession, Gate, GateView, OVERTAKING_MS_MAX},
    head::{HEADS_TOPIC, HeadsMoved, LaneHead, ensure_heads_topic},
    lane::{LINE_SETTINGS, admission_group, line_topic},
    pass::{
        Pass, PassVerifier,
        keys::{PassKeys, PublishedKey, generate_pass_key},
    },
    place::{InvalidPlaceId, PlaceId, RoomName},
};

/// How fast a room lets fans in. The truth is in Postgres; controllers follow it within half a
/// second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateSettings {
    pub room: String,
    pub lanes: i32,
    /// Fans let in per second, at most. May be a fraction.
    pub rate_per_sec: f64,
    /// Sessions in checkout at once, at most, counting fans who were let in and have not come yet.
    pub max_active: i32,
    /// How long a fan who was let in may take to come, in seconds.
    pub claim_window_secs: i32,
    pub state: GateState,
}

/// What a gate is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// Not open yet: fans may join, nobody is let in.
    Waiting,
    Running,
    Paused,
    Closed,
}

/// Writes a gate's settings, within the caller's transaction.
pub async fn put_gate(connection: &mut PgConnection, gate: &GateSettings) -> sqlx::Result<()> {
    store::put_gate(connection, gate).await
}

/// One room's gate settings.
pub async fn gate(executor: impl PgExecutor<'_>, room: &str) -> sqlx::Result<Option<GateSettings>> {
    store::gate(executor, room).await
}

/// The gate settings of these rooms, whatever their state.
pub async fn gates(pool: &PgPool, rooms: &[String]) -> sqlx::Result<Vec<GateSettings>> {
    store::gates(pool, rooms).await
}

/// The settings of all gates that are not closed.
pub async fn open_gates(pool: &PgPool) -> sqlx::Result<Vec<GateSettings>> {
    store::open_gates(pool).await
}

/// The token id of the place `offset` in `lane` of `room`: `<room>.<lane>.<offset>`. It is also the
/// pass's id.
pub fn place_id(room: &str, lane: i32, offset: i64) -> String {
    format!("{room}.{lane}.{offset}")
}

/// How long a pass stays good after the claim window ended, so that whoever claims in the last
/// second still gets in.
pub const REDEEM_GRACE: Duration = Duration::from_secs(60);

/// A grant outlives the pass by so much: a pass is redeemed a moment after it was looked at, by
/// clocks that differ a little.
const GRANT_SLACK: Duration = Duration::from_secs(5);

/// Until when the gate keeps a slot for a place whose pass can be claimed until then.
pub fn grant_until(claim_until: DateTime<Utc>) -> DateTime<Utc> {
    claim_until + REDEEM_GRACE + GRANT_SLACK
}

/// The end of a place's claim window, given when its head moved past it.
pub fn claim_until(admitted_at: DateTime<Utc>, claim_window_secs: i32) -> DateTime<Utc> {
    admitted_at + chrono::Duration::seconds(i64::from(claim_window_secs))
}
