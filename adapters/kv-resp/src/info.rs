//! The texts of INFO and CONFIG GET.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use dolmen_host::process::{cpu_seconds, resident_bytes};
use dolmen_resp::command::COMMANDS;
use dolmen_resp::connection::REDIS_VERSION;
use dolmen_resp::limits::DATABASES;
use dolmen_store::SyncPolicy;

use crate::engine::Engine;

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
pub(crate) fn info(engine: &Engine, asked: &[String]) -> String {
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
        for (key, value) in section(engine, name) {
            let _ = write!(out, "{key}:{value}\r\n");
        }
    }
    out
}

fn row(key: &str, value: impl ToString) -> (String, String) {
    (key.into(), value.to_string())
}

fn section(engine: &Engine, name: &str) -> Vec<(String, String)> {
    let stats = &engine.stats;
    match name {
        "server" => server(engine),
        "clients" => vec![
            row("connected_clients", engine.clients.count()),
            row("maxclients", engine.clients_max.load(Relaxed)),
            row("blocked_clients", 0),
        ],
        "memory" => memory(engine),
        "persistence" => persistence(engine),
        "stats" => vec![
            row("total_connections_received", stats.connections.load(Relaxed)),
            row("total_commands_processed", stats.processed.load(Relaxed)),
            row("instantaneous_ops_per_sec", 0),
            row("total_net_input_bytes", stats.bytes_in.load(Relaxed)),
            row("total_net_output_bytes", stats.bytes_out.load(Relaxed)),
            row("rejected_connections", stats.refused_connections.load(Relaxed)),
            row("expired_keys", stats.expired.load(Relaxed)),
            row("evicted_keys", 0),
            row("keyspace_hits", stats.hits.load(Relaxed)),
            row("keyspace_misses", stats.misses.load(Relaxed)),
        ],
        "replication" => {
            vec![row("role", "master"), row("connected_slaves", 0), row("master_repl_offset", 0)]
        }
        "cpu" => cpu(),
        "commandstats" => commands(engine),
        "cluster" => vec![row("cluster_enabled", 0)],
        "keyspace" => keyspace(engine),
        _ => Vec::new(),
    }
}

fn server(engine: &Engine) -> Vec<(String, String)> {
    let up = engine.started.elapsed().as_secs();
    vec![
        row("redis_version", REDIS_VERSION),
        row("dolmen_version", env!("CARGO_PKG_VERSION")),
        row("dolmen_sync", sync_name(engine.settings.sync)),
        row("redis_mode", "standalone"),
        row("os", std::env::consts::OS),
        row("arch_bits", usize::BITS),
        row("process_id", std::process::id()),
        row("run_id", &engine.settings.run_id),
        row("tcp_port", engine.settings.listen.port()),
        row("uptime_in_seconds", up),
        row("uptime_in_days", up / 86_400),
    ]
}

fn memory(engine: &Engine) -> Vec<(String, String)> {
    let (used, rss, peak) = (engine.memory_used(), resident_bytes(), engine.memory_peak.load(Relaxed));
    let store = engine.db.stats();
    let max = engine.memory_max.load(Relaxed);
    vec![
        row("used_memory", used),
        row("used_memory_human", human(used)),
        row("used_memory_rss", rss),
        row("used_memory_rss_human", human(rss)),
        row("used_memory_peak", peak),
        row("used_memory_peak_human", human(peak)),
        row("maxmemory", max),
        row("maxmemory_human", human(max)),
        row("maxmemory_policy", "noeviction"),
        row("mem_fragmentation_ratio", format!("{:.2}", rss as f64 / used.max(1) as f64)),
        row("dolmen_memtable_bytes", store.memtable_bytes),
        row("dolmen_block_cache_bytes", store.cache_bytes),
    ]
}

/// Bytes as Redis shows them to people.
fn human(bytes: u64) -> String {
    let units = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.2}{name}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}

fn persistence(engine: &Engine) -> Vec<(String, String)> {
    let (store, stats) = (engine.db.stats(), &engine.stats);
    let error = engine.write_error.lock().clone();
    let commits = stats.commits.load(Relaxed).max(1);
    vec![
        row("loading", 0),
        row("aof_enabled", 1),
        row("aof_last_write_status", if error.is_some() { "err" } else { "ok" }),
        row("aof_current_size", store.wal_bytes),
        row("rdb_changes_since_last_save", 0),
        row("rdb_bgsave_in_progress", 0),
        row("rdb_last_save_time", 0),
        row("rdb_last_bgsave_status", "ok"),
        row("dolmen_wal_syncs", store.wal_syncs),
        row("dolmen_wal_commands_per_sync", stats.committed_commands.load(Relaxed) / commits),
        row("dolmen_last_sync_error", error.as_deref().unwrap_or("")),
    ]
}

fn cpu() -> Vec<(String, String)> {
    let (user, system) = cpu_seconds();
    vec![row("used_cpu_sys", format!("{system:.6}")), row("used_cpu_user", format!("{user:.6}"))]
}

fn commands(engine: &Engine) -> Vec<(String, String)> {
    let pairs = COMMANDS.iter().zip(&engine.stats.commands).filter(|(spec, _)| spec.is_public());
    let line = |(spec, c): (&dolmen_resp::command::CommandSpec, &crate::stats::CommandStats)| {
        let (calls, usec) = (c.calls.load(Relaxed), c.usec.load(Relaxed));
        let (rejected, failed) = (c.rejected.load(Relaxed), c.failed.load(Relaxed));
        let mean = usec as f64 / calls.max(1) as f64;
        let text = format!(
            "calls={calls},usec={usec},usec_per_call={mean:.2},rejected_calls={rejected},failed_calls={failed}"
        );
        (calls + rejected > 0).then(|| row(&format!("cmdstat_{}", spec.name), text))
    };
    pairs.filter_map(line).collect()
}

fn keyspace(engine: &Engine) -> Vec<(String, String)> {
    let (counts, slots) = (*engine.completed.lock(), engine.slots());
    let all = (0..DATABASES).map(|db| (db, counts[usize::from(slots.of(db))]));
    let used = all.filter(|(_, c)| c.keys > 0);
    let line = |(db, c): (u8, crate::layout::Counts)| {
        row(&format!("db{db}"), format!("keys={},expires={},avg_ttl=0", c.keys, c.expires))
    };
    used.map(line).collect()
}

fn sync_name(sync: SyncPolicy) -> &'static str {
    match sync {
        SyncPolicy::Always => "always",
        SyncPolicy::Interval(_) => "interval",
        SyncPolicy::Never => "never",
    }
}

/// What CONFIG GET shows.
pub(crate) fn config(engine: &Engine) -> Vec<(&'static str, String)> {
    let settings = &engine.settings;
    let appendfsync = match settings.sync {
        SyncPolicy::Always => "always",
        SyncPolicy::Interval(_) => "everysec",
        SyncPolicy::Never => "no",
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
    let now = [
        ("maxclients", &engine.clients_max),
        ("maxmemory", &engine.memory_max),
        ("timeout", &engine.idle_timeout_s),
    ];
    all.extend(now.map(|(name, value)| (name, value.load(Relaxed).to_string())));
    all.push(("port", settings.listen.port().to_string()));
    all.push(("bind", settings.listen.ip().to_string()));
    all.push(("dir", settings.dir.clone()));
    all
}
