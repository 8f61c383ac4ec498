//! Moves one room's heads: fetch, ask the gate, commit, publish — in this order, so that whatever
//! is killed in between, a head that was published had been committed, and a place that was granted
//! but not committed is granted again.

mod consumer;
mod end_offsets;
mod grants;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use chrono::Utc;
use kit::kafka::{Kafka, Producer};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    controller::{consumer::LaneConsumer, end_offsets::EndOffsets, grants::Grants},
    gate::{GateSettings, GateState, claim_until, grant_until, redis::Gate},
    head::{HEADS_TOPIC, HeadsMoved, LaneHead, publish},
    lane::{
        line_topic,
        merge::{Lane, fronts, next_in_line},
    },
    place::RoomName,
};

/// How often the gate is asked while fans wait.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Heads are published again this often even if nothing moves, so that the topic's retention never
/// loses them.
const REPUBLISH_EVERY: Duration = Duration::from_secs(3600);

/// One room's controller. Several of them, in as many processes, share a room's lanes.
pub struct Controller {
    room: RoomName,
    heads_topic: String,
    settings: watch::Receiver<GateSettings>,
    producer: Arc<Producer>,
    consumer: LaneConsumer,
    grants: Grants,
    lanes: BTreeMap<i32, Lane>,
    /// Granted heads whose commit was not acknowledged yet.
    uncommitted: BTreeMap<i32, i64>,
    /// Lanes whose committed head or end was not published yet.
    unpublished: Vec<i32>,
    end_offsets: EndOffsets,
    /// Ends the looking at ends with the controller.
    _watching: DropGuard,
    published_at: Instant,
}

impl Controller {
    pub fn new(
        kafka: &Kafka,
        gate: Gate,
        producer: Arc<Producer>,
        settings: watch::Receiver<GateSettings>,
    ) -> anyhow::Result<Self> {
        let (room, lanes) = {
            let settings = settings.borrow();
            (settings.room.clone(), settings.lanes)
        };
        let consumer = LaneConsumer::new(kafka, &room)?;
        let (end_offsets, watching) = (EndOffsets::default(), CancellationToken::new());
        end_offsets.watch(kafka, kafka.name(&line_topic(&room)), lanes, watching.clone())?;
        Ok(Self {
            heads_topic: kafka.name(HEADS_TOPIC),
            consumer,
            grants: Grants::new(room.clone(), gate),
            room,
            settings,
            producer,
            lanes: BTreeMap::new(),
            uncommitted: BTreeMap::new(),
            unpublished: Vec::new(),
            end_offsets,
            _watching: watching.drop_guard(),
            published_at: Instant::now(),
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
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
        self.consumer.leave().await;
        tracing::info!(room = %self.room, "admission controller stopped");
    }

    async fn fetch_until(&mut self, deadline: Instant) {
        while let Ok(received) =
            tokio::time::timeout_at(deadline.into(), self.consumer.recv()).await
        {
            let (number, record) = match received {
                Ok(received) => received,
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
        self.adopt_changes().await?;
        self.consumer.resume_drained(&self.lanes);
        self.commit().await?;
        self.note_ends();
        self.publish_heads().await?;
        self.admit().await?;
        self.commit().await?;
        self.publish_heads().await
    }

    /// Takes over assigned lanes at their committed offsets and lets go of revoked ones.
    async fn adopt_changes(&mut self) -> anyhow::Result<()> {
        let changes = self.consumer.take_changes();
        for (index, (lane, assigned)) in changes.iter().enumerate() {
            if !assigned {
                self.lanes.remove(lane);
                self.uncommitted.remove(lane);
                self.grants.forget(*lane);
                self.consumer.forget(*lane);
                continue;
            }
            match self.consumer.position_of(*lane).await {
                Ok((head, tail)) => {
                    self.consumer.wake(*lane);
                    tracing::info!(room = %self.room, lane, head, tail, "lane taken over");
                    self.lanes.insert(*lane, Lane::starting_at(head, tail));
                    self.grants.adopt(*lane);
                    self.unpublished.push(*lane);
                }
                Err(error) => {
                    self.consumer.put_back(changes.get(index..).unwrap_or_default());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Takes in where the lanes end, and marks for publication what fans should learn of.
    fn note_ends(&mut self) {
        let again = self.published_at.elapsed() >= REPUBLISH_EVERY;
        for (number, tail) in self.end_offsets.take() {
            let Some(lane) = self.lanes.get_mut(&number) else { continue };
            // Known for a second to have more, and nothing came: ask again.
            if lane.waiting.is_empty() && lane.fetched < lane.tail {
                self.consumer.rewind(number, lane.fetched);
            }
            if lane.tail < tail || lane.fetched > lane.head || again {
                lane.tail = lane.tail.max(tail);
                self.unpublished.push(number);
            }
        }
    }

    /// Asks the gate and notes the new heads as granted.
    async fn admit(&mut self) -> anyhow::Result<()> {
        let settings = self.settings.borrow().clone();
        if self.lanes.is_empty() || settings.state != GateState::Running {
            return Ok(());
        }
        let want = (settings.rate_per_sec * ASK_EVERY.as_secs_f64() * 10.0)
            .ceil()
            .clamp(1.0, 1000.0) as usize;
        let candidates = next_in_line(&self.lanes, want);
        let granted = self.grants.ask(&settings, &fronts(&self.lanes), &candidates).await?;
        for candidate in candidates.iter().take(granted) {
            self.uncommitted.insert(candidate.lane, candidate.record.offset + 1);
        }
        metrics::counter!("fairgate_admitted_total", "room" => self.room.to_string())
            .increment(granted as u64);
        Ok(())
    }

    /// Commits granted heads and waits for the acknowledgement; only then do the heads move.
    async fn commit(&mut self) -> anyhow::Result<()> {
        if self.uncommitted.is_empty() {
            return Ok(());
        }
        self.consumer.commit(&self.uncommitted).await?;
        for (number, head) in std::mem::take(&mut self.uncommitted) {
            if let Some(lane) = self.lanes.get_mut(&number) {
                lane.admit_until(head);
                self.unpublished.push(number);
            }
        }
        Ok(())
    }

    /// Publishes the committed heads of changed lanes. What fails stays on the list: heads are
    /// absolute.
    async fn publish_heads(&mut self) -> anyhow::Result<()> {
        self.unpublished.sort_unstable();
        self.unpublished.dedup();
        let heads: Vec<LaneHead> = self
            .unpublished
            .iter()
            .filter_map(|number| {
                let lane = self.lanes.get(number)?;
                Some(LaneHead { lane: *number, head: lane.head, tail: lane.tail })
            })
            .collect();
        if !heads.is_empty() {
            let (rate_per_sec, window) = {
                let settings = self.settings.borrow();
                (settings.rate_per_sec, settings.claim_window_secs)
            };
            let at = Utc::now();
            let claim_until = claim_until(at, window);
            self.grants
                .keep_slots(&heads, grant_until(claim_until))
                .await
                .context("keeping the slots of those let in")?;
            let moved =
                HeadsMoved { room: self.room.clone(), at, claim_until, rate_per_sec, heads };
            publish(&self.producer, &self.heads_topic, &moved).await.context("publishing heads")?;
            self.published_at = Instant::now();
            self.grants.published(&moved.heads);
        }
        self.unpublished.clear();
        Ok(())
    }
}
