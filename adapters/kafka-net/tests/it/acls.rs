//! Access rules: every version of the three requests is answered as by a Kafka without an authorizer.

use dolmen_kafka::messages::create_acls_request::AclCreation;
use dolmen_kafka::messages::delete_acls_request::DeleteAclsFilter;
use dolmen_kafka::messages::*;
use dolmen_kafka::wire::Message;
use dolmen_kafka_net::Settings;

use crate::client::Running;

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
