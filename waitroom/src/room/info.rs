//! What operators decide about a room, as fans meet it.

use admission::contract::{GateSettings, LineMethod};
use catalog::contract::{ShowId, Stop};
use chrono::{DateTime, Utc};

use crate::{
    draw::RoomDraw,
    room::{phase::Phase, sleep::Sleep, stopped_phase},
    store::RoomRow,
};

/// What operators decide about a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    pub show: ShowId,
    /// As fans meet it.
    pub phase: Phase,
    pub lanes: i32,
    /// How it orders those who come before it opens.
    pub method: LineMethod,
    /// Of a room that draws.
    pub draw: Option<RoomDraw>,
    /// When it opens by itself.
    pub opens_at: Option<DateTime<Utc>>,
    /// What everybody is told: why the sale was stopped, if it was, and what operators say.
    pub message: String,
    pub stop: Option<Stop>,
    /// Whether the show has begun: from then on nobody can buy, and its line is as good as closed.
    pub has_begun: bool,
    pub rate_per_sec: f64,
    pub claim_window_secs: i32,
    /// Sessions in checkout at once, at most.
    pub max_active: i32,
    /// Whether it sleeps, and what wakes it.
    pub sleep: Sleep,
}

impl Info {
    pub fn of(row: &RoomRow, gate: Option<&GateSettings>) -> Self {
        Self {
            show: row.show.clone(),
            phase: stopped_phase(row.phase, row.stop),
            lanes: row.lanes,
            method: row.method,
            draw: row.draw.clone(),
            opens_at: row.opens_at,
            message: told(row),
            stop: row.stop,
            has_begun: false,
            rate_per_sec: gate.map_or(0.0, |gate| gate.rate_per_sec),
            claim_window_secs: gate.map_or(0, |gate| gate.claim_window_secs),
            max_active: gate.map_or(0, |gate| gate.max_active),
            sleep: row.sleep.clone(),
        }
    }

    /// Whether those who joined have no order yet: they are drawn at the opening.
    pub fn awaits_draw(&self) -> bool {
        let draws = self.method == LineMethod::Draw && !self.phase.has_opened();
        draws && self.phase.takes_joins() && !self.draw.as_ref().is_some_and(RoomDraw::is_made)
    }

    /// Whether those who come before the opening will be drawn.
    pub fn may_draw(&self) -> bool {
        self.method == LineMethod::Draw && self.phase.may_open_yet()
    }

    /// The same at a moment, for a show that begins at `starts_at`. One that is postponed goes on.
    pub fn at(self, now: DateTime<Utc>, starts_at: Option<DateTime<Utc>>) -> Self {
        let begins = starts_at.is_some_and(|starts_at| starts_at <= now);
        if !begins || self.stop.is_some() || self.phase == Phase::Closed {
            return self;
        }
        let message = format!("{BEGUN} {}", self.message).trim_end().to_owned();
        Self { phase: Phase::Closed, has_begun: true, message, ..self }
    }
}

const SUSPENDED: &str = "Tickets for this show are not sold right now: its seller may not sell at \
    the moment. Nobody is let in meanwhile. Places in line are safe, and tickets that were bought \
    stay valid.";
const BEGUN: &str = "The show has begun, so tickets are not sold any more and nobody is let in.";
const WITHDRAWN: &str = "This show was withdrawn. Nothing of it is sold any more and nobody is let \
    in. Tickets that were bought stay valid.";

fn told(row: &RoomRow) -> String {
    let stopped = match row.stop {
        // A line that has closed does not go on, whether or not its seller may sell again.
        Some(Stop::Suspended) if row.phase == Phase::Closed => return row.message.clone(),
        None => return row.message.clone(),
        Some(Stop::Suspended) => SUSPENDED,
        Some(Stop::Withdrawn) => WITHDRAWN,
    };
    format!("{stopped} {}", row.message).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn once_its_show_has_begun_a_room_lets_nobody_in_and_says_why() {
        let (now, row) = (Utc::now(), RoomRow::for_tests("r", Phase::Open));
        let at = |secs: i64| Info::of(&row, None).at(now, Some(now + TimeDelta::seconds(secs)));
        assert_eq!(at(1), Info::of(&row, None));
        let begun = at(0);
        assert!(begun.has_begun && begun.phase == Phase::Closed);
        assert_eq!(begun.message, BEGUN);
        let talking = RoomRow { message: "See you there.".into(), ..row.clone() };
        let told = Info::of(&talking, None).at(now, Some(now)).message;
        assert!(told.starts_with(BEGUN) && told.ends_with("See you there."), "{told}");
        // Other reasons come first, and a show that nobody knows begins never.
        let stopped = RoomRow { stop: Some(Stop::Suspended), ..row.clone() };
        assert!(!Info::of(&stopped, None).at(now, Some(now)).has_begun);
        assert!(!Info::of(&row, None).at(now, None).has_begun);
    }
}
