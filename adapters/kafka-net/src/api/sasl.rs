//! SaslHandshake and SaslAuthenticate, and what is let through before them.

use dolmen_kafka::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use dolmen_kafka::{ErrorCode, WireError};

use super::Call;
use crate::broker::State;
use crate::sasl::{Mechanism, Step};
use crate::server::{Peer, Reply};

const HANDSHAKE: i16 = 17;
const AUTHENTICATE: i16 = 36;

/// Answers the handshake, and closes the connection of who asks something else before it; `None`: the request is let through.
pub fn gate(call: &Call) -> Result<Option<Reply>, WireError> {
    match call.key {
        HANDSHAKE => handshake(call).map(Some),
        AUTHENTICATE => authenticate(call).map(Some),
        _ if call.peer.session.lock().is_open() => Ok(None),
        _ => Ok(Some(Reply::Close)),
    }
}

fn handshake(call: &Call) -> Result<Reply, WireError> {
    let request: SaslHandshakeRequest<'_> = call.request()?;
    let offered = &call.state.settings.mechanisms;
    let mut session = call.peer.session.lock();
    let chosen =
        Mechanism::of(request.mechanism).filter(|_| offered.iter().any(|name| name == request.mechanism));
    let error = match chosen {
        _ if !session.is_needed() => ErrorCode::ILLEGAL_SASL_STATE,
        None => ErrorCode::UNSUPPORTED_SASL_MECHANISM,
        Some(mechanism) => {
            session.choose(mechanism, call.version == 0);
            ErrorCode::NONE
        }
    };
    let mechanisms = offered.iter().map(String::as_str).collect();
    call.answer(&SaslHandshakeResponse { error_code: error.0, mechanisms })
}

fn authenticate(call: &Call) -> Result<Reply, WireError> {
    let request: SaslAuthenticateRequest<'_> = call.request()?;
    let step = step(&call.state, &call.peer, request.auth_bytes);
    match step {
        Step::Go(answer) => {
            call.answer(&SaslAuthenticateResponse { auth_bytes: &answer, ..Default::default() })
        }
        Step::Wrong => {
            tracing::info!(target: "kafka", "{} gave a wrong user or password", call.peer.remote.ip());
            call.answer(&SaslAuthenticateResponse {
                error_code: ErrorCode::SASL_AUTHENTICATION_FAILED.0,
                error_message: Some(ErrorCode::SASL_AUTHENTICATION_FAILED.about()),
                ..Default::default()
            })
        }
    }
}

fn step(state: &State, peer: &Peer, token: &[u8]) -> Step {
    let known = state.catalog.known();
    peer.session.lock().step(&state.users, known.topics.credentials(), token)
}

/// A token without headers, behind the oldest handshake.
pub fn raw(state: &State, peer: &Peer, token: &[u8]) -> Reply {
    match step(state, peer, token) {
        Step::Go(answer) => {
            let mut frame = (answer.len() as u32).to_be_bytes().to_vec();
            frame.extend_from_slice(&answer);
            Reply::Frame(frame)
        }
        Step::Wrong => Reply::Close,
    }
}
