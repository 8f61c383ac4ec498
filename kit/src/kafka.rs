//! Kafka: topics under a namespace, an idempotent producer, consumers that commit by hand.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
// Named by its whole path: a crate of ours is called admin too.
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::{
    ClientConfig,
    client::{ClientContext, DefaultClientContext},
    config::FromClientConfigAndContext,
    consumer::{Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, Headers, Message, OwnedHeaders},
    producer::FutureProducer,
};

use crate::http::RequestId;

mod durability;
mod producer;
mod topic_id;
mod wire;

pub use durability::Weak;
pub use producer::Producer;

const REQUEST_ID: &str = "request-id";
const CALL: Duration = Duration::from_secs(5);

/// Where Kafka is, and the namespace of topics and groups.
#[derive(Clone, Debug)]
pub struct Kafka {
    brokers: String,
    namespace: String,
    replication: i32,
}

/// Context of a reader, for which the end of a partition is news and no error.
pub struct ReaderContext;

impl ClientContext for ReaderContext {
    fn error(&self, error: KafkaError, reason: &str) {
        if !matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
            tracing::warn!(%error, reason, "reading from Kafka");
        }
    }
}

impl ConsumerContext for ReaderContext {}

/// What a producer may hold before it says it is full.
#[derive(Clone, Copy, Debug)]
pub struct ProducerBounds {
    pub queue_messages_max: u32,
    /// From handing over to acknowledgement; after that the record counts as not delivered.
    pub delivery_ms_max: u32,
    /// How long a batch may wait to fill.
    pub linger_ms: u32,
}

impl Kafka {
    pub fn new(brokers: &str, namespace: &str, replication: i32) -> Self {
        Self { brokers: brokers.to_owned(), namespace: namespace.to_owned(), replication }
    }

    /// The full name of a topic or group.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "fairgate")
            .set("socket.timeout.ms", "6000")
            .set("socket.connection.setup.timeout.ms", "3000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500")
            // New topics and moved leaders are noticed soon.
            .set("topic.metadata.refresh.fast.interval.ms", "100")
            .set("allow.auto.create.topics", "false");
        config
    }

    /// A producer whose acknowledgement means: on all in-sync replicas, once. For as long as
    /// nothing goes wrong; whoever keeps one for the life of a process wants [`Producer`].
    pub fn producer(&self, bounds: ProducerBounds) -> anyhow::Result<FutureProducer> {
        self.config()
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("queue.buffering.max.messages", bounds.queue_messages_max.to_string())
            .set("message.timeout.ms", bounds.delivery_ms_max.to_string())
            .set("linger.ms", bounds.linger_ms.to_string())
            .create()
            .context("making a Kafka producer")
    }

    /// A member of `group` that commits by hand and starts at the oldest record.
    pub fn consumer<C, T>(&self, group: &str, context: C) -> anyhow::Result<T>
    where
        C: ConsumerContext + 'static,
        T: Consumer<C> + FromClientConfigAndContext<C>,
    {
        self.member(group)
            .set("auto.offset.reset", "earliest")
            .create_with_context(context)
            .context("making a Kafka consumer")
    }

    /// A member of `group` whose context says where each partition is read from, when it is
    /// assigned. An offset that the log does not have is an error (`AutoOffsetReset`): nothing is
    /// left out silently.
    pub fn positioned_consumer<C, T>(&self, group: &str, context: C) -> anyhow::Result<T>
    where
        C: ConsumerContext + 'static,
        T: Consumer<C> + FromClientConfigAndContext<C>,
    {
        self.member(group)
            .set("auto.offset.reset", "error")
            .create_with_context(context)
            .context("making a Kafka consumer")
    }

    fn member(&self, group: &str) -> ClientConfig {
        let mut config = self.config();
        config
            .set("group.id", self.name(group))
            .set("enable.auto.commit", "false")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1000")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.error.backoff.ms", "50")
            .set("partition.assignment.strategy", "cooperative-sticky");
        config
    }

    /// A reader of whole topics that belongs to no group's balance; it is told what to read by
    /// `assign`.
    pub fn reader<T: FromClientConfigAndContext<ReaderContext>>(&self) -> anyhow::Result<T> {
        self.config()
            .set("group.id", self.name("reader"))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.error.backoff.ms", "50")
            .create_with_context(ReaderContext)
            .context("making a Kafka reader")
    }

    fn admin(&self) -> anyhow::Result<AdminClient<DefaultClientContext>> {
        self.config().create().context("making a Kafka admin client")
    }

    /// Creates a topic if it is not there, so that what it acknowledges is on all replicas but one.
    /// One that is there must have at least as many partitions, and be as strong.
    ///
    /// # Errors
    /// Kafka away, or a topic with fewer partitions than asked, or one that is [`Weak`].
    pub async fn ensure_topic(
        &self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let full = self.name(name);
        let mut topic = NewTopic::new(&full, partitions, TopicReplication::Fixed(self.replication));
        let durable = durability::settings(self.replication);
        for (key, value) in settings
            .iter()
            .copied()
            .chain(durable.iter().map(|(key, value)| (*key, value.as_str())))
        {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(CALL)).request_timeout(Some(CALL));
        let results = self
            .admin()?
            .create_topics([&topic], &options)
            .await
            .context("asking Kafka for a topic")?;
        for result in results {
            match result {
                Ok(_) => {}
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {
                    let found = self.partitions_once_known(name).await?;
                    if found < partitions {
                        bail!(
                            "topic {full} has {found} partitions, but {partitions} are asked for"
                        );
                    }
                    self.ensure_topic_durable(&full).await?;
                }
                Err((_, code)) => bail!("Kafka did not create topic {full}: {code}"),
            }
        }
        Ok(())
    }

    /// How many partitions a topic that exists has. A broker that carries many topics learns of a
    /// new one a moment after another instance made it, and until then says that there is none.
    async fn partitions_once_known(&self, name: &str) -> anyhow::Result<i32> {
        let end = Instant::now() + CALL;
        loop {
            let found = self.partitions(name).await?;
            if found > 0 || Instant::now() >= end {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many partitions a topic has; 0 where it does not exist.
    pub async fn partitions(&self, name: &str) -> anyhow::Result<i32> {
        let (admin, full) = (self.admin()?, self.name(name));
        tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(Some(&full), CALL)?;
            Ok(metadata
                .topics()
                .iter()
                .find(|topic| topic.name() == full)
                .map_or(0, |topic| topic.partitions().len() as i32))
        })
        .await?
    }

    /// Whether a broker answers.
    pub async fn ping(&self) -> anyhow::Result<()> {
        let admin = self.admin()?;
        tokio::task::spawn_blocking(move || {
            admin.inner().fetch_metadata(None, Duration::from_secs(2)).map(drop)
        })
        .await??;
        Ok(())
    }
}

/// Kafka headers that carry a request's id on.
pub fn headers(request: &RequestId) -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(1).insert(Header { key: REQUEST_ID, value: Some(&request.0) })
}

/// The id of the request that caused a record, or a fresh one.
pub fn request_id(message: &impl Message) -> RequestId {
    message
        .headers()
        .and_then(|headers| headers.iter().find(|header| header.key == REQUEST_ID))
        .and_then(|header| header.value)
        .and_then(|value| std::str::from_utf8(value).ok())
        .map_or_else(RequestId::fresh, |id| RequestId(id.to_owned()))
}

/// Whether a producer refused because it holds as much as it may.
pub fn is_queue_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}
