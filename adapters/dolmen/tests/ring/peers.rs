//! HAProxy, nutcracker, redis-server and libmemcached route thousands of keys; `dolmen ring owner` must name the same owners.
//! A test says "skipped" when its program is not installed (Debian: haproxy, nutcracker, redis-server, libmemcached-dev).

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{dolmen_with, owners_by_config, text};

/// A program under test that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn installed(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|p| std::env::split_paths(&p).any(|d| d.join(program).is_file()))
        || ["/usr/sbin", "/usr/bin"].iter().any(|d| Path::new(d).join(program).is_file());
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

fn start(program: &str, args: &[&str]) -> Server {
    let path = ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
        .iter()
        .map(|d| Path::new(d).join(program))
        .find(|p| p.is_file());
    let mut command = Command::new(path.unwrap_or_else(|| program.into()));
    Server(
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap(),
    )
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn connect(port: u16) -> TcpStream {
    let started = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                return stream;
            }
            Err(error) => assert!(started.elapsed() < Duration::from_secs(20), "port {port}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("user:{}:{}", i * 7919 % 100_003, i)).collect()
}

/// Differences between two lists of owners, of which there must be none.
fn assert_same(what: &str, keys: &[String], ours: &[String], theirs: &[String]) {
    assert_eq!(ours.len(), keys.len());
    assert_eq!(theirs.len(), keys.len());
    let different = (0..keys.len()).find(|&i| ours[i] != theirs[i]);
    let count = (0..keys.len()).filter(|&i| ours[i] != theirs[i]).count();
    assert!(
        different.is_none(),
        "{what}: {count} differ, {:?}",
        different.map(|i| (&keys[i], &ours[i], &theirs[i]))
    );
}

#[test]
fn haproxy_routes_as_we_say() {
    if !installed("haproxy") {
        return;
    }
    for (hash_type, extra) in [
        ("consistent sdbm avalanche", ""),
        ("consistent djb2", " id 40"),
        ("consistent wt6 avalanche", " weight 256"),
        ("consistent crc32", ""),
        ("consistent", " weight 0"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let [front, one, two, three] = [(); 4].map(|()| free_port());
        let answer = |name: &str, port: u16| {
            format!(
                "frontend f{name}\n  bind 127.0.0.1:{port}\n  http-request return status 200 content-type text/plain \
                 string {name}\n"
            )
        };
        let config = format!(
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\
             frontend in\n  bind 127.0.0.1:{front}\n  default_backend cache\n{}{}{}\
             backend cache\n  balance hdr(x-key)\n  hash-type {hash_type}\n  server one 127.0.0.1:{one} weight 10\n  \
             server two 127.0.0.1:{two} weight 20 id 7\n  server three 127.0.0.1:{three}{extra}\n",
            answer("one", one),
            answer("two", two),
            answer("three", three)
        );
        let file = dir.path().join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let _server = start("haproxy", &["-db", "-f", file.to_str().unwrap()]);
        let keys = keys(10_000);
        let theirs = ask_http(front, &keys);
        assert_same(hash_type, &keys, &owners_by_config(&file, &keys), &theirs);
    }
}

fn ask_http(port: u16, keys: &[String]) -> Vec<String> {
    let stream = connect(port);
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    let mut owners = Vec::new();
    for group in keys.chunks(20) {
        let requests: String =
            group.iter().map(|k| format!("GET / HTTP/1.1\r\nhost: x\r\nx-key: {k}\r\n\r\n")).collect();
        writer.write_all(requests.as_bytes()).unwrap();
        owners.extend(group.iter().map(|_| http_body(&mut reader)));
    }
    owners
}

fn http_body(reader: &mut impl BufRead) -> String {
    let mut length = 0;
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the connection ended");
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn nutcracker_routes_as_we_say() {
    if !installed("nutcracker") {
        return;
    }
    let hashes = [
        "fnv1a_64",
        "fnv1_64",
        "fnv1a_32",
        "fnv1_32",
        "md5",
        "crc16",
        "crc32",
        "crc32a",
        "one_at_a_time",
        "murmur",
    ];
    let mut runs: Vec<(&str, &str)> = hashes.iter().map(|h| (*h, "ketama")).collect();
    runs.push(("fnv1a_64", "modula"));
    for (hash, distribution) in runs {
        let dir = tempfile::tempdir().unwrap();
        let [front, stats] = [free_port(), free_port()];
        let servers = [("zeta", 1), ("", 2), ("alpha", 3)].map(|(name, weight)| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let answer = if name.is_empty() { address.clone() } else { name.to_string() };
            std::thread::spawn(move || memcached_that_says(&listener, &answer));
            format!("   - {address}:{weight} {name}")
        });
        let config = format!(
            "pool:\n  listen: 127.0.0.1:{front}\n  hash: {hash}\n  hash_tag: \"{{}}\"\n  distribution: {distribution}\n  \
             auto_eject_hosts: false\n  servers:\n{}\n",
            servers.map(|s| s.trim_end().to_string()).join("\n")
        );
        let file = dir.path().join("nutcracker.yml");
        std::fs::write(&file, config).unwrap();
        let (file_name, stats) = (file.to_str().unwrap(), stats.to_string());
        let _server = start("nutcracker", &["-c", file_name, "-s", &stats, "-a", "127.0.0.1"]);
        let mut keys = keys(if hash == "fnv1a_64" { 10_000 } else { 1_000 });
        keys.extend((0..200).map(|i| format!("cart:{{{}}}:{i}", i % 9)));
        keys.extend((0..200).map(|i| format!("é{i}ß")));
        let theirs = ask_memcached(front, &keys);
        assert_same(&format!("{hash} {distribution}"), &keys, &owners_by_config(&file, &keys), &theirs);
    }
}

/// Answers every `get` with its own name.
fn memcached_that_says(listener: &TcpListener, name: &str) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { return };
        let name = name.to_string();
        std::thread::spawn(move || {
            let mut writer = stream.try_clone().unwrap();
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { return };
                let Some(key) = line.strip_prefix(b"get ") else { continue };
                let mut reply = b"VALUE ".to_vec();
                reply.extend_from_slice(key.trim_ascii());
                reply.extend_from_slice(format!(" 0 {}\r\n{name}\r\nEND\r\n", name.len()).as_bytes());
                if writer.write_all(&reply).is_err() {
                    return;
                }
            }
        });
    }
}

fn ask_memcached(port: u16, keys: &[String]) -> Vec<String> {
    let stream = connect(port);
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    let mut owners = Vec::new();
    for group in keys.chunks(100) {
        let requests: String = group.iter().map(|k| format!("get {k}\r\n")).collect();
        writer.write_all(requests.as_bytes()).unwrap();
        for _ in group {
            let lines: Vec<String> = (0..3)
                .map(|_| {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    line.trim_end().to_string()
                })
                .collect();
            assert!(lines[0].starts_with("VALUE"), "{lines:?}");
            owners.push(lines[1].clone());
        }
    }
    owners
}

#[test]
fn redis_gives_the_same_slots() {
    if !installed("redis-server") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let text_port = port.to_string();
    let dir_name = dir.path().to_str().unwrap();
    let args = [
        "--port",
        &text_port,
        "--cluster-enabled",
        "yes",
        "--dir",
        dir_name,
        "--save",
        "",
        "--bind",
        "127.0.0.1",
        "--cluster-port",
        &free_port().to_string(),
    ];
    let _server = start("redis-server", &args);
    let tag = |i: usize| match i % 6 {
        0 => format!("plain:{i}"),
        1 => format!("cart:{{{}}}:{i}", i / 6),
        2 => format!("{{}}empty{i}"),
        3 => format!("open{{{i}"),
        4 => format!("two{{{i}}}{{x}}"),
        _ => format!("}}{i}{{é}}"),
    };
    let keys: Vec<String> = (0..100_000).map(tag).collect();
    let mut stream = connect(port);
    let mut writer = stream.try_clone().unwrap();
    let requests: Vec<u8> = keys
        .iter()
        .flat_map(|k| format!("*3\r\n$7\r\nCLUSTER\r\n$7\r\nKEYSLOT\r\n${}\r\n{k}\r\n", k.len()).into_bytes())
        .collect();
    let sender = std::thread::spawn(move || writer.write_all(&requests).unwrap());
    let mut theirs = Vec::new();
    let mut reader = BufReader::new(&mut stream);
    for _ in &keys {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        theirs.push(line.trim_end().trim_start_matches(':').to_string());
    }
    sender.join().unwrap();
    let ours = text(&dolmen_with(&["hash", "--function", "redis-slot", "-"], keys.join("\n").as_bytes()));
    let ours: Vec<String> = ours.lines().map(|l| l.rsplit('\t').next().unwrap().to_string()).collect();
    assert_same("CLUSTER KEYSLOT", &keys, &ours, &theirs);
}

/// libmemcached's own routing: weighted ketama with default and other ports, and spymemcached's labels.
const LIBMEMCACHED: &str = r#"
#include <libmemcached/memcached.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    memcached_st *m = memcached_create(NULL);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    if (argc > 1) memcached_behavior_set_distribution(m, MEMCACHED_DISTRIBUTION_CONSISTENT_KETAMA_SPY);
    memcached_server_add_with_weight(m, "10.0.0.1", 11211, 3);
    memcached_server_add_with_weight(m, "10.0.0.2", 11212, 1);
    memcached_server_add_with_weight(m, "cache.example", 11211, 3);
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        const memcached_instance_st *s =
            memcached_server_instance_by_position(m, memcached_generate_hash(m, line, strlen(line)));
        printf("%s:%d\n", memcached_server_name(s), (int)memcached_server_port(s));
    }
    return 0;
}
"#;

#[test]
fn libmemcached_routes_as_we_say() {
    if !Path::new("/usr/include/libmemcached/memcached.h").is_file() || !installed("cc") {
        eprintln!("skipped: no libmemcached headers or no C compiler");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (source, program) = (dir.path().join("route.c"), dir.path().join("route"));
    std::fs::write(&source, LIBMEMCACHED).unwrap();
    let built =
        Command::new("cc").args([&source]).arg("-o").arg(&program).arg("-lmemcached").status().unwrap();
    assert!(built.success());
    let keys = keys(10_000);
    let nodes = "10.0.0.1:11211=3,10.0.0.2:11212=1,cache.example:11211=3";
    for (algorithm, args) in [("ketama", &[][..]), ("spymemcached", &["spy"][..])] {
        let mut child =
            Command::new(&program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = keys.join("\n") + "\n";
        let sender = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
        let output = child.wait_with_output().unwrap();
        sender.join().unwrap();
        let theirs: Vec<String> =
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_string).collect();
        let args = ["owner", "--algorithm", algorithm, "--nodes", nodes, "-"];
        let ours = text(&dolmen_with(&args, keys.join("\n").as_bytes()));
        let ours: Vec<String> = ours.lines().map(|l| l.rsplit('\t').next().unwrap().to_string()).collect();
        assert_same(algorithm, &keys, &ours, &theirs);
    }
}
