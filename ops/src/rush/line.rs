//! Those who wait, as the rush keeps them: a ticket and a number each, and no task. Pure.

use std::collections::BTreeMap;

use admission::contract::{DIRECT_LANE, LaneHead};

/// A fan in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub number: u32,
    pub lane: i32,
    pub offset: i64,
    pub ticket: Box<str>,
}

/// Everybody in line, by lane and offset.
#[derive(Debug, Default)]
pub struct Line {
    lanes: BTreeMap<i32, BTreeMap<i64, (u32, Box<str>)>>,
}

impl Line {
    pub fn join(&mut self, fan: Waiting) {
        self.lanes.entry(fan.lane).or_default().insert(fan.offset, (fan.number, fan.ticket));
    }

    /// Has everybody stand at their turn instead of their place.
    pub fn turn_by(&mut self, turn: impl Fn(i32, i64) -> (i32, i64)) {
        for (lane, fans) in std::mem::take(&mut self.lanes) {
            for (offset, fan) in fans {
                let (lane, offset) = turn(lane, offset);
                self.lanes.entry(lane).or_default().insert(offset, fan);
            }
        }
    }

    /// Takes out whom the heads have passed.
    pub fn passed(&mut self, heads: &[LaneHead]) -> Vec<Waiting> {
        let mut passed = Vec::new();
        // Whoever came to a room that sleeps waits for no head.
        let straight = self.lanes.remove(&DIRECT_LANE).unwrap_or_default();
        passed.extend(straight.into_iter().map(|(offset, fan)| waiting(DIRECT_LANE, offset, fan)));
        for head in heads {
            let Some(lane) = self.lanes.get_mut(&head.lane) else { continue };
            let behind = lane.split_off(&head.head);
            let gone = std::mem::replace(lane, behind);
            passed.extend(gone.into_iter().map(|(offset, fan)| waiting(head.lane, offset, fan)));
        }
        passed
    }

    /// Takes out one, where it still waits.
    pub fn leave(&mut self, lane: i32, offset: i64) -> Option<Waiting> {
        let fan = self.lanes.get_mut(&lane)?.remove(&offset)?;
        Some(waiting(lane, offset, fan))
    }

    /// Takes out all whose number does not satisfy `stays`.
    pub fn leave_unless(&mut self, stays: impl Fn(u32) -> bool) -> Vec<Waiting> {
        let mut left = Vec::new();
        for (number, lane) in &mut self.lanes {
            let gone = lane.extract_if(.., |_, (fan, _)| !stays(*fan));
            left.extend(gone.map(|(offset, fan)| waiting(*number, offset, fan)));
        }
        left
    }

    pub fn len(&self) -> usize {
        self.lanes.values().map(BTreeMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.lanes.values().all(BTreeMap::is_empty)
    }
}

fn waiting(lane: i32, offset: i64, (number, ticket): (u32, Box<str>)) -> Waiting {
    Waiting { number, lane, offset, ticket }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let mut line = Line::default();
        for number in 0..10 {
            let (lane, offset) = (number as i32 % 2, i64::from(number) / 2);
            line.join(Waiting { number, lane, offset, ticket: format!("t{number}").into() });
        }
        line
    }

    fn head(lane: i32, head: i64) -> LaneHead {
        LaneHead { lane, head, tail: 5 }
    }

    #[test]
    fn whom_a_head_passed_is_taken_out_once() {
        let mut line = line();
        let passed = line.passed(&[head(0, 2), head(1, 1)]);
        assert_eq!(passed.iter().map(|fan| fan.number).collect::<Vec<_>>(), [0, 2, 1]);
        assert_eq!(&*passed[1].ticket, "t2");
        assert!(line.passed(&[head(0, 2), head(1, 1)]).is_empty());
        assert_eq!(line.len(), 7);
    }

    #[test]
    fn whoever_came_straight_in_waits_for_no_head() {
        let mut line = line();
        line.join(Waiting { number: 99, lane: -1, offset: 1 << 50, ticket: "t".into() });
        assert_eq!(line.passed(&[]).iter().map(|fan| fan.number).collect::<Vec<_>>(), [99]);
        assert!(line.passed(&[]).is_empty());
    }

    #[test]
    fn who_leaves_is_not_passed_any_more() {
        let mut line = line();
        assert_eq!(line.leave(0, 1).map(|fan| fan.number), Some(2));
        assert_eq!(line.leave(0, 1), None);
        assert_eq!(line.leave_unless(|number| number >= 6).len(), 5);
        let passed = line.passed(&[head(0, 9), head(1, 9)]);
        assert_eq!(passed.iter().map(|fan| fan.number).collect::<Vec<_>>(), [6, 8, 7, 9]);
        assert!(line.is_empty());
    }
}
