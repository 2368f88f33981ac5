//! A client of any endpoint that speaks S3: signed requests, answers read as documents.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use clap::ValueHint;
use dolmen_host::secrets::Secrets;
use dolmen_s3::auth::{Presign, Request as SignedRequest, Secret, Signer};
use dolmen_s3::encoding::{Keep, hex32, percent};
use dolmen_s3::request::{Headers, Method};
use dolmen_s3::target::Query;
use dolmen_s3::time::Timestamp;
use dolmen_s3::xml::{Document, Reader};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use sha2::{Digest as _, Sha256};

use crate::transport::{Answer, Endpoint, Transport};

/// Bodies longer than this are sent without their digest in the signature.
const SIGNED_LEN_MAX: usize = 1 << 20;

/// Which endpoint, and as whom.
#[derive(clap::Args, Clone)]
pub(crate) struct Remote {
    /// Endpoint of the server
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL", default_value = "http://127.0.0.1:9000")]
    pub endpoint: String,
    /// Access key [default: DOLMEN_S3_ACCESS_KEY, else the one of the data directory]
    #[arg(long, value_name = "KEY", env = "AWS_ACCESS_KEY_ID", requires = "secret_key")]
    pub access_key: Option<String>,
    /// Secret key [default: DOLMEN_S3_SECRET_KEY, else the one of the data directory]
    #[arg(long, value_name = "KEY", env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true, requires = "access_key")]
    pub secret_key: Option<String>,
    /// Region to sign for
    #[arg(long, value_name = "NAME", env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// Data directory of the server, for its keys
    #[arg(long, value_name = "DIR", default_value = "./dolmen-data", value_hint = ValueHint::DirPath)]
    pub data: PathBuf,
}

/// A client.
pub(crate) struct Client {
    transport: Arc<Transport>,
    access_key: String,
    secret: Secret,
    region: String,
}

/// A request before it is signed.
#[derive(Clone, Default)]
pub(crate) struct Ask<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
    pub query: Vec<(&'a str, String)>,
    pub headers: Vec<(&'a str, String)>,
    pub body: Bytes,
}

impl Client {
    pub fn new(remote: &Remote) -> Result<Arc<Client>> {
        let (access_key, secret_key) = match (&remote.access_key, &remote.secret_key) {
            (Some(access_key), Some(secret_key)) => (access_key.clone(), secret_key.clone()),
            _ => keys(&remote.data)?,
        };
        Client::with(&remote.endpoint, &access_key, &secret_key, &remote.region)
    }

    pub fn with(endpoint: &str, access_key: &str, secret_key: &str, region: &str) -> Result<Arc<Client>> {
        Ok(Arc::new(Client {
            transport: Transport::new(Endpoint::parse(endpoint)?)?,
            access_key: access_key.to_owned(),
            secret: Secret::new(secret_key),
            region: region.to_owned(),
        }))
    }

    fn signer(&self) -> Signer<'_> {
        Signer {
            access_key: &self.access_key,
            secret: &self.secret,
            token: None,
            region: &self.region,
            service: "s3",
        }
    }

    /// Sends a request to a target that is no bucket: the interface for users.
    pub async fn admin(&self, method: Method, path: &str, query: &[(&str, String)], body: Bytes) -> Result<Bytes> {
        let answer = self.send(method, path.to_owned(), query, &[], body).await?;
        answer.whole().await
    }

    /// Sends a request; an error of the server is an error here.
    pub async fn ask(&self, method: Method, ask: &Ask<'_>) -> Result<Answer> {
        let path = path(ask.bucket, ask.key);
        self.send(method, path, &ask.query, &ask.headers, ask.body.clone()).await
    }

    async fn send(
        &self,
        method: Method,
        path: String,
        query: &[(&str, String)],
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Result<Answer> {
        let raw_query = raw_query(query);
        let parsed = Query::parse(raw_query.as_bytes()).map_err(|error| anyhow!("{error}"))?;
        let host = self.transport.endpoint.authority();
        let payload = if body.len() <= SIGNED_LEN_MAX {
            String::from_utf8(hex32(&Sha256::digest(&body).into()).to_vec())?
        } else {
            "UNSIGNED-PAYLOAD".to_owned()
        };
        let mut lines: Vec<(&str, &[u8])> = vec![("host", host.as_bytes())];
        lines.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        let request = SignedRequest {
            method,
            raw_path: path.as_bytes(),
            query: &parsed,
            headers: Headers(&lines),
            host_bucket: None,
        };
        let signed = self.signer().sign(&request, &payload, now());
        let target = if raw_query.is_empty() { path.clone() } else { format!("{path}?{raw_query}") };
        let mut builder = Request::builder().method(method.name()).uri(&target);
        for (name, value) in &lines {
            builder = builder.header(*name, *value);
        }
        let request = builder
            .header("x-amz-date", &signed.date)
            .header("x-amz-content-sha256", &payload)
            .header("authorization", &signed.authorization)
            .body(Full::new(body))?;
        let answer = self.transport.send(request).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refused(method, &path, answer).await) }
    }

    /// A document that a request is answered with.
    pub async fn document<D: Document>(&self, method: Method, ask: &Ask<'_>, url: bool) -> Result<D> {
        let body = self.ask(method, ask).await?.whole().await?;
        D::parse_answer(&body, url).map_err(|error| anyhow!("an answer that cannot be read: {error}"))
    }

    /// A URL that anybody may use for a while.
    pub fn presign(&self, method: Method, bucket: &str, key: &str, expires_s: u32) -> String {
        let path = path(bucket, key);
        let host = self.transport.endpoint.authority();
        let headers: [(&str, &[u8]); 1] = [("host", host.as_bytes())];
        let presign =
            Presign { method, raw_path: path.as_bytes(), raw_query: "", headers: &headers, expires_s };
        let query = self.signer().presign(&presign, now());
        format!("{}{path}?{query}", self.transport.endpoint)
    }
}

/// The keys of the environment, else of a data directory.
fn keys(data: &Path) -> Result<(String, String)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(access_key), Some(secret_key)) =
        (variable("DOLMEN_S3_ACCESS_KEY"), variable("DOLMEN_S3_SECRET_KEY"))
    {
        return Ok((access_key, secret_key));
    }
    let secrets = Secrets::new(data);
    let find = |name: &str| secrets.find(name).map_err(|error| anyhow!(error));
    match (find("s3-access-key")?, find("s3-secret-key")?) {
        (Some(access_key), Some(secret_key)) => {
            Ok((access_key.chars().take(20).collect::<String>().to_uppercase(), secret_key))
        }
        _ => bail!(
            "no keys: {} has none; give --access-key and --secret-key, or --data DIR of the server",
            data.display()
        ),
    }
}

fn path(bucket: &str, key: &str) -> String {
    match (bucket, key) {
        ("", _) => "/".to_owned(),
        (bucket, "") => format!("/{bucket}"),
        (bucket, key) => format!("/{bucket}/{}", percent(key.as_bytes(), Keep::Slash)),
    }
}

fn raw_query(query: &[(&str, String)]) -> String {
    let side = |text: &str| percent(text.as_bytes(), Keep::Unreserved);
    let pairs = query.iter().map(|(name, value)| format!("{}={}", side(name), side(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What a server says when it refuses.
async fn refused(method: Method, path: &str, answer: Answer) -> anyhow::Error {
    let status = answer.status;
    let body = answer.whole().await.unwrap_or_default();
    let (code, message) = told(&body).unwrap_or_default();
    let reason = match (code.as_str(), message.as_str()) {
        ("", _) => status.canonical_reason().unwrap_or("refused").to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    anyhow!(Refused { status, code }).context(format!("{method} {path}: {reason} ({})", status.as_u16()))
}

/// A server's answer that is an error.
#[derive(Debug)]
pub(crate) struct Refused {
    pub status: StatusCode,
    pub code: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {} {}", self.status.as_u16(), self.code)
    }
}

impl std::error::Error for Refused {}

/// Code and message of an error document.
fn told(body: &[u8]) -> Option<(String, String)> {
    let mut xml = Reader::tolerant(body, false).ok()?;
    let (mut code, mut message) = (String::new(), String::new());
    xml.root().ok()?;
    while let Some(name) = xml.child().ok()? {
        match name {
            "Code" => code = xml.text().ok()?.into_owned(),
            "Message" => message = xml.text().ok()?.into_owned(),
            _ => xml.unknown().ok()?,
        }
    }
    Some((code, message))
}

/// A header's value as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// The next bytes of an answer.
pub(crate) async fn next(body: &mut Incoming) -> Result<Option<Bytes>> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.context("the answer was cut off")?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}
