//! One HTTP/1.1 connection after the other to one endpoint, kept while it is of use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Time to reach an endpoint.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the head of an answer: a server may sync for long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub host: String,
    pub port: u16,
    pub is_tls: bool,
}

impl Endpoint {
    /// Reads `http://HOST:PORT` or `https://HOST`.
    pub fn parse(url: &str) -> Result<Endpoint> {
        let (is_tls, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => bail!("{url:?} is no endpoint; expected http://HOST:PORT or https://HOST"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().with_context(|| format!("{url:?}: {port:?} is no port"))?)
            }
            _ => (rest, if is_tls { 443 } else { 80 }),
        };
        if host.is_empty() || host.contains('/') {
            bail!("{url:?} is no endpoint; expected http://HOST:PORT or https://HOST");
        }
        Ok(Endpoint { host: host.to_owned(), port, is_tls })
    }

    /// What stands in `Host`.
    pub fn authority(&self) -> String {
        match (self.is_tls, self.port) {
            (false, 80) | (true, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", if self.is_tls { "https" } else { "http" }, self.authority())
    }
}

/// An answer whose body is still to be read.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Incoming,
    sender: Option<SendRequest<Full<Bytes>>>,
    transport: Arc<Transport>,
}

impl Answer {
    /// Reads all of it; the connection is of use again then.
    pub async fn whole(self) -> Result<Bytes> {
        let bytes = self.body.collect().await.context("the answer was cut off")?.to_bytes();
        if let Some(sender) = self.sender {
            self.transport.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        }
        Ok(bytes)
    }
}

/// Connections to an endpoint.
pub(crate) struct Transport {
    pub endpoint: Endpoint,
    tls: Option<TlsConnector>,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Transport {
    pub fn new(endpoint: Endpoint) -> Result<Arc<Transport>> {
        let tls = endpoint.is_tls.then(dolmen_s3_http::connector).transpose()?;
        Ok(Arc::new(Transport { endpoint, tls, idle: Mutex::default() }))
    }

    /// Sends a request and reads the head of its answer.
    pub async fn send(self: &Arc<Self>, request: Request<Full<Bytes>>) -> Result<Answer> {
        // A connection that was kept may have been closed meanwhile; then a new one is tried, once.
        while let Some(mut sender) = self.take() {
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request.clone()).await {
                Ok(response) => return Ok(self.answer(sender, response)),
                Err(error) if error.message().is_some() => break,
                Err(error) => return Err(anyhow!(error.into_error()).context(self.endpoint.to_string())),
            }
        }
        let mut sender = self.connect().await?;
        let sent = tokio::time::timeout(ANSWER_TIMEOUT, sender.send_request(request)).await;
        let response = sent
            .map_err(|_| anyhow!("{}: no answer within {} s", self.endpoint, ANSWER_TIMEOUT.as_secs()))?
            .with_context(|| self.endpoint.to_string())?;
        Ok(self.answer(sender, response))
    }

    fn take(&self) -> Option<SendRequest<Full<Bytes>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn answer(self: &Arc<Self>, sender: SendRequest<Full<Bytes>>, response: Response<Incoming>) -> Answer {
        let (parts, body) = response.into_parts();
        let closes = parts.headers.get("connection").is_some_and(|value| value == "close");
        let sender = if closes { None } else { Some(sender) };
        Answer { status: parts.status, headers: parts.headers, body, sender, transport: self.clone() }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let endpoint = &self.endpoint;
        let host = endpoint.host.trim_start_matches('[').trim_end_matches(']');
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect((host, endpoint.port))).await;
        let stream = stream
            .map_err(|_| {
                anyhow!("cannot reach {endpoint}: no answer within {} s", CONNECT_TIMEOUT.as_secs())
            })?
            .with_context(|| format!("cannot reach {endpoint}"))?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => handshake(stream).await,
            Some(tls) => {
                let name =
                    ServerName::try_from(host.to_owned()).with_context(|| format!("{host:?} is no name"))?;
                let stream =
                    tls.connect(name, stream).await.with_context(|| format!("cannot reach {endpoint}"))?;
                handshake(stream).await
            }
        }
    }
}

async fn handshake(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let plain = Endpoint::parse("http://127.0.0.1:9000/").unwrap();
        assert_eq!((plain.host.as_str(), plain.port, plain.is_tls), ("127.0.0.1", 9000, false));
        assert_eq!(plain.to_string(), "http://127.0.0.1:9000");
        assert_eq!(Endpoint::parse("https://s3.example").unwrap().authority(), "s3.example");
        assert_eq!(Endpoint::parse("http://[::1]:9000").unwrap().authority(), "[::1]:9000");
        for wrong in ["127.0.0.1:9000", "ftp://x", "http://", "http://a/b", "http://a:b"] {
            assert!(Endpoint::parse(wrong).is_err(), "{wrong}");
        }
    }
}
