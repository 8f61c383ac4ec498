//! What published heads and the line say about those who still wait, and about records that are
//! missing. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::line::{Joined, LaneState, Published, Step};

/// The first who waits in a lane, who joined long before somebody that was let in elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    pub room: String,
    pub lane: i32,
    pub offset: i64,
    pub joined_ms: i64,
    /// How much later the latest of those let in from other lanes had joined.
    pub passed_by_ms: i64,
}

/// The fronts of lanes that others ran past by more than `bound_ms`: a lane that nobody serves
/// shows here, though nobody of it was ever let in too late.
pub fn passed_over(
    lanes: &[LaneState],
    joined: &Joined,
    steps: &[Step],
    bound_ms: i64,
) -> Vec<PassedOver> {
    let joined_ms =
        |lane: i32, offset: i64| joined.get(&lane)?.get(usize::try_from(offset).ok()?).copied();
    // Within a lane later places joined later, so each lane's last step says it all.
    let mut latest: BTreeMap<i32, i64> = BTreeMap::new();
    for step in steps {
        if let Some(at_ms) = joined_ms(step.lane, step.to - 1) {
            let known = latest.entry(step.lane).or_insert(at_ms);
            *known = at_ms.max(*known);
        }
    }
    lanes
        .iter()
        .filter_map(|state| {
            let offset = state.published.max(state.committed);
            let front_ms = joined_ms(state.lane, offset)?;
            let elsewhere = latest.iter().filter(|(lane, _)| **lane != state.lane);
            let passed_by_ms = elsewhere.map(|(_, at_ms)| *at_ms).max()? - front_ms;
            (passed_by_ms > bound_ms).then(|| PassedOver {
                room: state.room.clone(),
                lane: state.lane,
                offset,
                joined_ms: front_ms,
                passed_by_ms,
            })
        })
        .collect()
}

/// Places of which no record says when they were let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    pub room: String,
    pub lane: i32,
    pub heads_record: i64,
    /// Where the lane stood as far as earlier records say.
    pub known: i64,
    /// Where this record says that it came from.
    pub from: i64,
}

/// Records that do not begin where earlier ones ended. Where the topic's beginning is gone, a
/// lane's first record cannot be judged.
pub fn gaps(room: &str, published: &[Published], from_start: bool) -> Vec<Gap> {
    let mut heads: BTreeMap<i32, i64> = BTreeMap::new();
    let mut found = Vec::new();
    for record in published {
        for (moved, from) in record.heads.iter().zip(&record.from) {
            let unknown = if from_start { 0 } else { *from };
            let known = *heads.get(&moved.lane).unwrap_or(&unknown);
            if *from > known {
                found.push(Gap {
                    room: room.to_owned(),
                    lane: moved.lane,
                    heads_record: record.record,
                    known,
                    from: *from,
                });
            }
        }
        for moved in &record.heads {
            let head = heads.entry(moved.lane).or_insert(moved.head);
            *head = moved.head.max(*head);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use admission::contract::LaneHead;

    use super::*;
    use crate::verify::line::steps;

    fn record(record: i64, moves: &[(i32, i64, i64)]) -> Published {
        let head =
            |(lane, _, head): &(i32, i64, i64)| LaneHead { lane: *lane, head: *head, tail: 9 };
        Published {
            record,
            heads: moves.iter().map(head).collect(),
            from: moves.iter().map(|(_, from, _)| *from).collect(),
            ..Published::default()
        }
    }

    fn lane(lane: i32, head: i64) -> LaneState {
        LaneState { room: "r".into(), lane, low: 0, published: head, committed: head, high: 3 }
    }

    #[test]
    fn a_lane_that_is_never_served_while_others_run_on_is_found() {
        let joined = Joined::from([(0, vec![0, 2000, 4000]), (1, vec![1000, 1100, 5000])]);
        let steps = steps(&[record(0, &[(0, 0, 3)])], true);
        let found = passed_over(&[lane(0, 3), lane(1, 0)], &joined, &steps, 1500);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].lane, found[0].offset, found[0].passed_by_ms), (1, 0, 3000));
        assert_eq!(passed_over(&[lane(0, 3), lane(1, 0)], &joined, &steps, 3000), []);
        assert_eq!(passed_over(&[lane(0, 3), lane(1, 2)], &joined, &steps, 1500), [], "5000 waits");
        assert_eq!(passed_over(&[lane(1, 0)], &joined, &[], 0), [], "nobody was let in");
    }

    #[test]
    fn a_record_that_begins_beyond_what_is_known_leaves_a_gap() {
        let whole = [record(0, &[(0, 0, 2)]), record(1, &[(0, 2, 5), (1, 0, 1)])];
        assert_eq!(gaps("r", &whole, true), []);
        // Told twice, as after a takeover.
        let twice = [record(0, &[(0, 0, 2)]), record(1, &[(0, 0, 2)]), record(2, &[(0, 1, 4)])];
        assert_eq!(gaps("r", &twice, true), []);
        let torn = [record(0, &[(0, 0, 2)]), record(1, &[(0, 4, 5)])];
        let found = gaps("r", &torn, true);
        assert_eq!((found.len(), found[0].known, found[0].from), (1, 2, 4));
        assert_eq!(gaps("r", &torn[1..], false), [], "what was before is gone");
        assert_eq!(gaps("r", &torn[1..], true).len(), 1);
    }
}
