//! The server over real sockets, with a store and files in memory.

mod classes;
mod gate;
#[cfg(feature = "gateway")]
mod gateway;
mod hostile;
mod model;
mod notify;
mod objects;
mod power;
mod website;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use dolmen_host::Stop;
use dolmen_s3::auth::{Request, Secret, Signer};
use dolmen_s3::request::{Header, Headers, Method};
use dolmen_s3::state::sse::SecretKey;
use dolmen_s3::target::Query;
use dolmen_s3::time::Timestamp;
use parking_lot::RwLock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::accounts::Accounts;
use crate::blobs::Blobs;
use crate::connection;
use crate::engine::Engine;
use crate::meta::Meta;
use crate::notify::{Outbox, Wanted};
use crate::numbers::Numbers;
use crate::server::Server;
use crate::service::prepare;

const ACCESS_KEY: &str = "AKROOT";
const SECRET_KEY: &str = "a secret of root";

/// A server of a test.
struct World {
    server: Arc<Server>,
    address: SocketAddr,
}

/// An answer, read whole.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Got {
    fn code(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        code.map(|(code, _)| code.to_owned()).unwrap_or_default()
    }
}

impl World {
    async fn new() -> World {
        World::over(Meta::memory().unwrap(), Blobs::memory()).await
    }

    async fn over(meta: Meta, blobs: Blobs) -> World {
        World::try_over(meta, blobs).await.unwrap()
    }

    /// What is damaged may not open.
    async fn try_over(meta: Meta, blobs: Blobs) -> Result<World, dolmen_host::Fault> {
        World::telling(meta, blobs, &Wanted::nobody()).await
    }

    /// A server that leaves messages for targets; who delivers them is the test's.
    async fn telling(meta: Meta, blobs: Blobs, wanted: &Wanted) -> Result<World, dolmen_host::Fault> {
        World::made(meta, blobs, wanted, |_| {}).await
    }

    /// A server that a test has changed before it serves.
    async fn made(
        meta: Meta,
        blobs: Blobs,
        wanted: &Wanted,
        change: impl FnOnce(&mut Server),
    ) -> Result<World, dolmen_host::Fault> {
        let mut engine = Engine::new(meta, Arc::new(blobs), Arc::default()).unwrap();
        engine.outbox = Arc::new(Outbox::open(&engine.meta, "us-east-1", wanted)?);
        let engine = Arc::new(engine);
        let accounts = Arc::new(Accounts::new(ACCESS_KEY, SECRET_KEY));
        prepare(&engine, &accounts)?;
        let mut server = Server {
            engine,
            accounts,
            numbers: Numbers::new(),
            region: "us-east-1".into(),
            domains: vec!["s3.test".into()],
            website_domains: vec!["web.test".into()],
            proxies: Vec::new(),
            signature_v2: false,
            is_tls: false,
            test_api: None,
            sse_key: SecretKey::new([7; 32]),
            day_ms: 86_400_000,
            #[cfg(feature = "gateway")]
            gateway: None,
            keys: RwLock::default(),
        };
        change(&mut server);
        let server = Arc::new(server);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = tokio::sync::watch::channel(false);
        let stop = Stop::new(receiver);
        let served = server.clone();
        tokio::spawn(async move {
            let _sender = sender;
            connection::serve(served, listener, None, 64, stop).await;
        });
        Ok(World { server, address })
    }

    /// Sends bytes as they are and reads everything until the server closes or has answered.
    async fn raw(&self, bytes: &[u8]) -> Got {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that has answered already may close while we still send.
        let _ = stream.write_all(bytes).await;
        read(&mut stream, bytes.starts_with(b"HEAD")).await
    }

    /// Sends a request of root, signed in its header.
    async fn root(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        self.signed(ACCESS_KEY, SECRET_KEY, method, target, headers, body).await
    }

    async fn signed(
        &self,
        access_key: &str,
        secret_key: &str,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Got {
        let mut lines = vec![("host", self.address.to_string())];
        lines.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let has_mode = headers.iter().any(|(name, _)| *name == "x-amz-content-sha256");
        let signed = self.sign((access_key, secret_key), method, target, &lines);
        lines.extend(signed.into_iter().filter(|(name, _)| !has_mode || *name != "x-amz-content-sha256"));
        self.raw(&request(method, target, &lines, body)).await
    }

    /// The lines that a signature adds.
    fn sign<'a>(
        &self,
        (access_key, secret_key): (&str, &str),
        method: Method,
        target: &str,
        lines: &[(&'a str, String)],
    ) -> Vec<(&'a str, String)> {
        let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        let query = Query::parse(raw_query.as_bytes()).unwrap();
        let header: Vec<Header<'_>> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let secret = Secret::new(secret_key);
        let signer = Signer { access_key, secret: &secret, token: None, region: "us-east-1", service: "s3" };
        let request = Request {
            method,
            raw_path: path.as_bytes(),
            query: &query,
            headers: Headers(&header),
            host_bucket: None,
        };
        let mode = Headers(&header).get("x-amz-content-sha256").unwrap_or("UNSIGNED-PAYLOAD");
        let signed = signer.sign(&request, mode, self.now());
        vec![
            ("x-amz-content-sha256", mode.to_owned()),
            ("x-amz-date", signed.date),
            ("authorization", signed.authorization),
        ]
    }

    /// Waits until there are so many files: those that nothing names go a little later.
    async fn has_files(&self, wanted: usize) {
        let mut files = 0;
        for _ in 0..500 {
            files = (0..=255).map(|at| self.server.engine.blobs.list(at).unwrap().len()).sum();
            if files == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{files} files where {wanted} are named");
    }

    fn now(&self) -> Timestamp {
        crate::answer::stamp(self.server.engine.clock.now_ms())
    }
}

/// A request as it goes over the wire.
fn request(method: Method, target: &str, lines: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in lines {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    let has_length = lines.iter().any(|(name, _)| *name == "content-length" || *name == "transfer-encoding");
    if !has_length {
        out.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// Reads one answer.
async fn read(stream: &mut TcpStream, is_head: bool) -> Got {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            // What stands before the answer proper says that the body may come.
            if bytes.starts_with(b"HTTP/1.1 100") {
                bytes.drain(..at + 4);
                continue;
            }
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return Got { status: 0, headers: HashMap::new(), body: bytes };
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_len]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let pair = |line: &str| line.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()));
    let headers: HashMap<String, String> = lines.filter_map(pair).collect();
    let len: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(head_len);
    while !is_head && status != 304 && body.len() < len {
        if stream.read_buf(&mut body).await.unwrap_or(0) == 0 {
            break;
        }
    }
    Got { status, headers, body }
}
