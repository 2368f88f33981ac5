//! A target that takes messages by HTTP: one POST each; a status of 200 to 299 says that it is taken.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dolmen_s3::state::notify::Waiting;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::deliver::Delivered;

/// Messages that are on their way at a time; two of one object never are.
const LANES: usize = 8;
/// Bytes of an answer that are read, so that its connection can be kept.
const ANSWER_LEN_MAX: usize = 64 << 10;

/// Objects of a lane whose messages are refused before the rest is not tried any more.
const REFUSED_MAX: usize = 4;

/// Why a message was not taken.
enum Fault {
    /// Nobody answered.
    Silent(String),
    /// The answer was no.
    Refused(String),
}

type Connection = SendRequest<Full<Bytes>>;

/// A webhook.
pub(super) struct Webhook {
    host: String,
    port: u16,
    authority: String,
    path: String,
    tls: Option<TlsConnector>,
    timeout: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl Webhook {
    pub fn parse(url: &str, timeout: Duration) -> Result<Webhook, String> {
        let uri: Uri = url.parse().map_err(|error| format!("no URL: {error}"))?;
        let authority = uri.authority().ok_or("no host")?;
        if authority.as_str().contains('@') {
            return Err("credentials in a URL are not taken".into());
        }
        let is_tls = uri.scheme_str() == Some("https");
        let tls = is_tls.then(crate::tls::connector).transpose().map_err(|error| error.to_string())?;
        Ok(Webhook {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            tls,
            timeout,
            idle: Mutex::default(),
        })
    }

    /// Delivers messages: those of one object in order, and none of it behind one that failed.
    pub async fn deliver(self: &Arc<Self>, due: &[Waiting]) -> Delivered {
        let mut lanes = vec![Vec::new(); LANES];
        for (at, message) in due.iter().enumerate() {
            let mut hash = DefaultHasher::new();
            message.lane.hash(&mut hash);
            lanes[hash.finish() as usize % LANES].push((at, message.clone()));
        }
        let mut tasks = tokio::task::JoinSet::new();
        for lane in lanes.into_iter().filter(|lane| !lane.is_empty()) {
            let webhook = self.clone();
            tasks.spawn(async move { webhook.one_lane(lane).await });
        }
        let mut out = Delivered::default();
        while let Some(lane) = tasks.join_next().await {
            match lane {
                Ok(lane) => {
                    out.taken.extend(lane.taken);
                    out.faults.extend(lane.faults);
                }
                Err(error) => out.faults.push(error.to_string()),
            }
        }
        out
    }

    /// One message after the other. An object whose message is refused waits, and the others go on; who does not answer is asked no more.
    async fn one_lane(&self, lane: Vec<(usize, Waiting)>) -> Delivered {
        let (mut out, mut held) = (Delivered::default(), HashSet::new());
        for (at, message) in lane {
            if held.contains(&message.lane) {
                continue;
            }
            let posted = tokio::time::timeout(self.timeout, self.post(message.text.into())).await;
            let no_answer =
                || Err(Fault::Silent(format!("{}: no answer within {:?}", self.authority, self.timeout)));
            match posted.unwrap_or_else(|_| no_answer()) {
                Ok(()) => out.taken.push(at),
                Err(Fault::Silent(text)) => {
                    out.faults.push(text);
                    return out;
                }
                Err(Fault::Refused(text)) => {
                    out.faults.push(text);
                    held.insert(message.lane);
                    if held.len() == REFUSED_MAX {
                        return out;
                    }
                }
            }
        }
        out
    }

    async fn post(&self, text: Bytes) -> Result<(), Fault> {
        let request = Request::post(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "dolmen")
            .body(Full::new(text))
            .map_err(|error| Fault::Silent(error.to_string()))?;
        let shown = |error: &dyn std::fmt::Display| Fault::Silent(format!("{}: {error}", self.authority));
        // A connection that was kept may have been closed meanwhile; then the message goes over a new one.
        let kept = self.idle.lock().pop();
        let mut answered = None;
        if let Some(mut sender) = kept
            && sender.ready().await.is_ok()
            && let Ok(answer) = sender.send_request(request.clone()).await
        {
            answered = Some((sender, answer));
        }
        let (sender, answer) = match answered {
            Some(answered) => answered,
            None => {
                let mut sender = self.connect().await.map_err(|error| shown(&error))?;
                let answer = sender.send_request(request).await.map_err(|error| shown(&error))?;
                (sender, answer)
            }
        };
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_LEN_MAX).collect().await;
        if body.is_ok() && !sender.is_closed() {
            self.idle.lock().push(sender);
        }
        let refused = || Fault::Refused(format!("{}: answers {status}", self.authority));
        if status.is_success() { Ok(()) } else { Err(refused()) }
    }

    async fn connect(&self) -> std::io::Result<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => handshake(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).map_err(std::io::Error::other)?;
                handshake(tls.connect(name, stream).await?).await
            }
        }
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> std::io::Result<Connection> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}
