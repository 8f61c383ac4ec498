//! What controllers told of a room's line: where its lanes stand, how fast it may move, and why no
//! faster. Pure.

use std::collections::BTreeMap;

use admission::contract::{HeadsMoved, HoldBack, LaneHead, LeftPlaces, LineStock};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// Several controllers of one room speak in turn, once a second at least: a reason that one of them
/// gave so lately stands beside those of the others.
const REASON_HOLDS: TimeDelta = TimeDelta::milliseconds(1500);
/// Controllers tick every ten seconds where nobody waits. What is older says nothing of now.
const FRESH: TimeDelta = TimeDelta::seconds(15);

/// All that was heard of one room's line.
#[derive(Debug, Clone, Default)]
pub struct Line {
    lanes: BTreeMap<i32, LaneHead>,
    /// Whether the draw was made: ends count turns from then on.
    is_drawn: bool,
    told: Option<Told>,
    /// Places that heads passed over because their fans had left.
    left: LeftPlaces,
}

#[derive(Debug, Clone)]
struct Told {
    at: DateTime<Utc>,
    per_sec: Option<f64>,
    growth: f64,
    show_share: Option<f64>,
    /// Earlier versions do not say.
    door_open: Option<bool>,
    /// Each with when it was given last.
    reasons: Vec<(DateTime<Utc>, HoldBack)>,
    stock: Option<LineStock>,
}

/// Why a line moves no faster.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reason {
    #[serde(flatten)]
    pub held_by: HoldBack,
    /// The same in words, with its numbers: `2,000 passes not claimed yet`.
    pub words: String,
}

impl From<HoldBack> for Reason {
    fn from(held_by: HoldBack) -> Self {
        Self { held_by, words: held_by.to_string() }
    }
}

/// How fast a room may let in now, as its controllers told it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct PaceFigures {
    /// Fans let in per second at most, now: what checkout can take, or the rate that was asked for.
    /// Null where nobody told it lately.
    pub settled_per_sec: Option<f64>,
    /// By which share of itself that grows each second while checkout stays calm, as it does in the
    /// beginning; 0 where it does not.
    pub growth: f64,
    /// Why no faster; empty where only the rate, or nobody waiting, holds the line.
    pub held_back: Vec<Reason>,
    /// Of those let in, the share that comes, 0 to 1.
    pub show_share: Option<f64>,
    /// Whether a fan with a pass can go in.
    pub door_open: Option<bool>,
    /// When a controller last said anything of the line.
    pub told_at: Option<DateTime<Utc>>,
}

impl PaceFigures {
    /// The share of those let in who come, never none; all of them where nobody told it.
    pub fn comes(&self) -> f64 {
        self.show_share.unwrap_or(1.0).clamp(0.02, 1.0)
    }

    pub fn is_held_by(&self, reason: impl Fn(&HoldBack) -> bool) -> bool {
        self.held_back.iter().any(|known| reason(&known.held_by))
    }
}

impl Line {
    /// Heads only grow, so records may be read twice or out of order; of what is said beside them
    /// the latest counts.
    pub fn follow(&mut self, moved: &HeadsMoved) {
        if moved.drawn && !self.is_drawn {
            self.is_drawn = true;
            self.lanes.values_mut().for_each(|lane| lane.tail = lane.head);
        }
        for head in &moved.heads {
            let lane = self.lanes.entry(head.lane).or_insert(*head);
            lane.head = lane.head.max(head.head);
            if moved.drawn == self.is_drawn {
                lane.tail = lane.tail.max(head.tail).max(lane.head);
            }
        }
        if self.told.as_ref().is_some_and(|told| moved.at < told.at) {
            return;
        }
        if let Some(pace) = &moved.pace {
            self.left.follow(pace.left_total);
        }
        let before = self.told.take();
        let given = moved.pace.iter().flat_map(|pace| &pace.held_by);
        let mut reasons: Vec<_> = given.map(|reason| (moved.at, *reason)).collect();
        // Records between two ticks tell of heads alone: what was told before still holds.
        let (per_sec, growth, show_share) = before
            .as_ref()
            .map_or((None, 0.0, None), |told| (told.per_sec, told.growth, told.show_share));
        let (known, stock) =
            before.map_or_else(Default::default, |told| (told.reasons, told.stock));
        for (at, reason) in known {
            let is_said = reasons.iter().any(|(_, said)| said.name() == reason.name());
            if !is_said && moved.at - at <= REASON_HOLDS {
                reasons.push((at, reason));
            }
        }
        self.told = Some(Told {
            at: moved.at,
            per_sec: moved.pace.as_ref().map(|pace| pace.per_sec).or(per_sec),
            growth: moved.pace.as_ref().map_or(growth, |pace| pace.growth),
            show_share: moved.pace.as_ref().map(|pace| pace.show_share).or(show_share),
            door_open: moved.door_ms.map(|_| moved.door_open),
            reasons,
            stock: moved.stock.clone().or(stock),
        });
    }

    /// Where the lanes stand.
    pub fn lanes(&self) -> Box<[LaneHead]> {
        self.lanes.values().copied().collect()
    }

    /// How many places the heads passed over because their fans had left.
    pub fn left(&self) -> i64 {
        self.left.total
    }

    fn told(&self, now: DateTime<Utc>) -> Option<&Told> {
        self.told.as_ref().filter(|told| now - told.at <= FRESH)
    }

    pub fn pace(&self, now: DateTime<Utc>) -> PaceFigures {
        let told_at = self.told.as_ref().map(|told| told.at);
        let Some(told) = self.told(now) else {
            return PaceFigures { told_at, ..PaceFigures::default() };
        };
        PaceFigures {
            settled_per_sec: told.per_sec,
            growth: told.growth,
            held_back: told.reasons.iter().map(|(_, reason)| Reason::from(*reason)).collect(),
            show_share: told.show_share,
            door_open: told.door_open,
            told_at,
        }
    }

    /// What is left of the show, where a controller told it lately.
    pub fn stock(&self, now: DateTime<Utc>) -> Option<&LineStock> {
        self.told(now)?.stock.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use admission::contract::PaceReport;

    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
    }

    fn moved(ms: i64, heads: &[(i32, i64, i64)], held_by: &[HoldBack]) -> HeadsMoved {
        let heads = heads.iter().map(|(lane, head, tail)| LaneHead {
            lane: *lane,
            head: *head,
            tail: *tail,
        });
        HeadsMoved {
            room: "r".parse().expect("a name"),
            at: at(ms),
            claim_until: at(ms),
            rate_per_sec: 25.0,
            heads: heads.collect(),
            from: Vec::new(),
            drawn: false,
            door_ms: Some(0),
            door_open: true,
            pace: Some(PaceReport {
                per_sec: 12.0,
                held_by: held_by.to_vec(),
                show_share: 0.9,
                ..PaceReport::default()
            }),
            stock: None,
        }
    }

    fn names(line: &Line, ms: i64) -> Vec<&'static str> {
        line.pace(at(ms)).held_back.iter().map(|reason| reason.held_by.name()).collect()
    }

    #[test]
    fn heads_never_go_back_and_the_latest_word_counts() {
        let mut line = Line::default();
        line.follow(&moved(2_000, &[(0, 5, 9)], &[HoldBack::OrdersSlow { order_ms: 1_400 }]));
        line.follow(&moved(1_000, &[(0, 3, 12), (1, 1, 1)], &[HoldBack::DoorShut]));
        let lanes = line.lanes();
        assert_eq!((lanes[0].head, lanes[0].tail, lanes.len()), (5, 12, 2));
        let pace = line.pace(at(2_500));
        assert_eq!((pace.settled_per_sec, pace.show_share), (Some(12.0), Some(0.9)));
        assert_eq!(pace.held_back[0].words, "orders take 1.4 s");
        assert_eq!(pace.held_back.len(), 1, "what is older than the latest word is not told");
    }

    #[test]
    fn a_record_of_heads_alone_leaves_the_pace_as_it_was_told() {
        let mut line = Line::default();
        line.follow(&moved(1_000, &[(0, 5, 90)], &[HoldBack::DoorShut]));
        let heads = HeadsMoved { pace: None, door_open: false, ..moved(1_050, &[(0, 6, 90)], &[]) };
        line.follow(&heads);
        let pace = line.pace(at(1_060));
        assert_eq!((pace.settled_per_sec, pace.comes()), (Some(12.0), 0.9));
        assert_eq!(pace.door_open, Some(false), "the door is told with every record");
        assert_eq!(pace.held_back.len(), 1);
        assert_eq!(line.lanes()[0].head, 6);
        let earlier = HeadsMoved { door_ms: None, ..moved(1_100, &[], &[]) };
        line.follow(&earlier);
        assert_eq!(line.pace(at(1_110)).door_open, None);
    }

    #[test]
    fn those_who_left_are_counted_once_whoever_tells_of_them() {
        let mut line = Line::default();
        let mut total = |ms: i64, left_total: i64| {
            let pace = PaceReport { left_total, ..PaceReport::default() };
            line.follow(&HeadsMoved { pace: Some(pace), ..moved(ms, &[], &[]) });
            line.left()
        };
        assert_eq!([total(0, 100), total(10, 120)], [100, 120]);
        assert_eq!(total(20, 118), 120, "the other controller looked a moment before");
        assert_eq!(total(30, 121), 121);
        assert_eq!(total(40, 0), 121, "a controller that has not reached the gate");
        assert_eq!(total(50, 122), 122);
        assert_eq!([total(60, 3), total(70, 5)], [125, 127], "a gate that was lost counts anew");
    }

    #[test]
    fn two_controllers_reasons_stand_side_by_side_and_pass() {
        let mut line = Line::default();
        line.follow(&moved(0, &[], &[HoldBack::LanesUnknown { lanes: 2 }]));
        line.follow(&moved(500, &[], &[HoldBack::PassesUnclaimed { unclaimed: 7 }]));
        assert_eq!(names(&line, 600), ["passes_unclaimed", "lanes_unknown"]);
        line.follow(&moved(1_000, &[], &[HoldBack::LanesUnknown { lanes: 1 }]));
        assert_eq!(names(&line, 1_000), ["lanes_unknown", "passes_unclaimed"]);
        line.follow(&moved(2_400, &[], &[]));
        assert_eq!(names(&line, 2_400), ["lanes_unknown"]);
        line.follow(&moved(2_600, &[], &[]));
        assert_eq!(names(&line, 2_600), Vec::<&str>::new());
    }

    #[test]
    fn what_nobody_repeats_is_not_told_as_if_it_were_now() {
        let mut line = Line::default();
        line.follow(&moved(0, &[], &[HoldBack::CheckoutAway]));
        let later = line.pace(at(16_000));
        assert_eq!(later, PaceFigures { told_at: Some(at(0)), ..PaceFigures::default() });
    }
}
