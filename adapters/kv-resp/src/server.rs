//! Connections: read what has arrived, run it in turns, wait for the engine's answer, reply in order.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use dolmen_kv::layout::DATABASE_COUNT;
use dolmen_kv::limits::SWEEP_KEYS;
use dolmen_kv::{Connection, Effect, Input, Turned, sweep};
use dolmen_resp::session::After;
use dolmen_store::ReadMode;
use dolmen_units::counted;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;

use crate::clients::{Call, Client, Mailbox};
use crate::engine::{Engine, Ticket, clock_ms, clock_us};
use crate::gate::Turn;
use crate::pool;

/// Bytes asked for when a socket is readable.
const READ_LEN: usize = pool::BUFFER_LEN;
/// Bytes asked for while a large argument arrives; never more than have come already.
const READ_LEN_MAX: usize = 1 << 20;
/// Half-received requests of all connections together; a connection that goes over it is closed.
const RECEIVE_BYTES_MAX: u64 = 2 << 30;
/// Time that connections get after a stop to take what they were answered.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a held command looks whether the pause is over.
const PAUSE_STEP: Duration = Duration::from_millis(10);
/// How often connections are looked at for their idle timeout.
const IDLE_STEP: Duration = Duration::from_secs(1);
/// What no connection lives to see.
const FOR_EVER: Duration = Duration::from_secs(1 << 31);
/// When a sweep that was held back, or could not read, is tried again.
const RETRY_MS: i64 = 100;
/// Turns that a request may be run in vain, for parts that lie on disk only, before it waits for them under the lock.
const WARM_TURNS: u32 = 2;

/// Accepts until `stop` says so, then waits for the connections to end.
pub async fn serve(engine: Arc<Engine>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let helpers = [
        tokio::spawn(sweep_always(engine.clone())),
        tokio::spawn(close_idle(engine.clone())),
        tokio::spawn(engine.clone().tell_always()),
        tokio::spawn(engine.clone().commit_always()),
    ];
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
                    engine
                        .refusals
                        .tell(&addr.to_string(), "as many clients as --kv.max-clients allows are here");
                    tokio::spawn(refuse(stream));
                    continue;
                };
                let (engine, alive) = (engine.clone(), alive.clone());
                tokio::spawn(async move {
                    admit(&engine, stream, &client).await;
                    drop(alive);
                });
            }
            // Out of descriptors: room comes when others leave.
            Err(error) => {
                tracing::warn!(target: "kv", "a connection cannot be taken: {error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    drop(listener);
    drop(alive);
    engine.clients.stop();
    if tokio::time::timeout(STOP_TIMEOUT, ended.recv()).await.is_err() {
        tracing::warn!(target: "kv", "{} did not take their replies and are cut off", counted(engine.clients.count() as u64, "client"));
        engine.clients.kill_all();
        let _ = ended.recv().await;
    }
    for helper in helpers {
        helper.abort();
        let _ = helper.await;
    }
}

async fn refuse(mut stream: TcpStream) {
    let _ = stream.write_all(b"-ERR max number of clients reached\r\n").await;
}

async fn admit(engine: &Arc<Engine>, stream: TcpStream, client: &Client) {
    let _ = stream.set_nodelay(true);
    let connection = Connection::new(client.id, engine.settings.password.is_none());
    let mut peer = Peer { engine, client, stream, connection, received: 0 };
    let _ = peer.run().await;
    engine.receiving.fetch_sub(peer.received, Relaxed);
    if peer.connection.session.monitors {
        engine.monitors.lock().retain(|id| *id != client.id);
        engine.monitor_count.fetch_sub(1, Relaxed);
    }
    let mut turn = Turn::new(engine, &client.addr, ReadMode::MayBlock);
    peer.connection.close(&mut turn);
    drop(turn);
    engine.clients.remove(client.id);
}

struct Peer<'a> {
    engine: &'a Arc<Engine>,
    client: &'a Client,
    stream: TcpStream,
    connection: Connection,
    /// Bytes of half-received requests that are booked in the engine's sum.
    received: u64,
}

/// The connection is to be closed.
fn closed() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl Peer<'_> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            while self.turn().await? {}
            if let Some(buffer) = self.connection.parser.take_back() {
                pool::give(buffer);
            }
            match self.wait().await? {
                None => {}
                Some(Call::Lines) => {
                    while let Some(line) = self.client.mail.take_line() {
                        self.send_all(&[&line]).await?;
                    }
                    continue;
                }
                Some(Call::Killed) => return Ok(()),
                // What was read before the stop was answered above; what the kernel still holds is read once more.
                Some(Call::Stopped) => {
                    if self.receive().await? == Some(0) || self.connection.parser.pending() == 0 {
                        return Ok(());
                    }
                    while self.turn().await? {}
                    return Ok(());
                }
            }
            if self.receive().await? == Some(0) {
                return Ok(());
            }
        }
    }

    /// Waits for bytes (`None`) or a call.
    async fn wait(&mut self) -> io::Result<Option<Call>> {
        let (mail, stream) = (&self.client.mail, &self.stream);
        poll_fn(|cx| {
            if let Poll::Ready(call) = mail.poll_call(cx) {
                return Poll::Ready(Ok(Some(call)));
            }
            stream.poll_read_ready(cx).map(|ready| ready.map(|()| None))
        })
        .await
    }

    /// Reads what is there. `None`: nothing yet; 0: the peer is gone.
    async fn receive(&mut self) -> io::Result<Option<usize>> {
        let parser = &mut self.connection.parser;
        parser.lend(pool::take());
        let there = parser.pending().max(parser.weight());
        let want = parser.wanted().min(there).clamp(READ_LEN, READ_LEN_MAX);
        let buffer = parser.buffer();
        buffer.reserve(want.min(buffer.capacity().max(READ_LEN)));
        let mut read = pin!(self.stream.read_buf(buffer));
        // Once: where nothing is there, the next wait will say when.
        let read = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await;
        let Poll::Ready(read) = read else { return Ok(None) };
        let len = read?;
        self.engine.stats.bytes_in.fetch_add(len as u64, Relaxed);
        let held = self.connection.parser.weight() as u64;
        self.client.holds(held as usize, 0);
        if held > READ_LEN as u64 || self.received > 0 {
            let sum = self.engine.receiving.fetch_add(held, Relaxed) + held;
            self.engine.receiving.fetch_sub(self.received, Relaxed);
            let over = held > READ_LEN_MAX as u64 && sum - self.received > RECEIVE_BYTES_MAX;
            self.received = held;
            if over {
                tracing::warn!(target: "kv", "closed {}: requests that are half received take too much memory", self.client.addr);
                return Err(closed());
            }
        }
        Ok(Some(len))
    }

    /// One turn with its wait and its replies; whether more requests may be waiting.
    async fn turn(&mut self) -> io::Result<bool> {
        self.connection.out.lend(pool::take());
        let mut turned = self.execute(ReadMode::CacheOnly);
        let mut tries = 0;
        while turned.is_absent && !turned.waits && self.connection.out.is_empty() {
            self.engine.stats.waited_for_disk.fetch_add(1, Relaxed);
            tries += 1;
            turned = where_it_may_wait(|| self.execute_waiting(tries));
        }
        turned.more |= turned.is_absent;
        if turned.waits
            && let Err(reason) = self.client.mail.answered().await
        {
            self.connection.answered(Err(&reason));
        } else if turned.waits {
            self.connection.answered(Ok(()));
        } else if turned.is_full {
            let _ = self.client.mail.answered().await;
        }
        self.finish(turned).await?;
        if turned.is_paused {
            if self.client.mail.is_stopped() {
                return Err(closed());
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE_STEP) => {}
                () = self.client.mail.killed() => return Err(closed()),
            }
            return Ok(true);
        }
        if turned.after == Some(After::Again) || turned.is_long {
            tokio::task::yield_now().await;
        }
        Ok(turned.more)
    }

    /// What comes behind the replies, and their way out.
    async fn finish(&mut self, turned: Turned) -> io::Result<()> {
        match turned.after {
            Some(After::Drop) => {
                tracing::warn!(target: "kv", "closed {}: it speaks HTTP", self.client.addr);
                return Err(closed());
            }
            Some(After::WaitSync { replicas, timeout_ms, local }) => {
                self.wait_sync(replicas, timeout_ms, local).await;
            }
            Some(After::Save { background }) => self.save(background).await?,
            Some(After::Monitor) => {
                self.engine.monitors.lock().push(self.client.id);
                self.engine.monitor_count.fetch_add(1, Relaxed);
            }
            Some(After::Shutdown) => {
                tracing::info!(target: "kv", "{} asked for SHUTDOWN", self.client.addr);
                if let Some(shutdown) = &self.engine.settings.shutdown {
                    (shutdown.0)();
                }
            }
            _ => {}
        }
        self.send().await?;
        if turned.after == Some(After::Close) {
            let _ = self.stream.shutdown().await;
            return Err(closed());
        }
        Ok(())
    }

    /// Sends the replies.
    async fn send(&mut self) -> io::Result<()> {
        let out = core::mem::take(&mut self.connection.out);
        self.client.holds(self.connection.parser.weight(), out.len());
        let sent = if out.is_empty() {
            Ok(())
        } else {
            self.engine.stats.bytes_out.fetch_add(out.len() as u64, Relaxed);
            let small = out.len() == out.bytes().len();
            let written = if small { self.stream.try_write(out.bytes()) } else { Ok(0) };
            match written {
                Ok(len) if len == out.len() => Ok(()),
                Ok(len) if small => self.send_all(&[&out.bytes()[len..]]).await,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
                _ => self.send_all(&out.parts().collect::<Vec<_>>()).await,
            }
        };
        self.connection.out = out;
        self.connection.out.clear();
        if let Some(buffer) = self.connection.out.take_back() {
            pool::give(buffer);
        }
        self.client.holds(self.connection.parser.weight(), 0);
        sent
    }

    /// Sends parts in order; the peer is dropped if it takes nothing for too long.
    async fn send_all(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut left = slices.as_mut_slice();
        while !left.is_empty() {
            let sent = tokio::select! {
                sent = tokio::time::timeout(self.engine.settings.send_timeout, self.stream.write_vectored(left)) => sent,
                () = self.client.mail.killed() => return Err(closed()),
            };
            match sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                len => IoSlice::advance_slices(&mut left, len),
            }
        }
        Ok(())
    }

    async fn wait_sync(&mut self, replicas: bool, timeout_ms: u64, local: bool) {
        let timeout =
            if timeout_ms == 0 { FOR_EVER } else { Duration::from_millis(timeout_ms).min(FOR_EVER) };
        let until = tokio::time::Instant::now() + timeout;
        let mail = &self.client.mail;
        let mut synced = false;
        if local {
            let engine = self.engine.clone();
            let sync = tokio::task::spawn_blocking(move || engine.db.sync_wal());
            tokio::select! {
                done = sync => synced = matches!(done, Ok(Ok(()))),
                () = tokio::time::sleep_until(until) => {}
                () = mail.killed() => {}
            }
        }
        if replicas {
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = mail.killed() => {}
            }
        }
        let connection = &mut self.connection;
        connection.session.waited(local, synced, &mut connection.out);
    }

    /// SAVE and BGSAVE: everything into tables.
    async fn save(&mut self, background: bool) -> io::Result<()> {
        let engine = self.engine.clone();
        engine.saving.fetch_add(1, Relaxed);
        let saved = tokio::task::spawn_blocking(move || {
            let flushed = engine.db.flush();
            engine.saving.fetch_sub(1, Relaxed);
            match &flushed {
                Ok(()) => engine.last_save.store(clock_us() / 1_000_000, Relaxed),
                Err(error) => tracing::error!(target: "kv", "SAVE failed: {error}"),
            }
            flushed.map_err(|error| error.to_string())
        });
        let mut result = Ok(());
        if !background {
            result = tokio::select! {
                saved = saved => saved.unwrap_or_else(|_| Err("the thread that saves has ended".into())),
                () = self.client.mail.killed() => return Err(closed()),
            };
        }
        let connection = &mut self.connection;
        connection.session.saved(background, result, &mut connection.out);
        Ok(())
    }

    /// Runs the requests that are complete. With [`ReadMode::CacheOnly`] it never waits for the disk.
    fn execute(&mut self, mode: ReadMode) -> Turned {
        let mut turn = Turn::new(self.engine, &self.client.addr, mode);
        let turned = self.connection.turn(&mut turn);
        let ticket = || self.client.mail.clone();
        if let Some(mut machine) = turn.into_lock() {
            let input = match turned {
                Turned { waits: true, .. } => Some(Input::Finish(ticket())),
                Turned { is_full: true, .. } => Some(Input::AwaitRoom(ticket())),
                _ => None,
            };
            if let Some(input) = input {
                machine.handle(clock_ms(), input);
            }
            self.engine.drive(machine);
        }
        if turned.ran > 0 {
            self.client.update(&self.connection.session, self.engine.clients.now_ms());
            self.engine.stats.lookups(core::mem::take(&mut self.connection.lookups));
        }
        turned
    }

    /// The same on a thread that may wait: first without the lock, so that what is needed comes into memory while others go on.
    fn execute_waiting(&mut self, tries: u32) -> Turned {
        if tries > WARM_TURNS {
            return self.execute(ReadMode::MayBlock);
        }
        let turn = Turn::new(self.engine, &self.client.addr, ReadMode::MayBlock);
        self.connection.warm(turn.state(), turn.then());
        let reads_only = !self.connection.takes_lock();
        drop(turn);
        self.execute(if reads_only { ReadMode::MayBlock } else { ReadMode::CacheOnly })
    }
}

/// Runs `work`, which may wait for the disk, while another thread takes over this one's tasks.
fn where_it_may_wait<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Closes connections that have been silent for longer than the idle timeout.
async fn close_idle(engine: Arc<Engine>) {
    loop {
        match engine.idle_timeout_s.load(Relaxed) {
            0 => engine.timeout_set.notified().await,
            timeout_s => {
                engine.clients.kill_idle(timeout_s * 1000);
                tokio::time::sleep(IDLE_STEP).await;
            }
        }
    }
}

/// Deletes keys whose time is over when the machine says so, and sleeps otherwise.
async fn sweep_always(engine: Arc<Engine>) {
    let mail: Ticket = Arc::new(Mailbox::default());
    loop {
        let deadline = next_sweep(&engine);
        let wait = deadline.saturating_sub(clock_ms()).max(0).unsigned_abs();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(wait).min(FOR_EVER)) => {}
            () = engine.expiring.notified() => continue,
        }
        let slots = slots_to_sweep(&engine);
        // Nothing is swept while commands are held back.
        let slots = if engine.paused().is_some() { 0 } else { slots };
        for slot in (0..DATABASE_COUNT as u8).filter(|slot| slots >> slot & 1 == 1) {
            while sweep_some(&engine, &mail, slot).await == SWEEP_KEYS {}
        }
        swept(&engine);
    }
}

/// Tells the machine when to sweep again.
fn swept(engine: &Arc<Engine>) {
    let later = clock_ms() + RETRY_MS;
    let next = where_it_may_wait(|| sweep::next(&mut Turn::new(engine, "", ReadMode::MayBlock)));
    let next = if engine.paused().is_some() { Some(later) } else { next.unwrap_or(Some(later)) };
    let mut machine = engine.machine.lock();
    machine.handle(clock_ms(), Input::Swept { next });
    engine.drive(machine);
}

/// When the next sweep is due, Unix milliseconds; whoever brings it forward wakes the sweep.
fn next_sweep(engine: &Engine) -> i64 {
    let machine = engine.machine.lock();
    let deadline = machine.next_deadline().unwrap_or(i64::MAX);
    engine.sweeper_until.store(deadline, Relaxed);
    deadline
}

/// Bit per slot that the machine wishes to be swept now.
fn slots_to_sweep(engine: &Arc<Engine>) -> u16 {
    let mut machine = engine.machine.lock();
    machine.handle(clock_ms(), Input::Tick);
    let sweep = machine.poll_sweep();
    engine.drive(machine);
    if let Some(Effect::Sweep { slots }) = sweep { slots } else { 0 }
}

/// Sweeps one batch of keys; how many were found.
async fn sweep_some(engine: &Arc<Engine>, mail: &Ticket, slot: u8) -> usize {
    let found = where_it_may_wait(|| {
        let mut turn = Turn::new(engine, "", ReadMode::MayBlock);
        let now = clock_ms();
        let keys = sweep::find(&mut turn, slot, now).unwrap_or_default();
        if keys.is_empty() {
            return 0;
        }
        let swept = sweep::delete(&mut turn, slot, now, &keys);
        engine.stats.expired.fetch_add(swept as u64, Relaxed);
        let Some(mut machine) = turn.into_lock() else { return 0 };
        machine.handle(now, Input::Finish(mail.clone()));
        engine.drive(machine);
        keys.len()
    });
    if found > 0 && mail.answered().await.is_err() { 0 } else { found }
}
