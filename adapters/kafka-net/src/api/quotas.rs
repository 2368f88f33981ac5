//! Quotas of clients: there are none, and whoever asks is told so.

use dolmen_kafka::WireError;
use dolmen_kafka::acl::Operation;
use dolmen_kafka::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use dolmen_kafka::wire::List;

use super::Call;
use super::authorize::Gate;
use crate::server::Reply;

/// Handles DescribeClientQuotas. Kafka's tools ask it wherever they describe users.
pub fn describe(call: &Call) -> Result<Reply, WireError> {
    let _: DescribeClientQuotasRequest<'_> = call.request()?;
    if let Err(code) = Gate::of(call).cluster(Operation::DescribeConfigs) {
        return call.answer(&DescribeClientQuotasResponse {
            error_code: code.0,
            error_message: Some(code.about()),
            entries: None,
            ..Default::default()
        });
    }
    call.answer(&DescribeClientQuotasResponse {
        error_message: None,
        entries: Some(List::default()),
        ..Default::default()
    })
}
