//! A service that exists only here is opened, served, drained and shown everywhere, though `up` knows nothing of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};

use dolmen_host::axum::{Router, routing::get};
use dolmen_host::context::{Context, Listeners, Stop};
use dolmen_host::{Fault, Kind, Metrics, Registered, Running, Service, Setting, Values, life};
use tokio::io::AsyncWriteExt;

use super::{command, decide};
use crate::systems::SERVICES;

static DRAINED: AtomicU64 = AtomicU64::new(0);

/// What two services would share: counted when it is made.
struct Cache(u64);
static CACHES: AtomicU64 = AtomicU64::new(0);

/// Greets whoever connects.
struct Greeter {
    greeting: String,
    greeted: AtomicU64,
    cache: Arc<Cache>,
    secret: String,
}

impl Service for Greeter {
    const NAME: &'static str = "greeter";
    const TITLE: &'static str = "a word for everyone";
    const PAGE: &'static str = "README.md";
    const SETTINGS: &'static [Setting] = &[
        Setting::new("greeter.listen", Kind::Listen, "127.0.0.1:0", "Address of the greeter")
            .short("greeter"),
        Setting::new("greeter.greeting", Kind::Text, "hello", "What it says"),
    ];
    type Config = String;

    fn configure(values: &Values) -> Result<String, Fault> {
        values.text("greeter.greeting").map(str::to_owned).ok_or_else(|| "greeter.greeting is empty".into())
    }

    fn open(context: &Context, greeting: String) -> Result<Greeter, Fault> {
        std::fs::create_dir_all(context.dir())?;
        let make = || {
            CACHES.fetch_add(1, SeqCst);
            Cache(context.budget().cache_bytes)
        };
        let (cache, again) = (context.shared(make), context.shared(make));
        assert!(Arc::ptr_eq(&cache, &again) && context.budget().descriptors > 0);
        Ok(Greeter { greeting, greeted: AtomicU64::new(0), cache, secret: context.secret("greeter-key")? })
    }

    fn routes(self: &Arc<Self>) -> Router {
        let this = self.clone();
        Router::new().route("/count", get(move || async move { this.greeted.load(SeqCst).to_string() }))
    }

    fn run(self: Arc<Self>, mut listeners: Listeners, mut stop: Stop) -> Running {
        Box::pin(async move {
            let listener = listeners.take("greeter.listen").ok_or("not bound")?;
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        self.greeted.fetch_add(1, SeqCst);
                        accepted?.0.write_all(self.greeting.as_bytes()).await?;
                    }
                    () = stop.wait() => return Ok(()),
                }
            }
        })
    }

    fn ready(&self) -> Result<(), String> {
        match self.greeted.load(SeqCst) {
            0..2 => Ok(()),
            _ => Err("out of words".into()),
        }
    }

    fn metrics(&self, out: &mut Metrics) {
        out.counter("greeter_greetings_total", "Words said.").sample(&[], self.greeted.load(SeqCst));
        out.gauge("greeter_cache_bytes", "Room.").sample(&[], self.cache.0);
    }

    fn drain(&self) -> Result<(), Fault> {
        DRAINED.fetch_add(1, SeqCst);
        Ok(())
    }

    fn hints(&self) -> Vec<String> {
        vec![format!("nc 127.0.0.1 # key of {} digits", self.secret.len())]
    }
}

const LIST: &[Registered] = &[SERVICES[0], Registered::of::<Greeter>()];

fn values(args: &[&str]) -> Values {
    let matches = command(LIST).get_matches_from([&["up"], args].concat());
    decide(LIST, &matches).unwrap()
}

/// The banner, handed over line by line.
struct Banner(mpsc::Sender<String>);

impl Write for Banner {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address.parse::<SocketAddr>().unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    let _ = stream.read_to_string(&mut reply);
    reply
}

#[test]
fn a_second_service_is_served_without_up_knowing_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let values = values(&[
        "--data",
        data.to_str().unwrap(),
        "--kv",
        "0",
        "--http",
        ":0",
        "--greeter.greeting",
        "moin",
        "--cache-memory",
        "1mb",
    ]);
    let (banner, lines) = mpsc::channel();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let served = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let until = async { drop(ended.await) };
        runtime.block_on(life::serve(LIST, &values, std::time::Instant::now(), &mut Banner(banner), until))
    });
    let banner = lines.recv().unwrap();
    let address = |name: &str| {
        let line = banner.lines().find(|line| line.starts_with(name)).expect(name);
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert!(banner.contains("nc 127.0.0.1 # key of 32 digits"), "{banner}");
    assert_eq!(ask(&address("greeter"), ""), "moin");
    assert_eq!(ask(&address("kv"), "PING\r\nQUIT\r\n"), "+PONG\r\n+OK\r\n");
    let http = |path: &str| {
        ask(&address("http"), &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    };
    assert!(http("/greeter/count").ends_with("\r\n\r\n1"));
    assert!(http("/greeter/nothing").starts_with("HTTP/1.1 404"));
    assert!(http("/readyz?verbose").ends_with("[+]kv ok\n[+]greeter ok\n"));
    assert!(http("/").contains("a word for everyone"));
    let metrics = http("/metrics");
    for line in [
        "greeter_greetings_total 1",
        "greeter_cache_bytes 1048576",
        "dolmen_service_ready{service=\"greeter\"} 1",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} is not in\n{metrics}");
    }
    ask(&address("greeter"), "");
    assert!(
        http("/readyz").starts_with("HTTP/1.1 503") && http("/readyz").ends_with("[-]greeter out of words\n")
    );
    assert!(data.join("greeter").is_dir());
    end.send(()).unwrap();
    served.join().unwrap().unwrap();
    assert_eq!((DRAINED.load(SeqCst), CACHES.load(SeqCst)), (1, 1));
}

#[test]
fn a_second_service_shows_in_help_and_settings() {
    let help = command(LIST).render_long_help().to_string();
    assert!(
        help.contains("--greeter.greeting <TEXT>")
            && help.contains("Settings of greeter: a word for everyone"),
        "{help}"
    );
    let values = values(&["--greeter", "7777", "--only", "kv"]);
    assert!(values.shown().any(|row| row == ["greeter.listen", "7777", "--greeter"]));
    assert!(values.sample().contains("\n[greeter]\n"));
}

#[test]
fn the_list_can_be_narrowed_and_a_mistake_is_named() {
    let serve = |args: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let values =
            values(&[&["--data", data.to_str().unwrap(), "--kv", "0", "--http", "0"], args].concat());
        let (banner, lines) = mpsc::channel();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let result = runtime.block_on(life::serve(
            LIST,
            &values,
            std::time::Instant::now(),
            &mut Banner(banner),
            std::future::ready(()),
        ));
        result.map(|()| lines.recv().unwrap())
    };
    let names = |banner: String| -> Vec<String> {
        banner.lines().map(|l| l.split_whitespace().next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(serve(&["--only", "kv"]).unwrap()), ["kv", "http", "ready"]);
    assert_eq!(names(serve(&["--without", "kv,greeter"]).unwrap()), ["http", "ready"]);
    let refused = serve(&["--only", "kw"]).unwrap_err().to_string();
    assert!(refused.starts_with("--only kw: there is no such service; did you mean kv?"), "{refused}");
}

#[test]
fn every_default_is_a_value_of_its_setting() {
    let known = Mutex::new(Vec::new());
    for setting in life::table(LIST) {
        setting.check(setting.default).unwrap_or_else(|error| panic!("{}: {error}", setting.key));
        let mut known = known.lock().unwrap();
        assert!(!known.contains(&setting.key), "{} is declared twice", setting.key);
        known.push(setting.key);
    }
    for entry in LIST {
        assert!(entry.settings.iter().all(|setting| setting.section() == entry.name), "{}", entry.name);
    }
}
