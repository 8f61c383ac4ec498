//! Reading a whole topic from its beginning, and going on with what comes. Each reader reads all of
//! it; nothing is committed.

use std::{collections::BTreeSet, time::Duration};

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
    mut see: impl FnMut(Read<E>) + Send,
) {
    while !stop.is_cancelled() {
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = read_on(&kafka, &topic, &mut see) => ended,
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
    see: &mut (impl FnMut(Read<E>) + Send),
) -> anyhow::Result<()> {
    kafka.ensure(topic).await?;
    let reader: StreamConsumer<ReaderContext> = kafka.reader()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..topic.partitions {
        list.add_partition_offset(&kafka.name(topic.name), partition, Offset::Beginning)?;
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
