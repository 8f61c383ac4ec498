//! How fast a line moved while somebody waited. Pure. Overtaking and the cap are measured as
//! `fairgate verify` does.

use crate::verify::line::{Joined, Published, steps};

/// Places let in by these records.
pub fn admitted(published: &[Published]) -> i64 {
    steps(published, true).iter().map(|step| step.to - step.from).sum()
}

/// Places let in per second over the longest stretch during which somebody was always waiting;
/// `None` where no such stretch lasted a second.
///
/// A stretch goes from one record that let somebody in to a later one, and is unbroken while, after
/// each of its records but the last, somebody who had joined was still waiting. What its first
/// record let in is not counted, since a gate that nobody waited at may have saved up a burst. An
/// average over idle time would say nothing about the gate, which is why only the longest stretch
/// counts. A gate that is held back by its cap shows here as slower than asked.
pub fn busy_rate_per_sec(joined: &Joined, published: &[Published]) -> Option<f64> {
    let mut arrivals: Vec<i64> = joined.values().flatten().copied().collect();
    arrivals.sort_unstable();
    let mut longest: Option<(Progress, Progress)> = None;
    let mut first: Option<Progress> = None;
    for now in progress(published) {
        let from = *first.get_or_insert(now);
        if longest.is_none_or(|(start, end)| now.at_ms - from.at_ms > end.at_ms - start.at_ms) {
            longest = Some((from, now));
        }
        let arrived = arrivals.partition_point(|joined_ms| *joined_ms <= now.at_ms) as i64;
        if arrived <= now.admitted {
            first = None;
        }
    }
    let (from, to) = longest?;
    let secs = (to.at_ms - from.at_ms) as f64 / 1000.0;
    (secs >= 1.0).then(|| (to.admitted - from.admitted) as f64 / secs)
}

/// How many had been let in by a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    at_ms: i64,
    admitted: i64,
}

/// One entry for each record that let somebody in.
fn progress(published: &[Published]) -> Vec<Progress> {
    let mut admitted = 0;
    steps(published, true)
        .chunk_by(|left, right| left.record == right.record)
        .filter_map(|together| {
            admitted += together.iter().map(|step| step.to - step.from).sum::<i64>();
            let record = together.first()?.record;
            let at_ms = published.iter().find(|published| published.record == record)?.at_ms;
            Some(Progress { at_ms, admitted })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use admission::contract::LaneHead;

    use super::*;

    fn record(record: i64, at_ms: i64, head: i64) -> Published {
        Published {
            record,
            at_ms,
            rate_per_sec: 10.0,
            heads: vec![LaneHead { lane: 0, head, tail: head }],
        }
    }

    #[test]
    fn the_rate_is_measured_where_somebody_waited() {
        // 40 join at once; 10 a second come in, after a burst of 5. Then nobody waits for ten
        // seconds, and one comes.
        let mut times = vec![0i64; 40];
        times.push(15_000);
        let mut published: Vec<Published> =
            (0..=35).map(|index| record(index, 100 * (index + 1), 5 + index)).collect();
        published.push(record(36, 15_050, 41));
        let measured =
            busy_rate_per_sec(&Joined::from([(0, times)]), &published).expect("a stretch of 3.5 s");
        assert!((measured - 10.0).abs() < 1e-9, "{measured}");
        assert_eq!(admitted(&published), 41);
    }

    #[test]
    fn records_that_let_nobody_in_do_not_lengthen_a_stretch() {
        let joined = Joined::from([(0, vec![0; 30])]);
        let published =
            [record(0, 0, 0), record(1, 1000, 10), record(2, 2000, 20), record(3, 9000, 20)];
        assert_eq!(busy_rate_per_sec(&joined, &published), Some(10.0));
    }

    #[test]
    fn too_short_a_stretch_says_nothing() {
        let joined = Joined::from([(0, vec![0; 3])]);
        assert_eq!(busy_rate_per_sec(&joined, &[record(0, 10, 1), record(1, 500, 3)]), None);
        assert_eq!(busy_rate_per_sec(&joined, &[]), None);
    }
}
