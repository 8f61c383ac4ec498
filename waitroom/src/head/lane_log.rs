//! When a lane's head passed which place. Pure.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

use crate::head::door_clock::{DoorClock, DoorMark};

/// For so long after the end of their window it is remembered when places were let in. Whoever
/// missed the turn may have another within ten minutes; after that nothing follows from it.
const REMEMBERED: TimeDelta = TimeDelta::minutes(12);

/// When the places of one step of a head were let in, and for how long they may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetIn {
    pub at: DateTime<Utc>,
    /// The end of their window, had the door been open throughout.
    pub claim_until: DateTime<Utc>,
    /// The door clock then; `None` where the controller kept none.
    pub door: Option<DoorMark>,
}

/// One step of a lane's head.
#[derive(Debug, Clone, Copy)]
struct Step {
    head: i64,
    /// `None`: some time ago, nobody knows when.
    let_in: Option<LetIn>,
    /// When its window ended, where a door clock says so.
    ended_at: Option<DateTime<Utc>>,
}

/// One lane's head over time.
#[derive(Debug, Clone, Default)]
pub struct LaneLog {
    pub head: i64,
    pub tail: i64,
    /// Places before this offset were let in too long ago to know when.
    forgotten: i64,
    steps: VecDeque<Step>,
    /// So many of the first steps need not be looked at for their window's end.
    settled: usize,
}

/// Where an offset stands with respect to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    NotYet,
    /// Let in then; and when the window ended, where a door clock says so.
    Then(LetIn, Option<DateTime<Utc>>),
    LongAgo,
}

impl Step {
    fn new(head: i64, let_in: Option<LetIn>) -> Self {
        Self { head, let_in, ended_at: None }
    }
}

impl LaneLog {
    /// Goes on from where an earlier line ended: who stood in that is long past.
    pub fn begin_at(&mut self, base: i64) {
        if self.head < base {
            self.steps.clear();
            self.settled = 0;
            (self.head, self.forgotten) = (base, base);
        }
        self.tail = self.tail.max(base);
    }

    /// Moves the head on, from where the controller says that it stood. A head that would move back
    /// changes nothing: records repeat and come late. Places between the head known here and `from`
    /// were let in by a record that was not read.
    pub fn advance(&mut self, from: Option<i64>, head: i64, let_in: LetIn) {
        if head <= self.head {
            return;
        }
        if let Some(from) = from.filter(|from| *from > self.head) {
            self.steps.push_back(Step::new(from.min(head), None));
        }
        self.steps.push_back(Step::new(head, Some(let_in)));
        self.head = head;
    }

    /// Ends the windows whose time is over by the clock, once and for good: in the order in which
    /// they began.
    pub fn end_windows(&mut self, clock: &DoorClock) {
        while let Some(step) = self.steps.get_mut(self.settled) {
            if let Some(LetIn { at, claim_until, door: Some(door) }) = step.let_in {
                let extended = claim_until + clock.extended_by(door);
                if !clock.is_over(door, claim_until - at, extended) {
                    return;
                }
                step.ended_at = Some(extended);
            }
            self.settled += 1;
        }
    }

    /// Forgets steps whose window is over at `now`, and with it the time in which it mattered that
    /// there was one: what a log holds follows from the pace and the window, however long the sale.
    pub fn forget_old(&mut self, now: DateTime<Utc>) {
        let is_needed = |step: &Step| {
            step.let_in.is_some_and(|let_in| {
                let ended_at = match let_in.door {
                    Some(_) => step.ended_at,
                    None => Some(let_in.claim_until),
                };
                ended_at.is_none_or(|ended_at| ended_at >= now - REMEMBERED)
            })
        };
        while let Some(step) = self.steps.front() {
            if is_needed(step) {
                break;
            }
            self.forgotten = step.head;
            self.steps.pop_front();
            self.settled = self.settled.saturating_sub(1);
        }
    }

    pub fn passed(&self, offset: i64) -> Passed {
        if self.head <= offset {
            return Passed::NotYet;
        }
        if offset < self.forgotten {
            return Passed::LongAgo;
        }
        let index = self.steps.partition_point(|step| step.head <= offset);
        let step = self.steps.get(index).and_then(|step| Some((step.let_in?, step.ended_at)));
        step.map_or(Passed::LongAgo, |(let_in, ended_at)| Passed::Then(let_in, ended_at))
    }

    #[cfg(test)]
    pub fn steps(&self) -> usize {
        self.steps.len()
    }
}
