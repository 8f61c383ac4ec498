//! How fast a room lets fans in, and for how long what it granted is good.

pub mod no_show;
pub mod redis;
pub mod stock_limit;

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use kit::id::InvalidId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{draw::cohort::Cohort, lane::line_at::LineAt, pace::Pacing, place::RoomName};

/// How fast a room lets fans in. The truth is in Postgres; controllers follow it within half a
/// second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateSettings {
    pub room: RoomName,
    pub lanes: i32,
    /// Fans let in per second, at most. May be a fraction.
    pub rate_per_sec: f64,
    /// Sessions in checkout at once, at most, counting fans who were let in and have not come yet.
    pub max_active: i32,
    /// How long a fan who was let in may take to come, in seconds.
    pub claim_window_secs: i32,
    pub state: GateState,
    /// How the pace follows checkout.
    pub pacing: Pacing,
    /// Whom a draw has ordered; `None` where nobody was drawn, or not yet. Lanes count turns then.
    #[schema(value_type = Option<Vec<u64>>)]
    pub cohort: Option<Cohort>,
    /// Which line it has, or had before it fell asleep.
    pub line: LineAt,
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
    /// There is no line to be let in from: who comes goes straight in, counted.
    Asleep,
}

impl fmt::Display for GateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Closed => "closed",
            Self::Asleep => "asleep",
        })
    }
}

impl FromStr for GateState {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Ok(match text {
            "waiting" => Self::Waiting,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "closed" => Self::Closed,
            "asleep" => Self::Asleep,
            _ => return Err(InvalidId("gate's state")),
        })
    }
}

/// How long a pass stays good after the claim window ended, so that whoever claims in the last
/// second still gets in.
pub const REDEEM_GRACE: Duration = Duration::from_secs(60);

/// A grant outlives the pass by so much: a pass is redeemed a moment after it was looked at, by
/// clocks that differ a little.
const GRANT_SLACK: Duration = Duration::from_secs(5);

/// For how long the gate keeps a slot for a place whose claim window is so long, in milliseconds of
/// the door clock.
pub fn grant_lasts_ms(claim_window_secs: i32) -> i64 {
    i64::from(claim_window_secs) * 1000 + (REDEEM_GRACE + GRANT_SLACK).as_millis() as i64
}

/// The end of a place's claim window, given when its head moved past it.
pub fn claim_until(admitted_at: DateTime<Utc>, claim_window_secs: i32) -> DateTime<Utc> {
    admitted_at + chrono::Duration::seconds(i64::from(claim_window_secs))
}
