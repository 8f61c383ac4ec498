//! What the fans lived through, counted.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use hdrhistogram::Histogram;
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use uuid::Uuid;

/// The calls whose time is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    Join,
    Claim,
    Hold,
    Order,
}

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
    /// Fans whose turn passed before they noticed.
    pub window_missed: u64,
}

/// What was acknowledged to fans, and must be found afterwards.
#[derive(Debug, Clone, Default)]
pub struct Acked {
    /// (lane, offset)
    pub joins: Vec<(i32, i64)>,
    pub orders: HashSet<Uuid>,
    /// Orders whose payment the provider confirmed.
    pub payments: HashSet<Uuid>,
}

/// Median and 99th percentile in ms; `None` without a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
}

struct Times {
    by_call: [Histogram<u64>; 4],
}

/// Shared by all fans.
pub struct Tally {
    counts: Mutex<Counts>,
    acked: Mutex<Acked>,
    times: Mutex<Times>,
    faults: Mutex<BTreeMap<String, u64>>,
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
        let times = Times { by_call: std::array::from_fn(|_| histogram()) };
        Self {
            counts: Mutex::default(),
            acked: Mutex::default(),
            times: Mutex::new(times),
            faults: Mutex::default(),
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

    /// Notes an answer that was not what the fan hoped for, by its problem id or what happened to
    /// the connection.
    pub fn fault(&self, kind: &str) {
        *lock(&self.faults).entry(kind.to_owned()).or_default() += 1;
    }

    pub fn faults(&self) -> BTreeMap<String, u64> {
        lock(&self.faults).clone()
    }

    /// Notes how long a call took that was answered well.
    pub fn took(&self, call: Timed, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if let Some(histogram) = lock(&self.times).by_call.get_mut(call as usize) {
            histogram.saturating_record(micros);
        }
    }

    pub fn quantiles(&self, call: Timed) -> Quantiles {
        let times = lock(&self.times);
        let Some(histogram) =
            times.by_call.get(call as usize).filter(|histogram| !histogram.is_empty())
        else {
            return Quantiles::default();
        };
        let ms =
            |quantile| Some((histogram.value_at_quantile(quantile) as f64 / 100.0).round() / 10.0);
        Quantiles { p50: ms(0.5), p99: ms(0.99) }
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
        assert_eq!(tally.quantiles(Timed::Join), Quantiles::default());
        for ms in 1..=100 {
            tally.took(Timed::Join, Duration::from_millis(ms));
        }
        let Quantiles { p50: Some(p50), p99: Some(p99) } = tally.quantiles(Timed::Join) else {
            panic!("no quantiles")
        };
        assert!((p50 - 50.0).abs() < 0.2 && (p99 - 99.0).abs() < 0.2, "{p50} {p99}");
        assert_eq!(tally.quantiles(Timed::Hold), Quantiles::default());
    }

    #[test]
    fn faults_are_counted_by_kind() {
        let tally = Tally::new();
        for kind in ["timeout", "room-busy", "timeout"] {
            tally.fault(kind);
        }
        assert_eq!(
            tally.faults(),
            BTreeMap::from([("room-busy".to_owned(), 1), ("timeout".to_owned(), 2)])
        );
    }
}
