//! How many were in checkout at once. Pure.

use std::{cmp::Reverse, collections::BinaryHeap};

use serde::Serialize;
use uuid::Uuid;

/// Sessions are stamped by the database and expire by Redis' clock, which may be ahead by so much.
const EXPIRY_TOLERANCE_MS: i64 = 1000;

/// One session's time in checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub session: Uuid,
    pub room: String,
    pub opened_ms: i64,
    pub expires_ms: i64,
    pub ended_ms: Option<i64>,
    /// How many may be in at once, as known when this one opened.
    pub cap: i32,
}

impl Span {
    /// When its slot came free: it was ended or ran out, whichever was first. It is inside at least
    /// as it opens.
    pub fn left_ms(&self) -> i64 {
        let expired_ms = self.expires_ms - EXPIRY_TOLERANCE_MS;
        self.ended_ms
            .map_or(expired_ms, |ended_ms| ended_ms.min(expired_ms))
            .max(self.opened_ms + 1)
    }
}

/// A session that opened although the room was full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverCap {
    pub room: String,
    pub session: Uuid,
    pub opened_ms: i64,
    /// Sessions inside then, this one among them.
    pub active: usize,
    pub cap: i32,
}

/// What a room's sessions come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sweep {
    /// The most that were inside at once.
    pub active_max: usize,
    pub over: Vec<OverCap>,
}

/// Goes through one room's sessions in order of opening.
pub fn sweep(spans: &[Span]) -> Sweep {
    let mut in_order: Vec<&Span> = spans.iter().collect();
    in_order.sort_by_key(|span| span.opened_ms);
    let mut ends: BinaryHeap<Reverse<i64>> = BinaryHeap::new();
    let mut swept = Sweep::default();
    for span in in_order {
        while ends.peek().is_some_and(|Reverse(end)| *end <= span.opened_ms) {
            ends.pop();
        }
        ends.push(Reverse(span.left_ms()));
        let active = ends.len();
        swept.active_max = swept.active_max.max(active);
        if active > usize::try_from(span.cap).unwrap_or_default() {
            let Span { session, room, opened_ms, cap, .. } = span.clone();
            swept.over.push(OverCap { room, session, opened_ms, active, cap });
        }
    }
    swept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(opened_ms: i64, ended_ms: i64, cap: i32) -> Span {
        let session = Uuid::from_u128(opened_ms as u128);
        Span {
            session,
            room: "r".into(),
            opened_ms,
            expires_ms: 60_000,
            ended_ms: Some(ended_ms),
            cap,
        }
    }

    #[test]
    fn a_slot_that_is_given_back_can_be_taken_again() {
        let spans = [
            span(0, 9_000, 2),
            span(1, 20_000, 2),
            span(9_000, 30_000, 2),
            span(20_000, 40_000, 2),
        ];
        assert_eq!(sweep(&spans), Sweep { active_max: 2, over: vec![] });
        let expired = Span { ended_ms: None, ..span(0, 0, 1) };
        assert_eq!(
            sweep(&[expired, span(59_500, 59_900, 1)]).active_max,
            1,
            "it ran out by a clock a little ahead"
        );
    }

    #[test]
    fn one_too_many_is_named() {
        let swept = sweep(&[
            span(5, 50_000, 2),
            span(0, 50_000, 2),
            span(7, 50_000, 2),
            span(8, 50_000, 4),
        ]);
        assert_eq!(swept.active_max, 4);
        assert_eq!(swept.over.len(), 1, "a larger cap let the fourth in");
        assert_eq!((swept.over[0].opened_ms, swept.over[0].active, swept.over[0].cap), (7, 3, 2));
    }

    #[test]
    fn sessions_that_open_in_the_same_instant_count_each() {
        assert_eq!(sweep(&[span(3, 3, 1), span(3, 3, 1)]).over.len(), 1);
    }
}
