//! Connections: read all complete requests, run them as one unit, wait once for the batch, reply in order.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use dolmen_resp::command::{Verb, flag};
use dolmen_resp::fault::Fault;
use dolmen_resp::reply::Reply;
use dolmen_resp::request::Parser;
use dolmen_resp::session::{Access, After, Session};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::clients::Client;
use crate::engine::{Engine, Group};
use crate::stats::Run;
use crate::unit::Unit;

/// Commands of one unit: the lock is held that long at most.
const UNIT_COMMANDS_MAX: usize = 1024;
/// Bytes of replies after which a unit ends and waits for its reader.
const UNIT_OUTPUT_MAX: usize = 1 << 20;
/// Bytes asked for when a socket is readable.
const READ_LEN: usize = 16 << 10;
/// Bytes asked for while a large argument arrives.
const READ_LEN_MAX: usize = 1 << 20;
/// Half-received requests of all connections together; a connection that goes over it is closed.
const RECEIVE_BYTES_MAX: u64 = 2 << 30;
/// A reader that takes nothing for so long is dropped.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a held command looks whether the pause is over.
const PAUSE_STEP: Duration = Duration::from_millis(10);
/// What no connection lives to see.
const FOR_EVER: Duration = Duration::from_secs(1 << 31);
/// Keys that one sweep deletes before others get the lock.
const SWEEP_KEYS: usize = 256;

/// Accepts until `stop` says so, then waits for the connections to end.
pub async fn serve(engine: Arc<Engine>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let sweeper = tokio::spawn(sweep(engine.clone()));
    let (alive, mut ended) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, addr)) => {
                engine.stats.connections.fetch_add(1, Relaxed);
                let local = stream.local_addr().map_or_else(|_| String::new(), |a| a.to_string());
                let max = engine.clients_max.load(Relaxed);
                let Some(client) = engine.clients.add(addr.to_string(), local, max) else {
                    engine.stats.refused_connections.fetch_add(1, Relaxed);
                    tokio::spawn(refuse(stream));
                    continue;
                };
                let (engine, stop, alive) = (engine.clone(), stop.clone(), alive.clone());
                tokio::spawn(async move {
                    admit(&engine, stream, &client, stop).await;
                    drop(alive);
                });
            }
            // Out of descriptors: room comes when others leave.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    drop(listener);
    drop(alive);
    let _ = ended.recv().await;
    sweeper.abort();
    let _ = sweeper.await;
}

async fn refuse(mut stream: TcpStream) {
    let _ = stream.write_all(b"-ERR max number of clients reached\r\n").await;
}

async fn admit(engine: &Arc<Engine>, stream: TcpStream, client: &Client, stop: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let session = Session::new(client.id, engine.settings.password.is_none());
    let parser = Parser::default();
    let mut connection = Connection { engine, client, stream, parser, session, held: false, received: 0 };
    let _ = connection.run(stop).await;
    let received = connection.received;
    engine.receiving.fetch_sub(received, Relaxed);
    let mut unit = Unit::new(engine);
    unit.begin(true, false);
    connection.session.close(&mut unit);
    drop(unit);
    engine.clients.remove(client.id);
}

struct Connection<'a> {
    engine: &'a Arc<Engine>,
    client: &'a Client,
    stream: TcpStream,
    parser: Parser,
    session: Session,
    /// Whether the parser's last request waits for the end of a pause.
    held: bool,
    /// Bytes of half-received requests that are booked in the engine's sum.
    received: u64,
}

/// What a unit leaves behind.
#[derive(Default)]
struct Done {
    out: Vec<u8>,
    /// Replies that must not be believed if the batch fails.
    uncertain: Vec<Range<usize>>,
    group: Option<Arc<Group>>,
    after: Option<After>,
    /// Whether complete requests may be left.
    more: bool,
}

impl Connection<'_> {
    async fn run(&mut self, mut stop: watch::Receiver<bool>) -> io::Result<()> {
        loop {
            while self.turn().await? {}
            if *stop.borrow() {
                return Ok(());
            }
            if self.held {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE_STEP) => continue,
                    () = self.client.kill.notified() => return Ok(()),
                    _ = stop.wait_for(|stop| *stop) => return Ok(()),
                }
            }
            let idle = match self.engine.idle_timeout_s.load(Relaxed) {
                0 => FOR_EVER,
                seconds => Duration::from_secs(seconds),
            };
            tokio::select! {
                ready = self.stream.readable() => ready?,
                () = self.client.kill.notified() => return Ok(()),
                () = tokio::time::sleep(idle), if idle < FOR_EVER => return Ok(()),
                _ = stop.wait_for(|stop| *stop) => {}
            }
            if !self.receive()? {
                return Ok(());
            }
        }
    }

    /// Reads what is there. `false`: the peer is gone, or there is no room for what it sends.
    fn receive(&mut self) -> io::Result<bool> {
        let want = self.parser.wanted().clamp(READ_LEN, READ_LEN_MAX);
        let buffer = self.parser.buffer();
        buffer.reserve(want);
        match self.stream.try_read_buf(buffer) {
            Ok(0) => return Ok(false),
            Ok(n) => self.engine.stats.bytes_in.fetch_add(n as u64, Relaxed),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            Err(e) => return Err(e),
        };
        let held = self.parser.weight() as u64;
        let sum = self.engine.receiving.fetch_add(held, Relaxed) + held;
        self.engine.receiving.fetch_sub(self.received, Relaxed);
        let fits = held < READ_LEN_MAX as u64 || sum - self.received <= RECEIVE_BYTES_MAX;
        self.received = held;
        Ok(fits)
    }

    /// One unit with its wait and its replies; whether more requests may be waiting.
    async fn turn(&mut self) -> io::Result<bool> {
        let mut done = self.execute();
        if let Some(group) = done.group.take()
            && let Err(reason) = group.wait().await
        {
            deny(&mut done, &Fault::Unwritable(reason.to_string()));
        }
        if let Some(After::WaitSync { replicas, timeout_ms, local }) = done.after {
            self.wait_sync(replicas, timeout_ms, local, &mut done.out).await;
        }
        if done.after == Some(After::Drop) {
            tracing::warn!(target: "kv", "closed {}: it speaks HTTP", self.client.addr);
        } else if !done.out.is_empty() {
            self.engine.stats.bytes_out.fetch_add(done.out.len() as u64, Relaxed);
            let sent = tokio::select! {
                sent = tokio::time::timeout(SEND_TIMEOUT, self.stream.write_all(&done.out)) => sent,
                () = self.client.kill.notified() => return Err(io::ErrorKind::ConnectionAborted.into()),
            };
            sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        }
        if matches!(done.after, Some(After::Close | After::Drop)) {
            let _ = self.stream.shutdown().await;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(done.more)
    }

    async fn wait_sync(&mut self, replicas: bool, timeout_ms: u64, local: bool, out: &mut Vec<u8>) {
        let timeout =
            if timeout_ms == 0 { FOR_EVER } else { Duration::from_millis(timeout_ms).min(FOR_EVER) };
        let until = tokio::time::Instant::now() + timeout;
        let mut synced = false;
        if local {
            let engine = self.engine.clone();
            let sync = tokio::task::spawn_blocking(move || engine.db.sync_wal());
            tokio::select! {
                done = sync => synced = matches!(done, Ok(Ok(()))),
                () = tokio::time::sleep_until(until) => {}
                () = self.client.kill.notified() => self.client.kill.notify_one(),
            }
        }
        if replicas {
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = self.client.kill.notified() => self.client.kill.notify_one(),
            }
        }
        self.session.waited(local, synced, out);
    }

    /// Runs the requests that are complete. Never waits.
    fn execute(&mut self) -> Done {
        let mut done = Done::default();
        let mut unit = Unit::new(self.engine);
        let mut ran = Run::default();
        let mut count = 0;
        let mut at = Instant::now();
        loop {
            if count == UNIT_COMMANDS_MAX || done.out.len() >= UNIT_OUTPUT_MAX {
                done.more = true;
                break;
            }
            let held = std::mem::take(&mut self.held);
            match if held { Ok(true) } else { self.parser.parse(self.session.authenticated) } {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let fault = Fault::Text(error.to_string());
                    Reply { out: &mut done.out, proto: self.session.proto }.error(&fault);
                    done.after = Some(After::Close);
                    break;
                }
            }
            let words = self.parser.words();
            if self.engine.paused().is_some_and(|what| self.session.waits_for(&words, what)) {
                self.held = true;
                break;
            }
            count += 1;
            let write = self.session.access(&words) == Access::Write;
            unit.begin(write, words.len() > 2 || self.session.queued() >= 0);
            let start = done.out.len();
            let before = std::mem::take(&mut unit.wrote);
            let handled = self.session.handle(&words, &mut unit, &mut done.out);
            unit.count();
            unit.wrote |= before;
            let touches = |spec: &dolmen_resp::command::CommandSpec| {
                spec.has(flag::WRITE | flag::READONLY) || spec.verb == Verb::Exec
            };
            if unit.wrote && handled.spec.is_some_and(touches) {
                done.uncertain.push(start..done.out.len());
            }
            let now = Instant::now();
            ran.command(&handled, now - at, &self.engine.stats);
            at = now;
            if handled.after != After::Continue {
                done.after = Some(handled.after);
                done.more = matches!(handled.after, After::WaitSync { .. });
                break;
            }
        }
        done.group = unit.finish();
        self.engine.stats.add(&mut ran);
        if !self.held {
            self.parser.compact();
        }
        if count > 0 {
            self.client.update(&self.session);
        }
        done
    }
}

/// Replaces replies that rest on a batch which was not written.
fn deny(done: &mut Done, fault: &Fault) {
    let mut out = Vec::new();
    let mut kept = 0;
    for range in &done.uncertain {
        out.extend_from_slice(&done.out[kept..range.start]);
        if !range.is_empty() {
            Reply { out: &mut out, proto: dolmen_resp::reply::Proto::Resp2 }.error(fault);
        }
        kept = range.end;
    }
    out.extend_from_slice(&done.out[kept..]);
    done.out = out;
}

/// Deletes keys whose time is over, ten times a second while any key expires, and sleeps otherwise.
async fn sweep(engine: Arc<Engine>) {
    loop {
        let any = engine.may_expire.iter().any(|e| e.load(Relaxed));
        if !any {
            engine.expiring.notified().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        if engine.paused().is_some() {
            continue;
        }
        for db in 0..dolmen_resp::limits::DATABASES {
            while sweep_some(&engine, db).await == SWEEP_KEYS {}
        }
    }
}

/// Sweeps one batch of keys; how many were found.
async fn sweep_some(engine: &Engine, db: u8) -> usize {
    let (found, group) = {
        let mut unit = Unit::new(engine);
        let keys = unit.overdue(db, SWEEP_KEYS).unwrap_or_default();
        if keys.is_empty() {
            return 0;
        }
        unit.begin(true, false);
        for key in &keys {
            if unit.sweep(db, key).unwrap_or(false) {
                engine.stats.expired.fetch_add(1, Relaxed);
            }
        }
        (keys.len(), unit.finish())
    };
    match group {
        Some(group) if group.wait().await.is_err() => 0,
        _ => found,
    }
}
