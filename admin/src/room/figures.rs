//! What the console tells about a room, worked out of what was seen of it. Pure.

use std::collections::VecDeque;

use admission::contract::LaneHead;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use waitroom::contract::RoomState;

/// Samples kept of a room, one a second: ten minutes.
pub const SAMPLES_MAX: usize = 600;
/// Speeds are told over so many seconds, so that they do not flicker.
const SPEED_SECS: i64 = 10;
/// The picture has one point for so many samples.
const SAMPLES_PER_POINT: usize = 10;

/// A room as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub at: DateTime<Utc>,
    /// By lane number.
    pub lanes: Box<[LaneHead]>,
}

impl Sample {
    pub fn joined(&self) -> i64 {
        self.lanes.iter().map(|lane| lane.tail).sum()
    }

    pub fn admitted(&self) -> i64 {
        self.lanes.iter().map(|lane| lane.head).sum()
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

    /// The sample that speeds are measured from.
    fn earlier(&self) -> Option<&Sample> {
        let last = self.last()?;
        self.0
            .iter()
            .rev()
            .find(|sample| (last.at - sample.at).num_seconds() >= SPEED_SECS)
            .or(self.0.front())
    }

    /// How fast `count` grew lately, per second.
    pub fn speed(&self, count: impl Fn(&Sample) -> i64) -> f64 {
        match (self.earlier(), self.last()) {
            (Some(earlier), Some(last)) => speed(earlier, last, count),
            _ => 0.0,
        }
    }

    pub fn picture(&self) -> Picture {
        let points: Vec<&Sample> = self.0.iter().rev().step_by(SAMPLES_PER_POINT).collect();
        let mut picture = Picture::default();
        let now = points.first().map(|sample| sample.at);
        for pair in points.windows(2).rev() {
            let (to, from) = (pair[0], pair[1]);
            picture.inflow_per_sec.push(speed(from, to, Sample::joined));
            picture.admitted_per_sec.push(speed(from, to, Sample::admitted));
            picture.waiting.push((to.joined() - to.admitted()).max(0) as f64);
            picture.ago_secs.push(now.map_or(0, |now| (now - to.at).num_seconds()));
        }
        picture
    }
}

fn speed(from: &Sample, to: &Sample, count: impl Fn(&Sample) -> i64) -> f64 {
    let secs = (to.at - from.at).as_seconds_f64();
    // Whoever starts to follow reads a whole history at once; that is no inflow.
    if secs <= 0.0 || from.lanes.is_empty() {
        return 0.0;
    }
    ((count(to) - count(from)).max(0) as f64 / secs * 10.0).round() / 10.0
}

/// What was counted of a room elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that were ever opened.
    pub claimed: i64,
    /// Sessions that are open now.
    pub active: i64,
    /// Fans who were let in, have not come yet, and may still.
    pub unclaimed: i64,
    pub stock: Stock,
}

/// Tickets of a show, all types together. Held and left are unknown while Redis is being filled
/// again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stock {
    pub allotted: i64,
    pub sold: i64,
    /// In orders that are not paid yet.
    pub reserved: i64,
    pub held: Option<i64>,
    pub left: Option<i64>,
}

/// Where a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Flow {
    /// Fans in line.
    pub waiting: i64,
    /// Joins per second, over the last ten seconds.
    pub inflow_per_sec: f64,
    /// Fans let in so far.
    pub admitted: i64,
    /// Let in per second, measured over the last ten seconds.
    pub admitted_per_sec: f64,
    /// Of those let in, how many came to checkout.
    pub claimed: i64,
    /// Of those let in, how many missed their turn.
    pub no_shows: i64,
    /// Of those let in, how many may still come.
    pub unclaimed: i64,
    /// Sessions in checkout.
    pub active: i64,
}

/// One lane of a room.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct LaneFlow {
    pub lane: i32,
    pub waiting: i64,
    /// The next place to be let in.
    pub head: i64,
    /// How many have joined.
    pub tail: i64,
    /// Joins per second, over the last ten seconds.
    pub inflow_per_sec: f64,
    /// Let in per second, measured over the last ten seconds.
    pub admitted_per_sec: f64,
}

/// A room with its figures.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RoomFigures {
    #[serde(flatten)]
    pub room: RoomState,
    #[serde(flatten)]
    pub flow: Flow,
    #[serde(flatten)]
    pub stock: Stock,
    pub lane_figures: Vec<LaneFlow>,
    /// When this was measured.
    pub at: DateTime<Utc>,
}

impl RoomFigures {
    pub fn new(room: RoomState, flow: Flow, stock: Stock, lane_figures: Vec<LaneFlow>) -> Self {
        Self { room, flow, stock, lane_figures, at: Utc::now() }
    }
}

pub fn flow(history: &History, counts: &Counts) -> Flow {
    let (joined, admitted) =
        history.last().map_or((0, 0), |sample| (sample.joined(), sample.admitted()));
    Flow {
        waiting: (joined - admitted).max(0),
        inflow_per_sec: history.speed(Sample::joined),
        admitted,
        admitted_per_sec: history.speed(Sample::admitted),
        claimed: counts.claimed,
        // Heads, grants and sessions are read one after the other, so for a moment they need not
        // add up.
        no_shows: (admitted - counts.claimed - counts.unclaimed).max(0),
        unclaimed: counts.unclaimed,
        active: counts.active,
    }
}

pub fn lanes(history: &History) -> Vec<LaneFlow> {
    let Some(last) = history.last() else { return Vec::new() };
    let of =
        |sample: &Sample, lane: i32| sample.lanes.iter().find(|known| known.lane == lane).copied();
    let one = |known: &LaneHead| LaneFlow {
        lane: known.lane,
        waiting: (known.tail - known.head).max(0),
        head: known.head,
        tail: known.tail,
        inflow_per_sec: history.speed(|sample| of(sample, known.lane).map_or(0, |lane| lane.tail)),
        admitted_per_sec: history
            .speed(|sample| of(sample, known.lane).map_or(0, |lane| lane.head)),
    };
    last.lanes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn sample(secs: i64, heads: &[(i64, i64)]) -> Sample {
        let lanes = (0..)
            .zip(heads)
            .map(|(lane, (head, tail))| LaneHead { lane, head: *head, tail: *tail })
            .collect();
        Sample { at: DateTime::UNIX_EPOCH + TimeDelta::seconds(secs), lanes }
    }

    fn history(samples: impl IntoIterator<Item = Sample>) -> History {
        let mut history = History::default();
        samples.into_iter().for_each(|sample| history.add(sample));
        history
    }

    #[test]
    fn speeds_are_measured_over_the_last_ten_seconds() {
        let history =
            history((0..=20).map(|secs| sample(secs, &[(secs * 3, secs * 10), (secs * 2, 500)])));
        let flow = flow(&history, &Counts::default());
        assert_eq!((flow.inflow_per_sec, flow.admitted_per_sec), (10.0, 5.0));
        assert_eq!((flow.admitted, flow.waiting), (100, 600));
        let lanes = lanes(&history);
        assert_eq!(
            (lanes[1].waiting, lanes[1].inflow_per_sec, lanes[1].admitted_per_sec),
            (460, 0.0, 2.0)
        );
    }

    #[test]
    fn no_shows_are_never_fewer_than_none() {
        let history = history([sample(0, &[(10, 10)])]);
        let of = |claimed, unclaimed| {
            flow(&history, &Counts { claimed, unclaimed, ..Counts::default() }).no_shows
        };
        assert_eq!((of(4, 1), of(8, 5)), (5, 0));
    }

    #[test]
    fn a_history_read_at_once_is_no_inflow() {
        let history = history([sample(0, &[]), sample(1, &[(0, 80_000)])]);
        assert_eq!(flow(&history, &Counts::default()).inflow_per_sec, 0.0);
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
}
