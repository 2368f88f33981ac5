//! The life of `dolmen up` as a shell and a service manager see it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn up(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dolmen"));
    command.args(["up", "--only", "kv", "--kv", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"]).arg(data);
    command.current_dir(data.parent().unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running server, its addresses, and what it wrote to stderr once it ended.
struct Server {
    child: Child,
    kv: String,
    http: String,
}

impl Server {
    fn start(mut command: Command) -> Server {
        let mut child = command.spawn().unwrap();
        let lines: Vec<String> =
            BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).take(3).collect();
        let address = |line: &str| line.split_whitespace().nth(1).unwrap().to_string();
        assert!(lines.len() == 3 && lines[2].starts_with("ready in "), "{lines:?}");
        Server { child, kv: address(&lines[0]), http: address(&lines[1]) }
    }

    fn ask(address: &str, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let _ = stream.read_to_string(&mut reply);
        reply
    }

    /// Sends SIGTERM and waits: exit status, stderr, and how long it took.
    fn stop(mut self) -> (Option<i32>, String, Duration) {
        let started = Instant::now();
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (status.code(), errors, started.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refusal(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_directory_has_one_process_and_a_start_that_fails_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (data, other) = (dir.path().join("data"), dir.path().join("other"));
    let server = Server::start(up(&data));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("credentials"))), (0o700, 0o600));
    let pid = server.child.id();
    let said = refusal(up(&data).output().unwrap());
    assert!(
        said.contains(&format!("is in use by process {pid}; choose another directory with --data DIR")),
        "{said}"
    );
    for (flag, address) in [("--kv", &server.kv), ("--http", &server.http)] {
        let rest = if flag == "--kv" { ["--http", "127.0.0.1:0"] } else { ["--kv", "127.0.0.1:0"] };
        let mut command = Command::new(env!("CARGO_BIN_EXE_dolmen"));
        command.args(["up", "--only", "kv", flag, address, "--data"]).arg(&other).args(rest);
        let said = refusal(command.output().unwrap());
        assert_eq!(said, format!("error: {address} is in use; choose another with {flag} ADDR:PORT\n"));
        assert!(!other.exists());
    }
    let (status, errors, took) = server.stop();
    assert_eq!(status, Some(0));
    for line in [" INFO dolmen: ready in ", " INFO dolmen: stopping: SIGTERM", "everything written"] {
        assert!(errors.contains(line), "{line:?} is not in\n{errors}");
    }
    assert!(errors.lines().all(|line| line.contains(" INFO ")), "{errors}");
    assert!(took < Duration::from_secs(9));
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("letter.txt"), "x").unwrap();
    assert!(refusal(up(&other).output().unwrap()).contains("holds other files, letter.txt for instance"));
}

#[test]
fn flags_go_over_variables_over_the_file_over_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dolmen.toml");
    std::fs::write(&file, "[kv]\nsync = \"never\"\nmax-clients = 7\nmax-key-bytes = 9\n").unwrap();
    let show = |command: &mut Command| {
        let out = command.arg("--settings").output().unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let mut command = up(&dir.path().join("data"));
    let shown = show(
        command.env("DOLMEN_MAX_CLIENTS", "8").env("DOLMEN_SYNC", "interval").args(["--sync", "always"]),
    );
    let row = |name: &str| -> Vec<&str> {
        shown.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).find(|l| l[0] == name).unwrap()
    };
    assert_eq!(row("kv.sync"), ["kv.sync", "always", "--sync"]);
    assert_eq!(row("kv.max-clients"), ["kv.max-clients", "8", "DOLMEN_MAX_CLIENTS"]);
    assert_eq!(row("kv.max-key"), ["kv.max-key", "9", "dolmen.toml"]);
    assert_eq!(row("kv.idle-timeout"), ["kv.idle-timeout", "0", "default"]);
    std::fs::write(&file, "[kv]\nsync = \"sometimes\"\n").unwrap();
    let said = refusal(up(&dir.path().join("data")).output().unwrap());
    assert!(said.starts_with("error: dolmen.toml:2: sync: unknown value `sometimes`"), "{said}");
}

#[test]
fn the_service_manager_is_told_and_the_log_is_json_if_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let heard = || {
        let mut text = [0; 64];
        let len = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..len]).into_owned()
    };
    let mut command = up(&dir.path().join("data"));
    let server = Server::start({
        command.env("NOTIFY_SOCKET", dir.path().join("notify")).args(["--log-format", "json"]);
        command
    });
    assert_eq!(heard(), "READY=1");
    assert_eq!(Server::ask(&server.kv, "PING\r\nPOST / HTTP/1.1\r\n"), "");
    // An idle connection does not hold the end up.
    let idle = TcpStream::connect(&server.kv).unwrap();
    let (status, errors, took) = server.stop();
    assert_eq!((heard().as_str(), status), ("STOPPING=1", Some(0)));
    assert!(took < Duration::from_secs(5));
    drop(idle);
    assert!(errors.lines().all(|line| line.starts_with("{\"ts\":\"20") && line.ends_with("\"}")), "{errors}");
    assert!(errors.contains("\"level\":\"warn\",\"target\":\"kv\",\"msg\":\"closed 127.0.0.1:"), "{errors}");
}

#[test]
fn port_7000_shows_services_probes_and_metrics_to_local_names_only() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(up(&dir.path().join("data")));
    assert_eq!(
        Server::ask(&server.kv, "SET a 1\r\nGET a\r\nGET b\r\nQUIT\r\n"),
        "+OK\r\n$1\r\n1\r\n$-1\r\n+OK\r\n"
    );
    let get = |path: &str, host: &str| {
        Server::ask(
            &server.http,
            &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        )
    };
    assert!(get("/healthz", "localhost").starts_with("HTTP/1.1 200"));
    assert!(get("/readyz?verbose", "localhost").ends_with("\r\n\r\n[+]kv ok\n"));
    assert!(get("/", "evil.example").starts_with("HTTP/1.1 403"));
    let page = get("/", &server.http);
    assert!(
        page.contains("content-security-policy: default-src 'self'") && page.contains("redis-cli -p"),
        "{page}"
    );
    let metrics = get("/metrics", "localhost");
    for line in [
        "dolmen_resp_commands_total{command=\"get\",outcome=\"ok\"} 2",
        "dolmen_resp_keyspace_misses_total 1",
        "dolmen_resp_keys{db=\"0\"} 1",
        "dolmen_resp_command_duration_seconds_count{family=\"write\"} 1",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} is not in\n{metrics}");
    }
}

/// Sets keys one after the other, then dies as a power cut would have it; the log that holds them.
fn killed_with_a_log(data: &Path) -> std::path::PathBuf {
    let mut server = Server::start(up(data));
    let commands: String = (0..5).map(|i| format!("SET key{i} value{i}\r\n")).collect();
    for command in commands.split_inclusive("\r\n") {
        assert_eq!(Server::ask(&server.kv, &format!("{command}QUIT\r\n")), "+OK\r\n+OK\r\n");
    }
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let logs = std::fs::read_dir(data.join("kv")).unwrap().map(|entry| entry.unwrap().path());
    let logs = logs.filter(|path| path.extension().is_some_and(|e| e == "log"));
    logs.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
}

#[test]
fn what_recovery_leaves_out_is_told_and_damage_names_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let torn = dir.path().join("torn");
    let log = killed_with_a_log(&torn);
    let bytes = std::fs::read(&log).unwrap();
    // Zeros stand behind the records of a log that was not left in peace.
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    std::fs::write(&log, &bytes[..end - 3]).unwrap();
    let server = Server::start(up(&torn));
    assert!(Server::ask(&server.kv, "GET key0\r\nQUIT\r\n").contains("value0"));
    let (_, errors, _) = server.stop();
    assert!(errors.contains(" WARN kv: left out: ") && errors.contains(" INFO kv: "), "{errors}");

    let damaged = dir.path().join("damaged");
    let log = killed_with_a_log(&damaged);
    let mut bytes = std::fs::read(&log).unwrap();
    let at = bytes.windows(6).position(|w| w == b"value1").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let said = refusal(up(&damaged).output().unwrap());
    assert!(said.contains("--recovery point-in-time") && said.contains("/damaged/kv"), "{said}");
    let mut command = up(&damaged);
    command.args(["--recovery", "point-in-time"]);
    let server = Server::start(command);
    assert!(Server::ask(&server.kv, "GET key0\r\nQUIT\r\n").contains("value0"));
    let (_, errors, _) = server.stop();
    assert!(errors.contains(" WARN kv: left out: "), "{errors}");
}
