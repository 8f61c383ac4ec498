//! Where a place stands now, for the API and the page alike.

use admission::contract::RoomName;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    head::head_log::Standing,
    place::{PlaceClaims, ahead, is_admitted, wait},
    room::{live::Room, phase::Phase},
};

/// Where a place stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceState {
    Waiting,
    YourTurn,
    WindowMissed,
}

/// A place's standing now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PlaceBody {
    pub room: RoomName,
    pub state: PlaceState,
    pub place: i64,
    pub ahead: i64,
    pub phase: Phase,
    /// Shortest and longest likely wait in seconds; null where it cannot be said (paused, or nobody
    /// is let in).
    pub wait_secs_min: Option<u64>,
    pub wait_secs_max: Option<u64>,
    pub joined_at: DateTime<Utc>,
    /// Until when the pass may be claimed, once it is your turn.
    pub claim_until: Option<DateTime<Utc>>,
    pub poll_after_ms: u32,
}

/// When the broker took a join.
pub fn joined_at(claims: &PlaceClaims) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(claims.joined_ms).unwrap_or_default()
}

/// Where a place stands, for the API and the page alike.
pub fn standing(room: &Room, claims: &PlaceClaims, now: DateTime<Utc>) -> PlaceBody {
    let info = room.info();
    let (heads, standing, pace) = room.with_log(|log| {
        (log.heads(), log.standing(claims.place.lane, claims.place.offset), log.pace_per_sec(now))
    });
    let ahead = if is_admitted(&claims.place, &heads) { 0 } else { ahead(&claims.place, &heads) };
    let (state, claim_until) = match standing {
        Standing::Waiting => (PlaceState::Waiting, None),
        Standing::Admitted(admitted) if admitted.claim_until > now => {
            (PlaceState::YourTurn, Some(admitted.claim_until))
        }
        Standing::Admitted(admitted) => (PlaceState::WindowMissed, Some(admitted.claim_until)),
        Standing::LongPast => (PlaceState::WindowMissed, None),
    };
    let range = (info.phase == Phase::Open && state == PlaceState::Waiting)
        .then(|| wait::range(ahead, pace, info.rate_per_sec))
        .flatten();
    PlaceBody {
        room: room.name.clone(),
        state,
        place: claims.number(i64::from(info.lanes)),
        ahead,
        phase: info.phase,
        wait_secs_min: range.map(|range| range.low_secs),
        wait_secs_max: range.map(|range| range.high_secs),
        joined_at: joined_at(claims),
        claim_until,
        poll_after_ms: poll_after_ms(ahead, info.rate_per_sec),
    }
}

/// Further back, the place changes more slowly in what it means for the fan, so asking less often
/// loses nothing.
fn poll_after_ms(ahead: i64, rate_per_sec: f64) -> u32 {
    let secs = ahead as f64 / rate_per_sec.max(0.1);
    (secs * 1000.0 / 20.0).clamp(1000.0, 15_000.0) as u32
}
