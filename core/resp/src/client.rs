//! One row of CLIENT LIST.

use alloc::string::String;
use core::fmt;

use crate::reply::Proto;
use crate::session::Session;

/// What others may see of a connection; its `Display` is the line without its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: u64,
    /// The peer's address.
    pub addr: String,
    /// The local address.
    pub local_addr: String,
    /// Seconds since it began.
    pub age_s: u64,
    /// Seconds since its last command.
    pub idle_s: u64,
    /// Bytes of requests that have come and were not answered yet.
    pub received: u64,
    /// Bytes of replies that have not been taken yet.
    pub unsent: u64,
    /// What only the connection itself knows.
    pub state: State,
}

/// The part of a row that the session tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// CLIENT SETNAME.
    pub name: String,
    /// Selected database.
    pub db: u8,
    /// Commands queued by MULTI, or -1.
    pub queued: i64,
    /// Bytes that MULTI queued.
    pub queued_len: usize,
    /// Name of the last command and its subcommand; "" if there was none.
    pub last: (&'static str, &'static str),
    /// Protocol version.
    pub proto: Proto,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: String,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: String,
    /// Whether it watches all commands (MONITOR).
    pub monitors: bool,
}

impl State {
    /// Of a session, now.
    pub fn of(session: &Session) -> State {
        State {
            name: session.name.clone(),
            db: session.db,
            queued: session.queued(),
            queued_len: session.queued_bytes(),
            last: session.last,
            proto: session.proto,
            lib_name: session.lib_name.clone(),
            lib_ver: session.lib_ver.clone(),
            monitors: session.monitors,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { name, db, queued, queued_len, last, proto, lib_name, lib_ver, monitors } = &self.state;
        write!(f, "id={} addr={} laddr={} fd=0 ", self.id, self.addr, self.local_addr)?;
        let flags = if *monitors { "O" } else { "N" };
        write!(f, "name={name} age={} idle={} flags={flags} db={db} ", self.age_s, self.idle_s)?;
        write!(
            f,
            "sub=0 psub=0 ssub=0 multi={queued} qbuf={} qbuf-free=0 argv-mem=0 multi-mem={queued_len} ",
            self.received
        )?;
        let all = self.received + self.unsent + (*queued_len + name.len() + size_of::<Row>()) as u64;
        write!(f, "rbs=0 rbp=0 obl=0 oll=0 omem={} tot-mem={all} events=r cmd=", self.unsent)?;
        match last {
            ("", _) => f.write_str("NULL")?,
            (command, "") => f.write_str(command)?,
            (command, sub) => write!(f, "{command}|{sub}")?,
        }
        let proto = if *proto == Proto::Resp3 { 3 } else { 2 };
        write!(f, " user=default redir=-1 resp={proto} lib-name={lib_name} lib-ver={lib_ver}")
    }
}
