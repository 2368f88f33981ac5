//! Verbs that speak to a broker.

pub mod acls;
pub mod bench;
pub mod consume;
pub mod eos;
pub mod groups;
pub mod produce;
pub mod topics;
pub mod transactions;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dolmen_kafka::batch::Codec;
use serde_json::{Map, Value, json};

/// Where the brokers are.
#[derive(clap::Args)]
pub struct Bootstrap {
    /// A broker, as HOST:PORT
    #[arg(long, env = "DOLMEN_KAFKA_BOOTSTRAP", default_value = "127.0.0.1:9092", global = true)]
    pub bootstrap: String,
}

/// A verb that has verbs of its own: where the brokers are may stand before them and behind.
#[derive(clap::Args)]
pub struct Of<V: clap::Subcommand> {
    #[command(flatten)]
    pub at: Bootstrap,
    #[command(subcommand)]
    pub verb: V,
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Compression {
    /// Not at all
    None,
    /// gzip
    Gzip,
    /// Snappy
    Snappy,
    /// LZ4
    Lz4,
    /// Zstandard
    Zstd,
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Codec {
        match compression {
            Compression::None => Codec::None,
            Compression::Gzip => Codec::Gzip,
            Compression::Snappy => Codec::Snappy,
            Compression::Lz4 => Codec::Lz4,
            Compression::Zstd => Codec::Zstd,
        }
    }
}

/// The wall clock, in milliseconds.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Adds bytes under a name: as text, or in base64 under `NAME_base64` if they are none.
pub fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (std::str::from_utf8(bytes), bytes)) {
        None => object.insert(name.into(), Value::Null),
        Some((Ok(text), _)) => object.insert(name.into(), json!(text)),
        Some((Err(_), bytes)) => {
            object.insert(format!("{name}_base64"), json!(BASE64_STANDARD.encode(bytes)))
        }
    };
}

/// Set when the process is asked to stop (interrupt or termination).
///
/// # Errors
///
/// If signals cannot be waited for.
pub fn stop_flag() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("waiting for signals")?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
            match terminate {
                Ok(mut terminate) => {
                    tokio::select! {
                        _ = tokio::signal::ctrl_c() => {}
                        _ = terminate.recv() => {}
                    }
                }
                Err(_) => drop(tokio::signal::ctrl_c().await),
            }
            set.store(true, Ordering::Relaxed);
        });
    });
    Ok(flag)
}
