//! `dolmen llm serve`: one model over HTTP, without the other systems.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use dolmen_cli::{Out, Status, show_size};
use dolmen_llm_cpu::server::{Settings, Shared, bodies_bytes_max, serve};

/// Arguments of `dolmen llm serve`.
#[derive(clap::Args)]
#[command(
    long_about = "Serves one model as OpenAI does: /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models, and /infill and /tokenize. `dolmen up --llm ADDR:PORT \
                  --llm-model PATH` does so beside the other systems."
)]
pub struct Args {
    /// A folder with config.json and safetensors, or a GGUF file
    #[arg(long, value_name = "DIR|FILE.gguf")]
    model: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Answers at a time
    #[arg(long, value_name = "N", default_value_t = 4)]
    slots: usize,
    /// Tokens of a prompt with its answer; 0: all that the model has
    #[arg(long, value_name = "N", default_value_t = 4096)]
    context: usize,
    /// Tokens of prompts that go through the model together
    #[arg(long, value_name = "N", default_value_t = 256)]
    batch: usize,
    /// Threads [default: as many as there are CPUs]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Requests that wait at most
    #[arg(long, value_name = "N", default_value_t = 64)]
    queue: usize,
    /// Bytes of a request at most
    #[arg(long, value_name = "SIZE", default_value = "8mb", value_parser = dolmen_units::size)]
    max_body: u64,
    /// What clients must give as a bearer token
    #[arg(long, value_name = "KEY", env = "DOLMEN_LLM_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

/// Serves.
///
/// # Errors
///
/// If the model cannot be used or the address is taken.
pub fn run(args: &Args, out: &mut Out) -> Result<Status> {
    ensure!(
        args.listen.ip().is_loopback() || args.api_key.is_some(),
        "{} can be reached from outside: give --api-key",
        args.listen
    );
    let settings = Settings {
        slots: args.slots.clamp(1, 64),
        context: args.context,
        batch: args.batch,
        threads: args.threads,
        queue: args.queue.max(1),
    };
    let body_max = usize::try_from(args.max_body).unwrap_or(usize::MAX);
    let bodies = show_size(bodies_bytes_max(body_max) as u64);
    let shared = Shared::open(&args.model, settings, args.api_key.clone(), |needs| {
        out.note(format_args!("memory: {needs}; bodies of requests: at most {bodies}"));
    })?;
    let name = shared.name.clone();
    serve(shared, args.listen, body_max, |address| {
        // Nobody may be reading.
        let _ =
            out.line(format_args!("{name} on http://{address}/v1")).and_then(|()| std::io::Write::flush(out));
    })?;
    Ok(Status::Success)
}
