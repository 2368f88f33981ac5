//! Answers and errors as OpenAI's clients read them.

use dolmen_host::axum::http::{StatusCode, header};
use dolmen_host::axum::response::{IntoResponse, Response};
use dolmen_llm::StepError;
use dolmen_llm::scheduler::SubmitError;
use serde_json::{Value, json};

/// A status and a sentence.
#[derive(Debug)]
pub struct Failure {
    pub status: StatusCode,
    pub text: String,
}

impl Failure {
    /// The request makes no sense.
    pub fn bad(text: impl std::fmt::Display) -> Failure {
        Failure { status: StatusCode::BAD_REQUEST, text: text.to_string() }
    }

    /// The model has ended.
    pub fn ended() -> Failure {
        Failure { status: StatusCode::SERVICE_UNAVAILABLE, text: "the model is not running".to_owned() }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Failure {
        let full = matches!(error, SubmitError::Full { .. });
        let status = if full { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
        Failure { status, text: error.to_string() }
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Failure {
        Failure::bad(error)
    }
}

/// The body of an error.
pub fn error(failure: &Failure) -> Value {
    let kind = match failure.status.as_u16() {
        401 => "authentication_error",
        404 => "not_found_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    json!({"error": {"message": failure.text, "type": kind, "param": null, "code": failure.status.as_u16()}})
}

/// JSON with a status.
pub fn json_response(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        json_response(self.status, &error(&self))
    }
}
