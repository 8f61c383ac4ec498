//! Topics keep what they acknowledged when a broker dies, or are not used.

use std::collections::BTreeMap;

use kit::{
    kafka::{Kafka, Weak},
    settings::{Env, ProcessEnv},
};
// Named by its whole path: a crate of ours is called admin too.
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::{ClientConfig, client::DefaultClientContext};
use uuid::Uuid;

struct Cluster {
    brokers: String,
    namespace: String,
    admin: AdminClient<DefaultClientContext>,
}

impl Cluster {
    fn new() -> Self {
        let brokers =
            ProcessEnv.get("FAIRGATE_KAFKA_BROKERS").expect("FAIRGATE_KAFKA_BROKERS is not set");
        let admin = ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
        Self {
            brokers,
            namespace: format!("t{}_", &Uuid::new_v4().simple().to_string()[..12]),
            admin,
        }
    }

    fn kafka(&self, replication: i32) -> Kafka {
        Kafka::new(&self.brokers, &self.namespace, replication)
    }

    /// What was set for a topic itself, whatever the brokers' defaults are.
    async fn own_settings(&self, topic: &str) -> BTreeMap<String, String> {
        let name = format!("{}{topic}", self.namespace);
        let asked = [&ResourceSpecifier::Topic(&name)];
        let mut answers = self.admin.describe_configs(asked, &AdminOptions::new()).await.unwrap();
        let entries = answers.remove(0).unwrap().entries.into_iter();
        entries
            .filter(|entry| entry.source == ConfigSource::DynamicTopic)
            .filter_map(|entry| Some((entry.name, entry.value?)))
            .collect()
    }
}

#[tokio::test]
async fn a_topic_is_made_so_that_no_lone_leader_acknowledges() {
    let cluster = Cluster::new();
    cluster.kafka(1).ensure_topic("made", 1, &[("retention.ms", "60000")]).await.unwrap();
    let settings = cluster.own_settings("made").await;
    for (key, value) in [
        ("min.insync.replicas", "1"),
        ("unclean.leader.election.enable", "false"),
        ("retention.ms", "60000"),
    ] {
        assert_eq!(settings.get(key).map(String::as_str), Some(value), "{key}: {settings:?}");
    }
    cluster.kafka(1).ensure_topic("made", 1, &[]).await.unwrap();
    cluster.kafka(1).ensure_durable(|topic| topic == "made").await.unwrap();
}

#[tokio::test]
async fn a_topic_that_is_there_and_weak_is_refused_with_what_to_change() {
    let cluster = Cluster::new();
    let name = format!("{}weak", cluster.namespace);
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1))
        .set("unclean.leader.election.enable", "true");
    cluster.admin.create_topics([&topic], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    let refused = cluster.kafka(1).ensure_topic("weak", 1, &[]).await.unwrap_err();
    assert!(refused.is::<Weak>());
    let told = refused.to_string();
    let change = "--add-config min.insync.replicas=1,unclean.leader.election.enable=false";
    assert!(told.contains(&name) && told.contains(change), "{told}");
    assert!(
        cluster.kafka(1).ensure_durable(|topic| topic == "weak").await.unwrap_err().is::<Weak>()
    );
    cluster.kafka(1).ensure_durable(|topic| topic == "another").await.unwrap();

    let told = AlterConfig::new(ResourceSpecifier::Topic(&name))
        .set("min.insync.replicas", "1")
        .set("unclean.leader.election.enable", "false");
    cluster.admin.alter_configs([&told], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    cluster.kafka(1).ensure_topic("weak", 1, &[]).await.unwrap();

    let lone = cluster.kafka(3).ensure_topic("weak", 1, &[]).await.unwrap_err();
    assert!(
        lone.is::<Weak>() && lone.to_string().contains("1 replica(s) where 3 are set"),
        "{lone:#}"
    );
}
