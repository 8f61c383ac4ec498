//! Where a fan can stand before the gate, and in which words the page says so. No I/O.

use catalog::contract::{price::grouped, when};
use chrono::{DateTime, Utc};

use crate::{http::pages::queue::picture::Picture, place::wait::WaitRange, room::phase::Phase};

#[derive(Debug, Clone)]
pub struct Entrance {
    pub phase: Phase,
    pub people_waiting: i64,
    /// The likely wait of someone who joins now.
    pub wait: Option<WaitRange>,
    pub claim_window_secs: i32,
    pub message: String,
}

impl Entrance {
    pub fn people(&self) -> String {
        match self.people_waiting {
            ..=0 => "Nobody is waiting right now.".to_owned(),
            1 => "One person is waiting.".to_owned(),
            many => format!("{} people are waiting.", number(many)),
        }
    }

    pub fn window(&self) -> String {
        duration(self.claim_window_secs)
    }
}

#[derive(Debug, Clone)]
pub struct Waiting {
    pub lane: i32,
    pub offset: i64,
    /// The fan's number in the whole line since it began, from 1. It never changes.
    pub number: i64,
    pub ahead: i64,
    pub ahead_at_join: i64,
    /// Everybody who waits in the room now, the fan among them.
    pub people_waiting: i64,
    pub wait: Option<WaitRange>,
    pub phase: Phase,
    pub message: String,
    pub joined_at: DateTime<Utc>,
    pub claim_window_secs: i32,
    pub poll_after_ms: u32,
}

impl Waiting {
    pub fn place(&self) -> i64 {
        self.ahead.max(0) + 1
    }

    pub fn place_text(&self) -> String {
        number(self.place())
    }

    pub fn number_text(&self) -> String {
        number(self.number)
    }

    pub fn title(&self) -> String {
        match self.ahead {
            ..=0 => "You are next".to_owned(),
            ahead => format!("{} ahead", number(ahead)),
        }
    }

    pub fn ahead_words(&self) -> String {
        match self.ahead {
            ..=0 => "You are next.".to_owned(),
            1 => "One person is ahead of you.".to_owned(),
            many => format!("{} people are ahead of you.", number(many)),
        }
    }

    pub fn wait_words(&self) -> String {
        match (self.phase, self.wait) {
            (Phase::Open, Some(range)) => format!("That is {}.", range.words()),
            (Phase::Open | Phase::Closed, _) => {
                "We cannot say right now how long that takes.".to_owned()
            }
            (Phase::Paused, _) => "The line is paused. Your place is safe.".to_owned(),
            (Phase::Draft | Phase::Scheduled | Phase::PreQueue, _) => {
                "Nobody is let in yet. Your place is safe.".to_owned()
            }
        }
    }

    pub fn passed_words(&self) -> String {
        match self.ahead_at_join - self.ahead {
            ..=0 => "The line moves from right to left, toward the gate.".to_owned(),
            1 => "One person has gone in since you joined.".to_owned(),
            many => format!("{} people have gone in since you joined.", number(many)),
        }
    }

    /// How the picture reads: `place 12,409 of about 80,200`.
    pub fn picture_words(&self) -> String {
        let all = self.people_waiting.max(self.place());
        let all = if all >= 1000 { (all + 50) / 100 * 100 } else { all };
        format!("place {} of about {}", number(self.place()), number(all.max(self.place())))
    }

    pub fn picture(&self) -> Picture {
        Picture::new(self.ahead, self.ahead_at_join, self.people_waiting)
    }

    pub fn window(&self) -> String {
        duration(self.claim_window_secs)
    }
}

#[derive(Debug, Clone)]
pub struct YourTurn {
    pub claim_until: DateTime<Utc>,
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
    pub claim_window_secs: i32,
    /// Whether one can join again, and how it looks there now.
    pub entrance: Entrance,
}

impl WindowMissed {
    pub fn window(&self) -> String {
        duration(self.claim_window_secs)
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

fn number(number: i64) -> String {
    grouped(u64::try_from(number).unwrap_or(0))
}

/// `90 seconds`, `2 minutes`
fn duration(secs: i32) -> String {
    match (secs, secs % 60) {
        (60, _) => "1 minute".to_owned(),
        (1, _) => "1 second".to_owned(),
        (120.., 0) => format!("{} minutes", secs / 60),
        _ => format!("{secs} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_naturally() {
        assert_eq!(duration(120), "2 minutes");
        assert_eq!(duration(90), "90 seconds");
        assert_eq!(duration(60), "1 minute");
        assert_eq!(duration(1), "1 second");
    }
}
