//! A room: one protected sale.

pub mod change;
pub mod fall_asleep;
pub mod find;
pub mod info;
pub mod live;
pub mod phase;
pub mod room_admin;
pub mod schedule;
pub mod seller;
pub mod sleep;
pub mod wake;

use admission::contract::{
    Cohort, EntropySource, GateSettings, GateState, LineMethod, PaceMode, Pacing, RoomName,
};
use catalog::contract::{ShowId, Stop};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    draw::DrawBody,
    room::{phase::Phase, sleep::Sleep},
};

/// How fast a room is that passes everybody through: faster than any checkout, so that nothing but
/// cap, stock and door hold it.
pub const PASSTHROUGH_PER_SEC: f64 = 10_000.0;
/// How fast a room is at most that nobody said more of; its pace follows checkout.
pub const USUAL_PER_SEC: f64 = 200.0;
const JOINS_BEFORE: TimeDelta = TimeDelta::minutes(30);
const CLOSES_AFTER: TimeDelta = TimeDelta::hours(24);

/// What it takes to protect a show with a room.
#[derive(Debug, Clone)]
pub struct NewRoom {
    pub room: RoomName,
    pub show: ShowId,
    pub lanes: i32,
    /// Of no matter where it passes everybody through.
    pub rate_per_sec: f64,
    pub max_active: i32,
    pub claim_window_secs: i32,
    pub message: String,
    /// How it orders those who come before it opens.
    pub method: LineMethod,
    /// What is mixed into its draw; of no matter where it does not draw.
    pub entropy_source: EntropySource,
    /// When fans may join by themselves; `None` where they may from the opening on, or somebody
    /// lets them.
    pub joins_at: Option<DateTime<Utc>>,
    /// When it opens by itself; `None` where somebody opens it.
    pub opens_at: Option<DateTime<Utc>>,
    /// Whether it sleeps while nobody queues; it has no line then until it wakes.
    pub sleeps: bool,
}

/// A room as operators set it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RoomState {
    pub room: RoomName,
    pub show: ShowId,
    pub phase: Phase,
    pub lanes: i32,
    /// Fans let in per second, at most.
    pub rate_per_sec: f64,
    /// Sessions in checkout at once, at most.
    pub max_active: i32,
    /// How long a fan who was let in may take to come, in seconds.
    pub claim_window_secs: i32,
    /// How the pace follows checkout.
    pub pacing: Pacing,
    /// Shown to everybody who waits.
    pub message: String,
    /// How it orders those who come before it opens.
    pub method: LineMethod,
    /// What everybody may know of its draw; null where it does not draw.
    pub draw: Option<DrawBody>,
    /// When fans may join by themselves; null where they may from the opening on, or somebody lets
    /// them.
    pub joins_at: Option<DateTime<Utc>>,
    /// When it opens by itself; null where somebody opens it.
    pub opens_at: Option<DateTime<Utc>>,
    /// When it closes by itself, for good: a day after its show begins. Null where somebody closes
    /// it.
    pub closes_at: Option<DateTime<Utc>>,
    /// Why nobody is let in, whatever the phase: the sale of the show was stopped. Null where
    /// nothing stops it.
    pub stop: Option<Stop>,
    /// Whether it sleeps, and what wakes it.
    #[serde(flatten)]
    pub sleep: Sleep,
    /// Whom its gate lets in by a draw.
    #[serde(skip)]
    pub cohort: Option<Cohort>,
}

impl RoomState {
    /// The gate settings that go with it.
    pub fn gate(&self) -> GateSettings {
        GateSettings {
            room: self.room.clone(),
            lanes: self.lanes,
            rate_per_sec: self.rate_per_sec,
            max_active: self.max_active,
            claim_window_secs: self.claim_window_secs,
            pacing: self.pacing,
            state: match stopped_phase(self.phase, self.stop).gate() {
                GateState::Closed => GateState::Closed,
                _ if self.sleep.asleep => GateState::Asleep,
                state => state,
            },
            cohort: self.cohort.clone(),
            line: self.sleep.line.clone(),
        }
    }
}

/// How fast a room of this method may be, and whether its pace follows checkout, where it was told
/// to be so fast.
pub fn pace_of(method: LineMethod, rate_per_sec: f64) -> (f64, Pacing) {
    match method {
        LineMethod::Passthrough => {
            (PASSTHROUGH_PER_SEC, Pacing { mode: PaceMode::Fixed, ..Pacing::default() })
        }
        LineMethod::Draw | LineMethod::FirstCome => (rate_per_sec, Pacing::default()),
    }
}

/// The phase that fans meet: a stopped room that would be open is paused, and everybody keeps their
/// place.
pub fn stopped_phase(phase: Phase, stop: Option<Stop>) -> Phase {
    if stop.is_some() && phase == Phase::Open { Phase::Paused } else { phase }
}

/// From when on fans may join a room that opens by itself. Who comes when makes no difference: they
/// are drawn.
pub fn joins_at(opens_at: DateTime<Utc>) -> DateTime<Utc> {
    opens_at - JOINS_BEFORE
}

/// When the room of a show that begins at `starts_at` closes by itself: long after anybody buys a
/// ticket.
pub fn closing(starts_at: DateTime<Utc>) -> DateTime<Utc> {
    starts_at + CLOSES_AFTER
}
