//! Access rules: told, made, taken away. Without an authorizer there are none, and whoever asks is told so as a Kafka without one tells it.

use dolmen_kafka::acl::{Filter, Found, Given, Operation, Refusal, Rule};
use dolmen_kafka::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse, DescribeAclsRequest,
    DescribeAclsResponse, create_acls_response as created, delete_acls_response as deleted,
    describe_acls_response as told,
};
use dolmen_kafka::{ErrorCode, WireError};

use super::authorize::Gate;
use super::{Call, blocking};
use crate::catalog::random_id;
use crate::server::Reply;

const WHY: &str = "No authorizer is configured: every user that came in may do everything.";

/// What is told beside a code.
fn about(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::NONE => None,
        ErrorCode::SECURITY_DISABLED => Some(WHY),
        code => Some(code.about()),
    }
}

/// Why nothing is done with rules, if so.
fn closed(call: &Call, operation: Operation) -> Result<(), ErrorCode> {
    let gate = Gate::of(call);
    if gate.is_open() { Err(ErrorCode::SECURITY_DISABLED) } else { gate.cluster(operation) }
}

/// Handles DescribeAcls.
pub fn describe(call: &Call) -> Result<Reply, WireError> {
    let request: DescribeAclsRequest<'_> = call.request()?;
    let filter = closed(call, Operation::Describe).map_err(|code| (code, about(code))).and_then(|()| {
        let codes = [
            request.resource_type_filter,
            request.pattern_type_filter,
            request.operation,
            request.permission_type,
        ];
        let texts = [request.resource_name_filter, request.principal_filter, request.host_filter];
        Filter::from_codes(codes, texts).map_err(|refusal| (refusal.code(), Some(refusal.about())))
    });
    let filter = match filter {
        Ok(filter) => filter,
        Err((code, error_message)) => {
            return call.answer(&DescribeAclsResponse {
                error_code: code.0,
                error_message,
                ..Default::default()
            });
        }
    };
    let acls = call.state.catalog.known().topics.acls().clone();
    let found: Vec<Found<'_>> = acls.matching(&filter).collect();
    // Rules of one resource stand together.
    let same = |a: &Found<'_>, b: &Found<'_>| {
        (a.resource_type, a.pattern, a.name) == (b.resource_type, b.pattern, b.name)
    };
    let resources = found.chunk_by(same).map(|rules| told::DescribeAclsResource {
        resource_type: rules[0].resource_type.code(),
        resource_name: rules[0].name,
        pattern_type: rules[0].pattern.code(),
        acls: rules
            .iter()
            .map(|rule| told::AclDescription {
                principal: rule.principal,
                host: rule.host,
                operation: rule.operation.code(),
                permission_type: rule.permission.code(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    });
    call.answer(&DescribeAclsResponse { resources: resources.collect(), ..Default::default() })
}

/// What became of one rule.
type Outcome = (ErrorCode, Option<&'static str>);

const DONE: Outcome = (ErrorCode::NONE, None);

fn refused(refusal: Refusal) -> Outcome {
    (refusal.code(), Some(refusal.about()))
}

/// Handles CreateAcls: the new rules are on record before it is answered.
pub async fn create(call: &Call) -> Result<Reply, WireError> {
    let request: CreateAclsRequest<'_> = call.request()?;
    let rules = request.creations.iter().map(|one| {
        let given = Given {
            resource_type: one.resource_type,
            pattern: one.resource_pattern_type,
            name: one.resource_name,
            principal: one.principal,
            host: one.host,
            operation: one.operation,
            permission: one.permission_type,
        };
        given.check()
    });
    let outcomes = match closed(call, Operation::Alter) {
        Err(code) => vec![(code, about(code)); request.creations.len()],
        Ok(()) => make(call, rules.collect()).await,
    };
    let results = outcomes.iter().map(|(code, error_message)| created::AclCreationResult {
        error_code: code.0,
        error_message: *error_message,
        ..Default::default()
    });
    call.answer(&CreateAclsResponse { results: results.collect(), ..Default::default() })
}

async fn make(call: &Call, rules: Vec<Result<Rule, Refusal>>) -> Vec<Outcome> {
    let (state, count) = (call.state.clone(), rules.len());
    let result = blocking(move || {
        state.catalog.change(|topics| match topics.acls().decide_create(&rules, random_id) {
            Ok((results, records)) => {
                let outcome = |result: Result<(), Refusal>| result.map_or_else(refused, |()| DONE);
                Ok((results.into_iter().map(outcome).collect(), records))
            }
            Err(refusal) => Ok((vec![refused(refusal); rules.len()], Vec::new())),
        })
    });
    result.await.unwrap_or_else(|code| vec![(code, about(code)); count])
}

/// A rule that is gone, or the filter that was not taken.
type Gone = Result<Vec<Rule>, Outcome>;

/// Handles DeleteAcls: the rules are gone on record before it is answered.
pub async fn delete(call: &Call) -> Result<Reply, WireError> {
    let request: DeleteAclsRequest<'_> = call.request()?;
    let filters = request.filters.iter().map(|one| {
        let codes = [one.resource_type_filter, one.pattern_type_filter, one.operation, one.permission_type];
        let texts = [one.resource_name_filter, one.principal_filter, one.host_filter];
        (codes, texts.map(|text| text.map(str::to_owned)))
    });
    let gone: Vec<Gone> = match closed(call, Operation::Alter) {
        Err(code) => vec![Err((code, about(code))); request.filters.len()],
        Ok(()) => unmake(call, filters.collect()).await,
    };
    let filter_results = gone.iter().map(|gone| match gone {
        Err((code, error_message)) => deleted::DeleteAclsFilterResult {
            error_code: code.0,
            error_message: *error_message,
            ..Default::default()
        },
        Ok(rules) => deleted::DeleteAclsFilterResult {
            error_message: None,
            matching_acls: rules
                .iter()
                .map(|rule| deleted::DeleteAclsMatchingAcl {
                    error_message: None,
                    resource_type: rule.resource_type.code(),
                    resource_name: &rule.name,
                    pattern_type: rule.pattern.code(),
                    principal: &rule.principal,
                    host: &rule.host,
                    operation: rule.operation.code(),
                    permission_type: rule.permission.code(),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        },
    });
    call.answer(&DeleteAclsResponse { filter_results: filter_results.collect(), ..Default::default() })
}

async fn unmake(call: &Call, filters: Vec<([i8; 4], [Option<String>; 3])>) -> Vec<Gone> {
    let (state, count) = (call.state.clone(), filters.len());
    let result = blocking(move || {
        let filters = filters.iter().map(|(codes, [name, principal, host])| {
            Filter::from_codes(*codes, [name.as_deref(), principal.as_deref(), host.as_deref()])
        });
        let taken: Vec<_> = filters.collect();
        state.catalog.change(|topics| match topics.acls().decide_delete(&taken) {
            Ok((results, records)) => {
                let rules = |found: Vec<Found<'_>>| found.iter().map(Found::to_rule).collect();
                let gone = |result: Result<Vec<Found<'_>>, Refusal>| result.map(rules).map_err(refused);
                Ok((results.into_iter().map(gone).collect(), records))
            }
            Err(refusal) => Ok((vec![Err(refused(refusal)); taken.len()], Vec::new())),
        })
    });
    result.await.unwrap_or_else(|code| vec![Err((code, about(code))); count])
}
