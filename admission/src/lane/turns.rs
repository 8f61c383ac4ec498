//! Offsets and turns of a lane. Without a draw they are the same; after one, those who were drawn
//! come first, and whoever joined later stands behind them. Pure.

use crate::draw::cohort::Cohort;

/// How the records of one lane become turns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneTurns {
    lane: i64,
    /// How many lanes were drawn over.
    lanes: i64,
    /// So many turns of the lane were drawn.
    drawn: i64,
    /// The first offset that was not.
    end: i64,
    /// Of how many offsets earlier lines took care.
    base: i64,
}

impl LaneTurns {
    pub fn of(cohort: Option<&Cohort>, lane: i32) -> Self {
        let (Some(cohort), Ok(number)) = (cohort, u32::try_from(lane)) else {
            return Self::default();
        };
        // A cohort is far smaller than what would not fit.
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            lane: lane.into(),
            lanes: cohort.lanes().into(),
            drawn: count(cohort.drawn(number)),
            end: count(cohort.end(number)),
            base: 0,
        }
    }

    /// The same in a line whose first record's place is `base`.
    pub fn from_base(self, base: i64) -> Self {
        Self { base, ..self }
    }

    /// The turn of a record; `None` where it was drawn, and so has one without being read.
    pub fn turn(&self, offset: i64) -> Option<i64> {
        let offset = self.base + offset;
        (offset >= self.end).then(|| self.drawn + offset - self.end)
    }

    /// The offset from which on records have this turn, or a later one.
    pub fn offset(&self, turn: i64) -> i64 {
        (self.end + (turn - self.drawn).max(0) - self.base).max(0)
    }

    /// How many turns there are in a lane that ends at this offset.
    pub fn tail(&self, end: i64) -> i64 {
        self.drawn + (self.base + end - self.end).max(0)
    }

    /// Whether the turn was drawn.
    pub fn is_drawn(&self, turn: i64) -> bool {
        turn < self.drawn
    }

    /// When whoever has a turn that was drawn joined, as far as their order is concerned: a
    /// millisecond after who was drawn before them, in the first hours of 1970, and so before
    /// everybody who was not drawn.
    pub fn drawn_ms(&self, turn: i64) -> Option<i64> {
        self.is_drawn(turn).then_some(1 + turn * self.lanes + self.lane)
    }

    /// When each turn's fan joined, by when those of each offset did.
    pub fn times(&self, joined_ms: &[i64]) -> Vec<i64> {
        let drawn = (0..self.drawn).filter_map(|turn| self.drawn_ms(turn));
        let end = usize::try_from(self.end).unwrap_or(usize::MAX);
        drawn.chain(joined_ms.get(end..).unwrap_or_default().iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(ends: &[u64]) -> Vec<LaneTurns> {
        let cohort = Cohort::new(ends.to_vec()).expect("a cohort");
        (0..ends.len()).map(|lane| LaneTurns::of(Some(&cohort), lane as i32)).collect()
    }

    #[test]
    fn without_a_draw_a_turn_is_an_offset() {
        let plain = LaneTurns::of(None, 3);
        assert_eq!((plain.turn(7), plain.offset(7), plain.tail(9)), (Some(7), 7, 9));
        assert!(!plain.is_drawn(0) && plain.drawn_ms(0).is_none());
    }

    #[test]
    fn a_later_line_goes_on_where_the_earlier_one_ended() {
        let plain = LaneTurns::of(None, 0).from_base(40);
        assert_eq!((plain.turn(0), plain.tail(3)), (Some(40), 43));
        assert_eq!((plain.offset(42), plain.offset(7)), (2, 0));
        let drawn = turns(&[1, 4])[0].from_base(6);
        assert_eq!((drawn.turn(0), drawn.offset(8), drawn.tail(2)), (Some(8), 0, 10));
    }

    #[test]
    fn whoever_joined_later_stands_behind_those_who_were_drawn() {
        // Five were drawn: three turns of the first lane, two of the second.
        let [short, long] = turns(&[1, 4])[..] else { panic!("two lanes") };
        assert_eq!((short.turn(0), short.turn(1), short.turn(2)), (None, Some(3), Some(4)));
        assert_eq!((long.turn(3), long.turn(4)), (None, Some(2)));
        assert_eq!((short.tail(1), short.tail(3), long.tail(4)), (3, 5, 2));
        assert_eq!((short.offset(0), short.offset(2), short.offset(4)), (1, 1, 2));
        for turn in 3..9 {
            assert_eq!(short.turn(short.offset(turn)), Some(turn));
        }
    }

    #[test]
    fn the_drawn_wait_in_the_order_of_their_positions() {
        let lanes = turns(&[3, 0, 4]);
        let mut drawn: Vec<_> = lanes
            .iter()
            .flat_map(|lane| {
                (0..4).filter_map(|turn| Some((lane.drawn_ms(turn)?, lane.lane, turn)))
            })
            .collect();
        drawn.sort_unstable();
        let order: Vec<_> = drawn.iter().map(|(_, lane, turn)| (*lane, *turn)).collect();
        assert_eq!(order, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (0, 2)]);
        assert_eq!(lanes[1].times(&[500, 501]), [2, 5, 500, 501], "none of it had joined before");
        assert_eq!(lanes[2].times(&[7, 8, 9, 10, 600]), [3, 6, 600]);
    }
}
