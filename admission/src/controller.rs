//! Moves one room's heads: fetch, ask the gate, commit, publish — in this order, so that whatever
//! is killed in between, a head that was published had been committed, and a place that was granted
//! but not committed is granted again.

mod end_offsets;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use chrono::{DateTime, Utc};
use kit::kafka::{Kafka, Producer};
use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer},
};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    controller::end_offsets::EndOffsets,
    gate::{GateSettings, GateState, claim_until, grant_until, redis::Gate},
    head::{HEADS_TOPIC, HeadsMoved, LaneHead, publish},
    lane::{
        admission_group, line_topic,
        merge::{Lane, Waiting, fronts, next_in_line},
    },
    place::RoomName,
};

/// How often the gate is asked while fans wait.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Heads are published again this often even if nothing moves, so that the topic's retention never
/// loses them.
const REPUBLISH_EVERY: Duration = Duration::from_secs(3600);
const CALL: Duration = Duration::from_secs(5);
/// A lane stops fetching when it holds so many records, and goes on when it holds a quarter.
const LANE_RECORDS_MAX: usize = 2000;

/// Lanes that were assigned or taken away and not looked at yet.
#[derive(Default)]
struct Changes(Mutex<Vec<(i32, bool)>>);

impl ClientContext for Changes {}

impl ConsumerContext for Changes {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let (list, assigned) = match rebalance {
            Rebalance::Assign(list) => (list, true),
            Rebalance::Revoke(list) => (list, false),
            Rebalance::Error(error) => {
                tracing::warn!(%error, "rebalance failed");
                return;
            }
        };
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        changes.extend(list.elements().iter().map(|lane| (lane.partition(), assigned)));
    }
}

/// Whether fans may have heard that they are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    Untold,
    /// Publishing was tried, and nobody knows what became of it.
    Tried,
}

/// One room's controller. Several of them, in as many processes, share a room's lanes.
pub struct Controller {
    room: RoomName,
    topic: String,
    heads_topic: String,
    settings: watch::Receiver<GateSettings>,
    gate: Gate,
    producer: Arc<Producer>,
    consumer: Arc<StreamConsumer<Changes>>,
    lanes: BTreeMap<i32, Lane>,
    paused: Vec<i32>,
    epoch: String,
    /// What was granted and is neither claimed nor over, as far as this controller knows.
    recent: BTreeMap<(i32, i64), DateTime<Utc>>,
    /// Granted places that no head has passed of which it is known that it was published. Their
    /// window begins when one does, and their grants with it.
    unheard: BTreeMap<(i32, i64), Telling>,
    /// Lanes taken over whose head was not published since: some of their grants may be unheard of
    /// too.
    adopted: BTreeSet<i32>,
    /// Granted heads whose commit was not acknowledged yet.
    uncommitted: BTreeMap<i32, i64>,
    /// Lanes whose committed head or tail was not published yet.
    unpublished: Vec<i32>,
    tails: EndOffsets,
    /// Ends the looking at tails with the controller.
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
        let room = settings.borrow().room.clone();
        let topic = kafka.name(&line_topic(&room));
        let consumer: StreamConsumer<Changes> =
            kafka.consumer(&admission_group(&room), Changes::default())?;
        consumer.subscribe(&[&topic]).context("subscribing to the line")?;
        let (tails, watching) = (EndOffsets::default(), CancellationToken::new());
        let lanes = settings.borrow().lanes;
        tails.watch(kafka, topic.clone(), lanes, watching.clone())?;
        Ok(Self {
            heads_topic: kafka.name(HEADS_TOPIC),
            consumer: Arc::new(consumer),
            room,
            topic,
            settings,
            gate,
            producer,
            lanes: BTreeMap::new(),
            paused: Vec::new(),
            epoch: String::new(),
            recent: BTreeMap::new(),
            unheard: BTreeMap::new(),
            adopted: BTreeSet::new(),
            uncommitted: BTreeMap::new(),
            unpublished: Vec::new(),
            tails,
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
        // Leaving the group in good order hands the lanes over at once. It may block, so it has a
        // thread of its own.
        let consumer = self.consumer;
        let left = tokio::task::spawn_blocking(move || {
            consumer.unsubscribe();
            drop(consumer);
        });
        let _ = tokio::time::timeout(CALL, left).await;
        tracing::info!(room = %self.room, "admission controller stopped");
    }

    async fn fetch_until(&mut self, deadline: Instant) {
        while let Ok(received) =
            tokio::time::timeout_at(deadline.into(), self.consumer.recv()).await
        {
            let (lane, record) = match received {
                Ok(message) => {
                    let joined_ms = message.timestamp().to_millis().unwrap_or_default();
                    (message.partition(), Waiting { offset: message.offset(), joined_ms })
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
                self.rewind(lane, record.offset);
                continue;
            }
            let missing = match self.lanes.get_mut(&lane) {
                Some(lane) => lane.fetch(record).err(),
                None => Some(record.offset),
            };
            if let Some(offset) = missing {
                self.rewind(lane, offset);
            }
            if self.lanes.get(&lane).is_some_and(|lane| lane.waiting.len() >= LANE_RECORDS_MAX) {
                self.pause(lane);
            }
        }
    }

    /// Asks for a record again that could not be taken in.
    fn rewind(&self, lane: i32, offset: i64) {
        // Without a timeout it only asks; should it fail, the next gap or look at the tails asks
        // again.
        let _ = self.consumer.seek(&self.topic, lane, Offset::Offset(offset), Duration::ZERO);
    }

    fn list(&self, lanes: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for lane in lanes {
            list.add_partition(&self.topic, *lane);
        }
        list
    }

    fn pause(&mut self, lane: i32) {
        if !self.paused.contains(&lane) && self.consumer.pause(&self.list(&[lane])).is_ok() {
            self.paused.push(lane);
        }
    }

    fn resume_drained(&mut self) {
        let low = |lane: &i32| {
            self.lanes.get(lane).is_none_or(|lane| lane.waiting.len() <= LANE_RECORDS_MAX / 4)
        };
        let drained: Vec<i32> = self.paused.iter().copied().filter(low).collect();
        if !drained.is_empty() && self.consumer.resume(&self.list(&drained)).is_ok() {
            self.paused.retain(|lane| !drained.contains(lane));
        }
    }

    async fn step(&mut self) -> anyhow::Result<()> {
        self.adopt_changes().await?;
        self.resume_drained();
        self.commit().await?;
        self.note_tails();
        self.publish_heads().await?;
        self.admit().await?;
        self.commit().await?;
        self.publish_heads().await
    }

    /// Takes over assigned lanes at their committed offsets and lets go of revoked ones.
    async fn adopt_changes(&mut self) -> anyhow::Result<()> {
        let changes: Vec<(i32, bool)> = {
            let mut changes =
                self.consumer.context().0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *changes)
        };
        for (index, (lane, assigned)) in changes.iter().enumerate() {
            if !assigned {
                self.lanes.remove(lane);
                self.uncommitted.remove(lane);
                self.unheard.retain(|(granted, _), _| granted != lane);
                self.adopted.remove(lane);
                self.paused.retain(|paused| paused != lane);
                continue;
            }
            match self.position_of(*lane).await {
                Ok((head, tail)) => {
                    // A pause outlives the assignment in librdkafka; a lane that came back must not
                    // stay silent.
                    let _ = self.consumer.resume(&self.list(&[*lane]));
                    tracing::info!(room = %self.room, lane, head, tail, "lane taken over");
                    self.lanes.insert(*lane, Lane::starting_at(head, tail));
                    self.adopted.insert(*lane);
                    self.unpublished.push(*lane);
                }
                Err(error) => {
                    let mut waiting =
                        self.consumer.context().0.lock().unwrap_or_else(PoisonError::into_inner);
                    waiting.splice(0..0, changes.get(index..).unwrap_or_default().iter().copied());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// A lane's committed offset (or its beginning) and its end.
    async fn position_of(&self, lane: i32) -> anyhow::Result<(i64, i64)> {
        let (consumer, list, topic) =
            (self.consumer.clone(), self.list(&[lane]), self.topic.clone());
        tokio::task::spawn_blocking(move || {
            let committed = consumer.committed_offsets(list, CALL)?;
            let (low, high) = consumer.fetch_watermarks(&topic, lane, CALL)?;
            let head = match committed.find_partition(&topic, lane).map(|found| found.offset()) {
                Some(Offset::Offset(offset)) => offset,
                _ => low,
            };
            Ok((head, high))
        })
        .await?
    }

    /// Takes in where the lanes end, and marks for publication what fans should learn of.
    fn note_tails(&mut self) {
        let again = self.published_at.elapsed() >= REPUBLISH_EVERY;
        for (number, tail) in self.tails.take() {
            // Known for a second to have more, and nothing came: ask again.
            if let Some(lane) = self.lanes.get(&number)
                && lane.waiting.is_empty()
                && lane.fetched < lane.tail
            {
                self.rewind(number, lane.fetched);
            }
            if let Some(lane) = self.lanes.get_mut(&number)
                && (lane.tail < tail || lane.fetched > lane.head || again)
            {
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
        let grant = self
            .gate
            .ask(&settings, &fronts(&self.lanes), &candidates)
            .await
            .context("asking the gate")?;
        let now = Utc::now();
        self.recent.retain(|_, until| *until > now);
        if grant.epoch != self.epoch {
            let remembered = self.recent.iter().map(|(place, until)| (*place, *until));
            self.gate.regrant(&self.room, remembered).await.context("putting grants back")?;
            self.epoch = grant.epoch;
        }
        let until = grant_until(claim_until(now, settings.claim_window_secs));
        for candidate in candidates.iter().take(grant.count) {
            let place = (candidate.lane, candidate.record.offset);
            self.uncommitted.insert(candidate.lane, candidate.record.offset + 1);
            self.recent.insert(place, until);
            self.unheard.insert(place, Telling::Untold);
        }
        metrics::counter!("fairgate_admitted_total", "room" => self.room.to_string())
            .increment(grant.count as u64);
        Ok(())
    }

    /// Commits granted heads and waits for the acknowledgement; only then do the heads move.
    async fn commit(&mut self) -> anyhow::Result<()> {
        if self.uncommitted.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for (lane, head) in &self.uncommitted {
            list.add_partition_offset(&self.topic, *lane, Offset::Offset(*head))?;
        }
        let consumer = self.consumer.clone();
        tokio::task::spawn_blocking(move || consumer.commit(&list, CommitMode::Sync))
            .await?
            .context("committing heads")?;
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
            self.keep_slots(&heads, grant_until(claim_until))
                .await
                .context("keeping the slots of those let in")?;
            let moved =
                HeadsMoved { room: self.room.clone(), at, claim_until, rate_per_sec, heads };
            publish(&self.producer, &self.heads_topic, &moved).await.context("publishing heads")?;
            self.published_at = Instant::now();
            for head in &moved.heads {
                self.unheard.retain(|(lane, offset), _| *lane != head.lane || *offset >= head.head);
                self.adopted.remove(&head.lane);
            }
        }
        self.unpublished.clear();
        Ok(())
    }

    /// Makes the grants of places that these heads are the first to pass last as long as their
    /// passes can, however long committing and publishing took since they were granted. A grant
    /// that is gone is put back only before the first try to publish: after it, its fan may be
    /// inside with it.
    async fn keep_slots(&mut self, heads: &[LaneHead], until: DateTime<Utc>) -> anyhow::Result<()> {
        let head_of: BTreeMap<i32, i64> = heads.iter().map(|head| (head.lane, head.head)).collect();
        let passed =
            |(lane, offset): &(i32, i64)| head_of.get(lane).is_some_and(|head| offset < head);
        let (mut untold, mut tried) = (Vec::new(), Vec::new());
        for (place, telling) in self.unheard.iter().filter(|(place, _)| passed(place)) {
            if *telling == Telling::Untold { untold.push(*place) } else { tried.push(*place) }
        }
        self.recent.extend(untold.iter().chain(&tried).map(|place| (*place, until)));
        self.gate.regrant(&self.room, untold.iter().map(|place| (*place, until))).await?;
        self.gate.prolong(&self.room, tried.iter().map(|place| (*place, until))).await?;
        for lane in self.adopted.iter().filter(|lane| head_of.contains_key(lane)) {
            self.gate.extend(&self.room, *lane, until).await?;
        }
        for place in untold {
            self.unheard.insert(place, Telling::Tried);
        }
        Ok(())
    }
}
