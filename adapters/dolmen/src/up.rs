//! Serving every system from one data directory.

mod credentials;
mod settings;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dolmen_base::io::{Directory, IoError};
use dolmen_cli::{Out, Status};
use dolmen_fs::Dir;
use dolmen_host::config::LogLevel;
use dolmen_host::{Host, LogFormat, notify};
use dolmen_kv_resp::Engine;
use dolmen_store::{Db, Options, SyncPolicy};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use settings::Settings;

/// Arguments of `dolmen up`. What is not given is taken from `DOLMEN_*`, then from dolmen.toml, then from the defaults.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  dolmen up --data ./dolmen-data --kv 127.0.0.1:6379\n  redis-cli SET tree oak\n  \
                        dolmen up --settings                 each setting and where it came from\n  \
                        dolmen up --show-password            the password of the data directory\n\n\
                        dolmen.toml:\n  data = \"./dolmen-data\"\n  [kv]\n  listen = \"127.0.0.1:6379\"\n  sync = \"always\"\n  \
                        [http]\n  listen = \"127.0.0.1:7000\"\n  [log]\n  format = \"json\""
)]
pub struct Args {
    /// Settings file [default: dolmen.toml, if it is there]
    #[arg(long, env = "DOLMEN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory that keeps all data [default: ./dolmen-data]
    #[arg(long, env = "DOLMEN_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of the key-value service, Redis protocol [default: 127.0.0.1:6379]
    #[arg(long, env = "DOLMEN_KV", value_name = "ADDR:PORT")]
    kv: Option<SocketAddr>,
    /// Address of the page, health probes and metrics [default: 127.0.0.1:7000]
    #[arg(long, env = "DOLMEN_HTTP", value_name = "ADDR:PORT")]
    http: Option<SocketAddr>,
    /// When a write counts as done [default: always]
    #[arg(long, env = "DOLMEN_SYNC")]
    sync: Option<Sync>,
    /// Password that key-value clients must give [default: none on loopback, else the data directory's]
    #[arg(long, env = "DOLMEN_KV_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    kv_password: Option<String>,
    /// Password of page and metrics [default: none on loopback, else the data directory's]
    #[arg(long, env = "DOLMEN_HTTP_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    http_password: Option<String>,
    /// Host name under which the page is served besides localhost (repeatable)
    #[arg(long, env = "DOLMEN_ALLOW_HOST", value_delimiter = ',', value_name = "NAME")]
    allow_host: Vec<String>,
    /// Connections at once [default: 10000]
    #[arg(long, env = "DOLMEN_MAX_CLIENTS", value_name = "N")]
    max_clients: Option<u32>,
    /// Seconds without a command after which a connection is closed [default: 0, never]
    #[arg(long, env = "DOLMEN_IDLE_TIMEOUT", value_name = "SECONDS")]
    idle_timeout: Option<u32>,
    /// Bytes of memory over which writes that grow are refused [default: 0, no limit]
    #[arg(long, env = "DOLMEN_MAX_MEMORY", value_name = "BYTES")]
    max_memory: Option<u64>,
    /// Bytes of a key [default: 65536]
    #[arg(long, env = "DOLMEN_MAX_KEY", value_name = "BYTES")]
    max_key: Option<usize>,
    /// Bytes of a value [default: 536870912]
    #[arg(long, env = "DOLMEN_MAX_VALUE", value_name = "BYTES")]
    max_value: Option<usize>,
    /// How lines of the log look, on stderr [default: text]
    #[arg(long, env = "DOLMEN_LOG_FORMAT")]
    log_format: Option<Format>,
    /// The least level that is logged [default: info]
    #[arg(long, env = "DOLMEN_LOG")]
    log: Option<Level>,
    /// Print each setting with where it came from, and end
    #[arg(long)]
    settings: bool,
    /// Print the password of the data directory, and end
    #[arg(long)]
    show_password: bool,
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

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object per line
    Json,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl From<Sync> for dolmen_kv_resp::config::Sync {
    fn from(sync: Sync) -> Self {
        match sync {
            Sync::Always => Self::Always,
            Sync::Interval => Self::Interval,
            Sync::Never => Self::Never,
        }
    }
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
        }
    }
}

/// A stop must end before a container runtime loses patience.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Names by which a data directory is known as ours.
const OURS: &[&str] = &[LOCK, credentials::FILE, "kv"];
const LOCK: &str = "LOCK";

/// Runs `dolmen up`.
pub fn run(args: Args, out: &mut Out) -> Result<Status> {
    let started = Instant::now();
    let settings = Settings::decide(&args)?;
    if args.settings {
        for [name, value, origin] in &settings.shown {
            out.line(format_args!("{name:<14} {value:<24} {origin}"))?;
        }
        return Ok(Status::Success);
    }
    if args.show_password {
        let data = &settings.data;
        if !data.join(credentials::FILE).exists() {
            bail!("{} has no password yet; it is made at the first start", data.display());
        }
        out.line(credentials::password(data)?)?;
        return Ok(Status::Success);
    }
    dolmen_host::init_log(settings.log_format, settings.log_level);
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let result = runtime.block_on(serve(settings, started, out));
    runtime.shutdown_background();
    result.map(|()| Status::Success)
}

async fn serve(settings: Settings, started: Instant, out: &mut Out) -> Result<()> {
    // Before anything that takes time: as process 1 nothing else would end us.
    let mut signals =
        Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    let listener = bind(settings.kv, "--kv").await?;
    let http = bind(settings.http, "--http").await?;
    let (addr, address) = (listener.local_addr()?, http.local_addr()?);
    let _lock = own(&settings.data)?;
    let made = credentials::password(&settings.data)?;
    let beyond = |address: SocketAddr| (!address.ip().is_loopback()).then(|| made.clone());
    let kv_password = settings.kv_password.clone().or_else(|| beyond(addr));
    let password = settings.http_password.clone().or_else(|| beyond(address));
    let engine = open_kv(&settings, addr, kv_password)?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let service = tokio::spawn(dolmen_kv_resp::serve(engine.clone(), listener, stopped.clone()));
    let allowed = settings.allow_host;
    let host = Host { services: vec![engine.clone()], allowed, address, password, stop: stopped };
    tokio::spawn(dolmen_host::serve(Arc::new(host), http));
    // That nobody reads the banner is no reason not to serve.
    let _ = writeln!(
        out,
        "kv     {addr}   redis-cli -p {} SET tree oak\nhttp   {address}   curl http://{address}/readyz?verbose\nready in {} ms",
        addr.port(),
        started.elapsed().as_millis()
    )
    .and_then(|()| out.flush());
    notify("READY=1");
    signals.next().await;
    notify("STOPPING=1");
    stop.send_replace(true);
    tokio::select! {
        drained = tokio::time::timeout(DRAIN_TIMEOUT, drain(service, engine)) => match drained {
            Ok(result) => result,
            Err(_) => bail!("not everything was answered within {} s of the signal", DRAIN_TIMEOUT.as_secs()),
        },
        status = signals.next() => std::process::exit(status),
    }
}

/// Waits until the connections have ended, then writes and syncs what is left.
async fn drain(service: tokio::task::JoinHandle<()>, engine: Arc<Engine>) -> Result<()> {
    service.await?;
    Ok(tokio::task::spawn_blocking(move || engine.close()).await??)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Waits for SIGTERM or SIGINT; the exit status of who dies of it.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => 143,
            _ = self.interrupt.recv() => 130,
        }
    }
}

/// Takes the data directory for this process, or says who has it.
fn own(data: &Path) -> Result<impl Send + use<>> {
    let shown = data.display();
    let dir = Dir::create(data).map_err(|error| anyhow::anyhow!("cannot create {shown}: {error}"))?;
    let names: Vec<String> = dir
        .list()
        .map_err(|e| anyhow::anyhow!("cannot list {shown}: {e}"))?
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    if !names.is_empty() && !names.iter().any(|name| OURS.contains(&&**name)) {
        bail!(
            "{shown} holds other files, {} for instance; choose an empty directory with --data DIR",
            names[0]
        );
    }
    dir.lock(LOCK).map_err(|error| match (error, dir.lock_holder(LOCK)) {
        (IoError::Locked, Some(pid)) => {
            anyhow::anyhow!("{shown} is in use by process {pid}; choose another directory with --data DIR")
        }
        (IoError::Locked, None) => {
            anyhow::anyhow!("{shown} is in use; choose another directory with --data DIR")
        }
        (error, _) => anyhow::anyhow!("cannot lock {shown}: {error}"),
    })
}

fn open_kv(settings: &Settings, listen: SocketAddr, password: Option<String>) -> Result<Arc<Engine>> {
    let sync = match settings.sync {
        dolmen_kv_resp::config::Sync::Always => SyncPolicy::Always,
        dolmen_kv_resp::config::Sync::Interval => SyncPolicy::Interval(Duration::from_secs(1)),
        dolmen_kv_resp::config::Sync::Never => SyncPolicy::Never,
    };
    let db = Db::open(&settings.data.join("kv"), Options { sync, ..Options::default() })?;
    let kv = dolmen_kv_resp::Settings {
        password,
        clients_max: settings.max_clients,
        idle_timeout_s: settings.idle_timeout_s,
        memory_max: settings.max_memory_bytes,
        key_len_max: settings.max_key_bytes,
        value_len_max: settings.max_value_bytes,
        dir: settings.data.display().to_string(),
        run_id: run_id(),
        ..dolmen_kv_resp::Settings::new(listen, sync)
    };
    Ok(Engine::start(db, kv)?)
}

/// Listens, before any file is changed; a failure names the flag that chooses another address.
async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{address} is in use; choose another with {flag} ADDR:PORT")
        }
        _ => anyhow::Error::new(error)
            .context(format!("cannot listen on {address}; choose another with {flag} ADDR:PORT")),
    })
}

/// 40 hexadecimal digits from the start time and the process id.
fn run_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{now:032x}{:08x}", std::process::id())
}
