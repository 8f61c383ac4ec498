//! Reading a whole topic from its beginning, or from a moment, and going on with what comes. Each
//! reader reads all of it; nothing is committed.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Context;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{Consumer, StreamConsumer},
    error::KafkaError,
};
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    client::{Kafka, ReaderContext},
    topic::Topic,
};

const CALL: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(1);
const BREATHER: Duration = Duration::from_millis(50);

/// What a reader meets.
#[derive(Debug)]
pub enum Read<E> {
    Event {
        event: E,
        /// When it was appended, in milliseconds since 1970, where the record says so.
        at_ms: Option<i64>,
    },
    /// All that there was has been read. Comes again whenever that is so again.
    CaughtUp,
}

/// Reads until `stop`, through whatever restarts; after that it begins anew. A record that cannot
/// be read is passed over.
pub async fn read<E: DeserializeOwned>(
    kafka: Kafka,
    topic: Topic,
    stop: CancellationToken,
    see: impl FnMut(Read<E>) + Send,
) {
    read_since(kafka, topic, None, stop, see).await;
}

/// All that is there now, in its order; what comes meanwhile may be among it. `None` where `stop`
/// came first. Kafka being away is waited out.
pub async fn read_once<E: DeserializeOwned + Send>(
    kafka: Kafka,
    topic: Topic,
    stop: &CancellationToken,
) -> Option<Vec<E>> {
    let (caught_up, mut events) = (stop.child_token(), Vec::new());
    let reached = caught_up.clone();
    let see = |met| match met {
        Read::Event { event, .. } => events.push(event),
        Read::CaughtUp => reached.cancel(),
    };
    read(kafka, topic, caught_up, see).await;
    (!stop.is_cancelled()).then_some(events)
}

/// The same as [`read`], from the first record that was appended at `since_ms` or later, in
/// milliseconds since 1970.
pub async fn read_since<E: DeserializeOwned>(
    kafka: Kafka,
    topic: Topic,
    since_ms: Option<i64>,
    stop: CancellationToken,
    mut see: impl FnMut(Read<E>) + Send,
) {
    while !stop.is_cancelled() {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = read_on(&kafka, &topic, since_ms, &mut see) => ended,
        };
        if let Err(error) = ended {
            let (topic, error) = (topic.name, format!("{error:#}"));
            tracing::warn!(topic, error, "reading a topic, will try again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(AGAIN) => {}
        }
    }
}

async fn read_on<E: DeserializeOwned>(
    kafka: &Kafka,
    topic: &Topic,
    since_ms: Option<i64>,
    see: &mut (impl FnMut(Read<E>) + Send),
) -> anyhow::Result<()> {
    kafka.ensure(topic).await?;
    let reader: Arc<StreamConsumer<ReaderContext>> = Arc::new(kafka.reader()?);
    let mut list = TopicPartitionList::new();
    let from = since_ms.map_or(Offset::Beginning, Offset::Offset);
    for partition in 0..topic.partitions {
        list.add_partition_offset(&kafka.name(topic.name), partition, from)?;
    }
    if since_ms.is_some() {
        let asker = reader.clone();
        let found = tokio::task::spawn_blocking(move || asker.offsets_for_times(list, CALL));
        list = found.await??;
        for element in list.elements() {
            element.error()?;
        }
    }
    reader.assign(&list).with_context(|| format!("reading {}", topic.name))?;
    let mut ended = BTreeSet::new();
    loop {
        match reader.recv().await {
            Ok(message) => match serde_json::from_slice(message.payload().unwrap_or_default()) {
                Ok(event) => see(Read::Event { event, at_ms: message.timestamp().to_millis() }),
                Err(error) => {
                    let (topic, offset) = (topic.name, message.offset());
                    tracing::error!(topic, offset, %error, "a record cannot be read");
                }
            },
            Err(KafkaError::PartitionEOF(partition)) => {
                ended.insert(partition);
                if ended.len() == topic.partitions as usize {
                    see(Read::CaughtUp);
                }
            }
            // librdkafka reconnects by itself and goes on where it was.
            Err(error) => {
                tracing::debug!(topic = topic.name, %error, "reading a topic");
                sleep(BREATHER).await;
            }
        }
    }
}
