//! What is known of a room's heads: where they stand, when they passed which place, how fast they
//! move.

use std::collections::VecDeque;

use admission::contract::{HeadsMoved, LaneHead};
use chrono::{DateTime, Duration, Utc};

/// Passed places are remembered this long; whoever comes later missed the window anyway.
const REMEMBERED_HOURS: i64 = 2;
/// The pace is measured over this time.
const PACE_SECS: i64 = 30;
/// Bound on memory per lane whatever the pace.
const STEPS_MAX: usize = 100_000;

/// One step of a lane's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    head: i64,
    at: DateTime<Utc>,
    claim_until: DateTime<Utc>,
}

#[derive(Debug, Clone, Default)]
struct LaneLog {
    head: i64,
    tail: i64,
    /// Places before this offset were let in too long ago to know when.
    forgotten: i64,
    steps: VecDeque<Step>,
}

/// When a place was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    pub at: DateTime<Utc>,
    pub claim_until: DateTime<Utc>,
}

/// Where a place stands with respect to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Waiting,
    Admitted(Admitted),
    /// Let in so long ago that the time is no longer known.
    LongPast,
}

/// A room's heads over time. It costs memory per step of the line, never per fan.
#[derive(Debug, Clone, Default)]
pub struct HeadLog {
    lanes: Vec<LaneLog>,
    /// (when, how many had been let in by then), for the pace.
    admitted: VecDeque<(DateTime<Utc>, i64)>,
}

impl HeadLog {
    pub fn with_lanes(lanes: usize) -> Self {
        Self { lanes: vec![LaneLog::default(); lanes], admitted: VecDeque::new() }
    }

    /// Fits the log to a room's number of lanes.
    pub fn resize(&mut self, lanes: usize) {
        self.lanes.resize_with(lanes, LaneLog::default);
    }

    /// Takes in a published record. A head that would move back is ignored: records may repeat or
    /// come late.
    pub fn apply(&mut self, moved: &HeadsMoved) {
        for update in &moved.heads {
            let Some(lane) =
                usize::try_from(update.lane).ok().and_then(|index| self.lanes.get_mut(index))
            else {
                continue;
            };
            lane.tail = lane.tail.max(update.tail);
            if update.head > lane.head {
                lane.head = update.head;
                lane.steps.push_back(Step {
                    head: update.head,
                    at: moved.at,
                    claim_until: moved.claim_until,
                });
            }
            let old = moved.at - Duration::hours(REMEMBERED_HOURS);
            while let Some(step) = lane.steps.front() {
                let is_needed = step.at >= old || step.claim_until > moved.at;
                if is_needed && lane.steps.len() <= STEPS_MAX {
                    break;
                }
                lane.forgotten = step.head;
                lane.steps.pop_front();
            }
        }
        let total = self.total_admitted();
        // While nobody waits, few come in because few are there: that says nothing about how fast a
        // line would move.
        if self.lanes.iter().all(|lane| lane.head >= lane.tail) {
            self.admitted.clear();
        } else if self.admitted.back().is_none_or(|(_, before)| *before != total) {
            self.admitted.push_back((moved.at, total));
        }
        // One sample older than the window stays, as the base to measure from.
        let old = moved.at - Duration::seconds(PACE_SECS);
        while self.admitted.get(1).is_some_and(|(at, _)| *at < old) {
            self.admitted.pop_front();
        }
    }

    /// Notes a join that this instance saw acknowledged, so that counts are fresh between
    /// publications.
    pub fn joined(&mut self, lane: i32, offset: i64) {
        if let Some(lane) = usize::try_from(lane).ok().and_then(|index| self.lanes.get_mut(index)) {
            lane.tail = lane.tail.max(offset + 1);
        }
    }

    pub fn heads(&self) -> Vec<LaneHead> {
        self.lanes
            .iter()
            .enumerate()
            .map(|(lane, log)| LaneHead {
                lane: lane as i32,
                head: log.head,
                tail: log.tail.max(log.head),
            })
            .collect()
    }

    pub fn total_admitted(&self) -> i64 {
        self.lanes.iter().map(|lane| lane.head).sum()
    }

    /// Where the place at `offset` of `lane` stands.
    pub fn standing(&self, lane: i32, offset: i64) -> Standing {
        let Some(log) = usize::try_from(lane).ok().and_then(|index| self.lanes.get(index)) else {
            return Standing::Waiting;
        };
        if log.head <= offset {
            return Standing::Waiting;
        }
        if offset < log.forgotten {
            return Standing::LongPast;
        }
        let index = log.steps.partition_point(|step| step.head <= offset);
        match log.steps.get(index) {
            Some(step) => {
                Standing::Admitted(Admitted { at: step.at, claim_until: step.claim_until })
            }
            None => Standing::LongPast,
        }
    }

    /// Fans let in per second over the last half minute; `None` where there is too little to say.
    pub fn pace_per_sec(&self, now: DateTime<Utc>) -> Option<f64> {
        let (since, base) = self.admitted.front()?;
        let secs = (now - since).num_milliseconds() as f64 / 1000.0;
        (secs >= 3.0).then(|| (self.total_admitted() - base) as f64 / secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + secs, 0).expect("time")
    }

    fn moved(secs: i64, lane: i32, head: i64) -> HeadsMoved {
        HeadsMoved {
            room: "r".parse().expect("a name"),
            at: at(secs),
            claim_until: at(secs + 60),
            rate_per_sec: 1.0,
            heads: vec![LaneHead { lane, head, tail: head + 5 }],
        }
    }

    #[test]
    fn a_head_never_moves_back() {
        let mut log = HeadLog::with_lanes(1);
        log.apply(&moved(0, 0, 10));
        log.apply(&moved(1, 0, 7));
        assert_eq!(log.heads()[0].head, 10);
        assert_eq!(
            log.standing(0, 9),
            Standing::Admitted(Admitted { at: at(0), claim_until: at(60) })
        );
    }

    #[test]
    fn the_window_of_a_place_starts_with_the_step_that_passed_it() {
        let mut log = HeadLog::with_lanes(2);
        for step in [moved(0, 0, 2), moved(5, 0, 4), moved(9, 1, 1)] {
            log.apply(&step);
        }
        let times: Vec<_> = (0..5).map(|offset| log.standing(0, offset)).collect();
        let admitted =
            |secs| Standing::Admitted(Admitted { at: at(secs), claim_until: at(secs + 60) });
        assert_eq!(times, [admitted(0), admitted(0), admitted(5), admitted(5), Standing::Waiting]);
        assert_eq!(log.standing(7, 0), Standing::Waiting, "a lane that does not exist");
    }

    #[test]
    fn what_was_forgotten_is_long_past_and_not_claimable() {
        let mut log = HeadLog::with_lanes(1);
        log.apply(&moved(0, 0, 2));
        log.apply(&moved(3 * 3600, 0, 4));
        assert_eq!(log.lanes[0].steps.len(), 1);
        assert_eq!(log.standing(0, 1), Standing::LongPast);
    }

    #[test]
    fn an_empty_line_says_nothing_about_the_pace() {
        let mut log = HeadLog::with_lanes(1);
        for second in 0..20 {
            log.apply(&HeadsMoved {
                heads: vec![LaneHead { lane: 0, head: second, tail: second }],
                ..moved(second, 0, 0)
            });
        }
        assert_eq!(
            log.pace_per_sec(at(20)),
            None,
            "one a second came, and one a second was let in"
        );
    }

    #[test]
    fn the_pace_is_what_was_let_in_over_the_last_half_minute() {
        let mut log = HeadLog::with_lanes(1);
        assert_eq!(log.pace_per_sec(at(0)), None);
        for second in 0..=60 {
            log.apply(&moved(second, 0, second * 4));
        }
        let pace = log.pace_per_sec(at(60)).expect("pace");
        assert!((pace - 4.0).abs() < 0.3, "{pace}");
    }
}
