//! A fan's place, worked out from the ticket and the heads alone.

pub mod chance;
pub mod forecast;
pub mod link;
pub mod opened;
pub mod poll;
pub mod standing;
pub mod wait;

use admission::contract::{HexBytes, LaneHead, LaneRecord, Nonce, PlaceId, RoomName};
use serde::{Deserialize, Serialize};

use crate::line::LineEntry;

const NO_NONCE: Nonce = HexBytes([0; 16]);

/// What a place ticket seals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SealedPlace", into = "SealedPlace")]
pub struct PlaceClaims {
    /// The place's id, which is also the id of its pass.
    pub place: PlaceId,
    /// When the broker took the join, in milliseconds since 1970.
    pub joined_ms: i64,
    /// How many were ahead then.
    pub ahead_at_join: i64,
    /// That of its record; zeros where its record has none.
    pub nonce: Nonce,
}

impl PlaceClaims {
    /// The record that the join left.
    pub fn record(&self) -> LaneRecord {
        LineEntry { nonce: self.nonce }.record(self.place.offset, self.joined_ms)
    }
}

/// The same inside the ticket. Short names: it travels with every request.
#[derive(Serialize, Deserialize)]
struct SealedPlace {
    #[serde(rename = "r")]
    room: RoomName,
    #[serde(rename = "l")]
    lane: i32,
    #[serde(rename = "o")]
    offset: i64,
    #[serde(rename = "j")]
    joined_ms: i64,
    #[serde(rename = "a")]
    ahead_at_join: i64,
    /// Absent in tickets of places without one.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    nonce: Option<Nonce>,
}

impl From<SealedPlace> for PlaceClaims {
    fn from(sealed: SealedPlace) -> Self {
        Self {
            place: PlaceId { room: sealed.room, lane: sealed.lane, offset: sealed.offset },
            joined_ms: sealed.joined_ms,
            ahead_at_join: sealed.ahead_at_join,
            nonce: sealed.nonce.unwrap_or(NO_NONCE),
        }
    }
}

impl From<PlaceClaims> for SealedPlace {
    fn from(claims: PlaceClaims) -> Self {
        let PlaceId { room, lane, offset } = claims.place;
        Self {
            room,
            lane,
            offset,
            joined_ms: claims.joined_ms,
            ahead_at_join: claims.ahead_at_join,
            nonce: Some(claims.nonce).filter(|nonce| *nonce != NO_NONCE),
        }
    }
}

/// The number of a turn in the whole line, from 1. Lanes are filled in turn, so turns alternate
/// between them.
pub fn number(turn: &PlaceId, lanes: i64) -> i64 {
    turn.offset * lanes + i64::from(turn.lane) + 1
}

/// How many stand before the turn `place`: in its own lane those between the head and it; in each
/// other lane those that joined before it, taking lanes to be filled in turn. Never rises while
/// heads only grow: a lane that is shorter at the moment catches up, and is not looked at.
pub fn ahead(place: &PlaceId, heads: &[LaneHead]) -> i64 {
    heads
        .iter()
        .map(|other| {
            let before_me = place.offset + i64::from(other.lane < place.lane);
            (before_me - other.head).max(0)
        })
        .sum()
}

/// Whether the head has passed the place.
pub fn is_admitted(place: &PlaceId, heads: &[LaneHead]) -> bool {
    heads.iter().any(|own| own.lane == place.lane && own.head > place.offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(lane: i32, offset: i64) -> PlaceId {
        PlaceId { room: "r".parse().expect("a name"), lane, offset }
    }

    fn heads(heads: &[i64]) -> Vec<LaneHead> {
        heads
            .iter()
            .enumerate()
            .map(|(lane, head)| LaneHead { lane: lane as i32, head: *head, tail: 1000 })
            .collect()
    }

    #[test]
    fn in_lanes_filled_in_turn_the_number_is_exact() {
        let lanes = 4;
        for joined in 0..100i64 {
            let claims = PlaceClaims {
                place: place((joined % lanes) as i32, joined / lanes),
                joined_ms: 0,
                ahead_at_join: 0,
                nonce: NO_NONCE,
            };
            assert_eq!(number(&claims.place, lanes), joined + 1);
            assert_eq!(ahead(&claims.place, &heads(&[0, 0, 0, 0])), joined);
        }
    }

    proptest! {
        #[test]
        fn ahead_never_rises_and_is_zero_once_admitted_in_order(
            start in prop::collection::vec(0i64..50, 1..6),
            steps in prop::collection::vec((0usize..6, 1i64..5), 0..30),
            offset in 0i64..60,
        ) {
            let mut now = start.clone();
            let mine = place((start.len() - 1) as i32, offset);
            let mut before = ahead(&mine, &heads(&now));
            for (which, by) in steps {
                let index = which % now.len();
                now[index] += by;
                let after = ahead(&mine, &heads(&now));
                prop_assert!(after <= before);
                before = after;
            }
        }
    }
}
