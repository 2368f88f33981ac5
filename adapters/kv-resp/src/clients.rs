//! Who is connected.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dolmen_resp::keyspace::{ClientRow, KillFilter};
use dolmen_resp::reply::Proto;
use dolmen_resp::session::Session;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What others may see of a connection.
pub(crate) struct Client {
    pub id: u64,
    pub addr: String,
    pub local_addr: String,
    pub kill: Notify,
    since: Instant,
    seen: Mutex<Seen>,
}

struct Seen {
    at: Instant,
    fields: String,
}

/// All connections by id.
#[derive(Default)]
pub(crate) struct Clients {
    next: AtomicU64,
    all: Mutex<BTreeMap<u64, Arc<Client>>>,
}

impl Clients {
    /// Books a connection; `None`: there are `max` already.
    pub fn add(&self, addr: String, local_addr: String, max: u64) -> Option<Arc<Client>> {
        let mut all = self.all.lock();
        if all.len() as u64 >= max {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Instant::now();
        let seen = Mutex::new(Seen { at: now, fields: String::new() });
        let client = Arc::new(Client { id, addr, local_addr, kill: Notify::new(), since: now, seen });
        all.insert(id, client.clone());
        Some(client)
    }

    pub fn remove(&self, id: u64) {
        self.all.lock().remove(&id);
    }

    pub fn count(&self) -> usize {
        self.all.lock().len()
    }

    pub fn update(&self, session: &Session) {
        if let Some(client) = self.all.lock().get(&session.id) {
            client.update(session);
        }
    }

    pub fn rows(&self) -> Vec<ClientRow> {
        self.all.lock().values().map(|client| client.row()).collect()
    }

    pub fn kill(&self, filter: &KillFilter) -> usize {
        let all = self.all.lock();
        let hit = |c: &&Arc<Client>| {
            filter.id.is_none_or(|id| id == c.id)
                && filter.addr.as_ref().is_none_or(|a| *a == c.addr)
                && filter.local_addr.as_ref().is_none_or(|a| *a == c.local_addr)
                && filter.normal.unwrap_or(true)
                && filter.user.as_ref().is_none_or(|u| u == "default")
                && filter.except != Some(c.id)
        };
        all.values().filter(hit).map(|c| c.kill.notify_one()).count()
    }
}

impl Client {
    /// Notes what the connection last did.
    pub fn update(&self, session: &Session) {
        let (command, sub) = session.last;
        let command = if sub.is_empty() { command.to_string() } else { format!("{command}|{sub}") };
        let fields = format!(
            "flags=N db={} sub=0 psub=0 ssub=0 multi={} qbuf=0 qbuf-free=0 argv-mem=0 multi-mem={} rbs=0 rbp=0 obl=0 \
             oll=0 omem=0 tot-mem=0 events=r cmd={command} user=default redir=-1 resp={} lib-name={} lib-ver={}",
            session.db,
            session.queued(),
            session.queued_bytes(),
            if session.proto == Proto::Resp3 { 3 } else { 2 },
            session.lib_name,
            session.lib_ver,
        );
        let name = &session.name;
        *self.seen.lock() = Seen { at: Instant::now(), fields: format!("name={name} {fields}") };
    }

    fn row(&self) -> ClientRow {
        let seen = self.seen.lock();
        let (name, rest) = seen.fields.split_once(' ').unwrap_or(("name=", "flags=N db=0 cmd=NULL resp=2"));
        let line = format!(
            "id={} addr={} laddr={} fd=0 {name} age={} idle={} {rest}\n",
            self.id,
            self.addr,
            self.local_addr,
            self.since.elapsed().as_secs(),
            seen.at.elapsed().as_secs(),
        );
        ClientRow { id: self.id, addr: self.addr.clone(), line }
    }
}
