//! What is known of a room's heads: where they stand, when they passed which place, how fast they
//! move, and what their controllers tell with them. Pure.

use admission::contract::{Draw, HeadsMoved, LaneHead, LeftPlaces, LineStock, PaceReport};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    head::{
        door_clock::DoorClock,
        lane_log::{LaneLog, LetIn, Passed},
        pace_log::{PaceLog, Sample},
    },
    place::forecast::Measured,
    room::phase::Phase,
};

/// While somebody waits, controllers tick every second; without a word for so long, nobody knows.
const BUSY_STALE: TimeDelta = TimeDelta::seconds(5);
/// While nobody does, every ten seconds.
const IDLE_STALE: TimeDelta = TimeDelta::seconds(30);

/// When a place was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    pub at: DateTime<Utc>,
    /// Until when its pass may be claimed. Never goes back.
    pub claim_until: DateTime<Utc>,
    /// Whether that is over.
    pub is_over: bool,
}

/// Where a place stands with respect to the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Waiting,
    Admitted(Admitted),
    /// Let in so long ago that the time is no longer known.
    LongPast,
}

impl Standing {
    /// The same in a room of this phase. In one that has closed no controller ticks any more, so
    /// windows end by the wall's clock.
    pub fn in_phase(self, phase: Phase, now: DateTime<Utc>) -> Self {
        match self {
            Self::Admitted(admitted) if phase == Phase::Closed => {
                let is_over = admitted.is_over || admitted.claim_until <= now;
                Self::Admitted(Admitted { is_over, ..admitted })
            }
            other => other,
        }
    }
}

/// A room's heads over time. It costs memory per step of the line, never per fan.
#[derive(Debug, Clone, Default)]
pub struct HeadLog {
    lanes: Vec<LaneLog>,
    /// Whether the draw was made: heads and ends count turns.
    is_drawn: bool,
    clock: DoorClock,
    pace_log: PaceLog,
    /// When the newest record was published.
    as_of: Option<DateTime<Utc>>,
    /// When somebody joined a line in which nobody waited, since that record: from then on its
    /// controllers have to tell sooner.
    busy_since: Option<DateTime<Utc>>,
    /// Whether that record's controller ticks.
    ticks: bool,
    door_open: bool,
    pace: Option<PaceReport>,
    /// Places that heads passed over because their fans had left.
    left: LeftPlaces,
    stock: Option<LineStock>,
}

impl HeadLog {
    pub fn with_lanes(lanes: usize) -> Self {
        Self { lanes: vec![LaneLog::default(); lanes], door_open: true, ..Self::default() }
    }

    /// Goes on from where the lanes of earlier lines ended. What their controllers told is old.
    pub fn begin_at(&mut self, bases: &[i64]) {
        self.pace_log.forget();
        (self.as_of, self.busy_since, self.ticks, self.door_open) = (None, None, false, true);
        (self.pace, self.stock) = (None, None);
        for (lane, base) in self.lanes.iter_mut().zip(bases) {
            lane.begin_at(*base);
        }
    }

    /// Takes in a published record. What is older than what is known changes nothing of it: records
    /// repeat, come late, and come from several controllers.
    pub fn apply(&mut self, moved: &HeadsMoved) {
        if let Some(door_ms) = moved.door_ms {
            self.clock.advance(moved.at, door_ms);
        }
        let door = moved.door_ms.and_then(|_| self.clock.mark());
        let let_in = LetIn { at: moved.at, claim_until: moved.claim_until, door };
        for (index, update) in moved.heads.iter().enumerate() {
            let Some(lane) =
                usize::try_from(update.lane).ok().and_then(|lane| self.lanes.get_mut(lane))
            else {
                continue;
            };
            // Of ends that count something else, the next tick tells.
            if moved.drawn == self.is_drawn {
                lane.tail = lane.tail.max(update.tail);
            }
            lane.advance(moved.from.get(index).copied(), update.head, let_in);
            lane.forget_old(moved.at);
        }
        for lane in &mut self.lanes {
            lane.end_windows(&self.clock);
        }
        if self.as_of.is_none_or(|newest| newest < moved.at) {
            self.as_of = Some(moved.at);
            self.busy_since = None;
            self.ticks = moved.door_ms.is_some();
            self.door_open = moved.door_open;
            // Records between two ticks tell of heads alone.
            if let Some(pace) = &moved.pace {
                self.left.follow(pace.left_total);
                self.pace = Some(pace.clone());
            }
            if moved.stock.is_some() {
                self.stock.clone_from(&moved.stock);
            }
        }
        // While nobody waits, few come in because few are there: that says nothing about how fast a
        // line would move.
        if self.lanes.iter().all(|lane| lane.head >= lane.tail) {
            self.pace_log.forget();
        } else {
            self.pace_log.note(self.sample(moved.at));
        }
    }

    /// Takes in the draw: from now on ends count turns.
    pub fn draw(&mut self, draw: &Draw) {
        if self.is_drawn {
            return;
        }
        self.is_drawn = true;
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            let tail = u64::try_from(lane.tail).unwrap_or_default();
            let turns = draw.turns(u32::try_from(number).unwrap_or(u32::MAX), tail);
            lane.tail = i64::try_from(turns).unwrap_or(i64::MAX);
        }
    }

    /// Notes a join that this instance saw acknowledged, so that counts are fresh between
    /// publications.
    pub fn joined(&mut self, lane: i32, offset: i64, now: DateTime<Utc>) {
        if self.lanes.iter().all(|lane| lane.head >= lane.tail) {
            self.busy_since = Some(now);
        }
        if let Some(lane) = usize::try_from(lane).ok().and_then(|index| self.lanes.get_mut(index)) {
            lane.tail = lane.tail.max(offset + 1);
        }
    }

    /// Notes how far each lane reaches by the joins that this instance saw acknowledged.
    pub fn reach(&mut self, ends: impl Iterator<Item = i64>, now: DateTime<Utc>) {
        for (lane, end) in (0..).zip(ends) {
            if self.lanes.get(lane as usize).is_some_and(|log| end > log.tail.max(log.head)) {
                self.joined(lane, end - 1, now);
            }
        }
    }

    /// Notes that the room opened, or stopped: the pace before says nothing about the pace after.
    pub fn forget_pace(&mut self) {
        self.pace_log.forget();
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

    /// How far each lane reaches.
    pub fn tails(&self) -> Vec<i64> {
        self.lanes.iter().map(|lane| lane.tail.max(lane.head)).collect()
    }

    /// How many places the heads have passed.
    pub fn total_passed(&self) -> i64 {
        self.lanes.iter().map(|lane| lane.head).sum()
    }

    /// How many were let in: the heads pass over those who had left.
    pub fn total_admitted(&self) -> i64 {
        (self.total_passed() - self.left.total).max(0)
    }

    /// Whether what it says changes with time alone: of controllers that do not tick, what they
    /// told last grows old.
    pub fn ages(&self) -> bool {
        self.as_of.is_some() && !self.ticks
    }

    /// Where the place at `offset` of `lane` stands. `now` counts for windows of earlier
    /// controllers, which keep no door clock; the others end with a record.
    pub fn standing(&self, lane: i32, offset: i64, now: DateTime<Utc>) -> Standing {
        let Some(log) = usize::try_from(lane).ok().and_then(|index| self.lanes.get(index)) else {
            return Standing::Waiting;
        };
        match log.passed(offset) {
            Passed::NotYet => Standing::Waiting,
            Passed::LongAgo => Standing::LongPast,
            Passed::Then(let_in, ended_at) => {
                Standing::Admitted(self.admitted(let_in, ended_at, now))
            }
        }
    }

    fn admitted(
        &self,
        let_in: LetIn,
        ended_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Admitted {
        let LetIn { at, claim_until, door } = let_in;
        match (door, ended_at) {
            (None, _) => Admitted { at, claim_until, is_over: claim_until <= now },
            (_, Some(claim_until)) => Admitted { at, claim_until, is_over: true },
            (Some(door), None) => {
                let claim_until = claim_until + self.clock.extended_by(door);
                Admitted { at, claim_until, is_over: false }
            }
        }
    }

    /// When the newest record was published.
    pub fn as_of(&self) -> Option<DateTime<Utc>> {
        self.as_of
    }

    /// Whether its controllers, which should have told of it, told nothing for too long. Those of
    /// earlier versions tell only of what moves.
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.stale_after().is_some_and(|after| now > after)
    }

    /// Until when they have time to tell; `None` of those that need not.
    pub fn stale_after(&self) -> Option<DateTime<Utc>> {
        let is_busy = self.lanes.iter().any(|lane| lane.tail > lane.head)
            || self.pace.as_ref().is_some_and(|pace| pace.unclaimed > 0);
        let longest = if is_busy { BUSY_STALE } else { IDLE_STALE };
        let since = self.as_of.max(self.busy_since);
        since.filter(|_| self.ticks)?.checked_add_signed(longest)
    }

    pub fn door_open(&self) -> bool {
        self.door_open
    }

    pub fn pace(&self) -> Option<&PaceReport> {
        self.pace.as_ref()
    }

    pub fn stock(&self) -> Option<&LineStock> {
        self.stock.as_ref()
    }

    /// Fans let in per second lately, over several spans.
    pub fn measured(&self, now: DateTime<Utc>) -> Measured {
        let latest = self.sample(self.measured_at(now));
        let over = |secs| self.pace_log.per_sec(TimeDelta::seconds(secs), latest);
        Measured { over_10s: over(10), over_30s: over(30), over_120s: over(120) }
    }

    /// Slots of checkout that became free per second over the last ten seconds and the last half
    /// minute, in fans let in.
    pub fn freed_per_sec(&self, now: DateTime<Utc>) -> Option<(f64, f64)> {
        let latest = self.sample(self.measured_at(now));
        let over = |secs| self.pace_log.freed_per_sec(TimeDelta::seconds(secs), latest);
        over(10).zip(over(30))
    }

    /// Where controllers tick, what they told last is as new as it gets.
    fn measured_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.as_of.filter(|_| self.ticks).unwrap_or(now)
    }

    fn sample(&self, at: DateTime<Utc>) -> Sample {
        let slots = self.pace.as_ref().map(slots_taken);
        Sample { at, let_in: self.total_passed(), slots }
    }
}

/// For how many let in slots are taken or kept: of those who have come, and of those who may, there
/// are others who did not and will not.
pub fn slots_taken(pace: &PaceReport) -> f64 {
    pace.active as f64 / show_share(pace) + pace.unclaimed as f64
}

/// The share of those let in who come, never none.
pub fn show_share(pace: &PaceReport) -> f64 {
    pace.show_share.clamp(0.02, 1.0)
}

#[cfg(test)]
mod tests;
