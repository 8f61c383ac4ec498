//! The members of a consumer group, as another one may see to them.

use anyhow::{Context, bail, ensure};
use kafka_protocol::{
    messages::{
        ApiKey, DescribeGroupsRequest, DescribeGroupsResponse, FindCoordinatorRequest,
        FindCoordinatorResponse, GroupId, LeaveGroupRequest, LeaveGroupResponse,
        leave_group_request::MemberIdentity,
    },
    protocol::StrBytes,
};

use super::client::Kafka;

/// The last version that asks for one group's coordinator alone.
const FIND_COORDINATOR: (ApiKey, i16) = (ApiKey::FindCoordinator, 3);
const DESCRIBE_GROUPS: (ApiKey, i16) = (ApiKey::DescribeGroups, 5);
/// The first version in which one may name others was 3.
const LEAVE_GROUP: (ApiKey, i16) = (ApiKey::LeaveGroup, 4);
const UNKNOWN_MEMBER: i16 = 25;

impl Kafka {
    /// Takes the members of `group` out of it that call themselves `client`: their process is known
    /// to have ended, and their partitions need not wait for the session to time out. Should one
    /// live after all, it hears of it and joins again. Gives how many there were.
    ///
    /// # Errors
    /// No broker answers, for 5 s each, or the group's coordinator refuses.
    pub async fn take_out(&self, group: &str, client: &str) -> anyhow::Result<usize> {
        let group = self.name(group);
        let coordinator = self.coordinator(&group).await?;
        let id = GroupId(group.clone().into());
        let asked = DescribeGroupsRequest::default().with_groups(vec![id.clone()]);
        let found: DescribeGroupsResponse =
            self.ask_at(&coordinator, DESCRIBE_GROUPS, &asked).await?;
        let described = found.groups.into_iter().next().context("Kafka describes no group")?;
        ensure!(
            described.error_code == 0,
            "Kafka answers with error {} for group {group}",
            described.error_code
        );
        let members: Vec<MemberIdentity> = described
            .members
            .into_iter()
            .filter(|member| member.client_id.as_str() == client)
            .map(|member| {
                MemberIdentity::default()
                    .with_member_id(member.member_id)
                    .with_group_instance_id(member.group_instance_id)
            })
            .collect();
        if members.is_empty() {
            return Ok(0);
        }
        let request = LeaveGroupRequest::default().with_group_id(id).with_members(members);
        let left: LeaveGroupResponse = self.ask_at(&coordinator, LEAVE_GROUP, &request).await?;
        let codes = left.members.iter().map(|member| member.error_code).chain([left.error_code]);
        for code in codes {
            // Somebody else may have seen to it meanwhile.
            if code != 0 && code != UNKNOWN_MEMBER {
                bail!("Kafka answers with error {code} for the members of group {group}");
            }
        }
        Ok(left.members.iter().filter(|member| member.error_code == 0).count())
    }

    /// Where the broker is that keeps a group, `host:port`.
    async fn coordinator(&self, group: &str) -> anyhow::Result<String> {
        let request =
            FindCoordinatorRequest::default().with_key(StrBytes::from_string(group.to_owned()));
        let found: FindCoordinatorResponse = self.ask(FIND_COORDINATOR, &request).await?;
        ensure!(
            found.error_code == 0,
            "Kafka answers with error {} for the coordinator of group {group}",
            found.error_code
        );
        Ok(format!("{}:{}", found.host.as_str(), found.port))
    }
}
