//! The server: OpenAI's interface over HTTP, and llama.cpp's for filling in and for tokens.
//!
//! `/v1/models`, `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings`, with streams; `/infill`, `/tokenize`, `/detokenize`, `/apply-template`, `/health`. All requests
//! share the model's thread ([`worker`]); what they may take is bounded: connections, bodies and the time for them, the context, the requests that wait.

mod api;
mod body;
mod intake;
mod parameters;
mod prompt;
mod service;
mod stream;
pub mod worker;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use dolmen_host::connection::{self, Limits};

use crate::fault::{Context, Result};

use crate::files::Files;
use crate::memory::Needs;

pub use prompt::CHAT_ML;
pub use service::{Config, Llm};
pub use worker::{Settings, Worker};

/// What every request sees.
pub struct Shared {
    /// The model's thread.
    pub worker: Worker,
    /// How the model is called.
    pub name: String,
    /// What clients must give, if anything.
    pub key: Option<String>,
    /// The template of chats, if the model has one that can be used.
    pub template: Option<dolmen_llm::template::Template>,
}

impl Shared {
    /// Opens a model, and tells what memory it takes before it takes it. A template that cannot be used is an error, for what it makes of a chat cannot be guessed.
    ///
    /// # Errors
    ///
    /// If the model or its template cannot be used.
    pub fn open(
        path: &Path,
        settings: Settings,
        key: Option<String>,
        told: impl FnOnce(Needs),
    ) -> Result<Shared> {
        let worker = Worker::start(Files::open(path)?, settings, told)?;
        let template = worker.known.template.as_deref().map(dolmen_llm::template::Template::parse);
        let template =
            template.transpose().with_context(|| format!("{}: the template of chats", path.display()))?;
        let stem = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let name = stem.and_then(|stem| stem.to_str()).unwrap_or("model").to_owned();
        Ok(Shared { worker, name, key, template })
    }
}

/// Bytes of requests' bodies that are held at most, when one may have so many.
pub fn bodies_bytes_max(body_max: usize) -> usize {
    intake::Intake::bytes_max(body_max)
}

/// Serves one model until the process ends.
///
/// # Errors
///
/// If the address is taken.
pub fn serve(
    shared: Shared,
    address: SocketAddr,
    body_max: usize,
    ready: impl FnOnce(SocketAddr),
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await.with_context(|| address.to_string())?;
        ready(listener.local_addr()?);
        let app = api::router(Arc::new(shared), body_max);
        let stop = async {
            if tokio::signal::ctrl_c().await.is_err() {
                // Without the signal the server runs until it is killed.
                std::future::pending::<()>().await;
            }
        };
        connection::serve(app, listener, Limits::new("llm"), stop).await;
        Ok(())
    })
}
