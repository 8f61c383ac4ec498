//! All that other crates may use of the waiting room: making rooms and steering them.

use serde::{Deserialize, Serialize};

pub use crate::{
    http::api::{HeadDocument, PassBody, PlaceBody, TicketBody},
    line::agent::Agent,
    place::{PlaceClaims, ahead},
    room::{
        phase::Phase,
        room_admin::{
            Changed, NewRoom, RoomChange, RoomError, RoomState, change_room, change_room_in,
            changed, create_room, room, room_of_show, rooms,
        },
    },
};

/// The value of a record in a line. Who joins is not in it: a place belongs to whoever holds its
/// ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineEntry {
    /// Version of this form.
    pub v: u8,
}

/// The shortest and the longest wait, in seconds, that the queue page tells a fan behind `ahead`
/// people where so many a second are let in. `None` where nobody is: then it tells none.
pub fn wait_secs(ahead: i64, pace_per_sec: f64) -> Option<(u64, u64)> {
    crate::place::wait::range(ahead, None, pace_per_sec)
        .map(|range| (range.low_secs, range.high_secs))
}
