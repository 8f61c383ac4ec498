//! Who is next: the waiting records of several lanes, merged in the order of joining.

use std::collections::{BTreeMap, VecDeque};

use crate::lane::turns::LaneTurns;

/// A record that waits in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// In its lane; after a draw, its turn.
    pub offset: i64,
    /// When the broker took it, in milliseconds since 1970.
    pub joined_ms: i64,
}

/// A lane whose end was not looked up for so long is not known to be empty.
const EMPTY_KNOWN_MS: i64 = 4_000;

/// What is known of one lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Fetched and not let in, in offset order.
    pub waiting: VecDeque<Waiting>,
    /// The offset of the next record to be let in: the head.
    pub head: i64,
    /// The offset of the next record to be fetched.
    pub fetched: i64,
    /// The end of the lane when it was last looked at.
    pub tail: i64,
    /// The head as it was published last.
    pub published: i64,
    /// Whoever stands at `fetched`, or will, joined no earlier; 0 where nothing is known yet.
    pub at_least_ms: i64,
    /// When the end was last looked at.
    pub looked_ms: i64,
    /// Since when more is known to be there than was fetched, and nothing waits; 0 where it is not
    /// so.
    pub behind_since_ms: i64,
}

impl Lane {
    /// A lane whose head and end were looked up at a moment.
    pub fn starting_at(head: i64, tail: i64, looked_ms: i64) -> Self {
        let mut lane = Self { head, fetched: head, published: head, ..Self::default() };
        lane.look(tail, looked_ms);
        lane
    }

    /// Notes where the lane ended at a moment. What comes after an end joined after that moment.
    pub fn look(&mut self, tail: i64, looked_ms: i64) {
        self.looked_ms = self.looked_ms.max(looked_ms);
        if self.fetched >= tail {
            self.at_least_ms = self.at_least_ms.max(looked_ms);
        }
        self.tail = self.tail.max(tail).max(self.fetched);
        let is_behind = self.waiting.is_empty() && self.fetched < self.tail;
        self.behind_since_ms = match (is_behind, self.behind_since_ms) {
            (false, _) => 0,
            (true, 0) => looked_ms,
            (true, since_ms) => since_ms,
        };
    }

    /// Takes in a fetched record; one that was seen already is ignored.
    ///
    /// # Errors
    /// The offset that should have come, where the record would leave a gap: nobody in between may
    /// be passed over.
    pub fn fetch(&mut self, record: Waiting) -> Result<(), i64> {
        if record.offset > self.fetched {
            return Err(self.fetched);
        }
        if record.offset == self.fetched {
            self.waiting.push_back(record);
            self.fetched = record.offset + 1;
            self.behind_since_ms = 0;
            self.at_least_ms = self.at_least_ms.max(record.joined_ms);
            self.tail = self.tail.max(self.fetched);
        }
        Ok(())
    }

    /// Takes in who was drawn next, up to `most` who wait.
    pub fn fetch_drawn(&mut self, turns: LaneTurns, most: usize) {
        while self.waiting.len() < most
            && let Some(joined_ms) = turns.drawn_ms(self.fetched)
        {
            self.waiting.push_back(Waiting { offset: self.fetched, joined_ms });
            self.fetched += 1;
            self.behind_since_ms = 0;
            self.at_least_ms = self.at_least_ms.max(joined_ms);
        }
    }

    /// Whether we know what stands next in this lane, be it nothing.
    fn is_known(&self, taken: usize, now_ms: i64) -> bool {
        let is_empty = self.fetched >= self.tail && now_ms - self.looked_ms <= EMPTY_KNOWN_MS;
        self.waiting.len() > taken || is_empty
    }

    /// For how long nobody can say what stands next in this lane.
    pub fn out_of_sight_ms(&self, now_ms: i64) -> i64 {
        if self.waiting.is_empty() { now_ms - self.looked_ms } else { 0 }
    }

    /// Moves the head; everything before it leaves.
    pub fn admit_until(&mut self, head: i64) {
        while self.waiting.front().is_some_and(|record| record.offset < head) {
            self.waiting.pop_front();
        }
        self.head = self.head.max(head);
    }
}

/// A record chosen to be let in next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub lane: i32,
    pub record: Waiting,
}

/// The next records over all `lanes`, oldest first, at most `want`. Stops where a lane has more
/// records that were not fetched yet, since one of those could be older than what the other lanes
/// offer; and where nobody could see for a while whether a lane is empty.
pub fn next_in_line(lanes: &BTreeMap<i32, Lane>, want: usize, now_ms: i64) -> Vec<Candidate> {
    let mut taken: BTreeMap<i32, usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    while chosen.len() < want {
        if lanes
            .iter()
            .any(|(number, lane)| !lane.is_known(taken.get(number).copied().unwrap_or(0), now_ms))
        {
            break;
        }
        let oldest = lanes
            .iter()
            .filter_map(|(number, lane)| {
                let record = lane.waiting.get(taken.get(number).copied().unwrap_or(0))?;
                Some(Candidate { lane: *number, record: *record })
            })
            .min_by_key(|candidate| {
                (candidate.record.joined_ms, candidate.record.offset, candidate.lane)
            });
        let Some(candidate) = oldest else { break };
        *taken.entry(candidate.lane).or_default() += 1;
        chosen.push(candidate);
    }
    chosen
}

/// What other controllers must know of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Front {
    pub lane: i32,
    /// Nobody who waits in the lane, or will, joined earlier.
    pub at_least_ms: i64,
    /// Whether nobody is known to wait in it: then it says how far that is known.
    pub is_empty: bool,
    /// The head as it was published last.
    pub published: i64,
}

/// The front of each lane: when the first who waits joined; where the lane was seen to be empty,
/// when that was; where somebody waits who was not fetched yet, the last one fetched.
pub fn fronts(lanes: &BTreeMap<i32, Lane>) -> Vec<Front> {
    lanes
        .iter()
        .map(|(number, lane)| Front {
            lane: *number,
            at_least_ms: lane.waiting.front().map_or(lane.at_least_ms, |first| first.joined_ms),
            is_empty: lane.waiting.is_empty(),
            published: lane.published,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lane(times: &[i64], tail: i64) -> Lane {
        let mut lane = Lane::starting_at(0, tail, 0);
        for (offset, joined_ms) in times.iter().enumerate() {
            lane.fetch(Waiting { offset: offset as i64, joined_ms: *joined_ms }).expect("no gap");
        }
        lane
    }

    #[test]
    fn stops_where_an_unfetched_record_could_be_older() {
        let lanes = BTreeMap::from([(0, lane(&[1, 2, 9], 3)), (1, lane(&[3], 2))]);
        let order: Vec<_> =
            next_in_line(&lanes, 10, 0).iter().map(|c| (c.lane, c.record.joined_ms)).collect();
        assert_eq!(
            order,
            [(0, 1), (0, 2), (1, 3)],
            "lane 1 has one more record, which may be older than 9"
        );
    }

    #[test]
    fn a_record_fetched_twice_counts_once() {
        let mut lane = lane(&[5], 1);
        assert_eq!(lane.fetch(Waiting { offset: 0, joined_ms: 5 }), Ok(()));
        assert_eq!(lane.waiting.len(), 1);
    }

    #[test]
    fn a_gap_is_refused_and_what_was_not_fetched_is_no_earlier_than_what_was() {
        let mut lane = lane(&[5], 4);
        assert_eq!(lane.fetch(Waiting { offset: 3, joined_ms: 9 }), Err(1));
        assert_eq!(lane.waiting.len(), 1);
        lane.admit_until(1);
        let lanes = BTreeMap::from([(0, lane), (1, Lane::starting_at(7, 7, 40))]);
        let at_least: Vec<_> = fronts(&lanes).iter().map(|front| front.at_least_ms).collect();
        assert_eq!(at_least, [5, 40], "not before the last one fetched; and seen to be empty");
    }

    #[test]
    fn a_front_is_a_lower_bound_whatever_was_looked_up() {
        let front = |lane: &Lane| fronts(&BTreeMap::from([(0, lane.clone())]))[0];
        let mut lane = Lane::starting_at(3, 9, 100);
        assert_eq!(front(&lane).at_least_ms, 0, "nothing is known of the first one");
        for (offset, joined_ms) in [(3, 50), (4, 60)] {
            lane.fetch(Waiting { offset, joined_ms }).expect("no gap");
        }
        assert_eq!((front(&lane).at_least_ms, front(&lane).is_empty), (50, false));
        lane.admit_until(5);
        lane.look(9, 200);
        assert_eq!((front(&lane).at_least_ms, front(&lane).is_empty), (60, true));
        for offset in 5..9 {
            lane.fetch(Waiting { offset, joined_ms: 70 }).expect("no gap");
        }
        lane.admit_until(9);
        assert_eq!(
            front(&lane).at_least_ms,
            70,
            "it ended at 200, but was not fetched so far then"
        );
        lane.look(9, 300);
        assert_eq!(front(&lane).at_least_ms, 300);
    }

    #[test]
    fn a_lane_that_nobody_can_see_does_not_count_as_empty() {
        let lanes = BTreeMap::from([(0, lane(&[1, 2], 2)), (1, Lane::starting_at(7, 7, 0))]);
        assert_eq!(next_in_line(&lanes, 9, EMPTY_KNOWN_MS).len(), 2);
        assert_eq!(next_in_line(&lanes, 9, EMPTY_KNOWN_MS + 1).len(), 0);
        assert_eq!(lanes[&1].out_of_sight_ms(6_000), 6_000);
        assert_eq!(lanes[&0].out_of_sight_ms(6_000), 0, "what waits is seen");
    }

    proptest! {
        #[test]
        fn nobody_is_overtaken_and_lanes_keep_their_order(
            times in prop::collection::vec(prop::collection::vec(0i64..50, 0..20), 1..5),
            want in 0usize..60,
        ) {
            let lanes: BTreeMap<i32, Lane> = times
                .into_iter()
                .enumerate()
                .map(|(number, mut times)| {
                    times.sort_unstable();
                    let tail = times.len() as i64;
                    (number as i32, lane(&times, tail))
                })
                .collect();
            let chosen = next_in_line(&lanes, want, 0);
            let all: usize = lanes.values().map(|lane| lane.waiting.len()).sum();
            prop_assert_eq!(chosen.len(), want.min(all));
            let joined: Vec<i64> = chosen.iter().map(|c| c.record.joined_ms).collect();
            prop_assert!(joined.is_sorted());
            for number in lanes.keys() {
                let own = chosen.iter().filter(|c| c.lane == *number);
                let offsets: Vec<_> = own.map(|c| c.record.offset).collect();
                let mut counted = offsets.iter().enumerate();
                prop_assert!(counted.all(|(index, offset)| index as i64 == *offset));
            }
        }
    }
}
