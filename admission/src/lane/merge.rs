//! Who is next: the waiting records of several lanes, merged in the order of joining.

use std::collections::{BTreeMap, VecDeque};

/// A record that waits in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub offset: i64,
    /// When the broker took it, in milliseconds since 1970.
    pub joined_ms: i64,
}

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
}

impl Lane {
    pub fn starting_at(head: i64, tail: i64) -> Self {
        Self { waiting: VecDeque::new(), head, fetched: head, tail: tail.max(head) }
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
            self.tail = self.tail.max(self.fetched);
        }
        Ok(())
    }

    /// Whether we know what stands next in this lane, be it nothing.
    fn is_known(&self, taken: usize) -> bool {
        self.waiting.len() > taken || self.fetched >= self.tail
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
/// offer.
pub fn next_in_line(lanes: &BTreeMap<i32, Lane>, want: usize) -> Vec<Candidate> {
    let mut taken: BTreeMap<i32, usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    while chosen.len() < want {
        if lanes
            .iter()
            .any(|(number, lane)| !lane.is_known(taken.get(number).copied().unwrap_or(0)))
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

/// The time of the first waiting record of each lane; `None` where nobody waits, and the beginning
/// of time where somebody does who was not fetched yet: until then nobody elsewhere may pass.
pub fn fronts(lanes: &BTreeMap<i32, Lane>) -> Vec<(i32, Option<i64>)> {
    let front = |lane: &Lane| match lane.waiting.front() {
        Some(record) => Some(record.joined_ms),
        None if lane.fetched < lane.tail => Some(0),
        None => None,
    };
    lanes.iter().map(|(number, lane)| (*number, front(lane))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lane(times: &[i64], tail: i64) -> Lane {
        let mut lane = Lane::starting_at(0, tail);
        for (offset, joined_ms) in times.iter().enumerate() {
            lane.fetch(Waiting { offset: offset as i64, joined_ms: *joined_ms }).expect("no gap");
        }
        lane
    }

    #[test]
    fn stops_where_an_unfetched_record_could_be_older() {
        let lanes = BTreeMap::from([(0, lane(&[1, 2, 9], 3)), (1, lane(&[3], 2))]);
        let order: Vec<_> =
            next_in_line(&lanes, 10).iter().map(|c| (c.lane, c.record.joined_ms)).collect();
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
    fn a_gap_is_refused_and_what_was_not_fetched_holds_the_others_back() {
        let mut lane = lane(&[5], 4);
        assert_eq!(lane.fetch(Waiting { offset: 3, joined_ms: 9 }), Err(1));
        assert_eq!(lane.waiting.len(), 1);
        lane.admit_until(1);
        assert_eq!(
            fronts(&BTreeMap::from([(0, lane), (1, Lane::starting_at(7, 7))])),
            [(0, Some(0)), (1, None)]
        );
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
            let chosen = next_in_line(&lanes, want);
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
