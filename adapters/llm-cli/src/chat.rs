//! `dolmen llm chat`: messages and answers, by the model's own template.

use std::io::{BufRead, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use dolmen_base::Jobs;
use dolmen_cli::{Out, Status};
use dolmen_llm::scheduler::Scheduler;
use dolmen_llm::template::Template;
use dolmen_llm::{Model, Options};
use dolmen_llm_cpu::Files;
use dolmen_llm_cpu::server::CHAT_ML;
use dolmen_llm_cpu::vocabulary::Vocabulary;
use dolmen_text::json::Document;
use serde_json::{Value, json};

use crate::generate::{self, SamplingArgs};
use crate::model::{self, ModelArgs};

/// Arguments of `dolmen llm chat`.
#[derive(clap::Args)]
#[command(
    long_about = "Talks with a model: each line of standard input is a message, until the input ends. With --prompt there is one message and one answer. Models without a \
                  template are talked to in ChatML."
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// One message instead of those of standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<String>,
    /// What the model is told before the first message
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Tokens of the whole chat at most; 0: all that the model has
    #[arg(long, value_name = "N", default_value_t = 4096)]
    context: usize,
    #[command(flatten)]
    sampling: SamplingArgs,
}

/// Talks.
///
/// # Errors
///
/// If the model cannot be used, has no vocabulary, or the chat grows beyond its context.
pub fn run(args: &Args, out: &mut Out) -> Result<Status> {
    let files = Files::open(&args.model.model)?;
    let model = files.model()?;
    generate::check(&model)?;
    let vocabulary = files.vocabulary()?.context("the model has no vocabulary")?;
    let template = files.chat_template()?;
    let template =
        Template::parse(template.as_deref().unwrap_or(CHAT_ML)).context("the template of chats")?;
    let threads = args.model.threads()?;
    let context =
        if args.context == 0 { model.config().context } else { args.context.min(model.config().context) };
    let options = Options { slots: 1, context, batch: args.model.batch, parts: threads.width() };
    let (plan, mut memory) = model::prepare(&model, options, out)?;
    let engine = model::engine(&model, &plan, &mut memory)?;
    let eos = files.eos(&model, Some(&vocabulary))?;
    let mut chat = Chat {
        args,
        model: &model,
        vocabulary: &vocabulary,
        template,
        eos,
        scheduler: Scheduler::new(engine, 1, 1),
        messages: args.system.iter().map(|text| json!({"role": "system", "content": text})).collect(),
    };
    if let Some(text) = &args.prompt {
        chat.turn(text, &threads, out)?;
        return Ok(Status::Success);
    }
    let mut line = String::new();
    loop {
        if out.is_terminal() {
            write!(out, "> ")?;
            out.flush()?;
        }
        line.clear();
        if std::io::stdin().lock().read_line(&mut line).context("standard input")? == 0 {
            return Ok(Status::Success);
        }
        if !line.trim().is_empty() {
            chat.turn(line.trim_end_matches(['\r', '\n']), &threads, out)?;
        }
    }
}

struct Chat<'c, 'e, 'a> {
    args: &'c Args,
    model: &'c Model<'a>,
    vocabulary: &'c Vocabulary,
    template: Template,
    eos: Vec<u32>,
    scheduler: Scheduler<'c, 'e, 'a>,
    messages: Vec<Value>,
}

impl Chat<'_, '_, '_> {
    fn turn(&mut self, text: &str, jobs: &dyn Jobs, out: &mut Out) -> Result<()> {
        self.messages.push(json!({"role": "user", "content": text}));
        let special = self.vocabulary.tokenizer.config().special;
        let token = |id: Option<u32>| {
            let bytes = id.and_then(|id| self.vocabulary.tokenizer.token(id)).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let variables = json!({
            "messages": self.messages,
            "add_generation_prompt": true,
            "bos_token": token(special.bos),
            "eos_token": token(special.eos.or(self.model.config().eos.first().copied())),
        });
        let variables = variables.to_string();
        let document = Document::read(variables.as_bytes())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let rendered = self.template.render(document.root(), now)?;
        let prompt = model::prompt(Some(self.vocabulary), &rendered)?;
        let request = self.args.sampling.request(prompt, self.eos.clone(), Some(self.vocabulary))?;
        self.scheduler.submit(request)?;
        let answer = generate::answer(&mut self.scheduler, jobs, true, out)?;
        let text = answer.text.clone().unwrap_or_default();
        generate::show(answer, true, out)?;
        self.messages.push(json!({"role": "assistant", "content": text}));
        Ok(())
    }
}
