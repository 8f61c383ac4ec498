//! What the fans lived through, counted.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use checkout::contract::OrderId;
use chrono::Utc;
use hdrhistogram::Histogram;
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;

use super::{
    books::{Books, Denied, Entry, Taken},
    refusal::{Refusal, Step},
    score::Watched,
};

/// How many fans, holds, orders and tickets got how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub joined: u64,
    pub claimed: u64,
    pub held: u64,
    pub ordered: u64,
    pub paid: u64,
    /// Tickets the fans saw on their paid orders.
    pub tickets: i64,
    /// Fans who were told at least once that nothing is left.
    pub sold_out_seen: u64,
    /// Fans who were to come and were told that their turn had passed.
    pub turns_lost: u64,
    /// Of those, whose bot came when the window should have been over: the bots' own fault.
    pub bots_late: u64,
    /// Slow fans whose window was later said to end sooner than they had been told.
    pub windows_shortened: u64,
    /// Fans who did not come at their turn, as they meant to.
    pub absent: u64,
    /// Fans who left the line on purpose.
    pub left_line: u64,
    /// Passes that ran out although their fan had come in time.
    pub passes_run_out: u64,
    /// Fans who were told in line that it is sold out, and left.
    pub sold_out_in_line: u64,
    /// Fans who came by the pages, without cookies.
    pub by_pages: u64,
    /// Looks at a place that told another place than the head document does.
    pub places_differ: u64,
    /// Places that may stand in the line without a fan who knows of them: of joins that are under
    /// way or were never answered.
    pub places_unknown: u64,
    /// Fans with a pass who were asked to wait at the door, since checkout was full.
    pub turned_away: u64,
    /// The longest that one of them waited there.
    pub door_ms_max: u64,
}

/// What was acknowledged to fans, and must be found afterwards.
#[derive(Debug, Clone, Default)]
pub struct Acked {
    /// (lane, offset)
    pub joins: Vec<(i32, i64)>,
    pub orders: HashSet<OrderId>,
    /// Orders whose payment the provider confirmed.
    pub payments: HashSet<OrderId>,
}

/// Median and 99th percentile in ms; `None` without a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
}

struct Times {
    by_step: [Histogram<u64>; Step::COUNT],
    /// What the bots kept waiting themselves.
    queued: Histogram<u64>,
    /// When each order was answered, in milliseconds since 1970, and after how many.
    orders: Vec<(i64, i64)>,
}

/// Shared by all fans.
pub struct Tally {
    counts: Mutex<Counts>,
    acked: Mutex<Acked>,
    times: Mutex<Times>,
    refusals: Mutex<BTreeMap<String, u64>>,
    unexplained: Mutex<BTreeMap<String, u64>>,
    books: Mutex<Books>,
    watched: Mutex<Vec<Watched>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

impl Tally {
    /// # Panics
    /// Never: the histograms' bounds are constants that fit.
    #[allow(clippy::expect_used, reason = "constants")]
    pub fn new() -> Self {
        // Microseconds, up to two minutes.
        let histogram = || Histogram::new_with_bounds(1, 120_000_000, 3).expect("bounds that fit");
        let times = Times {
            by_step: std::array::from_fn(|_| histogram()),
            queued: histogram(),
            orders: Vec::new(),
        };
        Self {
            counts: Mutex::default(),
            acked: Mutex::default(),
            times: Mutex::new(times),
            refusals: Mutex::default(),
            unexplained: Mutex::default(),
            books: Mutex::default(),
            watched: Mutex::default(),
        }
    }

    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut lock(&self.counts));
    }

    pub fn counts(&self) -> Counts {
        *lock(&self.counts)
    }

    pub fn acked(&self, change: impl FnOnce(&mut Acked)) {
        change(&mut lock(&self.acked));
    }

    pub fn all_acked(&self) -> Acked {
        lock(&self.acked).clone()
    }

    /// Notes an answer that was not what the fan hoped for, and whether the rules explain it.
    pub fn refused(&self, refusal: &Refusal<'_>) {
        let count = |map: &Mutex<BTreeMap<String, u64>>, kind: String| {
            *lock(map).entry(kind).or_default() += 1;
        };
        count(&self.refusals, refusal.kind.to_owned());
        if refusal.explanation().is_none() {
            count(&self.unexplained, refusal.to_string());
        }
    }

    /// All refusals by kind, explained or not.
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        lock(&self.refusals).clone()
    }

    /// Those that the rules do not explain, with what the fans were doing.
    pub fn unexplained(&self) -> BTreeMap<String, u64> {
        lock(&self.unexplained).clone()
    }

    /// Notes tickets that were taken (below zero) or given back, now or at a moment to come.
    pub fn changed_hands(&self, at_ms: i64, change: i64) {
        lock(&self.books).entries.push(Entry { at_ms, change });
    }

    /// Notes that a call for tickets is sent. What came of it is noted by the number that this
    /// gives.
    pub fn asks_for(&self, tickets: i64) -> usize {
        lock(&self.books).asks_for(Utc::now().timestamp_millis(), tickets)
    }

    /// Notes what came of a call for tickets.
    pub fn taken(&self, asked: usize, taken: Taken) {
        lock(&self.books).taken(asked, taken);
    }

    pub fn denied(&self, wanted: i64) {
        lock(&self.books).denied.push(Denied { at_ms: Utc::now().timestamp_millis(), wanted });
    }

    /// Notes that Redis may have been away at a moment.
    pub fn away(&self, at_ms: i64) {
        lock(&self.books).away(at_ms);
    }

    pub fn books(&self) -> Books {
        lock(&self.books).clone()
    }

    pub fn watched(&self, watched: Watched) {
        lock(&self.watched).push(watched);
    }

    pub fn all_watched(&self) -> Vec<Watched> {
        lock(&self.watched).clone()
    }

    /// Notes how long a fan with a pass waited at the door of a full checkout; zero for one who
    /// went in at once.
    pub fn turned_away(&self, waited: Duration) {
        if waited.is_zero() {
            return;
        }
        let ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.count(|counts| {
            counts.turned_away += 1;
            counts.door_ms_max = counts.door_ms_max.max(ms);
        });
    }

    /// Notes how long a call took until it was answered well, or was given up.
    pub fn took(&self, step: Step, time: Duration) {
        let mut times = lock(&self.times);
        if let Some(histogram) = times.by_step.get_mut(step as usize) {
            histogram.saturating_record(micros(time));
        }
        if step == Step::Order {
            let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            times.orders.push((Utc::now().timestamp_millis(), ms));
        }
    }

    /// Notes how long the bots themselves kept a call waiting.
    pub fn queued(&self, time: Duration) {
        lock(&self.times).queued.saturating_record(micros(time));
    }

    pub fn orders_slower_than(&self, ms: i64) -> usize {
        lock(&self.times).orders.iter().filter(|(_, took_ms)| *took_ms > ms).count()
    }

    /// When each order was answered, in milliseconds since 1970, and after how many.
    pub fn orders(&self) -> Vec<(i64, i64)> {
        lock(&self.times).orders.clone()
    }

    pub fn quantiles(&self, step: Step) -> Quantiles {
        lock(&self.times).by_step.get(step as usize).map(Quantiles::of).unwrap_or_default()
    }

    /// Of what the bots themselves kept waiting.
    pub fn queued_quantiles(&self) -> Quantiles {
        Quantiles::of(&lock(&self.times).queued)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Quantiles {
    /// Of microseconds.
    fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let ms =
            |quantile| Some((histogram.value_at_quantile(quantile) as f64 / 100.0).round() / 10.0);
        Self { p50: ms(0.5), p99: ms(0.99) }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_told_in_milliseconds() {
        let tally = Tally::new();
        assert_eq!(tally.quantiles(Step::Join), Quantiles::default());
        for ms in 1..=100 {
            tally.took(Step::Join, Duration::from_millis(ms));
        }
        let Quantiles { p50: Some(p50), p99: Some(p99) } = tally.quantiles(Step::Join) else {
            panic!("no quantiles")
        };
        assert!((p50 - 50.0).abs() < 0.2 && (p99 - 99.0).abs() < 0.2, "{p50} {p99}");
        assert_eq!(tally.quantiles(Step::Hold), Quantiles::default());
        assert!(tally.orders().is_empty());
        tally.took(Step::Order, Duration::from_millis(7));
        assert_eq!(tally.orders()[0].1, 7);
        assert_eq!((tally.orders_slower_than(6), tally.orders_slower_than(7)), (1, 0));
    }

    #[test]
    fn who_waited_at_the_door_is_counted_and_who_went_in_is_not() {
        let tally = Tally::new();
        for ms in [0, 1_200, 300] {
            tally.turned_away(Duration::from_millis(ms));
        }
        let Counts { turned_away, door_ms_max, .. } = tally.counts();
        assert_eq!((turned_away, door_ms_max), (2, 1_200));
    }

    #[test]
    fn refusals_are_counted_by_kind_and_the_unexplained_by_what_was_done() {
        let tally = Tally::new();
        let refusal =
            |kind, step| Refusal { kind, step, mended: true, struck: None, own_time_over: false };
        for (kind, step) in
            [("room-unknown", Step::Join), ("room-busy", Step::Join), ("room-unknown", Step::Claim)]
        {
            tally.refused(&refusal(kind, step));
        }
        let of = |pairs: &[(&str, u64)]| -> BTreeMap<String, u64> {
            pairs.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
        };
        assert_eq!(tally.refusals(), of(&[("room-busy", 1), ("room-unknown", 2)]));
        let unexplained = [("room-unknown at claim", 1), ("room-unknown at join", 1)];
        assert_eq!(tally.unexplained(), of(&unexplained));
    }
}
