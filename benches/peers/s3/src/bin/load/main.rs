//! Load for S3 servers beside each other, and what they use for it: CPU time of the server from `/proc`, and its peak of resident memory.
//!
//! ```text
//! load bench  --rounds 5 --seconds 3 --cases put4k,get1m  NAME=HOST:PORT,PID,ACCESS,SECRET ..   (ACCESS empty: unsigned)
//! load fill   --count 1000000 --connections 64            NAME=..      keys for `list`, in the bucket `many`
//! load list   --rounds 5 --count 1000000                  NAME=..      pages of 1,000 at the start, the middle, the end
//! load memory --mib 64 --connections 64                   NAME=..      puts, gets, both, parts; the peak after each
//! ```
//!
//! The servers take turns, case by case: A B C A B C. Puts and gets of `bench` are [`crowd`]'s; all others have a thread for each connection. Without signature a server gets the same requests plain. `--reference DIR` adds files
//! made durable one by one (temporary file, fsync, rename, fsync of the directory) to every case that puts small objects.

mod crowd;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use dolmen_s3::auth::{Request, Signer};
use dolmen_s3::{Headers, Method, Query, Secret, Timestamp};

#[derive(Clone)]
struct Server {
    name: String,
    address: String,
    pid: u32,
    keys: Option<(String, String)>,
}

struct Options {
    rounds: usize,
    seconds: f64,
    connections: usize,
    count: u64,
    mib: u64,
    cases: Vec<String>,
    reference: Option<PathBuf>,
    servers: Vec<Server>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().expect("bench, fill, list or memory");
    let mut options = Options {
        rounds: 5,
        seconds: 3.0,
        connections: 0,
        count: 1_000_000,
        mib: 64,
        cases: Vec::new(),
        reference: None,
        servers: Vec::new(),
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().expect("a value");
        match arg.as_str() {
            "--rounds" => options.rounds = value().parse().expect("a number"),
            "--seconds" => options.seconds = value().parse().expect("a number"),
            "--connections" => options.connections = value().parse().expect("a number"),
            "--count" => options.count = value().parse().expect("a number"),
            "--mib" => options.mib = value().parse().expect("a number"),
            "--cases" => options.cases = value().split(',').map(str::to_owned).collect(),
            "--reference" => options.reference = Some(value().into()),
            server => options.servers.push(self::server(server)),
        }
    }
    match what.as_str() {
        "bench" => bench(&options),
        "fill" => fill(&options),
        "list" => list(&options),
        "memory" => memory(&options),
        _ => panic!("bench, fill, list or memory"),
    }
}

fn server(text: &str) -> Server {
    let (name, rest) = text.split_once('=').expect("NAME=HOST:PORT,PID,ACCESS,SECRET");
    let parts: Vec<&str> = rest.split(',').collect();
    let keys = match parts.get(2..4) {
        Some([access, secret]) if !access.is_empty() => Some(((*access).to_owned(), (*secret).to_owned())),
        _ => None,
    };
    Server { name: name.into(), address: parts[0].into(), pid: parts[1].parse().expect("a process id"), keys }
}

impl Server {
    /// The head of a request, signed now.
    fn head(&self, method: Method, target: &str, len: u64) -> Vec<u8> {
        let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        let query = Query::parse(raw_query.as_bytes()).expect("a query");
        let headers: [(&str, &[u8]); 1] = [("host", self.address.as_bytes())];
        let mut head =
            format!("{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-length: {len}\r\n", self.address);
        if let Some((access_key, secret)) = &self.keys {
            let request = Request {
                method,
                raw_path: path.as_bytes(),
                query: &query,
                headers: Headers(&headers),
                host_bucket: None,
            };
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
            let now = Timestamp::from_unix_ms(since.as_millis() as i64);
            let signer = Signer {
                access_key,
                secret: &Secret::new(secret),
                token: None,
                region: "us-east-1",
                service: "s3",
            };
            let signed = signer.sign(&request, "UNSIGNED-PAYLOAD", now);
            head += &format!(
                "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amz-date: {}\r\nauthorization: {}\r\n",
                signed.date, signed.authorization
            );
        }
        head += "\r\n";
        head.into_bytes()
    }
}

/// One connection.
struct Client<'a> {
    server: &'a Server,
    stream: BufReader<TcpStream>,
    buffer: Vec<u8>,
    /// Body of the last answer, if it is short.
    body: Vec<u8>,
}

impl<'a> Client<'a> {
    fn new(server: &'a Server) -> Client<'a> {
        let stream = TcpStream::connect(&server.address).expect("the server listens");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(Duration::from_secs(300))).expect("an option");
        let stream = BufReader::with_capacity(64 << 10, stream);
        Client { server, stream, buffer: vec![0; 256 << 10], body: Vec::new() }
    }

    /// Sends a request whose body is `len` bytes of `piece` over and over; status and length of the answer.
    fn ask(&mut self, method: Method, target: &str, len: u64, piece: &[u8]) -> (u16, u64) {
        let mut first = self.server.head(method, target, len);
        let stream = self.stream.get_mut();
        let small = len <= SMALL;
        if small {
            first.extend((0..len).map(|at| piece[at as usize % piece.len()]));
        }
        stream.write_all(&first).expect("the server reads");
        let mut left = if small { 0 } else { len };
        while left > 0 {
            let now = left.min(piece.len() as u64) as usize;
            stream.write_all(&piece[..now]).expect("the server reads");
            left -= now as u64;
        }
        self.answer(method)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server answers");
        assert!(!line.is_empty(), "{}: the connection ended", self.server.name);
        line.trim_end().to_ascii_lowercase()
    }

    fn answer(&mut self, method: Method) -> (u16, u64) {
        let status: u16 = self.line().split(' ').nth(1).expect("a status").parse().expect("a status");
        let (mut len, mut chunked) = (0, false);
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length: ") {
                len = text.parse().expect("a length");
            }
            chunked |= line.starts_with("transfer-encoding: chunked");
        }
        self.body.clear();
        if method == Method::Head || status == 204 {
            return (status, 0);
        }
        if !chunked {
            self.take(len);
            return (status, len);
        }
        let mut all = 0;
        loop {
            let size =
                u64::from_str_radix(self.line().split(';').next().expect("a size"), 16).expect("a size");
            self.take(size);
            all += size;
            let end = self.line();
            assert!(end.is_empty(), "a chunk ends");
            if size == 0 {
                return (status, all);
            }
        }
    }

    fn take(&mut self, len: u64) {
        let mut left = len;
        while left > 0 {
            let now = left.min(self.buffer.len() as u64) as usize;
            self.stream.read_exact(&mut self.buffer[..now]).expect("the server answers");
            if self.body.len() < 1 << 20 {
                self.body.extend_from_slice(&self.buffer[..now]);
            }
            left -= now as u64;
        }
    }

    fn text(&self, element: &str) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let open = format!("<{element}>");
        let inside = text.split_once(&open).and_then(|(_, rest)| rest.split_once('<'));
        inside.map(|(inside, _)| inside.to_owned()).unwrap_or_default()
    }
}

/// CPU time of a process and its children, in microseconds.
fn cpu_us(pid: u32) -> u64 {
    let one = |stat: &str| {
        let after = stat.rsplit_once(") ")?.1;
        let fields: Vec<&str> = after.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?;
        Some((fields[1].parse::<u32>().ok()?, ticks * 10_000))
    };
    let mut all = 0;
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some((parent, us)) = one(&stat)
            && (id == pid || parent == pid)
        {
            all += us;
        }
    }
    all
}

/// Memory of a process, as `/proc` counts it.
fn memory_kib(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find(|line| line.starts_with(field)).expect("a field");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

struct Case {
    name: &'static str,
    method: Method,
    len: u64,
    connections: usize,
}

const CASES: [Case; 8] = [
    Case { name: "put4k", method: Method::Put, len: 4 << 10, connections: 64 },
    Case { name: "get4k", method: Method::Get, len: 4 << 10, connections: 64 },
    Case { name: "put1m", method: Method::Put, len: 1 << 20, connections: 32 },
    Case { name: "get1m", method: Method::Get, len: 1 << 20, connections: 32 },
    Case { name: "put64m", method: Method::Put, len: 64 << 20, connections: 2 },
    Case { name: "get64m", method: Method::Get, len: 64 << 20, connections: 2 },
    Case { name: "parts64m", method: Method::Post, len: 64 << 20, connections: 2 },
    Case { name: "put4k32", method: Method::Put, len: 4 << 10, connections: 32 },
];

/// Objects that are put over and over, and got.
const KEYS: u64 = 64;
/// Bodies up to this length are sent with their head.
const SMALL: u64 = 64 << 10;

fn piece() -> Vec<u8> {
    (0..256 << 10).map(|at: u32| (at % 251) as u8).collect()
}

/// What a server did for one case: operations, seconds, CPU time of the server and of this process, latencies.
#[derive(Default)]
struct Reading {
    ops: u64,
    seconds: f64,
    cpu_us: f64,
    own_us: f64,
    p50_ms: f64,
    p99_ms: f64,
}

fn percentile(sorted: &[f64], of: f64) -> f64 {
    sorted.get(((sorted.len() as f64 - 1.0) * of) as usize).copied().unwrap_or(0.0)
}

/// Runs `one` on every connection until the time is over.
fn timed(
    connections: usize,
    seconds: f64,
    pid: u32,
    one: impl Fn(usize) -> Box<dyn FnMut(u64)> + Sync,
) -> Reading {
    let (ops, barrier) = (AtomicU64::new(0), Barrier::new(connections + 1));
    let (mut took, mut latencies) = (0.0, Vec::new());
    let (mut cpu, mut own) = (0, 0);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..connections)
            .map(|at| {
                let (ops, barrier, one) = (&ops, &barrier, &one);
                scope.spawn(move || {
                    let mut step = one(at);
                    barrier.wait();
                    let since = Instant::now();
                    let mut latencies = Vec::new();
                    let mut round = 0;
                    while since.elapsed().as_secs_f64() < seconds {
                        let before = Instant::now();
                        step(round);
                        latencies.push(before.elapsed().as_secs_f64() * 1e3);
                        round += 1;
                        ops.fetch_add(1, Relaxed);
                    }
                    latencies
                })
            })
            .collect();
        let (before, own_before) = (cpu_us(pid), cpu_us(std::process::id()));
        barrier.wait();
        let since = Instant::now();
        for one in running {
            latencies.extend(one.join().expect("it ends"));
        }
        took = since.elapsed().as_secs_f64();
        cpu = cpu_us(pid) - before;
        own = cpu_us(std::process::id()) - own_before;
    });
    latencies.sort_by(f64::total_cmp);
    let ops = ops.load(Relaxed);
    let (p50_ms, p99_ms) = (percentile(&latencies, 0.5), percentile(&latencies, 0.99));
    let [cpu_us, own_us] = [cpu, own].map(|all| all as f64 / ops.max(1) as f64);
    Reading { ops, seconds: took, cpu_us, own_us, p50_ms, p99_ms }
}

fn read_case(server: &Server, case: &Case, options: &Options) -> Reading {
    let piece = piece();
    let connections = if options.connections == 0 { case.connections } else { options.connections };
    if case.method != Method::Post {
        return crowd::read_case(server, case, connections, options.seconds, &piece);
    }
    // The lifetimes of the steps end with the threads.
    let server: &'static Server = Box::leak(Box::new(server.clone()));
    let piece: &'static [u8] = Box::leak(piece.into_boxed_slice());
    let len = case.len;
    timed(connections, options.seconds, server.pid, move |at| {
        let mut client = Client::new(server);
        Box::new(move |_| parts(&mut client, &format!("/bench/parts-{at}"), len, piece))
    })
}

/// An upload in parts of 8 MiB.
fn parts(client: &mut Client<'_>, target: &str, len: u64, piece: &[u8]) {
    const PART: u64 = 8 << 20;
    assert_eq!(client.ask(Method::Post, &format!("{target}?uploads="), 0, piece).0, 200);
    let id = client.text("UploadId");
    let mut list = String::from("<CompleteMultipartUpload>");
    // All parts are alike, so that their tag is computed once, by the server: it is told when the parts are listed.
    for number in 1..=len / PART {
        let part = format!("{target}?partNumber={number}&uploadId={id}");
        assert_eq!(client.ask(Method::Put, &part, PART, piece).0, 200);
    }
    assert_eq!(client.ask(Method::Get, &format!("{target}?uploadId={id}"), 0, piece).0, 200);
    let tag = client.text("ETag");
    for number in 1..=len / PART {
        list += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
    }
    list += "</CompleteMultipartUpload>";
    let (status, _) =
        client.ask(Method::Post, &format!("{target}?uploadId={id}"), list.len() as u64, list.as_bytes());
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&client.body));
}

/// Files that are made durable one by one.
fn read_reference(dir: &Path, connections: usize, seconds: f64) -> Reading {
    std::fs::create_dir_all(dir).expect("a directory");
    let dir: &'static Path = Box::leak(dir.to_owned().into_boxed_path());
    let piece: &'static [u8] = Box::leak(piece().into_boxed_slice());
    timed(connections, seconds, std::process::id(), move |at| {
        Box::new(move |round| {
            let (made, named) =
                (dir.join(format!("{at}.tmp")), dir.join(format!("{}", (at as u64 * 7 + round) % KEYS)));
            let mut file = File::create(&made).expect("a file");
            file.write_all(&piece[..4 << 10]).expect("a write");
            file.sync_all().expect("a sync");
            std::fs::rename(&made, &named).expect("a rename");
            File::open(dir).and_then(|dir| dir.sync_all()).expect("a sync");
        })
    })
}

fn bench(options: &Options) {
    for server in &options.servers {
        let mut client = Client::new(server);
        client.ask(Method::Put, "/bench", 0, b"x");
        let piece = piece();
        for case in &CASES {
            let gets = case.method == Method::Get && options.cases.iter().any(|name| name == case.name);
            for at in 0..case.keys() {
                if gets {
                    let (status, _) =
                        client.ask(Method::Put, &format!("/bench/{}-{at}", case.len), case.len, &piece);
                    assert!(matches!(status, 200 | 201 | 204), "{}: put {status}", server.name);
                }
            }
        }
    }
    let mut readings: BTreeMap<(String, String), Vec<Reading>> = BTreeMap::new();
    println!("round case server ops/s cpu-us/op own-cpu-us/op p50-ms p99-ms");
    for round in 0..options.rounds {
        for name in &options.cases {
            let case = CASES.iter().find(|case| case.name == name).expect("a case");
            let mut note = |server: &str, reading: Reading| {
                println!(
                    "{round} {name} {server} {:.0} {:.1} {:.1} {:.2} {:.2}",
                    reading.ops as f64 / reading.seconds,
                    reading.cpu_us,
                    reading.own_us,
                    reading.p50_ms,
                    reading.p99_ms
                );
                readings.entry((name.clone(), server.into())).or_default().push(reading);
            };
            for server in &options.servers {
                if case.name == "parts64m" && server.keys.is_none() {
                    continue;
                }
                note(&server.name, read_case(server, case, options));
            }
            if let Some(dir) = options.reference.as_ref().filter(|_| name.starts_with("put4k")) {
                note("fsync-each", read_reference(dir, case.connections, options.seconds));
            }
        }
    }
    println!("medians (least .. most):");
    for ((case, server), readings) in &readings {
        let of = |value: &dyn Fn(&Reading) -> f64| {
            let mut all: Vec<f64> = readings.iter().map(value).collect();
            all.sort_by(f64::total_cmp);
            (percentile(&all, 0.5), all[0], all[all.len() - 1])
        };
        let (rate, cpu, own) = (of(&|r| r.ops as f64 / r.seconds), of(&|r| r.cpu_us), of(&|r| r.own_us));
        let (p50, p99) = (of(&|r| r.p50_ms), of(&|r| r.p99_ms));
        println!(
            "{case} {server}: {:.0} ops/s ({:.0} .. {:.0}), {:.1} us CPU ({:.1} .. {:.1}), own {:.1} us ({:.1} .. {:.1}), p50 {:.1} ms, p99 {:.1} ms",
            rate.0, rate.1, rate.2, cpu.0, cpu.1, cpu.2, own.0, own.1, own.2, p50.0, p99.0
        );
    }
}

fn key(at: u64) -> String {
    format!("dir-{:04}/key-{at:09}", at / 1000)
}

fn fill(options: &Options) {
    let server = &options.servers[0];
    assert_eq!(Client::new(server).ask(Method::Put, "/many", 0, b"x").0, 200);
    let (next, since) = (AtomicU64::new(0), Instant::now());
    let before = cpu_us(server.pid);
    std::thread::scope(|scope| {
        for _ in 0..options.connections.max(1) {
            scope.spawn(|| {
                let mut client = Client::new(server);
                loop {
                    let at = next.fetch_add(1, Relaxed);
                    if at >= options.count {
                        return;
                    }
                    assert_eq!(client.ask(Method::Put, &format!("/many/{}", key(at)), 1, b"x").0, 200);
                }
            });
        }
    });
    let cpu = (cpu_us(server.pid) - before) as f64 / options.count as f64;
    println!("{} keys in {:.0} s, {cpu:.0} us CPU each", options.count, since.elapsed().as_secs_f64());
}

fn list(options: &Options) {
    let last = options.count - 1000;
    let mut places = Vec::new();
    for (name, at) in [("start", None), ("middle", Some(options.count / 2)), ("end", Some(last - 1))] {
        let after = at.map(|at| format!("&start-after={}", key(at).replace('/', "%2F"))).unwrap_or_default();
        places.push((format!("{name}, plain"), format!("/many?list-type=2&max-keys=1000{after}")));
        let folder = at.map(|at| format!("&start-after=dir-{:04}%2F", at / 1000)).unwrap_or_default();
        if name != "end" {
            // Prefixes of a thousand keys each: the last page of them would hold none.
            places.push((
                format!("{name}, delimiter"),
                format!("/many?list-type=2&max-keys=1000&delimiter=%2F{folder}"),
            ));
        }
    }
    places.push((
        "end, delimiter".into(),
        "/many?list-type=2&max-keys=1000&delimiter=%2F&prefix=dir-0999%2F".into(),
    ));
    for server in &options.servers {
        let mut client = Client::new(server);
        let mut readings: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for _ in 0..options.rounds {
            for (name, target) in &places {
                const PAGES: u64 = 100;
                let before = cpu_us(server.pid);
                for _ in 0..PAGES {
                    assert_eq!(client.ask(Method::Get, target, 0, b"").0, 200);
                }
                let us = (cpu_us(server.pid) - before) as f64 / PAGES as f64;
                let count = client.text("KeyCount");
                println!("{} {name} ({count} entries): {us:.0} us CPU a page", server.name);
                readings.entry(name).or_default().push(us);
            }
        }
        for (name, mut all) in readings {
            all.sort_by(f64::total_cmp);
            println!(
                "{} {name}: median {:.0} us ({:.0} .. {:.0})",
                server.name,
                percentile(&all, 0.5),
                all[0],
                all[all.len() - 1]
            );
        }
    }
}

fn memory(options: &Options) {
    let server = &options.servers[0];
    let connections = if options.connections == 0 { 64 } else { options.connections };
    let (len, piece) = (options.mib << 20, piece());
    assert_eq!(Client::new(server).ask(Method::Put, "/memory", 0, b"x").0, 200);
    let told = |phase: &str, since: Instant| {
        println!(
            "{phase}: {:.1} MiB at most resident, {:.1} now, {:.0} s",
            memory_kib(server.pid, "VmHWM") as f64 / 1024.0,
            memory_kib(server.pid, "VmRSS") as f64 / 1024.0,
            since.elapsed().as_secs_f64()
        );
    };
    told("before", Instant::now());
    for phase in ["puts", "gets", "both", "parts"] {
        let since = Instant::now();
        std::thread::scope(|scope| {
            for at in 0..connections {
                let piece = &piece;
                scope.spawn(move || {
                    let mut client = Client::new(server);
                    let target = format!("/memory/{at}");
                    let gets = phase == "gets" || phase == "both" && at % 2 == 0;
                    if phase == "parts" {
                        parts(&mut client, &target, len, piece);
                    } else if gets {
                        assert_eq!(client.ask(Method::Get, &target, 0, piece), (200, len));
                    } else {
                        assert_eq!(client.ask(Method::Put, &target, len, piece).0, 200);
                    }
                });
            }
        });
        told(phase, since);
    }
}
