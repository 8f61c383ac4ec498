//! Marking a show as high-traffic: it is sold through a waiting room from then on.

pub mod mark;
pub mod preview;

use admission::contract::{EntropySource, LineMethod, RoomName};
use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use waitroom::contract::{NewRoom, RoomChange, RoomState, joins_at};

use crate::error::Error;

/// As many as a gate can have.
const LANES_MAX: i32 = 256;

/// What the room of a high-traffic show is to be like.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RoomSpec {
    /// 1 to 256; a room that is there keeps its own.
    #[schema(minimum = 1, maximum = 256)]
    #[param(minimum = 1, maximum = 256, example = 4)]
    pub lanes: i32,
    /// Fans let in per second at most.
    #[schema(minimum = 0, maximum = 10_000, example = 25.0)]
    #[param(minimum = 0, maximum = 10_000, example = 25.0)]
    pub rate_per_sec: f64,
    /// Sessions in checkout at once, at most.
    #[schema(minimum = 0, maximum = 1_000_000, example = 500)]
    #[param(minimum = 0, maximum = 1_000_000, example = 500)]
    pub max_active: i32,
    /// How long a fan who was let in may take to come.
    #[schema(minimum = 1, maximum = 86_400, example = 120)]
    #[param(minimum = 1, maximum = 86_400, example = 120)]
    pub claim_window_secs: i32,
    /// When a new room opens by itself; absent: when somebody opens it.
    pub opens_at: Option<DateTime<Utc>>,
    /// How a new room orders those who come before it opens; absent: by a draw. One that passes
    /// everybody through has no rate, whatever `rate_per_sec` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub method: Option<LineMethod>,
    /// What is mixed into a new room's draw after entries closed; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub entropy_source: Option<EntropySource>,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Marked {
    pub room: RoomState,
    /// The show had a room already: its lanes and the time it opens stay as they were.
    pub had_room: bool,
}

impl RoomSpec {
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=LANES_MAX).contains(&self.lanes) {
            return Err(Error::field("lanes", "Give 1 to 256 lanes."));
        }
        if !(self.rate_per_sec.is_finite() && (0.0..=10_000.0).contains(&self.rate_per_sec)) {
            return Err(Error::field("rate_per_sec", "Give 0 to 10,000 fans a second."));
        }
        if !(0..=1_000_000).contains(&self.max_active) {
            return Err(Error::field("max_active", "Give 0 to 1,000,000 sessions."));
        }
        if !(1..=86_400).contains(&self.claim_window_secs) {
            return Err(Error::field("claim_window_secs", "Give 1 to 86,400 seconds."));
        }
        if self.entropy_source.is_some() && self.new_method() != LineMethod::Draw {
            return Err(Error::field(
                "entropy_source",
                "Only a room that draws mixes anything in.",
            ));
        }
        Ok(())
    }

    /// How a new room would order those who come before it opens.
    pub fn new_method(&self) -> LineMethod {
        self.method.unwrap_or(LineMethod::Draw)
    }

    /// What of it a room of this method takes on that is there.
    pub fn settings(&self, method: LineMethod) -> RoomChange {
        let has_rate = method != LineMethod::Passthrough;
        RoomChange {
            rate_per_sec: has_rate.then_some(self.rate_per_sec),
            max_active: Some(self.max_active),
            claim_window_secs: Some(self.claim_window_secs),
            // A crowd is expected.
            sleeps: Some(false),
            ..RoomChange::default()
        }
    }

    pub fn new_room(&self, room: RoomName, show: &ShowId) -> NewRoom {
        NewRoom {
            room,
            show: show.clone(),
            lanes: self.lanes,
            rate_per_sec: self.rate_per_sec,
            max_active: self.max_active,
            claim_window_secs: self.claim_window_secs,
            message: String::new(),
            method: self.new_method(),
            entropy_source: self.entropy_source.unwrap_or(EntropySource::None),
            joins_at: self.opens_at.map(joins_at),
            opens_at: self.opens_at,
            sleeps: false,
        }
    }

    pub fn made(&self, room: &RoomState) -> bool {
        (room.lanes, room.max_active, room.claim_window_secs)
            == (self.lanes, self.max_active, self.claim_window_secs)
            && room.method == self.new_method()
            && (room.method == LineMethod::Passthrough
                || (room.rate_per_sec - self.rate_per_sec).abs() <= f64::EPSILON)
    }
}
