//! The draw that was made: from places to turns and back, whatever their number, without a list.

use crate::{
    draw::{
        LanePlace, LaneTurn,
        cohort::{Cohort, CohortError, LANES_MAX},
        entropy::Entropy,
        key::{DrawKey, KeyError},
        seed::Seed,
        shuffle::Shuffle,
    },
    place::{PlaceId, RoomName},
};

/// A room's draw. Made once a room; a turn takes 90 hashes.
///
/// Those of the cohort are dealt to the lanes in the order of their drawn positions; whoever came
/// later, or into a lane that was added later, stands behind them in their own lane, in the order
/// of arrival. So each turn of each lane is one place's, and each place has one turn.
#[derive(Debug, Clone)]
pub struct Draw {
    cohort: Cohort,
    shuffle: Option<Shuffle>,
}

impl Draw {
    pub fn new(
        room: &RoomName,
        cohort: Cohort,
        seed: &Seed,
        entropy: &Entropy,
    ) -> Result<Self, KeyError> {
        let key = DrawKey::derive(room, &cohort, seed, entropy)?;
        let shuffle = Some(Shuffle::new(key, cohort.size()));
        Ok(Self { cohort, shuffle })
    }

    /// The line of a room without a draw: everybody's turn is their place.
    pub fn first_come(lanes: u32) -> Result<Self, CohortError> {
        // Looked at before so many are laid out.
        if lanes as usize > LANES_MAX {
            return Err(CohortError::Lanes);
        }
        Ok(Self { cohort: Cohort::new(vec![0; lanes as usize])?, shuffle: None })
    }

    pub const fn cohort(&self) -> &Cohort {
        &self.cohort
    }

    /// Where a place was drawn among the whole cohort, from 0; `None` of a late one.
    pub fn position(&self, place: LanePlace) -> Option<u64> {
        self.shuffle.as_ref()?.position(self.cohort.index(place)?)
    }

    /// The turn of a place.
    pub fn turn(&self, place: LanePlace) -> LaneTurn {
        let lanes = u64::from(self.cohort.lanes());
        match self.position(place) {
            Some(position) => {
                LaneTurn { lane: (position % lanes) as u32, number: position / lanes }
            }
            None => {
                let behind = place.offset.saturating_sub(self.cohort.end(place.lane));
                let number = self.cohort.drawn(place.lane).saturating_add(behind);
                LaneTurn { lane: place.lane, number }
            }
        }
    }

    /// The turn of a place of a line, which counts as Kafka does.
    pub fn turn_of(&self, place: &PlaceId) -> PlaceId {
        let Ok(at) = LanePlace::try_from(place) else { return place.clone() };
        let LaneTurn { lane, number } = self.turn(at);
        // Turns are no more than places, whose numbers fit.
        let turn = i32::try_from(lane).ok().zip(i64::try_from(number).ok());
        let (lane, offset) = turn.unwrap_or((place.lane, place.offset));
        PlaceId { room: place.room.clone(), lane, offset }
    }

    /// The place of a turn.
    pub fn place(&self, turn: LaneTurn) -> LanePlace {
        let drawn = self.cohort.drawn(turn.lane);
        let position = u64::from(self.cohort.lanes())
            .saturating_mul(turn.number)
            .saturating_add(u64::from(turn.lane));
        let index = |shuffle: &Shuffle| shuffle.index(position);
        let of_cohort = (turn.number < drawn)
            .then(|| self.cohort.place(self.shuffle.as_ref().and_then(index)?))
            .flatten();
        of_cohort.unwrap_or_else(|| {
            let behind = turn.number.saturating_sub(drawn);
            LanePlace { lane: turn.lane, offset: self.cohort.end(turn.lane).saturating_add(behind) }
        })
    }

    /// How many turns a lane has when it has so many places: where its head ends.
    pub fn turns(&self, lane: u32, places: u64) -> u64 {
        let behind = places.saturating_sub(self.cohort.end(lane));
        self.cohort.drawn(lane).saturating_add(behind)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn draw(ends: Vec<u64>, seed: [u8; 32]) -> Draw {
        let room = "spring-tour".parse().expect("a room");
        let cohort = Cohort::new(ends).expect("a cohort");
        Draw::new(&room, cohort, &Seed::new(seed), &Entropy::None).expect("a draw")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn each_place_has_one_turn_and_each_turn_one_place(
            ends in prop::collection::vec(0u64..40, 1..6),
            late in 0u64..5,
            seed: [u8; 32],
        ) {
            let draw = draw(ends.clone(), seed);
            let mut turns = BTreeSet::new();
            // One lane more than there were: it was added later.
            for lane in 0..=draw.cohort().lanes() {
                for offset in 0..draw.cohort().end(lane) + late {
                    let place = LanePlace { lane, offset };
                    let turn = draw.turn(place);
                    prop_assert_eq!(draw.place(turn), place);
                    prop_assert!(turns.insert(turn));
                }
            }
            // No gaps: a lane's turns are counted through.
            for lane in 0..=draw.cohort().lanes() {
                let count = turns.iter().filter(|turn| turn.lane == lane).count() as u64;
                prop_assert_eq!(count, draw.turns(lane, draw.cohort().end(lane) + late));
                prop_assert_eq!(count, draw.cohort().drawn(lane) + late);
                let last = count.checked_sub(1).map(|number| LaneTurn { lane, number });
                prop_assert!(last.is_none_or(|last| turns.contains(&last)));
            }
        }

        #[test]
        fn positions_of_large_cohorts_lead_back(
            ends in prop::collection::vec(0u64..1 << 36, 1..9),
            pick: prop::sample::Index,
            seed: [u8; 32],
        ) {
            let draw = draw(ends, seed);
            prop_assume!(draw.cohort().size() > 0);
            let index = pick.index(draw.cohort().size() as usize) as u64;
            let place = draw.cohort().place(index).expect("a place");
            prop_assert_eq!(draw.place(draw.turn(place)), place);
        }
    }

    #[test]
    fn whoever_came_later_stands_behind_in_the_order_of_arrival() {
        let draw = draw(vec![3, 1], [7; 32]);
        let number = |lane, offset| draw.turn(LanePlace { lane, offset });
        assert_eq!(number(0, 3), LaneTurn { lane: 0, number: 2 });
        assert_eq!(number(0, 4), LaneTurn { lane: 0, number: 3 });
        assert_eq!(number(1, 1), LaneTurn { lane: 1, number: 2 });
        assert_eq!(number(2, 0), LaneTurn { lane: 2, number: 0 });
        let far = LanePlace { lane: 1, offset: u64::MAX };
        assert_eq!(draw.turn(far).lane, 1);
    }

    #[test]
    fn without_a_draw_a_turn_is_the_place() {
        let line = Draw::first_come(2).expect("a line");
        let place = LanePlace { lane: 1, offset: 41 };
        assert_eq!(line.turn(place), LaneTurn { lane: 1, number: 41 });
        assert_eq!(line.place(line.turn(place)), place);
        assert!(Draw::first_come(0).is_err() && Draw::first_come(u32::MAX).is_err());
    }

    #[test]
    fn anything_else_makes_another_draw() {
        let room = |name: &str| name.parse::<RoomName>().expect("a room");
        let key = |name: &str, ends: &[u64], seed: u8, entropy: Entropy| {
            let cohort = Cohort::new(ends.to_vec()).expect("a cohort");
            DrawKey::derive(&room(name), &cohort, &Seed::new([seed; 32]), &entropy).expect("a key")
        };
        let dice = Entropy::Operator { text: "6 1".to_owned(), entered_at: Default::default() };
        let keys = [
            key("a", &[1, 2], 0, Entropy::None),
            key("b", &[1, 2], 0, Entropy::None),
            key("a", &[2, 1], 0, Entropy::None),
            key("a", &[1, 2, 0], 0, Entropy::None),
            key("a", &[1, 2], 1, Entropy::None),
            key("a", &[1, 2], 0, dice),
        ];
        let distinct: BTreeSet<_> = keys.iter().map(|key| key.0).collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
