//! The interface for tests: state that is emptied, a clock that is set, faults that are ordered, requests that are remembered.
//!
//! It stands on port 7000 under `/_dolmen/`, only where `--test-api` was given, only on loopback, and only for a data directory that was
//! made with it: what people keep is never emptied by it.
//!
//! | request | answer |
//! |---|---|
//! | `POST /_dolmen/reset[/{service}]` | once everything is gone, durably |
//! | `POST /_dolmen/clock` `{"now": milliseconds}` or `{"advance": "30d"}` or `{"real": true}`, and `GET` | `{"now": milliseconds}` |
//! | `POST /_dolmen/faults` [`Rule`], and `GET`, `DELETE` | the rules |
//! | `GET /_dolmen/requests?service=s3&since=17` | what was asked, one object for each request |
//!
//! Time never goes back: a clock that was advanced and is asked to be real again stands until the real one has caught up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use crate::http::Host;

/// Requests that are remembered.
const REQUESTS_MAX: usize = 10_000;
/// Rules at a time.
const RULES_MAX: usize = 1_000;

/// The clock that services ask: the real one, unless a test has moved it.
#[derive(Default)]
pub struct Clock {
    /// Milliseconds that are added to the real time.
    ahead: AtomicU64,
    /// The latest time that was told.
    latest: AtomicU64,
}

impl Clock {
    /// Milliseconds since 1970; never less than at an earlier call.
    pub fn now_ms(&self) -> u64 {
        let now = real_ms().saturating_add(self.ahead.load(Ordering::SeqCst));
        self.latest.fetch_max(now, Ordering::SeqCst).max(now)
    }

    fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
        let _ = self.ahead.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |ahead| {
            Some(ahead.saturating_add(by).min(u64::MAX / 4))
        });
    }

    fn set(&self, now_ms: u64) {
        let now = now_ms.min(u64::MAX / 4);
        self.ahead.store(now.saturating_sub(real_ms()), Ordering::SeqCst);
    }
}

fn real_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX / 4)
}

/// What a request that a rule fits gets instead of, or before, its answer.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// This error.
    Error {
        /// The HTTP status, or the like.
        status: u16,
        /// The protocol's own code.
        code: String,
    },
    /// Its answer, so many milliseconds later.
    DelayMs(u64),
    /// Its answer up to so many bytes, and then the end of the connection.
    DropAfter(u64),
}

/// A fault that was ordered.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Rule {
    /// The service.
    pub service: String,
    /// The operation, or any.
    #[serde(default)]
    pub operation: Option<String>,
    /// What the request's resource must contain, if anything.
    #[serde(default, rename = "match")]
    pub fits: Option<String>,
    /// What happens.
    pub answer: Answer,
    /// How many more times.
    #[serde(default = "once")]
    pub count: u64,
    /// Of so many requests that fit one is hit, chosen by `seed`.
    #[serde(default = "once")]
    pub one_in: u64,
    /// Chooses which.
    #[serde(default)]
    pub seed: u64,
}

fn once() -> u64 {
    1
}

/// A request that was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// Its number; the next one is greater.
    pub id: u64,
    /// When, in milliseconds since 1970 of the services' clock.
    pub at_ms: u64,
    /// The service.
    pub service: &'static str,
    /// The protocol's verb.
    pub method: String,
    /// The operation.
    pub operation: String,
    /// What it was about.
    pub resource: String,
    /// Who asked; empty for nobody.
    pub principal: String,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the answer's body, where they are known at its begin.
    pub bytes: u64,
}

/// What tests have ordered and what they may read.
#[derive(Default)]
pub struct TestApi {
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<VecDeque<Seen>>,
    count: AtomicU64,
}

impl TestApi {
    /// The fault for a request, if one was ordered; that is one time less then.
    pub fn fault(&self, service: &str, operation: &str, resource: &str) -> Option<Answer> {
        let mut rules = hold(&self.rules);
        let rule = rules.iter_mut().find(|rule| {
            rule.service == service
                && rule.count > 0
                && rule.operation.as_deref().is_none_or(|wanted| wanted == operation)
                && rule.fits.as_deref().is_none_or(|part| resource.contains(part))
        })?;
        rule.seed = rule.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if rule.one_in > 1 && !(rule.seed >> 33).is_multiple_of(rule.one_in) {
            return None;
        }
        rule.count -= 1;
        Some(rule.answer.clone())
    }

    /// Remembers a request; the number and, if it is full, the oldest one are taken care of.
    pub fn note(&self, mut seen: Seen) {
        let mut all = hold(&self.seen);
        seen.id = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if all.len() == REQUESTS_MAX {
            all.pop_front();
        }
        all.push_back(seen);
    }
}

fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The routes, for a process that was started with them.
pub(crate) fn routes(api: Arc<TestApi>, clock: Arc<Clock>, host: Arc<Host>) -> Router {
    let resets = Router::new()
        .route("/_dolmen/reset", post(reset_all))
        .route("/_dolmen/reset/{service}", post(reset_one))
        .with_state(host);
    let clocks = Router::new().route("/_dolmen/clock", get(clock_now).post(clock_set)).with_state(clock);
    Router::new()
        .route("/_dolmen/faults", get(rules).post(add_rule).delete(clear_rules))
        .route("/_dolmen/requests", get(requests))
        .with_state(api)
        .merge(resets)
        .merge(clocks)
}

fn refuse(text: impl Into<String>) -> Response {
    (StatusCode::BAD_REQUEST, format!("{}\n", text.into())).into_response()
}

async fn reset_all(State(host): State<Arc<Host>>) -> Response {
    reset(host, None).await
}

async fn reset_one(State(host): State<Arc<Host>>, Path(name): Path<String>) -> Response {
    reset(host, Some(name)).await
}

async fn reset(host: Arc<Host>, name: Option<String>) -> Response {
    let emptied = tokio::task::spawn_blocking(move || {
        let chosen = |entry: &&crate::http::Running| name.as_deref().is_none_or(|name| name == entry.entry.name);
        let mut done = Vec::new();
        for running in host.services.iter().filter(chosen) {
            running.hosted.reset().map_err(|reason| format!("{}: {reason}", running.entry.name))?;
            done.push(running.entry.name);
        }
        if done.is_empty() { Err("there is no such service".to_owned()) } else { Ok(done) }
    });
    match emptied.await {
        Ok(Ok(done)) => Json(serde_json::json!({ "reset": done })).into_response(),
        Ok(Err(reason)) => refuse(reason),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Move {
    Now(u64),
    Advance(String),
    Real(bool),
}

async fn clock_now(State(clock): State<Arc<Clock>>) -> Response {
    Json(serde_json::json!({ "now": clock.now_ms() })).into_response()
}

async fn clock_set(State(clock): State<Arc<Clock>>, Json(to): Json<Move>) -> Response {
    match to {
        Move::Now(now) => clock.set(now),
        Move::Advance(text) => match dolmen_units::duration(&text) {
            Ok(by) => clock.advance(by),
            Err(error) => return refuse(error.to_string()),
        },
        Move::Real(true) => clock.set(0),
        Move::Real(false) => return refuse("a clock is set with now or advance"),
    }
    clock_now(State(clock)).await
}

async fn rules(State(api): State<Arc<TestApi>>) -> Response {
    Json(hold(&api.rules).clone()).into_response()
}

async fn add_rule(State(api): State<Arc<TestApi>>, Json(rule): Json<Rule>) -> Response {
    {
        let mut rules = hold(&api.rules);
        rules.retain(|rule| rule.count > 0);
        if rules.len() >= RULES_MAX {
            return refuse(format!("there are {RULES_MAX} rules already"));
        }
        rules.push(rule);
    }
    rules(State(api)).await
}

async fn clear_rules(State(api): State<Arc<TestApi>>) -> Response {
    hold(&api.rules).clear();
    rules(State(api)).await
}

#[derive(Deserialize)]
struct Asked {
    service: Option<String>,
    #[serde(default)]
    since: u64,
}

async fn requests(State(api): State<Arc<TestApi>>, Query(asked): Query<Asked>) -> Response {
    let seen = hold(&api.seen);
    let fits = |one: &&Seen| one.id > asked.since && asked.service.as_deref().is_none_or(|name| name == one.service);
    Json(seen.iter().filter(fits).cloned().collect::<Vec<_>>()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back() {
        let clock = Clock::default();
        let start = clock.now_ms();
        clock.advance(Duration::from_secs(400 * 86_400));
        let later = clock.now_ms();
        assert!(later >= start + 400 * 86_400_000);
        clock.set(0);
        assert!(clock.now_ms() >= later);
        clock.set(later + 5_000);
        assert!(clock.now_ms() >= later + 5_000);
    }

    #[test]
    fn a_fault_comes_as_often_as_it_was_ordered() {
        let api = TestApi::default();
        let answer = Answer::Error { status: 503, code: "SlowDown".into() };
        let rule = Rule {
            service: "s3".into(),
            operation: Some("PutObject".into()),
            fits: Some("/stones/".into()),
            answer: answer.clone(),
            count: 2,
            one_in: 1,
            seed: 0,
        };
        hold(&api.rules).push(rule.clone());
        assert_eq!(api.fault("s3", "GetObject", "/stones/a"), None);
        assert_eq!(api.fault("s3", "PutObject", "/bones/a"), None);
        for _ in 0..2 {
            assert_eq!(api.fault("s3", "PutObject", "/stones/a"), Some(answer.clone()));
        }
        assert_eq!(api.fault("s3", "PutObject", "/stones/a"), None);
        let run = |seed| {
            let api = TestApi::default();
            hold(&api.rules).push(Rule { count: 1000, one_in: 4, seed, ..rule.clone() });
            (0..100).map(|_| api.fault("s3", "PutObject", "/stones/a").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7), "the same seed hits the same requests");
        let hits = run(7).iter().filter(|hit| **hit).count();
        assert!((5..60).contains(&hits), "{hits}");
    }
}
