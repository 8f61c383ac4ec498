//! How fast fans were let in, measured from the published heads. Pure.

use serde::Serialize;

use super::line::{Published, let_in};

/// The rate is kept within this share of it over a window.
pub const TOLERANCE: f64 = 0.01;
pub const WINDOW_SECS: f64 = 60.0;
/// As much of a second's rate may come at once after a pause, and one in any case.
pub const BURST_SECS: f64 = 0.5;
/// A grant is seen when it is published, which may be so much later for one record than for
/// another. Over a whole window the tolerance is wider than this.
pub const PUBLISH_SECS: f64 = 0.25;

/// What one record let in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Admission {
    pub at_ms: i64,
    pub rate_per_sec: f64,
    pub count: i64,
}

/// How many each record let in, in order of time. Records that moved no head are in it with 0.
pub fn admissions(published: &[Published], from_start: bool) -> Vec<Admission> {
    let mut found: Vec<Admission> = published
        .iter()
        .zip(let_in(published, from_start))
        .map(|(record, count)| Admission {
            at_ms: record.at_ms,
            rate_per_sec: record.rate_per_sec,
            count,
        })
        .collect();
    found.sort_by_key(|admission| admission.at_ms);
    found
}

/// A window in which more came in than the rate allows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TooFast {
    pub room: String,
    pub from_ms: i64,
    pub window_secs: f64,
    pub admitted: i64,
    pub allowed: f64,
    pub rate_per_sec: f64,
}

/// Windows of a minute (or of as long as the rate stood) in which more were let in than the rate
/// and its burst allow.
pub fn too_fast(room: &str, admissions: &[Admission]) -> Vec<TooFast> {
    let mut found = Vec::new();
    let mut is_first = true;
    #[expect(clippy::float_cmp, reason = "the same setting, copied")]
    for stretch in admissions.chunk_by(|left, right| left.rate_per_sec == right.rate_per_sec) {
        // The record that first tells a new rate may have been granted under the old one, so it
        // only starts the clock; the very first record of a line has nothing before it.
        let start = stretch.first().map(|first| Admission { count: 0, ..*first });
        let counted = if is_first { stretch } else { stretch.get(1..).unwrap_or_default() };
        let stretch: Vec<Admission> = start.into_iter().chain(counted.iter().copied()).collect();
        found.extend(worst_window(room, &stretch));
        is_first = false;
    }
    found
}

/// The window of one stretch of constant rate that is furthest above what is allowed, if one is.
fn worst_window(room: &str, stretch: &[Admission]) -> Option<TooFast> {
    let last_ms = stretch.last()?.at_ms;
    let (mut next, mut inside) = (0, 0);
    let mut worst: Option<TooFast> = None;
    for (index, start) in stretch.iter().enumerate() {
        // Counts what came after `start`, up to a window later.
        if next <= index {
            (next, inside) = (index + 1, 0);
        } else {
            inside -= start.count;
        }
        while let Some(admission) = stretch.get(next)
            && secs(admission.at_ms - start.at_ms) <= WINDOW_SECS
        {
            inside += admission.count;
            next += 1;
        }
        let window_secs = secs(last_ms - start.at_ms).min(WINDOW_SECS);
        let allowed = allowed(start.rate_per_sec, window_secs);
        let excess = inside as f64 - allowed;
        if excess > 0.0
            && worst.as_ref().is_none_or(|worst| excess > worst.admitted as f64 - worst.allowed)
        {
            let (from_ms, rate_per_sec) = (start.at_ms, start.rate_per_sec);
            worst = Some(TooFast {
                room: room.to_owned(),
                from_ms,
                window_secs,
                admitted: inside,
                allowed,
                rate_per_sec,
            });
        }
    }
    worst
}

/// How many may come in within a window.
fn allowed(rate_per_sec: f64, window_secs: f64) -> f64 {
    let burst = (rate_per_sec * BURST_SECS).max(1.0);
    rate_per_sec * (window_secs + (window_secs * TOLERANCE).max(PUBLISH_SECS)) + burst
}

pub fn secs(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(
        rate_per_sec: f64,
        every_ms: i64,
        count: i64,
        records: i64,
        from_ms: i64,
    ) -> Vec<Admission> {
        (0..records)
            .map(|index| Admission { at_ms: from_ms + index * every_ms, rate_per_sec, count })
            .collect()
    }

    #[test]
    fn a_steady_line_is_within_its_rate() {
        let line = steady(20.0, 50, 1, 4000, 0);
        assert_eq!(too_fast("r", &line), []);
    }

    #[test]
    fn two_percent_too_fast_over_minutes_is_seen() {
        let line = steady(100.0, 50, 5, 2400, 0);
        assert_eq!(too_fast("r", &line), []);
        let faster: Vec<_> = line
            .iter()
            .enumerate()
            .map(|(index, admission)| Admission {
                count: admission.count + i64::from(index % 8 == 0),
                ..*admission
            })
            .collect();
        let found = too_fast("r", &faster);
        assert_eq!(found.len(), 1);
        assert!(found[0].admitted as f64 > found[0].allowed && found[0].window_secs == WINDOW_SECS);
    }

    #[test]
    fn a_burst_after_a_pause_is_allowed_and_twice_that_is_not() {
        let mut line = vec![Admission { at_ms: 0, rate_per_sec: 100.0, count: 0 }];
        line.push(Admission { at_ms: 60_000, rate_per_sec: 100.0, count: 50 });
        assert_eq!(too_fast("r", &line), []);
        let at_once = [Admission { at_ms: 0, rate_per_sec: 100.0, count: 110 }];
        assert_eq!(too_fast("r", &at_once).len(), 1, "the first record counts as well");
    }

    #[test]
    fn a_new_rate_starts_a_new_stretch() {
        let mut line = steady(200.0, 50, 10, 200, 0);
        line.extend(steady(20.0, 50, 1, 200, 10_000));
        assert_eq!(too_fast("r", &line), []);
        line.extend(steady(10.0, 50, 1, 200, 20_000));
        assert_eq!(too_fast("r", &line).len(), 1, "20 a second where 10 were asked for");
    }

    #[test]
    fn counts_come_from_the_heads_of_all_lanes() {
        use admission::contract::LaneHead;
        let record = |record, heads: &[(i32, i64)]| Published {
            record,
            at_ms: record * 10,
            rate_per_sec: 5.0,
            heads: heads
                .iter()
                .map(|(lane, head)| LaneHead { lane: *lane, head: *head, tail: 9 })
                .collect(),
            ..Published::default()
        };
        let published =
            [record(0, &[(0, 0), (1, 0)]), record(1, &[(0, 2), (1, 1)]), record(2, &[(1, 3)])];
        let counts: Vec<_> =
            admissions(&published, true).iter().map(|admission| admission.count).collect();
        assert_eq!(counts, [0, 3, 2]);
    }
}
