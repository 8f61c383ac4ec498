//! Whether Kafka keeps what it acknowledged.

use admin::contract::SUPPORT_TOPIC;
use admission::contract::{HEADS_TOPIC, LEASES, SNAPSHOTS, line_topic};
use catalog::contract::CATALOG_TOPIC;
use checkout::contract::{COMMANDS_TOPIC, DEAD_TOPIC, EVENTS_TOPIC};
use kit::kafka::Weak;

use crate::settings::Stores;

/// Whether a topic is one of ours, of any crate.
pub fn is_ours(topic: &str) -> bool {
    let named = [
        HEADS_TOPIC,
        SNAPSHOTS.name,
        LEASES.name,
        CATALOG_TOPIC,
        SUPPORT_TOPIC,
        COMMANDS_TOPIC,
        DEAD_TOPIC,
        EVENTS_TOPIC,
    ];
    named.contains(&topic) || topic.starts_with(&line_topic(""))
}

/// Refuses to start on topics that may lose what they acknowledged. Where Kafka is away, the
/// process is not ready until they were looked at.
pub async fn check_topics(stores: &Stores) -> anyhow::Result<()> {
    match stores.kafka.ensure_durable(is_ours).await {
        Err(error) if error.is::<Weak>() => Err(error),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "Kafka's topics were not checked");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
