//! Where a place stands now, for the API and the page alike.

use admission::contract::{RoomName, StockState};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    head::{
        HeadDocument,
        head_log::{Admitted, Standing},
    },
    place::{
        PlaceClaims, ahead,
        chance::Chance,
        is_admitted, number,
        poll::{look_before_opening_ms, next_look_ms},
        wait::{WaitRange, WaitSay},
    },
    room::{info::Info, live::Room, phase::Phase},
};

/// Where a place stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceState {
    /// Nobody has an order yet: they are drawn at the opening.
    InDraw,
    Waiting,
    YourTurn,
    WindowMissed,
    /// The fan gave it up.
    Left,
}

/// A place's standing now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PlaceBody {
    pub room: RoomName,
    pub state: PlaceState,
    /// Number in the whole line, from 1; null until the draw is made, and where there was no line.
    pub place: Option<i64>,
    /// How many are ahead; null until the draw is made.
    pub ahead: Option<i64>,
    pub phase: Phase,
    /// Shortest and longest likely wait in seconds; null where it cannot be said (paused, or nobody
    /// is let in).
    pub wait_secs_min: Option<u64>,
    pub wait_secs_max: Option<u64>,
    /// Between when and when it is likely to be your turn.
    pub turn_at_min: Option<DateTime<Utc>>,
    pub turn_at_max: Option<DateTime<Utc>>,
    /// What can be said of the wait: a range, or why there is none.
    pub wait_say: WaitSay,
    /// How the sale stands; null where it is not known yet.
    pub sale: Option<StockState>,
    /// Tickets that can be bought now; null where that is not known yet.
    pub tickets_left: Option<i64>,
    /// For each ticket type, the chance that one is left at your turn; none where it is not known,
    /// or you do not wait.
    pub chances: Vec<Chance>,
    pub joined_at: DateTime<Utc>,
    /// Until when the pass may be claimed, once it is your turn.
    pub claim_until: Option<DateTime<Utc>>,
    /// Until when a turn that was missed may be asked for once more; null otherwise, and while the
    /// line is not open or no ticket is free.
    pub may_resume_until: Option<DateTime<Utc>>,
    /// Ask again after so many milliseconds, give or take a fifth: the longer, the further back,
    /// and before the opening the longer, the further off it is.
    pub poll_after_ms: u32,
}

/// Whoever missed a turn longer ago stands at the end of the line.
pub const RESUME_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// When the broker took a join.
pub fn joined_at(claims: &PlaceClaims) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(claims.joined_ms).unwrap_or_default()
}

/// Where a place stands, for the API and the page alike.
pub fn standing(room: &Room, claims: &PlaceClaims, now: DateTime<Utc>) -> PlaceBody {
    if claims.place.is_direct() {
        return straight(room, claims, now);
    }
    let (info, document) = (room.info(), room.document());
    let (turn, awaits_draw) = (room.turn(&claims.place), info.awaits_draw());
    let line = room.line();
    let heads = &line.heads;
    // Most wait; when somebody's turn came is only in the log.
    let (ahead, standing) = if is_admitted(&turn, heads) {
        (0, room.with_log(|log| log.standing(turn.lane, turn.offset, now)))
    } else {
        (ahead(&turn, heads), Standing::Waiting)
    };
    let has_left = room.has_left_at(&turn) || room.has_left_entry(&claims.place);
    let (state, claim_until) = match standing.in_phase(info.phase, now) {
        _ if has_left => (PlaceState::Left, None),
        _ if awaits_draw => (PlaceState::InDraw, None),
        Standing::Waiting => (PlaceState::Waiting, None),
        Standing::Admitted(admitted) => {
            let state =
                if admitted.is_over { PlaceState::WindowMissed } else { PlaceState::YourTurn };
            (state, Some(admitted.claim_until))
        }
        Standing::LongPast => (PlaceState::WindowMissed, None),
    };
    let (head, waits) = (&document.head, state == PlaceState::Waiting);
    let range = waits.then(|| head.wait.range(ahead)).flatten();
    let clock = range.and_then(|range| range.clock(now));
    let sale = head.sale.as_ref();
    PlaceBody {
        room: room.name.clone(),
        state,
        place: (!awaits_draw).then(|| number(&turn, i64::from(info.lanes))),
        ahead: (!awaits_draw).then_some(ahead),
        phase: info.phase,
        wait_secs_min: range.map(|WaitRange { low_secs, .. }| low_secs),
        wait_secs_max: range.map(|WaitRange { high_secs, .. }| high_secs),
        turn_at_min: clock.map(|(from, _)| from),
        turn_at_max: clock.map(|(_, to)| to),
        wait_say: match (range, head.wait.say) {
            // The curve does not reach that far back.
            (None, WaitSay::Range) => WaitSay::Unknown,
            (_, say) => say,
        },
        sale: sale.map(|sale| sale.state),
        tickets_left: sale.map(|sale| sale.tickets_left),
        chances: sale.filter(|_| waits).map(|sale| sale.chances(ahead)).unwrap_or_default(),
        joined_at: joined_at(claims),
        claim_until,
        may_resume_until: claim_until
            .filter(|_| state == PlaceState::WindowMissed && gives_second_turns(&info, head))
            .map(|missed_at| missed_at + RESUME_WITHIN)
            .filter(|until| now < *until),
        poll_after_ms: if awaits_draw {
            let left_ms = info.opens_at.map_or(0, |opens_at| (opens_at - now).num_milliseconds());
            look_before_opening_ms(head.poll_after_ms, left_ms, info.claim_window_secs)
        } else {
            next_look_ms(head, ahead)
        },
    }
}

/// Where whoever came while the room slept stands: it was their turn at once.
fn straight(room: &Room, claims: &PlaceClaims, now: DateTime<Utc>) -> PlaceBody {
    let (info, document) = (room.info(), room.document());
    let admitted = straight_in(&info, claims, now);
    let sale = document.head.sale.as_ref();
    PlaceBody {
        room: room.name.clone(),
        state: if admitted.is_over { PlaceState::WindowMissed } else { PlaceState::YourTurn },
        place: None,
        ahead: Some(0),
        phase: info.phase,
        wait_secs_min: None,
        wait_secs_max: None,
        turn_at_min: None,
        turn_at_max: None,
        wait_say: document.head.wait.say,
        sale: sale.map(|sale| sale.state),
        tickets_left: sale.map(|sale| sale.tickets_left),
        chances: Vec::new(),
        joined_at: joined_at(claims),
        claim_until: Some(admitted.claim_until),
        may_resume_until: None,
        poll_after_ms: document.head.poll_after_ms,
    }
}

/// When whoever came while the room slept was let in: at once, for a window by the wall's clock.
pub fn straight_in(info: &Info, claims: &PlaceClaims, now: DateTime<Utc>) -> Admitted {
    let at = joined_at(claims);
    let claim_until = at + TimeDelta::seconds(info.claim_window_secs.into());
    Admitted { at, claim_until, is_over: claim_until <= now }
}

/// Whether a turn that was missed can be had once more, as far as the room is concerned.
pub fn gives_second_turns(info: &Info, head: &HeadDocument) -> bool {
    info.phase == Phase::Open && head.has_tickets()
}
