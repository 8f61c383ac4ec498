//! How a wait is told: as a range, in words, or as the sentence why there is none. Pure. The queue
//! page's script follows the same rules; `assets/wait_cases.json` is the table that both pass.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The shortest and the longest likely wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitRange {
    pub low_secs: u64,
    pub high_secs: u64,
}

/// What can be said of the wait in a room now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitSay {
    /// A range, where the curve reaches that far back.
    Range,
    /// Nobody is let in yet.
    NotOpen,
    Paused,
    Closed,
    /// Passes cannot be redeemed at the moment, so nobody is let in, and nobody's turn runs out.
    DoorShut,
    /// No ticket is free; some are held and may come back.
    AllHeld,
    SoldOut,
    /// Nothing was heard of the line for too long.
    Stale,
    /// Nothing honest can be said.
    #[default]
    Unknown,
}

impl WaitSay {
    /// The whole sentence, where there is no range.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotOpen => "Nobody is let in yet. Your place is safe.",
            Self::Paused => "The line is paused. Your place is safe.",
            Self::Closed => "The line has closed.",
            Self::DoorShut => {
                "Checkout is not letting anyone in right now. Your place is safe, and no turn \
                    runs out meanwhile."
            }
            Self::AllHeld => {
                "No ticket is free right now. Whenever one comes back, the next in line is let in."
            }
            Self::SoldOut => {
                "All tickets are sold. You may stay: if one comes back, the next in line is let in."
            }
            Self::Stale => "We cannot reach the line right now. Your place is safe.",
            Self::Range | Self::Unknown => "We cannot say right now how long that takes.",
        }
    }
}

/// The likely wait of whoever has so many people ahead.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WaitPoint {
    pub ahead: i64,
    pub low_secs: f64,
    pub high_secs: f64,
}

/// The likely waits in a room now, for everybody in it: straight lines between points.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct WaitCurve {
    pub say: WaitSay,
    /// From the front of the line to the back. Beyond the last one nothing can be said; without
    /// any, `say` tells why.
    pub points: Vec<WaitPoint>,
}

impl WaitCurve {
    /// A curve without numbers.
    pub fn without_range(say: WaitSay) -> Self {
        Self { say, points: Vec::new() }
    }

    /// The likely wait behind `ahead` people; `None` where there is none to tell.
    pub fn range(&self, ahead: i64) -> Option<WaitRange> {
        let ahead = ahead.max(0);
        let (from, to) = self
            .points
            .windows(2)
            .filter_map(|pair| Some((pair.first()?, pair.get(1)?)))
            .find(|(from, to)| from.ahead <= ahead && ahead <= to.ahead)?;
        let share = (ahead - from.ahead) as f64 / ((to.ahead - from.ahead) as f64).max(1.0);
        let between = |low: f64, high: f64| low + (high - low) * share;
        Some(WaitRange {
            low_secs: between(from.low_secs, to.low_secs).floor() as u64,
            high_secs: between(from.high_secs, to.high_secs).ceil() as u64,
        })
    }

    /// What is said to whoever has so many people ahead: the range's words, or why there is none.
    pub fn sentence(&self, ahead: i64) -> String {
        match self.range(ahead) {
            Some(range) => format!("That is {}.", range.words()),
            None => self.say.sentence().to_owned(),
        }
    }
}

const MINUTE_SECS: u64 = 60;
const HALF_HOUR_SECS: u64 = 30 * MINUTE_SECS;

impl WaitRange {
    /// When the wait is likely to end: from then, to then.
    pub fn clock(self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let after =
            |secs: u64| now.checked_add_signed(TimeDelta::try_seconds(i64::try_from(secs).ok()?)?);
        Some((after(self.low_secs)?, after(self.high_secs)?))
    }

    /// `less than a minute`, `about 12 to 18 minutes`, `about 2 to 3½ hours`. The further away, the
    /// coarser.
    pub fn words(self) -> String {
        if self.high_secs < 45 {
            return "less than a minute".to_owned();
        }
        if self.high_secs >= 2 * 60 * MINUTE_SECS {
            let (low, high) = self.in_steps_of(HALF_HOUR_SECS);
            return about(
                &half_hours(low),
                &half_hours(high),
                if high > 2 { "hours" } else { "hour" },
            );
        }
        let step = if self.high_secs > 20 * MINUTE_SECS { 5 } else { 1 };
        let (low, high) = self.in_steps_of(step * MINUTE_SECS);
        let (low, high) = (low * step, high * step);
        about(&low.to_string(), &high.to_string(), if high > 1 { "minutes" } else { "minute" })
    }

    /// The range widened to whole steps, from one step up.
    fn in_steps_of(self, secs: u64) -> (u64, u64) {
        ((self.low_secs / secs).max(1), self.high_secs.div_ceil(secs).max(1))
    }
}

fn about(low: &str, high: &str, unit: &str) -> String {
    if low == high {
        format!("about {low} {unit}")
    } else {
        format!("about {low} to {high} {unit}")
    }
}

/// 3 is `1½`.
fn half_hours(count: u64) -> String {
    match (count / 2, count % 2) {
        (0, _) => "½".to_owned(),
        (whole, 0) => whole.to_string(),
        (whole, _) => format!("{whole}½"),
    }
}

#[cfg(test)]
mod tests;
