//! The lanes that a controller reads: fetching, holding back, taking over, handing on.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use anyhow::Context;
use chrono::Utc;
use kit::kafka::Kafka;
use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer},
    error::KafkaResult,
};

use crate::{
    draw::cohort::Cohort,
    lane::{
        line_at::LineAt,
        merge::{Lane, Waiting},
        turns::LaneTurns,
    },
    place::RoomName,
};

const CALL: Duration = Duration::from_secs(5);
/// A lane stops fetching when it holds so many records, and goes on when it holds a quarter.
pub const LANE_RECORDS_MAX: usize = 2000;

/// Lanes that were assigned (`true`) or taken away and not looked at yet.
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
        let mut changes = self.0.lock();
        changes.extend(list.elements().iter().map(|lane| (lane.partition(), assigned)));
    }
}

/// How far a gate was seen when a head was committed: kept with the commit, so that a gate that is
/// behind it is recognised by controllers that started later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GateMark {
    pub sequence: i64,
    pub door_ms: i64,
}

impl fmt::Display for GateMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sequence, self.door_ms)
    }
}

impl GateMark {
    /// `None` for a commit of an earlier version.
    fn parse(text: &str) -> Option<Self> {
        let (sequence, door_ms) = text.split_once(' ')?;
        Some(Self { sequence: sequence.parse().ok()?, door_ms: door_ms.parse().ok()? })
    }
}

/// Where a lane stands in Kafka.
pub struct Position {
    /// Its committed offset, or its beginning.
    pub head: i64,
    pub tail: i64,
    /// When its end was looked at.
    pub looked_ms: i64,
    pub gate_mark: GateMark,
}

/// Reads those lanes of a room's line that the consumer group gives it.
pub struct LaneConsumer {
    topic: String,
    /// Which of the room's lines it is: positions go on from the earlier one's.
    line: LineAt,
    /// Whom a draw has ordered: positions, and what is fetched, are turns then.
    cohort: Option<Cohort>,
    consumer: Arc<StreamConsumer<Changes>>,
    paused: Vec<i32>,
}

impl LaneConsumer {
    /// # Errors
    /// When the Kafka client cannot be made.
    pub fn new(kafka: &Kafka, room: &RoomName, line: LineAt) -> anyhow::Result<Self> {
        let topic = kafka.name(&line.topic(room));
        let consumer: StreamConsumer<Changes> =
            kafka.consumer(&line.group(room), Changes::default())?;
        consumer.subscribe(&[&topic]).context("subscribing to the line")?;
        Ok(Self { topic, line, cohort: None, consumer: Arc::new(consumer), paused: Vec::new() })
    }

    /// Takes in whom a draw has ordered; `true` where it was not known.
    pub fn follow_cohort(&mut self, cohort: Option<&Cohort>) -> bool {
        let is_new = self.cohort.as_ref() != cohort;
        if is_new {
            self.cohort = cohort.cloned();
        }
        is_new
    }

    /// Whether a draw has ordered those who came before it.
    pub fn is_drawn(&self) -> bool {
        self.cohort.is_some()
    }

    /// How a lane's records become turns.
    pub fn turns(&self, lane: i32) -> LaneTurns {
        LaneTurns::of(self.cohort.as_ref(), lane).from_base(self.line.base(lane))
    }

    /// The next record of any lane, with its lane; `None` where it was drawn, and has its turn
    /// without being read.
    pub async fn recv(&self) -> KafkaResult<(i32, Option<Waiting>)> {
        let message = self.consumer.recv().await?;
        let joined_ms = message.timestamp().to_millis().unwrap_or_default();
        let lane = message.partition();
        let turn = self.turns(lane).turn(message.offset());
        Ok((lane, turn.map(|offset| Waiting { offset, joined_ms })))
    }

    /// Asks for a record again that could not be taken in.
    pub fn rewind(&self, lane: i32, offset: i64) {
        let offset = self.turns(lane).offset(offset);
        // Without a timeout it only asks; should it fail, the next gap or look at the ends asks
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

    /// Fetches no more of a lane that holds many records.
    pub fn pause_full(&mut self, number: i32, lane: &Lane) {
        let is_drawn = self.turns(number).is_drawn(lane.fetched);
        if (lane.waiting.len() >= LANE_RECORDS_MAX || is_drawn)
            && !self.paused.contains(&number)
            && self.consumer.pause(&self.list(&[number])).is_ok()
        {
            self.paused.push(number);
        }
    }

    /// Fetches again what was paused and is nearly empty, or gone.
    pub fn resume_drained(&mut self, lanes: &BTreeMap<i32, Lane>) {
        let low = |lane: &i32| {
            lanes.get(lane).is_none_or(|known| {
                let is_drawn = self.turns(*lane).is_drawn(known.fetched);
                !is_drawn && known.waiting.len() <= LANE_RECORDS_MAX / 4
            })
        };
        let drained: Vec<i32> = self.paused.iter().copied().filter(low).collect();
        if !drained.is_empty() && self.consumer.resume(&self.list(&drained)).is_ok() {
            self.paused.retain(|lane| !drained.contains(lane));
        }
    }

    /// Takes the lanes that were assigned (`true`) or taken away since the last time.
    pub fn take_changes(&self) -> Vec<(i32, bool)> {
        let mut changes = self.consumer.context().0.lock();
        std::mem::take(&mut *changes)
    }

    /// Puts back, before what came meanwhile, the changes that could not be followed.
    pub fn put_back(&self, changes: &[(i32, bool)]) {
        let mut waiting = self.consumer.context().0.lock();
        waiting.splice(0..0, changes.iter().copied());
    }

    /// Forgets a lane that was taken away.
    pub fn forget(&mut self, lane: i32) {
        self.paused.retain(|paused| *paused != lane);
    }

    /// Makes an assigned lane fetch: a pause outlives the assignment in librdkafka, and a lane that
    /// came back must not stay silent.
    pub fn wake(&self, lane: i32) {
        let _ = self.consumer.resume(&self.list(&[lane]));
    }

    /// Where a lane stands.
    pub async fn position_of(&self, lane: i32) -> anyhow::Result<Position> {
        let (consumer, list, topic) =
            (self.consumer.clone(), self.list(&[lane]), self.topic.clone());
        let (turns, base) = (self.turns(lane), self.line.base(lane));
        tokio::task::spawn_blocking(move || {
            let committed = consumer.committed_offsets(list, CALL)?;
            let looked_ms = Utc::now().timestamp_millis();
            let (low, tail) = consumer.fetch_watermarks(&topic, lane, CALL)?;
            let found = committed.find_partition(&topic, lane);
            let gate_mark = found
                .as_ref()
                .and_then(|found| GateMark::parse(found.metadata()))
                .unwrap_or_default();
            let head = match found.map(|found| found.offset()) {
                Some(Offset::Offset(offset)) => offset,
                _ => match base {
                    0 => low,
                    _ => turns.tail(low),
                },
            };
            Ok(Position { head, tail: turns.tail(tail), looked_ms, gate_mark })
        })
        .await?
    }

    /// Commits heads by lane, with how far the gate was seen, and waits for the acknowledgement.
    pub async fn commit(
        &self,
        heads: &BTreeMap<i32, i64>,
        gate_mark: GateMark,
    ) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::new();
        for (lane, head) in heads {
            let mut element = list.add_partition(&self.topic, *lane);
            element.set_offset(Offset::Offset(*head))?;
            element.set_metadata(gate_mark.to_string());
        }
        let consumer = self.consumer.clone();
        tokio::task::spawn_blocking(move || consumer.commit(&list, CommitMode::Sync))
            .await?
            .context("committing heads")
    }

    /// Hands all lanes over to other controllers. [`LaneConsumer::rejoin`] asks for lanes again.
    pub fn hand_over(&self) {
        self.consumer.unsubscribe();
    }

    /// Asks for lanes again after they were handed over.
    ///
    /// # Errors
    /// When the client refuses the topic's name.
    pub fn rejoin(&self) -> anyhow::Result<()> {
        self.consumer.subscribe(&[&self.topic]).context("subscribing to the line again")
    }

    /// Leaves the group in good order, which hands the lanes over at once. It may block, so it has
    /// a thread of its own.
    pub async fn leave(self) {
        let consumer = self.consumer;
        let left = tokio::task::spawn_blocking(move || {
            consumer.unsubscribe();
            drop(consumer);
        });
        let _ = tokio::time::timeout(CALL, left).await;
    }
}
