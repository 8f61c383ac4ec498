//! Whether fans were let in as fast as asked where nothing held the line back. Pure.

use std::collections::BTreeMap;

use admission::contract::{HoldBack, PaceReport};
use serde::Serialize;

use super::{
    line::{Published, let_in},
    pace::{PUBLISH_SECS, TOLERANCE, WINDOW_SECS, secs},
};

/// Longer without a word, nobody knows the pace or what held the line: a controller may have been
/// gone.
pub const SILENCE_MS: i64 = 3_000;
/// A window in which fewer came in than the rate asks for, though nothing held them back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TooSlow {
    pub room: String,
    pub from_ms: i64,
    pub window_secs: f64,
    pub admitted: i64,
    pub asked: f64,
    pub rate_per_sec: f64,
}

/// What a record let in, while somebody waited before and after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved {
    pub at_ms: i64,
    pub rate_per_sec: f64,
    pub pace_per_sec: f64,
    /// Whether a reason was told why the line moves no faster.
    pub is_held: bool,
    pub count: i64,
}

/// The stretches of records during which somebody always waited and only such reasons as `counts`
/// held the line.
pub fn stretches(
    published: &[Published],
    from_start: bool,
    counts: impl Fn(&HoldBack) -> bool,
) -> Vec<Vec<Moved>> {
    let (mut heads, mut tails): (BTreeMap<i32, i64>, BTreeMap<i32, i64>) = Default::default();
    let (mut stretches, mut current): (Vec<Vec<Moved>>, Vec<Moved>) = Default::default();
    // Not every record says it; what the last one said holds for a moment.
    let mut said: Option<(i64, &PaceReport)> = None;
    let mut is_drawn = false;
    for (record, count) in published.iter().zip(let_in(published, from_start)) {
        if record.drawn && !is_drawn {
            // Ends count turns from now on.
            is_drawn = true;
            tails.clear();
        }
        for moved in &record.heads {
            let mut known = vec![(&mut heads, moved.head)];
            if record.drawn == is_drawn {
                known.push((&mut tails, moved.tail));
            }
            for (known, value) in known {
                let known = known.entry(moved.lane).or_insert(value);
                *known = value.max(*known);
            }
        }
        let waiting = tails.values().sum::<i64>() > heads.values().sum::<i64>();
        said = record.pace.as_ref().map(|pace| (record.at_ms, pace)).or(said);
        let pace =
            said.filter(|(at_ms, _)| record.at_ms - at_ms <= SILENCE_MS).map(|(_, pace)| pace);
        let free = record.door_open
            && pace.is_some_and(|pace| !pace.stands && pace.held_by.iter().all(&counts));
        let moved = Moved {
            at_ms: record.at_ms,
            rate_per_sec: record.rate_per_sec,
            pace_per_sec: pace.map_or(0.0, |pace| pace.per_sec),
            is_held: pace.is_some_and(|pace| !pace.held_by.is_empty()),
            count,
        };
        let goes_on = current.last().is_some_and(|last: &Moved| {
            (0..=SILENCE_MS).contains(&(moved.at_ms - last.at_ms))
                && (last.rate_per_sec - moved.rate_per_sec).abs() < f64::EPSILON
        });
        if !(goes_on && waiting && free) {
            stretches.push(std::mem::take(&mut current));
        }
        if waiting && free {
            current.push(moved);
        }
    }
    stretches.push(current);
    stretches.retain(|stretch| stretch.len() > 1);
    stretches
}

/// Windows of a minute in which fewer were let in than asked, though somebody waited and nothing
/// held the line back.
pub fn too_slow(room: &str, published: &[Published], from_start: bool) -> Vec<TooSlow> {
    stretches(published, from_start, |_| false)
        .iter()
        .filter_map(|stretch| worst_window(room, stretch))
        .collect()
}

fn worst_window(room: &str, stretch: &[Moved]) -> Option<TooSlow> {
    let last_ms = stretch.last()?.at_ms;
    let mut sums = vec![0];
    sums.extend(stretch.iter().scan(0, |sum, moved| {
        *sum += moved.count;
        Some(*sum)
    }));
    let admitted = |from: usize, to: usize| sums[to] - sums[from];
    let mut worst: Option<TooSlow> = None;
    for (index, start) in stretch.iter().enumerate() {
        if secs(last_ms - start.at_ms) < WINDOW_SECS {
            break;
        }
        // Up to the last record within the window; what came after `start` counts.
        let end = stretch.partition_point(|moved| secs(moved.at_ms - start.at_ms) <= WINDOW_SECS);
        let Some(last) = stretch.get(end - 1) else { break };
        let window_secs = secs(last.at_ms - start.at_ms);
        let (admitted, rate_per_sec) = (admitted(index + 1, end), start.rate_per_sec);
        let asked = rate_per_sec * (window_secs * (1.0 - TOLERANCE) - PUBLISH_SECS) - 1.0;
        let missing = asked - admitted as f64;
        if missing > 0.0
            && worst.as_ref().is_none_or(|worst| missing > worst.asked - worst.admitted as f64)
        {
            worst = Some(TooSlow {
                room: room.to_owned(),
                from_ms: start.at_ms,
                window_secs,
                admitted,
                asked,
                rate_per_sec,
            });
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use admission::contract::LaneHead;

    use super::*;

    /// A line with somebody in it, a record every 50 ms, and so many let in by each.
    fn line(
        secs: i64,
        rate_per_sec: f64,
        held_by: &[HoldBack],
        by: impl Fn(i64) -> i64,
    ) -> Vec<Published> {
        let mut head = 0;
        (0..secs * 20)
            .map(|record| {
                head += by(record);
                let pace = PaceReport {
                    per_sec: rate_per_sec,
                    held_by: held_by.to_vec(),
                    ..PaceReport::default()
                };
                Published {
                    record,
                    at_ms: record * 50,
                    rate_per_sec,
                    heads: vec![LaneHead { lane: 0, head, tail: head + 5 }],
                    door_open: true,
                    pace: Some(pace),
                    ..Published::default()
                }
            })
            .collect()
    }

    #[test]
    fn two_percent_too_slow_over_a_minute_is_seen_and_the_rate_itself_is_not() {
        assert_eq!(too_slow("r", &line(90, 100.0, &[], |_| 5), true), []);
        let slow =
            too_slow("r", &line(90, 100.0, &[], |record| 5 - i64::from(record % 10 == 0)), true);
        assert_eq!(slow.len(), 1);
        assert!(slow[0].asked > slow[0].admitted as f64);
    }

    #[test]
    fn a_line_that_something_holds_back_or_that_is_empty_may_be_slow() {
        let held = [HoldBack::CheckoutFull { active: 5, max_active: 5 }];
        assert_eq!(too_slow("r", &line(90, 100.0, &held, |_| 1), true), []);
        let mut empty = line(90, 100.0, &[], |_| 1);
        for record in &mut empty {
            for lane in &mut record.heads {
                lane.tail = lane.head;
            }
        }
        assert_eq!(too_slow("r", &empty, true), []);
        let mut paused = line(90, 100.0, &[], |_| 0);
        for pace in paused.iter_mut().filter_map(|record| record.pace.as_mut()) {
            pace.stands = true;
        }
        assert_eq!(too_slow("r", &paused, true), []);
        let mut silent = line(90, 100.0, &[], |_| 1);
        silent.retain(|record| record.at_ms % 30_000 < 25_000);
        assert_eq!(too_slow("r", &silent, true), [], "nobody knows what held it");
        assert_eq!(too_slow("r", &line(40, 100.0, &[], |_| 1), true), [], "less than a minute");
        assert_eq!(too_slow("r", &line(90, 100.0, &[], |_| 1), true).len(), 1);
    }

    #[test]
    fn a_new_rate_begins_a_stretch() {
        let mut changed = line(60, 100.0, &[], |_| 5);
        let more = line(120, 10.0, &[], |record| i64::from(record % 2 == 0));
        changed.extend(more.into_iter().skip(1200).map(|mut record| {
            record.heads[0].head += 5400;
            record.heads[0].tail += 5400;
            record
        }));
        assert_eq!(too_slow("r", &changed, true), []);
        assert_eq!(stretches(&changed, true, |_| false).len(), 2);
    }
}
