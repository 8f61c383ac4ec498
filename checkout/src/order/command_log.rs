//! Sending order commands to the log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kit::{
    http::RequestId,
    kafka::{Kafka, Producer, ProducerBounds},
};
use rdkafka::{message::Header, producer::FutureRecord};

use crate::{
    App, Error,
    config::Config,
    order::{
        OrderId,
        command::{Command, QueuedCommand},
    },
};

/// The topic of order commands; its partition is the home shard's.
pub const COMMANDS_TOPIC: &str = "orders.commands";
/// Order commands that nobody can read or write, as they were, with where they were found in the
/// header `origin`. Of those that are too large only the beginning, with the length of the whole in
/// the header `cut-from`.
pub const DEAD_TOPIC: &str = "orders.dead";
/// The consumer group of the order writers.
pub const WRITER_GROUP: &str = "order-writer";
/// Long enough to look into what happened; everything that counts is in Postgres.
const RETENTION: &str = "604800000";
/// Long enough for somebody to come and look.
const DEAD_RETENTION: &str = "2592000000";
/// So many bytes of a dead letter are kept, so that it can be sent: a broker takes larger records
/// than our producer does.
const DEAD_KEY_MAX: usize = 1024;
const DEAD_PAYLOAD_MAX: usize = 512 * 1024;
/// How long Kafka may take to say how long the log is, in all and for one partition.
const ENDS_MAX: Duration = Duration::from_secs(2);
const CALL: Duration = Duration::from_secs(1);

/// A record that goes to the dead letters.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub key: Vec<u8>,
    pub payload: Vec<u8>,
    pub request: RequestId,
    /// Partition and offset in the log.
    pub origin: String,
}

impl DeadLetter {
    /// A command that cannot be written.
    pub fn of(queued: &QueuedCommand, origin: String) -> Self {
        Self {
            key: queued.command.order().to_string().into_bytes(),
            // What was read from JSON can be written as JSON.
            payload: serde_json::to_vec(&queued.command).unwrap_or_default(),
            request: RequestId(queued.request_id.clone()),
            origin,
        }
    }

    /// The order that it is about, as far as its key says.
    pub fn order(&self) -> Option<OrderId> {
        std::str::from_utf8(&self.key).ok()?.parse().ok()
    }
}

/// The producer of order commands.
pub struct CommandLog {
    producer: Arc<Producer>,
    topic: String,
    dead: String,
    /// Partitions of the topic that are written to.
    pub partitions: i32,
}

/// A command that was not acknowledged.
#[derive(Debug)]
pub enum SendError {
    /// It certainly is not in the log.
    NotQueued(String),
    /// Nobody knows.
    Unknown(String),
}

impl SendError {
    pub fn into_text(self) -> String {
        match self {
            Self::NotQueued(text) | Self::Unknown(text) => text,
        }
    }
}

impl CommandLog {
    pub fn new(kafka: &Kafka, config: &Config) -> anyhow::Result<Self> {
        let bounds = ProducerBounds {
            queue_messages_max: config.commands_queue_max,
            delivery_ms_max: 3_000,
            linger_ms: 2,
        };
        Ok(Self {
            producer: Arc::new(Producer::new(kafka.clone(), bounds)?),
            topic: kafka.name(COMMANDS_TOPIC),
            dead: kafka.name(DEAD_TOPIC),
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
        order: OrderId,
        command: &Command,
        request: &RequestId,
    ) -> Result<(), SendError> {
        let payload =
            serde_json::to_vec(command).map_err(|error| SendError::NotQueued(error.to_string()))?;
        let key = order.to_string();
        let record = FutureRecord::to(&self.topic)
            .partition(partition)
            .key(&key)
            .payload(&payload)
            .headers(kit::kafka::headers(request));
        let delivery = self.producer.send(record).map_err(|error| {
            metrics::counter!("fairgate_commands_total", "outcome" => "not_queued").increment(1);
            SendError::NotQueued(error.to_string())
        })?;
        let fault = match tokio::time::timeout(Duration::from_secs(4), delivery).await {
            Ok(Ok(Ok(_))) => {
                metrics::counter!("fairgate_commands_total", "outcome" => "acknowledged")
                    .increment(1);
                return Ok(());
            }
            Ok(Ok(Err((error, _)))) => error.to_string(),
            Ok(Err(_)) => "the producer was dropped".to_owned(),
            Err(_) => "no delivery report in time".to_owned(),
        };
        metrics::counter!("fairgate_commands_total", "outcome" => "unknown").increment(1);
        Err(SendError::Unknown(fault))
    }

    /// Puts a record among the dead letters and waits until it is there.
    pub async fn send_dead_letter(&self, letter: &DeadLetter) -> Result<(), SendError> {
        let mut headers = kit::kafka::headers(&letter.request)
            .insert(Header { key: "origin", value: Some(letter.origin.as_str()) });
        let (key, payload) =
            (kept(&letter.key, DEAD_KEY_MAX), kept(&letter.payload, DEAD_PAYLOAD_MAX));
        if (key.len(), payload.len()) != (letter.key.len(), letter.payload.len()) {
            let length = letter.payload.len().to_string();
            headers = headers.insert(Header { key: "cut-from", value: Some(&length) });
        }
        let record = FutureRecord::to(&self.dead).key(key).payload(payload).headers(headers);
        let delivery =
            self.producer.send(record).map_err(|error| SendError::NotQueued(error.to_string()))?;
        match delivery.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(SendError::Unknown(error.to_string())),
            Err(_) => Err(SendError::Unknown("the producer was dropped".to_owned())),
        }
    }

    /// Where each partition starts and ends, also those that are more than is set here: the group
    /// is given them too.
    async fn bounds(&self, kafka: &Kafka) -> anyhow::Result<Vec<(i32, i64, i64)>> {
        let partitions = tokio::time::timeout(ENDS_MAX, kafka.partitions(COMMANDS_TOPIC)).await??;
        anyhow::ensure!(partitions >= self.partitions, "it has {partitions} partitions");
        let (producer, topic) = (self.producer.clone(), self.topic.clone());
        let asking = tokio::task::spawn_blocking(move || {
            let bounds = |partition| {
                producer
                    .watermarks(&topic, partition, CALL)
                    .map(|(start, end)| (partition, start, end))
            };
            (0..partitions).map(bounds).collect::<Result<_, _>>()
        });
        Ok(asking.await??)
    }
}

fn kept(bytes: &[u8], max: usize) -> &[u8] {
    bytes.get(..max).unwrap_or(bytes)
}

/// Each partition of the log now: where it starts and where it ends. A topic that is not there yet
/// is made.
///
/// # Errors
/// `try-again-soon` where Kafka is away.
pub async fn log_bounds(app: &App) -> Result<Vec<(i32, i64, i64)>, Error> {
    let deadline = Instant::now() + ENDS_MAX;
    loop {
        let cause = match app.command_log.bounds(&app.kafka).await {
            Ok(bounds) => return Ok(bounds),
            Err(cause) => cause,
        };
        if Instant::now() >= deadline {
            return Err(Error::Unavailable(format!(
                "asking Kafka for the ends of the order log: {cause:#}"
            )));
        }
        ensure_topic(&app.kafka, app.command_log.partitions)
            .await
            .map_err(|error| Error::Unavailable(format!("{error:#}")))?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Makes sure that the topics are there.
///
/// # Errors
/// Kafka away, or a topic with fewer partitions than set.
pub async fn ensure_topic(kafka: &Kafka, partitions: i32) -> anyhow::Result<()> {
    kafka.ensure_topic(DEAD_TOPIC, 1, &[("retention.ms", DEAD_RETENTION)]).await?;
    kafka.ensure_topic(COMMANDS_TOPIC, partitions, &[("retention.ms", RETENTION)]).await
}
