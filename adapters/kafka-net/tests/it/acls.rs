//! Access rules: every version of the three requests is answered as by a Kafka without an authorizer, and with one they are kept.

use std::path::Path;

use dolmen_kafka::acl::AUTHORIZER;
use dolmen_kafka::messages::create_acls_request::AclCreation;
use dolmen_kafka::messages::delete_acls_request::DeleteAclsFilter;
use dolmen_kafka::messages::*;
use dolmen_kafka::wire::Message;
use dolmen_kafka_net::Settings;

use crate::authorize;
use crate::client::{Client, Running, batch};

#[test]
fn access_rules_are_refused_each_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    for version in 1..=3 {
        let request = DescribeAclsRequest {
            resource_type_filter: 1,
            pattern_type_filter: 1,
            operation: 1,
            permission_type: 1,
            ..Default::default()
        };
        let body = client.ask(&request, version).unwrap();
        let response = DescribeAclsResponse::decode(&body, version).unwrap();
        assert_eq!((response.error_code, response.resources.len()), (54, 0));
        assert!(response.error_message.is_some_and(|text| text.contains("authorizer")));

        let rule = AclCreation {
            resource_type: 2,
            resource_name: "t",
            resource_pattern_type: 3,
            principal: "User:a",
            host: "*",
            operation: 3,
            permission_type: 3,
            ..Default::default()
        };
        let creations = [rule.clone(), rule];
        let request = CreateAclsRequest { creations: (&creations[..]).into(), ..Default::default() };
        let body = client.ask(&request, version).unwrap();
        let response = CreateAclsResponse::decode(&body, version).unwrap();
        assert!(response.results.iter().map(|one| one.error_code).eq([54, 54]));

        let filter = DeleteAclsFilter {
            resource_type_filter: 2,
            pattern_type_filter: 3,
            operation: 1,
            permission_type: 1,
            ..Default::default()
        };
        let filters = [filter.clone(), filter.clone(), filter];
        let request = DeleteAclsRequest { filters: (&filters[..]).into(), ..Default::default() };
        let body = client.ask(&request, version).unwrap();
        let response = DeleteAclsResponse::decode(&body, version).unwrap();
        let results: Vec<_> =
            response.filter_results.iter().map(|one| (one.error_code, one.matching_acls.len())).collect();
        assert_eq!(results, [(54, 0); 3]);
    }
}

/// One where everyone is a super user.
fn with_authorizer(dir: &Path) -> Running {
    let given = [("authorizer.class.name", AUTHORIZER), ("super.users", "User:ANONYMOUS")];
    Running::start(dir, Settings::new(&given).unwrap())
}

fn rule(name: &'static str, operation: i8) -> AclCreation<'static> {
    AclCreation {
        resource_type: 2,
        resource_name: name,
        resource_pattern_type: 3,
        principal: "User:a",
        host: "*",
        operation,
        permission_type: 3,
        ..Default::default()
    }
}

fn create(client: &mut Client, rules: &[AclCreation<'_>], version: i16) -> Vec<(i16, bool)> {
    let body =
        client.ask(&CreateAclsRequest { creations: rules.into(), ..Default::default() }, version).unwrap();
    let response = CreateAclsResponse::decode(&body, version).unwrap();
    response.results.iter().map(|one| (one.error_code, one.error_message.is_some())).collect()
}

/// Rules by resource, as `PATTERN NAME: OPERATIONS`.
fn described(client: &mut Client, name: Option<&str>, pattern: i8, version: i16) -> Vec<String> {
    let request = DescribeAclsRequest {
        resource_type_filter: 2,
        resource_name_filter: name,
        pattern_type_filter: pattern,
        principal_filter: None,
        host_filter: None,
        operation: 1,
        permission_type: 1,
        ..Default::default()
    };
    let body = client.ask(&request, version).unwrap();
    let response = DescribeAclsResponse::decode(&body, version).unwrap();
    assert_eq!((response.error_code, response.error_message.unwrap_or_default()), (0, ""));
    let one = |resource: describe_acls_response::DescribeAclsResource<'_>| {
        let operations: Vec<i8> = resource.acls.iter().map(|rule| rule.operation).collect();
        format!("{} {}: {operations:?}", resource.pattern_type, resource.resource_name)
    };
    response.resources.iter().map(one).collect()
}

fn delete(client: &mut Client, filters: &[DeleteAclsFilter<'_>], version: i16) -> Vec<(i16, Vec<String>)> {
    let body =
        client.ask(&DeleteAclsRequest { filters: filters.into(), ..Default::default() }, version).unwrap();
    let response = DeleteAclsResponse::decode(&body, version).unwrap();
    let one = |result: delete_acls_response::DeleteAclsFilterResult<'_>| {
        let rules =
            result.matching_acls.iter().map(|rule| format!("{} {}", rule.resource_name, rule.operation));
        (result.error_code, rules.collect())
    };
    response.filter_results.iter().map(one).collect()
}

#[test]
fn rules_are_made_told_and_taken_away_and_are_there_after_every_end() {
    let dir = tempfile::tempdir().unwrap();
    let filter = |name, operation| DeleteAclsFilter {
        resource_type_filter: 2,
        resource_name_filter: name,
        pattern_type_filter: 1,
        principal_filter: None,
        host_filter: None,
        operation,
        permission_type: 1,
        ..Default::default()
    };
    for version in 1..=3 {
        let broker = with_authorizer(dir.path());
        let mut client = broker.client();
        assert!(described(&mut client, None, 1, version).is_empty());
        let prefixed = AclCreation { resource_pattern_type: 4, ..rule("t", 4) };
        let rules = [rule("t", 3), rule("t", 8), prefixed, rule("*", 5), rule("t", 3)];
        assert_eq!(create(&mut client, &rules, version), [(0, false); 5]);
        // What makes no sense is refused by itself, each with a sentence.
        let wrong = [rule("", 3), rule("u", 1), AclCreation { principal: "a", ..rule("u", 3) }, rule("u", 3)];
        assert_eq!(create(&mut client, &wrong, version), [(42, true), (42, true), (42, true), (0, false)]);
        // Dropped, not stopped: what was answered is on disk.
        drop((client, broker));
        let broker = with_authorizer(dir.path());
        let mut client = broker.client();
        assert_eq!(
            described(&mut client, None, 1, version),
            ["3 *: [5]", "3 t: [3, 8]", "3 u: [3]", "4 t: [4]"]
        );
        assert_eq!(described(&mut client, Some("t"), 3, version), ["3 t: [3, 8]"]);
        assert_eq!(described(&mut client, Some("tx"), 2, version), ["3 *: [5]", "4 t: [4]"]);
        let filters =
            [filter(Some("t"), 3), filter(Some("t"), 1), filter(Some("nothing"), 1), filter(None, 16)];
        let gone = delete(&mut client, &filters, version);
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(
            gone,
            [(0, texts(&["t 3"])), (0, texts(&["t 3", "t 8", "t 4"])), (0, vec![]), (42, vec![])]
        );
        drop((client, broker));
        let broker = with_authorizer(dir.path());
        let mut client = broker.client();
        assert_eq!(described(&mut client, None, 1, version), ["3 *: [5]", "3 u: [3]"]);
        assert_eq!(delete(&mut client, &[filter(None, 1)], version)[0].1.len(), 2);
        broker.stop();
    }
}

/// A rule holds from the moment that it is answered, and over a restart.
#[test]
fn rules_hold_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let broker = authorize::broker(dir.path());
    let mut root = authorize::client(&broker, "root");
    root.make_topic("t");
    let mut plain = authorize::client(&broker, "plain");
    assert_eq!(plain.produce("t", None, &batch(&["oak"], None, false)).0, 29);
    authorize::allow(&mut root, (2, 3, "t", "plain", 4));
    assert_eq!(plain.produce("t", None, &batch(&["oak"], None, false)), (0, 0));
    drop((root, plain, broker));
    let broker = authorize::broker(dir.path());
    let mut plain = authorize::client(&broker, "plain");
    assert_eq!(plain.produce("t", None, &batch(&["elm"], None, false)), (0, 1));
    let mut other = authorize::client(&broker, "other");
    assert_eq!(other.produce("t", None, &batch(&["elm"], None, false)).0, 29);
    broker.stop();
}
