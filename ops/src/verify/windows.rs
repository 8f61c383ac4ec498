//! Whether sessions opened in their places' windows, by the room's door clock. Pure.

use std::collections::BTreeMap;

use admission::contract::PlaceId;
use serde::Serialize;
use uuid::Uuid;

use super::line::{Published, Step};

/// A head is published by one clock, a session stamped by another; a pass that was looked at in
/// time is redeemed a moment later.
const ALLOWANCE_MS: i64 = 10_000;
/// Sessions are stamped by the database's clock, heads by a controller's.
const CLOCKS_DIFFER_MS: i64 = 1_000;

/// A session that opened before its place was let in, or after its window and the pass's grace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutsideWindow {
    pub room: String,
    pub session: Uuid,
    pub place: String,
    pub opened_ms: i64,
    /// When it was granted, the second time where it was.
    pub let_in_ms: i64,
    /// How long the door was open between the two.
    pub open_ms: i64,
    /// How long it might have been.
    pub allowed_ms: i64,
}

/// A session, and the place it was opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub session: Uuid,
    pub place: PlaceId,
    pub opened_ms: i64,
}

/// The door clock as far as it was told.
struct DoorClock<'a> {
    /// In order of time.
    told: Vec<&'a Published>,
}

impl<'a> DoorClock<'a> {
    fn of(published: &'a [Published]) -> Self {
        let mut told: Vec<&Published> =
            published.iter().filter(|record| record.door_ms.is_some()).collect();
        told.sort_by_key(|record| record.at_ms);
        Self { told }
    }

    /// How long the door was open between two moments, at least. A clock that went back was lost
    /// and begins anew: only what it went forward counts. Where nothing was told, the wall clock
    /// counts.
    fn open_between_ms(&self, from_ms: i64, to_ms: i64) -> i64 {
        if self.told.first().is_none_or(|first| first.at_ms > from_ms) {
            return to_ms - from_ms;
        }
        let start = self.told.partition_point(|record| record.at_ms < from_ms);
        let end = self.told.partition_point(|record| record.at_ms <= to_ms);
        let told = self.told.get(start..end).unwrap_or_default();
        told.windows(2)
            .map(|pair| {
                let [before, after] = pair else { return 0 };
                after.door_ms.unwrap_or_default() - before.door_ms.unwrap_or_default()
            })
            .filter(|advanced_ms| *advanced_ms > 0)
            .sum()
    }
}

/// When places that missed their window were granted a second time, by lane and offset.
pub type SecondGrants = BTreeMap<(i32, i64), i64>;

/// Sessions that opened outside their windows; those of a place that had a second one are judged by
/// that. `grace_ms` is how much longer than the window a grant is good.
pub fn opened_outside(
    published: &[Published],
    steps: &[Step],
    sessions: &[Opened],
    again: &SecondGrants,
    grace_ms: i64,
) -> Vec<OutsideWindow> {
    let clock = DoorClock::of(published);
    let records: BTreeMap<i64, &Published> =
        published.iter().map(|record| (record.record, record)).collect();
    let mut by_lane: BTreeMap<i32, Vec<Step>> = BTreeMap::new();
    for step in steps {
        by_lane.entry(step.lane).or_default().push(*step);
    }
    sessions
        .iter()
        .filter_map(|opened| {
            let lane = by_lane.get(&opened.place.lane)?;
            let step = lane.get(lane.partition_point(|step| step.to <= opened.place.offset))?;
            if step.from > opened.place.offset {
                return None;
            }
            let record = records.get(&step.record)?;
            let allowed_ms = record.claim_until_ms - record.at_ms + grace_ms + ALLOWANCE_MS;
            let in_time = opened.opened_ms + CLOCKS_DIFFER_MS;
            // A session that opened before the second grant used the first one.
            let again_ms = again.get(&(opened.place.lane, opened.place.offset)).copied();
            let since_ms = again_ms.filter(|at_ms| *at_ms <= in_time).unwrap_or(record.at_ms);
            let open_ms = clock.open_between_ms(since_ms, opened.opened_ms);
            let too_soon = in_time < record.at_ms;
            (too_soon || open_ms > allowed_ms).then(|| OutsideWindow {
                room: opened.place.room.to_string(),
                session: opened.session,
                place: opened.place.to_string(),
                opened_ms: opened.opened_ms,
                let_in_ms: since_ms,
                open_ms,
                allowed_ms,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use admission::contract::LaneHead;

    use super::*;
    use crate::verify::line::steps;

    const GRACE_MS: i64 = 65_000;

    /// The room's place 0 is let in at 0 for 20 s; the clock then ticks each second, and stands
    /// still between `shut`.
    fn published(shut: std::ops::Range<i64>, secs: i64, told: bool) -> Vec<Published> {
        let mut door_ms = 0;
        (0..secs)
            .map(|second| {
                let record = Published {
                    record: second,
                    at_ms: second * 1000,
                    claim_until_ms: second * 1000 + 20_000,
                    heads: vec![LaneHead { lane: 0, head: 1, tail: 9 }],
                    door_ms: told.then_some(door_ms),
                    door_open: !shut.contains(&second),
                    ..Published::default()
                };
                door_ms += if shut.contains(&second) { 0 } else { 1000 };
                record
            })
            .collect()
    }

    fn outside(published: &[Published], opened_ms: i64) -> usize {
        outside_with(published, opened_ms, &SecondGrants::new())
    }

    fn outside_with(published: &[Published], opened_ms: i64, again: &SecondGrants) -> usize {
        let place = "r.0.0".parse().expect("a place");
        let opened = Opened { session: Uuid::nil(), place, opened_ms };
        opened_outside(published, &steps(published, true), &[opened], again, GRACE_MS).len()
    }

    #[test]
    fn a_place_that_was_granted_again_is_judged_by_that() {
        let published = published(0..0, 400, true);
        let again = SecondGrants::from([((0, 0), 180_000)]);
        for (opened_ms, found) in [(50_000, 0), (120_000, 1), (185_000, 0), (290_000, 1)] {
            assert_eq!(outside_with(&published, opened_ms, &again), found, "{opened_ms}");
        }
        assert_eq!(outside(&published, 185_000), 1, "nobody granted it again");
    }

    #[test]
    fn a_session_opens_between_the_turn_and_the_end_of_the_grace() {
        for told in [false, true] {
            let published = published(0..0, 200, told);
            for (opened_ms, found) in [(-2_000, 1), (0, 0), (19_000, 0), (80_000, 0), (99_000, 1)] {
                assert_eq!(outside(&published, opened_ms), found, "{opened_ms} {told}");
            }
        }
    }

    #[test]
    fn while_the_door_was_shut_no_window_ran() {
        let shut = published(10..70, 200, true);
        assert_eq!(outside(&shut, 99_000), 0);
        assert_eq!(outside(&shut, 170_000), 1);
    }

    #[test]
    fn a_clock_that_was_lost_counts_what_it_went_forward() {
        let mut lost = published(0..0, 200, true);
        for record in lost.iter_mut().skip(50) {
            record.door_ms = record.door_ms.map(|door_ms| door_ms - 50_000);
        }
        assert_eq!(outside(&lost, 80_000), 0);
        assert_eq!(outside(&lost, 110_000), 1);
    }

    #[test]
    fn of_a_place_that_no_record_let_in_nothing_is_said() {
        let published = published(0..0, 200, true);
        let place = "r.0.5".parse().expect("a place");
        let opened = Opened { session: Uuid::nil(), place, opened_ms: 999_000 };
        let steps = steps(&published, true);
        let found = opened_outside(&published, &steps, &[opened], &SecondGrants::new(), GRACE_MS);
        assert_eq!(found, []);
    }
}
