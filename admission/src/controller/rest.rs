//! How long a controller rests between two steps, and when it asks the gate again.

use std::time::{Duration, Instant};

use super::Controller;
use crate::gate::{GateSettings, GateState, redis::ask::Answer};

/// How often the gate is asked at most.
pub const ASK_EVERY: Duration = Duration::from_millis(50);
/// How often while fans are stopped by a full checkout, at least.
const ASK_FULL: Duration = Duration::from_millis(250);
/// How often while nobody waits who could be let in, but somebody was who did not come yet.
pub const ASK_SELDOM: Duration = Duration::from_millis(500);
/// Steps without a question cost nothing, and ticks must be on time.
const REST_BUSY: Duration = Duration::from_millis(250);
const REST_QUIET: Duration = Duration::from_millis(500);
/// Leases and settings wake a controller that has no lanes.
const REST_WITHOUT_LANES: Duration = Duration::from_secs(5);
/// Between two fans who come in one by one, at most: a pace may change.
const NEXT_MAX: Duration = Duration::from_millis(500);

impl Controller {
    /// How long to take in records before the next step, unless something happens.
    pub(super) fn rest(&self) -> Duration {
        let (gone, new) = self.consumer.changes(self.settings.borrow().lanes);
        let nothing_left = gone.is_empty()
            && new.is_empty()
            && self.uncommitted.is_empty()
            && self.adopted.is_empty();
        let longest = match self.is_busy() {
            _ if !nothing_left => ASK_EVERY,
            _ if self.lanes.is_empty() => REST_WITHOUT_LANES,
            true => REST_BUSY,
            false => REST_QUIET,
        };
        let news = self.asked_at.filter(|_| self.has_waiting() && !self.asked_for_some);
        let due = news.map(|asked_at| asked_at + ASK_EVERY).or(self.ask_due);
        let now = Instant::now();
        due.map_or(longest, |due| due.saturating_duration_since(now).min(longest))
    }

    /// Whether somebody waits whose record was read.
    pub(super) fn has_waiting(&self) -> bool {
        self.lanes.values().any(|lane| !lane.waiting.is_empty())
    }

    /// Whether the gate is to be asked now.
    pub(super) fn is_ask_due(&self, has_candidates: bool) -> bool {
        let Some(asked_at) = self.asked_at else { return true };
        // Somebody came where nobody was.
        let is_news = has_candidates && !self.asked_for_some;
        is_news && asked_at.elapsed() >= ASK_EVERY
            || self.ask_due.is_some_and(|due| Instant::now() >= due)
    }
}

/// When to ask again after an answer, unless something happens; `None`: with the next tick. Pure.
pub fn ask_again_after(
    answer: &Answer,
    settings: &GateSettings,
    has_candidates: bool,
    is_busy: bool,
    is_shared: bool,
) -> Option<Duration> {
    if !answer.known {
        return Some(ASK_EVERY);
    }
    if !has_candidates || settings.state != GateState::Running {
        let asks = is_busy || is_shared || !answer.ready;
        return asks.then_some(ASK_SELDOM);
    }
    let just_now = |ago: Option<i64>| ago == Some(0);
    let (stopped, per_sec) = (answer.stopped, settings.rate_per_sec.max(0.1));
    let after = if just_now(stopped.lanes) || !answer.ready {
        ASK_EVERY
    } else if just_now(stopped.cap) || just_now(stopped.stock) {
        Duration::from_secs_f64(1.0 / per_sec).min(ASK_FULL)
    } else {
        Duration::from_millis(answer.next_ms.unsigned_abs()).min(NEXT_MAX)
    };
    Some(after.max(ASK_EVERY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate::redis::ask::Stopped, pace::Pacing};

    fn settings(rate_per_sec: f64) -> GateSettings {
        GateSettings {
            room: "r".parse().expect("a name"),
            lanes: 4,
            rate_per_sec,
            max_active: 100,
            claim_window_secs: 60,
            state: GateState::Running,
            pacing: Pacing::default(),
            cohort: None,
            line: crate::lane::line_at::LineAt::default(),
        }
    }

    fn answered(next_ms: i64, stopped: Stopped) -> Answer {
        Answer { known: true, ready: true, next_ms, stopped, ..Answer::default() }
    }

    #[test]
    fn a_quiet_room_asks_with_its_ticks_alone() {
        let answer = answered(0, Stopped::default());
        let after = |busy, shared| ask_again_after(&answer, &settings(2.0), false, busy, shared);
        assert_eq!(after(false, false), None);
        assert_eq!((after(true, false), after(false, true)), (Some(ASK_SELDOM), Some(ASK_SELDOM)));
        let lost = Answer { known: false, ..answer.clone() };
        assert_eq!(ask_again_after(&lost, &settings(2.0), false, false, false), Some(ASK_EVERY));
    }

    #[test]
    fn whoever_waits_is_asked_for_when_the_pace_allows() {
        let ms = |answer: &Answer, rate| {
            let after = ask_again_after(answer, &settings(rate), true, true, false);
            after.map(|after| after.as_millis())
        };
        let by_pace = Stopped { pace: Some(0), ..Stopped::default() };
        assert_eq!(ms(&answered(430, by_pace), 2.0), Some(430));
        assert_eq!(ms(&answered(20_000, by_pace), 0.05), Some(500));
        assert_eq!(ms(&answered(1, by_pace), 1000.0), Some(50));
        let full = Stopped { cap: Some(0), pace: Some(0), ..Stopped::default() };
        assert_eq!(
            (ms(&answered(0, full), 2.0), ms(&answered(0, full), 50.0)),
            (Some(250), Some(50))
        );
        let held = Stopped { lanes: Some(0), ..Stopped::default() };
        assert_eq!(ms(&answered(0, held), 2.0), Some(50));
        let before = Stopped { cap: Some(900), ..Stopped::default() };
        assert_eq!(ms(&answered(300, before), 2.0), Some(300));
    }
}
