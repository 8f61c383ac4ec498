//! Whether fans were let in faster than the pace that was told meanwhile. Pure.

use super::{
    line::{Published, let_in},
    pace::{BURST_SECS, PUBLISH_SECS, TOLERANCE, TooFast, WINDOW_SECS, secs},
    slow::SILENCE_MS,
};

/// A pace is told within this time from when the gate has it: a controller that lets fans in tells
/// it several times a second, one that waits once a second.
const TOLD_WITHIN_MS: i64 = 1_200;

/// What one record let in, and the most that the pace can have been until the next one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Paced {
    at_ms: i64,
    count: i64,
    rate_per_sec: f64,
    most_per_sec: f64,
}

/// All records, in order of time. Between two of them the pace was at most the highest that was
/// told shortly before, between or after; and never above the operator's rate.
fn paced(published: &[Published], from_start: bool) -> Vec<Paced> {
    let mut counted: Vec<(&Published, i64)> =
        published.iter().zip(let_in(published, from_start)).collect();
    counted.sort_by_key(|(record, _)| record.at_ms);
    let told: Vec<(i64, f64)> = counted
        .iter()
        .filter_map(|(record, _)| Some((record.at_ms, record.pace.as_ref()?.per_sec)))
        .collect();
    let told_between = |from_ms: i64, to_ms: i64| {
        let start = told.partition_point(|(at_ms, _)| *at_ms < from_ms);
        let end = told.partition_point(|(at_ms, _)| *at_ms <= to_ms);
        let between = told.get(start..end).unwrap_or_default();
        between.iter().map(|(_, per_sec)| *per_sec).reduce(f64::max)
    };
    let until = counted.iter().skip(1).map(|(record, _)| record.at_ms);
    let until: Vec<i64> = until.chain(counted.last().map(|(record, _)| record.at_ms)).collect();
    counted
        .iter()
        .zip(until)
        .map(|((record, count), until_ms)| {
            let is_silent = until_ms - record.at_ms > SILENCE_MS;
            let told = told_between(record.at_ms - TOLD_WITHIN_MS, until_ms + TOLD_WITHIN_MS);
            let most = told.filter(|_| !is_silent).unwrap_or(f64::INFINITY);
            let rate_per_sec = record.rate_per_sec;
            let most_per_sec = most.min(rate_per_sec);
            Paced { at_ms: record.at_ms, count: *count, rate_per_sec, most_per_sec }
        })
        .collect()
}

/// The window of a minute (or of all there is) in which most fans too many were let in for the pace
/// that was told and its burst, if there is one. The operator's rate is judged
/// [apart](super::pace::too_fast).
pub fn faster_than_told(room: &str, published: &[Published], from_start: bool) -> Option<TooFast> {
    let records = paced(published, from_start);
    // What the pace allows, and who came in, up to and with each record.
    let (mut allowed, mut admitted) = (vec![0.0], vec![records.first()?.count]);
    for pair in records.windows(2) {
        let [before, after]: [Paced; 2] = [pair[0], pair[1]];
        let passed = secs(after.at_ms - before.at_ms);
        // A rate that was lowered is told first by the record that the old one may have let in.
        let most_per_sec = before.most_per_sec.max(after.most_per_sec);
        allowed.push(allowed[allowed.len() - 1] + passed * most_per_sec);
        admitted.push(admitted[admitted.len() - 1] + after.count);
    }
    let mut worst: Option<TooFast> = None;
    let mut end = 0;
    for (index, start) in records.iter().enumerate() {
        while records.get(end + 1).is_some_and(|next| secs(next.at_ms - start.at_ms) <= WINDOW_SECS)
        {
            end += 1;
        }
        let most_per_sec = start.most_per_sec.max(records[end].most_per_sec);
        let by_pace = allowed[end] - allowed[index];
        let slack = (by_pace * TOLERANCE).max(most_per_sec * PUBLISH_SECS);
        let allowed = by_pace + slack + (most_per_sec * BURST_SECS).max(1.0);
        let admitted = admitted[end] - admitted[index];
        let excess = admitted as f64 - allowed;
        if excess > 0.0
            && worst.as_ref().is_none_or(|worst| excess > worst.admitted as f64 - worst.allowed)
        {
            worst = Some(TooFast {
                room: room.to_owned(),
                from_ms: start.at_ms,
                window_secs: secs(records[end].at_ms - start.at_ms),
                admitted,
                allowed,
                rate_per_sec: start.rate_per_sec,
            });
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use admission::contract::{LaneHead, PaceReport};

    use super::*;

    /// A line at a rate of 400 with a record every 50 ms that lets in `by` of the pace, which is
    /// told by each fifth.
    fn line(secs: i64, pace_at: impl Fn(i64) -> f64, by: f64) -> Vec<Published> {
        let mut head = 0.0;
        (0..secs * 20)
            .map(|record| {
                let per_sec = pace_at(record / 20);
                head += per_sec * by / 20.0;
                let lane = LaneHead { lane: 0, head: head as i64, tail: 100_000 };
                let pace = PaceReport { per_sec, ..PaceReport::default() };
                Published {
                    record,
                    at_ms: record * 50,
                    rate_per_sec: 400.0,
                    heads: vec![lane],
                    pace: (record % 5 == 0).then_some(pace),
                    ..Published::default()
                }
            })
            .collect()
    }

    fn is_seen(published: &[Published]) -> bool {
        faster_than_told("r", published, true).is_some()
    }

    #[test]
    fn a_gate_that_keeps_its_pace_is_not_seen_and_one_that_ignores_it_is() {
        let steady = |_| 100.0;
        assert!(!is_seen(&line(90, steady, 1.0)));
        assert!(is_seen(&line(90, steady, 1.04)), "a little too fast over a minute");
        assert!(is_seen(&line(5, steady, 4.0)), "at the operator's rate, for a few seconds");
    }

    #[test]
    fn a_pace_that_changes_is_kept_within_what_was_told_about_then() {
        let doubles = |second: i64| (50.0 * 2_f64.powi(second as i32)).min(400.0);
        let falls = |second: i64| if second % 20 < 10 { 300.0 } else { 60.0 };
        assert!(!is_seen(&line(30, doubles, 1.0)));
        assert!(!is_seen(&line(90, falls, 1.0)));
        assert!(is_seen(&line(90, falls, 1.5)));
    }

    #[test]
    fn a_burst_after_a_pause_is_allowed_and_where_nothing_is_told_the_rate_is() {
        let mut paused = line(40, |_| 100.0, 1.0);
        for record in &mut paused[200..400] {
            record.heads.clear();
        }
        for record in &mut paused[400..] {
            record.heads[0].head -= 1_000 - 50;
        }
        assert!(!is_seen(&paused));
        let mut silent = line(60, |_| 390.0, 1.0);
        for record in &mut silent {
            record.pace = None;
        }
        assert!(!is_seen(&silent));
    }
}
