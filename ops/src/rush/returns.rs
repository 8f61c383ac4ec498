//! How soon the line heard of the last sale, and the next fan of a ticket that came back. Pure.

use serde::Serialize;

/// When the line was told that it is sold out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct SoldOut {
    /// From the last sale until the line was told, in milliseconds; below zero where it was told
    /// before. Null where it was not told, or not all was sold.
    pub told_ms: Option<i64>,
    /// How long the line was looked at after the last sale without being told.
    pub untold_ms: Option<i64>,
}

impl SoldOut {
    /// Of the moments of the last sale, of the word, and of the last look at the line.
    pub fn of(sold_ms: Option<i64>, told_ms: Option<i64>, looked_ms: Option<i64>) -> Self {
        let untold = if told_ms.is_some() { None } else { sold_ms.zip(looked_ms) };
        Self {
            told_ms: told_ms.zip(sold_ms).map(|(told_ms, sold_ms)| told_ms - sold_ms),
            untold_ms: untold.map(|(sold_ms, looked_ms)| (looked_ms - sold_ms).max(0)),
        }
    }
}

/// From a ticket that came back to its next fan.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Returned {
    pub tickets: usize,
    pub p50_ms: Option<i64>,
    pub p99_ms: Option<i64>,
    pub max_ms: Option<i64>,
    /// Of them, those that came back while somebody waited in line.
    pub awaited: usize,
    /// How soon nine tenths of those let in somebody, or were taken by somebody inside.
    pub let_in_p90_ms: Option<i64>,
}

impl Returned {
    /// `next_fans` are the moments at which tickets came back and how long each waited for its next
    /// fan, `let_in_ms` those at which somebody was let in, oldest first.
    pub fn of(
        next_fans: &[(i64, i64)],
        let_in_ms: &[i64],
        somebody_waits: impl Fn(i64) -> bool,
    ) -> Self {
        let mut waits_ms: Vec<i64> = next_fans.iter().map(|(_, wait_ms)| *wait_ms).collect();
        waits_ms.sort_unstable();
        let until_let_in = |(came_ms, wait_ms): &(i64, i64)| {
            let next = let_in_ms.partition_point(|at_ms| at_ms < came_ms);
            let_in_ms.get(next).map_or(*wait_ms, |at_ms| (at_ms - came_ms).min(*wait_ms))
        };
        let awaited = next_fans.iter().filter(|(came_ms, _)| somebody_waits(*came_ms));
        let mut let_in: Vec<i64> = awaited.map(until_let_in).collect();
        let_in.sort_unstable();
        Self {
            tickets: waits_ms.len(),
            p50_ms: at(&waits_ms, 0.5),
            p99_ms: at(&waits_ms, 0.99),
            max_ms: at(&waits_ms, 1.0),
            awaited: let_in.len(),
            let_in_p90_ms: at(&let_in, 0.9),
        }
    }
}

/// A quantile of what is in order.
fn at(in_order: &[i64], share: f64) -> Option<i64> {
    let last = in_order.len().checked_sub(1)?;
    in_order.get((last as f64 * share).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_returned_tickets_are_told_by_their_quantiles() {
        assert_eq!(Returned::of(&[], &[], |_| true), Returned::default());
        let next_fans: Vec<(i64, i64)> = (1..=101).rev().map(|wait_ms| (0, wait_ms)).collect();
        let some = Returned::of(&next_fans, &[], |_| true);
        assert_eq!((some.tickets, some.p50_ms, some.p99_ms), (101, Some(51), Some(100)));
        assert_eq!((some.max_ms, some.let_in_p90_ms), (Some(101), Some(91)));
    }

    #[test]
    fn a_ticket_that_comes_back_finds_who_is_let_in_for_it_where_somebody_waits() {
        let next_fans = [(1_000, 4_000), (2_000, 100), (60_000, 9_000)];
        let found = Returned::of(&next_fans, &[900, 1_700, 70_000], |at_ms| at_ms < 50_000);
        assert_eq!((found.awaited, found.let_in_p90_ms), (2, Some(700)));
        assert_eq!(Returned::of(&next_fans, &[], |_| false).let_in_p90_ms, None);
    }

    #[test]
    fn the_word_that_it_is_sold_out_may_come_too_soon_too_late_or_never() {
        let of = |told_ms| SoldOut::of(Some(10_000), told_ms, Some(19_000));
        assert_eq!(of(Some(10_900)), SoldOut { told_ms: Some(900), untold_ms: None });
        assert_eq!(of(Some(4_000)).told_ms, Some(-6_000));
        assert_eq!(of(None), SoldOut { told_ms: None, untold_ms: Some(9_000) });
        assert_eq!(SoldOut::of(None, Some(1), Some(2)), SoldOut::default());
    }
}
