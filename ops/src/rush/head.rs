//! What everybody in line is told: the head document, and what a fan makes of it.

use std::collections::VecDeque;

use admission::contract::{PlaceId, StockState};
use waitroom::contract::{HeadDocument, ahead};

/// What a fan behind `ahead` people is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    pub ahead: i64,
    /// The shortest and the longest wait, in seconds.
    pub wait_secs: Option<(u64, u64)>,
    /// The chance that tickets are left at the fan's turn, from 0 to 1.
    pub chance: Option<f64>,
}

/// What the place at `offset` of `lane` is told. A rush sells one type of tickets.
pub fn told(head: &HeadDocument, lane: i32, offset: i64) -> Told {
    let ahead = ahead(&PlaceId { room: head.room.clone(), lane, offset }, &head.lanes);
    let chances = head.sale.as_ref().map(|sale| sale.chances(ahead)).unwrap_or_default();
    Told {
        ahead,
        wait_secs: head.wait.range(ahead).map(|range| (range.low_secs, range.high_secs)),
        chance: chances.first().map(|chance| f64::from(chance.percent) / 100.0),
    }
}

pub fn is_sold_out(head: &HeadDocument) -> bool {
    head.sale.as_ref().is_some_and(|sale| sale.state == StockState::SoldOut)
}

/// A head document and when it came, in milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct HeadAt {
    pub at_ms: i64,
    pub head: HeadDocument,
}

/// Half a day at a look a second.
const KEPT_MAX: usize = 50_000;

/// All head documents of a rush, oldest first: what anybody was told at any moment follows from
/// them.
#[derive(Debug, Clone, Default)]
pub struct History {
    heads: VecDeque<HeadAt>,
    /// Whether everything was taken at some moment.
    has_run_out: bool,
}

impl History {
    pub fn note(&mut self, at_ms: i64, head: HeadDocument) {
        if self.heads.len() >= KEPT_MAX {
            self.heads.pop_front();
        }
        let state = head.sale.as_ref().map(|sale| sale.state);
        self.has_run_out |= matches!(state, Some(StockState::AllHeld | StockState::SoldOut));
        self.heads.push_back(HeadAt { at_ms, head });
    }

    /// Whether whoever comes in now comes for what somebody gave back.
    pub fn has_run_out(&self) -> bool {
        self.has_run_out
    }

    /// What was known at a moment.
    pub fn at(&self, at_ms: i64) -> Option<&HeadDocument> {
        let after = self.heads.partition_point(|known| known.at_ms <= at_ms);
        Some(&self.heads.get(after.checked_sub(1)?)?.head)
    }

    pub fn last(&self) -> Option<&HeadAt> {
        self.heads.back()
    }

    /// When the line was told that it is sold out, where it was told nothing else afterwards.
    pub fn told_sold_out_ms(&self) -> Option<i64> {
        let since = self.heads.iter().rev().take_while(|known| is_sold_out(&known.head)).last()?;
        Some(since.at_ms)
    }
}

#[cfg(test)]
pub mod tests {
    use admission::contract::{LaneHead, LineMethod, stock_state};
    use chrono::Utc;
    use waitroom::contract::{Forecast, Phase, Sale};

    use super::*;

    /// A lane with `head` let in that moves, as is said, at `pace_per_sec`.
    pub fn head(head: i64, pace_per_sec: f64, sale: Option<Sale>) -> HeadDocument {
        let forecast = Forecast { asked_per_sec: pace_per_sec, ..Forecast::default() };
        HeadDocument {
            room: "r".parse().expect("a name"),
            show: "r".parse().expect("an id"),
            phase: Phase::Open,
            opens_at: None,
            method: LineMethod::FirstCome,
            draw: None,
            lanes: vec![LaneHead { lane: 0, head, tail: 1000 }],
            waiting: 1000 - head,
            admitted: head,
            rate_per_sec: pace_per_sec,
            pace_per_sec: Some(pace_per_sec),
            claim_window_secs: 20,
            message: String::new(),
            as_of: Utc::now(),
            poll_after_ms: 1000,
            stale: false,
            asleep: false,
            straight_in: false,
            door_open: true,
            held_by: Vec::new(),
            wait: forecast.curve(1000),
            sale,
        }
    }

    pub fn stock(free: i64, held: i64) -> Option<Sale> {
        let (state, types) = (stock_state(free, held, 100), Vec::new());
        Some(Sale { state, tickets_left: free, tickets_held: held, types })
    }

    #[test]
    fn what_was_known_is_what_came_last() {
        let mut history = History::default();
        history.note(1000, head(5, 2.0, None));
        history.note(2000, head(6, 2.0, None));
        let known = |at_ms| history.at(at_ms).map(|head| head.admitted);
        assert_eq!((known(999), known(1999), known(9999)), (None, Some(5), Some(6)));
    }

    #[test]
    fn sold_out_counts_from_when_it_was_told_for_good() {
        let mut history = History::default();
        for (at_ms, free, held) in [(1, 0, 0), (2, 1, 0), (3, 0, 1), (4, 0, 0), (5, 0, 0)] {
            history.note(at_ms, head(5, 2.0, stock(free, held)));
        }
        assert_eq!(history.told_sold_out_ms(), Some(4));
        history.note(6, head(5, 2.0, stock(1, 0)));
        assert_eq!(history.told_sold_out_ms(), None);
    }

    #[test]
    fn a_fan_works_out_their_place() {
        let told = told(&head(10, 2.0, None), 0, 30);
        assert_eq!((told.ahead, told.chance), (20, None));
        assert!(told.wait_secs.is_some_and(|(low, high)| low <= 10 && high >= 10), "{told:?}");
    }
}
