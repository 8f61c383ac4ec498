//! Reading the lanes of a line from where one is to where they end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use admission::contract::{LaneRecord, LineAt, RoomName};
use anyhow::{Context, bail, ensure};
use kit::kafka::{Kafka, ReaderContext};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use tokio_util::sync::CancellationToken;

use crate::line::LineEntry;

const CALL: Duration = Duration::from_secs(5);
/// A lane of which nothing more comes for so long is not read to its end.
const SILENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// Offsets `from..to` of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub lane: u32,
    pub from: u64,
    pub to: u64,
}

/// Reads lines, one at a time. Cheap to clone.
#[derive(Clone)]
pub struct LineReader {
    reader: Arc<BaseConsumer<ReaderContext>>,
    kafka: Kafka,
    stop: CancellationToken,
}

impl LineReader {
    /// # Errors
    /// When no Kafka client can be made; Kafka may be away for now.
    pub fn new(kafka: &Kafka, stop: CancellationToken) -> anyhow::Result<Self> {
        Ok(Self { reader: Arc::new(kafka.reader()?), kafka: kafka.clone(), stop })
    }

    fn topic(&self, room: &RoomName, line: &LineAt) -> String {
        self.kafka.name(&line.topic(room))
    }

    /// Where each lane ends now, counted over all the room's lines. Blocks.
    ///
    /// # Errors
    /// A lane's leader does not answer within 5 s.
    pub fn ends(&self, room: &RoomName, line: &LineAt, lanes: u32) -> anyhow::Result<Vec<u64>> {
        let topic = self.topic(room, line);
        (0..lanes)
            .map(|lane| {
                ensure!(!self.stop.is_cancelled(), "the process ends");
                let lane = i32::try_from(lane)?;
                let (_, end) = self.reader.fetch_watermarks(&topic, lane, CALL)?;
                Ok(u64::try_from(line.base(lane) + end)?)
            })
            .collect()
    }

    /// Shows each record of these stretches to `see`, lane by lane in their order; a lane of which
    /// it has seen enough is left. Blocks.
    ///
    /// # Errors
    /// Kafka away for ten seconds, or the process is told to end.
    pub fn read(
        &self,
        room: &RoomName,
        line: &LineAt,
        stretches: &[Stretch],
        see: impl FnMut(u32, &LaneRecord) -> bool,
    ) -> anyhow::Result<()> {
        let topic = self.topic(room, line);
        let open: Vec<Stretch> =
            stretches.iter().copied().filter(|stretch| stretch.from < stretch.to).collect();
        let mut list = TopicPartitionList::new();
        for Stretch { lane, from, .. } in &open {
            let lane = i32::try_from(*lane)?;
            let from = i64::try_from(*from)? - line.base(lane);
            ensure!(from >= 0, "these records are of an earlier line");
            list.add_partition_offset(&topic, lane, Offset::Offset(from))?;
        }
        if open.is_empty() {
            return Ok(());
        }
        self.reader.assign(&list).with_context(|| format!("reading {topic}"))?;
        let read = self.read_on(&topic, line, open, see);
        // What comes of a lane that was left would be kept for nobody.
        self.reader.unassign()?;
        read
    }

    fn read_on(
        &self,
        topic: &str,
        line: &LineAt,
        mut open: Vec<Stretch>,
        mut see: impl FnMut(u32, &LaneRecord) -> bool,
    ) -> anyhow::Result<()> {
        let mut heard = Instant::now();
        while !open.is_empty() {
            if self.stop.is_cancelled() {
                bail!("the process ends");
            }
            match self.reader.poll(POLL) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let lane = u32::try_from(message.partition())?;
                    let Some(index) = open.iter().position(|stretch| stretch.lane == lane) else {
                        continue;
                    };
                    let base = line.base(message.partition());
                    let entry = LineEntry::of(message.payload().unwrap_or_default());
                    let joined_ms = message.timestamp().to_millis().unwrap_or_default();
                    let record = entry.record(base + message.offset(), joined_ms);
                    let to = open[index].to;
                    let goes_on = record.offset < to && see(lane, &record);
                    if !goes_on || record.offset + 1 >= to {
                        open.swap_remove(index);
                    }
                }
                // A lane that ends earlier than it did: what came of it was shown.
                Some(Err(KafkaError::PartitionEOF(lane))) => {
                    open.retain(|stretch| i64::from(stretch.lane) != i64::from(lane));
                }
                // librdkafka tries again by itself.
                Some(Err(_)) | None if heard.elapsed() < SILENCE => {}
                Some(Err(error)) => return Err(error).with_context(|| format!("reading {topic}")),
                None => bail!("{topic} could not be read to its end"),
            }
        }
        Ok(())
    }
}
