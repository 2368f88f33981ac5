//! The key-value service as the host sees it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use dolmen_host::context::{Context, Listeners, Password, Stop};
use dolmen_host::{Fault, Metrics, Running, Service, Setting, Values, reachable};
use dolmen_resp::command::COMMANDS;
use dolmen_store::{Db, Options, Shared, SyncPolicy};

use crate::config::{Config, SETTINGS};
use crate::engine::Engine;
use crate::events::{listener, tell_recovery};
use crate::stats::FAMILIES;
use crate::{Settings, Shutdown};

/// The service `kv`: a Redis server over a database of its own.
pub struct Kv {
    engine: Arc<Engine>,
    hint: String,
}

impl Service for Kv {
    const NAME: &'static str = "kv";
    const TITLE: &'static str = "keys and values, Redis protocol";
    const PAGE: &'static str = "core/resp/README.md";
    const SETTINGS: &'static [Setting] = SETTINGS;
    type Config = Config;

    fn configure(values: &Values) -> Result<Config, Fault> {
        Ok(Config::of(values))
    }

    fn open(context: &Context, config: Config) -> Result<Kv, Fault> {
        let listen = context.address("kv.listen").ok_or("kv.listen is not bound")?;
        let password = context.password(listen, config.password.as_deref())?;
        let hint = hint(listen, &password, &context.show_password());
        let sync = config.sync;
        let options = Options {
            sync,
            recovery: config.recovery,
            listener: Some(listener()),
            shared: Some(context.shared(Shared::default)),
            ..Options::default()
        };
        let db = Db::open(&context.dir(), options)?;
        let stop = context.stop();
        let settings = Settings {
            shutdown: Some(Shutdown(Arc::new(move || stop.ask()))),
            password: password.get().map(str::to_owned),
            clients_max: clients_allowed(config.clients_max, context.budget().descriptors),
            idle_timeout_s: u32::try_from(config.idle_timeout.as_secs()).unwrap_or(u32::MAX),
            memory_max: config.memory_max,
            key_len_max: config.key_len_max,
            value_len_max: config.value_len_max,
            dir: context.data().display().to_string(),
            run_id: run_id(),
            ..Settings::new(listen, sync)
        };
        let engine = Engine::start(db, settings)?;
        tell_recovery(&engine.db, engine.key_count());
        Ok(Kv { engine, hint })
    }

    fn run(self: Arc<Self>, mut listeners: Listeners, stop: Stop) -> Running {
        Box::pin(async move {
            let listener = listeners.take("kv.listen").ok_or("kv.listen is not bound")?;
            crate::serve(self.engine.clone(), listener, stop.receiver()).await;
            Ok(())
        })
    }

    fn ready(&self) -> Result<(), String> {
        self.engine.ready()
    }

    fn metrics(&self, out: &mut Metrics) {
        self.engine.command_metrics(out);
        self.engine.connection_metrics(out);
        self.engine.store_metrics(out);
    }

    fn drain(&self) -> Result<(), Fault> {
        Ok(self.engine.close()?)
    }

    fn hints(&self) -> Vec<String> {
        vec![self.hint.clone()]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let sync = match self.engine.settings.sync {
            SyncPolicy::Always => "every write is on disk before it is acknowledged",
            SyncPolicy::Interval(_) => "synced every second: a power cut loses up to that",
            SyncPolicy::Never => "synced when the operating system likes: a power cut loses writes",
        };
        let stats = self.engine.db.stats();
        let tables: u64 = stats.levels.iter().map(|(.., bytes)| bytes).sum();
        vec![
            ("keys", self.engine.key_count().to_string()),
            ("connections", self.engine.clients.count().to_string()),
            ("durability", sync.to_owned()),
            ("on disk", dolmen_units::show_size(tables + stats.wal_bytes).to_string()),
            ("RocksDB directory", format!("{}/kv", self.engine.settings.dir)),
            (
                "left out by recovery",
                match stats.lost_files.as_slice() {
                    [] => "nothing".to_owned(),
                    files => files.join(", "),
                },
            ),
        ]
    }
}

/// Connections that the process may have, of those that are asked for: each takes a descriptor, and the stores and other services need some.
fn clients_allowed(asked: u32, descriptors: u64) -> u32 {
    let allowed = u32::try_from(descriptors.saturating_sub(descriptors / 4)).unwrap_or(u32::MAX);
    if allowed < asked {
        tracing::warn!(
            target: "kv",
            "{allowed} connections at once instead of {asked}: the process may have {descriptors} files open (ulimit -n)"
        );
    }
    asked.min(allowed)
}

/// A command that works when it is pasted into a shell of this machine.
fn hint(listen: SocketAddr, password: &Password, show_password: &str) -> String {
    let mut words = String::from("redis-cli");
    let host = reachable(listen).ip();
    if host != Ipv4Addr::LOCALHOST {
        words.push_str(&format!(" -h {host}"));
    }
    words.push_str(&format!(" -p {}", listen.port()));
    match password {
        Password::None => {}
        Password::Set(_) => words.push_str(" --askpass"),
        Password::Made(_) => words.push_str(&format!(" --no-auth-warning -a \"$({})\"", show_password)),
    }
    words + " SET tree oak"
}

/// 40 hexadecimal digits from the start time and the process id.
fn run_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!("{now:032x}{:08x}", std::process::id())
}

impl Engine {
    /// Keys of all databases, those that expire included.
    fn key_count(&self) -> u64 {
        self.published.load().state.counts.iter().map(|counts| counts.keys).sum()
    }
}

impl Engine {
    fn command_metrics(&self, out: &mut Metrics) {
        out.counter("dolmen_resp_commands_total", "Commands by name and outcome.");
        for (spec, c) in COMMANDS.iter().zip(&self.stats.commands).filter(|(spec, _)| spec.is_public()) {
            let (calls, failed) = (c.calls.load(Relaxed), c.failed.load(Relaxed));
            let rejected = c.rejected.load(Relaxed);
            let outcomes = [("ok", calls - failed.min(calls)), ("error", failed), ("rejected", rejected)];
            for (outcome, count) in outcomes.into_iter().filter(|(_, count)| *count > 0) {
                out.sample(&[("command", spec.name), ("outcome", outcome)], count);
            }
        }
        let unknown = self.stats.unknown.load(Relaxed);
        if unknown > 0 {
            out.sample(&[("command", "unknown"), ("outcome", "rejected")], unknown);
        }
        out.histogram(
            "dolmen_resp_command_duration_seconds",
            "Time that commands ran, without waiting for the disk.",
        );
        for (family, durations) in FAMILIES.iter().zip(&self.stats.durations) {
            out.buckets(&[("family", family)], durations);
        }
        out.histogram(
            "dolmen_resp_commit_duration_seconds",
            "Time that a group of changes took to be written and synced.",
        )
        .buckets(&[], &self.stats.commit_durations);
        out.histogram("dolmen_wal_group_size", "Commands whose changes shared one write and sync.")
            .buckets(&[], &self.stats.group_sizes);
    }

    fn connection_metrics(&self, out: &mut Metrics) {
        let stats = &self.stats;
        out.gauge("dolmen_resp_connections", "Connections now.").sample(&[], self.clients.count());
        let counters = [
            ("dolmen_resp_connections_total", "Connections accepted.", &stats.connections),
            (
                "dolmen_resp_connections_refused_total",
                "Connections over the limit.",
                &stats.refused_connections,
            ),
            ("dolmen_resp_received_bytes_total", "Bytes of requests.", &stats.bytes_in),
            ("dolmen_resp_sent_bytes_total", "Bytes of replies.", &stats.bytes_out),
            ("dolmen_resp_keyspace_hits_total", "Look-ups that found a key.", &stats.hits),
            ("dolmen_resp_keyspace_misses_total", "Look-ups that found none.", &stats.misses),
            ("dolmen_resp_expired_keys_total", "Keys deleted because their time was over.", &stats.expired),
            (
                "dolmen_resp_waits_for_disk_total",
                "Requests that were run again where they may wait, because what they read was not in memory.",
                &stats.waited_for_disk,
            ),
        ];
        for (name, help, value) in counters {
            out.counter(name, help).sample(&[], value.load(Relaxed));
        }
        let state = self.published.load().state;
        out.gauge("dolmen_resp_keys", "Keys of a database, those that expire included.");
        for db in 0..dolmen_resp::limits::DATABASES {
            let keys = state.of(db).keys;
            if keys > 0 {
                out.sample(&[("db", &db.to_string())], keys);
            }
        }
    }

    fn store_metrics(&self, out: &mut Metrics) {
        let store = self.db.stats();
        let counters = [
            ("dolmen_wal_syncs_total", "Syncs of the log.", store.wal_syncs),
            ("dolmen_db_batches_total", "Batches written.", store.batches),
            ("dolmen_db_records_total", "Records written.", store.records),
            ("dolmen_flushes_total", "Memtables written to tables.", store.flushes),
            ("dolmen_compactions_total", "Compactions done.", store.compactions),
            (
                "dolmen_compaction_read_bytes_total",
                "Bytes that compactions read.",
                store.compaction_read_bytes,
            ),
            (
                "dolmen_compaction_written_bytes_total",
                "Bytes that compactions wrote.",
                store.compaction_written_bytes,
            ),
            ("dolmen_block_cache_hits_total", "Blocks found in the cache.", store.cache_hits),
            ("dolmen_block_cache_misses_total", "Blocks read from files.", store.cache_misses),
        ];
        for (name, help, value) in counters {
            out.counter(name, help).sample(&[], value);
        }
        let gauges = [
            (
                "dolmen_db_lost_files",
                "Files that keep what recovery left out, until somebody deletes them.",
                store.lost_files.len() as u64,
            ),
            ("dolmen_wal_bytes", "Bytes in the present log.", store.wal_bytes),
            ("dolmen_memtable_bytes", "Bytes in memtables.", store.memtable_bytes),
            ("dolmen_block_cache_bytes", "Bytes in the block cache.", store.cache_bytes),
            (
                "dolmen_compaction_pending_bytes",
                "Bytes that compactions have still to write.",
                store.compaction_pending_bytes,
            ),
        ];
        for (name, help, value) in gauges {
            out.gauge(name, help).sample(&[], value);
        }
        out.gauge("dolmen_db_bytes", "Bytes in tables, by family and level.");
        for (family, level, _, bytes) in store.levels.iter().filter(|(.., files, _)| *files > 0) {
            out.sample(&[("family", family), ("level", &level.to_string())], bytes);
        }
        out.gauge("dolmen_db_files", "Tables, by family and level.");
        for (family, level, files, _) in store.levels.iter().filter(|(.., files, _)| *files > 0) {
            out.sample(&[("family", family), ("level", &level.to_string())], files);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_others() {
        assert_eq!(clients_allowed(10_000, 1_048_576), 10_000);
        assert_eq!(clients_allowed(10_000, 1_024), 768);
        assert_eq!(clients_allowed(u32::MAX, u64::MAX), u32::MAX);
    }

    #[test]
    fn hints_work_where_they_are_pasted() {
        let hint = |listen: &str, password| {
            hint(listen.parse().unwrap(), &password, "dolmen up --data d --show-password")
        };
        assert_eq!(hint("127.0.0.1:6379", Password::None), "redis-cli -p 6379 SET tree oak");
        assert_eq!(hint("[::1]:1", Password::None), "redis-cli -h ::1 -p 1 SET tree oak");
        assert_eq!(
            hint("127.0.0.2:1", Password::Set("x".into())),
            "redis-cli -h 127.0.0.2 -p 1 --askpass SET tree oak"
        );
        assert_eq!(
            hint("0.0.0.0:1", Password::Made("x".into())),
            "redis-cli -p 1 --no-auth-warning -a \"$(dolmen up --data d --show-password)\" SET tree oak"
        );
    }
}
