//! Raises alarms and clears them: an alarm is raised when it was bad for as long as its rule says,
//! and cleared when it was fine for as long. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use waitroom::contract::RoomState;

use crate::room::{
    alarm::{Alarm, AlarmKind, Facts, Verdict, may_move},
    measures::Measures,
};

/// What is remembered of a room from look to look.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// How many were let in when that last changed, and when.
    moved: Option<(i64, DateTime<Utc>)>,
    states: BTreeMap<AlarmKind, State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    raised: Option<DateTime<Utc>>,
    /// Since when it has been otherwise than it stands.
    turning: Option<DateTime<Utc>>,
}

impl Watch {
    /// Looks at the room, and gives the alarms that stand, the weightiest first.
    pub fn look(
        &mut self,
        now: DateTime<Utc>,
        room: &RoomState,
        measures: &Measures,
    ) -> Vec<Alarm> {
        let stands_since = self.stands_since(now, room, measures);
        let facts = Facts { now, room, measures, stands_since };
        let mut alarms: Vec<Alarm> = Vec::new();
        for kind in AlarmKind::ALL {
            let state = self.states.entry(kind).or_default();
            state.turn(kind, kind.verdict(&facts), now);
            let Some(since) = state.raised else { continue };
            let stands = alarms.iter().any(|known| known.alarm == AlarmKind::LineStands);
            // That a line which stands is slower than asked is no news.
            if kind == AlarmKind::PaceBelowAsked && stands {
                continue;
            }
            alarms.push(Alarm {
                alarm: kind,
                severity: kind.severity(),
                since,
                words: kind.words(&facts),
                next: kind.next(),
            });
        }
        alarms
    }

    fn stands_since(
        &mut self,
        now: DateTime<Utc>,
        room: &RoomState,
        measures: &Measures,
    ) -> DateTime<Utc> {
        let admitted = measures.flow.admitted;
        let is_let_in = self.moved.is_none_or(|(before, _)| before != admitted);
        if is_let_in || !may_move(room, measures) {
            self.moved = Some((admitted, now));
        }
        self.moved.map_or(now, |(_, at)| at)
    }
}

impl State {
    fn turn(&mut self, kind: AlarmKind, verdict: Verdict, now: DateTime<Utc>) {
        let (raise_after, clear_after) = kind.patience();
        let (turns, patience) = match self.raised {
            None => (verdict == Verdict::Bad, raise_after),
            Some(_) => (verdict == Verdict::Fine, clear_after),
        };
        if !turns {
            self.turning = None;
            return;
        }
        let since = *self.turning.get_or_insert(now);
        if now - since >= patience {
            self.turning = None;
            self.raised = if self.raised.is_none() { Some(since) } else { None };
        }
    }
}

#[cfg(test)]
mod tests;
