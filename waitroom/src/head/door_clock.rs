//! The door clock as a reader of `heads` knows it: claim windows run by it, and it stands still
//! while passes cannot be redeemed. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// A count that fell by no more than this was told late by one of several controllers. One that
/// fell by more began anew, with Redis.
const LATE_MS: i64 = 5_000;
/// Two records may be so much further apart by their counts than by their times: a count is read a
/// moment before its record is written.
const JITTER_MS: i64 = 1_000;
/// A door that was shut for less was not shut, for people.
const NOTICED_MS: i64 = 2_000;

/// How long a room's door has been open and shut so far, by the newest record. Both only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DoorClock {
    /// The newest record with a count: when, and its count.
    newest: Option<(DateTime<Utc>, i64)>,
    open_ms: i64,
    shut_ms: i64,
    /// What time and count together showed at the first record; `shut_ms` counts from there.
    lag_ms: i64,
}

/// The clock's reading at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorMark {
    open_ms: i64,
    shut_ms: i64,
}

impl DoorClock {
    /// Takes in a record's count. One that is older than the newest, or was seen before, changes
    /// nothing.
    pub fn advance(&mut self, at: DateTime<Utc>, door_ms: i64) {
        let Some((newest_at, newest_ms)) = self.newest else {
            self.newest = Some((at, door_ms));
            self.lag_ms = at.timestamp_millis();
            return;
        };
        if at <= newest_at {
            return;
        }
        if door_ms < newest_ms && newest_ms - door_ms <= LATE_MS {
            // Told late; the time is known to have passed all the same.
            self.newest = Some((at, newest_ms));
        } else {
            // Never faster than time itself: who is told a time keeps it.
            let passed = (at - newest_at).num_milliseconds() + JITTER_MS;
            self.open_ms += (door_ms - newest_ms).clamp(0, passed);
            self.newest = Some((at, door_ms));
        }
        let lag_ms = at.timestamp_millis() - self.open_ms;
        self.shut_ms = self.shut_ms.max(lag_ms - self.lag_ms);
    }

    /// The reading now; `None` where no controller keeps this clock.
    pub fn mark(&self) -> Option<DoorMark> {
        let (open_ms, shut_ms) = (self.open_ms, self.shut_ms);
        self.newest.map(|_| DoorMark { open_ms, shut_ms })
    }

    /// By how much a window that began then is longer, because the door was shut meanwhile: in
    /// whole seconds, and none where nobody would notice. Never less than it was.
    pub fn extended_by(&self, since: DoorMark) -> TimeDelta {
        let shut_ms = self.shut_ms - since.shut_ms;
        if shut_ms < NOTICED_MS { TimeDelta::zero() } else { TimeDelta::seconds(shut_ms / 1000) }
    }

    /// Whether a window that began then is over: the door was open for all of it, and the time that
    /// its fan was told has passed.
    pub fn is_over(&self, since: DoorMark, window: TimeDelta, claim_until: DateTime<Utc>) -> bool {
        let open_ms = self.open_ms - since.open_ms;
        open_ms >= window.num_milliseconds() && self.newest.is_some_and(|(at, _)| at >= claim_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_000_000_000 + ms).expect("a time")
    }

    fn ticked(ticks: &[(i64, i64)]) -> DoorClock {
        let mut clock = DoorClock::default();
        for (ms, door_ms) in ticks {
            clock.advance(at(*ms), *door_ms);
        }
        clock
    }

    #[test]
    fn while_the_door_is_shut_windows_grow() {
        let mut clock = ticked(&[(0, 0)]);
        let since = clock.mark().expect("a mark");
        let window = TimeDelta::seconds(10);
        let until = |clock: &DoorClock| at(10_000) + clock.extended_by(since);
        for second in 1..=5 {
            clock.advance(at(second * 1000), second * 1000);
        }
        assert_eq!(until(&clock), at(10_000));
        // Shut for twenty seconds.
        for second in 6..=25 {
            clock.advance(at(second * 1000), 5_000);
        }
        assert_eq!(until(&clock), at(30_000));
        for second in 26..=29 {
            clock.advance(at(second * 1000), (second - 20) * 1000);
            assert!(!clock.is_over(since, window, until(&clock)), "{second}");
        }
        clock.advance(at(30_000), 10_000);
        assert!(clock.is_over(since, window, until(&clock)));
        assert_eq!(until(&clock), at(30_000));
    }

    #[test]
    fn a_moment_that_nobody_notices_moves_no_time() {
        let mut clock = ticked(&[(0, 0), (1000, 1000)]);
        let since = clock.mark().expect("a mark");
        clock.advance(at(3_500), 2_000);
        assert_eq!(clock.extended_by(since), TimeDelta::zero());
        clock.advance(at(4_000), 2_000);
        assert_eq!(clock.extended_by(since), TimeDelta::seconds(2));
    }

    #[test]
    fn a_count_that_begins_anew_goes_on_from_where_it_was() {
        let mut clock = ticked(&[(0, 500_000), (10_000, 510_000)]);
        let since = clock.mark().expect("a mark");
        clock.advance(at(11_000), 0);
        assert_eq!(clock.open_ms, 10_000, "Redis was lost");
        clock.advance(at(12_000), 1_000);
        assert_eq!(clock.open_ms, 11_000);
        assert!(!clock.is_over(since, TimeDelta::seconds(5), at(15_000)));
    }

    #[test]
    fn another_controllers_late_count_neither_moves_it_back_nor_on() {
        let mut clock = ticked(&[(0, 0), (1_000, 1_000)]);
        clock.advance(at(1_010), 950);
        clock.advance(at(1_020), 1_020);
        clock.advance(at(1_030), 1_010);
        clock.advance(at(1_040), 1_040);
        assert_eq!(clock.open_ms, 1_040, "counted once");
    }

    #[test]
    fn data_of_a_count_that_leaps_ends_no_window_before_its_time() {
        let mut clock = ticked(&[(0, 0)]);
        let since = clock.mark().expect("a mark");
        clock.advance(at(1_000), 3_600_000);
        assert!(!clock.is_over(since, TimeDelta::seconds(10), at(10_000)));
    }

    proptest! {
        /// Whatever comes, in whatever order: what a fan is told only grows, and nothing ends
        /// without a newer record.
        #[test]
        fn nothing_ever_goes_back(
            ticks in prop::collection::vec((0i64..200_000, 0i64..200_000), 1..60),
        ) {
            let mut clock = DoorClock::default();
            clock.advance(at(0), 0);
            let since = clock.mark().expect("a mark");
            let window = TimeDelta::seconds(20);
            let mut before = (clock.open_ms, clock.extended_by(since), false);
            let mut newest = 0;
            for (ms, door_ms) in ticks {
                clock.advance(at(ms), door_ms);
                let until = at(0) + window + clock.extended_by(since);
                let is_over = clock.is_over(since, window, until);
                prop_assert!(clock.open_ms >= before.0);
                prop_assert!(clock.extended_by(since) >= before.1);
                if ms <= newest {
                    prop_assert_eq!((clock.open_ms, clock.extended_by(since), is_over), before);
                }
                newest = newest.max(ms);
                before = (clock.open_ms, clock.extended_by(since), is_over);
            }
        }

        /// Records that repeat, or come out of their order, change nothing.
        #[test]
        fn repeats_change_nothing(gaps in prop::collection::vec((1i64..3_000, 0i64..=100), 1..40)) {
            let (mut ms, mut door_ms) = (0, 0);
            let mut ticks = vec![(0, 0)];
            for (gap, open_percent) in gaps {
                ms += gap;
                door_ms += gap * open_percent / 100;
                ticks.push((ms, door_ms));
            }
            let once = ticked(&ticks);
            let mut again = once;
            for (ms, door_ms) in &ticks {
                again.advance(at(*ms), *door_ms);
            }
            prop_assert_eq!(once, again);
        }
    }
}
