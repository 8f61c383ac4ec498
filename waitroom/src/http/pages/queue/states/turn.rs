//! The turn, and what comes after it.

use admission::contract::PlaceId;
use catalog::contract::when;
use chrono::{DateTime, Utc};

use crate::{
    http::pages::queue::{
        states::{duration, entrance::Entrance},
        told,
    },
    room::phase::Phase,
};

#[derive(Debug, Clone)]
pub struct YourTurn {
    pub place: PlaceId,
    pub claim_until: DateTime<Utc>,
    /// Whether fans can go in now. While they cannot, the turn does not run out.
    pub door_open: bool,
}

impl YourTurn {
    pub fn left_ms(&self, now: &DateTime<Utc>) -> i64 {
        (self.claim_until - *now).num_milliseconds().max(0)
    }

    pub fn left(&self, now: &DateTime<Utc>) -> String {
        when::span(self.left_ms(now) / 1000)
    }
}

#[derive(Debug, Clone)]
pub struct WindowMissed {
    /// When the window ended; `None` where that is too long ago to know.
    pub missed_at: Option<DateTime<Utc>>,
    /// Until when the fan may go in once more; `None` where that is over.
    pub may_resume_until: Option<DateTime<Utc>>,
    /// They asked for it, and it could not be just then.
    pub not_now: bool,
    pub claim_window_secs: i32,
    /// Whether one can join again, and how it looks there now.
    pub entrance: Entrance,
}

impl WindowMissed {
    pub fn window(&self) -> String {
        duration(self.claim_window_secs)
    }

    /// Why the second turn that was asked for could not be had.
    pub fn not_now_words(&self) -> &'static str {
        let Entrance { phase, sale, .. } = &self.entrance;
        match (phase, sale) {
            (Phase::Closed, _) => "The line has closed, so nobody is let in any more.",
            (Phase::Open, Some(sale)) if told::is_gone(sale) => {
                "No ticket is free right now, so nobody is let in."
            }
            (Phase::Open, _) => {
                "Nobody can go in beside the line right now. Press again in a few seconds; your \
                    second turn is not used up by asking."
            }
            _ => "The line is paused, so nobody is let in right now.",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Stopped {
    /// When the turn ends, or ended; `None` where that is too long ago to know.
    pub claim_until: Option<DateTime<Utc>>,
    /// Whether one can join again.
    pub entrance: Entrance,
}

impl Stopped {
    /// The end of a turn that is not over.
    pub fn turn_until(&self, now: &DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.claim_until.filter(|until| until > now)
    }
}
