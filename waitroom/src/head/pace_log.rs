//! How fast a line moved lately, and how fast slots in checkout became free. Pure.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// Longer ago says nothing about what comes.
const REMEMBERED: TimeDelta = TimeDelta::seconds(120);
/// Samples are so far apart at least.
const APART: TimeDelta = TimeDelta::milliseconds(200);
/// Over less time there is too little to say.
const LEAST: TimeDelta = TimeDelta::seconds(3);

/// A room at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub at: DateTime<Utc>,
    /// How many had been let in.
    pub let_in: i64,
    /// For how many let in checkout's slots were taken or kept, with those who will not come;
    /// `None` where controllers do not say.
    pub slots: Option<f64>,
}

/// A room's samples of the last two minutes.
#[derive(Debug, Clone, Default)]
pub struct PaceLog {
    samples: VecDeque<Sample>,
}

impl PaceLog {
    /// Takes in a sample; one that is not newer than the last changes nothing.
    pub fn note(&mut self, sample: Sample) {
        if self.samples.back().is_some_and(|last| sample.at < last.at + APART) {
            return;
        }
        self.samples.push_back(sample);
        // One that is older stays, as the base to measure from.
        while self.samples.get(1).is_some_and(|second| second.at < sample.at - REMEMBERED) {
            self.samples.pop_front();
        }
    }

    /// What was measured says nothing about what comes: nobody waited, or the room was shut.
    pub fn forget(&mut self) {
        self.samples.clear();
    }

    /// Fans let in per second over the last so many seconds, `now` being the latest sample; `None`
    /// where less than half of that time was seen.
    pub fn per_sec(&self, over: TimeDelta, now: Sample) -> Option<f64> {
        let base = self.base(over, now)?;
        Some((now.let_in - base.let_in) as f64 / secs(now.at - base.at))
    }

    /// Slots that became free per second over the last so many seconds: those who were let in and
    /// did not make it fuller.
    pub fn freed_per_sec(&self, over: TimeDelta, now: Sample) -> Option<f64> {
        let base = self.base(over, now)?;
        let more_taken = now.slots? - base.slots?;
        let freed = (now.let_in - base.let_in) as f64 - more_taken;
        Some((freed / secs(now.at - base.at)).max(0.0))
    }

    /// The latest sample that is old enough, or the first one.
    fn base(&self, over: TimeDelta, now: Sample) -> Option<Sample> {
        let older = self.samples.partition_point(|sample| sample.at <= now.at - over);
        let base = *self.samples.get(older.saturating_sub(1))?;
        (now.at - base.at >= LEAST.max(over / 4)).then_some(base)
    }
}

fn secs(span: TimeDelta) -> f64 {
    span.num_milliseconds() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_000_000_000 + ms).expect("a time")
    }

    #[test]
    fn shorter_spans_show_sooner_that_it_became_slower() {
        let mut log = PaceLog::default();
        let let_in = |second: i64| if second <= 60 { second * 4 } else { 240 + second - 60 };
        let sample = |second| Sample { at: at(second * 1000), let_in: let_in(second), slots: None };
        for second in 0..=75 {
            log.note(sample(second));
        }
        let over = |secs| log.per_sec(TimeDelta::seconds(secs), sample(75)).expect("a pace");
        assert_eq!((over(10), over(30)), (1.0, 2.5));
        assert!(over(120) > 3.0);
    }

    #[test]
    fn what_is_let_in_and_makes_it_no_fuller_became_free() {
        let mut log = PaceLog::default();
        let sample = |second: i64| Sample {
            at: at(second * 1000),
            let_in: second * 10,
            slots: Some((second as f64 * 10.0).min(100.0)),
        };
        for second in 0..=40 {
            log.note(sample(second));
        }
        let over = TimeDelta::seconds(10);
        assert_eq!(log.freed_per_sec(over, sample(40)), Some(10.0));
        let early = PaceLog { samples: (0..=8).map(sample).collect() };
        assert_eq!(early.freed_per_sec(over, sample(8)), Some(0.0), "it only fills");
    }
}
