//! How far the order writer of this process is behind, and how long its batches take.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use admission::contract::WriterSignal;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::session::signal::sliding::Sliding;

/// Two of these are looked at: a writer commits a few batches a second.
const WINDOW: Duration = Duration::from_secs(2);

/// What the order writer is at; says nothing where there is none.
pub struct WriterClock {
    writes: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// When the first command was sent that each partition is writing now, or stopped at.
    oldest: HashMap<i32, DateTime<Utc>>,
    commits: Sliding,
}

impl Default for WriterClock {
    fn default() -> Self {
        let state = State { oldest: HashMap::new(), commits: Sliding::new(WINDOW, Instant::now()) };
        Self { writes: AtomicBool::new(false), state: Mutex::new(state) }
    }
}

impl WriterClock {
    /// This process writes orders.
    pub fn start(&self) {
        self.writes.store(true, Ordering::Relaxed);
    }

    /// A partition begins to write commands, the first of which was sent at `sent_at`.
    pub fn begin(&self, partition: i32, sent_at: DateTime<Utc>) {
        self.state.lock().oldest.insert(partition, sent_at);
    }

    /// A batch took so long.
    pub fn committed(&self, took: Duration) {
        self.state.lock().commits.record(took, false, Instant::now());
    }

    /// A partition has written all that it began, or is another writer's now.
    pub fn end(&self, partition: i32) {
        self.state.lock().oldest.remove(&partition);
    }

    /// All partitions begin anew.
    pub fn end_all(&self) {
        self.state.lock().oldest.clear();
    }

    /// `None` where this process writes no orders.
    pub fn signal(&self, now: DateTime<Utc>) -> Option<WriterSignal> {
        if !self.writes.load(Ordering::Relaxed) {
            return None;
        }
        let mut state = self.state.lock();
        let oldest = state.oldest.values().min().map_or(0, |sent| (now - *sent).num_milliseconds());
        Some(WriterSignal {
            // Clocks of two machines may differ.
            lag_ms: u32::try_from(oldest.max(0)).unwrap_or(u32::MAX),
            commit_p99_ms: state.commits.signal(Instant::now(), std::iter::empty()).p99_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_oldest_command_that_is_not_written_counts() {
        let (clock, now) = (WriterClock::default(), Utc::now());
        assert_eq!(clock.signal(now), None, "nobody writes here");
        clock.start();
        let lag = || clock.signal(now).map(|signal| signal.lag_ms);
        clock.begin(0, now - TimeDelta::milliseconds(200));
        clock.begin(1, now - TimeDelta::milliseconds(1_500));
        assert_eq!(lag(), Some(1_500));
        clock.end(1);
        assert_eq!(lag(), Some(200));
        clock.end(0);
        clock.committed(Duration::from_millis(30));
        let told = clock.signal(now).expect("a word");
        assert_eq!((told.lag_ms, told.commit_p99_ms), (0, 30));
        clock.begin(2, now + TimeDelta::seconds(1));
        assert_eq!(lag(), Some(0), "sent by a clock that is ahead");
    }
}
