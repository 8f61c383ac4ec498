//! The pace that follows checkout: up while it is calm, down when it is pressed.
//!
//! It begins carefully and grows by a fifth each second, until the asked rate or the first sign of
//! pressure.
//! From then on it remembers a pace that was too fast and one that was good: it goes quickly to
//! between the two and, where checkout stays calm, nearer to the first, and very slowly beyond.
//! What a pressed checkout serves, where that is known, is what is too fast: it is cut below that
//! until those who are inside have been served, however long that takes, and then goes back there.
//! Mild pressure that rises is met by small steps down, so that few get to feel it.

use serde::{Deserialize, Serialize};

use crate::pace::{HoldBack, PaceMode, Pacing, pressure::Pressure, throughput::Serves};

/// How often the pace is looked at.
const STEP_MS: i64 = 1000;
/// The beginning: so many a second, or this share of the asked rate.
const START_PER_SEC: f64 = 25.0;
const START_SHARE: f64 = 0.125;
/// How much faster it is each second then. Fans order some seconds after they were let in, and what
/// came meanwhile is inside already when the first slow order is heard of.
const STARTING_GROWTH: f64 = 1.2;
/// Of those who were let in while it was so many times slower, the orders must have been seen for
/// that; else it grows by so little. Less is risked where checkout is no longer at ease.
const STARTING_UNSEEN: f64 = 1.3;
const STARTING_UNSEEN_LEAST: f64 = 1.0;
const STARTING_GROWTH_UNSEEN: f64 = 1.02;
/// Of how it grew of late, each second counts so much.
const GREW_LATELY: f64 = 0.2;
/// Pressure up to which checkout is at ease, and from which on it is not at all.
const AT_EASE: f64 = 0.1;
const ILL_AT_EASE: f64 = 0.35;
/// Below this share of what may be, checkout is calm.
const CALM: f64 = 0.72;
/// From this share on, checkout is overwhelmed.
const SEVERE: f64 = 2.0;
/// One step down under mild pressure that rises, how far such steps go together, and how fast they
/// are taken back in a second.
const EASE: f64 = 0.97;
const EASED_MIN: f64 = 0.85;
const UNEASE: f64 = 0.01;
/// A pace is never so slow that it could not grow again.
const LEAST_PER_SEC: f64 = 0.1;
/// After a cut so long passes before the next one, by how bad it is: its effect takes a while.
const CUT_AGAIN_MS: i64 = 5_000;
const CUT_AGAIN_SEVERE_MS: i64 = 2_000;
/// What is said is said of so long a time.
const WINDOW_MS: i64 = 2_000;
/// A cut takes this much of what is over the bound, between so little and so much.
const CUT_BY: f64 = 0.4;
const CUT_LEAST: f64 = 0.94;
const CUT_MOST: f64 = 0.7;
/// Those who are inside and too many are served within so long: as many fewer are let in meanwhile
/// than checkout serves, but never less than this share of it.
const DRAIN_SECS: f64 = 4.0;
const DRAIN_LEAST: f64 = 0.5;
/// It is gone back to so much of what was too fast.
const JUST_BELOW: f64 = 0.97;
/// Of what it serves while it is pressed, so much was never pressing.
const SERVED_WELL: f64 = 0.9;
/// Beyond what was too fast before, the pace grows by so little a second for so long; then faster
/// and faster. All the slower, the longer it takes until an effect is heard of.
const PROBE: f64 = 0.004;
const PROBE_MS: i64 = 10_000;
const PROBE_FASTER: f64 = 0.001;
const PROBE_MAX: f64 = 0.03;
/// After so many cuts in a row the pace is likely cut too far: this share of what the first one cut
/// from is what was too fast.
const CUTS_IN_VAIN: u32 = 3;
const PRESSED_SHARE: f64 = 0.7;
/// An effect is heard of after so long, as far as nothing else was seen.
const LAG_MS: i64 = 3_000;
const LAG_MS_MAX: i64 = 20_000;
/// A pace that was calm for so long is a good one; and after so long a steady one.
const GOOD_AFTER_MS: i64 = 6_000;
const STEADY_AFTER_MS: i64 = 15_000;
/// One that changes by no more than so much is held.
const HELD_LEAST: f64 = 0.9;
const HELD_MOST: f64 = 1.05;

/// A room's pace and how it came to be. Kept in the gate, as JSON, for all controllers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaceState {
    /// Fans let in per second, at most.
    pub per_sec: f64,
    /// What holds the pace below the asked rate.
    pub reasons: Vec<HoldBack>,
    /// The rate and floor it was made for.
    rate: f64,
    floor: f64,
    mode: PaceMode,
    /// Nothing was too fast yet.
    starting: bool,
    /// The pace that it began with.
    #[serde(default)]
    started_at: f64,
    /// By which share of itself it grew a second of late.
    #[serde(default)]
    grew: f64,
    too_fast: Option<f64>,
    good: f64,
    steady: f64,
    /// As fast it was since then, or nearly.
    #[serde(default)]
    held: f64,
    #[serde(default)]
    held_since_ms: i64,
    /// Was good until checkout got slower by itself: tried again when that is over.
    proven: Option<f64>,
    /// Where steps down under mild pressure began.
    #[serde(default)]
    eased_from: Option<f64>,
    pressure: f64,
    /// How long the last cuts took to be heard of.
    lag_ms: i64,
    /// The first cut since it was calm, until it was heard of; and how many there were.
    pressed_at_ms: i64,
    cuts: u32,
    /// The pace at the first of them.
    #[serde(default)]
    pressed_from: f64,
    /// What checkout served at the last of them, where that is known.
    #[serde(default)]
    serves: Option<f64>,
    stepped_at_ms: i64,
    cut_at_ms: i64,
    calm_since_ms: i64,
}

/// What an operator asks of a pace.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub rate_per_sec: f64,
    pub pacing: Pacing,
}

impl Asked {
    fn floor(&self) -> f64 {
        self.pacing.floor_per_sec.clamp(0.0, self.rate_per_sec)
    }

    fn start(&self) -> f64 {
        let careful = START_PER_SEC.max(self.rate_per_sec * START_SHARE);
        self.floor().max(careful).min(self.rate_per_sec)
    }
}

impl PaceState {
    fn beginning(asked: &Asked, now_ms: i64) -> Self {
        Self {
            per_sec: asked.start(),
            reasons: Vec::new(),
            rate: asked.rate_per_sec,
            floor: asked.floor(),
            mode: asked.pacing.mode,
            starting: true,
            started_at: asked.start(),
            grew: STARTING_GROWTH - 1.0,
            too_fast: None,
            good: 0.0,
            steady: 0.0,
            held: 0.0,
            held_since_ms: now_ms,
            proven: None,
            eased_from: None,
            pressure: 0.0,
            lag_ms: LAG_MS,
            pressed_at_ms: 0,
            cuts: 0,
            pressed_from: 0.0,
            serves: None,
            stepped_at_ms: now_ms,
            cut_at_ms: 0,
            calm_since_ms: now_ms,
        }
    }

    /// By which share of itself the pace grows each second while checkout stays calm, as it did of
    /// late; 0 where it does not, or hardly.
    pub fn growth(&self) -> f64 {
        let grows = self.mode == PaceMode::Follow && self.starting && self.per_sec < self.rate;
        if grows { self.grew } else { 0.0 }
    }

    /// Whether it is time to look at the pace.
    pub fn is_due(&self, asked: &Asked, now_ms: i64) -> bool {
        now_ms - self.stepped_at_ms >= STEP_MS || !self.is_for(asked)
    }

    fn is_for(&self, asked: &Asked) -> bool {
        (self.rate, self.floor, self.mode) == (asked.rate_per_sec, asked.floor(), asked.pacing.mode)
    }
}

/// The pace from now on. `used` says whether the line was held by its pace alone since the last
/// step: a pace that nobody needs is not raised.
pub fn step(
    before: Option<&PaceState>,
    asked: &Asked,
    pressure: &Pressure,
    used: bool,
    now_ms: i64,
) -> PaceState {
    let Some(before) = before else {
        return within_bounds(PaceState::beginning(asked, now_ms), asked);
    };
    let mut next = before.clone();
    if !before.is_for(asked) {
        follow_operator(&mut next, asked);
    }
    if now_ms - before.stepped_at_ms >= STEP_MS {
        // A room that stood still for a while did not grow meanwhile.
        let secs = ((now_ms - before.stepped_at_ms) as f64 / 1000.0).min(2.0);
        follow_checkout(&mut next, pressure, used, secs, now_ms);
        next.pressure = pressure.share;
        next.stepped_at_ms = now_ms;
    }
    within_bounds(next, asked)
}

/// Takes over another rate: where nothing was too fast yet, its careful beginning is had at once.
fn follow_operator(pace: &mut PaceState, asked: &Asked) {
    if pace.too_fast.is_none() {
        pace.starting = true;
        pace.started_at = pace.started_at.max(asked.start());
        pace.per_sec = pace.per_sec.max(asked.start());
    }
    (pace.rate, pace.floor, pace.mode) = (asked.rate_per_sec, asked.floor(), asked.pacing.mode);
}

fn follow_checkout(pace: &mut PaceState, pressure: &Pressure, used: bool, secs: f64, now_ms: i64) {
    let rises = pressure.share > pace.pressure + 0.02 * secs;
    if pressure.share > CALM {
        pace.calm_since_ms = now_ms;
    }
    if pressure.share > 1.0 {
        pace.reasons.clone_from(&pressure.reasons);
        press(pace, pressure, secs, now_ms);
    } else if pressure.share > CALM {
        pace.reasons = pressure.worst.into_iter().collect();
        ease(pace, rises, used, secs);
    } else {
        pace.reasons = vec![HoldBack::Starting];
        match pace.serves.take() {
            Some(serves) => pace.good = pace.good.max(SERVED_WELL * serves),
            None if pace.cuts >= CUTS_IN_VAIN => {
                // What was let in before the first cut was still there at the next ones, or others
                // pressed checkout: what they cut from was not what was too fast.
                let before = PRESSED_SHARE * pace.pressed_from;
                pace.too_fast = pace.too_fast.map(|too_fast| too_fast.max(before));
            }
            None => {}
        }
        pace.cuts = 0;
        // Pressure that comes and goes is not met by ever more steps down.
        if now_ms - pace.calm_since_ms >= GOOD_AFTER_MS {
            pace.eased_from = None;
        }
        if used {
            grow(pace, pressure, rises, secs, now_ms);
        }
    }
}

/// Meets mild pressure: small steps down while it rises, but not far below where they began, since
/// this may be how long checkout takes here at any pace; and back while it does not.
fn ease(pace: &mut PaceState, rises: bool, used: bool, secs: f64) {
    if rises && !pace.starting {
        if pace.eased_from.is_none() {
            pace.eased_from = Some(pace.per_sec);
            pace.too_fast = Some(pace.per_sec);
        }
        let least = EASED_MIN * pace.eased_from.unwrap_or_default();
        pace.per_sec = (pace.per_sec * EASE).max(least.min(pace.per_sec));
        pace.good = pace.good.min(pace.per_sec);
    } else if !rises && used {
        match (pace.eased_from, pace.too_fast) {
            (Some(from), _) => {
                pace.per_sec = (pace.per_sec * (1.0 + UNEASE * secs)).min(from.max(pace.per_sec));
            }
            (None, None) => pace.per_sec *= 1.0 + 0.1 * secs,
            (None, Some(_)) => {}
        }
    }
}

/// Cuts the pace, unless an earlier cut already helps.
fn press(pace: &mut PaceState, pressure: &Pressure, secs: f64, now_ms: i64) {
    let share = pressure.share;
    let is_severe = share >= SEVERE;
    let enough = if is_severe { 0.1 } else { 0.01 } * secs;
    if share < pace.pressure - enough {
        if pace.pressed_at_ms > 0 {
            let lag_ms = (now_ms - pace.pressed_at_ms).clamp(LAG_MS / 2, LAG_MS_MAX);
            pace.lag_ms = (pace.lag_ms + lag_ms) / 2;
            pace.pressed_at_ms = 0;
        }
        pace.good = pace.per_sec;
        drain(pace, pressure);
        return;
    }
    let again_ms = if is_severe {
        CUT_AGAIN_SEVERE_MS.max(pace.lag_ms / 2)
    } else {
        CUT_AGAIN_MS.max(pace.lag_ms + WINDOW_MS)
    };
    if now_ms - pace.cut_at_ms < again_ms {
        drain(pace, pressure);
        return;
    }
    let left = match (pace.starting, is_severe) {
        (true, _) => 0.5,
        (false, true) => CUT_MOST,
        (false, false) => (1.0 - (share - 1.0) * CUT_BY).clamp(CUT_MOST, CUT_LEAST),
    };
    if pace.cuts == 0 {
        pace.pressed_at_ms = now_ms;
        pace.pressed_from = pace.per_sec;
        let steady = Some(pace.per_sec).filter(|per_sec| *per_sec <= pace.steady * 1.02);
        // What was proven before stays so while it is not nearly reached again.
        pace.proven = steady.or(pace.proven.filter(|proven| pace.per_sec < 0.9 * proven));
        pace.steady = 0.0;
    }
    pace.eased_from = None;
    pace.cuts += 1;
    pace.serves = pressure.serves.map(|serves| serves.per_sec.min(pace.pressed_from));
    pace.too_fast = pace.serves.or(Some(pace.per_sec));
    pace.per_sec *= left;
    drain(pace, pressure);
    pace.good = pace.good.min(pace.per_sec);
    pace.starting = false;
    pace.cut_at_ms = now_ms;
}

/// Once the pace was cut to below what checkout serves: as many are let in as it serves beside
/// those who are inside and too many.
fn drain(pace: &mut PaceState, pressure: &Pressure) {
    if let (Some(serves), Some(Serves { too_many, .. })) = (pace.serves, pressure.serves) {
        let beside = serves - too_many / DRAIN_SECS;
        pace.per_sec = beside.clamp(DRAIN_LEAST * serves, SERVED_WELL * serves);
    }
}

/// How many times faster than what was seen a beginning may be.
fn starting_unseen(pressure: f64) -> f64 {
    let ease = ((ILL_AT_EASE - pressure) / (ILL_AT_EASE - AT_EASE)).clamp(0.0, 1.0);
    STARTING_UNSEEN_LEAST + (STARTING_UNSEEN - STARTING_UNSEEN_LEAST) * ease
}

fn grow(pace: &mut PaceState, pressure: &Pressure, rises: bool, secs: f64, now_ms: i64) {
    let calm_ms = now_ms - pace.calm_since_ms;
    if calm_ms >= GOOD_AFTER_MS {
        pace.good = pace.good.max(pace.per_sec);
    }
    // One that it has just grown to proves nothing yet.
    if !(HELD_LEAST..=HELD_MOST).contains(&(pace.per_sec / pace.held)) {
        (pace.held, pace.held_since_ms) = (pace.per_sec, now_ms);
    }
    if calm_ms.min(now_ms - pace.held_since_ms) >= STEADY_AFTER_MS {
        pace.steady = pace.steady.max(pace.held);
    }
    if pace.starting {
        // Of fans who order elsewhere nothing is seen.
        let seen = pressure.ordering_per_sec.unwrap_or(f64::INFINITY).max(pace.started_at);
        let growth = if pace.per_sec < starting_unseen(pressure.share) * seen {
            STARTING_GROWTH
        } else {
            STARTING_GROWTH_UNSEEN
        };
        pace.per_sec *= growth.powf(secs);
        pace.grew += (growth - 1.0 - pace.grew) * (GREW_LATELY * secs).min(1.0);
        return;
    }
    if let Some(proven) = pace.proven.filter(|proven| pace.per_sec < 0.95 * proven) {
        let quickly = 1.0 + 0.3 * secs;
        pace.per_sec = (pace.per_sec * quickly).min(0.95 * proven);
        pace.too_fast = pace.too_fast.map(|too_fast| too_fast.max(proven));
        return;
    }
    let Some(too_fast) = pace.too_fast else {
        pace.per_sec *= 1.0 + 0.1 * secs;
        return;
    };
    let just_below = JUST_BELOW * too_fast;
    let aim =
        if pace.good < 0.9 * just_below { (pace.good + just_below) / 2.0 } else { just_below };
    // Numbers come back from JSON a little off.
    if pace.per_sec < 0.999 * aim {
        let quickly = (0.3 * (aim - pace.per_sec)).max(0.02 * pace.per_sec) * secs;
        pace.per_sec = (pace.per_sec + quickly).min(aim);
    } else if pace.per_sec >= 0.999 * just_below && !rises {
        let longer_secs = (calm_ms - PROBE_MS).max(0) as f64 / 1000.0;
        let slower = (2 * LAG_MS) as f64 / pace.lag_ms.max(2 * LAG_MS) as f64;
        let by = (PROBE + PROBE_FASTER * longer_secs).min(PROBE_MAX) * slower;
        pace.per_sec *= 1.0 + by * secs;
    }
}

/// Keeps the pace between floor and rate. At the rate nothing holds it back.
fn within_bounds(mut pace: PaceState, asked: &Asked) -> PaceState {
    pace.per_sec = match asked.pacing.mode {
        PaceMode::Fixed => asked.rate_per_sec,
        PaceMode::Follow => {
            pace.per_sec.max(LEAST_PER_SEC).max(asked.floor()).min(asked.rate_per_sec)
        }
    };
    if pace.per_sec >= asked.rate_per_sec {
        pace.reasons.clear();
    } else if pace.starting || pace.reasons.is_empty() {
        pace.reasons = vec![HoldBack::Starting];
    }
    pace
}

#[cfg(test)]
mod tests;
