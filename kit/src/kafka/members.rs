//! The members of consumer groups, as another one may see to them.

use std::collections::BTreeMap;

use anyhow::bail;
use kafka_protocol::{
    messages::{
        ApiKey, DescribeGroupsRequest, DescribeGroupsResponse, FindCoordinatorRequest,
        FindCoordinatorResponse, GroupId, LeaveGroupRequest, LeaveGroupResponse,
        leave_group_request::MemberIdentity,
    },
    protocol::StrBytes,
};

use super::client::Kafka;

/// The first version that asks for many groups' coordinators at once.
const FIND_COORDINATOR: (ApiKey, i16) = (ApiKey::FindCoordinator, 4);
pub(super) const DESCRIBE_GROUPS: (ApiKey, i16) = (ApiKey::DescribeGroups, 5);
/// The first version in which one may name others was 3.
const LEAVE_GROUP: (ApiKey, i16) = (ApiKey::LeaveGroup, 4);
const UNKNOWN_MEMBER: i16 = 25;

impl Kafka {
    /// Takes the members that call themselves `client` out of all groups that this process has been
    /// a member of: their process is known to have ended, and their partitions need not wait for
    /// the session to time out. Should one live after all, it hears of it and joins again. Gives
    /// how many there were.
    ///
    /// # Errors
    /// No broker answers, for 5 s each, or a group's coordinator refuses; the other groups were
    /// seen to.
    pub async fn take_out(&self, client: &str) -> anyhow::Result<usize> {
        let groups: Vec<String> = self.groups.lock().iter().cloned().collect();
        if groups.is_empty() {
            return Ok(0);
        }
        let (mut taken, mut fault) = (0, Ok(()));
        for (coordinator, groups) in self.coordinators(&groups).await? {
            for (group, members) in self.members(&coordinator, groups, client).await? {
                match self.leave(&coordinator, group, members).await {
                    Ok(left) => taken += left,
                    Err(error) => fault = Err(error),
                }
            }
        }
        fault.map(|()| taken)
    }

    /// Where the brokers are, `host:port`, and which of the groups each keeps. A group that has no
    /// coordinator yet has no members.
    pub(super) async fn coordinators(
        &self,
        groups: &[String],
    ) -> anyhow::Result<BTreeMap<String, Vec<GroupId>>> {
        let keys = groups.iter().map(|group| StrBytes::from_string(group.clone())).collect();
        let request = FindCoordinatorRequest::default().with_coordinator_keys(keys);
        let found: FindCoordinatorResponse = self.ask(FIND_COORDINATOR, &request).await?;
        let mut kept: BTreeMap<String, Vec<GroupId>> = BTreeMap::new();
        for of in found.coordinators.into_iter().filter(|of| of.error_code == 0) {
            let at = format!("{}:{}", of.host.as_str(), of.port);
            kept.entry(at).or_default().push(GroupId(of.key));
        }
        Ok(kept)
    }

    /// The members of each group that call themselves `client`; groups without such are left out.
    async fn members(
        &self,
        coordinator: &str,
        groups: Vec<GroupId>,
        client: &str,
    ) -> anyhow::Result<Vec<(GroupId, Vec<MemberIdentity>)>> {
        let asked = DescribeGroupsRequest::default().with_groups(groups);
        let found: DescribeGroupsResponse =
            self.ask_at(coordinator, DESCRIBE_GROUPS, &asked).await?;
        let described = found.groups.into_iter().filter(|group| group.error_code == 0);
        let of_client = described.map(|group| {
            let own = group.members.into_iter().filter(|member| member.client_id == *client);
            let named = own.map(|member| {
                MemberIdentity::default()
                    .with_member_id(member.member_id)
                    .with_group_instance_id(member.group_instance_id)
            });
            (group.group_id, named.collect::<Vec<_>>())
        });
        Ok(of_client.filter(|(_, members)| !members.is_empty()).collect())
    }

    async fn leave(
        &self,
        coordinator: &str,
        group: GroupId,
        members: Vec<MemberIdentity>,
    ) -> anyhow::Result<usize> {
        let name = group.0.clone();
        let request = LeaveGroupRequest::default().with_group_id(group).with_members(members);
        let left: LeaveGroupResponse = self.ask_at(coordinator, LEAVE_GROUP, &request).await?;
        let codes = left.members.iter().map(|member| member.error_code).chain([left.error_code]);
        for code in codes {
            // Somebody else may have seen to it meanwhile.
            if code != 0 && code != UNKNOWN_MEMBER {
                bail!("Kafka answers with error {code} for the members of group {}", &*name);
            }
        }
        Ok(left.members.iter().filter(|member| member.error_code == 0).count())
    }
}
