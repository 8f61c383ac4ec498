//! Asking the gate, and committing what it granted.

use std::time::{Duration, Instant};

use anyhow::Context;
use chrono::Utc;

use super::{
    Controller,
    consumer::GateMark,
    rest::{ASK_EVERY, ASK_SELDOM, ask_again_after},
};
use crate::{
    gate::{
        GateSettings, GateState, grant_lasts_ms,
        redis::ask::{Answer, Ask},
    },
    lane::merge::{Candidate, Front, fronts, next_in_line},
};

/// A room stays busy for so long after a controller, be it another one, had to stop.
const BUSY_MS: i64 = 3_000;

impl Controller {
    /// Asks the gate and notes the new heads as granted.
    pub(super) async fn admit(&mut self) -> anyhow::Result<()> {
        let settings = self.settings.borrow().clone();
        let busy = self.is_busy();
        self.checkout.set_busy(busy);
        self.consumer.look_often(busy && self.is_shared());
        if self.lanes.is_empty() {
            return Ok(());
        }
        // The gate may say half a second's worth at once.
        let want = (settings.rate_per_sec / 2.0).ceil().clamp(1.0, 1000.0) as usize;
        let candidates = if settings.state == GateState::Running {
            next_in_line(&self.lanes, want, Utc::now().timestamp_millis())
        } else {
            Vec::new()
        };
        if self.is_ask_due(!candidates.is_empty()) {
            self.ask(&settings, &candidates).await?;
        }
        Ok(())
    }

    /// Whether somebody waits, or was let in and did not come yet.
    pub(super) fn is_busy(&self) -> bool {
        let answer = self.follower.answer();
        let stopped = answer.stopped;
        let lately = [stopped.pace, stopped.cap, stopped.stock, stopped.lanes];
        answer.unclaimed > 0
            || lately.into_iter().flatten().any(|ago_ms| ago_ms < BUSY_MS)
            || self.lanes.values().any(|lane| lane.head < lane.tail)
    }

    /// One question. Without candidates it only moves the door clock on.
    pub(super) async fn ask(
        &mut self,
        settings: &GateSettings,
        candidates: &[Candidate],
    ) -> anyhow::Result<()> {
        let now_ms = Utc::now().timestamp_millis();
        let signals = self.checkout.signals();
        let door = self.checkout.door(&signals);
        let (is_shared, fronts) = (self.is_shared(), self.fronts_to_tell(candidates));
        let ask = Ask {
            settings,
            epoch: self.grants.epoch(),
            door_ms: self.door_ms,
            door_open: door.is_open(),
            grants: door.lets_in() && !self.checkout.awaits_stock(&signals),
            chances: self.follower.chances(),
            soon: self.follower.soon(),
            turnover: self.follower.turnover(),
            // Whoever stands at the door is the first to take a leaver's slot.
            leavers: (self.follower.leavers() - f64::from(signals.turned_away_full)).max(0.0),
            stock: self.checkout.stock_limit(&signals),
            pace: self.follower.next_pace(settings, &signals, door, now_ms),
            is_shared,
            fronts: &fronts,
            candidates,
        };
        let answer = self.gate.ask(&ask).await.context("asking the gate")?;
        self.asked_at = Some(Instant::now());
        self.door_ms = answer.door_ms;
        let lasts_ms = grant_lasts_ms(settings.claim_window_secs);
        // Heads are noted first: what the gate granted stands, whatever fails after it.
        for candidate in candidates.iter().take(answer.passed) {
            self.uncommitted.insert(candidate.lane, candidate.record.offset + 1);
        }
        metrics::counter!("fairgate_admitted_total", "room" => self.room.to_string())
            .increment(answer.granted as u64);
        self.note_told(&answer, &fronts);
        let absorbed = self.grants.absorb(&answer, candidates, lasts_ms).await;
        self.follower.absorb(answer, &signals.orders, now_ms);
        let (answer, busy) = (self.follower.answer(), self.is_busy());
        let again = ask_again_after(answer, settings, !candidates.is_empty(), busy, is_shared);
        self.note_due(!candidates.is_empty(), again);
        absorbed
    }

    /// A question between two, for nobody, puts none off.
    fn note_due(&mut self, for_some: bool, again: Option<Duration>) {
        let now = Instant::now();
        let next = again.map(|after| now + after);
        match self.ask_due.filter(|due| !for_some && *due > now) {
            Some(before) => self.ask_due = Some(next.map_or(before, |next| next.min(before))),
            None => (self.ask_due, self.asked_for_some) = (next, for_some),
        }
    }

    /// What the gate is told of the lanes here. Where others have lanes of the room, all fronts:
    /// nobody passes them. Where nobody has, what whoever takes a lane over must find: how far its
    /// head was published.
    fn fronts_to_tell(&self, candidates: &[Candidate]) -> Vec<Front> {
        let mut all = fronts(&self.lanes);
        if !self.is_shared() {
            all.retain(|front| {
                self.told.get(&front.lane) != Some(&front.published)
                    || candidates.iter().any(|candidate| candidate.lane == front.lane)
            });
        }
        all
    }

    /// A gate that began anew was told nothing yet.
    fn note_told(&mut self, answer: &Answer, fronts: &[Front]) {
        if answer.epoch != self.follower.answer().epoch {
            self.told.clear();
        }
        if answer.known {
            self.told.extend(fronts.iter().map(|front| (front.lane, front.published)));
        }
    }

    /// Commits granted heads and waits for the acknowledgement; only then do the heads move.
    pub(super) async fn commit(&mut self) -> anyhow::Result<()> {
        if self.uncommitted.is_empty() {
            return Ok(());
        }
        let gate_mark =
            GateMark { sequence: self.gate.sequence(&self.room), door_ms: self.door_ms };
        self.consumer.commit(&self.uncommitted, gate_mark).await?;
        for (number, head) in std::mem::take(&mut self.uncommitted) {
            if let Some(lane) = self.lanes.get_mut(&number) {
                lane.admit_until(head);
                self.unpublished.push(number);
            }
        }
        Ok(())
    }

    /// Whether what is known of the door clock is new enough for a record: one that lets somebody
    /// in begins windows by it.
    pub(super) fn knows_door(&self, lets_in: bool) -> bool {
        let longest = if lets_in { ASK_EVERY * 4 } else { ASK_SELDOM * 3 / 2 };
        self.asked_at.is_some_and(|at| at.elapsed() < longest)
    }
}
