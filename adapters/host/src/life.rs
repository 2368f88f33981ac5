//! The life of a process that serves.
//!
//! 1. Signals are caught, and every address is bound: a taken port changes no file.
//! 2. The data directory is locked; secrets are made.
//! 3. The services open, one after the other, in the order of the list.
//! 4. They run; port 7000 answers; the banner and the service manager are told.
//! 5. At the first signal readiness goes off and everything stops accepting, finishes what was begun, and drains. A second signal, or
//!    ten seconds, ends the process anyway.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::context::{Budget, Context, Listeners, Stop, World, quote, reachable};
use crate::http::{self, Host, Running};
use crate::log::{LogFormat, LogLevel};
use crate::notify::notify;
use crate::secrets::Secrets;
use crate::service::{Opener, Registered};
use crate::setting::{Kind, Setting, Values, nearest};
use crate::test_api::{Clock, TestApi};
use crate::{Fault, directory, process};

/// A stop must end before a container runtime loses patience.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of the process itself.
pub const SETTINGS: &[Setting] = &[
    Setting::new("data", Kind::Path, "./dolmen-data", "Directory that keeps all data"),
    Setting::new("only", Kind::Names, "", "Serve these services and no others").unset("all"),
    Setting::new("without", Kind::Names, "", "Leave these services out"),
    Setting::new("cache-memory", Kind::Size, "128mb", "Memory for the caches that services share"),
    Setting::new(
        "test-api",
        Kind::Switch,
        "false",
        "Let tests empty the services, set the clock and order faults, on port 7000",
    ),
    Setting::new(
        "http.listen",
        Kind::Listen,
        "127.0.0.1:7000",
        "Address of the page, health probes and metrics",
    )
    .short("http"),
    Setting::new("http.password", Kind::Text, "", "Password of page and metrics")
        .secret()
        .unset("none on loopback, else the data directory's")
        .short("http-password"),
    Setting::new(
        "http.allow-host",
        Kind::Names,
        "",
        "Host names under which the page is served besides localhost",
    )
    .short("allow-host"),
    Setting::new(
        "log.level",
        Kind::Choice(&[
            ("error", "what is lost or refused"),
            ("warn", "what someone should look at"),
            ("info", "what happens in a life: start, recovery, stop"),
            ("debug", "what happens in between: connections, flushes, compactions"),
        ]),
        "info",
        "The least level that is logged, on stderr",
    )
    .short("log"),
    Setting::new(
        "log.format",
        Kind::Choice(&[("text", "for people"), ("json", "one object per line")]),
        "text",
        "How lines of the log look",
    )
    .short("log-format"),
];

/// Every setting that a process with these services has.
pub fn table(list: &[Registered]) -> Vec<&'static Setting> {
    SETTINGS.iter().chain(list.iter().flat_map(|service| service.settings)).collect()
}

/// Sends the process's log where the settings say.
pub fn init_log(values: &Values) {
    let format = if values.choice("log.format") == "json" { LogFormat::Json } else { LogFormat::Text };
    crate::log::init(format, LogLevel::of(values.choice("log.level")));
}

/// The data directory's password, if one was made yet.
///
/// # Errors
///
/// If the file cannot be read, or others may read it.
pub fn password(values: &Values) -> Result<Option<String>, Fault> {
    Secrets::new(values.path("data")).find("password")
}

/// Serves the list, or what the settings leave of it, until a signal or until `end` is ready. `banner` is told once where everything
/// is.
///
/// # Errors
///
/// What kept the process from starting, from running, or from ending with everything written.
pub async fn serve(
    list: &[Registered],
    values: &Values,
    started: Instant,
    banner: &mut (dyn Write + Send),
    end: impl Future<Output = ()>,
) -> Result<(), Fault> {
    // Before anything that takes time: as process 1 nothing else would end us.
    let mut signals =
        Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    let (stop, stopped) = watch::channel(false);
    let stopped = Stop::new(stopped);
    let life = Life::open(list, values, started, stopped.clone()).await?;
    let (host, mut running) = life.run().await;
    // Logged first: who has read the banner finds the start in the log.
    info!(target: "dolmen", "ready in {} ms", started.elapsed().as_millis());
    // That nobody reads the banner is no reason not to serve.
    let _ = banner.write_all(text(&host).as_bytes()).and_then(|()| banner.flush());
    notify("READY=1");
    let ended = tokio::select! {
        signal = signals.next() => {
            info!(target: "dolmen", "stopping: {}", if signal == SIGTERM { "SIGTERM" } else { "SIGINT" });
            Ok(())
        }
        () = end => {
            info!(target: "dolmen", "stopping: asked to");
            Ok(())
        }
        () = stopped.asked() => {
            info!(target: "dolmen", "stopping: a service was asked to");
            Ok(())
        }
        Some(ended) = running.join_next() => ended.map_err(Fault::from).flatten(),
    };
    let stopping = Instant::now();
    notify("STOPPING=1");
    stop.send_replace(true);
    let drained = tokio::select! {
        drained = tokio::time::timeout(DRAIN_TIMEOUT, drain(&mut running, host)) => drained.unwrap_or_else(|_| {
            Err(format!("not everything was answered within {} s of the signal", DRAIN_TIMEOUT.as_secs()).into())
        }),
        signal = signals.next() => {
            warn!(target: "dolmen", "a second signal: ending at once");
            std::process::exit(128 + signal)
        }
    };
    if drained.is_ok() {
        info!(target: "dolmen", "stopped in {} ms, everything written", stopping.elapsed().as_millis());
    }
    ended.and(drained)
}

/// Services that are open and not yet served.
struct Life {
    services: Vec<Running>,
    listeners: Vec<Listeners>,
    http: TcpListener,
    host: Host,
    _lock: Box<dyn Send>,
}

impl Life {
    async fn open(list: &[Registered], values: &Values, started: Instant, stop: Stop) -> Result<Life, Fault> {
        let chosen = choose(list, values)?;
        let mut openers: Vec<(Registered, Opener)> = Vec::new();
        for entry in &chosen {
            openers.push((*entry, (entry.configure)(values)?));
        }
        let mut bound = Vec::new();
        let own = SETTINGS.iter().map(|setting| ("", setting));
        let theirs =
            chosen.iter().flat_map(|entry| entry.settings.iter().map(|setting| (entry.name, setting)));
        for (name, setting) in own.chain(theirs).filter(|(_, s)| matches!(s.kind, Kind::Listen)) {
            bound.push((name, setting.key, bind(values.listen(setting.key), setting).await?));
        }
        let mut addresses = HashMap::new();
        for (_, key, listener) in &bound {
            addresses.insert(*key, listener.local_addr()?);
        }
        let data = absolute(values.path("data"));
        info!(target: "dolmen", "dolmen {} starts, process {}, data in {}", env!("CARGO_PKG_VERSION"), std::process::id(), data.display());
        let lock = Box::new(directory::own(
            &data,
            &list.iter().map(|entry| entry.name).collect::<Vec<_>>(),
            values.switch("test-api"),
        )?);
        let test_api = values.switch("test-api");
        if test_api && !addresses["http.listen"].ip().is_loopback() {
            return Err("--test-api needs port 7000 on loopback; give --http 127.0.0.1:7000".into());
        }
        let clock: Arc<Clock> = Arc::default();
        let test_api = test_api.then(Arc::<TestApi>::default);
        let budget =
            Budget { descriptors: process::raise_descriptors(), cache_bytes: values.number("cache-memory") };
        let world = Arc::new(World {
            secrets: Secrets::new(&data),
            data: data.clone(),
            shared: Mutex::default(),
            budget,
            addresses,
            stop: stop.clone(),
            clock: clock.clone(),
            test_api: test_api.clone(),
        });
        // Made at the first start, whoever needs it: `--show-password` has something to show.
        world.secrets.get("password")?;
        let mut services = Vec::new();
        for (entry, opener) in openers {
            services.push(open(entry, opener, &world)?);
        }
        let address = world.addresses["http.listen"];
        let password = Context::new(world.clone(), "http").password(address, values.text("http.password"))?;
        let mut listeners: Vec<Listeners> = services.iter().map(|_| Listeners::default()).collect();
        let mut http = None;
        for (name, key, listener) in bound {
            match services.iter().position(|service| service.entry.name == name) {
                Some(at) => listeners[at].add(key, listener),
                None => http = Some(listener),
            }
        }
        let host = Host {
            services: Vec::new(),
            allowed: values.names("http.allow-host").to_vec(),
            address,
            password: password.get().map(str::to_owned),
            data,
            started,
            stop,
            clock,
            test_api,
        };
        let http = http.ok_or("the table of settings has no http.listen")?;
        Ok(Life { services, listeners, http, host, _lock: lock })
    }

    /// Starts everything; a task for each service.
    async fn run(self) -> (Arc<Host>, Tasks) {
        let Life { services, listeners, http, mut host, _lock } = self;
        let mut tasks = JoinSet::new();
        for (service, listeners) in services.iter().zip(listeners) {
            let (name, stop) = (service.entry.name, host.stop.clone());
            for address in &service.addresses {
                info!(target: "dolmen", "{name} listens on {address}");
            }
            let run = service.hosted.clone().run(listeners, stop);
            tasks.spawn(async move { run.await.map_err(|error| format!("{name}: {error}").into()) });
        }
        info!(target: "dolmen", "http listens on {}", host.address);
        host.services = services;
        let host = Arc::new(host);
        let (served, http_host) = (host.clone(), http);
        tokio::spawn(http::serve(served, http_host));
        (host, Tasks { tasks, _lock })
    }
}

/// The services' tasks; with them the directory stays locked.
struct Tasks {
    tasks: JoinSet<Result<(), Fault>>,
    _lock: Box<dyn Send>,
}

impl Tasks {
    async fn join_next(&mut self) -> Option<Result<Result<(), Fault>, tokio::task::JoinError>> {
        self.tasks.join_next().await
    }
}

fn open(entry: Registered, opener: Opener, world: &Arc<World>) -> Result<Running, Fault> {
    let begun = Instant::now();
    let context = Context::new(world.clone(), entry.name);
    let hosted =
        tokio::task::block_in_place(|| opener(&context)).map_err(|error| place(&context.dir(), error))?;
    info!(target: "dolmen", "{} opened in {} ms", entry.name, begun.elapsed().as_millis());
    let keys = entry.settings.iter().filter(|setting| matches!(setting.kind, Kind::Listen));
    let addresses = keys.filter_map(|setting| context.address(setting.key)).collect();
    Ok(Running { entry, hosted, addresses })
}

/// An error that does not name the service's directory gets it.
fn place(dir: &Path, error: Fault) -> Fault {
    let (dir, text) = (dir.display().to_string(), error.to_string());
    if text.contains(&dir) { text.into() } else { format!("{dir}: {text}").into() }
}

/// Waits until the services have finished what was begun, then writes and syncs what is left.
async fn drain(running: &mut Tasks, host: Arc<Host>) -> Result<(), Fault> {
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        outcome = outcome.and(ended.map_err(Fault::from).flatten());
    }
    let drained = tokio::task::spawn_blocking(move || {
        let mut outcome = Ok(());
        for service in &host.services {
            let name = service.entry.name;
            if let Err(failed) = service.hosted.drain() {
                error!(target: "dolmen", "{name}: {failed}");
                outcome = outcome.and(Err(Fault::from(format!("{name}: {failed}"))));
            }
        }
        outcome
    });
    outcome.and(drained.await?)
}

/// The services that `only` and `without` leave.
fn choose(list: &[Registered], values: &Values) -> Result<Vec<Registered>, Fault> {
    let known = || list.iter().map(|entry| entry.name);
    for entry in list {
        assert!(!http::RESERVED.contains(&entry.name), "{} has a meaning on port 7000", entry.name);
    }
    for key in ["only", "without"] {
        if let Some(name) = values.names(key).iter().find(|name| known().all(|k| k != **name)) {
            let all: Vec<&str> = known().collect();
            let nearest = nearest(name, known());
            return Err(format!(
                "--{key} {name}: there is no such service; did you mean {nearest}? There {} {}",
                if all.len() == 1 { "is" } else { "are" },
                all.join(", ")
            )
            .into());
        }
    }
    let (only, without) = (values.names("only"), values.names("without"));
    let named = |names: &[String], entry: &Registered| names.iter().any(|name| name == entry.name);
    let given = |entry: &Registered| entry.needs.is_none_or(|key| !values.path(key).as_os_str().is_empty());
    if let Some((entry, key)) =
        list.iter().find_map(|e| Some((e, e.needs?)).filter(|_| named(only, e) && !given(e)))
    {
        return Err(format!("--only {}: the service needs --{key}", entry.name).into());
    }
    let chosen =
        list.iter().filter(|e| (only.is_empty() || named(only, e)) && !named(without, e) && given(e));
    Ok(chosen.copied().collect())
}

/// Listens; a failure names the flag that chooses another address.
async fn bind(address: SocketAddr, setting: &Setting) -> Result<TcpListener, Fault> {
    let flag = setting.flag();
    TcpListener::bind(address).await.map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::AddrInUse => format!("{address} is in use"),
            _ => format!("cannot listen on {address}: {error}"),
        };
        format!("{problem}; choose another with {flag} ADDR:PORT").into()
    })
}

/// One line for each service with a command to try, and when and where.
fn text(host: &Host) -> String {
    let mut out = String::new();
    for service in &host.services {
        let address = service.addresses.first().copied().unwrap_or(host.address);
        let hint = service.hosted.hints().into_iter().next().unwrap_or_default();
        let _ = writeln!(out, "{:<6} {address}   {hint}", service.entry.name);
    }
    let _ = writeln!(out, "http   {}   curl '{}'", host.address, probe(host.address));
    let _ = writeln!(
        out,
        "ready in {} ms, data in {}",
        host.started.elapsed().as_millis(),
        quote(&host.data.display().to_string())
    );
    out
}

/// The address of the readiness probe as a client of this machine reaches it.
fn probe(address: SocketAddr) -> String {
    format!("http://{}/readyz?verbose", reachable(address))
}

/// The path from the root on, so that a log is of use in another directory.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

const SIGTERM: i32 = 15;
const SIGINT: i32 = 2;

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Waits for SIGTERM or SIGINT; its number.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => SIGTERM,
            _ = self.interrupt.recv() => SIGINT,
        }
    }
}
