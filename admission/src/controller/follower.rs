//! What a controller makes of the gate's answers and checkout's words: the next pace, the chances
//! that fans come, and the report on the room.

use crate::{
    controller::{
        report::{Standing, hold_backs},
        signals::Door,
    },
    gate::{
        GateSettings, GateState,
        no_show::{AGES, Shows, Turnover},
        redis::ask::{Answer, NewPace},
        stock_limit::StockLimit,
    },
    pace::{
        PaceMode, PaceReport,
        control::{Asked, PaceState, step},
        pressure::{Pressure, pressure},
        throughput::{Coming, Throughput},
    },
    signal::{OrderFlow, Signals},
};

/// A line was held by its pace where an asking ended for it so lately.
const USED_MS: i64 = 1000;

/// What a controller knows beside the gate's answers.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    pub door: Door,
    pub stock: Option<StockLimit>,
    /// What is left was not heard of yet.
    pub awaits_stock: bool,
    /// The controller's own lanes whose end nobody could see lately.
    pub own_unseen: i64,
}

/// Follows one room.
#[derive(Default)]
pub struct Follower {
    shows: Shows,
    turnover: Turnover,
    throughput: Throughput,
    pace: Option<PaceState>,
    answer: Answer,
}

fn asked(settings: &GateSettings) -> Asked {
    Asked { rate_per_sec: settings.rate_per_sec, pacing: settings.pacing }
}

impl Follower {
    pub fn chances(&self) -> [f64; AGES] {
        self.shows.chances()
    }

    pub fn soon(&self) -> [f64; AGES] {
        self.shows.soon()
    }

    pub fn turnover(&self) -> f64 {
        self.turnover.share()
    }

    pub fn leavers(&self) -> f64 {
        self.turnover.leavers(self.shows.takes_ms())
    }

    /// What the gate answered last.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The next pace, where it is time for one. While the door is shut nothing is learnt.
    pub fn next_pace(
        &self,
        settings: &GateSettings,
        signals: &Signals,
        door: Door,
        now_ms: i64,
    ) -> Option<NewPace> {
        let asked = asked(settings);
        if self.pace.as_ref().is_some_and(|pace| !pace.is_due(&asked, now_ms)) {
            return None;
        }
        let mut heard =
            if door.lets_in() { pressure(signals, &settings.pacing) } else { Pressure::default() };
        heard.ordering_per_sec = self.throughput.ordering_per_sec(self.shows.show_share());
        heard.serves = self.throughput.serves(&Coming {
            count: self.answer.expected,
            takes_ms: self.shows.takes_ms(),
            show_share: self.shows.show_share(),
        });
        let used = door.lets_in() && self.answer.stopped.pace.is_some_and(|ago| ago < USED_MS);
        let next = step(self.pace.as_ref(), &asked, &heard, used, now_ms);
        let state = serde_json::to_string(&next).unwrap_or_default();
        Some(NewPace { after: self.answer.paced.clone(), per_sec: next.per_sec, state })
    }

    /// Takes in an answer, and how orders flow meanwhile.
    pub fn absorb(&mut self, answer: Answer, orders: &OrderFlow, now_ms: i64) {
        let anew = answer.epoch != self.answer.epoch;
        // By the door clock: while nobody can come in, nobody stays away.
        self.shows.observe(&answer.counts, answer.door_ms, anew);
        self.turnover.observe(answer.opened_total, answer.active, now_ms, anew);
        self.throughput.observe(now_ms, answer.opened_total, orders);
        if answer.paced != self.answer.paced || anew {
            // What another version wrote is begun anew.
            self.pace = serde_json::from_str(&answer.pacing).ok();
        }
        self.answer = answer;
    }

    pub fn report(
        &self,
        settings: &GateSettings,
        Around { door, stock, awaits_stock, own_unseen }: Around,
    ) -> PaceReport {
        let per_sec = match settings.pacing.mode {
            PaceMode::Fixed => settings.rate_per_sec,
            PaceMode::Follow => self.pace.as_ref().map_or(0.0, |pace| pace.per_sec),
        };
        let standing = Standing {
            door,
            is_running: settings.state == GateState::Running,
            max_active: settings.max_active.into(),
            answer: &self.answer,
            slowed_by: self.pace.as_ref().map_or(&[], |pace| &pace.reasons),
            stock,
            awaits_stock,
            own_unseen,
        };
        PaceReport {
            per_sec: per_sec.min(settings.rate_per_sec),
            growth: self.pace.as_ref().map_or(0.0, PaceState::growth),
            stands: settings.state != GateState::Running,
            held_by: hold_backs(&standing),
            active: self.answer.active,
            unclaimed: self.answer.unclaimed,
            show_share: self.shows.show_share(),
            left_total: self.answer.left_total,
        }
    }
}
