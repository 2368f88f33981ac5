//! Who is connected, and how to reach them.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use dolmen_kv::Reason;
use dolmen_resp::client::{Row, State};
use dolmen_resp::keyspace::KillFilter;
use dolmen_resp::session::Session;
use parking_lot::Mutex;

/// Bytes of lines that a monitor may be behind; one that falls further back is closed.
const LINES_LEN_MAX: usize = 4 << 20;

/// Where a connection is told things; one task listens.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Letters>);

#[derive(Default)]
struct Letters {
    answer: Option<Result<(), Reason>>,
    is_killed: bool,
    is_stopped: bool,
    lines: VecDeque<Arc<[u8]>>,
    lines_len: usize,
    waker: Option<Waker>,
}

/// What a connection that waits for requests is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Killed,
    Stopped,
    Lines,
}

impl Mailbox {
    fn put(&self, change: impl FnOnce(&mut Letters)) {
        let mut letters = self.0.lock();
        change(&mut letters);
        let waker = letters.waker.take();
        drop(letters);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The engine's answer.
    pub fn answer(&self, result: Result<(), Reason>) {
        self.put(|letters| letters.answer = Some(result));
    }

    pub fn kill(&self) {
        self.put(|letters| letters.is_killed = true);
    }

    pub fn stop(&self) {
        self.put(|letters| letters.is_stopped = true);
    }

    /// A line for a monitor.
    pub fn show(&self, line: &Arc<[u8]>) {
        self.put(|letters| {
            letters.lines_len += line.len();
            letters.is_killed |= letters.lines_len > LINES_LEN_MAX;
            letters.lines.push_back(line.clone());
        });
    }

    pub fn take_line(&self) -> Option<Arc<[u8]>> {
        let mut letters = self.0.lock();
        let line = letters.lines.pop_front()?;
        letters.lines_len -= line.len();
        Some(line)
    }

    pub fn is_stopped(&self) -> bool {
        self.0.lock().is_stopped
    }

    /// What there is; if nothing, the task is woken when something comes.
    pub fn poll_call(&self, cx: &Context<'_>) -> Poll<Call> {
        let mut letters = self.0.lock();
        let call = match &*letters {
            Letters { is_killed: true, .. } => Call::Killed,
            Letters { is_stopped: true, .. } => Call::Stopped,
            Letters { lines, .. } if !lines.is_empty() => Call::Lines,
            _ => {
                letters.listen(cx);
                return Poll::Pending;
            }
        };
        Poll::Ready(call)
    }

    /// Waits for the engine's answer.
    pub async fn answered(&self) -> Result<(), Reason> {
        poll_fn(|cx| {
            let mut letters = self.0.lock();
            match letters.answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    letters.listen(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits until the connection is to be closed.
    pub async fn killed(&self) {
        poll_fn(|cx| {
            let mut letters = self.0.lock();
            if letters.is_killed {
                return Poll::Ready(());
            }
            letters.listen(cx);
            Poll::Pending
        })
        .await;
    }
}

impl Letters {
    fn listen(&mut self, cx: &Context<'_>) {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
    }
}

/// What others may see of a connection.
pub(crate) struct Client {
    pub id: u64,
    pub addr: String,
    pub mail: Arc<Mailbox>,
    local_addr: String,
    since: Instant,
    /// Milliseconds of [`Clients::now_ms`] at the last command.
    last_ms: AtomicU64,
    /// Bytes of requests and of replies that are held.
    held: [AtomicU64; 2],
    state: Mutex<State>,
}

/// All connections by id.
pub(crate) struct Clients {
    next: AtomicU64,
    all: Mutex<BTreeMap<u64, Arc<Client>>>,
    started: Instant,
}

impl Default for Clients {
    fn default() -> Self {
        Clients { next: AtomicU64::new(0), all: Mutex::default(), started: Instant::now() }
    }
}

impl Clients {
    pub fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Books a connection; `None`: there are `max` already.
    pub fn add(&self, addr: String, local_addr: String, max: u64) -> Option<Arc<Client>> {
        let mut all = self.all.lock();
        if all.len() as u64 >= max {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let state = State { queued: -1, ..State::default() };
        let client = Arc::new(Client {
            id,
            addr,
            local_addr,
            mail: Arc::default(),
            since: Instant::now(),
            last_ms: AtomicU64::new(self.now_ms()),
            held: Default::default(),
            state: Mutex::new(state),
        });
        all.insert(id, client.clone());
        Some(client)
    }

    pub fn remove(&self, id: u64) {
        self.all.lock().remove(&id);
    }

    pub fn count(&self) -> usize {
        self.all.lock().len()
    }

    pub fn rows(&self, asking: &Session) -> Vec<Row> {
        let all = self.all.lock();
        let now = self.now_ms();
        let row = |client: &Arc<Client>| {
            if client.id == asking.id {
                client.update(asking, now);
            }
            Row {
                id: client.id,
                addr: client.addr.clone(),
                local_addr: client.local_addr.clone(),
                age_s: client.since.elapsed().as_secs(),
                idle_s: client.idle_ms(now) / 1000,
                received: client.held[0].load(Ordering::Relaxed),
                unsent: client.held[1].load(Ordering::Relaxed),
                state: client.state.lock().clone(),
            }
        };
        all.values().map(row).collect()
    }

    pub fn kill(&self, filter: &KillFilter) -> usize {
        let all = self.all.lock();
        let hit = |c: &&Arc<Client>| filter.fits(c.id, &c.addr, &c.local_addr);
        all.values().filter(hit).map(|c| c.mail.kill()).count()
    }

    /// Closes those that have been silent for so long, monitors excepted.
    pub fn kill_idle(&self, timeout_ms: u64) {
        let now = self.now_ms();
        let all = self.all.lock();
        let idle = all.values().filter(|c| c.idle_ms(now) >= timeout_ms && !c.state.lock().monitors);
        idle.for_each(|c| c.mail.kill());
    }

    pub fn kill_all(&self) {
        self.all.lock().values().for_each(|c| c.mail.kill());
    }

    pub fn stop(&self) {
        self.all.lock().values().for_each(|c| c.mail.stop());
    }

    /// A line for all who watch; whether anyone does.
    pub fn show(&self, line: &Arc<[u8]>, to: &[u64]) {
        let all = self.all.lock();
        to.iter().filter_map(|id| all.get(id)).for_each(|client| client.mail.show(line));
    }
}

impl Client {
    fn idle_ms(&self, now: u64) -> u64 {
        now.saturating_sub(self.last_ms.load(Ordering::Relaxed))
    }

    /// Notes what the connection holds of requests and of replies.
    pub fn holds(&self, received: usize, unsent: usize) {
        self.held[0].store(received as u64, Ordering::Relaxed);
        self.held[1].store(unsent as u64, Ordering::Relaxed);
    }

    /// Notes what the connection last did; strings are copied only when they changed.
    pub fn update(&self, session: &Session, now_ms: u64) {
        self.last_ms.store(now_ms, Ordering::Relaxed);
        let mut state = self.state.lock();
        (state.db, state.queued, state.queued_len) = (session.db, session.queued(), session.queued_bytes());
        (state.last, state.proto, state.monitors) = (session.last, session.proto, session.monitors);
        let State { name, lib_name, lib_ver, .. } = &mut *state;
        for (kept, new) in [(name, &session.name), (lib_name, &session.lib_name), (lib_ver, &session.lib_ver)]
        {
            if kept != new {
                kept.clone_from(new);
            }
        }
    }
}
