//! The pace against a checkout that is simulated: so many fans a second, a queue before it, and
//! words about it that come late.

use std::collections::VecDeque;

use super::*;

const TICK_SECS: f64 = 0.1;

struct Plant {
    capacity: f64,
    queue: f64,
    /// Words are so old when they are heard.
    delay_secs: f64,
    /// The queue is let go where it takes longer.
    latency_at_most: Option<f64>,
    /// Fans order so long after they were let in.
    think_secs: f64,
    /// Whether it is told what checkout serves.
    tells_served: bool,
    /// What was let in and did not order yet, and what was served, tick by tick.
    thinking: VecDeque<f64>,
    served: VecDeque<(f64, f64)>,
    words: VecDeque<(f64, f64)>,
    now_secs: f64,
    state: Option<PaceState>,
    asked: Asked,
    /// Pace and latency, tick by tick.
    paces: Vec<f64>,
    latencies: Vec<f64>,
}

impl Plant {
    fn new(rate_per_sec: f64, capacity: f64) -> Self {
        Self {
            capacity,
            queue: 0.0,
            delay_secs: 0.5,
            latency_at_most: None,
            think_secs: 0.0,
            tells_served: false,
            thinking: VecDeque::new(),
            served: VecDeque::new(),
            words: VecDeque::new(),
            now_secs: 0.0,
            state: None,
            asked: Asked { rate_per_sec, pacing: Pacing::default() },
            paces: Vec::new(),
            latencies: Vec::new(),
        }
    }

    fn delay(mut self, secs: f64) -> Self {
        self.delay_secs = secs;
        self
    }

    /// What one order in a hundred took over two seconds, as it was `delay_secs` ago.
    fn heard(&self) -> f64 {
        let until = self.now_secs - self.delay_secs;
        let within = |at: &f64| *at <= until && *at > until - 2.0;
        self.words.iter().filter(|(at, _)| within(at)).map(|word| word.1).fold(0.0, f64::max)
    }

    /// The most that was served a second over a second, of the last four.
    fn serves(&self) -> Option<Serves> {
        let until = self.now_secs - self.delay_secs;
        let second = |from: f64| {
            let within = |(at, _): &&(f64, f64)| *at > from && *at <= from + 1.0;
            self.served.iter().filter(within).map(|served| served.1).sum::<f64>()
        };
        let most = (1..=4).map(|ago| second(until - f64::from(ago))).fold(0.0, f64::max);
        let too_many =
            self.thinking.iter().sum::<f64>() + self.queue - most * (self.think_secs + 0.3);
        (self.tells_served && most > 0.0).then_some(Serves { per_sec: most, too_many })
    }

    /// How many came to order in the last two seconds, as heard.
    fn ordering(&self) -> f64 {
        let until = self.now_secs - self.delay_secs - self.think_secs;
        let tick = |secs: f64| ((secs / TICK_SECS) as usize).min(self.paces.len());
        let came = &self.paces[tick(until - 2.0)..tick(until)];
        came.iter().sum::<f64>() * TICK_SECS / 2.0
    }

    fn run(&mut self, secs: f64) -> &mut Self {
        for _ in 0..(secs / TICK_SECS) as usize {
            self.now_secs += TICK_SECS;
            let now_ms = (self.now_secs * 1000.0).round() as i64;
            if self.state.as_ref().is_none_or(|state| state.is_due(&self.asked, now_ms)) {
                let share = self.heard();
                let reasons = if share > 1.0 {
                    vec![HoldBack::OrdersSlow { order_ms: (share * 1000.0) as i64 }]
                } else {
                    Vec::new()
                };
                let worst = Some(HoldBack::OrdersSlow { order_ms: (share * 1000.0) as i64 });
                let ordering_per_sec = self.tells_served.then(|| self.ordering());
                let serves = self.serves();
                let pressure = Pressure { share, reasons, worst, serves, ordering_per_sec };
                self.state = Some(step(self.state.as_ref(), &self.asked, &pressure, true, now_ms));
            }
            let pace = self.state.as_ref().map_or(0.0, |state| state.per_sec);
            self.thinking.push_back(pace * TICK_SECS);
            let thinks = (self.think_secs / TICK_SECS) as usize;
            let orders =
                if self.thinking.len() > thinks { self.thinking.pop_front() } else { None };
            self.queue += orders.unwrap_or(0.0);
            let served = self.queue.min(self.capacity * TICK_SECS);
            self.queue -= served;
            self.served.push_back((self.now_secs, served));
            while self.served.front().is_some_and(|(at, _)| *at < self.now_secs - 20.0) {
                self.served.pop_front();
            }
            if let Some(secs) = self.latency_at_most {
                self.queue = self.queue.min((secs - 0.1) * self.capacity);
            }
            let latency = 0.1 + self.queue / self.capacity.max(1.0);
            self.words.push_back((self.now_secs, latency));
            while self.words.front().is_some_and(|(at, _)| *at < self.now_secs - 20.0) {
                self.words.pop_front();
            }
            self.paces.push(pace);
            self.latencies.push(latency);
        }
        self
    }

    fn pace(&self) -> f64 {
        self.paces[self.paces.len() - 1]
    }

    /// Mean, lowest and highest pace of the last so many seconds.
    fn last(&self, secs: f64) -> (f64, f64, f64) {
        let from = self.paces.len() - (secs / TICK_SECS) as usize;
        let paces = &self.paces[from..];
        let mean = paces.iter().sum::<f64>() / paces.len() as f64;
        let lowest = paces.iter().copied().fold(f64::MAX, f64::min);
        (mean, lowest, paces.iter().copied().fold(0.0, f64::max))
    }

    fn slowest(&self, secs: f64) -> f64 {
        let from = self.latencies.len() - (secs / TICK_SECS) as usize;
        self.latencies[from..].iter().copied().fold(0.0, f64::max)
    }
}

/// Within 10 % on average, and always within so much.
#[track_caller]
fn assert_settled(plant: &Plant, secs: f64, best: f64, always: f64) {
    let (mean, lowest, highest) = plant.last(secs);
    let told = format!("mean {mean:.1}, {lowest:.1} to {highest:.1} of {best}");
    assert!((mean / best - 1.0).abs() <= 0.10, "{told}");
    assert!(lowest >= (1.0 - always) * best && highest <= (1.0 + always) * best, "{told}");
}

#[test]
fn at_a_rate_that_checkout_can_take_the_pace_is_the_rate() {
    for rate in [0.5, 20.0, 50.0, 400.0] {
        let mut plant = Plant::new(rate, 500.0);
        plant.run(15.0);
        assert!((plant.pace() - rate).abs() < 1e-9, "{} of {rate}", plant.pace());
        assert!(plant.state.as_ref().expect("a state").reasons.is_empty());
    }
}

#[test]
fn it_settles_at_what_checkout_can_take() {
    for (rate, capacity) in [(400.0, 60.0), (400.0, 150.0), (400.0, 350.0), (2000.0, 300.0)] {
        let mut plant = Plant::new(rate, capacity);
        plant.run(240.0);
        assert_settled(&plant, 180.0, capacity, 0.15);
        assert!(plant.slowest(180.0) <= 2.0, "{capacity}: {:.1} s", plant.slowest(180.0));
    }
}

#[test]
fn it_settles_although_words_come_late() {
    for (delay, always) in [(2.0, 0.15), (5.0, 0.2)] {
        let mut plant = Plant::new(400.0, 150.0).delay(delay);
        plant.run(480.0);
        assert_settled(&plant, 240.0, 150.0, always);
    }
}

/// With ten seconds it swings, and takes a fifth less than it could.
#[test]
fn it_does_not_fall_apart_when_words_come_very_late() {
    let mut plant = Plant::new(400.0, 150.0).delay(10.0);
    plant.run(480.0);
    let (mean, _, highest) = plant.last(240.0);
    assert!((0.8..=1.1).contains(&(mean / 150.0)) && highest <= 1.3 * 150.0, "{mean} {highest}");
}

/// A machine that fans keep busy as well: all that comes late comes late by about as much, and no
/// queue grows that would say so ever louder.
#[test]
fn orders_that_are_a_little_too_slow_for_long_are_not_put_up_with() {
    let mut plant = Plant::new(800.0, 40.0);
    plant.latency_at_most = Some(1.4);
    plant.run(25.0);
    assert!(plant.pace() <= 1.05 * 40.0, "{:.0} a second", plant.pace());
    plant.run(100.0);
    assert!(plant.last(60.0).0 >= 0.85 * 40.0, "{:?}", plant.last(60.0));
    let over = plant.latencies[250..].iter().filter(|latency| **latency > 1.0).count();
    assert!(over < 250, "{over} of 1000 tenths of a second");
}

/// Fans look around before they order: twice what checkout takes is inside when that is heard.
#[test]
fn what_was_let_in_too_fast_is_served_and_the_pace_is_soon_what_checkout_serves() {
    let cases = [(3.0, 60.0, 0.35), (6.0, 60.0, 0.4), (6.0, 150.0, 0.4), (10.0, 100.0, 0.55)];
    for (think, capacity, always) in cases {
        let mut plant = Plant::new(400.0, capacity).delay(1.0);
        (plant.think_secs, plant.tells_served) = (think, true);
        plant.run(80.0);
        let (mean, lowest, highest) = plant.last(30.0);
        let told = format!("{think} s, {capacity}: mean {mean:.1}, {lowest:.1} to {highest:.1}");
        assert!((0.88..=1.05).contains(&(mean / capacity)), "{told}");
        let slowest = plant.slowest(80.0);
        assert!(slowest <= 2.0 + 0.45 * think, "{told}: {slowest:.1} s at its beginning");
        plant.run(240.0);
        assert_settled(&plant, 180.0, capacity, always);
        assert!(plant.slowest(180.0) <= 3.0, "{told}: {:.1} s", plant.slowest(180.0));
    }
}

#[test]
fn what_holds_it_back_is_named() {
    let mut plant = Plant::new(400.0, 150.0);
    plant.run(1.5);
    assert_eq!(plant.state.as_ref().expect("a state").reasons, [HoldBack::Starting]);
    let mut seen = Vec::new();
    for _ in 0..60 {
        plant.run(1.0);
        seen.extend(plant.state.as_ref().expect("a state").reasons.first().copied());
    }
    assert_eq!(seen.len(), 60, "there is always a reason");
    assert!(seen.iter().any(|reason| matches!(reason, HoldBack::OrdersSlow { .. })), "{seen:?}");
}

/// What a pace becomes where checkout is pressed as `share` says of each second.
fn after(state: Option<PaceState>, secs: i64, share: impl Fn(i64) -> f64) -> PaceState {
    let asked = Asked { rate_per_sec: 400.0, pacing: Pacing::default() };
    let mut state = state;
    let from_ms = state.as_ref().map_or(0, |state| state.stepped_at_ms);
    for second in 0..=secs {
        let pressure = Pressure { share: share(second), ..Pressure::default() };
        let now_ms = from_ms + second * 1000;
        state = Some(step(state.as_ref(), &asked, &pressure, true, now_ms));
    }
    state.expect("a state")
}

#[test]
fn a_checkout_that_is_never_fast_is_not_taken_for_one_that_is_pressed() {
    // It once took too long, and takes between half and all of its time whatever the pace.
    let pressed = after(None, 30, |second| if second == 20 { 1.1 } else { 0.3 });
    let noise = |second: i64| 0.8 + 0.18 * f64::from((second * 7 % 5) as i32 - 2) / 2.0;
    let later = after(Some(pressed), 600, noise);
    assert!(later.per_sec > 250.0, "{later:?}");
}

#[test]
fn a_blip_while_it_recovers_does_not_cost_what_was_proven() {
    let steady = after(None, 60, |_| 0.2);
    let outage = after(Some(steady), 12, |_| 4.0);
    let back = after(Some(outage), 6, |_| 0.2);
    let blip = after(Some(back), 6, |_| 3.0);
    let later = after(Some(blip), 25, |_| 0.2);
    assert!(later.per_sec > 0.85 * 400.0, "{later:?}");
}

#[test]
fn what_was_too_fast_while_others_pressed_checkout_is_left_behind_once_they_are_gone() {
    // Before anything was proven, all who join press it, too.
    let grown = after(None, 7, |_| 0.3);
    let pressed = after(Some(grown.clone()), 40, |_| 3.0);
    assert!(pressed.per_sec < 0.1 * grown.per_sec, "{pressed:?}");
    let later = after(Some(pressed), 30, |_| 0.05);
    assert!(later.per_sec > 0.4 * grown.per_sec, "{later:?}");
    let longer = after(Some(later), 60, |_| 0.05);
    assert!(longer.per_sec > grown.per_sec, "{longer:?}");
}

#[test]
fn a_pace_that_was_nothing_grows_again() {
    let asked = |rate_per_sec| Asked {
        rate_per_sec,
        pacing: Pacing { floor_per_sec: 0.0, ..Pacing::default() },
    };
    let calm = Pressure::default();
    let mut state = step(None, &asked(0.0), &calm, true, 0);
    assert_eq!(state.per_sec, 0.0);
    for second in 1..90 {
        state = step(Some(&state), &asked(100.0), &calm, true, second * 1000);
    }
    assert_eq!(state.per_sec, 100.0);
}

#[test]
fn a_spike_is_ridden_out() {
    let mut plant = Plant::new(300.0, 400.0);
    plant.run(30.0);
    plant.queue += 800.0;
    plant.run(20.0);
    assert!(plant.pace() >= 0.9 * 300.0, "{}", plant.pace());
}

#[test]
fn a_stall_is_ridden_out_and_a_slow_database_is_followed_and_left_behind() {
    let mut plant = Plant::new(300.0, 400.0);
    plant.run(30.0);
    plant.capacity = 40.0;
    plant.run(15.0);
    assert!(plant.pace() < 150.0, "slower: {}", plant.pace());
    plant.capacity = 400.0;
    plant.run(20.0);
    assert!(plant.pace() >= 0.85 * 300.0, "within 20 s: {}", plant.pace());
    plant.run(60.0);
    assert!(plant.pace() >= 0.94 * 300.0, "{}", plant.pace());
}

#[test]
fn a_fixed_pace_and_the_floor_hold_whatever_checkout_says() {
    let mut plant = Plant::new(300.0, 40.0);
    plant.asked.pacing.mode = PaceMode::Fixed;
    plant.run(30.0);
    assert!((plant.last(25.0).1 - 300.0).abs() < 1e-9);
    let mut floored = Plant::new(300.0, 5.0);
    floored.asked.pacing.floor_per_sec = 20.0;
    floored.run(60.0);
    assert!((floored.pace() - 20.0).abs() < 1e-9, "{}", floored.pace());
}

#[test]
fn a_pace_that_nobody_needs_is_not_raised_and_another_rate_is_followed_at_once() {
    let asked = |rate_per_sec| Asked { rate_per_sec, pacing: Pacing::default() };
    let calm = Pressure::default();
    let mut state = step(None, &asked(400.0), &calm, false, 0);
    for second in 1..10 {
        state = step(Some(&state), &asked(400.0), &calm, false, second * 1000);
    }
    assert!((state.per_sec - 50.0).abs() < 1e-9);
    let slower = step(Some(&state), &asked(20.0), &calm, false, 9_010);
    assert!((slower.per_sec - 20.0).abs() < 1e-9);
    let faster = step(Some(&slower), &asked(800.0), &calm, false, 9_020);
    assert!((faster.per_sec - 100.0).abs() < 1e-9);
    assert!(faster.is_due(&asked(800.0), 10_000) && !faster.is_due(&asked(800.0), 9_900));
}
