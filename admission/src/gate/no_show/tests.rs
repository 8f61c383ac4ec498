//! A line, its no-shows, and a checkout with so many places, simulated.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const TICK_MS: i64 = 50;

/// A fan who was let in.
#[derive(Clone, Copy)]
struct Granted {
    at_ms: i64,
    comes_at_ms: Option<i64>,
}

/// What the gate's script does, with fans whose ways are drawn by lot.
struct Hall {
    now_ms: i64,
    lot: u64,
    no_shows: f64,
    lasts_ms: i64,
    cap: i64,
    rate_per_sec: f64,
    session_ms: f64,
    /// How often all look whether it is their turn; at any moment where `None`.
    looks_every_ms: Option<i64>,
    shows: Shows,
    turnover: Turnover,
    counts: GrantCounts,
    granted: VecDeque<Granted>,
    at_door: i64,
    opened: i64,
    /// When each session ends.
    inside: Vec<i64>,
    most_inside: usize,
    waited_at_door_ms: i64,
}

impl Hall {
    fn new(no_shows: f64, window_secs: i64) -> Self {
        Self {
            now_ms: 0,
            lot: 7,
            no_shows,
            lasts_ms: (window_secs + 65) * 1000,
            cap: 1000,
            rate_per_sec: 400.0,
            session_ms: 15_000.0,
            looks_every_ms: None,
            shows: Shows::default(),
            turnover: Turnover::default(),
            counts: GrantCounts::default(),
            granted: VecDeque::new(),
            at_door: 0,
            opened: 0,
            inside: Vec::new(),
            most_inside: 0,
            waited_at_door_ms: 0,
        }
    }

    /// From 0 to 1.
    fn draw(&mut self) -> f64 {
        self.lot = self.lot.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.lot >> 33) as f64 / (1u64 << 31) as f64
    }

    fn after_ms(&mut self, mean_ms: f64) -> i64 {
        (-(1.0 - self.draw()).ln() * mean_ms) as i64
    }

    fn age(&self, granted: &Granted) -> usize {
        let old_ms = self.now_ms - granted.at_ms;
        AGE_ENDS_MS.iter().take_while(|end_ms| old_ms >= **end_ms).count()
    }

    fn tick(&mut self) {
        self.now_ms += TICK_MS;
        let now_ms = self.now_ms;
        self.inside.retain(|ends_ms| *ends_ms > now_ms);
        self.come();
        let ages: Vec<usize> = self.granted.iter().map(|granted| self.age(granted)).collect();
        self.counts.unclaimed = [0; AGES];
        for age in ages {
            self.counts.unclaimed[age] += 1;
        }
        self.shows.observe(&self.counts, now_ms, false);
        self.turnover.observe(self.opened, self.inside.len() as i64, now_ms, false);
        self.grant();
        self.most_inside = self.most_inside.max(self.inside.len());
    }

    /// Those whose moment it is come, and find a place or wait at the door.
    fn come(&mut self) {
        let now_ms = self.now_ms;
        for granted in std::mem::take(&mut self.granted) {
            if granted.comes_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                self.counts.came[self.age(&granted)] += 1;
                self.at_door += 1;
            } else if now_ms - granted.at_ms < self.lasts_ms {
                self.granted.push_back(granted);
            }
        }
        while self.at_door > 0 && (self.inside.len() as i64) < self.cap {
            let ends_ms = now_ms + self.after_ms(self.session_ms);
            self.inside.push(ends_ms);
            self.opened += 1;
            self.at_door -= 1;
        }
        self.waited_at_door_ms += self.at_door * TICK_MS;
    }

    fn grant(&mut self) {
        let (chances, turnover) = (self.shows.chances(), self.turnover.share());
        let leavers = self.turnover.leavers(self.shows.takes_ms());
        let (mut expected, mut variance) = (0.0, 0.0);
        for (chance, unclaimed) in chances.iter().zip(self.counts.unclaimed) {
            expected += unclaimed as f64 * chance;
            variance += unclaimed as f64 * chance * (1.0 - chance);
        }
        for _ in 0..(self.rate_per_sec * TICK_MS as f64 / 1000.0) as usize {
            let replaces = f64::min(turnover * expected, leavers);
            let coming = expected - replaces + 1.25 * f64::sqrt(variance + replaces);
            let is_full = self.inside.len() as f64 + coming >= self.cap as f64;
            // Who waits at the door comes first: it is shut meanwhile.
            if self.at_door > 0 || is_full || self.granted.len() as i64 >= 100 * self.cap {
                return;
            }
            let comes_at_ms = (self.draw() >= self.no_shows).then(|| self.comes_at_ms());
            self.granted.push_back(Granted { at_ms: self.now_ms, comes_at_ms });
            self.counts.unclaimed[0] += 1;
            expected += chances[0];
            variance += chances[0] * (1.0 - chances[0]);
        }
    }

    fn comes_at_ms(&mut self) -> i64 {
        match self.looks_every_ms {
            None => self.now_ms + 300 + self.after_ms(3_000.0),
            Some(every_ms) => {
                let heard_ms = (self.now_ms / every_ms + 1) * every_ms;
                heard_ms + 100 + (self.draw() * 1_000.0) as i64
            }
        }
    }

    fn run(&mut self, secs: i64) -> f64 {
        let before = self.opened;
        for _ in 0..secs * 1000 / TICK_MS {
            self.tick();
        }
        (self.opened - before) as f64 / secs as f64
    }
}

#[test]
fn with_and_without_no_shows_as_many_come_as_checkout_can_take() {
    for window_secs in [20, 120] {
        for no_shows in [0.0, 0.3, 0.9] {
            let mut hall = Hall::new(no_shows, window_secs);
            hall.run(60);
            let per_sec = hall.run(120);
            // So many places, each taken for so long; and no more than come of those let in.
            let best = (hall.cap as f64 / (hall.session_ms / 1000.0))
                .min(hall.rate_per_sec * (1.0 - no_shows));
            let told = format!("{per_sec:.1} of {best:.1} a second, {no_shows}, {window_secs} s");
            assert!(per_sec >= 0.95 * best, "{told}");
            assert!(hall.most_inside as i64 <= hall.cap, "{told}");
            let waited_ms = hall.waited_at_door_ms as f64 / hall.opened as f64;
            assert!(waited_ms < 100.0, "{told}: {waited_ms:.0} ms at the door on average");
        }
    }
}

/// The cap of a small sale, with sessions that all last about as long, and fans who hear of their
/// turn all together: those who came at once leave at once.
#[test]
fn a_small_checkout_that_fills_in_waves_stays_nearly_full() {
    for no_shows in [0.0, 0.3] {
        let mut hall = Hall::new(no_shows, 20);
        (hall.cap, hall.session_ms, hall.looks_every_ms) = (200, 6_000.0, Some(1_000));
        hall.rate_per_sec = 66.0 / (1.0 - no_shows);
        hall.run(30);
        let per_sec = hall.run(120);
        let best = hall.cap as f64 / (hall.session_ms / 1000.0);
        let waited_ms = hall.waited_at_door_ms as f64 / hall.opened as f64;
        let told = format!("{per_sec:.1} of {best:.1}, {no_shows}, {waited_ms:.0} ms at the door");
        assert!(per_sec >= 0.85 * best, "{told}");
        assert!(waited_ms < 100.0, "{told}");
    }
}

#[test]
fn the_share_of_those_who_come_is_known_within_seconds() {
    for no_shows in [0.0, 0.3, 0.9] {
        let mut hall = Hall::new(no_shows, 120);
        hall.cap = 100_000;
        hall.run(10);
        let (share, true_share) = (hall.shows.show_share(), 1.0 - no_shows);
        assert!((share - true_share).abs() < 0.2, "{share:.2} of {true_share} after 10 s");
        hall.run(20);
        let share = hall.shows.show_share();
        assert!((share - true_share).abs() < 0.08, "{share:.2} of {true_share} after 30 s");
    }
}

#[test]
fn before_anything_was_seen_most_are_expected_and_the_older_the_fewer() {
    let chances = Shows::default().chances();
    assert!(chances[0] > 0.8 && chances[AGES - 1] < 0.1, "{chances:?}");
    assert!(chances.is_sorted_by(|younger, older| younger > older), "{chances:?}");
}

#[test]
fn no_ticket_that_is_free_waits_for_those_who_stayed_away() {
    let mut hall = Hall::new(0.1, 120);
    hall.cap = 100_000;
    hall.rate_per_sec = 200.0;
    hall.run(15);
    hall.rate_per_sec = 0.0;
    hall.run(40);
    let soon = |hall: &Hall| -> f64 {
        let soon = hall.shows.soon();
        hall.counts.unclaimed.iter().zip(soon).map(|(count, soon)| *count as f64 * soon).sum()
    };
    assert!(hall.granted.len() > 200, "{}", hall.granted.len());
    assert!(soon(&hall) < 1.0, "{} of {} may come soon", soon(&hall), hall.granted.len());
    let shows = Shows::default();
    assert!(shows.soon()[0] > 0.6, "{:?}", shows.soon());
    assert!(shows.soon().iter().zip(shows.chances()).all(|(soon, ever)| *soon <= ever + 1e-9));
}

#[test]
fn one_who_leaves_is_no_turnover() {
    let mut turnover = Turnover::default();
    turnover.observe(10, 10, 0, true);
    turnover.observe(11, 10, 1_000, false);
    assert!(turnover.share() < 0.1, "{}", turnover.share());
    for second in 2..30 {
        turnover.observe(10 + 70 * second, 10, second * 1_000, false);
    }
    assert!(turnover.share() > 0.8, "{}", turnover.share());
}

#[test]
fn a_gate_that_began_again_takes_nothing_back() {
    let mut shows = Shows::default();
    let counts = |came| GrantCounts { came: [came; AGES], unclaimed: [9; AGES] };
    shows.observe(&counts(100), 0, true);
    shows.observe(&counts(250), 50, false);
    let before = shows.chances();
    shows.observe(&counts(0), 100, true);
    assert_eq!(shows.chances(), before);
}

proptest! {
    #[test]
    fn chances_are_chances_whatever_is_counted(
        steps in prop::collection::vec((prop::array::uniform8(0i64..99), 0i64..9_000), 1..9),
    ) {
        let (mut shows, mut counts, mut now_ms) = (Shows::default(), GrantCounts::default(), 0);
        for (numbers, later_ms) in steps {
            counts.unclaimed = numbers;
            counts.came = std::array::from_fn(|age| counts.came[age] + numbers[age] % 7);
            now_ms += later_ms;
            shows.observe(&counts, now_ms, false);
            prop_assert!(shows.chances().iter().all(|chance| (0.0..=1.0).contains(chance)));
            prop_assert!(shows.chances().is_sorted_by(|younger, older| younger >= older));
        }
    }
}
