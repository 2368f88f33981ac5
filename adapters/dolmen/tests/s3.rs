//! The S3 server as a process: killed in the middle of a load, and watched while large objects go through it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dolmen_s3::auth::{Request, Secret, Signer};
use dolmen_s3::request::{Header, Headers, Method};
use dolmen_s3::target::Query;
use dolmen_s3::time::Timestamp;

const KEYS: (&str, &str) = ("AKTEST", "a secret of tests");
const WRITERS: usize = 4;

/// Whether the long versions of the tests are asked for.
fn is_soak() -> bool {
    std::env::var_os("DOLMEN_SOAK").is_some()
}

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts on free ports and waits for the line that names the port of S3.
    fn start(data: &Path) -> Server {
        Server::start_with(data, "warn", Some(KEYS), Stdio::inherit())
    }

    /// With keys, or with those that it makes for itself; its log goes to `log`.
    fn start_with(data: &Path, level: &str, keys: Option<(&str, &str)>, log: Stdio) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dolmen"));
        if let Some((access_key, secret_key)) = keys {
            command.env("DOLMEN_S3_ACCESS_KEY", access_key).env("DOLMEN_S3_SECRET_KEY", secret_key);
        }
        let mut child = command
            .args([
                "up",
                "--only",
                "s3",
                "--s3",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--log",
                level,
                "--data",
            ])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut port = 0;
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some(rest) = line.strip_prefix("s3 ") {
                port = rest.split_whitespace().next().unwrap().rsplit(':').next().unwrap().parse().unwrap();
            }
            if line.starts_with("ready") {
                break;
            }
        }
        assert_ne!(port, 0, "the server did not say where it listens");
        Server { child, port }
    }

    fn connect(&self) -> Client {
        Client::new(self.port)
    }

    /// The most memory that the process has had resident, in bytes.
    fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection that signs.
struct Client {
    stream: TcpStream,
    host: String,
    keys: (String, String),
    /// Sent and signed with every request.
    more: Vec<(&'static str, String)>,
}

impl Client {
    fn new(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream.set_nodelay(true).unwrap();
        let keys = (KEYS.0.to_owned(), KEYS.1.to_owned());
        Client { stream, host: format!("127.0.0.1:{port}"), keys, more: Vec::new() }
    }

    /// Sends a request, its body in pieces; status and body of the answer, or why there is none.
    fn ask(
        &mut self,
        method: Method,
        path: &str,
        len: u64,
        piece: &[u8],
    ) -> std::io::Result<(u16, u64, Vec<u8>)> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp::from_unix_ms(since.as_millis() as i64);
        let secret = Secret::new(&self.keys.1);
        let access_key = &self.keys.0;
        let signer = Signer { access_key, secret: &secret, token: None, region: "us-east-1", service: "s3" };
        let mut lines: Vec<Header<'_>> = vec![("host", self.host.as_bytes())];
        lines.extend(self.more.iter().map(|(name, value)| (*name, value.as_bytes())));
        let query = Query::default();
        let request = Request {
            method,
            raw_path: path.as_bytes(),
            query: &query,
            headers: Headers(&lines),
            host_bucket: None,
        };
        let signed = signer.sign(&request, "UNSIGNED-PAYLOAD", now);
        let more: String = self.more.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{more}host: {}\r\nx-amz-date: {}\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\
             authorization: {}\r\ncontent-length: {len}\r\n\r\n",
            self.host, signed.date, signed.authorization
        );
        self.stream.write_all(head.as_bytes())?;
        let mut left = len;
        while left > 0 {
            let now = left.min(piece.len() as u64) as usize;
            self.stream.write_all(&piece[..now])?;
            left -= now as u64;
        }
        self.answer()
    }

    fn answer(&mut self) -> std::io::Result<(u16, u64, Vec<u8>)> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let len: u64 = length.map_or(0, |text| text.trim().parse().unwrap());
        // What is long is only counted.
        let (mut kept, mut left, mut buffer) = (Vec::new(), len, vec![0; 64 << 10]);
        while left > 0 {
            let now = left.min(buffer.len() as u64) as usize;
            self.stream.read_exact(&mut buffer[..now])?;
            if len <= 1 << 20 {
                kept.extend_from_slice(&buffer[..now]);
            }
            left -= now as u64;
        }
        Ok((status, len, kept))
    }
}

/// What a writer knows of its keys: the body that was acknowledged last, and the one that may have been written since.
#[derive(Default)]
struct Oracle {
    keys: HashMap<u64, (Option<u64>, Option<Option<u64>>)>,
}

/// A body that says what it is: short ones go into the store, long ones into files.
fn body(version: u64) -> Vec<u8> {
    let len = if version.is_multiple_of(3) { 100_000 } else { 100 };
    let mut body = format!("{version:020}").repeat(len / 20).into_bytes();
    body.truncate(len);
    body
}

/// Puts and deletes keys until the server is gone.
fn load(mut client: Client, writer: usize, oracle: &Mutex<Oracle>, first: u64) {
    for version in first.. {
        let key = version % 17;
        let path = format!("/stones/{writer}-{key}");
        let deletes = version % 7 == 3;
        let wanted = if deletes { None } else { Some(version) };
        oracle.lock().unwrap().keys.entry(key).or_default().1 = Some(wanted);
        let outcome = if deletes {
            client.ask(Method::Delete, &path, 0, b"")
        } else {
            let body = body(version);
            client.ask(Method::Put, &path, body.len() as u64, &body)
        };
        let Ok((status, ..)) = outcome else { return };
        assert!(matches!(status, 200 | 204), "{path}: status {status}");
        oracle.lock().unwrap().keys.insert(key, (wanted, None));
    }
}

/// Every key has what was acknowledged last, or what was on its way when the server was killed, whole.
fn check(client: &mut Client, writer: usize, oracle: &mut Oracle) -> usize {
    for (key, (known, open)) in &mut oracle.keys {
        let path = format!("/stones/{writer}-{key}");
        let (status, _, found) = client.ask(Method::Get, &path, 0, b"").unwrap();
        let found = match status {
            404 => None,
            200 => {
                let version: u64 = String::from_utf8_lossy(&found[..20]).parse().unwrap();
                assert!(found == body(version), "{path} is torn");
                Some(version)
            }
            status => panic!("{path}: status {status}"),
        };
        let may_be = found == *known || open.is_some_and(|open| found == open);
        assert!(may_be, "{path}: {found:?} instead of {known:?} or {open:?}");
        (*known, *open) = (found, None);
    }
    oracle.keys.len()
}

#[test]
fn acknowledged_objects_survive_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let oracles: Arc<Vec<Mutex<Oracle>>> = Arc::new((0..WRITERS).map(|_| Mutex::default()).collect());
    let mut checked = 0;
    let rounds = if is_soak() { 30 } else { 6 };
    for round in 0..rounds {
        let mut server = Server::start(data.path());
        let (status, ..) = server.connect().ask(Method::Put, "/stones", 0, b"").unwrap();
        assert!(matches!(status, 200 | 409), "{status}");
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, oracles) = (server.connect(), oracles.clone());
                std::thread::spawn(move || load(client, writer, &oracles[writer], round * 100_000))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(40 + round * 13 % 120));
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let server = Server::start(data.path());
        let mut client = server.connect();
        for (writer, oracle) in oracles.iter().enumerate() {
            checked += check(&mut client, writer, &mut oracle.lock().unwrap());
        }
    }
    assert!(checked > rounds as usize, "only {checked} keys were checked");
    let found = Command::new(env!("CARGO_BIN_EXE_dolmen"))
        .args(["s3", "scrub", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
    println!("{checked} keys checked over {rounds} kills, none lost, none torn");
}

/// No object is held whole: 64 connections with 64 MiB each (8 in the short version), one way and the other.
#[test]
fn large_objects_pass_through_little_memory() {
    const CONNECTIONS: u64 = 64;
    // Together they are far more than the limit in the short version too.
    let len: u64 = if is_soak() { 64 << 20 } else { 8 << 20 };
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.connect().ask(Method::Put, "/large", 0, b"").unwrap();
    let piece: Arc<Vec<u8>> = Arc::new((0..64 << 10).map(|at| (at % 251) as u8).collect());
    let all = |method: Method| {
        let running: Vec<_> = (0..CONNECTIONS)
            .map(|at| {
                let (mut client, piece) = (server.connect(), piece.clone());
                std::thread::spawn(move || {
                    // Few files, many connections: what is measured is memory, and disks are small.
                    let path = format!("/large/{}", at % 8);
                    let sent = if method == Method::Put { len } else { 0 };
                    client.ask(method, &path, sent, &piece).unwrap()
                })
            })
            .collect();
        for one in running {
            let (status, got, _) = one.join().unwrap();
            assert_eq!(status, 200);
            assert_eq!(got, if method == Method::Get { len } else { 0 });
        }
    };
    all(Method::Put);
    let put = server.peak_bytes();
    all(Method::Get);
    let peak = server.peak_bytes();
    println!("{} MiB resident at most after puts, {} MiB after gets", put >> 20, peak >> 20);
    assert!(peak <= 96 << 20, "{} MiB", peak >> 20);
}

/// There are no keys that everybody knows: each data directory has its own. And no secret, of a user or of an object, stands in a log,
/// however much is logged.
#[test]
fn keys_are_made_for_each_directory_and_never_logged() {
    const CUSTOMER: &str = "Y3VzdG9tZXIga2V5IG9mIDMyIGJ5dGVzIHRoYXQgbm8=";
    let dir = tempfile::tempdir().unwrap();
    let mut made = Vec::new();
    for name in ["one", "other"] {
        let data = dir.path().join(name);
        let log = dir.path().join(format!("{name}.log"));
        let server = Server::start_with(&data, "debug", None, std::fs::File::create(&log).unwrap().into());
        let credentials = std::fs::read_to_string(data.join("credentials")).unwrap();
        let secret = |name: &str| {
            let line = credentials.lines().find(|line| line.starts_with(name)).unwrap();
            line.split('"').nth(1).unwrap().to_owned()
        };
        let keys = (secret("s3-access-key")[..20].to_uppercase(), secret("s3-secret-key"));
        for known in [KEYS, ("minioadmin", "minioadmin"), ("admin", "admin"), ("root", ""), ("AKROOT", "x")] {
            let mut client = server.connect();
            client.keys = (known.0.into(), known.1.into());
            assert_eq!(client.ask(Method::Get, "/", 0, b"").unwrap().0, 403, "{known:?}");
        }
        let mut client = server.connect();
        client.keys = (keys.0.clone(), "guessed".into());
        assert_eq!(client.ask(Method::Put, "/stones", 0, b"").unwrap().0, 403);
        client.keys = keys.clone();
        assert_eq!(client.ask(Method::Put, "/stones", 0, b"").unwrap().0, 200);
        client.more = vec![
            ("x-amz-server-side-encryption-customer-algorithm", "AES256".into()),
            ("x-amz-server-side-encryption-customer-key", CUSTOMER.into()),
            ("x-amz-server-side-encryption-customer-key-md5", "AAAAAAAAAAAAAAAAAAAAAA==".into()),
        ];
        assert_eq!(client.ask(Method::Put, "/stones/k", 7, b"granite").unwrap().0, 400);
        drop(server);
        let logged = std::fs::read_to_string(&log).unwrap();
        assert!(logged.contains("ready"), "{logged}");
        let secrets = [&keys.1, &secret("s3-encryption-key"), CUSTOMER, "guessed", "Signature="];
        for secret in secrets {
            assert!(!logged.contains(secret), "{secret} stands in the log:\n{logged}");
        }
        made.push(keys);
    }
    assert!(made[0].0 != made[1].0 && made[0].1 != made[1].1);
}
