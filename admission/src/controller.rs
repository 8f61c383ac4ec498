//! Moves one room's heads: fetch, ask the gate, commit, publish — in this order, so that whatever
//! is killed in between, a head that was published had been committed, and a place that was granted
//! but not committed is granted again.

mod admit;
mod consumer;
mod end_offsets;
mod follower;
mod grants;
mod publish;
mod report;
mod signals;
mod tick;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use kit::kafka::{Kafka, Producer};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    controller::{
        consumer::{GateMark, LANE_RECORDS_MAX, LaneConsumer},
        end_offsets::EndOffsets,
        follower::Follower,
        grants::Grants,
        signals::CheckoutListener,
        tick::Ticks,
    },
    gate::{GateSettings, GateState, redis::Gate},
    head::HEADS_TOPIC,
    lane::merge::Lane,
    pace::PaceReport,
    place::RoomName,
};

/// How often the gate is asked while fans wait.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// A lane of which nobody could see for so long what stands next holds the line back.
const UNSEEN_MS: i64 = 4_000;
/// After so long it is handed over.
const OUT_OF_SIGHT_MS: i64 = 5_000;
/// Whoever handed its lanes over asks for lanes again after so long.
const REJOIN_AFTER: Duration = Duration::from_secs(10);

/// One room's controller. Several of them, in as many processes, share a room's lanes.
pub struct Controller {
    room: RoomName,
    heads_topic: String,
    settings: watch::Receiver<GateSettings>,
    producer: Arc<Producer>,
    consumer: LaneConsumer,
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
    end_offsets: EndOffsets,
    /// Ends what looks beside the loop with the controller.
    _beside: DropGuard,
    ticks: Ticks,
    /// The latest door clock that is known.
    door_ms: i64,
    asked_at: Option<Instant>,
    rejoin_at: Option<Instant>,
}

impl Controller {
    pub fn new(
        kafka: &Kafka,
        gate: Gate,
        producer: Arc<Producer>,
        settings: watch::Receiver<GateSettings>,
    ) -> anyhow::Result<Self> {
        let (room, lanes, line) = {
            let settings = settings.borrow();
            (settings.room.clone(), settings.lanes, settings.line.clone())
        };
        let topic = kafka.name(&line.topic(&room));
        let consumer = LaneConsumer::new(kafka, &room, line)?;
        let (end_offsets, beside) = (EndOffsets::default(), CancellationToken::new());
        end_offsets.watch(kafka, topic, lanes, beside.clone())?;
        Ok(Self {
            heads_topic: kafka.name(HEADS_TOPIC),
            consumer,
            grants: Grants::new(room.clone(), gate.clone()),
            checkout: CheckoutListener::start(gate.signal_board(), room.clone(), beside.clone()),
            follower: Follower::default(),
            gate,
            room,
            settings,
            producer,
            lanes: BTreeMap::new(),
            uncommitted: BTreeMap::new(),
            adopted: Vec::new(),
            unpublished: Vec::new(),
            end_offsets,
            _beside: beside.drop_guard(),
            ticks: Ticks::default(),
            door_ms: 0,
            asked_at: None,
            rejoin_at: None,
        })
    }

    /// Runs until the room is closed or `stop` is called. Faults of Kafka and Redis are waited out.
    pub async fn run(mut self, stop: CancellationToken) {
        tracing::info!(room = %self.room, "admission controller started");
        let mut failing = false;
        while !stop.is_cancelled() && self.settings.borrow().state != GateState::Closed {
            self.fetch_until(Instant::now() + ASK_EVERY).await;
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
        report::show(&self.room, &PaceReport::default());
        self.consumer.leave().await;
        tracing::info!(room = %self.room, "admission controller stopped");
    }

    async fn fetch_until(&mut self, deadline: Instant) {
        while let Ok(received) =
            tokio::time::timeout_at(deadline.into(), self.consumer.recv()).await
        {
            let (number, record) = match received {
                Ok((number, Some(record))) => (number, record),
                Ok((number, None)) => {
                    let fetched = self.lanes.get(&number).map_or(0, |lane| lane.fetched);
                    self.consumer.rewind(number, fetched);
                    continue;
                }
                Err(error) => {
                    tracing::debug!(room = %self.room, %error, "fetching");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            // Lanes that changed hands are taken over first: their records belong to the new
            // beginning.
            if let Err(error) = self.adopt_changes().await {
                tracing::warn!(
                    room = %self.room,
                    error = format!("{error:#}"),
                    "taking over a lane"
                );
                self.consumer.rewind(number, record.offset);
                continue;
            }
            match self.lanes.get_mut(&number) {
                Some(lane) => {
                    if let Err(missing) = lane.fetch(record) {
                        self.consumer.rewind(number, missing);
                    }
                    self.consumer.pause_full(number, lane);
                }
                None => self.consumer.rewind(number, record.offset),
            }
        }
    }

    async fn step(&mut self) -> anyhow::Result<()> {
        self.follow_draw();
        self.adopt_changes().await?;
        self.look_up_adopted().await?;
        self.fetch_drawn();
        self.consumer.resume_drained(&self.lanes);
        self.commit().await?;
        self.note_ends()?;
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

    /// Takes over assigned lanes at their committed offsets and lets go of revoked ones.
    async fn adopt_changes(&mut self) -> anyhow::Result<()> {
        let changes = self.consumer.take_changes();
        for (index, (lane, assigned)) in changes.iter().enumerate() {
            let taken = if *assigned {
                self.take_over(*lane).await
            } else {
                self.lanes.remove(lane);
                self.uncommitted.remove(lane);
                self.grants.forget(*lane);
                self.consumer.forget(*lane);
                Ok(())
            };
            if let Err(error) = taken {
                self.consumer.put_back(changes.get(index..).unwrap_or_default());
                return Err(error);
            }
        }
        Ok(())
    }

    async fn take_over(&mut self, number: i32) -> anyhow::Result<()> {
        let position = self.consumer.position_of(number).await?;
        let (head, tail) = (position.head, position.tail);
        let GateMark { sequence, door_ms } = position.gate_mark;
        self.gate.note_sequence(&self.room, sequence);
        self.door_ms = self.door_ms.max(door_ms);
        self.consumer.wake(number);
        tracing::info!(room = %self.room, lane = number, head, tail, "lane taken over");
        let mut lane = Lane::starting_at(head, tail, position.looked_ms);
        // Until the gate was asked; readers pass over a head below the one that they know.
        lane.published = 0;
        self.lanes.insert(number, lane);
        self.adopted.push(number);
        self.unpublished.push(number);
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
    fn note_ends(&mut self) -> anyhow::Result<()> {
        for (number, end) in self.end_offsets.take() {
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
        self.hand_over_unseen()
    }

    /// Hands the lanes over where one of them cannot be seen from here: another controller may.
    /// Where none of several can be seen, Kafka is away from all.
    fn hand_over_unseen(&mut self) -> anyhow::Result<()> {
        let now_ms = Utc::now().timestamp_millis();
        let unseen = |lane: &Lane| lane.out_of_sight_ms(now_ms) > OUT_OF_SIGHT_MS;
        if let Some(at) = self.rejoin_at {
            if Instant::now() >= at {
                self.consumer.rejoin()?;
                self.rejoin_at = None;
            }
        } else if self.is_shared()
            && self.lanes.values().any(unseen)
            && (self.lanes.len() == 1 || !self.lanes.values().all(unseen))
        {
            tracing::warn!(room = %self.room, "a lane cannot be seen from here; handing over");
            self.consumer.hand_over();
            self.rejoin_at = Some(Instant::now() + REJOIN_AFTER);
        }
        Ok(())
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
