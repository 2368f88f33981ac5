//! Bodies of requests: read whole before anything else happens, within bounds of length, of time, and of what all of them together take.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dolmen_host::axum::body::{Body, Bytes};
use dolmen_host::axum::extract::{Request, State};
use dolmen_host::axum::http::{HeaderValue, StatusCode, header};
use dolmen_host::axum::middleware::Next;
use dolmen_host::axum::response::{IntoResponse, Response};
use http_body::Body as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::body::Failure;

/// Time for a body, and to wait for room for it.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bodies of the greatest length that are held at a time; smaller ones, more of them.
const BODIES: usize = 4;
/// What is read and thrown away of a body that is too long, so that its sender sees the answer.
const DRAIN_LEN: usize = 256 << 20;
/// Bytes that one permit stands for.
const GRAIN: usize = 1024;

/// Room for bodies.
pub struct Intake {
    len_max: usize,
    room: Arc<Semaphore>,
}

impl Intake {
    /// Room for a few bodies of this length.
    pub fn new(len_max: usize) -> Intake {
        let len_max = len_max.clamp(1, u32::MAX as usize);
        Intake { len_max, room: Arc::new(Semaphore::new(BODIES * len_max.div_ceil(GRAIN))) }
    }

    /// Bytes of bodies that are held at most.
    pub fn bytes_max(len_max: usize) -> usize {
        BODIES * len_max
    }

    async fn take(&self, body: Body, declared: Option<u64>, is_asking: bool) -> Result<Bytes, Failure> {
        let declared = declared.map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        let len_max = self.len_max;
        let long = || Failure {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            text: format!("the body is longer than {len_max} bytes, the most that is taken"),
        };
        if declared.is_some_and(|len| len > len_max) {
            // Who asks before sending need not be listened to.
            if !is_asking {
                let _ = timeout(BODY_TIMEOUT, drain(body)).await;
            }
            return Err(long());
        }
        let permits = declared.unwrap_or(len_max).div_ceil(GRAIN) as u32;
        let room = timeout(BODY_TIMEOUT, self.room.acquire_many(permits)).await;
        let Ok(Ok(_room)) = room else {
            let text = "too many bodies of requests are being read".to_owned();
            return Err(Failure { status: StatusCode::SERVICE_UNAVAILABLE, text });
        };
        match timeout(BODY_TIMEOUT, collect(body, len_max)).await {
            Ok(Ok(Some(bytes))) => Ok(bytes),
            Ok(Ok(None)) => Err(long()),
            Ok(Err(text)) => Err(Failure::bad(format!("the body cannot be read: {text}"))),
            Err(_) => {
                let text = format!("the body did not come within {} s", BODY_TIMEOUT.as_secs());
                Err(Failure { status: StatusCode::REQUEST_TIMEOUT, text })
            }
        }
    }
}

async fn next(body: &mut Body) -> Option<Result<Bytes, String>> {
    loop {
        let frame = match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => frame,
            Err(error) => return Some(Err(error.to_string())),
        };
        if let Ok(data) = frame.into_data() {
            return Some(Ok(data));
        }
    }
}

/// The bytes of a body; `None` if there are too many.
async fn collect(mut body: Body, len_max: usize) -> Result<Option<Bytes>, String> {
    let mut bytes = Vec::new();
    while let Some(data) = next(&mut body).await {
        let data = data?;
        if data.len() > len_max - bytes.len() {
            drain(body).await;
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(Bytes::from(bytes)))
}

async fn drain(mut body: Body) {
    let mut left = DRAIN_LEN;
    while let Some(Ok(data)) = next(&mut body).await {
        left = left.saturating_sub(data.len());
        if left == 0 {
            return;
        }
    }
}

/// Reads the body of a request, then lets it go on.
pub async fn take(State(intake): State<Arc<Intake>>, request: Request, after: Next) -> Response {
    let (parts, body) = request.into_parts();
    let field = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let declared = field(header::CONTENT_LENGTH).and_then(|len| len.parse().ok());
    let declared = declared.or(body.is_end_stream().then_some(0));
    match intake.take(body, declared, field(header::EXPECT).is_some()).await {
        Ok(bytes) => after.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(failure) => failure.into_response(),
    }
}
