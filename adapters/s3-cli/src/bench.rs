//! How fast a server puts, gets and lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use dolmen_cli::{Out, Status, show_size};
use dolmen_s3::request::Method;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::client::{Ask, Client, Remote as Endpoint};
use crate::objects;

/// Arguments of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Bucket to work in; it is made and removed
    #[arg(long, default_value = "dolmen-bench")]
    bucket: String,
    /// Bytes of an object
    #[arg(long, value_name = "SIZE", default_value = "4kb", value_parser = dolmen_cli::value::size)]
    size: u64,
    /// Requests on their way at a time
    #[arg(long, value_name = "N", default_value_t = 16)]
    connections: u64,
    /// How long each kind of request is sent
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = dolmen_cli::value::duration)]
    time: Duration,
    #[command(flatten)]
    endpoint: Endpoint,
}

#[derive(Serialize)]
struct Shown {
    operation: &'static str,
    requests_per_s: f64,
    bytes_per_s: u64,
    p50_us: u64,
    p99_us: u64,
}

pub(crate) async fn run(args: &Args, out: &mut Out) -> Result<Status> {
    let client = Client::new(&args.endpoint)?;
    let bucket: Arc<str> = args.bucket.as_str().into();
    client.ask(Method::Put, &Ask { bucket: &bucket, ..Ask::default() }).await?.whole().await?;
    let body: Bytes = (0..args.size).map(|at| (at * 31 % 251) as u8).collect::<Vec<u8>>().into();
    let written = Arc::new(AtomicU64::new(0));
    let put = {
        let written = written.clone();
        measure(args, "put", client.clone(), bucket.clone(), move |_| {
            let at = written.fetch_add(1, Ordering::Relaxed);
            (Method::Put, format!("{at:08}"), body.clone())
        })
        .await?
    };
    show(&put, out)?;
    let count = written.load(Ordering::Relaxed).max(1);
    let get = measure(args, "get", client.clone(), bucket.clone(), move |at| {
        (Method::Get, format!("{:08}", at * 7919 % count), Bytes::new())
    });
    show(&get.await?, out)?;
    let begun = Instant::now();
    let found = objects::all(&client, &bucket, "").await?;
    let pages = found.len().div_ceil(1000).max(1);
    out.line(format_args!("list   {} keys, {:?} a page", found.len(), begun.elapsed() / pages as u32))?;
    let named = |object: dolmen_s3::body::Object| dolmen_s3::body::ObjectIdentifier {
        key: object.key.0,
        ..dolmen_s3::body::ObjectIdentifier::default()
    };
    objects::delete(&client, &bucket, found.into_iter().map(named).collect()).await?;
    client.ask(Method::Delete, &Ask { bucket: &bucket, ..Ask::default() }).await?.whole().await?;
    Ok(Status::Success)
}

async fn measure(
    args: &Args,
    operation: &'static str,
    client: Arc<Client>,
    bucket: Arc<str>,
    make: impl Fn(u64) -> (Method, String, Bytes) + Send + Sync + 'static,
) -> Result<Shown> {
    let (make, count) = (Arc::new(make), Arc::new(AtomicU64::new(0)));
    let (begun, end) = (Instant::now(), Instant::now() + args.time);
    let mut running = JoinSet::new();
    for _ in 0..args.connections {
        let (client, bucket, make, count) = (client.clone(), bucket.clone(), make.clone(), count.clone());
        running.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < end {
                let (method, key, body) = make(count.fetch_add(1, Ordering::Relaxed));
                let one = Instant::now();
                let ask = Ask { bucket: &bucket, key: &key, body, ..Ask::default() };
                client.ask(method, &ask).await?.whole().await?;
                took.push(one.elapsed());
            }
            Ok::<_, anyhow::Error>(took)
        });
    }
    let mut took = Vec::new();
    while let Some(one) = running.join_next().await {
        took.extend(one??);
    }
    let elapsed = begun.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).map_or(0, |time| time.as_micros() as u64);
    let rate = took.len() as f64 / elapsed;
    let bytes_per_s = (rate * args.size as f64) as u64;
    Ok(Shown { operation, requests_per_s: rate, bytes_per_s, p50_us: at(50), p99_us: at(99) })
}

fn show(shown: &Shown, out: &mut Out) -> Result<()> {
    if out.is_json() {
        return Ok(out.object(shown)?);
    }
    Ok(out.line(format_args!(
        "{:<6} {:.0} requests/s, {}/s, p50 {} us, p99 {} us",
        shown.operation,
        shown.requests_per_s,
        show_size(shown.bytes_per_s),
        shown.p50_us,
        shown.p99_us
    ))?)
}
