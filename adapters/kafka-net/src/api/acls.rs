//! Access rules: there is no authorizer, so there are none, and whoever asks is told so as a Kafka without one tells it.

use dolmen_kafka::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse, DescribeAclsRequest,
    DescribeAclsResponse, create_acls_response as created, delete_acls_response as deleted,
};
use dolmen_kafka::{ErrorCode, WireError};

use super::Call;
use crate::server::Reply;

const DISABLED: i16 = ErrorCode::SECURITY_DISABLED.0;
const WHY: Option<&str> = Some("No authorizer is configured: every user that came in may do everything.");

/// Handles DescribeAcls.
pub fn describe(call: &Call) -> Result<Reply, WireError> {
    let _: DescribeAclsRequest<'_> = call.request()?;
    call.answer(&DescribeAclsResponse { error_code: DISABLED, error_message: WHY, ..Default::default() })
}

/// Handles CreateAcls.
pub fn create(call: &Call) -> Result<Reply, WireError> {
    let request: CreateAclsRequest<'_> = call.request()?;
    let refused =
        created::AclCreationResult { error_code: DISABLED, error_message: WHY, ..Default::default() };
    let results = request.creations.iter().map(|_| refused.clone()).collect();
    call.answer(&CreateAclsResponse { results, ..Default::default() })
}

/// Handles DeleteAcls.
pub fn delete(call: &Call) -> Result<Reply, WireError> {
    let request: DeleteAclsRequest<'_> = call.request()?;
    let refused =
        deleted::DeleteAclsFilterResult { error_code: DISABLED, error_message: WHY, ..Default::default() };
    let filter_results = request.filters.iter().map(|_| refused.clone()).collect();
    call.answer(&DeleteAclsResponse { filter_results, ..Default::default() })
}
