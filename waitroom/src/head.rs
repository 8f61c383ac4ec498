//! How far a line got: the heads of its lanes.

pub mod document;
pub mod door_clock;
pub mod head_consumer;
pub mod head_log;
pub mod lane_log;
pub mod line_now;
pub mod pace_log;
pub mod reader_watch;
pub mod replay;

use admission::contract::{HoldBack, LaneHead, LineMethod, RoomName};
use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    draw::DrawBody,
    place::{chance::Sale, wait::WaitCurve},
    room::phase::Phase,
};

/// The state of a room, the same for everybody.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HeadDocument {
    pub room: RoomName,
    pub show: ShowId,
    pub phase: Phase,
    /// When it opens by itself; null where somebody opens it.
    pub opens_at: Option<DateTime<Utc>>,
    /// How those are ordered who come before it opens.
    pub method: LineMethod,
    /// What everybody may know of the draw; null where it does not draw. Once it is made, `lanes`
    /// count turns.
    pub draw: Option<DrawBody>,
    pub lanes: Vec<LaneHead>,
    /// How many have joined and were not let in yet, over all lanes.
    pub waiting: i64,
    /// How many were let in so far, without those who had left.
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
    /// When those who move the line last said where it stands.
    pub as_of: DateTime<Utc>,
    /// Ask again after so many milliseconds, which are more the more people wait; whoever is about
    /// to be let in may ask sooner.
    pub poll_after_ms: u32,
    /// Nothing was heard of the line for too long: places are safe, and what is said here may be
    /// old.
    pub stale: bool,
    /// There is no line at this moment: the room sleeps until more come than it lets straight in.
    pub asleep: bool,
    /// Whoever joins now goes straight in: it is open, and nobody waits.
    pub straight_in: bool,
    /// Whether fans with a pass can go in now. While they cannot, nobody's turn runs out.
    pub door_open: bool,
    /// Why the line moves no faster; empty where nothing but the operator's rate holds it.
    pub held_by: Vec<HoldBack>,
    /// How long people wait, by how many are ahead of them.
    pub wait: WaitCurve,
    /// How the sale stands; null where checkout did not say yet.
    pub sale: Option<Sale>,
}

impl HeadDocument {
    /// Whether there is a ticket to be had, as far as it is known.
    pub fn has_tickets(&self) -> bool {
        self.sale.as_ref().is_none_or(|sale| sale.tickets_left > 0)
    }
}
