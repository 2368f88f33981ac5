//! Serving every system from one data directory.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use dolmen_host::Host;
use dolmen_kv_resp::{Engine, Settings};
use dolmen_store::{Db, Options, SyncPolicy};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `dolmen up`.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  dolmen up --data ./dolmen-data --kv 127.0.0.1:6379\n  redis-cli SET tree oak"
)]
pub struct Args {
    /// Directory that keeps all data
    #[arg(long, env = "DOLMEN_DATA", default_value = "./dolmen-data")]
    data: PathBuf,
    /// Address of the key-value service (Redis protocol)
    #[arg(long, env = "DOLMEN_KV", default_value = "127.0.0.1:6379", value_name = "ADDR:PORT")]
    kv: SocketAddr,
    /// Address of the page, health probes and metrics
    #[arg(long, env = "DOLMEN_HTTP", default_value = "127.0.0.1:7000", value_name = "ADDR:PORT")]
    http: SocketAddr,
    /// Host name under which the page is served besides localhost (repeatable)
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// When a write counts as done
    #[arg(long, env = "DOLMEN_SYNC", default_value = "always")]
    sync: Sync,
    /// Connections at once
    #[arg(long, env = "DOLMEN_MAX_CLIENTS", default_value_t = 10_000, value_name = "N")]
    max_clients: u32,
    /// Password that key-value clients must give; required when listening beyond loopback
    #[arg(long, env = "DOLMEN_KV_PASSWORD", hide_env_values = true)]
    kv_password: Option<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Sync {
    /// When it is on disk (one sync for many writers)
    Always,
    /// When the operating system has it; synced every second
    Interval,
    /// When the operating system has it
    Never,
}

/// A start must be quick to give up, and a stop must end before a container runtime loses patience.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs `dolmen up`.
pub fn run(args: Args) -> anyhow::Result<()> {
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let result = runtime.block_on(serve(args, started));
    runtime.shutdown_background();
    result
}

async fn serve(args: Args, started: Instant) -> anyhow::Result<()> {
    // Before anything that takes time: as process 1 nothing else would end us.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    if !args.kv.ip().is_loopback() && args.kv_password.is_none() {
        anyhow::bail!("--kv {} can be reached from other machines; give --kv-password too", args.kv);
    }
    let listener = bind(args.kv, "--kv").await?;
    let http = bind(args.http, "--http").await?;
    let sync = match args.sync {
        Sync::Always => SyncPolicy::Always,
        Sync::Interval => SyncPolicy::Interval(Duration::from_secs(1)),
        Sync::Never => SyncPolicy::Never,
    };
    std::fs::create_dir_all(&args.data).with_context(|| format!("cannot create {}", args.data.display()))?;
    let db = Db::open(&args.data.join("kv"), Options { sync, ..Options::default() })?;
    let settings = Settings {
        password: args.kv_password,
        clients_max: args.max_clients,
        dir: args.data.display().to_string(),
        run_id: run_id(),
        ..Settings::new(listener.local_addr()?, sync)
    };
    let engine = Engine::start(db, settings)?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let addr = listener.local_addr()?;
    let service = tokio::spawn(dolmen_kv_resp::serve(engine.clone(), listener, stopped.clone()));
    let address = http.local_addr()?;
    let host = Host { services: vec![engine.clone()], allowed: args.allow_host, address, stop: stopped };
    tokio::spawn(dolmen_host::serve(Arc::new(host), http));
    println!("kv     {addr}   redis-cli -p {} SET tree oak", addr.port());
    println!("http   {address}   curl http://{address}/readyz?verbose");
    println!("ready in {} ms", started.elapsed().as_millis());
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    stop.send_replace(true);
    tokio::select! {
        _ = tokio::time::timeout(DRAIN_TIMEOUT, service) => {}
        _ = terminate.recv() => std::process::exit(143),
        _ = interrupt.recv() => std::process::exit(130),
    }
    tokio::task::spawn_blocking(move || engine.close()).await??;
    Ok(())
}

/// Listens, before any file is changed; a failure names the flag that chooses another address.
async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address}; choose another with {flag} ADDR:PORT"))
}

/// 40 hexadecimal digits from the start time and the process id.
fn run_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{now:032x}{:08x}", std::process::id())
}
