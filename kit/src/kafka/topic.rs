//! Making topics, and how many partitions they have.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rdkafka::{
    admin::{AdminOptions, NewTopic, TopicReplication},
    types::RDKafkaErrorCode,
};

use super::{
    client::{CALL, Kafka},
    durability,
};

/// For a new topic a broker writes its own log and opens files for each partition, which takes a
/// busy one longer than an ordinary call; topics are made by operators and at starts, who can
/// wait.
const CREATE: Duration = Duration::from_secs(25);

/// A topic as its owner makes it.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    pub name: &'static str,
    pub partitions: i32,
    /// How long Kafka keeps its records, in milliseconds.
    pub retention_ms: &'static str,
    /// Whether only the last record of each key is kept, as soon as Kafka comes to it.
    pub compacted: bool,
}

/// Kafka compacts what is in closed segments, so those of a compacted topic are small.
const COMPACTED: [(&str, &str); 4] = [
    ("cleanup.policy", "compact,delete"),
    ("segment.bytes", "4194304"),
    ("segment.ms", "600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

impl Kafka {
    /// Creates a topic if it is not there, as [`Kafka::ensure_topic`] does.
    ///
    /// # Errors
    /// As [`Kafka::ensure_topic`].
    pub async fn ensure(&self, topic: &Topic) -> anyhow::Result<()> {
        let mut settings = vec![("retention.ms", topic.retention_ms)];
        if topic.compacted {
            settings.extend(COMPACTED);
        }
        self.ensure_topic(topic.name, topic.partitions, &settings).await
    }

    /// Creates a topic if it is not there, so that what it acknowledges is on all replicas but one.
    /// One that is there must have at least as many partitions, and be as strong.
    ///
    /// # Errors
    /// Kafka away, or a topic with fewer partitions than asked, or one that is
    /// [`kit::kafka::Weak`].
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
        let options =
            AdminOptions::new().operation_timeout(Some(CREATE)).request_timeout(Some(CREATE));
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

    /// Deletes a topic with all it holds; one that is not there is deleted.
    ///
    /// # Errors
    /// Kafka away, or a topic that it does not delete.
    pub async fn delete_topic(&self, name: &str) -> anyhow::Result<()> {
        let full = self.name(name);
        let options = AdminOptions::new().operation_timeout(Some(CALL));
        let results = self.admin()?.delete_topics(&[&full], &options).await;
        for result in results.context("asking Kafka to delete a topic")? {
            match result {
                Ok(_)
                | Err((
                    _,
                    RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition,
                )) => {}
                Err((_, code)) => bail!("Kafka did not delete topic {full}: {code}"),
            }
        }
        Ok(())
    }

    /// How many partitions a topic that exists has. A broker that carries many topics learns of a
    /// new one a moment after another instance made it, and until then says that there is none.
    async fn partitions_once_known(&self, name: &str) -> anyhow::Result<i32> {
        let end = Instant::now() + CREATE;
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
}
