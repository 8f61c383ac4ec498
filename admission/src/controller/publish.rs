//! Publishing heads, and what a room's line is held by.

use std::time::Instant;

use anyhow::Context;
use chrono::Utc;

use super::{Controller, follower::Around, report, signals::Door, tick::Urgent};
use crate::{
    gate::{claim_until, grant_lasts_ms},
    head::{HeadsMoved, LaneHead, publish},
    signal::{LineStock, Signals},
};

impl Controller {
    /// Publishes the committed heads of changed lanes, and by the second those of all, with all
    /// there is to say. What fails stays on the list: heads are absolute.
    pub(super) async fn publish_heads(&mut self) -> anyhow::Result<()> {
        if self.lanes.is_empty() || self.asked_at.is_none() {
            return Ok(());
        }
        let signals = self.checkout.signals();
        let (door, stock) = (self.checkout.door(&signals), self.checkout.stock(&signals).cloned());
        let urgent =
            Urgent { door_open: door.is_open(), stock: stock.as_ref().map(LineStock::state) };
        let is_tick = self.ticks.is_due(urgent, self.is_busy(), Instant::now());
        if is_tick {
            self.unpublished = self.lanes.keys().copied().collect();
        }
        self.unpublished.sort_unstable();
        self.unpublished.dedup();
        let (heads, from): (Vec<LaneHead>, Vec<i64>) = self
            .unpublished
            .iter()
            .filter_map(|number| {
                let lane = self.lanes.get(number)?;
                let head = LaneHead { lane: *number, head: lane.head, tail: lane.tail };
                Some((head, lane.published))
            })
            .unzip();
        if heads.is_empty() {
            self.unpublished.clear();
            return Ok(());
        }
        let settings = self.settings.borrow().clone();
        // Committing may have taken long: windows begin at the door clock of now.
        let lets_in = heads.iter().zip(&from).any(|(head, from)| head.head > *from);
        if !self.knows_door(lets_in) {
            self.ask(&settings, &[]).await?;
        }
        self.grants
            .keep_slots(&heads, self.door_ms + grant_lasts_ms(settings.claim_window_secs))
            .await
            .context("keeping the slots of those let in")?;
        let is_full = is_tick || self.ticks.is_full(Instant::now());
        let around = Around {
            door,
            stock: self.checkout.stock_limit(&signals),
            awaits_stock: self.is_busy() && self.checkout.awaits_stock(&signals),
            own_unseen: self.unseen_lanes(),
        };
        let pace = is_full.then(|| self.follower.report(&settings, around));
        let at = Utc::now();
        let moved = HeadsMoved {
            room: self.room.clone(),
            at,
            claim_until: claim_until(at, settings.claim_window_secs),
            rate_per_sec: settings.rate_per_sec,
            heads,
            from,
            drawn: self.consumer.is_drawn(),
            door_ms: Some(self.door_ms),
            door_open: door.is_open(),
            pace,
            stock: stock.filter(|_| is_full),
        };
        publish(&self.producer, &self.heads_topic, &moved).await.context("publishing heads")?;
        self.note_published(&moved, urgent, is_tick);
        if is_tick {
            self.write_down(&moved, false).await;
        }
        Ok(())
    }

    /// While Redis is away nobody is let in. Those who wait hear that the door is shut, so that
    /// their windows stand still, and the line is not taken for one without a controller.
    pub(super) async fn tick_without_gate(&mut self) -> anyhow::Result<()> {
        let stock = self.checkout.stock(&Signals::default()).cloned();
        let urgent = Urgent { door_open: false, stock: stock.as_ref().map(LineStock::state) };
        if self.lanes.is_empty() || !self.ticks.is_due(urgent, self.is_busy(), Instant::now()) {
            return Ok(());
        }
        let moved = self.as_published(Door::Away, stock);
        publish(&self.producer, &self.heads_topic, &moved).await.context("publishing a tick")?;
        self.ticks.published(urgent, true, true, Instant::now());
        self.write_down(&moved, false).await;
        Ok(())
    }

    /// What fans were told of the lanes, as a record.
    fn as_published(&self, door: Door, stock: Option<LineStock>) -> HeadsMoved {
        let settings = self.settings.borrow().clone();
        let around = Around { door, stock: None, awaits_stock: false, own_unseen: 0 };
        let at = Utc::now();
        // What was committed and not published yet waits for the gate to keep its slots.
        let heads: Vec<LaneHead> = self
            .lanes
            .iter()
            // What was told of these is not known yet.
            .filter(|(number, _)| !self.adopted.contains(number))
            .map(|(number, lane)| LaneHead { lane: *number, head: lane.published, tail: lane.tail })
            .collect();
        HeadsMoved {
            room: self.room.clone(),
            at,
            claim_until: claim_until(at, settings.claim_window_secs),
            rate_per_sec: settings.rate_per_sec,
            from: heads.iter().map(|head| head.head).collect(),
            heads,
            drawn: self.consumer.is_drawn(),
            door_ms: Some(self.door_ms),
            door_open: door.is_open(),
            pace: Some(self.follower.report(&settings, around)),
            stock,
        }
    }

    /// Writes down what was just published, where it is time for that, or `now`. What fails is
    /// written with a later one: nothing that lets anybody in depends on it.
    async fn write_down(&mut self, moved: &HeadsMoved, now: bool) {
        let Some(snapshot) = self.snapshots.note(moved, now) else { return };
        if let Err(error) = self.snapshots.write(&self.producer, &snapshot).await {
            tracing::debug!(room = %self.room, error = format!("{error:#}"), "no snapshot");
        }
    }

    /// Writes down the last word of a controller that ends: of a room that closes nothing more is
    /// told.
    pub(super) async fn write_last(&mut self) {
        if self.lanes.is_empty() || self.asked_at.is_none() {
            return;
        }
        let signals = self.checkout.signals();
        let (door, stock) = (self.checkout.door(&signals), self.checkout.stock(&signals).cloned());
        let last = self.as_published(door, stock);
        self.write_down(&last, true).await;
    }

    fn note_published(&mut self, moved: &HeadsMoved, urgent: Urgent, is_tick: bool) {
        self.ticks.published(urgent, is_tick, moved.pace.is_some(), Instant::now());
        self.grants.published(&moved.heads);
        for head in &moved.heads {
            if let Some(lane) = self.lanes.get_mut(&head.lane) {
                lane.published = lane.published.max(head.head);
            }
        }
        if let Some(pace) = &moved.pace {
            report::show(&self.room, pace);
        }
        self.unpublished.clear();
    }
}
