//! The id of a topic.

use anyhow::{Context, bail};
use kafka_protocol::messages::{
    ApiKey, MetadataRequest, MetadataResponse, TopicName, metadata_request::MetadataRequestTopic,
};
use uuid::Uuid;

use super::client::Kafka;

/// The first request for metadata with ids was version 10.
const METADATA: (ApiKey, i16) = (ApiKey::Metadata, 12);
const UNKNOWN_TOPIC: i16 = 3;

impl Kafka {
    /// The id that Kafka gave a topic when it made it: a topic that was deleted and made anew has
    /// another. `None` where there is no such topic.
    ///
    /// # Errors
    /// No broker answers, for 5 s each.
    pub async fn topic_id(&self, name: &str) -> anyhow::Result<Option<Uuid>> {
        let topic = self.name(name);
        let wanted =
            MetadataRequestTopic::default().with_name(Some(TopicName(topic.clone().into())));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![wanted]))
            .with_allow_auto_topic_creation(false);
        let found: MetadataResponse = self
            .ask(METADATA, &request)
            .await
            .with_context(|| format!("asking Kafka for the id of topic {topic}"))?;
        match found.topics.first().map(|topic| (topic.error_code, topic.topic_id)) {
            Some((0, id)) => Ok(Some(id)),
            Some((UNKNOWN_TOPIC, _)) | None => Ok(None),
            Some((code, _)) => bail!("Kafka answers with error {code} for topic {topic}"),
        }
    }
}
