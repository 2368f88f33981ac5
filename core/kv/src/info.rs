//! The texts of INFO and CONFIG GET, out of plain numbers.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use dolmen_resp::connection::REDIS_VERSION;
use dolmen_resp::limits::DATABASES;

use crate::layout::State;

/// When a write counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// When it is on disk.
    #[default]
    Always,
    /// When the operating system has it; synced now and then.
    Interval,
    /// When the operating system has it.
    Never,
}

/// Counters of one command.
#[derive(Clone, Debug, Default)]
pub struct CommandFacts {
    /// Its name.
    pub name: &'static str,
    /// How often it ran.
    pub calls: u64,
    /// Microseconds that it ran.
    pub usec: u64,
    /// How often it was refused before it ran.
    pub rejected: u64,
    /// How often it ran and answered an error.
    pub failed: u64,
}

/// Everything that INFO and CONFIG GET tell, but for the keys.
#[allow(missing_docs, reason = "each is named as in INFO, where Redis's own documentation explains it")]
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub dolmen_version: &'static str,
    pub sync: Sync,
    pub os: &'static str,
    pub arch_bits: u32,
    pub process_id: u32,
    pub run_id: String,
    pub tcp_port: u16,
    pub bind: String,
    pub dir: String,
    pub uptime_in_seconds: u64,
    pub connected_clients: u64,
    pub maxclients: u64,
    pub timeout_s: u64,
    pub used_memory: u64,
    pub used_memory_rss: u64,
    pub used_memory_peak: u64,
    pub maxmemory: u64,
    pub memtable_bytes: u64,
    pub block_cache_bytes: u64,
    pub pending_bytes: u64,
    pub write_error: Option<String>,
    pub aof_current_size: u64,
    pub last_save: u64,
    pub saving: bool,
    pub wal_syncs: u64,
    pub commits: u64,
    pub committed_commands: u64,
    pub total_connections_received: u64,
    pub total_commands_processed: u64,
    pub total_net_input_bytes: u64,
    pub total_net_output_bytes: u64,
    pub rejected_connections: u64,
    pub expired_keys: u64,
    pub keyspace_hits: u64,
    pub keyspace_misses: u64,
    pub used_cpu_sys: f64,
    pub used_cpu_user: f64,
    pub commands: Vec<CommandFacts>,
}

const DEFAULT: &[&str] = &[
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "modules",
    "errorstats",
    "cluster",
    "keyspace",
];

/// The sections asked for, each with its title; unknown ones are left out.
pub fn info(facts: &Facts, state: &State, asked: &[String]) -> String {
    let mut names: Vec<&str> = DEFAULT.to_vec();
    names.insert(8, "commandstats");
    let is = |name: &str| asked.iter().any(|a| a == name);
    let all = is("all") || is("everything");
    let default = asked.is_empty() || is("default");
    let mut out = String::new();
    for name in names {
        if !(all || is(name) || default && DEFAULT.contains(&name)) {
            continue;
        }
        if !out.is_empty() {
            out.push_str("\r\n");
        }
        let title = name[..1].to_uppercase() + &name[1..];
        let title = if name == "cpu" { "CPU" } else { &title };
        let _ = write!(out, "# {title}\r\n");
        for (key, value) in section(facts, state, name) {
            let _ = write!(out, "{key}:{value}\r\n");
        }
    }
    out
}

type Row = (String, String);

fn row(key: &str, value: impl ToString) -> Row {
    (key.into(), value.to_string())
}

fn section(facts: &Facts, state: &State, name: &str) -> Vec<Row> {
    match name {
        "server" => server(facts),
        "clients" => alloc::vec![
            row("connected_clients", facts.connected_clients),
            row("maxclients", facts.maxclients),
            row("blocked_clients", 0),
        ],
        "memory" => memory(facts),
        "persistence" => persistence(facts),
        "stats" => stats(facts),
        "replication" => {
            alloc::vec![row("role", "master"), row("connected_slaves", 0), row("master_repl_offset", 0)]
        }
        "cpu" => alloc::vec![
            row("used_cpu_sys", alloc::format!("{:.6}", facts.used_cpu_sys)),
            row("used_cpu_user", alloc::format!("{:.6}", facts.used_cpu_user)),
        ],
        "commandstats" => facts.commands.iter().filter(|c| c.calls + c.rejected > 0).map(command).collect(),
        "cluster" => alloc::vec![row("cluster_enabled", 0)],
        "keyspace" => keyspace(state),
        _ => Vec::new(),
    }
}

fn server(facts: &Facts) -> Vec<Row> {
    let sync = match facts.sync {
        Sync::Always => "always",
        Sync::Interval => "interval",
        Sync::Never => "never",
    };
    alloc::vec![
        row("redis_version", REDIS_VERSION),
        row("dolmen_version", facts.dolmen_version),
        row("dolmen_sync", sync),
        row("dolmen_dir", &facts.dir),
        row("redis_mode", "standalone"),
        row("os", facts.os),
        row("arch_bits", facts.arch_bits),
        row("process_id", facts.process_id),
        row("run_id", &facts.run_id),
        row("tcp_port", facts.tcp_port),
        row("uptime_in_seconds", facts.uptime_in_seconds),
        row("uptime_in_days", facts.uptime_in_seconds / 86_400),
    ]
}

fn memory(facts: &Facts) -> Vec<Row> {
    let (used, rss) = (facts.used_memory, facts.used_memory_rss);
    alloc::vec![
        row("used_memory", used),
        row("used_memory_human", human(used)),
        row("used_memory_rss", rss),
        row("used_memory_rss_human", human(rss)),
        row("used_memory_peak", facts.used_memory_peak),
        row("used_memory_peak_human", human(facts.used_memory_peak)),
        row("maxmemory", facts.maxmemory),
        row("maxmemory_human", human(facts.maxmemory)),
        row("maxmemory_policy", "noeviction"),
        row("mem_fragmentation_ratio", alloc::format!("{:.2}", rss as f64 / used.max(1) as f64)),
        row("dolmen_memtable_bytes", facts.memtable_bytes),
        row("dolmen_block_cache_bytes", facts.block_cache_bytes),
        row("dolmen_pending_bytes", facts.pending_bytes),
    ]
}

/// Bytes as Redis shows them to people.
fn human(bytes: u64) -> String {
    let units = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => alloc::format!("{:.2}{name}", bytes as f64 / *unit as f64),
        None => alloc::format!("{bytes}B"),
    }
}

fn persistence(facts: &Facts) -> Vec<Row> {
    alloc::vec![
        row("loading", 0),
        row("aof_enabled", 1),
        row("aof_last_write_status", if facts.write_error.is_some() { "err" } else { "ok" }),
        row("aof_current_size", facts.aof_current_size),
        row("rdb_changes_since_last_save", 0),
        row("rdb_bgsave_in_progress", u8::from(facts.saving)),
        row("rdb_last_save_time", facts.last_save),
        row("rdb_last_bgsave_status", "ok"),
        row("dolmen_wal_syncs", facts.wal_syncs),
        row("dolmen_wal_commands_per_sync", facts.committed_commands / facts.commits.max(1)),
        row("dolmen_last_sync_error", facts.write_error.as_deref().unwrap_or("")),
    ]
}

fn stats(facts: &Facts) -> Vec<Row> {
    alloc::vec![
        row("total_connections_received", facts.total_connections_received),
        row("total_commands_processed", facts.total_commands_processed),
        row("instantaneous_ops_per_sec", 0),
        row("total_net_input_bytes", facts.total_net_input_bytes),
        row("total_net_output_bytes", facts.total_net_output_bytes),
        row("rejected_connections", facts.rejected_connections),
        row("expired_keys", facts.expired_keys),
        row("evicted_keys", 0),
        row("keyspace_hits", facts.keyspace_hits),
        row("keyspace_misses", facts.keyspace_misses),
    ]
}

fn command(c: &CommandFacts) -> Row {
    let mean = c.usec as f64 / c.calls.max(1) as f64;
    let text = alloc::format!(
        "calls={},usec={},usec_per_call={mean:.2},rejected_calls={},failed_calls={}",
        c.calls,
        c.usec,
        c.rejected,
        c.failed
    );
    row(&alloc::format!("cmdstat_{}", c.name), text)
}

fn keyspace(state: &State) -> Vec<Row> {
    let all = (0..DATABASES).map(|db| (db, state.of(db)));
    let line = |(db, c): (u8, crate::layout::Counts)| {
        row(&alloc::format!("db{db}"), alloc::format!("keys={},expires={},avg_ttl=0", c.keys, c.expires))
    };
    all.filter(|(_, c)| c.keys > 0).map(line).collect()
}

/// What CONFIG GET shows.
pub fn config(facts: &Facts) -> Vec<(&'static str, String)> {
    let appendfsync = match facts.sync {
        Sync::Always => "always",
        Sync::Interval => "everysec",
        Sync::Never => "no",
    };
    let fixed = [
        ("save", ""),
        ("appendonly", "yes"),
        ("appendfsync", appendfsync),
        ("maxmemory-clients", "0"),
        ("maxmemory-policy", "noeviction"),
        ("databases", "16"),
        ("tcp-keepalive", "300"),
        ("proto-max-bulk-len", "536870912"),
        ("requirepass", ""),
        ("notify-keyspace-events", ""),
        ("io-threads", "1"),
    ];
    let mut all: Vec<_> = fixed.iter().map(|(name, value)| (*name, (*value).to_string())).collect();
    all.push(("maxclients", facts.maxclients.to_string()));
    all.push(("maxmemory", facts.maxmemory.to_string()));
    all.push(("timeout", facts.timeout_s.to_string()));
    all.push(("port", facts.tcp_port.to_string()));
    all.push(("bind", facts.bind.clone()));
    all.push(("dir", facts.dir.clone()));
    all
}
