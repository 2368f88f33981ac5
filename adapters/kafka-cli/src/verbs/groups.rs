//! `dolmen kafka groups`.

use anyhow::{Context, Result};
use dolmen_cli::{Out, Status};
use dolmen_kafka::ErrorCode;
use dolmen_kafka::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DeleteGroupsRequest, DeleteGroupsResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest, ListGroupsResponse,
};
use dolmen_kafka::wire::Message;
use serde_json::{Value, json};

use super::Of;
use crate::client::consumer::{LATEST, offset_for};
use crate::client::group::all_committed;
use crate::client::{Cluster, Refused, To, check};

#[derive(clap::Subcommand)]
pub enum Groups {
    /// Every group with its state
    List,
    /// A group's members and what they own
    Describe { group: String },
    /// A group's committed offsets, and how far they are behind
    Offsets { group: String },
    /// Delete groups without members, with their offsets
    Delete {
        #[arg(required = true)]
        groups: Vec<String>,
    },
}

/// Runs it.
///
/// # Errors
///
/// If the broker refuses.
pub fn run(Of { at, verb }: Of<Groups>, out: &mut Out) -> Result<Status> {
    let mut cluster = Cluster::connect(&at.bootstrap)?;
    match verb {
        Groups::List => list(&mut cluster, out)?,
        Groups::Describe { group } => describe(&mut cluster, &group, out)?,
        Groups::Offsets { group } => offsets(&mut cluster, &group, out)?,
        Groups::Delete { groups } => {
            groups.iter().try_for_each(|group| delete(&mut cluster, group))?;
        }
    }
    Ok(Status::Success)
}

fn list(cluster: &mut Cluster, out: &mut Out) -> Result<()> {
    let (body, version) = cluster.call(To::Any, &ListGroupsRequest::default(), (0, 5))?;
    let response = ListGroupsResponse::decode(&body, version)?;
    check(response.error_code, "groups")?;
    for group in &response.groups {
        if out.is_json() {
            out.object(&json!({
                "group": group.group_id, "state": group.group_state, "type": group.group_type, "protocol_type": group.protocol_type,
            }))?;
        } else {
            out.line(format_args!("{}  {}  {}", group.group_id, group.group_state, group.group_type))?;
        }
    }
    Ok(())
}

fn describe(cluster: &mut Cluster, group: &str, out: &mut Out) -> Result<()> {
    let described = match newer(cluster, group)? {
        Some(described) => described,
        None => classic(cluster, group)?,
    };
    if out.is_json() {
        out.object(&described)?;
        return Ok(());
    }
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    out.line(format_args!(
        "{group}  {}  {}  assignor {}",
        word(&described, "state"),
        word(&described, "type"),
        word(&described, "assignor")
    ))?;
    for member in described["members"].as_array().into_iter().flatten() {
        out.line(format_args!(
            "  {}  {} {}  {}",
            word(member, "member"),
            word(member, "client"),
            word(member, "host"),
            member.get("partitions").map(Value::to_string).unwrap_or_default()
        ))?;
    }
    Ok(())
}

/// A group of the newer protocol; `None` if it is not one, or the broker knows none.
fn newer(cluster: &mut Cluster, group: &str) -> Result<Option<Value>> {
    if cluster.version::<ConsumerGroupDescribeRequest<'_>>(To::Group(group), 0, 1).is_err() {
        return Ok(None);
    }
    let groups = [group];
    let request = ConsumerGroupDescribeRequest {
        group_ids: (&groups[..]).into(),
        ..ConsumerGroupDescribeRequest::default()
    };
    let (body, version) = cluster.call(To::Group(group), &request, (0, 1))?;
    let response = ConsumerGroupDescribeResponse::decode(&body, version)?;
    let found = response.groups.first().context("the broker tells nothing of the group")?;
    if ErrorCode(found.error_code) == ErrorCode::GROUP_ID_NOT_FOUND {
        return Ok(None);
    }
    check(found.error_code, format!("group {group}"))?;
    let members = found.members.iter().map(|member| {
        let partitions = member.assignment.topic_partitions.iter().map(|topic| {
            json!({ "topic": topic.topic_name, "partitions": topic.partitions.iter().collect::<Vec<i32>>() })
        });
        json!({
            "member": member.member_id, "instance": member.instance_id, "epoch": member.member_epoch, "client": member.client_id,
            "host": member.client_host, "partitions": partitions.collect::<Vec<_>>(),
        })
    });
    Ok(Some(json!({
        "group": group, "type": "consumer", "state": found.group_state, "epoch": found.group_epoch, "target_epoch": found.assignment_epoch,
        "assignor": found.assignor_name, "members": members.collect::<Vec<_>>(),
    })))
}

fn classic(cluster: &mut Cluster, group: &str) -> Result<Value> {
    let groups = [group];
    let request = DescribeGroupsRequest { groups: (&groups[..]).into(), ..DescribeGroupsRequest::default() };
    let (body, version) = cluster.call(To::Group(group), &request, (0, 6))?;
    let response = DescribeGroupsResponse::decode(&body, version)?;
    let found = response.groups.first().context("the broker tells nothing of the group")?;
    check(found.error_code, format!("group {group}"))?;
    if found.group_state == "Dead" {
        return Err(Refused { code: ErrorCode::GROUP_ID_NOT_FOUND, what: format!("group {group}") }.into());
    }
    let members = found.members.iter().map(|member| {
        json!({
            "member": member.member_id, "instance": member.group_instance_id, "client": member.client_id, "host": member.client_host,
        })
    });
    Ok(json!({
        "group": group, "type": "classic", "state": found.group_state, "protocol_type": found.protocol_type, "assignor": found.protocol_data,
        "members": members.collect::<Vec<_>>(),
    }))
}

fn offsets(cluster: &mut Cluster, group: &str, out: &mut Out) -> Result<()> {
    for ((topic, partition), offset) in all_committed(cluster, group)? {
        // A topic that is gone has no end any more.
        let end = offset_for(cluster, &topic, partition, LATEST, true).ok();
        let lag = end.map(|end| (end - offset).max(0));
        if out.is_json() {
            out.object(&json!({ "group": group, "topic": topic, "partition": partition, "offset": offset, "end": end, "lag": lag }))?;
        } else {
            let lag = lag.map_or_else(|| "?".into(), |lag| lag.to_string());
            out.line(format_args!("{topic}-{partition}  offset {offset}  lag {lag}"))?;
        }
    }
    Ok(())
}

fn delete(cluster: &mut Cluster, group: &str) -> Result<()> {
    let names = [group];
    let request = DeleteGroupsRequest { groups_names: (&names[..]).into(), ..DeleteGroupsRequest::default() };
    let (body, version) = cluster.call(To::Group(group), &request, (0, 2))?;
    let response = DeleteGroupsResponse::decode(&body, version)?;
    let result = response.results.first().context("the broker tells nothing of the group")?;
    check(result.error_code, format!("group {group}"))
}
