//! A fan's place, worked out from the ticket and the heads alone.

pub mod standing;
pub mod wait;

use admission::contract::LaneHead;
use serde::{Deserialize, Serialize};

/// What a place ticket seals. Short names: it travels with every request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceClaims {
    #[serde(rename = "r")]
    pub room: String,
    #[serde(rename = "l")]
    pub lane: i32,
    #[serde(rename = "o")]
    pub offset: i64,
    /// When the broker took the join, in milliseconds since 1970.
    #[serde(rename = "j")]
    pub joined_ms: i64,
    /// How many were ahead then.
    #[serde(rename = "a")]
    pub ahead_at_join: i64,
}

impl PlaceClaims {
    /// The place's id, which is also the id of its pass.
    pub fn id(&self) -> String {
        admission::contract::place_id(&self.room, self.lane, self.offset)
    }

    /// The number of the place in the whole line, from 1. Lanes are filled in turn, so places
    /// alternate between them.
    pub fn number(&self, lanes: i64) -> i64 {
        self.offset * lanes + i64::from(self.lane) + 1
    }
}

/// How many stand before the place at (`lane`, `offset`): in its own lane those between the head
/// and it; in each other lane those that joined before it, taking lanes to be filled in turn. Never
/// rises while heads only grow.
pub fn ahead(lane: i32, offset: i64, heads: &[LaneHead]) -> i64 {
    heads
        .iter()
        .map(|other| {
            let before_me = offset + i64::from(other.lane < lane);
            (before_me - other.head).max(0)
        })
        .sum()
}

/// Whether the head has passed the place.
pub fn is_admitted(lane: i32, offset: i64, heads: &[LaneHead]) -> bool {
    heads.iter().any(|own| own.lane == lane && own.head > offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
                room: "r".into(),
                lane: (joined % lanes) as i32,
                offset: joined / lanes,
                joined_ms: 0,
                ahead_at_join: 0,
            };
            assert_eq!(claims.number(lanes), joined + 1);
            assert_eq!(ahead(claims.lane, claims.offset, &heads(&[0, 0, 0, 0])), joined);
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
            let lane = (start.len() - 1) as i32;
            let mut before = ahead(lane, offset, &heads(&now));
            for (which, by) in steps {
                let index = which % now.len();
                now[index] += by;
                let after = ahead(lane, offset, &heads(&now));
                prop_assert!(after <= before);
                before = after;
            }
        }
    }
}
