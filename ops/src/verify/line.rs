//! What published heads say about a line: did they only grow, did they keep the order, who was
//! overtaken. Pure.

use std::collections::BTreeMap;

use admission::contract::{HeadsMoved, LaneHead, OVERTAKING_MS_MAX, PaceReport};
use serde::Serialize;

/// The gate's bound is between its clock's fronts; fetching a join and publishing a head may take
/// so much longer.
const OVERTAKING_ALLOWANCE_MS: i64 = 500;
/// Nobody is overtaken by more.
pub const OVERTAKING_MS_BOUND: i64 = OVERTAKING_MS_MAX + OVERTAKING_ALLOWANCE_MS;

/// One record of the topic `heads`, of one room.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Published {
    /// Its offset in the topic, which is the order of publication.
    pub record: i64,
    pub at_ms: i64,
    pub rate_per_sec: f64,
    pub heads: Vec<LaneHead>,
    /// Whether they count turns of a draw.
    pub drawn: bool,
    /// Where each of `heads` stood before; empty where the record does not say.
    pub from: Vec<i64>,
    /// Until when those whom it lets in may claim their pass, should the door stay open.
    pub claim_until_ms: i64,
    /// How long the door had been open; `None` where the record does not say.
    pub door_ms: Option<i64>,
    pub door_open: bool,
    pub pace: Option<PaceReport>,
}

impl Published {
    /// A record as it was read from the topic.
    pub fn of(record: i64, moved: HeadsMoved) -> Self {
        Self {
            record,
            at_ms: moved.at.timestamp_millis(),
            rate_per_sec: moved.rate_per_sec,
            heads: moved.heads,
            drawn: moved.drawn,
            from: moved.from,
            claim_until_ms: moved.claim_until.timestamp_millis(),
            door_ms: moved.door_ms,
            door_open: moved.door_open,
            pace: moved.pace,
        }
    }
}

/// When the broker took each join: by lane, then by offset from 0.
pub type Joined = BTreeMap<i32, Vec<i64>>;

/// Places `from..to` of a lane, let in by one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub record: i64,
    pub lane: i32,
    pub from: i64,
    pub to: i64,
}

/// The steps of a room's heads, in publication order. Where the topic's beginning is gone
/// (`from_start` is false), a lane's first record says only where it stood.
pub fn steps(published: &[Published], from_start: bool) -> Vec<Step> {
    let mut heads: BTreeMap<i32, i64> = BTreeMap::new();
    let mut steps = Vec::new();
    for record in published {
        for moved in &record.heads {
            let unknown = if from_start { 0 } else { moved.head };
            let head = heads.entry(moved.lane).or_insert(unknown);
            if moved.head > *head {
                steps.push(Step {
                    record: record.record,
                    lane: moved.lane,
                    from: *head,
                    to: moved.head,
                });
                *head = moved.head;
            }
        }
    }
    steps
}

/// The controllers of a room tell what they last heard from its gate; the same controller tells
/// newer figures within this time.
const TOLD_AGAIN_MS: i64 = 3_000;

/// Whether `record` tells of a gate that was lost and counts those who left anew, where `told` had
/// left before. A controller that asked the gate a moment earlier than another may tell a little
/// less than the other already did; then more is told again at once.
fn counts_anew(record: &Published, later: &[Published], left_total: i64, told: i64) -> bool {
    let told_again = |later: &Published| {
        later.at_ms - record.at_ms <= TOLD_AGAIN_MS
            && later.pace.as_ref().is_some_and(|pace| pace.left_total >= told)
    };
    left_total < told - told / 2 && !later.iter().take(TOLD_AGAIN_RECORDS).any(told_again)
}

/// Records of a room within [`TOLD_AGAIN_MS`], at most.
const TOLD_AGAIN_RECORDS: usize = 200;

/// How many fans each record let in. Heads pass over places whose fans had left as well, which
/// records tell now and then, in all; what they tell is taken off what came last before.
pub fn let_in(published: &[Published], from_start: bool) -> Vec<i64> {
    let mut steps = steps(published, from_start).into_iter().peekable();
    let mut counts: Vec<i64> = Vec::with_capacity(published.len());
    let mut told = 0;
    for (index, record) in published.iter().enumerate() {
        let mut count = 0;
        while let Some(step) = steps.next_if(|step| step.record == record.record) {
            count += step.to - step.from;
        }
        counts.push(count);
        let Some(pace) = &record.pace else { continue };
        let later = published.get(index + 1..).unwrap_or_default();
        if counts_anew(record, later, pace.left_total, told) {
            told = 0;
        }
        let mut left = (pace.left_total - told).max(0);
        told = told.max(pace.left_total);
        for count in counts.iter_mut().rev() {
            let passed = left.min(*count);
            (*count, left) = (*count - passed, left - passed);
            if left == 0 {
                break;
            }
        }
    }
    counts
}

/// A head that was published below where it had been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovedBack {
    pub room: String,
    pub lane: i32,
    pub heads_record: i64,
    pub before: i64,
    pub after: i64,
}

pub fn moved_back(room: &str, published: &[Published]) -> Vec<MovedBack> {
    let mut heads: BTreeMap<i32, i64> = BTreeMap::new();
    let mut found = Vec::new();
    for record in published {
        for moved in &record.heads {
            let before = heads.entry(moved.lane).or_insert(moved.head);
            if moved.head < *before {
                found.push(MovedBack {
                    room: room.to_owned(),
                    lane: moved.lane,
                    heads_record: record.record,
                    before: *before,
                    after: moved.head,
                });
            }
            *before = (*before).max(moved.head);
        }
    }
    found
}

/// A place that others who joined later were let in before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Overtaken {
    pub lane: i32,
    pub offset: i64,
    pub heads_record: i64,
    pub joined_ms: i64,
    /// How much later the latest of those let in before had joined.
    pub overtaken_ms: i64,
}

/// Calls `see` with every place that was overtaken. Those let in by one record come in together.
fn each_overtaken(joined: &Joined, steps: &[Step], mut see: impl FnMut(Overtaken)) {
    let mut latest_ms = i64::MIN;
    for together in steps.chunk_by(|left, right| left.record == right.record) {
        let mut latest_here_ms = latest_ms;
        for step in together {
            for offset in step.from..step.to {
                let known = joined.get(&step.lane).zip(usize::try_from(offset).ok());
                let Some(joined_ms) = known.and_then(|(lane, index)| lane.get(index)).copied()
                else {
                    continue;
                };
                if joined_ms < latest_ms {
                    let overtaken_ms = latest_ms - joined_ms;
                    see(Overtaken {
                        lane: step.lane,
                        offset,
                        heads_record: step.record,
                        joined_ms,
                        overtaken_ms,
                    });
                }
                latest_here_ms = latest_here_ms.max(joined_ms);
            }
        }
        latest_ms = latest_here_ms;
    }
}

/// The largest overtaking in milliseconds; 0 where nobody was overtaken.
pub fn overtaking_ms_max(joined: &Joined, steps: &[Step]) -> i64 {
    let mut max = 0;
    each_overtaken(joined, steps, |overtaken| max = max.max(overtaken.overtaken_ms));
    max
}

/// Everybody who was overtaken by more than `bound_ms`.
pub fn overtaken_beyond(joined: &Joined, steps: &[Step], bound_ms: i64) -> Vec<Overtaken> {
    let mut found = Vec::new();
    each_overtaken(joined, steps, |overtaken| {
        if overtaken.overtaken_ms > bound_ms {
            found.push(overtaken);
        }
    });
    found
}

/// A place that stands behind one with a later time in the same lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutOfOrder {
    pub room: String,
    pub lane: i32,
    pub offset: i64,
    pub joined_ms: i64,
    pub before_it_ms: i64,
}

pub fn out_of_order(room: &str, joined: &Joined) -> Vec<OutOfOrder> {
    let mut found = Vec::new();
    for (lane, times) in joined {
        for (index, pair) in times.windows(2).enumerate() {
            if let [before_it_ms, joined_ms] = *pair
                && joined_ms < before_it_ms
            {
                let offset = index as i64 + 1;
                found.push(OutOfOrder {
                    room: room.to_owned(),
                    lane: *lane,
                    offset,
                    joined_ms,
                    before_it_ms,
                });
            }
        }
    }
    found
}

/// Where one lane stands, read in this order: what was published, what was committed, what was
/// written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaneState {
    pub room: String,
    pub lane: i32,
    /// The first offset that is still there.
    pub low: i64,
    /// The last published head.
    pub published: i64,
    /// The committed offset of the admission group; 0 where it never committed.
    pub committed: i64,
    /// The next offset to be written.
    pub high: i64,
}

impl LaneState {
    /// Whether a record was deleted from the line.
    pub fn lost_records(&self) -> bool {
        self.low > 0
    }

    /// A head is published after it was committed, and only who joined is let in.
    pub fn heads_in_order(&self) -> bool {
        self.published <= self.committed && self.committed <= self.high
    }

    /// Whether everybody who was let in was told so.
    pub fn all_published(&self) -> bool {
        self.published == self.committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(record: i64, heads: &[(i32, i64)]) -> Published {
        let heads = heads
            .iter()
            .map(|(lane, head)| LaneHead { lane: *lane, head: *head, tail: *head })
            .collect();
        Published { record, at_ms: record * 50, rate_per_sec: 10.0, heads, ..Published::default() }
    }

    #[test]
    fn steps_begin_at_zero_only_where_the_topic_does() {
        let published = [record(5, &[(0, 3)]), record(6, &[(0, 3), (1, 2)]), record(7, &[(0, 5)])];
        let whole = steps(&published, true);
        assert_eq!(
            whole.iter().map(|step| (step.lane, step.from, step.to)).collect::<Vec<_>>(),
            [(0, 0, 3), (1, 0, 2), (0, 3, 5)]
        );
        assert_eq!(steps(&published, false), [Step { record: 7, lane: 0, from: 3, to: 5 }]);
    }

    #[test]
    fn places_whose_fans_had_left_were_not_let_in() {
        let told = |number, head, left_total| Published {
            pace: Some(PaceReport { left_total, ..PaceReport::default() }),
            ..record(number, &[(0, head)])
        };
        let some = [record(0, &[(0, 3)]), told(1, 5, 4), record(2, &[(0, 7)]), told(3, 7, 5)];
        assert_eq!(let_in(&some, true), [1, 0, 1, 0], "five of seven had left");
    }

    /// A record that tells how many had left in all, `number` tenths of a second after the first.
    fn told_left(number: i64, head: i64, left_total: i64) -> Published {
        let pace = Some(PaceReport { left_total, ..PaceReport::default() });
        Published { at_ms: number * 100, pace, ..record(number, &[(0, head)]) }
    }

    #[test]
    fn a_gate_that_was_lost_counts_those_who_left_anew() {
        let anew = [told_left(0, 30, 20), told_left(1, 90, 1), told_left(2, 95, 3)];
        assert_eq!(let_in(&anew, true), [10, 59, 3]);
        let late = [told_left(0, 30, 20), told_left(1, 90, 1), told_left(50, 190, 21)];
        assert_eq!(let_in(&late, true), [10, 59, 80], "it came to as many much later");
    }

    #[test]
    fn an_older_word_of_another_controller_is_no_lost_gate() {
        let [first, last] = [told_left(0, 600, 500), told_left(2, 640, 502)];
        for older in [498, 10] {
            let records = [first.clone(), told_left(1, 620, older), last.clone()];
            assert_eq!(let_in(&records, true), [100, 20, 18], "{older}");
        }
        // The last word of all, with nothing after it.
        assert_eq!(let_in(&[first, told_left(1, 620, 498)], true), [100, 20]);
    }

    #[test]
    fn a_head_that_moves_back_is_found_and_a_repeat_is_not() {
        let published = [
            record(0, &[(0, 3), (1, 1)]),
            record(1, &[(0, 3)]),
            record(2, &[(0, 2)]),
            record(3, &[(0, 4)]),
        ];
        let found = moved_back("r", &published);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].heads_record, found[0].before, found[0].after), (2, 3, 2));
    }

    #[test]
    fn overtaking_is_counted_between_records_and_not_within_one() {
        let joined = Joined::from([(0, vec![0, 900]), (1, vec![100, 1000])]);
        let together = steps(&[record(0, &[(0, 2), (1, 2)])], true);
        assert_eq!(overtaking_ms_max(&joined, &together), 0);
        let apart = steps(&[record(0, &[(0, 2)]), record(1, &[(1, 2)])], true);
        assert_eq!(
            overtaking_ms_max(&joined, &apart),
            800,
            "who joined at 100 came after who joined at 900"
        );
        assert_eq!(overtaken_beyond(&joined, &apart, 800), []);
        assert_eq!(overtaken_beyond(&joined, &apart, 799)[0].offset, 0);
    }

    #[test]
    fn a_lane_whose_times_go_back_is_found() {
        let found = out_of_order("r", &Joined::from([(0, vec![1, 2, 2]), (3, vec![5, 4])]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].lane, found[0].offset), (3, 1));
    }

    #[test]
    fn a_published_head_stands_at_or_before_the_committed_one() {
        let state =
            LaneState { room: "r".into(), lane: 0, low: 0, published: 4, committed: 5, high: 9 };
        assert!(state.heads_in_order() && !state.all_published() && !state.lost_records());
        assert!(!LaneState { published: 6, ..state.clone() }.heads_in_order());
        assert!(!LaneState { committed: 10, ..state.clone() }.heads_in_order());
        assert!(LaneState { low: 1, ..state }.lost_records());
    }

    proptest! {
        #[test]
        fn a_line_let_in_by_time_overtakes_nobody(mut times in prop::collection::vec((0i32..4, 0i64..500), 1..60)) {
            times.sort_by_key(|(_, joined_ms)| *joined_ms);
            let mut joined = Joined::new();
            let mut published = Vec::new();
            for (index, (lane, joined_ms)) in times.iter().enumerate() {
                let lane_times = joined.entry(*lane).or_default();
                lane_times.push(*joined_ms);
                published.push(record(index as i64, &[(*lane, lane_times.len() as i64)]));
            }
            prop_assert_eq!(overtaking_ms_max(&joined, &steps(&published, true)), 0);
            prop_assert_eq!(moved_back("r", &published), vec![]);
        }
    }
}
