//! Sending order commands to the log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kit::{
    http::RequestId,
    kafka::{Kafka, Producer, ProducerBounds},
};
use rdkafka::{error::KafkaError, producer::FutureRecord};
use uuid::Uuid;

use crate::{App, Error, config::Config, contract::Command};

/// The topic of order commands; its partition is the home shard's.
pub const COMMANDS_TOPIC: &str = "orders.commands";
/// The consumer group of the order writers.
pub const WRITER_GROUP: &str = "order-writer";
/// Long enough to look into what happened; everything that counts is in Postgres.
const RETENTION: &str = "604800000";

/// How long Kafka may take to say how long the log is, in all and for one partition.
const ENDS_MAX: Duration = Duration::from_secs(2);
const CALL: Duration = Duration::from_secs(1);

/// The producer of order commands.
pub struct Commands {
    producer: Arc<Producer>,
    topic: String,
    /// Partitions of the topic.
    pub partitions: i32,
}

/// A command that was not acknowledged.
#[derive(Debug)]
pub enum SendFault {
    /// It certainly is not in the log.
    NotQueued(String),
    /// Nobody knows.
    Unknown(String),
}

impl SendFault {
    pub fn into_text(self) -> String {
        match self {
            Self::NotQueued(text) | Self::Unknown(text) => text,
        }
    }
}

impl Commands {
    pub fn new(kafka: &Kafka, config: &Config) -> anyhow::Result<Self> {
        let bounds =
            ProducerBounds { queue_messages_max: config.commands_queue_max, delivery_ms_max: 3_000, linger_ms: 2 };
        Ok(Self {
            producer: Arc::new(Producer::new(kafka.clone(), bounds)?),
            topic: kafka.name(COMMANDS_TOPIC),
            partitions: config.commands_partitions,
        })
    }

    /// Whether a command has a chance of being acknowledged.
    pub fn is_ready(&self) -> bool {
        self.producer.is_ready()
    }

    /// Appends a command and waits until it is on all in-sync replicas, for 3 s at most.
    pub async fn send(
        &self,
        partition: i32,
        order: Uuid,
        command: &Command,
        request: &RequestId,
    ) -> Result<(), SendFault> {
        let payload = serde_json::to_vec(command).map_err(|error| SendFault::NotQueued(error.to_string()))?;
        let key = order.to_string();
        let record = FutureRecord::to(&self.topic)
            .partition(partition)
            .key(&key)
            .payload(&payload)
            .headers(kit::kafka::headers(request));
        let delivery = self.producer.send(record).map_err(|error| {
            metrics::counter!("fairgate_commands_total", "outcome" => "not_queued").increment(1);
            SendFault::NotQueued(error.to_string())
        })?;
        let fault = match tokio::time::timeout(Duration::from_secs(4), delivery).await {
            Ok(Ok(Ok(_))) => {
                metrics::counter!("fairgate_commands_total", "outcome" => "acknowledged").increment(1);
                return Ok(());
            }
            Ok(Ok(Err((error, _)))) => error.to_string(),
            Ok(Err(_)) => "the producer was dropped".to_owned(),
            Err(_) => "no delivery report in time".to_owned(),
        };
        metrics::counter!("fairgate_commands_total", "outcome" => "unknown").increment(1);
        Err(SendFault::Unknown(fault))
    }

    /// Where each partition starts and ends.
    async fn bounds(&self) -> Result<Result<Vec<(i32, i64, i64)>, KafkaError>, Error> {
        let (producer, topic, partitions) = (self.producer.clone(), self.topic.clone(), self.partitions);
        let asking = tokio::task::spawn_blocking(move || {
            let bounds = |partition| {
                producer.watermarks(&topic, partition, CALL).map(|(start, end)| (partition, start, end))
            };
            (0..partitions).map(bounds).collect()
        });
        asking.await.map_err(Error::internal)
    }
}

/// Each partition of the log now: where it starts and where it ends. A topic that is not there yet is made.
///
/// # Errors
/// `try-again-soon` where Kafka is away.
pub async fn log_bounds(app: &App) -> Result<Vec<(i32, i64, i64)>, Error> {
    let deadline = Instant::now() + ENDS_MAX;
    loop {
        let cause = match app.commands.bounds().await? {
            Ok(bounds) => return Ok(bounds),
            Err(cause) => cause,
        };
        if Instant::now() >= deadline {
            return Err(Error::Unavailable(format!("asking Kafka for the ends of the order log: {cause}")));
        }
        ensure_topic(&app.kafka, app.commands.partitions)
            .await
            .map_err(|error| Error::Unavailable(format!("{error:#}")))?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Makes sure that the topic is there.
///
/// # Errors
/// Kafka away, or a topic with fewer partitions than set.
pub async fn ensure_topic(kafka: &Kafka, partitions: i32) -> anyhow::Result<()> {
    kafka.ensure_topic(COMMANDS_TOPIC, partitions, &[("retention.ms", RETENTION)]).await
}
