//! `dolmen kafka acls`.

use anyhow::{Context, Result, bail};
use dolmen_cli::{Out, Status};
use dolmen_kafka::acl::{CLUSTER, Operation, Pattern, Permission, ResourceType};
use dolmen_kafka::messages::create_acls_request::AclCreation;
use dolmen_kafka::messages::delete_acls_request::DeleteAclsFilter;
use dolmen_kafka::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse, DescribeAclsRequest,
    DescribeAclsResponse,
};
use dolmen_kafka::wire::Message;
use serde_json::json;

use super::Of;
use crate::client::{Cluster, To, check};

/// The code of a filter that takes any.
const ANY: i8 = 1;
/// The code of a filter that takes the rules for a resource: by its name, by `*`, by a prefix.
const MATCH: i8 = 2;

#[derive(clap::Subcommand)]
pub enum Acls {
    /// Every rule, or those for a resource
    List {
        #[command(flatten)]
        resource: Resource,
        /// Only rules of this principal, such as User:tree
        #[arg(long)]
        principal: Option<String>,
    },
    /// Make rules: one for each operation
    #[command(
        after_help = "Examples:\n  dolmen kafka acls add User:tree --topic orders --operation read --operation write\n  \
                            dolmen kafka acls add User:tree --group readers --operation read\n  \
                            dolmen kafka acls add 'User:*' --topic secret- --prefixed --operation all --deny"
    )]
    Add {
        /// To whom it applies: User:NAME, or User:* for everyone
        principal: String,
        #[command(flatten)]
        resource: Resource,
        #[command(flatten)]
        rule: Rule,
    },
    /// Take rules away, each as it was made
    Remove {
        /// Whose rules
        principal: String,
        #[command(flatten)]
        resource: Resource,
        #[command(flatten)]
        rule: Rule,
    },
}

/// What rules are about.
#[derive(clap::Args)]
#[group(multiple = false)]
pub struct Resource {
    /// A topic; * for every one
    #[arg(long)]
    topic: Option<String>,
    /// A group of consumers
    #[arg(long)]
    group: Option<String>,
    /// A transactional id
    #[arg(long)]
    transactional_id: Option<String>,
    /// The cluster
    #[arg(long)]
    cluster: bool,
}

/// What a rule says.
#[derive(clap::Args)]
pub struct Rule {
    /// read, write, create, delete, alter, describe, cluster-action, describe-configs, alter-configs, idempotent-write, all
    #[arg(long = "operation", required = true, value_parser = operation)]
    operations: Vec<Operation>,
    /// Every name that begins so
    #[arg(long)]
    prefixed: bool,
    /// From where: an address, or a range such as 10.0.0.0/8
    #[arg(long, default_value = "*")]
    host: String,
    /// Forbid it, whatever other rules allow
    #[arg(long)]
    deny: bool,
}

fn operation(text: &str) -> Result<Operation, String> {
    Operation::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Operation::ALL.iter().map(|one| one.name()).collect();
        format!("there are {}", known.join(", "))
    })
}

impl Resource {
    fn named(&self) -> Option<(ResourceType, &str)> {
        let named = [
            (ResourceType::Topic, &self.topic),
            (ResourceType::Group, &self.group),
            (ResourceType::TransactionalId, &self.transactional_id),
        ];
        let found = named.into_iter().find_map(|(kind, name)| Some((kind, name.as_deref()?)));
        found.or(self.cluster.then_some((ResourceType::Cluster, CLUSTER)))
    }
}

impl Rule {
    fn pattern(&self) -> i8 {
        if self.prefixed { Pattern::Prefixed } else { Pattern::Literal }.code()
    }

    fn permission(&self) -> i8 {
        if self.deny { Permission::Deny } else { Permission::Allow }.code()
    }
}

/// Runs it.
///
/// # Errors
///
/// If the broker refuses.
pub fn run(Of { at, verb }: Of<Acls>, out: &mut Out) -> Result<Status> {
    let mut cluster = Cluster::connect(&at.bootstrap)?;
    match verb {
        Acls::List { resource, principal } => list(&mut cluster, &resource, principal.as_deref(), out)?,
        Acls::Add { principal, resource, rule } => add(&mut cluster, &principal, &resource, &rule)?,
        Acls::Remove { principal, resource, rule } => remove(&mut cluster, &principal, &resource, &rule)?,
    }
    Ok(Status::Success)
}

fn list(cluster: &mut Cluster, resource: &Resource, principal: Option<&str>, out: &mut Out) -> Result<()> {
    let named = resource.named();
    let request = DescribeAclsRequest {
        resource_type_filter: named.map_or(ANY, |(kind, _)| kind.code()),
        resource_name_filter: named.map(|(_, name)| name),
        pattern_type_filter: MATCH,
        principal_filter: principal,
        host_filter: None,
        operation: ANY,
        permission_type: ANY,
        ..DescribeAclsRequest::default()
    };
    let (body, version) = cluster.call(To::Any, &request, (1, 3))?;
    let response = DescribeAclsResponse::decode(&body, version)?;
    check(response.error_code, "access rules")?;
    let word = |name: Option<&'static str>| name.unwrap_or("?");
    for resource in &response.resources {
        let kind = word(ResourceType::from_code(resource.resource_type).map(ResourceType::name));
        let pattern = word(Pattern::from_code(resource.pattern_type).map(Pattern::name));
        for rule in &resource.acls {
            let permission = word(Permission::from_code(rule.permission_type).map(Permission::name));
            let operation = word(Operation::from_code(rule.operation).map(Operation::name));
            if out.is_json() {
                out.object(&json!({
                    "resource_type": kind, "name": resource.resource_name, "pattern": pattern, "principal": rule.principal,
                    "host": rule.host, "operation": operation, "permission": permission,
                }))?;
            } else {
                let (name, principal, host) = (resource.resource_name, rule.principal, rule.host);
                out.line(format_args!(
                    "{kind} {name}  {pattern}  {permission} {principal} from {host}: {operation}"
                ))?;
            }
        }
    }
    Ok(())
}

/// What a rule is about must be said.
fn wanted(resource: &Resource) -> Result<(ResourceType, &str)> {
    resource.named().context("say what the rule is about: --topic, --group, --transactional-id or --cluster")
}

fn add(cluster: &mut Cluster, principal: &str, resource: &Resource, rule: &Rule) -> Result<()> {
    let (kind, name) = wanted(resource)?;
    let creations = rule.operations.iter().map(|operation| AclCreation {
        resource_type: kind.code(),
        resource_name: name,
        resource_pattern_type: rule.pattern(),
        principal,
        host: &rule.host,
        operation: operation.code(),
        permission_type: rule.permission(),
        ..AclCreation::default()
    });
    let request = CreateAclsRequest { creations: creations.collect(), ..CreateAclsRequest::default() };
    let (body, version) = cluster.call(To::Any, &request, (1, 3))?;
    let response = CreateAclsResponse::decode(&body, version)?;
    for (result, operation) in response.results.iter().zip(&rule.operations) {
        let why = result.error_message.unwrap_or_default();
        check(result.error_code, format!("rule to {} {name}: {why}", operation.name()))?;
    }
    Ok(())
}

fn remove(cluster: &mut Cluster, principal: &str, resource: &Resource, rule: &Rule) -> Result<()> {
    let (kind, name) = wanted(resource)?;
    let filters = rule.operations.iter().map(|operation| DeleteAclsFilter {
        resource_type_filter: kind.code(),
        resource_name_filter: Some(name),
        pattern_type_filter: rule.pattern(),
        principal_filter: Some(principal),
        host_filter: Some(&rule.host),
        operation: operation.code(),
        permission_type: rule.permission(),
        ..DeleteAclsFilter::default()
    });
    let request = DeleteAclsRequest { filters: filters.collect(), ..DeleteAclsRequest::default() };
    let (body, version) = cluster.call(To::Any, &request, (1, 3))?;
    let response = DeleteAclsResponse::decode(&body, version)?;
    for (result, operation) in response.filter_results.iter().zip(&rule.operations) {
        check(result.error_code, format!("rule to {} {name}", operation.name()))?;
        if result.matching_acls.is_empty() {
            bail!(
                "there is no such rule to {} {name}; `acls list` shows those that there are",
                operation.name()
            );
        }
    }
    Ok(())
}
