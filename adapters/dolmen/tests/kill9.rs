//! A server that is killed in the middle of a write load has every write that it acknowledged.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ROUNDS: u64 = 30;
const WRITERS: u64 = 4;

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts on free ports and waits for the line that names the key-value port.
    fn start(data: &std::path::Path) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dolmen"))
            .args(["up", "--only", "kv", "--kv", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut port = 0;
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some(rest) = line.strip_prefix("kv") {
                port = rest.split_whitespace().next().unwrap().rsplit(':').next().unwrap().parse().unwrap();
            }
            if line.starts_with("ready") {
                break;
            }
        }
        assert_ne!(port, 0, "the server did not say where it listens");
        Server { child, port }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes `writer:counter` until the server is gone; the last acknowledged counter stands in `acknowledged`.
fn write_until_killed(mut stream: TcpStream, writer: u64, acknowledged: &AtomicU64) {
    for counter in acknowledged.load(Ordering::Relaxed) + 1.. {
        let command = format!("SET writer:{writer}:{counter} {counter}\r\n");
        let mut reply = [0; 5];
        if stream.write_all(command.as_bytes()).is_err() || stream.read_exact(&mut reply).is_err() {
            return;
        }
        assert_eq!(&reply, b"+OK\r\n");
        acknowledged.store(counter, Ordering::Relaxed);
    }
}

/// The reply to one GET of a short value.
fn get(stream: &mut TcpStream, key: &str) -> Option<String> {
    stream.write_all(format!("GET {key}\r\n").as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    if line == "$-1\r\n" {
        return None;
    }
    let mut value = String::new();
    reader.read_line(&mut value).unwrap();
    Some(value.trim_end().to_owned())
}

#[test]
fn acknowledged_writes_survive_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let acknowledged: Arc<Vec<AtomicU64>> = Arc::new((0..WRITERS).map(|_| AtomicU64::new(0)).collect());
    let mut checked = vec![0; WRITERS as usize];
    for round in 0..ROUNDS {
        let mut server = Server::start(data.path());
        let writers: Vec<_> = (0..WRITERS)
            .map(|w| {
                let (stream, acknowledged) = (server.connect(), acknowledged.clone());
                std::thread::spawn(move || write_until_killed(stream, w, &acknowledged[w as usize]))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20 + round * 7 % 60));
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        writers.into_iter().for_each(|w| w.join().unwrap());
        let server = Server::start(data.path());
        let mut stream = server.connect();
        for writer in 0..WRITERS as usize {
            let last = acknowledged[writer].load(Ordering::Relaxed);
            for counter in checked[writer] + 1..=last {
                let found = get(&mut stream, &format!("writer:{writer}:{counter}"));
                assert_eq!(found, Some(counter.to_string()), "round {round}: an acknowledged write is gone");
            }
            checked[writer] = last;
        }
    }
    let total: u64 = checked.iter().sum();
    assert!(total > ROUNDS, "only {total} writes were acknowledged");
    println!("{total} acknowledged writes over {ROUNDS} kills, none lost");
}
