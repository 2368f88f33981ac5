//! S3's step of the tour.

use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use bytes::Bytes;
use dolmen_cli::Report;
use dolmen_host::{Registered, Sources, Values, life};
use dolmen_s3::request::Method;
use dolmen_s3_http::{Offline, S3};

use crate::client::{Ask, Client, Refused};
use crate::objects;

/// The input: this crate's own words.
const SOURCES: [(&str, &str); 4] = [
    ("src/lib.rs", include_str!("lib.rs")),
    ("src/client.rs", include_str!("client.rs")),
    ("src/copy.rs", include_str!("copy.rs")),
    ("src/objects.rs", include_str!("objects.rs")),
];
/// Bytes of an object that is kept in a file.
const LARGE_LEN: usize = 1 << 20;
const KEYS: (&str, &str) = ("TOURACCESSKEY", "tour-secret-key");

/// A server on a free port: this crate's files put, listed and read back with signatures, a wrong key refused, every byte scrubbed.
///
/// # Errors
///
/// If an answer is not what it should be.
pub fn tour(scratch: &Path) -> Result<Report> {
    let data = scratch.join("data");
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let (address, path) = (format!("127.0.0.1:{port}"), data.display().to_string());
    let list = [Registered::of::<S3>()];
    let table = life::table(&list);
    let flag = |name: &str| {
        let value = match name {
            "data" => &path,
            "s3.listen" => &address,
            "http.listen" => "127.0.0.1:0",
            "s3.access-key" => KEYS.0,
            "s3.secret-key" => KEYS.1,
            _ => return None,
        };
        Some(value.to_owned())
    };
    let values = Values::decide(&table, &Sources { flag: &flag, variable: &|_| None, file: None })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    let bytes = runtime.block_on(async {
        let started = std::time::Instant::now();
        let mut banner = std::io::sink();
        let served = life::serve(&list, &values, started, &mut banner, async {
            let _ = end.await;
        });
        let asked = async {
            let outcome = ask(&format!("http://{address}")).await;
            let _ = ended.send(());
            outcome
        };
        let (served, asked) = tokio::join!(served, asked);
        served.map_err(|error| anyhow!(error))?;
        asked
    })?;
    runtime.shutdown_background();
    let found = Offline::look(&data.join("s3")).and_then(|offline| offline.scrub(|_| {}));
    let found = found.map_err(|error| anyhow!(error))?;
    ensure!(found.damaged.is_empty(), "damaged: {}", found.damaged.join("; "));
    let did = format!(
        "{} objects put, listed and read back over HTTP with signatures, a wrong key refused, {} kB of {} kB scrubbed",
        SOURCES.len() + 1,
        found.bytes / 1000,
        bytes / 1000
    );
    Ok(Report { system: "s3", did, page: "core/s3/README.md" })
}

async fn ask(endpoint: &str) -> Result<u64> {
    let client = Client::with(endpoint, KEYS.0, KEYS.1, "us-east-1")?;
    let bucket = "stones";
    let mut attempts = 0;
    // The server starts beside us.
    while let Err(error) = client.ask(Method::Put, &Ask { bucket, ..Ask::default() }).await {
        attempts += 1;
        ensure!(attempts < 100, "the server did not answer: {error:#}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let large: Vec<u8> = (0..LARGE_LEN).map(|at| (at * 7 % 253) as u8).collect();
    let mut bodies: Vec<(&str, Bytes)> =
        SOURCES.iter().map(|(key, text)| (*key, Bytes::from_static(text.as_bytes()))).collect();
    bodies.push(("large", large.into()));
    for (key, body) in &bodies {
        let ask = Ask { bucket, key, body: body.clone(), ..Ask::default() };
        client.ask(Method::Put, &ask).await?.whole().await?;
    }
    let found = objects::all(&client, bucket, "").await?;
    ensure!(found.len() == bodies.len(), "{} objects instead of {}", found.len(), bodies.len());
    for (key, body) in &bodies {
        let got = client.ask(Method::Get, &Ask { bucket, key, ..Ask::default() }).await?.whole().await?;
        ensure!(got == *body, "{key} came back changed");
    }
    let stranger = Client::with(endpoint, KEYS.0, "another-secret", "us-east-1")?;
    let refused = stranger.ask(Method::Get, &Ask { bucket, key: "large", ..Ask::default() }).await;
    let code = refused.err().and_then(|error| error.downcast_ref::<Refused>().map(|refused| refused.code.clone()));
    ensure!(code.as_deref() == Some("SignatureDoesNotMatch"), "a wrong key was answered {code:?}");
    Ok(bodies.iter().map(|(_, body)| body.len() as u64).sum())
}
