//! The service as the host sees it.

use std::path::PathBuf;
use std::sync::Arc;

use dolmen_host::connection::{self, Limits};
use dolmen_host::context::{Context, Listeners, Stop};
use dolmen_host::{Fault, Kind, Metrics, Running, Service, Setting, Values, reachable};

use super::{Settings, Shared, api, bodies_bytes_max};

/// The service `llm`: one model over HTTP.
pub struct Llm {
    shared: Arc<Shared>,
    body_max: usize,
    hint: String,
}

/// Its settings, decided.
pub struct Config {
    model: PathBuf,
    settings: Settings,
    body_max: usize,
    key: Option<String>,
}

impl Service for Llm {
    const NAME: &'static str = "llm";
    const TITLE: &'static str = "a language model, OpenAI's HTTP interface";
    const PAGE: &'static str = "core/llm/README.md";
    const NEEDS: Option<&'static str> = Some("llm.model");
    const SETTINGS: &'static [Setting] = &[
        Setting::new("llm.listen", Kind::Listen, "127.0.0.1:8080", "Address of the language model, HTTP")
            .short("llm"),
        Setting::new("llm.model", Kind::Path, "", "Folder or GGUF file of the model")
            .short("llm-model")
            .unset("none, and the service is not there"),
        Setting::new("llm.slots", Kind::Count(1, 64), "4", "Answers of the language model at a time"),
        Setting::new(
            "llm.context",
            Kind::Count(0, 1 << 24),
            "4096",
            "Tokens of a prompt with its answer; 0: all that the model has",
        ),
        Setting::new(
            "llm.batch",
            Kind::Count(1, 4096),
            "256",
            "Tokens of prompts that go through the model together",
        ),
        Setting::new(
            "llm.threads",
            Kind::Count(0, 64),
            "0",
            "Threads of the language model; 0: as many as there are CPUs",
        ),
        Setting::new(
            "llm.queue",
            Kind::Count(1, 65_536),
            "64",
            "Requests to the language model that wait at most",
        ),
        Setting::new("llm.max-body", Kind::Size, "8mb", "Longest body of a request to the language model"),
        Setting::new("llm.api-key", Kind::Text, "", "Key that clients of the language model must give")
            .secret()
            .unset("none on loopback, else the data directory's password"),
    ];
    type Config = Config;

    fn configure(values: &Values) -> Result<Config, Fault> {
        let count = |key: &str| usize::try_from(values.number(key)).unwrap_or(usize::MAX);
        Ok(Config {
            model: values.path("llm.model").to_owned(),
            settings: Settings {
                slots: count("llm.slots"),
                context: count("llm.context"),
                batch: count("llm.batch"),
                threads: count("llm.threads"),
                queue: count("llm.queue"),
            },
            body_max: count("llm.max-body"),
            key: values.text("llm.api-key").map(str::to_owned),
        })
    }

    fn open(context: &Context, config: Config) -> Result<Llm, Fault> {
        let listen = context.address("llm.listen").ok_or("llm.listen is not bound")?;
        let password = context.password(listen, config.key.as_deref())?;
        let key = password.get().map(str::to_owned);
        let word = context.shell_word(&password, "DOLMEN_LLM_API_KEY");
        let bodies = dolmen_units::show_size(bodies_bytes_max(config.body_max) as u64);
        let told = |needs| {
            let model = config.model.display();
            tracing::info!(target: "llm", "{model}: memory: {needs}; bodies of requests: at most {bodies}");
        };
        let shared =
            Shared::open(&config.model, config.settings, key, told).map_err(|error| format!("{error:#}"))?;
        let path = if shared.worker.known.is_encoder { "embeddings" } else { "chat/completions" };
        let body = if shared.worker.known.is_encoder {
            r#"{"input":"a stone"}"#
        } else {
            r#"{"messages":[{"role":"user","content":"Hello"}],"max_tokens":32}"#
        };
        let hint = format!(
            "curl http://{}/v1/{path} -H 'content-type: application/json'{} -d '{body}'",
            reachable(listen),
            word.map_or(String::new(), |word| format!(" -H \"authorization: Bearer {word}\"")),
        );
        Ok(Llm { shared: Arc::new(shared), body_max: config.body_max, hint })
    }

    fn run(self: Arc<Self>, mut listeners: Listeners, stop: Stop) -> Running {
        Box::pin(async move {
            let listener = listeners.take("llm.listen").ok_or("llm.listen is not bound")?;
            let app = api::router(self.shared.clone(), self.body_max);
            let mut stop = stop;
            connection::serve(app, listener, Limits::new("llm"), stop.wait()).await;
            Ok(())
        })
    }

    fn ready(&self) -> Result<(), String> {
        if self.shared.worker.is_alive() { Ok(()) } else { Err("the model's thread has ended".to_owned()) }
    }

    fn metrics(&self, out: &mut Metrics) {
        let load = self.shared.worker.load();
        out.gauge("dolmen_llm_requests", "Requests that wait or are answered.");
        out.sample(&[("state", "waiting")], load.waiting as u64);
        out.sample(&[("state", "running")], load.running as u64);
        out.counter(
            "dolmen_llm_tokens_total",
            "Tokens that were computed, taken over from before, and generated.",
        );
        out.sample(&[("kind", "computed")], load.computed);
        out.sample(&[("kind", "reused")], load.reused);
        out.sample(&[("kind", "generated")], load.generated);
    }

    fn drain(&self) -> Result<(), Fault> {
        self.shared.worker.stop();
        Ok(())
    }

    fn hints(&self) -> Vec<String> {
        vec![self.hint.clone()]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("model", self.shared.name.clone()),
            ("memory", self.shared.worker.known.needs.to_string()),
            ("context", format!("{} tokens", self.shared.worker.known.context)),
        ]
    }
}
