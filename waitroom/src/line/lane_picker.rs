//! Which lane a join goes to. Pure.
//!
//! Lanes are filled in turn, for the number of a place is worked out from that. In a long line one
//! lane takes all joins of a few milliseconds, and then the next: what is appended together is one
//! batch for the broker then, and not one for each lane.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A lane may be so many places longer than the shortest one; then others are filled first.
const UNEVEN_MAX: i64 = 100;
/// No lane is chosen for longer.
const STINT_MS: u32 = 4;
/// Nor for more joins.
const STINT_JOINS_MAX: u16 = 64;
/// Nor for more than this share of what stands in a lane, so that the number that a fan is told is
/// as near to how many joined before as makes no difference: in a short line it is that number.
const STINT_SHARE: i64 = 16;

/// A lane's turn to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stint {
    /// When it began, in milliseconds of a clock that goes round after 49 days.
    began_ms: u32,
    turn: u16,
    joins: u16,
}

impl Stint {
    /// The stint that a join at `now_ms` is part of, where a lane may take `joins_max` in one.
    fn next(self, now_ms: u32, joins_max: u16) -> Self {
        let is_over = self.joins >= joins_max || now_ms.wrapping_sub(self.began_ms) >= STINT_MS;
        if is_over {
            Self { began_ms: now_ms, turn: self.turn.wrapping_add(1), joins: 1 }
        } else {
            Self { joins: self.joins + 1, ..self }
        }
    }

    const fn of(bits: u64) -> Self {
        Self { began_ms: (bits >> 32) as u32, turn: (bits >> 16) as u16, joins: bits as u16 }
    }

    const fn bits(self) -> u64 {
        (self.began_ms as u64) << 32 | (self.turn as u64) << 16 | self.joins as u64
    }
}

/// How many joins a lane takes before the next has its turn, in a line whose shortest lane is so
/// long.
fn joins_max(shortest: i64) -> u16 {
    let share = (shortest / STINT_SHARE).clamp(1, STINT_JOINS_MAX.into());
    u16::try_from(share).unwrap_or(1)
}

/// Whose turn it is of lanes that end at `ends`, at the `turn`-th stint. One that became far longer
/// than others, because they could not be written for a while, waits until they are as long.
fn lane_at(turn: usize, ends: &[AtomicI64], shortest: i64) -> usize {
    let lanes = ends.len().max(1);
    let fits = |lane: &usize| {
        ends.get(*lane).is_none_or(|end| end.load(Ordering::Relaxed) <= shortest + UNEVEN_MAX)
    };
    (0..lanes).map(|next| (turn % lanes + next) % lanes).find(fits).unwrap_or(0)
}

/// Picks lanes, without a lock.
pub struct LanePicker(AtomicU64);

impl LanePicker {
    /// The first join goes to `lane`.
    pub fn starting_at(lane: usize) -> Self {
        let turn = u16::try_from(lane).unwrap_or_default().wrapping_sub(1);
        Self(AtomicU64::new(Stint { began_ms: 0, turn, joins: STINT_JOINS_MAX }.bits()))
    }

    /// The lane of a join at `now_ms`, among lanes that end there as far as is known.
    pub fn pick(&self, ends: &[AtomicI64], now_ms: u32) -> i32 {
        let shortest = ends.iter().map(|end| end.load(Ordering::Relaxed)).min().unwrap_or(0);
        let joins_max = joins_max(shortest);
        let next = |bits| Stint::of(bits).next(now_ms, joins_max);
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| Some(next(bits).bits()));
        // The update always has a next one.
        let stint = next(before.unwrap_or_else(|bits| bits));
        lane_at(stint.turn.into(), ends, shortest) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(ends: &[i64]) -> Vec<AtomicI64> {
        ends.iter().copied().map(AtomicI64::new).collect()
    }

    /// Lets so many join, `apart_ms` apart; the lanes that they were given.
    fn join(lanes: &[AtomicI64], joins: u32, per_ms: u32) -> Vec<i32> {
        let picker = LanePicker::starting_at(0);
        let one = |join: u32| {
            let lane = picker.pick(lanes, join / per_ms);
            lanes[lane as usize].fetch_add(1, Ordering::Relaxed);
            lane
        };
        (0..joins).map(one).collect()
    }

    #[test]
    fn a_short_line_is_filled_in_turn_however_many_come_at_once() {
        assert_eq!(join(&ends(&[0; 3]), 6, 1_000), [0, 1, 2, 0, 1, 2]);
        assert_eq!(join(&ends(&[7, 7, 7]), 3, 1_000), [0, 1, 2]);
    }

    #[test]
    fn a_long_line_is_filled_lane_by_lane_and_stays_even() {
        let lanes = ends(&[5_000; 4]);
        let given = join(&lanes, 20_000, 20);
        let changes = given.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!((300..=320).contains(&changes), "{changes} stints of 64");
        let ends: Vec<i64> = lanes.iter().map(|end| end.load(Ordering::Relaxed)).collect();
        let (least, most) = (ends.iter().min().unwrap_or(&0), ends.iter().max().unwrap_or(&0));
        assert!(most - least <= STINT_JOINS_MAX.into(), "{ends:?}");
    }

    #[test]
    fn one_who_comes_later_than_some_milliseconds_gets_the_next_lane() {
        let picker = LanePicker::starting_at(2);
        let lanes = ends(&[5_000; 3]);
        let at = |now_ms| picker.pick(&lanes, now_ms);
        assert_eq!([10, 11, 13, 14, 17, 18].map(at), [2, 2, 2, 0, 0, 1]);
        // The clock goes round.
        assert_eq!([u32::MAX - 1, 1, 2, 3].map(at), [2, 2, 0, 0]);
    }

    #[test]
    fn a_lane_that_is_far_longer_waits_for_the_others() {
        let of = |list: &[i64]| -> Vec<usize> {
            let shortest = list.iter().min().copied().unwrap_or(0);
            (0..4).map(|turn| lane_at(turn, &ends(list), shortest)).collect()
        };
        assert_eq!(of(&[0, 0]), [0, 1, 0, 1]);
        assert_eq!(of(&[500, 400, 401]), [0, 1, 2, 0], "a hundred are not far");
        assert_eq!(of(&[501, 400, 600]), [1; 4]);
        assert_eq!(of(&[]), [0; 4]);
    }
}
