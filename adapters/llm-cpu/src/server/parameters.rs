//! What a request asks for, checked member by member.

use dolmen_llm::grammar::Grammar;
use dolmen_llm::sample::Sampling;
use dolmen_llm::schema;
use dolmen_llm::stop::Stops;
use serde_json::Value;

use super::body::Failure;

/// Answers to one request at most.
const CHOICES_MAX: u64 = 8;
/// Likeliest ids that are told with each, as OpenAI has it.
const LOGPROBS_MAX: u64 = 20;
/// Entries of `logit_bias`, as OpenAI has it.
const BIASES_MAX: usize = 300;

/// What all forms of completions share.
pub struct Parameters {
    pub len_max: Option<usize>,
    pub sampling: Sampling,
    pub seed: Option<u64>,
    pub stops: Stops,
    pub choices: u64,
    pub stream: bool,
    pub stream_usage: bool,
    pub logprobs: Option<usize>,
    pub grammar: Option<Grammar>,
    pub ends: bool,
}

/// A member of a kind; `null` is as good as absent.
pub fn member<'v, T>(
    body: &'v Value,
    name: &str,
    wanted: &str,
    read: impl FnOnce(&'v Value) -> Option<T>,
) -> Result<Option<T>, Failure> {
    match &body[name] {
        Value::Null => Ok(None),
        value => match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(Failure::bad(format!("{name}: expected {wanted}"))),
        },
    }
}

fn number(body: &Value, name: &str, low: f64, high: f64) -> Result<Option<f32>, Failure> {
    let wanted = format!("a number from {low} to {high}");
    let read = |value: &Value| value.as_f64().filter(|x| (low..=high).contains(x)).map(|x| x as f32);
    member(body, name, &wanted, read)
}

fn count(body: &Value, name: &str) -> Result<Option<u64>, Failure> {
    member(body, name, "a whole number that is not negative", Value::as_u64)
}

fn flag(body: &Value, name: &str) -> Result<bool, Failure> {
    Ok(member(body, name, "true or false", Value::as_bool)?.unwrap_or(false))
}

impl Parameters {
    /// Reads them; `is_chat` decides how probabilities are asked for.
    pub fn read(body: &Value, is_chat: bool) -> Result<Parameters, Failure> {
        if body["tools"].as_array().is_some_and(|tools| !tools.is_empty()) || !body["functions"].is_null() {
            return Err(Failure::bad("tools: calling tools is not served here"));
        }
        let mut len_max = None;
        for name in ["max_completion_tokens", "max_tokens", "n_predict"] {
            // llama.cpp's clients send -1 for no limit.
            if body[name].as_i64() != Some(-1) {
                len_max = len_max.or(count(body, name)?);
            }
        }
        let logprobs = if is_chat {
            let wanted = flag(body, "logprobs")?;
            wanted.then(|| count(body, "top_logprobs")).transpose()?.map(Option::unwrap_or_default)
        } else {
            count(body, "logprobs")?
        };
        if logprobs.is_some_and(|count| count > LOGPROBS_MAX) {
            return Err(Failure::bad(format!("logprobs: at most {LOGPROBS_MAX} are told")));
        }
        let choices = count(body, "n")?.unwrap_or(1);
        if choices == 0 || choices > CHOICES_MAX {
            return Err(Failure::bad(format!("n: from 1 to {CHOICES_MAX} answers are given")));
        }
        let stream = flag(body, "stream")?;
        let stream_usage = body["stream_options"]["include_usage"].as_bool().unwrap_or(false);
        Ok(Parameters {
            len_max: len_max.map(|len| usize::try_from(len).unwrap_or(usize::MAX)),
            sampling: sampling(body)?,
            seed: member(body, "seed", "a whole number", |seed| {
                seed.as_u64().or(seed.as_i64().map(|n| n as u64))
            })?,
            stops: stops(body)?,
            choices,
            stream,
            stream_usage,
            logprobs: logprobs.map(|count| count as usize),
            grammar: grammar(body)?,
            ends: !flag(body, "ignore_eos")?,
        })
    }
}

fn sampling(body: &Value) -> Result<Sampling, Failure> {
    let mut bias = Vec::new();
    if let Some(all) = member(body, "logit_bias", "an object", Value::as_object)? {
        if all.len() > BIASES_MAX {
            return Err(Failure::bad(format!("logit_bias: at most {BIASES_MAX} are taken")));
        }
        for (id, by) in all {
            let read = id.parse::<u32>().ok().zip(by.as_f64().filter(|by| (-100.0..=100.0).contains(by)));
            let (id, by) =
                read.ok_or_else(|| Failure::bad("logit_bias: expected ids with numbers from -100 to 100"))?;
            bias.push((id, by as f32));
        }
    }
    let sampling = Sampling {
        temperature: number(body, "temperature", 0.0, 100.0)?.unwrap_or(1.0),
        top_k: count(body, "top_k")?.unwrap_or(0) as usize,
        top_p: number(body, "top_p", 0.0, 1.0)?.unwrap_or(1.0),
        min_p: number(body, "min_p", 0.0, 1.0)?.unwrap_or(0.0),
        typical: number(body, "typical_p", 0.0, 1.0)?.unwrap_or(1.0),
        repetition: number(body, "repeat_penalty", 0.01, 100.0)?.unwrap_or(1.0),
        presence: number(body, "presence_penalty", -2.0, 2.0)?.unwrap_or(0.0),
        frequency: number(body, "frequency_penalty", -2.0, 2.0)?.unwrap_or(0.0),
        bias,
        ..Sampling::default()
    };
    sampling.check().map_err(Failure::bad)?;
    Ok(sampling)
}

fn stops(body: &Value) -> Result<Stops, Failure> {
    let texts = match &body["stop"] {
        Value::Null => Vec::new(),
        Value::String(stop) => vec![stop.clone()],
        Value::Array(stops) => {
            let texts: Option<Vec<String>> =
                stops.iter().map(|stop| stop.as_str().map(str::to_owned)).collect();
            texts.ok_or_else(|| Failure::bad("stop: expected a text or texts"))?
        }
        _ => return Err(Failure::bad("stop: expected a text or texts")),
    };
    Stops::new(texts).map_err(Failure::bad)
}

fn grammar(body: &Value) -> Result<Option<Grammar>, Failure> {
    if let Some(text) = member(body, "grammar", "a text", Value::as_str)? {
        return Grammar::parse(text).map(Some).map_err(|error| Failure::bad(format!("grammar: {error}")));
    }
    let of_schema = |schema: &Value| {
        schema::grammar(schema.to_string().as_bytes())
            .map(Some)
            .map_err(|error| Failure::bad(format!("schema: {error}")))
    };
    if !body["json_schema"].is_null() {
        return of_schema(&body["json_schema"]);
    }
    let format = &body["response_format"];
    match format["type"].as_str() {
        _ if format.is_null() => Ok(None),
        Some("text") => Ok(None),
        Some("json_object") if !format["schema"].is_null() => of_schema(&format["schema"]),
        Some("json_object") => Ok(Some(schema::any_object())),
        Some("json_schema") if !format["json_schema"]["schema"].is_null() => {
            of_schema(&format["json_schema"]["schema"])
        }
        _ => Err(Failure::bad("response_format: expected text, json_object, or json_schema with a schema")),
    }
}
