//! Durations of the last moments. Pure.

use std::time::{Duration, Instant};

use admission::contract::CallSignal;
use hdrhistogram::Histogram;

/// Longer than any request lasts; what took longer counts as this.
const MS_MAX: u64 = 60_000;
/// What is under way for less says nothing.
const LONG_MS: u64 = 100;
/// What was counted over less says nothing of a minute.
const AT_LEAST: Duration = Duration::from_millis(500);
/// One in a hundred is told apart: 100 ms from 101.
const DIGITS: u8 = 2;

/// Durations over two windows: the one that fills, and the one before it.
pub struct Sliding {
    window: Duration,
    first: Instant,
    began: Instant,
    now: Window,
    before: Window,
}

/// `None` until something is counted: most windows of most rooms stay empty.
#[derive(Default)]
struct Window {
    durations_ms: Option<Histogram<u32>>,
    failed: u32,
}

impl Window {
    fn count(&self) -> u64 {
        self.durations_ms.as_ref().map_or(0, Histogram::len)
    }

    fn add_to(&self, sum: &mut Option<Histogram<u32>>) {
        match (sum.as_mut(), &self.durations_ms) {
            (_, None) => {}
            (None, Some(own)) => *sum = Some(own.clone()),
            (Some(sum), Some(own)) => {
                // Both have the same bounds.
                let _ = sum.add(own);
            }
        }
    }
}

impl Sliding {
    /// What is older than two `window`s is forgotten.
    pub fn new(window: Duration, now: Instant) -> Self {
        let (full, before) = (Window::default(), Window::default());
        Self { window, first: now, began: now, now: full, before }
    }

    fn advance(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.began);
        if since < self.window {
            return;
        }
        let full = std::mem::take(&mut self.now);
        self.before = if since < self.window * 2 { full } else { Window::default() };
        // Windows follow each other without gaps, however seldom somebody calls.
        let whole = since.as_nanos() / self.window.as_nanos().max(1);
        self.began += self.window * u32::try_from(whole).unwrap_or(u32::MAX);
    }

    pub fn record(&mut self, took: Duration, failed: bool, now: Instant) {
        self.advance(now);
        if self.now.durations_ms.is_none() {
            self.now.durations_ms = Histogram::new_with_bounds(1, MS_MAX, DIGITS).ok();
        }
        if let Some(durations) = &mut self.now.durations_ms {
            durations.saturating_record(u64::try_from(took.as_millis()).unwrap_or(MS_MAX).max(1));
        }
        self.now.failed += u32::from(failed);
    }

    /// How many were counted a minute, lately.
    pub fn per_min(&mut self, now: Instant) -> u32 {
        self.advance(now);
        let watched = self.window + now.saturating_duration_since(self.began);
        let watched = watched.min(now.saturating_duration_since(self.first)).max(AT_LEAST);
        let count: u64 = [&self.before, &self.now].map(Window::count).into_iter().sum();
        (count as f64 * 60.0 / watched.as_secs_f64()) as u32
    }

    /// What was counted lately. What is `under_way` counts as far as it already takes longer than
    /// the others did: a call that takes five seconds is heard of before they are over.
    pub fn signal(
        &mut self,
        now: Instant,
        under_way: impl Iterator<Item = Duration>,
    ) -> CallSignal {
        self.advance(now);
        let mut sum = None;
        self.before.add_to(&mut sum);
        self.now.add_to(&mut sum);
        let slowest_ms = sum.as_ref().map_or(0, |sum| sum.value_at_quantile(0.99));
        let ages_ms = under_way.map(|age| u64::try_from(age.as_millis()).unwrap_or(MS_MAX));
        for age_ms in ages_ms.filter(|age_ms| *age_ms > slowest_ms.max(LONG_MS)) {
            if sum.is_none() {
                sum = Histogram::new_with_bounds(1, MS_MAX, DIGITS).ok();
            }
            if let Some(sum) = &mut sum {
                sum.saturating_record(age_ms);
            }
        }
        let Some(sum) = sum else { return CallSignal::default() };
        let ms = |share| u32::try_from(sum.value_at_quantile(share)).unwrap_or(u32::MAX);
        CallSignal {
            count: u32::try_from(sum.len()).unwrap_or(u32::MAX),
            failed: self.before.failed + self.now.failed,
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(1);

    #[test]
    fn the_slowest_of_the_last_two_windows_is_seen_and_then_forgotten() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut sliding = Sliding::new(WINDOW, start);
        for _ in 0..97 {
            sliding.record(Duration::from_millis(10), false, at(100));
        }
        for _ in 0..3 {
            sliding.record(Duration::from_millis(400), true, at(900));
        }
        let seen = sliding.signal(at(1_500), iter::empty());
        assert_eq!((seen.count, seen.failed, seen.p50_ms), (100, 3, 10));
        assert!((398..=404).contains(&seen.p99_ms), "{}", seen.p99_ms);
        sliding.record(Duration::from_millis(20), false, at(2_400));
        assert_eq!(sliding.signal(at(2_450), iter::empty()).count, 1, "the window before has gone");
        assert_eq!(sliding.signal(at(9_000), iter::empty()), CallSignal::default());
    }

    #[test]
    fn how_many_come_a_minute_is_counted_over_the_time_that_was_watched() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut sliding = Sliding::new(WINDOW, start);
        for each in 0..25 {
            sliding.record(Duration::from_millis(10), false, at(each * 100));
        }
        assert!((580..=620).contains(&sliding.per_min(at(2_500))), "ten a second");
        assert_eq!(sliding.per_min(at(9_000)), 0);
        let mut fresh = Sliding::new(WINDOW, start);
        fresh.record(Duration::from_millis(10), false, at(10));
        assert_eq!(fresh.per_min(at(20)), 120, "no more than one in half a second");
    }

    #[test]
    fn what_is_under_way_is_heard_of_once_it_takes_longer_than_the_others() {
        let now = Instant::now();
        let mut sliding = Sliding::new(WINDOW, now);
        for _ in 0..50 {
            sliding.record(Duration::from_millis(300), false, now);
        }
        let mut heard = |ages_ms: &[u64]| {
            sliding.signal(now, ages_ms.iter().map(|age_ms| Duration::from_millis(*age_ms)))
        };
        assert_eq!(heard(&[20, 200, 290]), heard(&[]));
        let slow = heard(&[20, 2_000, 2_000]);
        assert_eq!((slow.count, slow.p50_ms), (52, 301));
        assert!((1_980..=2_020).contains(&slow.p99_ms), "{slow:?}");
        let mut fresh = Sliding::new(WINDOW, now);
        assert_eq!(fresh.signal(now, [Duration::from_secs(4)].into_iter()).count, 1);
    }

    #[test]
    fn what_lasts_for_ever_counts_as_the_longest() {
        let now = Instant::now();
        let mut sliding = Sliding::new(WINDOW, now);
        sliding.record(Duration::from_secs(3_600), false, now);
        assert!(sliding.signal(now, iter::empty()).p99_ms >= 59_000);
    }
}
