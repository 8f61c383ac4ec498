//! Whether topics that are there keep what was acknowledged when a broker dies.

use anyhow::{Context, bail};
use kafka_protocol::{
    messages::{
        ApiKey, DescribeConfigsRequest, DescribeConfigsResponse,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::DescribeConfigsResult,
    },
    protocol::StrBytes,
};
use rdkafka::metadata::MetadataTopic;

use super::client::{CALL, Kafka};

const MIN_INSYNC: &str = "min.insync.replicas";
const UNCLEAN: &str = "unclean.leader.election.enable";
const DESCRIBE: (ApiKey, i16) = (ApiKey::DescribeConfigs, 4);
/// What a topic is among the things with settings.
const TOPIC: i8 = 2;

/// Replicas that must have a record before it is acknowledged: one of them may be away.
fn min_insync(replication: i32) -> i32 {
    (replication - 1).max(1)
}

/// What a topic is made with, so that a lone leader acknowledges nothing and a replica that lags
/// never leads.
pub(super) fn settings(replication: i32) -> [(&'static str, String); 2] {
    [(MIN_INSYNC, min_insync(replication).to_string()), (UNCLEAN, "false".to_owned())]
}

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    topic: String,
    /// Of the partition that has the fewest.
    replicas: i32,
    min_insync: i32,
    unclean: bool,
}

impl Found {
    /// What is weaker than `replication` asks for, and what to do about it, in one sentence.
    fn objection(&self, replication: i32, brokers: &str) -> Option<String> {
        let Self { topic, replicas, min_insync: found, unclean } = self;
        if *replicas < replication {
            return Some(format!(
                "topic {topic} has {replicas} replica(s) where {replication} are set: add replicas \
                    with \
                 kafka-reassign-partitions.sh --bootstrap-server {brokers}, or set a lower \
                 replication"
            ));
        }
        let wanted = min_insync(replication);
        (*found < wanted || *unclean).then(|| {
            let why = if *unclean {
                "may be led by a replica that lacks what was acknowledged".to_owned()
            } else {
                format!("acknowledges what {found} replica(s) have where {wanted} must")
            };
            format!(
                "topic {topic} {why}: run kafka-configs.sh --bootstrap-server {brokers} --alter \
                    --entity-type topics \
                 --entity-name {topic} --add-config {MIN_INSYNC}={wanted},{UNCLEAN}=false"
            )
        })
    }
}

impl Kafka {
    /// Checks the topics of this namespace that are there and that `is_ours` says yes to, by their
    /// names without it.
    ///
    /// # Errors
    /// [`Weak`] for topics that are weaker than the replication that is set asks for; another where
    /// Kafka is away.
    pub async fn ensure_durable(&self, is_ours: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let ours = |name: &str| name.strip_prefix(&self.namespace).is_some_and(&is_ours);
        let replicas = self.replicas(None).await?;
        self.check(replicas.into_iter().filter(|(name, _)| ours(name)).collect()).await
    }

    /// [`Kafka::ensure_durable`] for one topic that is there, by its full name.
    pub(super) async fn ensure_topic_durable(&self, topic: &str) -> anyhow::Result<()> {
        self.check(self.replicas(Some(topic.to_owned())).await?).await
    }

    async fn check(&self, topics: Vec<(String, i32)>) -> anyhow::Result<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let names = topics.iter().map(|(name, _)| name.as_str());
        let answer = self.describe(names, Some(vec![MIN_INSYNC.into(), UNCLEAN.into()])).await?;
        let mut objections = Vec::new();
        for (topic, replicas) in topics {
            let told = answer
                .results
                .iter()
                .find(|told| *told.resource_name == *topic && told.error_code == 0);
            let told =
                told.with_context(|| format!("Kafka does not tell the settings of topic {topic}"))?;
            let min_insync = value(told, MIN_INSYNC)?.parse().context(MIN_INSYNC)?;
            let unclean = value(told, UNCLEAN)? == "true";
            let found = Found { topic, replicas, min_insync, unclean };
            objections.extend(found.objection(self.replication, &self.brokers));
        }
        if !objections.is_empty() {
            bail!(Weak(objections.join("; ")));
        }
        Ok(())
    }

    async fn describe(
        &self,
        topics: impl Iterator<Item = &str>,
        keys: Option<Vec<StrBytes>>,
    ) -> anyhow::Result<DescribeConfigsResponse> {
        let resources = topics.map(|name| {
            DescribeConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(name.to_owned().into())
                .with_configuration_keys(keys.clone())
        });
        let request = DescribeConfigsRequest::default().with_resources(resources.collect());
        self.ask(DESCRIBE, &request).await.context("asking Kafka for the settings of topics")
    }

    /// How many replicas each topic has at least, or the one that is named.
    async fn replicas(&self, only: Option<String>) -> anyhow::Result<Vec<(String, i32)>> {
        let admin = self.admin()?;
        let asking = tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(only.as_deref(), CALL)?;
            let fewest = |topic: &MetadataTopic| {
                topic
                    .partitions()
                    .iter()
                    .map(|partition| partition.replicas().len())
                    .min()
                    .unwrap_or_default()
            };
            anyhow::Ok(
                metadata
                    .topics()
                    .iter()
                    .map(|topic| (topic.name().to_owned(), fewest(topic) as i32))
                    .collect(),
            )
        });
        asking.await?.context("asking Kafka for its topics")
    }
}

/// Topics that may lose what was acknowledged; says what to change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Weak(String);

fn value<'a>(told: &'a DescribeConfigsResult, name: &str) -> anyhow::Result<&'a str> {
    let entry = told.configs.iter().find(|entry| *entry.name == *name);
    entry
        .and_then(|entry| entry.value.as_deref())
        .with_context(|| format!("Kafka does not tell {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_weak_is_said_with_what_to_change() {
        let sound = Found { topic: "heads".into(), replicas: 3, min_insync: 2, unclean: false };
        assert_eq!(sound.objection(3, "b:9092"), None);
        assert_eq!(Found { min_insync: 1, ..sound.clone() }.objection(2, "b:9092"), None);
        assert_eq!(
            Found { replicas: 1, min_insync: 1, ..sound.clone() }.objection(1, "b:9092"),
            None
        );
        let lone =
            Found { min_insync: 1, ..sound.clone() }.objection(3, "b:9092").expect("an objection");
        assert_eq!(
            lone,
            "topic heads acknowledges what 1 replica(s) have where 2 must: run kafka-configs.sh \
                --bootstrap-server b:9092 \
             --alter --entity-type topics --entity-name heads --add-config \
             min.insync.replicas=2,unclean.leader.election.enable=false"
        );
        assert!(
            Found { unclean: true, ..sound.clone() }
                .objection(1, "b")
                .is_some_and(|text| text.contains("led by"))
        );
        assert!(
            Found { replicas: 1, ..sound }
                .objection(3, "b")
                .is_some_and(|text| text.contains("1 replica(s)"))
        );
    }

    #[test]
    fn one_of_many_replicas_may_be_away() {
        assert_eq!([1, 2, 3, 5].map(min_insync), [1, 1, 2, 4]);
    }
}
