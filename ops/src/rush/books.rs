//! What fans took and gave back, and what follows from it: was "sold out" true, how soon does a
//! ticket that comes back find its next fan. Pure.

use std::collections::VecDeque;

/// Tickets that changed hands at a moment, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub at_ms: i64,
    /// Taken below zero, given back above.
    pub change: i64,
}

/// Someone who was told that fewer than `wanted` are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    pub at_ms: i64,
    /// One where nothing was said to be left.
    pub wanted: i64,
}

/// What came of a call for tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// They are the fan's until then, in milliseconds since 1970, or for good.
    Until(i64),
    /// Refused.
    Nothing,
    /// Never answered: they may have been taken all the same, and come back when their time is
    /// over.
    Unknown,
}

/// Counted since the start of the sale.
#[derive(Debug, Clone, Default)]
pub struct Books {
    pub entries: Vec<Entry>,
    pub denied: Vec<Denied>,
    /// Moments at which Redis may have been away, in order.
    away_ms: Vec<i64>,
    /// The longest that tickets were held for.
    hold_ms: i64,
}

/// A ticket that ran out of its time comes back when checkout looks again.
const COMES_BACK_WITHIN_MS: i64 = 15_000;
/// A Redis that was away is filled again within this time; until then it may know of fewer.
const FILLED_WITHIN_MS: i64 = 10_000;
/// Moments that are nearer to the last one say nothing new.
const AWAY_EVERY_MS: i64 = 100;

impl Books {
    /// Books tickets when they are asked for: a call may have taken them long before its answer
    /// arrives, and while it is tried again. Gives the number of the entry.
    pub fn asks_for(&mut self, at_ms: i64, tickets: i64) -> usize {
        self.entries.push(Entry { at_ms, change: -tickets });
        self.entries.len() - 1
    }

    /// Books what came of entry `asked`.
    pub fn taken(&mut self, asked: usize, taken: Taken) {
        let Some(entry) = self.entries.get_mut(asked) else { return };
        match taken {
            Taken::Until(until_ms) => self.hold_ms = self.hold_ms.max(until_ms - entry.at_ms),
            Taken::Nothing => entry.change = 0,
            Taken::Unknown => {
                let back = Entry { at_ms: entry.at_ms + self.hold_ms, change: -entry.change };
                self.entries.push(back);
            }
        }
    }

    pub fn away(&mut self, at_ms: i64) {
        if self.away_ms.last().is_none_or(|last_ms| at_ms - last_ms >= AWAY_EVERY_MS) {
            self.away_ms.push(at_ms);
        }
    }

    /// Whether Redis was away a moment before.
    fn was_away(&self, at_ms: i64) -> bool {
        let before = self.away_ms.partition_point(|away_ms| *away_ms <= at_ms);
        let last = before.checked_sub(1).and_then(|index| self.away_ms.get(index));
        last.is_some_and(|last_ms| at_ms - last_ms <= FILLED_WITHIN_MS)
    }

    /// How many of `tickets` were free from each moment on, in order.
    pub fn course(&self, tickets: i64) -> Course {
        let mut free = tickets;
        let entries = self.in_order().into_iter().map(|entry| {
            free += entry.change;
            (entry.at_ms, free)
        });
        Course(std::iter::once((i64::MIN, tickets)).chain(entries).collect())
    }

    fn in_order(&self) -> Vec<Entry> {
        let mut entries = self.entries.clone();
        entries.sort_by_key(|entry| entry.at_ms);
        entries
    }

    /// How many were told too soon that so few are left: at no moment about then there were.
    pub fn wrongly_denied(&self, tickets: i64) -> usize {
        let course = self.course(tickets);
        self.denied
            .iter()
            .filter(|denied| {
                let from_ms = denied.at_ms - COMES_BACK_WITHIN_MS;
                course.least(from_ms, denied.at_ms) >= denied.wanted && !self.was_away(denied.at_ms)
            })
            .count()
    }

    /// How long each ticket that came back while none was free waited for its next fan: when it
    /// came and how long it waited, in milliseconds.
    pub fn waits_for_next_fan_ms(&self, tickets: i64) -> Vec<(i64, i64)> {
        let mut never_taken = tickets;
        let mut back: VecDeque<i64> = VecDeque::new();
        let mut waits = Vec::new();
        for entry in self.in_order() {
            for _ in 0..entry.change {
                // Nobody waits for it while others are free.
                if never_taken > 0 { never_taken += 1 } else { back.push_back(entry.at_ms) }
            }
            for _ in entry.change..0 {
                if never_taken > 0 {
                    never_taken -= 1;
                } else if let Some(came_ms) = back.pop_front() {
                    waits.push((came_ms, entry.at_ms - came_ms));
                }
            }
        }
        waits
    }
}

/// How many tickets were free, from each moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course(Vec<(i64, i64)>);

impl Course {
    /// At a moment.
    pub fn free_at(&self, at_ms: i64) -> i64 {
        let after = self.0.partition_point(|(from_ms, _)| *from_ms <= at_ms);
        self.0.get(after.saturating_sub(1)).map_or(0, |(_, free)| *free)
    }

    /// The fewest between two moments.
    fn least(&self, from_ms: i64, to_ms: i64) -> i64 {
        let end = self.0.partition_point(|(at_ms, _)| *at_ms <= to_ms);
        let start = self.0.partition_point(|(at_ms, _)| *at_ms <= from_ms).saturating_sub(1);
        let between = self.0.get(start..end).unwrap_or_default();
        between.iter().map(|(_, free)| *free).min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books(entries: &[(i64, i64)], denied: &[(i64, i64)]) -> Books {
        Books {
            entries: entries
                .iter()
                .map(|(at_ms, change)| Entry { at_ms: *at_ms, change: *change })
                .collect(),
            denied: denied
                .iter()
                .map(|(at_ms, wanted)| Denied { at_ms: *at_ms, wanted: *wanted })
                .collect(),
            ..Books::default()
        }
    }

    #[test]
    fn who_is_told_that_none_is_left_while_some_are_was_told_wrong() {
        let sold = books(&[(0, -4), (1000, -4)], &[(1500, 1), (60_000, 1)]);
        assert_eq!(sold.wrongly_denied(8), 0);
        assert_eq!(sold.wrongly_denied(9), 2, "one was free all the time");
        let fewer = books(&[(0, -4), (1000, -2)], &[(60_000, 3)]);
        assert_eq!(fewer.wrongly_denied(8), 0, "two were left, three were wanted");
        assert_eq!(books(&[], &[(60_000, 1)]).wrongly_denied(1), 1);
    }

    #[test]
    fn what_just_came_back_need_not_be_on_sale_yet() {
        let returned = books(&[(0, -2), (10_000, 2)], &[(12_000, 1), (40_000, 1)]);
        assert_eq!(returned.wrongly_denied(2), 1);
    }

    #[test]
    fn a_returned_ticket_waits_for_its_next_fan_from_when_none_was_free() {
        let sold = [(0, -3), (100, 1), (200, -2), (5_000, 2), (6_000, -1), (9_000, -1)];
        let waits = books(&sold, &[]).waits_for_next_fan_ms(4);
        assert_eq!(waits, [(5_000, 1_000), (5_000, 4_000)]);
        assert!(books(&sold[..4], &[]).waits_for_next_fan_ms(4).is_empty());
    }

    #[test]
    fn tickets_count_as_taken_from_when_they_were_asked_for_unless_they_were_refused() {
        let mut books = books(&[(0, -2)], &[(5_000, 1)]);
        let asked = books.asks_for(1_000, 1);
        assert_eq!(books.wrongly_denied(3), 0, "it is not known yet");
        books.taken(asked, Taken::Nothing);
        assert_eq!(books.wrongly_denied(3), 1);
        let asked = books.asks_for(2_000, 1);
        books.taken(asked, Taken::Until(14_000));
        assert_eq!(books.wrongly_denied(3), 0);
    }

    #[test]
    fn what_was_asked_for_and_never_answered_comes_back_when_its_time_is_over() {
        let mut books = books(&[], &[]);
        let asked = books.asks_for(0, 1);
        books.taken(asked, Taken::Until(12_000));
        let lost = books.asks_for(1_000, 2);
        books.taken(lost, Taken::Unknown);
        let course = books.course(3);
        assert_eq!([500, 1_000, 12_999, 13_000].map(|at_ms| course.free_at(at_ms)), [2, 0, 0, 2]);
    }

    #[test]
    fn a_redis_that_was_away_excuses_a_denial_for_a_moment_only() {
        let denied = |at_ms| {
            let mut books = books(&[], &[(at_ms, 1)]);
            for away_ms in [20_000, 20_001, 21_000] {
                books.away(away_ms);
            }
            books.wrongly_denied(1)
        };
        assert_eq!([19_000, 20_500, 30_000, 32_000].map(denied), [1, 0, 0, 1]);
    }
}
