//! Many connections on few threads: each has one request under way and sends the next as soon as the answer is there.
//!
//! What is sent is made and signed before the time runs: a signature is good for all requests of its path for minutes. A thread waits for all of
//! its connections at once, so that a request costs it one write, one read and its share of a wait.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::ToSocketAddrs as _;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use dolmen_s3::Method;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::{Case, KEYS, Reading, SMALL, Server, cpu_us, percentile};

/// Longest wait for any answer.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longest head of an answer.
const HEAD_LEN_MAX: usize = 64 << 10;

/// A request as it is sent: its head, and its body if that is small; `rest` bytes of the piece follow.
struct Request {
    first: Vec<u8>,
    rest: u64,
}

/// What is known of the answer that comes in.
enum Answer {
    Head,
    Body { left: u64 },
}

/// One connection, and what it has under way.
struct Connection {
    stream: TcpStream,
    key: usize,
    since: Instant,
    sent: u64,
    head: Vec<u8>,
    answer: Answer,
    is_done: bool,
}

/// Runs a case of puts or gets until the time is over.
pub fn read_case(server: &Server, case: &Case, connections: usize, seconds: f64, piece: &[u8]) -> Reading {
    let threads = if case.len <= SMALL { 1 } else { 2.min(connections) };
    let requests: Vec<Request> = (0..case.keys()).map(|key| request(server, case, key, piece)).collect();
    let barrier = Barrier::new(threads + 1);
    let (mut latencies, mut reading) = (Vec::new(), Reading::default());
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (requests, barrier) = (&requests, &barrier);
                scope.spawn(move || {
                    let mine = (thread..connections).step_by(threads);
                    let mut crowd = Crowd::new(server, case, requests, piece, mine);
                    barrier.wait();
                    crowd.run(Duration::from_secs_f64(seconds))
                })
            })
            .collect();
        let (before, own) = (cpu_us(server.pid), cpu_us(std::process::id()));
        barrier.wait();
        let since = Instant::now();
        for one in running {
            latencies.extend(one.join().expect("it ends"));
        }
        reading.seconds = since.elapsed().as_secs_f64();
        reading.cpu_us = (cpu_us(server.pid) - before) as f64;
        reading.own_us = (cpu_us(std::process::id()) - own) as f64;
    });
    latencies.sort_by(f64::total_cmp);
    reading.ops = latencies.len() as u64;
    reading.cpu_us /= reading.ops.max(1) as f64;
    reading.own_us /= reading.ops.max(1) as f64;
    (reading.p50_ms, reading.p99_ms) = (percentile(&latencies, 0.5), percentile(&latencies, 0.99));
    reading
}

fn request(server: &Server, case: &Case, key: u64, piece: &[u8]) -> Request {
    let len = if case.method == Method::Put { case.len } else { 0 };
    let mut first = server.head(case.method, &format!("/bench/{}-{key}", case.len), len);
    if len > SMALL {
        return Request { first, rest: len };
    }
    first.extend(piece.iter().cycle().take(len as usize));
    Request { first, rest: 0 }
}

/// The connections of one thread.
struct Crowd<'a> {
    server: &'a Server,
    case: &'a Case,
    requests: &'a [Request],
    piece: &'a [u8],
    poll: Poll,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    latencies: Vec<f64>,
}

impl<'a> Crowd<'a> {
    fn new(
        server: &'a Server,
        case: &'a Case,
        requests: &'a [Request],
        piece: &'a [u8],
        numbers: impl Iterator<Item = usize>,
    ) -> Crowd<'a> {
        let poll = Poll::new().expect("a poll");
        let address = server.address.to_socket_addrs().expect("an address").next().expect("an address");
        let connections = numbers.enumerate().map(|(at, number)| {
            let stream = std::net::TcpStream::connect(address).expect("the server listens");
            stream.set_nodelay(true).expect("an option");
            stream.set_nonblocking(true).expect("an option");
            let mut stream = TcpStream::from_std(stream);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(at), interest).expect("a poll takes it");
            Connection {
                stream,
                key: (number * 7) % requests.len(),
                since: Instant::now(),
                sent: 0,
                head: Vec::new(),
                answer: Answer::Head,
                is_done: false,
            }
        });
        let connections = connections.collect();
        let buffer = vec![0; 256 << 10];
        Crowd { server, case, requests, piece, poll, connections, buffer, latencies: Vec::new() }
    }

    /// Milliseconds of each request.
    fn run(&mut self, time: Duration) -> Vec<f64> {
        let since = Instant::now();
        for at in 0..self.connections.len() {
            self.connections[at].since = Instant::now();
            self.send(at);
        }
        let (mut left, mut events) = (self.connections.len(), Events::with_capacity(256));
        while left > 0 {
            match self.poll.poll(&mut events, Some(PATIENCE)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled.expect("a poll"),
            }
            assert!(!events.is_empty(), "{}: no answer", self.server.name);
            for event in &events {
                let at = event.token().0;
                if self.connections[at].is_done {
                    continue;
                }
                self.send(at);
                while event.is_readable() && self.receive(at) {
                    let connection = &mut self.connections[at];
                    let now = Instant::now();
                    self.latencies.push((now - connection.since).as_secs_f64() * 1e3);
                    if now - since >= time {
                        connection.is_done = true;
                        left -= 1;
                        break;
                    }
                    connection.key = (connection.key + 1) % self.requests.len();
                    (connection.since, connection.sent) = (now, 0);
                    self.send(at);
                    // Its answer is an event of its own.
                    break;
                }
            }
        }
        std::mem::take(&mut self.latencies)
    }

    /// Sends what is left of the request, as far as the kernel takes it.
    fn send(&mut self, at: usize) {
        let connection = &mut self.connections[at];
        let Request { first, rest } = &self.requests[connection.key];
        let first_len = first.len() as u64;
        while connection.sent < first_len + rest {
            let bytes = match connection.sent.checked_sub(first_len) {
                None => &first[connection.sent as usize..],
                Some(sent) => {
                    let from = sent as usize % self.piece.len();
                    &self.piece[from..self.piece.len().min(from + (rest - sent) as usize)]
                }
            };
            match connection.stream.write(bytes) {
                Ok(len) => connection.sent += len as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{}: {error}", self.server.name),
            }
        }
    }

    /// Reads what is there. Whether the answer is whole.
    fn receive(&mut self, at: usize) -> bool {
        loop {
            let connection = &mut self.connections[at];
            let len = match connection.stream.read(&mut self.buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => panic!("{}: {error}", self.server.name),
            };
            assert!(len > 0, "{}: the connection ended", self.server.name);
            let name = &self.server.name;
            if take(connection, &self.buffer[..len], self.case, name) {
                return true;
            }
            if len < self.buffer.len() {
                return false;
            }
        }
    }
}

/// Takes bytes of an answer in. Whether it is whole.
fn take(connection: &mut Connection, mut bytes: &[u8], case: &Case, name: &str) -> bool {
    if let Answer::Head = connection.answer {
        let known = connection.head.len();
        connection.head.extend_from_slice(bytes);
        let from = known.saturating_sub(3);
        let Some(end) = connection.head[from..].windows(4).position(|four| four == b"\r\n\r\n") else {
            assert!(connection.head.len() < HEAD_LEN_MAX, "{name}: a head without an end");
            return false;
        };
        let end = from + end + 4;
        let (status, len) = facts(&connection.head[..end]);
        match case.method {
            Method::Put => assert!(matches!(status, 200 | 201 | 204), "{name}: put {status}"),
            _ => assert_eq!((status, len), (200, Some(case.len)), "{name}: get"),
        }
        let len = if status == 204 { Some(0) } else { len };
        connection.answer = Answer::Body { left: len.expect("an answer with a length") };
        bytes = &bytes[end - known..];
        connection.head.clear();
    }
    let Answer::Body { left } = &mut connection.answer else { return false };
    *left = left.checked_sub(bytes.len() as u64).expect("no more than was announced");
    if *left > 0 {
        return false;
    }
    connection.answer = Answer::Head;
    true
}

/// Status and length of an answer.
fn facts(head: &[u8]) -> (u16, Option<u64>) {
    let head = std::str::from_utf8(head).expect("a head is text");
    let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    let length = head.lines().skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a length"))
    });
    (status, length)
}

impl Case {
    /// Objects that are put over and over, and got.
    pub fn keys(&self) -> u64 {
        if self.len >= 64 << 20 { 4 } else { KEYS }
    }
}
