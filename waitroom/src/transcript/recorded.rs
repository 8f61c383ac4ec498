//! What a room's recorder knows of its line: how far each lane was read, and what was published of
//! it. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use admission::contract::{
    Cohort, Digest32, LaneHead, LaneRecord, LaneTurns, MerkleTree, PublishedHead, PublishedRoot,
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::transcript::{
    lane_tree::{Contradiction, LaneTree},
    line_reader::Stretch,
    spacing::Spacing,
};

/// Heads are noted so often; of a line that moves for long about so many a doubling of its time.
const HEADS_EVERY: TimeDelta = TimeDelta::seconds(1);
const HEADS_SHARE: i32 = 600;
const ROOTS_SHARE: i32 = 360;
/// A line whose draw is to come is read so often.
const FOLLOWED_EVERY: Duration = Duration::from_millis(500);
const COHORT_AGAIN: Duration = Duration::from_secs(2);

/// One lane.
#[derive(Debug, Default)]
struct RecordedLane {
    tree: LaneTree,
    /// Over how many records its newest root is, and when that was.
    rooted: u64,
    rooted_at: DateTime<Utc>,
    /// The newest head.
    head: u64,
    /// Whether its contradiction was told.
    told: bool,
}

/// One room's line.
#[derive(Debug)]
pub struct Recorded {
    lanes: Vec<RecordedLane>,
    pub roots: Spacing,
    pub heads: Spacing,
    /// When the room was first seen closed.
    pub closed: Option<Instant>,
    /// When the roots over its cohort were last tried to be made.
    pub cohort_asked: Option<Instant>,
    /// When its lanes were last read, with or without a root.
    pub read_at: Option<Instant>,
}

impl Recorded {
    /// A line to be read from its beginning, of which so much was published.
    pub fn new(roots_every: TimeDelta, roots: &[PublishedRoot], heads: &[PublishedHead]) -> Self {
        let mut recorded = Self {
            lanes: Vec::new(),
            roots: Spacing::new(roots_every, ROOTS_SHARE, roots.first().map(|root| root.at)),
            heads: Spacing::new(HEADS_EVERY, HEADS_SHARE, heads.first().map(|head| head.at)),
            closed: None,
            cohort_asked: None,
            read_at: None,
        };
        let mut known: BTreeMap<u32, BTreeMap<_, _>> = BTreeMap::new();
        for root in roots {
            known.entry(root.lane).or_default().insert(root.size, root.root);
        }
        for (lane, known) in known {
            recorded.lane(lane).tree = LaneTree::new(known);
        }
        recorded.note_roots(roots);
        for head in heads {
            recorded.note_head(head.lane, head.head);
        }
        recorded
    }

    fn lane(&mut self, lane: u32) -> &mut RecordedLane {
        let index = lane as usize;
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, RecordedLane::default);
        }
        &mut self.lanes[index]
    }

    /// Takes in how many lanes there are.
    pub fn grow(&mut self, lanes: u32) {
        if let Some(last) = lanes.checked_sub(1) {
            self.lane(last);
        }
    }

    /// How far each lane was read.
    pub fn sizes(&self) -> Vec<u64> {
        self.lanes.iter().map(|lane| lane.tree.size()).collect()
    }

    /// What is to be read of lanes that end there, at most so many records of each.
    pub fn unread(&mut self, ends: &[u64], records_max: u64) -> Vec<Stretch> {
        let mut unread = Vec::new();
        for ((number, lane), end) in (0..).zip(&mut self.lanes).zip(ends) {
            if lane.tree.contradiction().is_none() && lane.tree.ends_at(*end) {
                if lane.tree.size() < *end {
                    lane.tree.mark();
                }
                let from = lane.tree.size();
                unread.push(Stretch { lane: number, from, to: (*end).min(from + records_max) });
            }
        }
        unread
    }

    /// Takes in a lane's next record. `false` where no more of the lane is to be read.
    pub fn append(&mut self, lane: u32, record: &LaneRecord) -> bool {
        self.lane(lane).tree.append(record)
    }

    /// Whether it is time to read on: so that the draw waits for the records of the last moment
    /// alone.
    pub fn is_follow_due(&self, now: Instant) -> bool {
        self.read_at.is_none_or(|at| now.saturating_duration_since(at) >= FOLLOWED_EVERY)
    }

    /// Trees from which those over a cohort's lanes are soon made; `None` where there is no sense
    /// in it, or it was tried a moment ago.
    pub fn cohort_trees(&mut self, ends: &[u64], now: Instant) -> Option<Vec<MerkleTree>> {
        let is_fresh = |asked: Instant| now.saturating_duration_since(asked) < COHORT_AGAIN;
        if self.cohort_asked.is_some_and(is_fresh) {
            return None;
        }
        self.cohort_asked = Some(now);
        let lane = |(lane, end): (u32, &u64)| {
            let tree = &self.lane(lane).tree;
            tree.contradiction().is_none().then(|| tree.nearest(*end))
        };
        (0..).zip(ends).map(lane).collect()
    }

    /// Whether all lanes that hold were read to these ends.
    pub fn is_read(&self, ends: &[u64]) -> bool {
        let is_read = |lane: &RecordedLane, end: u64| {
            lane.tree.contradiction().is_some() || lane.tree.size() >= end
        };
        self.lanes.iter().zip(ends).all(|(lane, end)| is_read(lane, *end))
    }

    /// Blocks that became full, by lane and number.
    pub fn take_full(&mut self) -> Vec<(u32, u64, Digest32)> {
        let of_lane = |(number, lane): (u32, &mut RecordedLane)| {
            lane.tree.take_full().into_iter().map(move |(block, root)| (number, block, root))
        };
        (0..).zip(&mut self.lanes).flat_map(of_lane).collect()
    }

    /// The roots of those lanes that were read to where they ended at a moment, and grew. A clock
    /// that was set back publishes nothing.
    pub fn new_roots(&self, ends: &[u64], at: DateTime<Utc>) -> Vec<PublishedRoot> {
        let lanes = (0..).zip(&self.lanes).zip(ends);
        lanes
            .filter(|((_, lane), end)| {
                let is_there = lane.tree.contradiction().is_none() && lane.tree.size() == **end;
                is_there && **end > lane.rooted && at >= lane.rooted_at
            })
            .map(|((number, lane), end)| PublishedRoot {
                lane: number,
                size: *end,
                root: lane.tree.root(),
                at,
            })
            .collect()
    }

    /// Notes roots that were published.
    pub fn note_roots(&mut self, roots: &[PublishedRoot]) {
        for root in roots {
            let lane = self.lane(root.lane);
            (lane.rooted, lane.rooted_at) = (lane.rooted.max(root.size), root.at);
        }
    }

    /// The heads that moved, as far as their turns are under published roots. Of a lane whose
    /// records are not as published, all: that it moves on is to be seen.
    pub fn new_heads(&self, heads: &[LaneHead], cohort: Option<&Cohort>) -> Vec<(u32, u64)> {
        let moved = |head: &LaneHead| {
            let (lane, number) = (u32::try_from(head.lane).ok()?, u64::try_from(head.head).ok()?);
            let recorded = self.lanes.get(lane as usize)?;
            let rooted = i64::try_from(recorded.rooted).unwrap_or(i64::MAX);
            let is_rooted = head.head <= LaneTurns::of(cohort, head.lane).tail(rooted);
            let is_shown = is_rooted || recorded.tree.contradiction().is_some();
            (is_shown && number > recorded.head).then_some((lane, number))
        };
        heads.iter().filter_map(moved).collect()
    }

    /// Notes a head that was published.
    pub fn note_head(&mut self, lane: u32, head: u64) {
        let lane = self.lane(lane);
        lane.head = lane.head.max(head);
    }

    /// Contradictions that were not told yet.
    pub fn untold(&mut self) -> Vec<(u32, Contradiction)> {
        let untold = |(number, lane): (u32, &mut RecordedLane)| {
            let contradiction = lane.tree.contradiction().filter(|_| !lane.told)?;
            lane.told = true;
            Some((number, contradiction))
        };
        (0..).zip(&mut self.lanes).filter_map(untold).collect()
    }
}

#[cfg(test)]
mod tests {
    use admission::contract::HexBytes;

    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(secs)
    }

    fn read(recorded: &mut Recorded, ends: &[u64]) {
        for Stretch { lane, from, to } in recorded.unread(ends, 3) {
            for offset in from..to {
                let record = LaneRecord { offset, joined_ms: 0, nonce: HexBytes([1; 16]) };
                assert!(recorded.append(lane, &record));
            }
        }
    }

    #[test]
    fn a_lane_has_a_root_when_it_was_read_to_its_end_and_grew() {
        let mut recorded = Recorded::new(TimeDelta::seconds(10), &[], &[]);
        recorded.grow(2);
        read(&mut recorded, &[4, 2]);
        assert!(!recorded.is_read(&[4, 2]), "three records a look");
        let sizes = |roots: Vec<PublishedRoot>| -> Vec<_> {
            roots.iter().map(|root| (root.lane, root.size)).collect()
        };
        let first = recorded.new_roots(&[4, 2], at(1));
        recorded.note_roots(&first);
        assert_eq!(sizes(first), [(1, 2)]);
        read(&mut recorded, &[4, 2]);
        assert!(recorded.is_read(&[4, 2]));
        assert_eq!(sizes(recorded.new_roots(&[4, 2], at(2))), [(0, 4)]);
        assert!(recorded.new_roots(&[5, 2], at(2)).is_empty(), "not read to there");
        assert!(recorded.new_roots(&[4, 2], DateTime::UNIX_EPOCH - TimeDelta::hours(1)).is_empty());
    }

    #[test]
    fn a_head_is_told_once_its_turns_are_under_a_root() {
        let mut recorded = Recorded::new(TimeDelta::seconds(10), &[], &[]);
        recorded.grow(1);
        let head = |head| [LaneHead { lane: 0, head, tail: 9 }];
        assert!(recorded.new_heads(&head(2), None).is_empty());
        read(&mut recorded, &[2]);
        let roots = recorded.new_roots(&[2], at(1));
        recorded.note_roots(&roots);
        assert_eq!(recorded.new_heads(&head(2), None), [(0, 2)]);
        recorded.note_head(0, 2);
        assert!(recorded.new_heads(&head(2), None).is_empty(), "once");
        assert!(recorded.new_heads(&head(3), None).is_empty(), "nobody knows who that is");
    }

    #[test]
    fn whoever_goes_on_reads_all_anew_and_publishes_what_is_new() {
        let mut first = Recorded::new(TimeDelta::seconds(10), &[], &[]);
        first.grow(1);
        read(&mut first, &[2]);
        let roots = first.new_roots(&[2], at(5));
        let heads = [PublishedHead { at: at(6), lane: 0, head: 1 }];
        let mut next = Recorded::new(TimeDelta::seconds(10), &roots, &heads);
        read(&mut next, &[2]);
        assert!(next.new_roots(&[2], at(15)).is_empty() && next.untold().is_empty());
        let other = [PublishedRoot { root: HexBytes([9; 32]), ..roots[0] }];
        let mut changed = Recorded::new(TimeDelta::seconds(10), &other, &heads);
        for Stretch { from, to, .. } in changed.unread(&[2], 3) {
            for offset in from..to {
                let record = LaneRecord { offset, joined_ms: 0, nonce: HexBytes([1; 16]) };
                changed.append(0, &record);
            }
        }
        assert_eq!(changed.untold(), [(0, Contradiction::Changed { size: 2 })]);
        assert!(changed.untold().is_empty(), "told once");
        let moved = [LaneHead { lane: 0, head: 7, tail: 9 }];
        assert_eq!(changed.new_heads(&moved, None), [(0, 7)], "that it moves on is seen");
        assert!(changed.new_roots(&[2], at(20)).is_empty());
    }
}
