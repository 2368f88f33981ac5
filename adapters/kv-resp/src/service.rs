//! The key-value service as the host sees it.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use dolmen_host::{Metrics, Service};
use dolmen_resp::command::COMMANDS;

use crate::engine::Engine;
use crate::stats::FAMILIES;

impl Service for Engine {
    fn name(&self) -> &'static str {
        "kv"
    }

    fn title(&self) -> &'static str {
        "keys and values, Redis protocol"
    }

    fn address(&self) -> SocketAddr {
        self.settings.listen
    }

    fn hint(&self) -> String {
        format!("redis-cli -p {} SET tree oak", self.settings.listen.port())
    }

    fn ready(&self) -> Result<(), String> {
        match &*self.write_error.lock() {
            None => Ok(()),
            Some(reason) => Err(format!("writes are refused: {reason}")),
        }
    }

    fn metrics(&self, out: &mut Metrics) {
        self.command_metrics(out);
        self.connection_metrics(out);
        self.store_metrics(out);
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
