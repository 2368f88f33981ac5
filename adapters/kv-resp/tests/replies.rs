//! Replays what Redis answered (`data/`, origin in its README) over loopback, in RESP2. Rows without a `cmp` must be equal
//! byte for byte; the others must have the same first type. The script beside the recordings judges those closer.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use dolmen_kv_resp::{Engine, Settings};
use dolmen_store::{Db, Options, SyncPolicy};

/// Rows where we differ on purpose: request lines of HTTP close the connection.
const DIFFERENT: &[&str] = &["PUT / HTTP/1.1\r\nPING\r\n"];

/// A value of the recordings: flat objects of strings, lists of strings, words and numbers.
fn fields(line: &str) -> HashMap<String, Vec<Vec<u8>>> {
    let mut chars = line.chars().peekable();
    let (mut out, mut key, mut list) = (HashMap::new(), None::<String>, Vec::new());
    let mut depth = 0;
    while let Some(c) = chars.next() {
        let text = match c {
            '"' => string(&mut chars),
            '[' | ']' => {
                depth += if c == '[' { 1 } else { -1 };
                continue;
            }
            ',' | '}' if depth == 0 => {
                if let Some(key) = key.take() {
                    out.insert(key, std::mem::take(&mut list));
                }
                continue;
            }
            c if c.is_alphanumeric() || c == '-' => {
                let mut text = vec![c as u8];
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric()) {
                    text.push(c as u8);
                }
                text
            }
            _ => continue,
        };
        match key {
            None => key = Some(String::from_utf8(text).unwrap()),
            Some(_) => list.push(text),
        }
    }
    out
}

fn string(chars: &mut impl Iterator<Item = char>) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let c = match chars.next().unwrap() {
            '"' => return out,
            '\\' => match chars.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => {
                    let hex: String = (0..4).map(|_| chars.next().unwrap()).collect();
                    char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap()
                }
                other => other,
            },
            c => c,
        };
        out.push(u8::try_from(u32::from(c)).unwrap());
    }
}

fn start() -> (SocketAddr, tokio::runtime::Runtime, tokio::sync::watch::Sender<bool>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let listen = listener.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap().keep();
    let db = Db::open(&dir, Options::default()).unwrap();
    let settings = Settings::new(listen, SyncPolicy::Always);
    let engine = Engine::start(db, settings).unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    runtime.spawn(dolmen_kv_resp::serve(engine, listener, stopped));
    (listen, runtime, stop)
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

fn replay(file: &str, skip_section: &str) -> usize {
    let (addr, _runtime, _stop) = start();
    let (mut section, mut connections, mut compared) = (Vec::new(), HashMap::new(), 0);
    for line in file.lines() {
        let row = fields(line);
        let text = |key: &str| row.get(key).and_then(|v| v.first()).cloned().unwrap_or_default();
        if text("sec") != section {
            section = text("sec");
            connections.clear();
            let flush = [b"FLUSHALL".to_vec()];
            call(&mut connect(addr), &flush, 5);
        }
        if let Some(ms) = row.get("sleep_ms") {
            std::thread::sleep(Duration::from_millis(String::from_utf8_lossy(&ms[0]).parse().unwrap()));
            continue;
        }
        if row.contains_key("beyond") || section == skip_section.as_bytes() {
            continue;
        }
        let want = text("r2");
        let got = if let Some(raw) = row.get("raw") {
            if DIFFERENT.iter().any(|d| d.as_bytes() == raw[0]) {
                continue;
            }
            let mut stream = connect(addr);
            stream.write_all(&raw[0]).unwrap();
            // All that is expected, however long it takes, and then what should not come.
            let len = if row.contains_key("cmp") { want.len().min(1) } else { want.len() };
            let mut got = vec![0; len];
            let read = stream.read_exact(&mut got);
            assert!(read.is_ok(), "{line}: the reply is not whole");
            stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
            let _ = stream.read_to_end(&mut got);
            got
        } else {
            let name = text("conn");
            let stream = connections.entry(name).or_insert_with(|| connect(addr));
            call(stream, &row["cmd"], if row.contains_key("cmp") { 0 } else { want.len() })
        };
        compared += 1;
        let same = if row.contains_key("cmp") { want.first() == got.first() } else { want == got };
        let shown = String::from_utf8_lossy(&got).into_owned();
        assert!(same, "{line}\n got {shown:?}");
    }
    compared
}

/// Sends a command and reads until the recorded length is there. For rows whose length may differ, one read is all that
/// is compared.
fn call(stream: &mut TcpStream, words: &[Vec<u8>], want: usize) -> Vec<u8> {
    let mut request = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        request.extend_from_slice(word);
        request.extend_from_slice(b"\r\n");
    }
    stream.write_all(&request).unwrap();
    let mut got = vec![0; 1 << 16];
    let n = stream.read(&mut got).unwrap_or(0);
    got.truncate(n);
    while got.len() < want && got.first() != Some(&b'-') {
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(n) => got.extend_from_slice(&piece[..n]),
        }
    }
    got
}

#[test]
fn replies_equal_redis_7_0() {
    assert!(replay(include_str!("data/replies.jsonl"), "auth") > 1000);
}

#[test]
fn replies_equal_redis_7_2() {
    assert!(replay(include_str!("data/replies-7.2.jsonl"), "") > 25);
}
