//! Where Kafka is, and its clients with the settings that our promises need.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Context;
use parking_lot::Mutex;
use rdkafka::{
    ClientConfig,
    admin::AdminClient,
    client::{ClientContext, DefaultClientContext},
    config::FromClientConfigAndContext,
    consumer::{Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    producer::FutureProducer,
};

pub(super) const CALL: Duration = Duration::from_secs(5);

/// Where Kafka is, and the namespace of topics and groups.
#[derive(Clone, Debug)]
pub struct Kafka {
    pub(super) brokers: String,
    pub(super) namespace: String,
    pub(super) replication: i32,
    /// What its clients call themselves.
    pub(super) client: String,
    /// The full names of the groups that its consumers are members of, or were.
    pub(super) groups: Arc<Mutex<BTreeSet<String>>>,
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
        Self {
            brokers: brokers.to_owned(),
            namespace: namespace.to_owned(),
            replication,
            client: "fairgate".to_owned(),
            groups: Arc::default(),
        }
    }

    /// The same, with clients that call themselves by a name of their own.
    pub fn with_client(self, client: String) -> Self {
        Self { client, ..self }
    }

    /// The full name of a topic or group.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.client)
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
    /// nothing goes wrong; whoever keeps one for the life of a process wants
    /// [`kit::kafka::Producer`].
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
        let (mut config, group) = (self.config(), self.name(group));
        self.groups.lock().insert(group.clone());
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("session.timeout.ms", "6000")
            // Members hear with a heartbeat that they are to share anew.
            .set("heartbeat.interval.ms", "500")
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

    /// A reader of many small partitions, whose lots change while it reads: it is told what to read
    /// by `incremental_assign`, hears of no ends, and keeps little of each.
    pub fn line_reader<T: FromClientConfigAndContext<ReaderContext>>(&self) -> anyhow::Result<T> {
        self.config()
            .set("group.id", self.name("reader"))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("queued.min.messages", "2000")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "50")
            .create_with_context(ReaderContext)
            .context("making a Kafka reader")
    }

    pub(super) fn admin(&self) -> anyhow::Result<AdminClient<DefaultClientContext>> {
        self.config().create().context("making a Kafka admin client")
    }

    /// Where each partition of `topic` ends now, in their order.
    ///
    /// # Errors
    /// A partition's leader does not answer within 5 s.
    pub async fn ends(&self, topic: &str, partitions: i32) -> anyhow::Result<Vec<i64>> {
        let (admin, topic) = (self.admin()?, self.name(topic));
        tokio::task::spawn_blocking(move || {
            (0..partitions)
                .map(|partition| {
                    let (_, end) = admin.inner().fetch_watermarks(&topic, partition, CALL)?;
                    Ok(end)
                })
                .collect()
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

/// Whether a producer refused because it holds as much as it may.
pub fn is_queue_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}
