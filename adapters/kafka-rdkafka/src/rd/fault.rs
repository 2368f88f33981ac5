//! What librdkafka's errors are to the machine.

use dolmen_kafka::ErrorCode;
use dolmen_kafka::eos::Fault;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::client::Failure;

/// A code of the broker's, or of the library's own.
pub fn fault_of_code(code: RDKafkaErrorCode) -> Fault {
    use RDKafkaErrorCode as Code;
    match code {
        Code::Fenced | Code::ProducerFenced => Fault::Fenced,
        Code::Fatal | Code::State | Code::Inconsistent | Code::GaplessGuarantee | Code::Conflict => {
            Fault::Broken
        }
        Code::AssignmentLost | Code::PollExceeded => Fault::Broker(ErrorCode::ILLEGAL_GENERATION),
        Code::InvalidArgument
        | Code::Authentication
        | Code::SSL
        | Code::UnsupportedFeature
        | Code::NotImplemented
        | Code::UnknownProtocol => Fault::Misconfigured,
        other => match i16::try_from(other as i32) {
            Ok(broker) if broker >= -1 => Fault::Broker(ErrorCode(broker)),
            // The library's own, of the network and of time.
            _ => Fault::Unanswered,
        },
    }
}

/// Any error.
pub fn fault_of(error: &KafkaError) -> Fault {
    match error {
        KafkaError::Transaction(inner) => {
            let code = fault_of_code(inner.code());
            let is_out = matches!(code, Fault::Fenced | Fault::Broker(ErrorCode::INVALID_PRODUCER_EPOCH));
            match () {
                () if inner.is_fatal() => {
                    if is_out {
                        Fault::Fenced
                    } else {
                        Fault::Broken
                    }
                }
                () if inner.txn_requires_abort() => Fault::MustAbort,
                () if inner.is_retriable() => Fault::Retriable,
                () => code,
            }
        }
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => {
            Fault::Misconfigured
        }
        KafkaError::MessageConsumptionFatal(_) => Fault::Broken,
        other => other.rdkafka_error_code().map_or(Fault::Unanswered, fault_of_code),
    }
}

/// The error of a call, in words.
pub fn failure(what: &str, error: &KafkaError) -> Failure {
    Failure::new(fault_of(error), format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_broker_and_of_the_library() {
        let cases = [
            (RDKafkaErrorCode::MessageSizeTooLarge, Fault::Broker(ErrorCode::MESSAGE_TOO_LARGE)),
            (RDKafkaErrorCode::InvalidProducerEpoch, Fault::Broker(ErrorCode::INVALID_PRODUCER_EPOCH)),
            (RDKafkaErrorCode::UnknownMemberId, Fault::Broker(ErrorCode::UNKNOWN_MEMBER_ID)),
            (RDKafkaErrorCode::Unknown, Fault::Broker(ErrorCode::UNKNOWN_SERVER_ERROR)),
            (RDKafkaErrorCode::OperationTimedOut, Fault::Unanswered),
            (RDKafkaErrorCode::AllBrokersDown, Fault::Unanswered),
            (RDKafkaErrorCode::MessageTimedOut, Fault::Unanswered),
            (RDKafkaErrorCode::Fenced, Fault::Fenced),
            (RDKafkaErrorCode::State, Fault::Broken),
            (RDKafkaErrorCode::Authentication, Fault::Misconfigured),
        ];
        for (code, fault) in cases {
            assert_eq!(fault_of(&KafkaError::Global(code)), fault, "{code:?}");
        }
    }
}
