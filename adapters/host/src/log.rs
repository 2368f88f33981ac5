//! The log: one line per event on stderr, as text for people or as JSON for programs.
//!
//! ```text
//! 2026-03-01T08:00:00.123456Z  WARN kv: closed 127.0.0.1:5000: it speaks HTTP
//! {"ts":"2026-03-01T08:00:00.123456Z","level":"warn","target":"kv","msg":"closed 127.0.0.1:5000: it speaks HTTP"}
//! ```

use std::fmt;

use dolmen_text::json::Writer;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How much to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// What is lost or refused.
    Error,
    /// What someone should look at.
    Warn,
    /// What happens in a life: start, stop.
    Info,
    /// What happens in between.
    Debug,
}

impl LogLevel {
    /// The level of that name; anything else is `info`.
    pub(crate) fn of(name: &str) -> LogLevel {
        match name {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            "debug" => LogLevel::Debug,
            _ => LogLevel::Info,
        }
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

/// Sends events of this process from `level` up to stderr. The first call decides; later ones do nothing.
pub fn init(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    let _ = tracing::subscriber::set_global_default(lines.event_format(Lines(format)).finish());
}

struct Lines(LogFormat);

/// The message of an event and its other fields, in order.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.others.push((name, format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.others.push((field.name(), value.to_string()));
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut out: format::Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut format::Writer::new(&mut time))?;
        let (level, target) = (event.metadata().level(), event.metadata().target());
        let mut fields = Fields::default();
        event.record(&mut fields);
        if self.0 == LogFormat::Json {
            return writeln!(out, "{}", json(&time, &level.as_str().to_lowercase(), target, &fields));
        }
        write!(out, "{time} {level:>5} {target}: {}", fields.message.replace('\n', " "))?;
        fields.others.iter().try_for_each(|(name, value)| write!(out, " {name}={value}"))?;
        writeln!(out)
    }
}

fn json(time: &str, level: &str, target: &str, fields: &Fields) -> String {
    let mut line = String::new();
    let mut out = Writer::new(&mut line);
    out.object();
    let own = [("ts", time), ("level", level), ("target", target), ("msg", &fields.message)];
    let others = fields.others.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in own.into_iter().chain(others) {
        out.key(name).string(value);
    }
    out.end();
    out.finish();
    line
}
