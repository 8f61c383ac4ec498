//! What a group of an earlier version committed, for whoever takes its place.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use kafka_protocol::{
    messages::{
        ApiKey, DescribeGroupsRequest, DescribeGroupsResponse, GroupId, OffsetFetchRequest,
        OffsetFetchResponse, TopicName,
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    },
    protocol::StrBytes,
};

use super::{client::Kafka, members::DESCRIBE_GROUPS};

/// The first version that asks for many groups' offsets at once.
const OFFSET_FETCH: (ApiKey, i16) = (ApiKey::OffsetFetch, 8);

/// A committed offset, and what was written beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerCommit {
    pub offset: i64,
    pub metadata: String,
}

impl Kafka {
    /// What `group` committed of these partitions of a topic; those without a commit are left out.
    ///
    /// # Errors
    /// The group still has members, its coordinator is not known, or no broker answers, for 5 s
    /// each.
    pub async fn former_commits(
        &self,
        group: &str,
        topic: &str,
        partitions: &[i32],
    ) -> anyhow::Result<BTreeMap<i32, FormerCommit>> {
        let (group, topic) = (self.name(group), self.name(topic));
        let found = self.coordinators(std::slice::from_ref(&group)).await?;
        let coordinator = found.keys().next().context("a group's coordinator is not known yet")?;
        let id = GroupId(StrBytes::from_string(group.clone()));
        let asked = DescribeGroupsRequest::default().with_groups(vec![id.clone()]);
        let described: DescribeGroupsResponse =
            self.ask_at(coordinator, DESCRIBE_GROUPS, &asked).await?;
        for of in &described.groups {
            ensure!(of.error_code == 0, "Kafka answers with error {} for {group}", of.error_code);
            ensure!(of.members.is_empty(), "{group} still has members, of an earlier version");
        }
        let topics = OffsetFetchRequestTopics::default()
            .with_name(TopicName(StrBytes::from_string(topic)))
            .with_partition_indexes(partitions.to_vec());
        let of_group =
            OffsetFetchRequestGroup::default().with_group_id(id).with_topics(Some(vec![topics]));
        let asked = OffsetFetchRequest::default().with_groups(vec![of_group]);
        let fetched: OffsetFetchResponse = self.ask_at(coordinator, OFFSET_FETCH, &asked).await?;
        let mut commits = BTreeMap::new();
        for of in fetched.groups {
            ensure!(of.error_code == 0, "Kafka answers with error {} for {group}", of.error_code);
            for each in of.topics.into_iter().flat_map(|topic| topic.partitions) {
                ensure!(each.error_code == 0, "Kafka does not tell what {group} committed");
                if each.committed_offset >= 0 {
                    let metadata = each.metadata.map(|text| text.to_string()).unwrap_or_default();
                    let commit = FormerCommit { offset: each.committed_offset, metadata };
                    commits.insert(each.partition_index, commit);
                }
            }
        }
        Ok(commits)
    }
}
