//! Routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use dolmen_host::axum::Router;
use dolmen_host::axum::body::Bytes;
use dolmen_host::axum::extract::{DefaultBodyLimit, Request, State};
use dolmen_host::axum::http::{StatusCode, header};
use dolmen_host::axum::middleware::{self, Next};
use dolmen_host::axum::response::{IntoResponse, Response};
use dolmen_host::axum::routing::{get, post};
use dolmen_llm::scheduler::Event;
use dolmen_tokenizer::Specials;
use serde_json::{Value, json};

use super::Shared;
use super::body::{Failure, json_response};
use super::intake::{self, Intake};
use super::parameters::{Parameters, member};
use super::stream::{self, Form, Usage, legacy, reason};
use super::worker::{Events, Job};

/// Texts of one request for embeddings at most, as OpenAI has it.
const INPUTS_MAX: usize = 2048;
/// Tokens of a completion where the request does not say, as OpenAI has it.
const COMPLETION_LEN: usize = 16;
/// Tokens that are filled in where the request does not say.
const INFILL_LEN: usize = 128;

type Answer = Result<Response, Failure>;

/// All routes.
pub fn router(shared: Arc<Shared>, body_max: usize) -> Router {
    let mut router = Router::new()
        .route("/", get(root))
        .route("/health", get(health))
        .route("/infill", post(infill))
        .route("/tokenize", post(tokenize))
        .route("/detokenize", post(detokenize))
        .route("/apply-template", post(apply_template));
    // Clients are told a base address with or without the version.
    for prefix in ["/v1", ""] {
        router = router
            .route(&format!("{prefix}/models"), get(models))
            .route(&format!("{prefix}/models/{{name}}"), get(models_one))
            .route(&format!("{prefix}/chat/completions"), post(chat))
            .route(&format!("{prefix}/completions"), post(complete))
            .route(&format!("{prefix}/embeddings"), post(embeddings));
    }
    router
        .fallback(|| async {
            Failure { status: StatusCode::NOT_FOUND, text: "there is no such route".to_owned() }
        })
        .method_not_allowed_fallback(|| async {
            Failure {
                status: StatusCode::METHOD_NOT_ALLOWED,
                text: "this route is asked with another method".to_owned(),
            }
        })
        // Bodies come through the intake, which has the limit.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::new(Intake::new(body_max)), intake::take))
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

/// A page of the web must not reach this through a browser, and a key that is set must be given.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let refused = |status, text: &str| Failure { status, text: text.to_owned() }.into_response();
    if request.headers().contains_key(header::ORIGIN) {
        return refused(StatusCode::FORBIDDEN, "requests of web pages are not served here");
    }
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let open = request.uri().path() == "/health";
    if let Some(key) = shared.key.as_deref().filter(|_| !open)
        && !given.is_some_and(|given| dolmen_host::same(given.as_bytes(), key.as_bytes()))
    {
        return refused(StatusCode::UNAUTHORIZED, "give the key as `Authorization: Bearer KEY`");
    }
    next.run(request).await
}

/// The value is many times as large as its bytes: handlers let go of it before they wait.
fn parse(body: Bytes) -> Result<Value, Failure> {
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| Failure::bad(format!("the body is no JSON: {error}")))?;
    if value.is_object() { Ok(value) } else { Err(Failure::bad("the body is no JSON object")) }
}

fn ok(value: &Value) -> Response {
    json_response(StatusCode::OK, value)
}

async fn root(State(shared): State<Arc<Shared>>) -> Response {
    ok(
        &json!({"title": "dolmen - language models", "version": env!("CARGO_PKG_VERSION"), "model": shared.name}),
    )
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    if shared.worker.is_alive() { ok(&json!({"status": "ok"})) } else { Failure::ended().into_response() }
}

fn model(shared: &Shared) -> Value {
    let known = &shared.worker.known;
    json!({
        "id": shared.name,
        "object": "model",
        "created": 0,
        "owned_by": "dolmen",
        "meta": {"n_vocab": known.ids, "n_ctx": known.context, "n_embd": known.width},
    })
}

async fn models(State(shared): State<Arc<Shared>>) -> Response {
    ok(&json!({"object": "list", "data": [model(&shared)]}))
}

async fn models_one(
    State(shared): State<Arc<Shared>>,
    dolmen_host::axum::extract::Path(name): dolmen_host::axum::extract::Path<String>,
) -> Answer {
    if name != shared.name {
        let text = format!("there is no model {name:?}, only {:?}", shared.name);
        return Err(Failure { status: StatusCode::NOT_FOUND, text });
    }
    Ok(ok(&model(&shared)))
}

/// A number that no other answer of this process has.
fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

async fn chat(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let body = parse(body)?;
    let parameters = Parameters::read(&body, true)?;
    let text = shared.chat(&body)?;
    let prompt = shared.encode(&text, Specials::Tokens, true)?;
    drop(body);
    answer(&shared, vec![prompt], parameters, true).await
}

async fn complete(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let body = parse(body)?;
    let mut parameters = Parameters::read(&body, false)?;
    parameters.len_max = parameters.len_max.or(Some(COMPLETION_LEN));
    let prompts = texts(&shared, &body["prompt"], "prompt", false)?;
    drop(body);
    answer(&shared, prompts, parameters, false).await
}

/// A text, ids, or several of either.
fn texts(shared: &Shared, value: &Value, name: &str, is_whole: bool) -> Result<Vec<Vec<u32>>, Failure> {
    let wrong = || Failure::bad(format!("{name}: expected a text, ids, or a list of those"));
    let ids = |list: &Value| -> Option<Vec<u32>> {
        let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
        list.as_array()?.iter().map(id).collect()
    };
    let one = |value: &Value| match value {
        Value::String(text) if is_whole => shared.encode_whole(text),
        Value::String(text) => shared.encode(text, Specials::Tokens, true),
        list => ids(list).ok_or_else(wrong),
    };
    let all = match value {
        Value::Array(list) if list.first().is_some_and(|first| !first.is_number()) => {
            if list.len() > INPUTS_MAX {
                return Err(Failure::bad(format!("{name}: at most {INPUTS_MAX} are taken at a time")));
            }
            list.iter().map(one).collect::<Result<Vec<_>, _>>()?
        }
        value => vec![one(value)?],
    };
    if all.iter().any(Vec::is_empty) {
        return Err(Failure::bad(format!("{name}: one is empty")));
    }
    Ok(all)
}

/// Answers of the model to some prompts, each as often as asked for.
async fn answer(
    shared: &Arc<Shared>,
    prompts: Vec<Vec<u32>>,
    parameters: Parameters,
    is_chat: bool,
) -> Answer {
    let known = &shared.worker.known;
    if known.is_encoder {
        return Err(Failure::bad("the model is an encoder: it has embeddings and no answers"));
    }
    if parameters.grammar.is_some() && known.vocabulary.is_none() {
        return Err(Failure::bad("a grammar needs a vocabulary, and the model has none"));
    }
    if prompts.len() as u64 * parameters.choices > 16 {
        return Err(Failure::bad("at most 16 answers are given at a time"));
    }
    if let Some(prompt) = prompts.iter().find(|prompt| prompt.len() >= known.context) {
        let text = format!("the prompt has {} tokens, beyond the context of {}", prompt.len(), known.context);
        return Err(Failure::bad(text));
    }
    if let Some(id) = prompts.iter().flatten().find(|&&id| id as usize >= known.ids) {
        return Err(Failure::bad(format!(
            "prompt: id {id} is not below {}, the size of the vocabulary",
            known.ids
        )));
    }
    let begin = number();
    let mut answers = Vec::new();
    for prompt in prompts {
        for choice in 0..parameters.choices {
            let job = Job {
                len_max: parameters.len_max.unwrap_or(known.context).min(known.context - prompt.len()),
                prompt: prompt.clone(),
                sampling: parameters.sampling.clone(),
                // Without a seed each answer draws other ids.
                seed: parameters.seed.map_or(now() ^ begin << 20, |seed| seed).wrapping_add(choice),
                stops: parameters.stops.clone(),
                ends: parameters.ends,
                logprobs: parameters.logprobs,
                grammar: parameters.grammar.clone(),
            };
            answers.push(shared.worker.generate(job).ok_or_else(Failure::ended)?);
        }
    }
    let kind = if is_chat { "chatcmpl" } else { "cmpl" };
    let form = Form {
        shared: shared.clone(),
        id: format!("{kind}-{begin:016x}"),
        created: now(),
        is_chat,
        usage: parameters.stream_usage,
    };
    if parameters.stream {
        return Ok(stream::response(form, answers));
    }
    whole(form, answers).await
}

async fn whole(form: Form, answers: Vec<Events>) -> Answer {
    let (mut usage, mut choices) = (Usage::default(), Vec::new());
    for (index, mut events) in answers.into_iter().enumerate() {
        let (mut all, mut logprobs, mut finished) = (String::new(), Vec::new(), None);
        while let Some(event) = events.recv().await {
            let event = event?;
            let found = form.logprobs(&event);
            if !found.is_null() {
                logprobs.push(found);
            }
            match event {
                Event::Token { text, .. } => all.push_str(&text),
                Event::Done { text, finish, prompt_len, cached_len, answer_len, .. } => {
                    all.push_str(&text);
                    usage.add(Usage { prompt: prompt_len, cached: cached_len, answer: answer_len });
                    finished = Some(reason(&finish)?);
                    break;
                }
            }
        }
        let finished = finished.ok_or_else(Failure::ended)?;
        choices.push(if form.is_chat {
            let logprobs = if logprobs.is_empty() { Value::Null } else { json!({"content": logprobs}) };
            json!({"index": index, "message": {"role": "assistant", "content": all}, "logprobs": logprobs, "finish_reason": finished})
        } else {
            let logprobs = if logprobs.is_empty() { Value::Null } else { legacy(&logprobs) };
            json!({"index": index, "text": all, "logprobs": logprobs, "finish_reason": finished})
        });
    }
    let object = if form.is_chat { "chat.completion" } else { "text_completion" };
    Ok(ok(&json!({
        "id": form.id,
        "object": object,
        "created": form.created,
        "model": form.shared.name,
        "choices": choices,
        "usage": usage.json(),
    })))
}

async fn embeddings(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let body = parse(body)?;
    let is_base64 = match member(&body, "encoding_format", "float or base64", Value::as_str)? {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(Failure::bad("encoding_format: expected float or base64")),
    };
    let known = &shared.worker.known;
    if body["dimensions"].as_u64().is_some_and(|wanted| wanted != known.width as u64) {
        return Err(Failure::bad(format!("dimensions: the model gives {}", known.width)));
    }
    let inputs = texts(&shared, &body["input"], "input", true)?;
    drop(body);
    let tokens: usize = inputs.iter().map(Vec::len).sum();
    if let Some(input) = inputs.iter().find(|input| input.len() > known.context) {
        let text = format!("an input has {} tokens, beyond the context of {}", input.len(), known.context);
        return Err(Failure::bad(text));
    }
    let vectors = shared.worker.embed(inputs).await.ok_or_else(Failure::ended)??;
    let entry = |(index, vector): (usize, &Vec<f32>)| {
        let embedding = if is_base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            json!(BASE64_STANDARD.encode(bytes))
        } else {
            json!(vector)
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let data: Vec<Value> = vectors.iter().enumerate().map(entry).collect();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Ok(ok(&json!({"object": "list", "data": data, "model": shared.name, "usage": usage})))
}

/// The three control tokens of filling in, by their names in the families that have them.
const INFILL: [[&str; 3]; 4] = [
    ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
    ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
    ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],
    ["▁<PRE>", "▁<SUF>", "▁<MID>"],
];

async fn infill(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let body = parse(body)?;
    let mut parameters = Parameters::read(&body, false)?;
    parameters.len_max = parameters.len_max.or(Some(INFILL_LEN));
    let text = |name: &str| member(&body, name, "a text", Value::as_str).map(Option::unwrap_or_default);
    let (before, after, prompt) = (text("input_prefix")?, text("input_suffix")?, text("prompt")?);
    let vocabulary = shared.worker.known.vocabulary.as_ref();
    let find = |names: &[&str; 3]| {
        let tokenizer = &vocabulary?.tokenizer;
        let [a, b, c] = names.map(|name| tokenizer.id(name.as_bytes()));
        Some([a?, b?, c?])
    };
    let marks = INFILL.iter().find_map(find);
    let [prefix, suffix, middle] =
        marks.ok_or_else(|| Failure::bad("the model has no tokens for filling in"))?;
    let mut ids = vec![prefix];
    ids.extend(shared.encode(before, Specials::Text, false)?);
    ids.push(suffix);
    ids.extend(shared.encode(after, Specials::Text, false)?);
    ids.push(middle);
    ids.extend(shared.encode(prompt, Specials::Text, false)?);
    drop(body);
    let is_stream = parameters.stream;
    let response = answer(&shared, vec![ids], parameters, false).await?;
    if is_stream {
        return Ok(response);
    }
    // llama.cpp's clients look for `content`.
    let bytes =
        dolmen_host::axum::body::to_bytes(response.into_body(), usize::MAX).await.map_err(Failure::bad)?;
    let mut value: Value = serde_json::from_slice(&bytes).map_err(Failure::bad)?;
    value["content"] = value["choices"][0]["text"].clone();
    Ok(ok(&value))
}

async fn tokenize(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let body = parse(body)?;
    let content = member(&body, "content", "a text", Value::as_str)?;
    let content = content.ok_or_else(|| Failure::bad("content: expected a text"))?;
    let begins = member(&body, "add_special", "true or false", Value::as_bool)?.unwrap_or(false);
    let parses = member(&body, "parse_special", "true or false", Value::as_bool)?.unwrap_or(true);
    let specials = if parses { Specials::Tokens } else { Specials::Text };
    Ok(ok(&json!({"tokens": shared.encode(content, specials, begins)?})))
}

async fn detokenize(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let body = parse(body)?;
    let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
    let ids: Option<Vec<u32>> = body["tokens"].as_array().and_then(|list| list.iter().map(id).collect());
    let ids = ids.ok_or_else(|| Failure::bad("tokens: expected ids"))?;
    let vocabulary =
        shared.worker.known.vocabulary.as_ref().ok_or_else(|| Failure::bad("the model has no vocabulary"))?;
    Ok(ok(&json!({"content": vocabulary.tokenizer.decode(&ids, false).map_err(Failure::bad)?})))
}

async fn apply_template(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    Ok(ok(&json!({"prompt": shared.chat(&parse(body)?)?})))
}
