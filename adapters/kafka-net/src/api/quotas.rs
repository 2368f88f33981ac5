//! Quotas of clients: there are none, and whoever asks is told so.

use dolmen_kafka::WireError;
use dolmen_kafka::messages::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use dolmen_kafka::wire::List;

use super::Call;
use crate::server::Reply;

/// Handles DescribeClientQuotas. Kafka's tools ask it wherever they describe users.
pub fn describe(call: &Call) -> Result<Reply, WireError> {
    let _: DescribeClientQuotasRequest<'_> = call.request()?;
    call.answer(&DescribeClientQuotasResponse {
        error_message: None,
        entries: Some(List::default()),
        ..Default::default()
    })
}
