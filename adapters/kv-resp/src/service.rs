//! The key-value service as the host sees it.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use dolmen_host::Service;
use dolmen_resp::command::COMMANDS;

use crate::engine::Engine;

impl Service for Engine {
    fn name(&self) -> &'static str {
        "kv"
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

    fn metrics(&self, out: &mut String) {
        let stats = &self.stats;
        out.push_str("# TYPE dolmen_resp_commands counter\n");
        for (spec, c) in COMMANDS.iter().zip(&stats.commands) {
            let (calls, failed) = (c.calls.load(Relaxed), c.failed.load(Relaxed));
            let outcomes = [
                ("ok", calls - failed.min(calls)),
                ("error", failed),
                ("rejected", c.rejected.load(Relaxed)),
            ];
            for (outcome, count) in outcomes.into_iter().filter(|(_, count)| *count > 0) {
                let name = spec.name;
                let labels = format!("command=\"{name}\",outcome=\"{outcome}\"");
                let _ = writeln!(out, "dolmen_resp_commands_total{{{labels}}} {count}");
            }
        }
        let store = self.db.stats();
        let clients = self.clients.count();
        let _ = writeln!(out, "# TYPE dolmen_resp_connections gauge\ndolmen_resp_connections {clients}");
        let syncs = store.wal_syncs;
        let _ = writeln!(out, "# TYPE dolmen_wal_syncs counter\ndolmen_wal_syncs_total {syncs}");
        let flushes = store.flushes;
        let _ = writeln!(out, "# TYPE dolmen_flushes counter\ndolmen_flushes_total {flushes}");
    }
}
