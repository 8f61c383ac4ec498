//! When a room's last word is written down for those who start, and since when windows are open.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use kit::kafka::Producer;
use uuid::Uuid;

use crate::head::{
    HeadsMoved, append,
    snapshot::{HeadsSnapshot, SNAPSHOTS},
};

/// A room that is told of each second is told of here so often.
const EVERY: Duration = Duration::from_secs(30);
/// The door clock's past is known as exactly.
const MARKS_APART: TimeDelta = TimeDelta::seconds(5);

/// What the door clock showed when, as far back as claim windows may reach.
#[derive(Default)]
struct DoorPast {
    marks: VecDeque<(DateTime<Utc>, i64)>,
    /// The longest window there was.
    window: TimeDelta,
}

impl DoorPast {
    fn note(&mut self, at: DateTime<Utc>, door_ms: i64, window: TimeDelta) {
        self.window = self.window.max(window);
        if self.marks.back().is_none_or(|(last, _)| at - *last >= MARKS_APART) {
            self.marks.push_back((at, door_ms));
        }
        // The oldest that is kept stands before all windows that are open.
        let begun_ms = door_ms - self.window.num_milliseconds();
        while self.marks.get(1).is_some_and(|(_, second_ms)| *second_ms <= begun_ms) {
            self.marks.pop_front();
        }
    }

    /// Whoever was let in before has missed it.
    fn windows_from(&self) -> Option<DateTime<Utc>> {
        self.marks.front().map(|(at, _)| *at)
    }
}

/// What one controller wrote down of its lanes.
pub struct Snapshots {
    topic: String,
    key: String,
    past: DoorPast,
    written_at: Option<Instant>,
}

impl Snapshots {
    pub fn new(topic: String, room: &str) -> Self {
        let key = format!("{room}/{}", Uuid::new_v4().simple());
        Self { topic, key, past: DoorPast::default(), written_at: None }
    }
}

/// The name of the topic without its namespace.
pub fn topic() -> &'static str {
    SNAPSHOTS.name
}

impl Snapshots {
    /// Notes what was just published; what is to be written down for it, where it is time for that
    /// or `now`.
    pub fn note(&mut self, moved: &HeadsMoved, now: bool) -> Option<HeadsSnapshot> {
        let (at, door_ms) = (moved.at, moved.door_ms.unwrap_or_default());
        self.past.note(at, door_ms, moved.claim_until - at);
        let is_due = self.written_at.is_none_or(|written| written.elapsed() >= EVERY);
        let windows_from = self.past.windows_from().unwrap_or(at);
        (is_due || now).then(|| HeadsSnapshot { moved: moved.clone(), windows_from })
    }

    /// Writes down and waits for the acknowledgement.
    ///
    /// # Errors
    /// Kafka does not acknowledge; the next one is due at once.
    pub async fn write(
        &mut self,
        producer: &Producer,
        snapshot: &HeadsSnapshot,
    ) -> anyhow::Result<()> {
        append(producer, &self.topic, &self.key, serde_json::to_vec(snapshot)?).await?;
        self.written_at = Some(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + secs, 0).expect("a time")
    }

    #[test]
    fn a_door_that_was_shut_keeps_windows_open_for_longer() {
        let (mut past, window) = (DoorPast::default(), TimeDelta::seconds(60));
        for secs in 0..=300 {
            past.note(at(secs), secs * 1000, window);
        }
        let from = |past: &DoorPast| (past.windows_from().expect("a time") - at(0)).num_seconds();
        assert!((235..=240).contains(&from(&past)), "{}", from(&past));
        for secs in 301..=4000 {
            past.note(at(secs), 300_000, window);
        }
        assert!((235..=240).contains(&from(&past)), "shut for an hour: {}", from(&past));
        for secs in 4001..=4200 {
            past.note(at(secs), (secs - 3700) * 1000, window);
        }
        assert!((4135..=4140).contains(&from(&past)), "{}", from(&past));
        assert!(past.marks.len() < 30, "{}", past.marks.len());
    }
}
