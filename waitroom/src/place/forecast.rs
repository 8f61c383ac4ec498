//! How long people will wait in a room, from how fast it moved, how fast it may, and how full
//! checkout is. Pure.

use crate::place::wait::{WaitCurve, WaitPoint, WaitSay};

/// What the waits in a room are worked out from. Paces are places of the line a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Forecast {
    /// How many are let in per second at most, as the operator says.
    pub asked_per_sec: f64,
    /// How many the gate lets in now; `None` where controllers do not say.
    pub allowed_per_sec: Option<f64>,
    /// By which share of itself that grows each second until it is what the operator says, or
    /// checkout says that it is too much; 0 where it does not. Nothing grows that is held back.
    pub growth: f64,
    /// Whether something other than the rate and the room in checkout holds the line back, so that
    /// what is allowed says less than what was measured.
    pub is_held_back: bool,
    /// The share of those who wait who left on purpose: the line passes over them in no time.
    pub left_share: f64,
    pub measured: Measured,
    /// How full checkout is; `None` where controllers do not say.
    pub checkout: Option<Slots>,
}

/// How fast the line moved lately; `None` where it is too early to say, or nobody waited.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    pub over_10s: Option<f64>,
    pub over_30s: Option<f64>,
    pub over_120s: Option<f64>,
}

/// The slots of checkout, counted in fans let in: where half of them do not come, two of them take
/// one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slots {
    /// So many more could be let in now.
    pub free: f64,
    /// How many there are in all.
    pub all: f64,
    /// How many became free per second over the last ten seconds and over the last half minute, by
    /// fans who finished or did not come; `None` where it is too early to say.
    pub freed_per_sec: Option<(f64, f64)>,
}

/// The truth lies this much below and above what the pace says, nine times in ten.
const LOW: f64 = 0.82;
const HIGH: f64 = 1.22;
/// Whoever is let in hears of it so much later at most.
const HEARD_SECS: f64 = 2.0;
/// The fastest and the slowest pace that a range is made of differ by this factor at most, so that
/// it is good for something.
const SPREAD_MAX: f64 = 1.24;
/// While the pace grows, nobody knows where it ends: the ranges are wider by this factor.
const SPREAD_GROWING: f64 = 1.6;
/// Where slots became free this much faster or slower of late, nobody knows where it ends.
const UNSTEADY: f64 = 1.4;
/// Of a checkout that is emptier, nobody knows how fast a full one would become free.
const FULL_ENOUGH: f64 = 0.5;
const FULL: f64 = 0.95;

/// A slow and a fast pace, both more than none.
#[derive(Clone, Copy)]
struct Paces {
    slow: f64,
    fast: f64,
}

impl Paces {
    /// Between these two, `None` where the line may stand.
    fn between(one: f64, other: f64) -> Option<Self> {
        let moves = |pace: f64| pace.is_finite() && pace > 0.0;
        if !moves(one) || !moves(other) {
            return None;
        }
        let (slow, fast) = (one.min(other), one.max(other));
        if fast / slow <= SPREAD_MAX {
            return Some(Self { slow, fast });
        }
        let (middle, half) = ((slow * fast).sqrt(), SPREAD_MAX.sqrt());
        Some(Self { slow: middle / half, fast: middle * half })
    }
}

impl Forecast {
    /// The waits of everybody up to `farthest` people behind the front.
    pub fn curve(&self, farthest: i64) -> WaitCurve {
        let Some(paces) = self.paces() else {
            return WaitCurve::without_range(WaitSay::Unknown);
        };
        let farthest = farthest.max(1);
        let bend = self.until_full(paces).filter(|bend| *bend < farthest);
        let mut points = vec![WaitPoint { ahead: 0, low_secs: 0.0, high_secs: HEARD_SECS }];
        points.extend(self.while_it_grows(bend.unwrap_or(farthest)));
        let grown = points.last().map_or(0, |last| last.ahead);
        let mut go_to = |ahead: i64, paces: Paces| {
            let Some(last) = points.last().copied() else { return };
            let people = (ahead - last.ahead) as f64;
            points.push(WaitPoint {
                ahead,
                low_secs: tenths(last.low_secs + people / paces.fast * LOW),
                high_secs: tenths(last.high_secs + people / paces.slow * HIGH),
            });
        };
        if let Some(bend) = bend.filter(|bend| *bend > grown) {
            go_to(bend, paces);
        }
        match (bend, self.paces_when_full(paces)) {
            (None, _) if grown == farthest => {}
            (None, _) => go_to(farthest, paces),
            (Some(_), Some(full)) => go_to(farthest, full),
            // Whoever stands behind the bend hears that it is too early to say.
            (Some(_), None) => {}
        }
        if points.len() < 2 {
            return WaitCurve::without_range(WaitSay::Unknown);
        }
        WaitCurve { say: WaitSay::Range, points }
    }

    /// The waits up to `farthest` people while the pace grows: between what they are if it stays as
    /// it is and if it grows on. Nothing where it does not grow.
    fn while_it_grows(&self, farthest: i64) -> Vec<WaitPoint> {
        let stay = self.stay_share();
        let (asked, now) = (self.asked_per_sec / stay, self.allowed_per_sec.unwrap_or(0.0) / stay);
        if self.is_held_back || self.growth <= 0.0 || now <= 0.0 || now >= asked {
            return Vec::new();
        }
        let by = (1.0 + self.growth).ln();
        let grown_after = (asked / now).ln() / by;
        let until_grown = (asked - now) / by;
        let point = |ahead: i64| {
            let people = ahead as f64;
            let growing = if people <= until_grown {
                (1.0 + people * by / now).ln() / by
            } else {
                grown_after + (people - until_grown) / asked
            };
            let (middle, half) = ((growing * people / now).sqrt(), SPREAD_GROWING.sqrt());
            WaitPoint {
                ahead,
                low_secs: tenths(middle / half * LOW),
                high_secs: tenths(HEARD_SECS + middle * half * HIGH),
            }
        };
        // Straight lines between these are near enough.
        let doubled = std::iter::successors(Some(now.ceil() as i64), |ahead| ahead.checked_mul(2));
        doubled.take_while(|ahead| *ahead < farthest).chain([farthest]).map(point).collect()
    }

    fn stay_share(&self) -> f64 {
        (1.0 - self.left_share).clamp(0.05, 1.0)
    }

    /// How fast the line moves while there is room in checkout.
    fn paces(&self) -> Option<Paces> {
        let stay = self.stay_share();
        let asked = self.asked_per_sec / stay;
        let allowed = self.allowed_per_sec.map_or(asked, |allowed| (allowed / stay).min(asked));
        let Measured { over_10s, over_30s, over_120s } = self.measured;
        // However fast it was, it moves no faster than the operator says now.
        let within = |pace: f64| pace.min(asked);
        let Some(lately) = over_30s.or(over_10s).map(within) else {
            return Paces::between(allowed, allowed);
        };
        if self.allowed_per_sec.is_none() {
            return Paces::between(lately, asked);
        }
        if self.is_held_back {
            // It swings: what it did over a longer time is nearer to what it will do.
            let longer = over_120s.map_or(lately, within);
            return Paces::between(lately, (longer + allowed) / 2.0);
        }
        // Checkout being full is told apart, by its slots.
        let is_full = self.checkout.is_some_and(|slots| slots.free < slots.all * (1.0 - FULL));
        Paces::between(allowed, if is_full { allowed } else { lately })
    }

    /// How many from the front still find room in checkout; `None` where all do.
    fn until_full(&self, paces: Paces) -> Option<i64> {
        let slots = self.checkout?;
        let fills_per_sec = paces.fast - slots.freed_per_sec.map_or(0.0, |(lately, _)| lately);
        let people = paces.fast * slots.free.max(0.0) / fills_per_sec;
        (fills_per_sec > 0.0).then_some(people as i64)
    }

    /// How fast the line moves once checkout is full: as fast as slots become free.
    fn paces_when_full(&self, paces: Paces) -> Option<Paces> {
        let slots = self.checkout?;
        let taken_share = 1.0 - slots.free.max(0.0) / slots.all.max(1.0);
        let (lately, longer) = slots.freed_per_sec.filter(|_| taken_share >= FULL_ENOUGH)?;
        let is_steady = lately <= longer * UNSTEADY && longer <= lately * UNSTEADY;
        let when_full = |freed: f64| (freed / taken_share).min(paces.fast);
        // The longer it was full, the less chance there is in what was measured.
        let longest = self.measured.over_120s.filter(|_| taken_share > FULL);
        let longest = longest.unwrap_or(when_full(longer)).min(paces.fast);
        is_steady.then(|| Paces::between(when_full(longer), longest)).flatten()
    }
}

/// The shortest and the longest wait, in seconds, that a fan behind `ahead` people is told where so
/// many a second are let in. `None` where nobody is: then it tells none.
pub fn wait_secs(ahead: i64, pace_per_sec: f64) -> Option<(u64, u64)> {
    let curve = Forecast { asked_per_sec: pace_per_sec, ..Forecast::default() }.curve(ahead);
    curve.range(ahead).map(|range| (range.low_secs, range.high_secs))
}

fn tenths(secs: f64) -> f64 {
    (secs * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests;
