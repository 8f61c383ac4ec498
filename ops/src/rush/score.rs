//! How true it was what fans were told while they waited. Pure.

use serde::Serialize;

use super::head::{self, History, Told};

/// The moments of a wait at which it is compared with what was told then.
const MOMENTS: [f64; 3] = [0.1, 0.5, 0.9];
/// Shorter waits are told as "less than a minute" and say nothing about ranges.
const WAIT_MS_MIN: i64 = 10_000;
/// Head documents are a second old at most when a fan reads them, and tell whole seconds.
const SLACK_SECS: f64 = 1.5;

/// A place's wait, as the line and the heads have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    pub lane: i32,
    pub offset: i64,
    pub joined_ms: i64,
    /// `None` for one who was never let in.
    pub turn_ms: Option<i64>,
}

/// A fan whose own place was looked at, by the call that fans use, and what it told.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    pub lane: i32,
    pub offset: i64,
    /// (when, what), oldest first.
    pub told: Vec<(i64, Told)>,
}

/// How waits lay in the ranges that were told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct WaitScore {
    /// Waits that were long enough to be scored.
    pub scored: usize,
    /// The share of them that lay in the range told at 10, 50 and 90 % of the wait; null where none
    /// was told.
    pub within_at_10: Option<f64>,
    pub within_at_50: Option<f64>,
    pub within_at_90: Option<f64>,
    /// Of all three together.
    pub within: Option<f64>,
    /// Half the ranges' width, as a share of their middle, on average.
    pub half_width: Option<f64>,
    /// How often nothing was told.
    pub untold: usize,
}

/// How well the chances that were told fit what came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ChanceScore {
    pub told: usize,
    /// The mean square of what was told less what came (0 or 1): 0 is perfect, 0.25 a coin.
    pub brier: Option<f64>,
}

/// Told at a moment, beside what came of it.
struct Comparison {
    moment: usize,
    told: Told,
    left_secs: f64,
}

fn compare<'a>(
    waits: impl Iterator<Item = &'a Wait>,
    mut told_at: impl FnMut(&Wait, i64) -> Option<Told>,
) -> (usize, Vec<Comparison>) {
    let (mut scored, mut found) = (0, Vec::new());
    for wait in waits {
        let Some(turn_ms) = wait.turn_ms else { continue };
        let lasted_ms = turn_ms - wait.joined_ms;
        if lasted_ms < WAIT_MS_MIN {
            continue;
        }
        scored += 1;
        for (moment, share) in MOMENTS.iter().enumerate() {
            let at_ms = wait.joined_ms + (lasted_ms as f64 * share) as i64;
            let Some(told) = told_at(wait, at_ms) else { continue };
            found.push(Comparison { moment, told, left_secs: (turn_ms - at_ms) as f64 / 1000.0 });
        }
    }
    (scored, found)
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn score(scored: usize, comparisons: &[Comparison]) -> WaitScore {
    let (mut within, mut told) = ([0; 3], [0; 3]);
    let (mut widths, mut untold) = (Vec::new(), 0);
    for comparison in comparisons {
        let Some((low, high)) = comparison.told.wait_secs else {
            untold += 1;
            continue;
        };
        let (low, high) = (low as f64, high as f64);
        told[comparison.moment] += 1;
        let lies_in =
            low - SLACK_SECS <= comparison.left_secs && comparison.left_secs <= high + SLACK_SECS;
        within[comparison.moment] += usize::from(lies_in);
        // A range of a few seconds has no width that anybody would mind.
        if comparison.left_secs * 1000.0 >= WAIT_MS_MIN as f64 && low + high > 0.0 {
            widths.push((high - low) / (high + low));
        }
    }
    let [at_10, at_50, at_90] = std::array::from_fn(|moment| share(within[moment], told[moment]));
    WaitScore {
        scored,
        within_at_10: at_10,
        within_at_50: at_50,
        within_at_90: at_90,
        within: share(within.iter().sum(), told.iter().sum()),
        half_width: (!widths.is_empty()).then(|| widths.iter().sum::<f64>() / widths.len() as f64),
        untold,
    }
}

/// All waits, by the head documents.
pub fn waits(history: &History, waits: &[Wait]) -> WaitScore {
    let (scored, found) = compare(waits.iter(), |wait, at_ms| {
        Some(head::told(history.at(at_ms)?, wait.lane, wait.offset))
    });
    score(scored, &found)
}

/// The waits of those whose places were looked at, by what they were told themselves.
pub fn watched(watched: &[Watched], waits: &[Wait]) -> WaitScore {
    let of =
        |wait: &Wait| watched.iter().find(|fan| (fan.lane, fan.offset) == (wait.lane, wait.offset));
    let seen = waits.iter().filter(|wait| of(wait).is_some());
    let (scored, found) = compare(seen, |wait, at_ms| {
        let fan = of(wait)?;
        let after = fan.told.partition_point(|(told_ms, _)| *told_ms <= at_ms);
        Some(fan.told.get(after.checked_sub(1)?)?.1)
    });
    score(scored, &found)
}

/// What became of the chances told by the head documents, by how many tickets were left at each
/// turn. Whoever was not let in when the sale was over (`over_ms`) had their moments until then.
pub fn chances(
    history: &History,
    waits: &[Wait],
    over_ms: i64,
    left_at: impl Fn(i64) -> i64,
) -> ChanceScore {
    let mut squares = Vec::new();
    for wait in waits.iter().filter(|wait| wait.joined_ms < over_ms) {
        let end_ms = wait.turn_ms.unwrap_or(over_ms);
        let had_ticket = wait.turn_ms.is_some_and(|turn_ms| left_at(turn_ms) > 0);
        let came = f64::from(u8::from(had_ticket));
        for moment in MOMENTS {
            let at_ms = wait.joined_ms + ((end_ms - wait.joined_ms) as f64 * moment) as i64;
            let told = history.at(at_ms).map(|head| head::told(head, wait.lane, wait.offset));
            if let Some(chance) = told.and_then(|told| told.chance) {
                squares.push((chance - came).powi(2));
            }
        }
    }
    let brier = (!squares.is_empty()).then(|| squares.iter().sum::<f64>() / squares.len() as f64);
    ChanceScore { told: squares.len(), brier }
}

#[cfg(test)]
mod tests {
    use waitroom::contract::{Odds, Sale, TypeOdds};

    use super::*;
    use crate::rush::head::tests::{head, stock};

    /// A lane that moves by 2 a second and says that it moves at some pace.
    fn history(secs: i64, told_per_sec: f64) -> History {
        let mut history = History::default();
        for second in 0..secs {
            history.note(second * 1000, head(second * 2, told_per_sec, None));
        }
        history
    }

    fn wait(offset: i64) -> Wait {
        Wait { lane: 0, offset, joined_ms: 0, turn_ms: Some(offset * 500) }
    }

    #[test]
    fn a_line_that_keeps_its_word_is_within_and_one_that_promises_too_much_is_not() {
        let all: Vec<Wait> = (0..200).map(wait).collect();
        let kept = waits(&history(101, 2.0), &all);
        assert_eq!((kept.scored, kept.within), (180, Some(1.0)), "{kept:?}");
        assert!(kept.half_width.is_some_and(|width| (0.05..0.4).contains(&width)), "{kept:?}");
        let broken = waits(&history(101, 20.0), &all);
        assert!(broken.within.is_some_and(|share| share < 0.2), "{broken:?}");
        assert!(broken.within_at_90 >= broken.within_at_10, "near the turn little is left to err");
    }

    #[test]
    fn where_nothing_is_told_nothing_is_scored() {
        let silent = waits(&history(101, 0.0), &[wait(100)]);
        assert_eq!((silent.scored, silent.within, silent.untold), (1, None, 3));
        assert_eq!(waits(&History::default(), &[wait(100)]).within, None);
    }

    #[test]
    fn who_looked_at_their_own_place_is_compared_with_what_they_were_told() {
        let told = |wait_secs| Told { ahead: 1, wait_secs: Some(wait_secs), chance: None };
        let fan = |first| Watched {
            lane: 0,
            offset: 100,
            told: vec![(0, told(first)), (24_000, told((20, 30))), (44_000, told((3, 8)))],
        };
        assert_eq!(watched(&[fan((40, 60))], &[wait(100), wait(50)]).within, Some(1.0));
        let wrong = watched(&[fan((5, 10))], &[wait(100)]);
        assert_eq!((wrong.within_at_10, wrong.within_at_50), (Some(0.0), Some(1.0)));
    }

    /// Everybody is told the same: so many tickets are left for those ahead, who take one each.
    fn history_of_chances(tickets: f64, sold_after: usize) -> History {
        let mut history = History::default();
        for second in 0..100 {
            let odds = Odds { tickets, inside: 0.0, mean: 1.0, variance: 0.0 };
            let sold_out = second >= sold_after;
            let sale = stock(if sold_out { 0 } else { 10 }, 0).map(|sale| Sale {
                types: vec![TypeOdds {
                    ticket_type: uuid::Uuid::nil(),
                    name: String::new(),
                    state: sale.state,
                    tickets_left: 1,
                    odds,
                }],
                ..sale
            });
            history.note(second as i64 * 1000, head(0, 2.0, sale));
        }
        history
    }

    #[test]
    fn a_chance_is_scored_by_whether_tickets_were_left_at_the_turn() {
        let soon = Wait { turn_ms: Some(40_000), ..wait(10) };
        let after_the_last = Wait { turn_ms: Some(90_000), ..wait(10) };
        let never = Wait { turn_ms: None, ..wait(10) };
        // What is left follows from the books; the line is told something else.
        let left_at = |at_ms| if at_ms < 50_000 { 10 } else { 0 };
        let brier = |tickets, wait| {
            let score = chances(&history_of_chances(tickets, 100), &[wait], 99_000, left_at);
            assert_eq!(score.told, 3);
            score.brier.expect("a score")
        };
        assert!(brier(1000.0, soon) < 0.01 && brier(0.0, soon) > 0.9);
        for nothing in [after_the_last, never] {
            assert!(brier(1000.0, nothing) > 0.9 && brier(0.0, nothing) < 0.01);
        }
        assert_eq!(chances(&history(100, 2.0), &[soon], 99_000, left_at).brier, None);
    }
}
