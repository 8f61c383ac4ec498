//! How long something lasts, as words and as a ring. Pure.

use catalog::contract::when::{self, Moment};
use chrono::{DateTime, Utc};

/// Below this a countdown looks late.
const LATE_SECS: i64 = 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countdown {
    pub left_secs: i64,
    pub total_secs: i64,
    /// What is counted, a sentence to be ended by a time: `Your tickets are held until`.
    pub words: &'static str,
    /// When it ends.
    pub until: Moment,
    /// Said where it ends under the reader's eyes.
    pub over: &'static str,
    /// Where the page goes on when it is over.
    pub then: String,
}

impl Countdown {
    pub fn new(
        now: DateTime<Utc>,
        ends_at: DateTime<Utc>,
        total_secs: i64,
        words: &'static str,
        until: Moment,
    ) -> Self {
        // Rounded up: "0:00" is shown when it is over and not before.
        let left_ms = (ends_at - now).num_milliseconds().max(0);
        let left_secs = (left_ms + 999) / 1000;
        Self {
            left_secs,
            total_secs: total_secs.max(left_secs).max(1),
            words,
            until,
            over: "This time is over.",
            then: "/checkout".to_owned(),
        }
    }

    pub fn over(mut self, words: &'static str) -> Self {
        self.over = words;
        self
    }

    pub fn then(mut self, address: impl Into<String>) -> Self {
        self.then = address.into();
        self
    }

    /// For whoever does not see it counted down: `4 minutes`.
    pub fn left(&self) -> String {
        when::span(self.left_secs)
    }

    pub fn is_late(&self) -> bool {
        self.left_secs <= LATE_SECS
    }

    /// How much of the ring is gone, 0 to 100.
    pub fn ring_offset(&self) -> i64 {
        100 - 100 * self.left_secs / self.total_secs
    }

    /// When a page without scripts asks again: just after the end.
    pub fn refresh_secs(&self) -> i64 {
        self.left_secs + 1
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn left(ms: i64) -> Countdown {
        let now = DateTime::UNIX_EPOCH;
        Countdown::new(
            now,
            now + TimeDelta::milliseconds(ms),
            300,
            "Held until",
            Moment::clock(now, "Europe/Berlin"),
        )
    }

    #[test]
    fn it_ends_at_zero_and_never_before() {
        assert_eq!([-5_000, 0, 1, 1_000, 60_001].map(|ms| left(ms).left_secs), [0, 0, 1, 1, 61]);
    }

    #[test]
    fn the_ring_empties() {
        assert_eq!([300_000, 150_000, 0].map(|ms| left(ms).ring_offset()), [0, 50, 100]);
        assert!(left(60_000).is_late() && !left(61_000).is_late());
    }
}
