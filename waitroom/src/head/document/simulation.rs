//! Sales acted out: what fans are told at a tenth, a half and nine tenths of their wait, and what
//! it was.

use std::collections::VecDeque;

use admission::contract::{HeadsMoved, HoldBack, LaneHead, PaceReport};
use chrono::{DateTime, TimeDelta, Utc};

use super::*;

const STEP_MS: i64 = 250;

/// How a sale goes.
#[derive(Clone, Copy)]
struct Terms {
    fans: i64,
    rate_per_sec: f64,
    max_active: i64,
    claim_window_secs: f64,
    show_share: f64,
    /// How long fans stay in checkout, from and to.
    stay_secs: (f64, f64),
    /// What the pace does at a time, as checkout can take it.
    pace: fn(f64) -> f64,
    /// It grows by itself until then.
    grows_secs: f64,
}

const CALM: Terms = Terms {
    fans: 5_000,
    rate_per_sec: 80.0,
    max_active: 5_000,
    claim_window_secs: 60.0,
    show_share: 1.0,
    stay_secs: (10.0, 30.0),
    pace: |_| f64::MAX,
    grows_secs: 0.0,
};

/// Numbers between 0 and 1, the same at each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A sale under way: when those let in come, and when they or their grants go.
struct Sale {
    terms: Terms,
    chance: Chance,
    tokens: f64,
    head: i64,
    coming: VecDeque<f64>,
    /// Each slot that is taken, until then.
    going: Vec<f64>,
    missing: VecDeque<f64>,
}

impl Sale {
    fn unclaimed(&self) -> i64 {
        (self.coming.len() + self.missing.len()) as i64
    }

    fn active(&self) -> i64 {
        self.going.len() as i64
    }

    fn pace(&self, secs: f64) -> f64 {
        (self.terms.pace)(secs).min(self.terms.rate_per_sec)
    }

    fn step(&mut self, secs: f64) {
        let terms = self.terms;
        self.going.retain(|until| *until > secs);
        while self.missing.front().is_some_and(|until| *until <= secs) {
            self.missing.pop_front();
        }
        while self.coming.front().is_some_and(|at| *at <= secs) {
            self.coming.pop_front();
            let (from, to) = terms.stay_secs;
            self.going.push(secs + from + (to - from) * self.chance.next());
        }
        self.tokens = (self.tokens + self.pace(secs) * STEP_MS as f64 / 1000.0)
            .min((self.pace(secs) / 2.0).max(1.0));
        while self.tokens >= 1.0 && self.head < terms.fans && !self.is_full() {
            self.tokens -= 1.0;
            self.head += 1;
            if self.chance.next() < terms.show_share {
                self.coming.push_back(secs + 2.0);
            } else {
                self.missing.push_back(secs + terms.claim_window_secs);
            }
        }
    }

    fn is_full(&self) -> bool {
        let expected = self.unclaimed() as f64 * self.terms.show_share;
        self.active() as f64 + expected >= self.terms.max_active as f64
    }

    fn report(&self, secs: f64) -> PaceReport {
        let mut held_by = Vec::new();
        if self.is_full() {
            held_by.push(HoldBack::PassesUnclaimed { unclaimed: self.unclaimed() });
        } else if secs < self.terms.grows_secs {
            held_by.push(HoldBack::Starting);
        } else if self.pace(secs) < self.terms.rate_per_sec {
            held_by.push(HoldBack::OrdersSlow { order_ms: 1_100 });
        }
        PaceReport {
            per_sec: self.pace(secs),
            growth: if secs < self.terms.grows_secs { 0.3 } else { 0.0 },
            stands: false,
            held_by,
            active: self.active(),
            unclaimed: self.unclaimed(),
            left_total: 0,
            show_share: self.terms.show_share,
        }
    }
}

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_000_000_000 + ms).expect("a time")
}

/// What was told, of all that was asked.
#[derive(Debug, Default)]
struct Score {
    asked: usize,
    /// A range was told.
    told: usize,
    held: usize,
    /// The range was within 30 % around its middle, and two seconds.
    narrow: usize,
}

impl Score {
    fn note(&mut self, told: Option<(u64, u64)>, left_secs: f64) {
        self.asked += 1;
        let Some((low, high)) = told else { return };
        self.told += 1;
        let (low, high) = (low as f64, high as f64);
        self.held += usize::from(low <= left_secs && left_secs <= high);
        let middle = f64::midpoint(low, high);
        self.narrow += usize::from((high - low) / 2.0 <= middle * 0.3 + 2.0);
    }
}

/// Acts a sale out and scores what each twentieth fan was told.
fn score(terms: Terms) -> Score {
    let mut sale = Sale {
        terms,
        chance: Chance(42),
        tokens: 0.0,
        head: 0,
        coming: VecDeque::new(),
        going: Vec::new(),
        missing: VecDeque::new(),
    };
    let info = Info {
        rate_per_sec: terms.rate_per_sec,
        max_active: terms.max_active as i32,
        ..super::tests::info(Phase::Open)
    };
    let mut log = HeadLog::with_lanes(1);
    // Heads and curves, by the second.
    let (mut seen, mut ms) = (Vec::new(), 0);
    while sale.head < terms.fans {
        let (secs, from) = (ms as f64 / 1000.0, sale.head);
        sale.step(secs);
        let is_tick = ms % 1000 == 0;
        log.apply(&HeadsMoved {
            room: "r".parse().expect("a name"),
            at: at(ms),
            claim_until: at(ms) + TimeDelta::seconds(terms.claim_window_secs as i64),
            rate_per_sec: terms.rate_per_sec,
            heads: vec![LaneHead { lane: 0, head: sale.head, tail: terms.fans }],
            from: vec![from],
            drawn: false,
            door_ms: Some(ms),
            door_open: true,
            pace: is_tick.then(|| sale.report(secs)),
            stock: None,
        });
        if is_tick {
            let room = "r".parse().expect("a name");
            seen.push((sale.head, document(&room, &info, &log, 0, at(ms)).head.wait));
        }
        ms += STEP_MS;
    }
    let mut score = Score::default();
    for offset in (0..terms.fans).step_by(20) {
        let wait = seen.iter().position(|(head, _)| *head > offset).unwrap_or(seen.len());
        for share in [0.1, 0.5, 0.9] {
            let asked = (wait as f64 * share) as usize;
            let Some((head, curve)) = seen.get(asked) else { continue };
            let range = curve.range(offset - head);
            let told = range.map(|range| (range.low_secs, range.high_secs));
            score.note(told, (wait - asked) as f64);
        }
    }
    score
}

fn holds(name: &str, terms: Terms, told_share: f64) {
    let score = score(terms);
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    assert!(share(score.told, score.asked) >= told_share, "{name} tells too few: {score:?}");
    assert!(share(score.held, score.told) >= 0.9, "{name} does not hold: {score:?}");
    assert!(share(score.narrow, score.told) >= 0.9, "{name} says little: {score:?}");
}

#[test]
fn a_line_at_the_operators_rate() {
    holds("calm", CALM, 0.95);
}

#[test]
fn a_pace_that_checkout_slows_and_lets_go() {
    let pace = |secs: f64| 60.0 + 40.0 * ((secs / 15.0).fract());
    holds("sawtooth", Terms { rate_per_sec: 400.0, pace, ..CALM }, 0.9);
    let pace = |secs: f64| if secs < 60.0 { 100.0 } else { 70.0 };
    holds("slower", Terms { fans: 10_000, rate_per_sec: 100.0, pace, ..CALM }, 0.8);
}

/// In the beginning ranges are wide, and most lie in them all the same.
#[test]
fn a_pace_that_grows_until_checkout_says_that_it_is_too_much() {
    type Pace = fn(f64) -> f64;
    // Where nothing was too much after all, those who asked in the first seconds heard of too long
    // a wait.
    let paces: [(f64, Pace, f64); 3] = [
        (4.0, |secs| if secs < 4.0 { 50.0 * 1.3_f64.powf(secs) } else { 75.0 }, 0.9),
        (6.0, |secs| if secs < 6.0 { 50.0 * 1.3_f64.powf(secs) } else { 120.0 }, 0.9),
        (8.0, |secs| 50.0 * 1.3_f64.powf(secs.min(8.0)), 0.7),
    ];
    for (grows_secs, pace, held) in paces {
        let growing = Terms { rate_per_sec: 400.0, pace, grows_secs, ..CALM };
        let score = score(growing);
        let share = |count: usize| count as f64 / score.told.max(1) as f64;
        assert!(share(score.held) >= held && share(score.narrow) >= 0.6, "{score:?}");
    }
}

#[test]
fn a_room_that_fills_and_goes_on_as_slots_become_free() {
    let full = Terms {
        fans: 20_000,
        rate_per_sec: 400.0,
        max_active: 2_000,
        stay_secs: (20.0, 60.0),
        ..CALM
    };
    // Before any of the first came out again, those further back hear that it is too early.
    holds("full", full, 0.6);
}

#[test]
fn nine_of_ten_do_not_come() {
    let absent = Terms {
        fans: 20_000,
        rate_per_sec: 200.0,
        max_active: 300,
        show_share: 0.1,
        claim_window_secs: 20.0,
        ..CALM
    };
    holds("no-shows", absent, 0.5);
}
