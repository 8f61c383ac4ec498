//! The last ten minutes of a room, as this instance saw them. Pure.

use std::collections::VecDeque;

use admission::contract::{HoldBack, LaneHead};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use waitroom::contract::Measured;

/// Samples kept of a room, one a second: ten minutes.
pub const SAMPLES_MAX: usize = 600;
/// Speeds are told over so many seconds, so that they do not flicker.
const SPEED_SECS: i64 = 10;
/// Sales come in fits and starts, and so do slots that become free.
const SOLD_SECS: i64 = 60;
const FREED_SECS: i64 = 30;
/// The picture has one point for so many samples.
const SAMPLES_PER_POINT: usize = 10;

/// A room as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub at: DateTime<Utc>,
    /// By lane number.
    pub lanes: Box<[LaneHead]>,
    /// How many places the heads had passed over because their fans had left.
    pub left: i64,
    /// How fast the line might move then, where that was known.
    pub settled_per_sec: Option<f64>,
    pub held_back: Vec<HoldBack>,
    /// What was counted elsewhere, where it could be.
    pub counted: Option<Counted>,
}

/// What speeds are told of, beside joining and being let in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Tickets.
    pub sold: i64,
    /// For how many let in slots of checkout are taken or kept, with those who will not come.
    pub taken: f64,
}

/// A sample with what was counted in it.
type CountedSample<'a> = (&'a Sample, Counted);

impl Sample {
    /// Where the lanes stood, and nothing else.
    pub fn of_lanes(at: DateTime<Utc>, lanes: Box<[LaneHead]>) -> Self {
        Self { at, lanes, left: 0, settled_per_sec: None, held_back: Vec::new(), counted: None }
    }

    pub fn joined(&self) -> i64 {
        self.lanes.iter().map(|lane| lane.tail).sum()
    }

    /// Places that the heads have passed, of those who had left, too.
    fn passed(&self) -> i64 {
        self.lanes.iter().map(|lane| lane.head).sum()
    }

    /// Fans let in.
    pub fn admitted(&self) -> i64 {
        (self.passed() - self.left).max(0)
    }

    pub fn waiting(&self) -> i64 {
        (self.joined() - self.passed()).max(0)
    }
}

/// The last ten minutes of a room.
#[derive(Debug, Clone, Default)]
pub struct History(VecDeque<Sample>);

/// One value for ten seconds, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Picture {
    pub inflow_per_sec: Vec<f64>,
    pub admitted_per_sec: Vec<f64>,
    /// How fast the line might move; null where nobody told it.
    pub settled_per_sec: Vec<Option<f64>>,
    /// The names of what held it back in those ten seconds.
    pub held_back: Vec<Vec<&'static str>>,
    pub waiting: Vec<f64>,
    /// How long ago each was, in seconds.
    pub ago_secs: Vec<i64>,
}

impl History {
    pub fn add(&mut self, sample: Sample) {
        if self.0.len() >= SAMPLES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    pub fn last(&self) -> Option<&Sample> {
        self.0.back()
    }

    /// How fast `count` grew lately, per second.
    pub fn speed(&self, count: impl Fn(&Sample) -> i64) -> f64 {
        let Some(last) = self.last() else { return 0.0 };
        let is_before = |sample: &&Sample| (last.at - sample.at).num_seconds() >= SPEED_SECS;
        let earlier = self.0.iter().rev().find(is_before).or(self.0.front());
        earlier.map_or(0.0, |earlier| tenths(speed(earlier, last, count)))
    }

    /// Tickets sold per second over the last minute; what could not be counted is passed over.
    pub fn sold_per_sec(&self) -> f64 {
        self.counted_over(SOLD_SECS)
            .map_or(0.0, |(secs, from, to)| per_sec(secs, to.1.sold - from.1.sold))
    }

    /// Slots of checkout that became free per second, over ten seconds and over half a minute, in
    /// places of the line: those that it passed and that did not make checkout fuller. `None` where
    /// it is too early to say.
    pub fn freed_per_sec(&self) -> Option<(f64, f64)> {
        let over = |over_secs: i64| {
            let (secs, from, to) = self.counted_over(over_secs)?;
            let passed = (to.0.passed() - from.0.passed()) as f64;
            let freed = passed - (to.1.taken - from.1.taken);
            (secs >= over_secs as f64 / 2.0).then(|| (freed / secs).max(0.0))
        };
        over(SPEED_SECS).zip(over(FREED_SECS))
    }

    /// The first and the last sample within so many seconds of which all is known, and how far
    /// they are apart.
    fn counted_over(&self, over_secs: i64) -> Option<(f64, CountedSample<'_>, CountedSample<'_>)> {
        let known = |sample: &'_ Sample| sample.counted;
        let last = self.0.iter().rev().find(|sample| known(sample).is_some())?;
        let is_within = |sample: &&Sample| {
            known(sample).is_some() && (last.at - sample.at).num_seconds() <= over_secs
        };
        let first = self.0.iter().find(is_within)?;
        let secs = (last.at - first.at).as_seconds_f64();
        Some((secs, (first, known(first)?), (last, known(last)?)))
    }

    /// The pace that checkout held the line to last, which its gate remembers; `None` where it held
    /// it to none in these ten minutes.
    pub fn learnt_per_sec(&self) -> Option<f64> {
        let is_learnt = |sample: &&Sample| sample.held_back.iter().any(is_pressed);
        self.0.iter().rev().filter(is_learnt).find_map(|sample| sample.settled_per_sec)
    }

    /// How many places a second the line moved while somebody waited, over ten seconds, half a
    /// minute and two.
    pub fn measured(&self) -> Measured {
        let over = |secs: i64| {
            let last = self.last()?;
            let within = |sample: &&Sample| (last.at - sample.at).num_seconds() <= secs;
            let lately = self.0.iter().rev().take_while(within);
            let waited = lately.clone().all(|sample| sample.waiting() > 0);
            let first = lately.last().filter(|_| waited)?;
            let seen_secs = (last.at - first.at).as_seconds_f64();
            let is_enough = seen_secs >= secs as f64 / 2.0 && !first.lanes.is_empty();
            is_enough.then(|| per_sec(seen_secs, last.passed() - first.passed()))
        };
        Measured { over_10s: over(10), over_30s: over(30), over_120s: over(120) }
    }

    pub fn picture(&self) -> Picture {
        let samples: Vec<&Sample> = self.0.iter().rev().collect();
        let points: Vec<&[&Sample]> = samples.chunks(SAMPLES_PER_POINT).collect();
        let mut picture = Picture::default();
        let now = samples.first().map(|sample| sample.at);
        for pair in points.windows(2).rev() {
            let (Some(to), Some(from)) = (pair[0].first(), pair[1].first()) else { continue };
            picture.inflow_per_sec.push(tenths(speed(from, to, Sample::joined)));
            picture.admitted_per_sec.push(tenths(speed(from, to, Sample::admitted)));
            picture.settled_per_sec.push(to.settled_per_sec);
            picture.held_back.push(reasons(pair[0]));
            picture.waiting.push(to.waiting() as f64);
            picture.ago_secs.push(now.map_or(0, |now| (now - to.at).num_seconds()));
        }
        picture
    }
}

/// Whether checkout is slower than its operator wants: what a gate learns its pace from.
pub fn is_pressed(reason: &HoldBack) -> bool {
    matches!(
        reason,
        HoldBack::OrdersSlow { .. }
            | HoldBack::WriterBehind { .. }
            | HoldBack::CheckoutSlow { .. }
            | HoldBack::CheckoutFails { .. }
    )
}

/// The names of all that held the line back, each once, the latest first.
fn reasons(samples: &[&Sample]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for reason in samples.iter().flat_map(|sample| &sample.held_back) {
        if !names.contains(&reason.name()) {
            names.push(reason.name());
        }
    }
    names
}

fn speed(from: &Sample, to: &Sample, count: impl Fn(&Sample) -> i64) -> f64 {
    // Whoever starts to follow reads a whole history at once; that is no inflow.
    if from.lanes.is_empty() {
        return 0.0;
    }
    per_sec((to.at - from.at).as_seconds_f64(), count(to) - count(from))
}

fn per_sec(secs: f64, grown: i64) -> f64 {
    if secs <= 0.0 { 0.0 } else { grown.max(0) as f64 / secs }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
pub mod tests {
    use chrono::TimeDelta;

    use super::*;

    pub fn sample(secs: i64, heads: &[(i64, i64)]) -> Sample {
        let lanes = (0..)
            .zip(heads)
            .map(|(lane, (head, tail))| LaneHead { lane, head: *head, tail: *tail })
            .collect();
        Sample::of_lanes(DateTime::UNIX_EPOCH + TimeDelta::seconds(secs), lanes)
    }

    pub fn history(samples: impl IntoIterator<Item = Sample>) -> History {
        let mut history = History::default();
        samples.into_iter().for_each(|sample| history.add(sample));
        history
    }

    #[test]
    fn the_picture_has_a_point_for_ten_seconds_and_ends_now() {
        let history = history((0..900).map(|secs| sample(secs, &[(secs, secs * 2)])));
        let picture = history.picture();
        assert_eq!(picture.waiting.len(), 59);
        assert_eq!((picture.ago_secs[0], picture.ago_secs[58]), (580, 0));
        assert!(picture.inflow_per_sec.iter().all(|speed| *speed == 2.0));
        assert_eq!(picture.waiting[58], 899.0);
        assert_eq!(History::default().picture(), Picture::default());
    }

    #[test]
    fn the_picture_has_the_pace_and_what_held_it_back() {
        let slow = HoldBack::OrdersSlow { order_ms: 1_400 };
        let history = history((0..30).map(|secs| Sample {
            settled_per_sec: (secs >= 15).then_some(12.0),
            held_back: if secs == 22 { vec![slow] } else { Vec::new() },
            ..sample(secs, &[(secs, secs)])
        }));
        let picture = history.picture();
        assert_eq!(picture.settled_per_sec, [Some(12.0), Some(12.0)]);
        assert_eq!(picture.held_back, [Vec::new(), vec!["orders_slow"]]);
    }

    #[test]
    fn the_pace_that_checkout_took_is_remembered_after_the_rate_was_lowered() {
        let slow = HoldBack::OrdersSlow { order_ms: 1_400 };
        let told = |secs: i64, settled, held: &[HoldBack]| Sample {
            settled_per_sec: Some(settled),
            held_back: held.to_vec(),
            ..sample(secs, &[])
        };
        let starting = told(0, 50.0, &[HoldBack::Starting]);
        assert_eq!(history([starting.clone()]).learnt_per_sec(), None);
        let lowered =
            [starting, told(1, 60.0, &[slow]), told(2, 40.0, &[slow]), told(3, 30.0, &[])];
        assert_eq!(history(lowered).learnt_per_sec(), Some(40.0));
    }

    #[test]
    fn whoever_left_was_not_let_in_and_the_line_passed_them_all_the_same() {
        let of = |secs: i64| Sample { left: secs * 2, ..sample(secs, &[(secs * 6, 5_000)]) };
        let moving = history((0..=70).map(of));
        assert_eq!(moving.speed(Sample::admitted), 4.0);
        assert_eq!(moving.measured().over_30s, Some(6.0));
        assert_eq!(moving.last().map(Sample::waiting), Some(5_000 - 420));
    }

    #[test]
    fn a_history_read_at_once_is_no_inflow() {
        let history = history([sample(0, &[]), sample(1, &[(0, 80_000)])]);
        assert_eq!(history.speed(Sample::joined), 0.0);
    }

    #[test]
    fn sales_are_counted_over_a_minute_and_what_could_not_be_counted_is_no_sale() {
        let of = |secs: i64, sold: Option<i64>| Sample {
            counted: sold.map(|sold| Counted { sold, taken: 0.0 }),
            ..sample(secs, &[])
        };
        let selling = history((0..=100).map(|secs| of(secs, (secs % 7 != 0).then_some(secs * 2))));
        assert_eq!(selling.sold_per_sec(), 2.0);
        // An instance that starts in the middle of a sale has sold nothing in its first second.
        let started = history([of(0, None), of(1, Some(4_000))]);
        assert_eq!(started.sold_per_sec(), 0.0);
    }

    #[test]
    fn slots_become_free_by_those_who_come_in_and_make_it_no_fuller() {
        let of = |secs: i64| Sample {
            counted: Some(Counted { sold: 0, taken: (secs * 10).min(200) as f64 }),
            ..sample(secs, &[(secs * 10, 5_000)])
        };
        let filling = history((0..=18).map(of));
        assert_eq!(filling.freed_per_sec(), Some((0.0, 0.0)));
        assert_eq!(history((0..=60).map(of)).freed_per_sec(), Some((10.0, 10.0)));
        assert_eq!(history((0..=10).map(of)).freed_per_sec(), None, "too early to say");
    }

    #[test]
    fn the_pace_is_measured_where_somebody_waited_all_the_time() {
        let moving = history((0..=70).map(|secs| sample(secs, &[(secs * 4, 5_000)])));
        let measured = moving.measured();
        assert_eq!(
            (measured.over_10s, measured.over_30s, measured.over_120s),
            (Some(4.0), Some(4.0), Some(4.0))
        );
        let at_times =
            |secs: i64| sample(secs, &[(secs * 4, if secs == 50 { 200 } else { 5_000 })]);
        let measured = history((0..=70).map(at_times)).measured();
        assert_eq!((measured.over_10s, measured.over_30s), (Some(4.0), None));
    }
}
