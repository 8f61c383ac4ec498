//! What whoever gets a place is told.

use admission::contract::RoomName;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    line::join::Joined,
    place::{number, standing::joined_at},
    room::live::Room,
};

/// A place in the line.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TicketBody {
    /// The sealed place ticket. Whoever holds it holds the place.
    pub ticket: String,
    pub room: RoomName,
    /// -1 where there is no line: it is the fan's turn at once.
    pub lane: i32,
    pub offset: i64,
    /// Number in the whole line, from 1; null where it is drawn at the opening, or there is none.
    pub place: Option<i64>,
    /// How many are ahead; null where that is drawn at the opening.
    pub ahead: Option<i64>,
    pub joined_at: DateTime<Utc>,
    /// The room's signed word that this record is in this place: PASETO v4.public by the keys under
    /// /.well-known/paseto-keys, with the implicit assertion `fairgate/receipt/v1`. It says room,
    /// lane, offset, `joined_ms` and nonce, and does not expire. Of joins that were acknowledged in
    /// the same moment it is `token~claims~path`, with one signature for all of them
    /// (docs/draw.md). Keep it: it proves a broken promise. Null where
    /// there is no line, and so no record.
    pub receipt: Option<String>,
}

impl TicketBody {
    pub fn new(room: &Room, joined: Joined, receipt: Option<String>) -> Self {
        let Joined { claims, ticket } = joined;
        let info = room.info();
        let has_turn = !info.awaits_draw();
        Self {
            room: room.name.clone(),
            lane: claims.place.lane,
            offset: claims.place.offset,
            place: (has_turn && !claims.place.is_direct())
                .then(|| number(&room.turn(&claims.place), info.lanes.into())),
            ahead: has_turn.then_some(claims.ahead_at_join),
            joined_at: joined_at(&claims),
            ticket,
            receipt,
        }
    }
}
