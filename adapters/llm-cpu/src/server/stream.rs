//! Answers as server-sent events: a body that makes its frames of a request's events as they come.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use dolmen_host::axum::body::{Body, Bytes};
use dolmen_host::axum::http::{StatusCode, header};
use dolmen_host::axum::response::{IntoResponse, Response};
use dolmen_llm::scheduler::{Event, Finish, SubmitError};
use http_body::Frame;
use serde_json::{Value, json};

use super::Shared;
use super::body::{Failure, error};
use super::worker::Events;

/// How the parts of one kind of answer look.
#[derive(Clone)]
pub struct Form {
    pub shared: Arc<Shared>,
    pub id: String,
    pub created: u64,
    pub is_chat: bool,
    pub usage: bool,
}

/// Ids of an answer and of its prompt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub prompt: usize,
    pub cached: usize,
    pub answer: usize,
}

impl Usage {
    pub fn add(&mut self, other: Usage) {
        self.prompt = self.prompt.max(other.prompt);
        self.cached = self.cached.max(other.cached);
        self.answer += other.answer;
    }

    pub fn json(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.answer,
            "total_tokens": self.prompt + self.answer,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        })
    }
}

/// OpenAI's word for why an answer ended.
pub fn reason(finish: &Finish) -> Result<&'static str, Failure> {
    match finish {
        Finish::Stop => Ok("stop"),
        Finish::Length => Ok("length"),
        Finish::Failed(error) => {
            Err(Failure { status: StatusCode::INTERNAL_SERVER_ERROR, text: error.to_string() })
        }
        Finish::Broken(error) => {
            Err(Failure { status: StatusCode::INTERNAL_SERVER_ERROR, text: error.to_string() })
        }
    }
}

impl Form {
    fn chunk(&self, choices: Value) -> Value {
        let object = if self.is_chat { "chat.completion.chunk" } else { "text_completion" };
        json!({"id": self.id, "object": object, "created": self.created, "model": self.shared.name, "choices": choices})
    }

    fn part(&self, index: usize, text: &str, finish: Option<&str>, logprobs: Value, begins: bool) -> Value {
        if self.is_chat {
            let mut delta = json!({});
            if begins {
                delta["role"] = json!("assistant");
            }
            if begins || !text.is_empty() {
                delta["content"] = json!(text);
            }
            return self.chunk(
                json!([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}]),
            );
        }
        self.chunk(json!([{"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}]))
    }

    /// The probabilities of one id.
    pub fn logprobs(&self, event: &Event) -> Value {
        let Event::Token { id, logprobs: Some(found), .. } = event else { return Value::Null };
        let piece = |id: u32| {
            let vocabulary = self.shared.worker.known.vocabulary.as_ref();
            let bytes = vocabulary.and_then(|vocabulary| vocabulary.tokenizer.token(id)).unwrap_or_default();
            (String::from_utf8_lossy(bytes).into_owned(), bytes.to_vec())
        };
        let entry = |id: u32, logprob: f32| {
            let (token, bytes) = piece(id);
            json!({"token": token, "logprob": logprob, "bytes": bytes})
        };
        let mut own = entry(*id, found.own);
        own["top_logprobs"] = found.top.iter().map(|&(id, logprob)| entry(id, logprob)).collect();
        own
    }
}

/// One answer of a stream.
struct Answer {
    events: Events,
    begun: bool,
}

/// The body of a stream.
struct Stream {
    form: Form,
    answers: Vec<Option<Answer>>,
    ready: VecDeque<Bytes>,
    usage: Usage,
    ended: bool,
}

fn frame(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

impl Stream {
    fn take(&mut self, index: usize, event: Result<Event, SubmitError>) {
        let begins = self.answers[index].as_ref().is_some_and(|answer| !answer.begun);
        let event = match event {
            Ok(event) => event,
            Err(refused) => return self.fail(&refused.into()),
        };
        match &event {
            Event::Token { text, logprobs, .. } => {
                if text.is_empty() && logprobs.is_none() && !begins {
                    return;
                }
                let logprobs = match (self.form.logprobs(&event), self.form.is_chat) {
                    (Value::Null, _) => Value::Null,
                    (found, true) => json!({"content": [found]}),
                    (found, false) => legacy(&[found]),
                };
                let part = self.form.part(index, text, None, logprobs, begins);
                self.ready.push_back(frame(&part));
                if let Some(answer) = &mut self.answers[index] {
                    answer.begun = true;
                }
            }
            Event::Done { text, finish, prompt_len, cached_len, answer_len, .. } => {
                self.usage.add(Usage { prompt: *prompt_len, cached: *cached_len, answer: *answer_len });
                match reason(finish) {
                    Ok(word) => {
                        if !text.is_empty() || begins {
                            self.ready.push_back(frame(&self.form.part(
                                index,
                                text,
                                None,
                                Value::Null,
                                begins,
                            )));
                        }
                        self.ready.push_back(frame(&self.form.part(
                            index,
                            "",
                            Some(word),
                            Value::Null,
                            false,
                        )));
                        self.answers[index] = None;
                    }
                    Err(failure) => self.fail(&failure),
                }
            }
        }
    }

    fn fail(&mut self, failure: &Failure) {
        self.ready.push_back(frame(&error(failure)));
        self.answers.clear();
        self.ended = true;
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            if let Some(bytes) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            let mut progressed = false;
            for index in 0..this.answers.len() {
                let Some(answer) = this.answers.get_mut(index).and_then(Option::as_mut) else { continue };
                match answer.events.poll_recv(context) {
                    Poll::Pending => {}
                    Poll::Ready(Some(event)) => {
                        progressed = true;
                        this.take(index, event);
                    }
                    Poll::Ready(None) => {
                        progressed = true;
                        this.fail(&Failure::ended());
                    }
                }
            }
            if this.answers.iter().all(Option::is_none) && !this.ended {
                this.ended = true;
                if this.form.usage {
                    let mut last = this.form.chunk(json!([]));
                    last["usage"] = this.usage.json();
                    this.ready.push_back(frame(&last));
                }
                this.ready.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
                continue;
            }
            if !progressed {
                return Poll::Pending;
            }
        }
    }
}

/// The probabilities of ids in the form of the older interface.
pub fn legacy(entries: &[Value]) -> Value {
    let tops: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let top = entry["top_logprobs"].as_array().cloned().unwrap_or_default();
            let pairs = top
                .into_iter()
                .map(|one| (one["token"].as_str().unwrap_or_default().to_owned(), one["logprob"].clone()));
            Value::Object(pairs.collect())
        })
        .collect();
    json!({
        "tokens": entries.iter().map(|entry| entry["token"].clone()).collect::<Vec<_>>(),
        "token_logprobs": entries.iter().map(|entry| entry["logprob"].clone()).collect::<Vec<_>>(),
        "top_logprobs": tops,
        "text_offset": [],
    })
}

/// A stream of the events of some answers.
pub fn response(form: Form, answers: Vec<Events>) -> Response {
    let answers = answers.into_iter().map(|events| Some(Answer { events, begun: false })).collect();
    let stream = Stream { form, answers, ready: VecDeque::new(), usage: Usage::default(), ended: false };
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::new(stream)).into_response()
}
