//! Moves one room's heads: fetch, ask the gate, commit, publish — in this order, so that whatever
//! is killed in between, a head that was published had been committed, and a place that was granted
//! but not committed is granted again.

mod admit;
mod consumer;
mod end_offsets;
mod follower;
mod grants;
mod leases;
mod publish;
mod records;
mod report;
mod rest;
pub(crate) mod shared;
mod signals;
mod snapshots;
mod tick;
mod words;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use kit::kafka::Producer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    controller::{
        consumer::{GateMark, LANE_RECORDS_MAX, LaneConsumer, Position},
        follower::Follower,
        grants::Grants,
        records::LaneRecord,
        shared::{Shared, Sight},
        signals::CheckoutListener,
        snapshots::Snapshots,
        tick::Ticks,
    },
    gate::{GateSettings, GateState, redis::Gate},
    head::HEADS_TOPIC,
    lane::merge::Lane,
    pace::PaceReport,
    place::RoomName,
};

/// A lane of which nobody could see for so long what stands next holds the line back.
const UNSEEN_MS: i64 = 4_000;
/// After so long it counts as out of sight from here ([`Shared::see_to_sight`]).
const OUT_OF_SIGHT_MS: i64 = 5_000;
/// How often heads that did not move are committed again: Kafka forgets what a group committed of a
/// topic that it does not subscribe to, after a week by default.
const KEEP_EVERY: Duration = Duration::from_secs(6 * 3600);

/// One room's controller. Several of them, in as many processes, share the lanes of a room that has
/// many.
pub struct Controller {
    room: RoomName,
    heads_topic: String,
    settings: watch::Receiver<GateSettings>,
    producer: Arc<Producer>,
    consumer: LaneConsumer,
    leases_changed: watch::Receiver<()>,
    gate: Gate,
    grants: Grants,
    checkout: CheckoutListener,
    follower: Follower,
    lanes: BTreeMap<i32, Lane>,
    /// Granted heads whose commit was not acknowledged yet.
    uncommitted: BTreeMap<i32, i64>,
    /// Lanes taken over of which the gate was not asked yet.
    adopted: Vec<i32>,
    /// Lanes whose committed head or end was not published yet.
    unpublished: Vec<i32>,
    /// The heads that the gate knows as published, in the epoch of its last answer.
    told: BTreeMap<i32, i64>,
    shared: Arc<Shared>,
    snapshots: Snapshots,
    ticks: Ticks,
    /// The latest door clock that is known.
    door_ms: i64,
    asked_at: Option<Instant>,
    /// Whether the gate was last asked for somebody.
    asked_for_some: bool,
    /// When the gate is to be asked again although nothing else happens; `None`: only with a tick.
    ask_due: Option<Instant>,
    kept_at: Instant,
}

impl Controller {
    pub fn new(
        shared: Arc<Shared>,
        gate: Gate,
        producer: Arc<Producer>,
        settings: watch::Receiver<GateSettings>,
    ) -> Self {
        let (room, line) = {
            let settings = settings.borrow();
            (settings.room.clone(), settings.line.clone())
        };
        Self {
            heads_topic: shared.kafka.name(HEADS_TOPIC),
            consumer: LaneConsumer::new(shared.clone(), &room, line),
            leases_changed: shared.leases.changes(),
            grants: Grants::new(room.clone(), gate.clone()),
            checkout: CheckoutListener::start(&shared.words, &room),
            follower: Follower::default(),
            gate,
            settings,
            producer,
            lanes: BTreeMap::new(),
            uncommitted: BTreeMap::new(),
            adopted: Vec::new(),
            unpublished: Vec::new(),
            told: BTreeMap::new(),
            snapshots: Snapshots::new(shared.kafka.name(snapshots::topic()), &room),
            shared,
            room,
            ticks: Ticks::default(),
            door_ms: 0,
            asked_at: None,
            asked_for_some: false,
            ask_due: None,
            kept_at: Instant::now(),
        }
    }

    /// Runs until the room is closed or `stop` is called. Faults of Kafka and Redis are waited out.
    pub async fn run(mut self, stop: CancellationToken) {
        tracing::info!(room = %self.room, "admission controller started");
        let mut failing = false;
        while !stop.is_cancelled() && self.settings.borrow().state != GateState::Closed {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.fetch_until_due() => {}
            }
            match self.step().await {
                Ok(()) if failing => {
                    failing = false;
                    tracing::info!(room = %self.room, "admission works again");
                }
                Ok(()) => {}
                Err(error) => {
                    if !failing {
                        tracing::warn!(
                            room = %self.room,
                            error = format!("{error:#}"),
                            "admission waits"
                        );
                    }
                    failing = true;
                    if error.is::<redis::RedisError>()
                        && let Err(error) = self.tick_without_gate().await
                    {
                        tracing::debug!(room = %self.room, error = format!("{error:#}"), "no tick");
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
        self.write_last().await;
        report::show(&self.room, &PaceReport::default());
        self.shared.note_sight(&self.room, Sight::default());
        tracing::info!(room = %self.room, "admission controller stopped");
    }

    /// Takes in what comes until the next step is due: at once where nobody waited and somebody
    /// does, where leases changed hands, or settings.
    async fn fetch_until_due(&mut self) {
        let (deadline, nobody_waits) = (Instant::now() + self.rest(), !self.has_waiting());
        loop {
            let came = tokio::select! {
                Some(record) = self.consumer.next() => record,
                Ok(()) = self.leases_changed.changed() => return,
                // Where nobody will change them any more the controller ends with its process.
                Ok(()) = self.settings.changed() => return,
                () = tokio::time::sleep_until(deadline.into()) => return,
            };
            self.take_in(came);
            while let Some(record) = self.consumer.try_recv() {
                self.take_in(record);
            }
            if nobody_waits {
                return;
            }
        }
    }

    fn take_in(&mut self, record: LaneRecord) {
        // One that was sent before the lane was lost is read by its new owner.
        let Some(lane) = self.lanes.get_mut(&record.lane) else { return };
        match self.consumer.waiting(record) {
            Some(waiting) => {
                if let Err(missing) = lane.fetch(waiting) {
                    self.consumer.rewind(record.lane, missing);
                }
                self.consumer.pause_full(record.lane, lane);
            }
            // It was drawn.
            None => self.consumer.rewind(record.lane, lane.fetched),
        }
    }

    async fn step(&mut self) -> anyhow::Result<()> {
        self.follow_draw();
        self.adopt_changes().await?;
        self.look_up_adopted().await?;
        self.fetch_drawn();
        self.consumer.resume_drained(&self.lanes);
        self.keep_heads();
        self.commit().await?;
        self.note_ends();
        self.publish_heads().await?;
        self.admit().await?;
        self.commit().await?;
        self.publish_heads().await
    }

    /// Takes in the draw once it was made: lanes begin anew, and count turns.
    fn follow_draw(&mut self) {
        let cohort = self.settings.borrow().cohort.clone();
        if !self.consumer.follow_cohort(cohort.as_ref()) {
            return;
        }
        for (number, lane) in &mut self.lanes {
            let tail = self.consumer.turns(*number).tail(lane.tail);
            let published = lane.published;
            *lane = Lane { published, ..Lane::starting_at(lane.head, tail, lane.looked_ms) };
            self.consumer.rewind(*number, lane.fetched);
            self.unpublished.push(*number);
        }
        tracing::info!(room = %self.room, "the draw was made");
    }

    /// Those who were drawn wait without having been read.
    fn fetch_drawn(&mut self) {
        for (number, lane) in &mut self.lanes {
            lane.fetch_drawn(self.consumer.turns(*number), LANE_RECORDS_MAX / 2);
            self.consumer.pause_full(*number, lane);
        }
    }

    /// Lets go of lanes whose lease this process lost, and takes over those that it got at their
    /// committed offsets.
    async fn adopt_changes(&mut self) -> anyhow::Result<()> {
        let lanes = self.settings.borrow().lanes;
        let (gone, new) = self.consumer.changes(lanes);
        for lane in gone {
            self.lanes.remove(&lane);
            self.uncommitted.remove(&lane);
            self.adopted.retain(|adopted| *adopted != lane);
            self.told.remove(&lane);
            self.grants.forget(lane);
            self.consumer.forget(lane);
        }
        if new.is_empty() {
            return Ok(());
        }
        for position in self.consumer.positions_of(&new).await? {
            self.take_over(&position)?;
        }
        Ok(())
    }

    fn take_over(&mut self, position: &Position) -> anyhow::Result<()> {
        let Position { lane: number, head, tail, .. } = *position;
        let GateMark { sequence, door_ms } = position.gate_mark;
        self.gate.note_sequence(&self.room, sequence);
        self.door_ms = self.door_ms.max(door_ms);
        self.consumer.take(position)?;
        tracing::info!(room = %self.room, lane = number, head, tail, "lane taken over");
        let mut lane = Lane::starting_at(head, tail, position.looked_ms);
        // Until the gate was asked; readers pass over a head below the one that they know.
        lane.published = 0;
        self.lanes.insert(number, lane);
        self.adopted.push(number);
        self.unpublished.push(number);
        self.ask_due = Some(Instant::now());
        Ok(())
    }

    /// Asks the gate what was told and granted of the lanes taken over: what their last owner
    /// committed and did not publish is told now. A gate that was lost does not know: nothing is
    /// left to be told then, and any grant may be unheard of.
    async fn look_up_adopted(&mut self) -> anyhow::Result<()> {
        while let Some(number) = self.adopted.last().copied() {
            if let Some(lane) = self.lanes.get_mut(&number) {
                let told = self.gate.published_head(&self.room, number).await?;
                self.grants.adopt(number, told.unwrap_or(0)).await?;
                lane.published = told.unwrap_or(lane.head).min(lane.head);
            }
            self.adopted.pop();
        }
        Ok(())
    }

    /// Takes in where the lanes end, and marks for publication what fans should learn of.
    fn note_ends(&mut self) {
        for (number, end) in self.consumer.take_ends() {
            let tail = self.consumer.turns(number).tail(end.tail);
            let Some(lane) = self.lanes.get_mut(&number) else { continue };
            if lane.tail < tail {
                self.unpublished.push(number);
            }
            lane.look(tail, end.looked_ms);
            // Known for a second to have more, and nothing came: ask again.
            if lane.behind_since_ms > 0 && end.looked_ms - lane.behind_since_ms >= 1000 {
                lane.behind_since_ms = end.looked_ms;
                self.consumer.rewind(number, lane.fetched);
            }
        }
        let now_ms = Utc::now().timestamp_millis();
        let unseen = |lane: &&Lane| lane.out_of_sight_ms(now_ms) > OUT_OF_SIGHT_MS;
        let unseen = self.lanes.values().filter(unseen).count();
        self.shared.note_sight(&self.room, Sight { lanes: self.lanes.len(), unseen });
    }

    /// Heads that stand still for hours are committed again.
    fn keep_heads(&mut self) {
        if self.kept_at.elapsed() >= KEEP_EVERY {
            self.kept_at = Instant::now();
            for (number, lane) in &self.lanes {
                self.uncommitted.entry(*number).or_insert(lane.head);
            }
        }
    }

    /// How many of the lanes here nobody could see for [`UNSEEN_MS`]: whoever waits behind their
    /// fronts waits for them.
    fn unseen_lanes(&self) -> i64 {
        if !self.is_busy() {
            return 0;
        }
        let now_ms = Utc::now().timestamp_millis();
        let unseen = |lane: &&Lane| lane.out_of_sight_ms(now_ms) > UNSEEN_MS;
        self.lanes.values().filter(unseen).count() as i64
    }

    /// Whether other controllers have some of the room's lanes.
    fn is_shared(&self) -> bool {
        self.lanes.len() < usize::try_from(self.settings.borrow().lanes).unwrap_or_default()
    }
}
