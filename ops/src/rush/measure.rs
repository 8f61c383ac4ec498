//! How fast a line moved while somebody waited. Pure. Overtaking and the cap are measured as
//! `fairgate verify` does.

use std::collections::BTreeMap;

use admission::contract::HoldBack;
use serde::Serialize;

use super::score::Wait;
use crate::verify::{
    line::{Joined, Published, let_in, steps},
    sessions::Span,
    slow::{Moved, stretches},
};

/// A stretch that is shorter says nothing.
const SETTLED_SECS_MIN: f64 = 5.0;

/// Places let in by these records.
pub fn admitted(published: &[Published]) -> i64 {
    let_in(published, true).iter().sum()
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
        if arrived <= now.passed {
            first = None;
        }
    }
    let (from, to) = longest?;
    let secs = (to.at_ms - from.at_ms) as f64 / 1000.0;
    (secs >= 1.0).then(|| (to.admitted - from.admitted) as f64 / secs)
}

/// How the line moved while nothing but its pace held it, beside the pace that was told meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Settled {
    pub secs: f64,
    /// Fans let in per second as controllers told them to be, on average.
    pub told_per_sec: f64,
    pub measured_per_sec: f64,
}

/// Whether a reason is the pace itself, which follows checkout.
fn is_pace(reason: &HoldBack) -> bool {
    matches!(
        reason,
        HoldBack::Starting
            | HoldBack::OrdersSlow { .. }
            | HoldBack::WriterBehind { .. }
            | HoldBack::CheckoutSlow { .. }
            | HoldBack::CheckoutFails { .. }
    )
}

/// When the line was held by its pace alone, in milliseconds since 1970: from, to.
pub fn settled_times(published: &[Published]) -> Vec<(i64, i64)> {
    let stretches = stretches(published, true, is_pace);
    let ends = |stretch: &Vec<Moved>| Some((stretch.first()?.at_ms, stretch.last()?.at_ms));
    stretches.iter().filter_map(ends).collect()
}

/// In the middle between the first and the last who were let in, in milliseconds since 1970; by
/// then the pace has found its place. 0 where nobody was.
pub fn middle_ms(published: &[Published]) -> i64 {
    let course = progress(published);
    course
        .first()
        .zip(course.last())
        .map_or(0, |(first, last)| i64::midpoint(first.at_ms, last.at_ms))
}

/// Fewer orders say nothing about the slowest of a hundred.
const ORDERS_MIN: usize = 100;

/// After how many milliseconds all but the slowest of a hundred orders were answered, of those that
/// were answered within `times` and after `from_ms`; `orders` is (when, after how many). `None`
/// where they are too few to say.
pub fn order_p99_ms(orders: &[(i64, i64)], times: &[(i64, i64)], from_ms: i64) -> Option<i64> {
    let is_within = |at_ms: i64| {
        let after = times.partition_point(|(start_ms, _)| *start_ms <= at_ms);
        let last = after.checked_sub(1).and_then(|index| times.get(index));
        at_ms >= from_ms && last.is_some_and(|(_, end_ms)| at_ms <= *end_ms)
    };
    let mut took_ms: Vec<i64> =
        orders.iter().filter(|(at_ms, _)| is_within(*at_ms)).map(|(_, took_ms)| *took_ms).collect();
    took_ms.sort_unstable();
    let rank = (took_ms.len() * 99).div_ceil(100);
    if took_ms.len() < ORDERS_MIN { None } else { took_ms.get(rank - 1).copied() }
}

/// How full checkout was while its cap held the line, or passes on their way to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HeldByCap {
    pub secs: f64,
    /// Sessions inside, on average.
    pub active: f64,
}

/// At first a room does not know yet how many of those let in will come, and counts on all.
const LEARNS_MS: i64 = 20_000;

fn is_cap(reason: &HoldBack) -> bool {
    matches!(reason, HoldBack::CheckoutFull { .. } | HoldBack::PassesUnclaimed { .. })
}

/// Over all stretches in which somebody waited and nothing but the cap held the line, but for the
/// first of it; `None` where they are too short to say.
pub fn held_by_cap(published: &[Published], spans: &[Span]) -> Option<HeldByCap> {
    let mut held: Vec<(i64, i64)> = Vec::new();
    for stretch in stretches(published, true, is_cap) {
        for pair in stretch.windows(2).filter(|pair| pair[0].is_held) {
            held.push((pair[0].at_ms, pair[1].at_ms));
        }
    }
    let learned_ms = held.first()?.0 + LEARNS_MS;
    held.retain(|(from_ms, _)| *from_ms >= learned_ms);
    // How long it had been held before each stretch, in all.
    let mut before: Vec<i64> = vec![0];
    before.extend(held.iter().scan(0, |sum, (from_ms, to_ms)| {
        *sum += to_ms - from_ms;
        Some(*sum)
    }));
    let held_before = |at_ms: i64| {
        let after = held.partition_point(|(from_ms, _)| *from_ms <= at_ms);
        let Some(last) = after.checked_sub(1) else { return 0 };
        before[last] + (at_ms.min(held[last].1) - held[last].0)
    };
    let secs = *before.last()? as f64 / 1000.0;
    let inside_ms: i64 =
        spans.iter().map(|span| held_before(span.left_ms()) - held_before(span.opened_ms)).sum();
    let active = inside_ms as f64 / 1000.0 / secs;
    (secs >= SETTLED_SECS_MIN).then_some(HeldByCap { secs, active })
}

/// Over all stretches from `from_ms` on in which somebody waited and nothing but the pace held the
/// line; `None` where they are too short to say.
pub fn settled(published: &[Published], from_ms: i64) -> Option<Settled> {
    let (mut secs, mut told, mut count) = (0.0, 0.0, 0);
    for stretch in stretches(published, true, is_pace) {
        for pair in stretch.windows(2) {
            let [before, after]: [Moved; 2] = [pair[0], pair[1]];
            if before.at_ms < from_ms {
                continue;
            }
            let passed = (after.at_ms - before.at_ms) as f64 / 1000.0;
            secs += passed;
            told += passed * before.pace_per_sec;
            count += after.count;
        }
    }
    (secs >= SETTLED_SECS_MIN).then(|| Settled {
        secs,
        told_per_sec: told / secs,
        measured_per_sec: count as f64 / secs,
    })
}

/// The later half of the time in which fans were let in, when the pace had found its place.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Later {
    pub let_in_per_sec: Option<f64>,
    pub opened_per_sec: Option<f64>,
    /// How long the sessions lasted that ended meanwhile, on average.
    pub session_secs: Option<f64>,
}

/// Fans let in and sessions opened per second over the later half; `None` where it is too short to
/// say.
pub fn later(published: &[Published], spans: &[Span]) -> Later {
    let course = progress(published);
    let Some(last) = course.last() else { return Later::default() };
    let middle_ms = middle_ms(published);
    let secs = (last.at_ms - middle_ms) as f64 / 1000.0;
    if secs < SETTLED_SECS_MIN {
        return Later::default();
    }
    let at_middle = course.partition_point(|step| step.at_ms <= middle_ms);
    let before = course.get(at_middle.saturating_sub(1)).map_or(0, |step| step.admitted);
    let is_within = |at_ms: i64| (middle_ms..last.at_ms).contains(&at_ms);
    let opened = spans.iter().filter(|span| is_within(span.opened_ms)).count();
    let ended = spans.iter().filter(|span| is_within(span.left_ms()));
    let lasted: Vec<i64> = ended.map(|span| span.left_ms() - span.opened_ms).collect();
    let session_secs = lasted.iter().sum::<i64>() as f64 / 1000.0 / lasted.len() as f64;
    Later {
        let_in_per_sec: Some((last.admitted - before) as f64 / secs),
        opened_per_sec: Some(opened as f64 / secs),
        session_secs: (!lasted.is_empty()).then_some(session_secs),
    }
}

/// Everybody's wait.
pub fn waits(joined: &Joined, published: &[Published]) -> Vec<Wait> {
    let at_ms: BTreeMap<i64, i64> =
        published.iter().map(|record| (record.record, record.at_ms)).collect();
    let mut turns: BTreeMap<(i32, i64), i64> = BTreeMap::new();
    for step in steps(published, true) {
        let Some(at_ms) = at_ms.get(&step.record) else { continue };
        turns.extend((step.from..step.to).map(|offset| ((step.lane, offset), *at_ms)));
    }
    let of_lane = |(lane, times): (&i32, &Vec<i64>)| {
        let lane = *lane;
        let wait = |(index, joined_ms): (usize, &i64)| {
            let offset = index as i64;
            let turn_ms = turns.get(&(lane, offset)).copied();
            Wait { lane, offset, joined_ms: *joined_ms, turn_ms }
        };
        times.iter().enumerate().map(wait).collect::<Vec<_>>()
    };
    joined.iter().flat_map(of_lane).collect()
}

/// The moments at which somebody was let in, in milliseconds since 1970, oldest first.
pub fn let_in_ms(published: &[Published]) -> Vec<i64> {
    progress(published).iter().map(|step| step.at_ms).collect()
}

/// How many had been let in by a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    at_ms: i64,
    admitted: i64,
    /// With those who had left.
    passed: i64,
}

/// One entry for each record that let somebody in.
fn progress(published: &[Published]) -> Vec<Progress> {
    let mut steps = steps(published, true).into_iter().peekable();
    let (mut admitted, mut passed) = (0, 0);
    published
        .iter()
        .zip(let_in(published, true))
        .filter_map(|(record, count)| {
            while let Some(step) = steps.next_if(|step| step.record == record.record) {
                passed += step.to - step.from;
            }
            admitted += count;
            (count > 0).then_some(Progress { at_ms: record.at_ms, admitted, passed })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use admission::contract::{LaneHead, PaceReport};

    use super::*;

    fn record(record: i64, at_ms: i64, head: i64) -> Published {
        Published {
            record,
            at_ms,
            rate_per_sec: 10.0,
            heads: vec![LaneHead { lane: 0, head, tail: head }],
            ..Published::default()
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

    fn span(opened_ms: i64, left_ms: i64) -> Span {
        Span {
            session: uuid::Uuid::nil(),
            room: "r".into(),
            opened_ms,
            expires_ms: 900_000,
            ended_ms: Some(left_ms),
            cap: 9,
        }
    }

    /// A line in which many wait, that moves by `by` a second and says that it moves by 10.
    fn told_ten(by: i64, held_by: &[HoldBack]) -> Vec<Published> {
        (0..30)
            .map(|second| Published {
                heads: vec![LaneHead { lane: 0, head: second * by, tail: 1000 }],
                door_open: true,
                pace: Some(PaceReport {
                    per_sec: 10.0,
                    held_by: held_by.to_vec(),
                    ..PaceReport::default()
                }),
                ..record(second, second * 1000, 0)
            })
            .collect()
    }

    #[test]
    fn the_pace_told_and_the_pace_measured_are_compared_where_only_the_pace_held_the_line() {
        let slow = [HoldBack::OrdersSlow { order_ms: 900 }];
        let found = settled(&told_ten(8, &slow), 0).expect("half a minute");
        assert_eq!((found.secs, found.told_per_sec, found.measured_per_sec), (29.0, 10.0, 8.0));
        assert_eq!(settled(&told_ten(8, &slow), 10_000).map(|settled| settled.secs), Some(19.0));
        let full = [HoldBack::CheckoutFull { active: 1, max_active: 1 }];
        assert_eq!(settled(&told_ten(8, &full), 0), None);
    }

    #[test]
    fn orders_are_judged_where_the_pace_alone_held_the_line_and_had_found_its_place() {
        let orders: Vec<(i64, i64)> = (0..1000).map(|index| (index * 10, index)).collect();
        assert_eq!(order_p99_ms(&orders, &[(0, 9_990)], 0), Some(989));
        assert_eq!(order_p99_ms(&orders, &[(0, 990), (5_000, 6_990)], 1_000), Some(697));
        assert_eq!(order_p99_ms(&orders, &[(0, 500)], 0), None, "too few");
        let slow = [HoldBack::OrdersSlow { order_ms: 900 }];
        assert_eq!(settled_times(&told_ten(8, &slow)), [(0, 29_000)]);
        assert_eq!(middle_ms(&told_ten(8, &slow)), 15_000);
    }

    #[test]
    fn a_cap_that_holds_the_line_is_measured_by_who_is_inside() {
        let held = told_ten(8, &[HoldBack::PassesUnclaimed { unclaimed: 2_000 }]);
        // Two are inside, one of them for half of the nine seconds that count.
        let spans = [span(0, 90_000), span(24_500, 29_000), span(0, 19_000)];
        assert_eq!(held_by_cap(&held, &spans), Some(HeldByCap { secs: 9.0, active: 1.5 }));
        let free = told_ten(8, &[]);
        assert_eq!(held_by_cap(&free, &spans), None);
    }

    #[test]
    fn the_later_half_is_what_is_measured_of_a_trial() {
        let published: Vec<Published> = (0..=20)
            .map(|second| {
                record(second, second * 1000, 1 + if second < 10 { 0 } else { (second - 10) * 7 })
            })
            .collect();
        let spans: Vec<Span> = (0..20_000).step_by(200).map(|ms| span(ms, ms + 1_500)).collect();
        let later = later(&published, &spans);
        assert_eq!((later.let_in_per_sec, later.opened_per_sec), (Some(7.0), Some(5.0)));
        assert_eq!(later.session_secs, Some(1.5));
        assert_eq!(super::later(&published[..3], &[]), Later::default());
    }

    #[test]
    fn a_wait_ends_with_the_record_that_passed_the_place() {
        let joined = Joined::from([(0, vec![5, 6, 7])]);
        let found = waits(&joined, &[record(0, 100, 1), record(1, 200, 2)]);
        let turns: Vec<_> = found.iter().map(|wait| (wait.joined_ms, wait.turn_ms)).collect();
        assert_eq!(turns, [(5, Some(100)), (6, Some(200)), (7, None)]);
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
