//! Routes and bodies, as Qdrant's clients send them.

use std::sync::Arc;
use std::time::Instant;

use dolmen_host::axum::Router;
use dolmen_host::axum::body::Bytes;
use dolmen_host::axum::extract::{DefaultBodyLimit, Path, Request, State};
use dolmen_host::axum::http::{HeaderMap, StatusCode, header};
use dolmen_host::axum::middleware::{self, Next};
use dolmen_host::axum::response::{IntoResponse, Response};
use dolmen_host::axum::routing::{get, post, put};
use serde_json::{Value, json};

use crate::collection::{Collection, Hit, Point, Query, Shape};
use crate::fail::Failure;
use crate::filter::Filter;
use crate::id::PointId;
use crate::service::Vectors;

/// Most hits of a search.
const LIMIT_MAX: u64 = 10_000;

type Answer = Result<Value, Failure>;

/// All routes.
pub fn router(service: Arc<Vectors>, body_max: usize) -> Router {
    let points = "/collections/{name}/points";
    let at = |rest: &str| format!("{points}{rest}");
    Router::new()
        .route("/", get(root))
        .route("/openapi.json", get(openapi))
        .route("/healthz", get(|| async { "healthz check passed" }))
        .route("/readyz", get(|| async { "all shards are ready" }))
        .route("/livez", get(|| async { "healthz check passed" }))
        .route("/collections", get(list))
        .route("/collections/{name}", put(create).get(info).delete(drop_collection))
        .route("/collections/{name}/exists", get(exists))
        .route(points, put(upsert).post(retrieve))
        .route(&at("/delete"), post(delete))
        .route(&at("/search"), post(search))
        .route(&at("/search/batch"), post(search_batch))
        .route(&at("/query"), post(query))
        .route(&at("/query/batch"), post(query_batch))
        .route(&at("/range"), post(range))
        .route(&at("/count"), post(count))
        .route(&at("/{id}"), get(one))
        .fallback(|| async {
            answer(Instant::now(), Err(Failure::missing("there is no such route; /openapi.json lists them")))
        })
        .layer(DefaultBodyLimit::max(body_max))
        .layer(middleware::from_fn_with_state(service.clone(), guard))
        .with_state(service)
}

async fn root() -> Response {
    let title =
        json!({"title": "dolmen - vector search", "version": "1.15.0", "dolmen": env!("CARGO_PKG_VERSION")});
    json_response(StatusCode::OK, &title)
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("openapi.json")).into_response()
}

/// A page of the web must not reach this through a browser, and a key that is set must be given.
async fn guard(State(service): State<Arc<Vectors>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let refused = |status, text: &str| answer(start, Err(Failure { status, text: text.to_owned() }));
    if request.headers().contains_key(header::ORIGIN) {
        return refused(403, "requests of web pages are not served here");
    }
    if !authorized(request.headers(), service.api_key()) {
        return refused(401, "give the key as the header api-key");
    }
    next.run(request).await
}

fn authorized(headers: &HeaderMap, key: Option<&str>) -> bool {
    let Some(key) = key else { return true };
    let given = headers.get("api-key").and_then(|value| value.to_str().ok());
    let bearer =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let same = |given: &str| {
        given.len() == key.len() && given.bytes().zip(key.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    };
    given.or(bearer).is_some_and(same)
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn answer(start: Instant, result: Answer) -> Response {
    let time = start.elapsed().as_secs_f64();
    match result {
        Ok(result) => json_response(StatusCode::OK, &json!({"result": result, "status": "ok", "time": time})),
        Err(Failure { status, text }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            json_response(status, &json!({"status": {"error": text}, "time": time}))
        }
    }
}

/// Runs a request on a thread that may block.
async fn on_thread(
    service: Arc<Vectors>,
    work: impl FnOnce(&Vectors) -> Answer + Send + 'static,
) -> Response {
    let start = Instant::now();
    let result = tokio::task::spawn_blocking(move || work(&service)).await;
    answer(start, result.unwrap_or_else(|_| Err(Failure::broken("the request failed inside the service"))))
}

fn parse(body: &Bytes) -> Answer {
    serde_json::from_slice(body).map_err(|error| Failure::bad(format!("the body is no JSON: {error}")))
}

fn number(value: &Value, name: &str) -> Result<Option<u64>, Failure> {
    match &value[name] {
        Value::Null => Ok(None),
        given => given
            .as_u64()
            .map(Some)
            .ok_or_else(|| Failure::bad(format!("{name} is {given}: expected an unsigned number"))),
    }
}

fn vector(value: &Value) -> Result<Vec<f32>, Failure> {
    let list = value
        .as_array()
        .ok_or_else(|| Failure::bad("a vector is an array of numbers; named vectors are not served"))?;
    let number = |value: &Value| value.as_f64().map(|value| value as f32);
    list.iter()
        .map(number)
        .collect::<Option<_>>()
        .ok_or_else(|| Failure::bad("a vector holds something that is no number"))
}

async fn list(State(service): State<Arc<Vectors>>) -> Response {
    let names: Vec<Value> = service.names().into_iter().map(|name| json!({"name": name})).collect();
    answer(Instant::now(), Ok(json!({"collections": names})))
}

async fn create(State(service): State<Arc<Vectors>>, Path(name): Path<String>, body: Bytes) -> Response {
    on_thread(service, move |service| {
        let body = parse(&body)?;
        let vectors = &body["vectors"];
        let size = number(vectors, "size")?
            .ok_or_else(|| Failure::bad("vectors.size is missing; named vectors are not served"))?;
        let hnsw = |key: &str, usual: u64| -> Result<usize, Failure> {
            let given = match number(&vectors["hnsw_config"], key)? {
                None => number(&body["hnsw_config"], key)?,
                given => given,
            };
            Ok(given.unwrap_or(usual) as usize)
        };
        let given = |key: &str| if vectors[key].is_null() { &body[key] } else { &vectors[key] };
        let quantized = given("quantization_config");
        let form = match given("form").as_str() {
            Some(form) => form,
            None if !quantized["scalar"].is_null() => "sq8",
            None if !quantized["binary"].is_null() => "qg",
            None if !quantized.is_null() => {
                return Err(Failure::bad("quantization_config: expected scalar or binary"));
            }
            None => "f32",
        };
        let shape = Shape {
            name,
            size: size as usize,
            distance: vectors["distance"].as_str().unwrap_or("").to_owned(),
            form: form.to_owned(),
            m: hnsw("m", 16)?,
            ef_construct: hnsw("ef_construct", 100)?,
        };
        service.create(shape).map(|()| Value::from(true))
    })
    .await
}

async fn drop_collection(State(service): State<Arc<Vectors>>, Path(name): Path<String>) -> Response {
    on_thread(service, move |service| service.remove(&name).map(Value::from)).await
}

async fn exists(State(service): State<Arc<Vectors>>, Path(name): Path<String>) -> Response {
    answer(Instant::now(), Ok(json!({"exists": service.collection(&name).is_ok()})))
}

async fn info(State(service): State<Arc<Vectors>>, Path(name): Path<String>) -> Response {
    on_thread(service, move |service| {
        let collection = service.collection(&name)?;
        let (shape, points) = (&collection.shape, collection.len());
        Ok(json!({
            "status": if collection.is_broken() { "red" } else { "green" },
            "optimizer_status": "ok",
            "points_count": points,
            "indexed_vectors_count": points,
            "segments_count": 1,
            "payload_schema": {},
            "config": {
                "params": {"vectors": {"size": shape.size, "distance": shape.distance}, "shard_number": 1, "on_disk_payload": false},
                "hnsw_config": {"m": shape.m, "ef_construct": shape.ef_construct, "full_scan_threshold": 10000},
                "optimizer_config": {
                    "deleted_threshold": 0.03, "vacuum_min_vector_number": 16, "default_segment_number": 1, "flush_interval_sec": 0
                },
                "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
                "form": shape.form,
            },
        }))
    })
    .await
}

fn points_of(body: &Value) -> Result<Vec<Point>, Failure> {
    let point = |id: &Value, vector_of: &Value, payload: &Value| -> Result<Point, Failure> {
        let id = PointId::parse(id)?;
        let vector = vector(vector_of)
            .map_err(|failure| Failure::bad(format!("point {}: {}", id.json(), failure.text)))?;
        Ok(Point { id, vector, payload: payload.clone() })
    };
    if let Some(points) = body["points"].as_array() {
        return points.iter().map(|one| point(&one["id"], &one["vector"], &one["payload"])).collect();
    }
    let batch = &body["batch"];
    let (Some(ids), Some(vectors)) = (batch["ids"].as_array(), batch["vectors"].as_array()) else {
        return Err(Failure::bad("expected points, or batch with ids and vectors"));
    };
    let payloads = batch["payloads"].as_array();
    if vectors.len() != ids.len() || payloads.is_some_and(|payloads| payloads.len() != ids.len()) {
        return Err(Failure::bad(format!(
            "batch: {} ids, but another number of vectors or payloads",
            ids.len()
        )));
    }
    let payload = |at: usize| payloads.and_then(|payloads| payloads.get(at)).unwrap_or(&Value::Null);
    ids.iter().zip(vectors).enumerate().map(|(at, (id, vector))| point(id, vector, payload(at))).collect()
}

fn done() -> Value {
    json!({"operation_id": 0, "status": "completed"})
}

async fn upsert(State(service): State<Arc<Vectors>>, Path(name): Path<String>, body: Bytes) -> Response {
    on_thread(service, move |service| {
        let collection = service.collection(&name)?;
        collection.upsert(points_of(&parse(&body)?)?)?;
        service.save_later(&collection);
        Ok(done())
    })
    .await
}

fn ids_of(value: &Value) -> Result<Vec<PointId>, Failure> {
    let list = value.as_array().ok_or_else(|| Failure::bad("expected an array of ids"))?;
    list.iter().map(PointId::parse).collect()
}

async fn delete(State(service): State<Arc<Vectors>>, Path(name): Path<String>, body: Bytes) -> Response {
    on_thread(service, move |service| {
        let collection = service.collection(&name)?;
        let body = parse(&body)?;
        let ids = if body["points"].is_null() {
            let filter =
                Filter::parse(&body["filter"])?.ok_or_else(|| Failure::bad("expected points or filter"))?;
            collection.matching(&filter)
        } else {
            ids_of(&body["points"])?
        };
        collection.delete(&ids)?;
        service.save_later(&collection);
        Ok(done())
    })
    .await
}

/// The parts of a payload that are asked for: all, none, or some keys.
fn payload_of(hit: &Hit, wanted: &Value) -> Option<Value> {
    let keys = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)).collect()
    };
    let pick = |keep: &dyn Fn(&str) -> bool| {
        let fields = hit.payload.as_object().into_iter().flatten();
        Value::Object(
            fields.filter(|(key, _)| keep(key)).map(|(key, value)| (key.clone(), value.clone())).collect(),
        )
    };
    let all = || if hit.payload.is_null() { json!({}) } else { (*hit.payload).clone() };
    match wanted {
        Value::Bool(true) => Some(all()),
        Value::Array(_) => {
            let keys = keys(wanted);
            Some(pick(&|key| keys.iter().any(|one| one == key)))
        }
        Value::Object(rules) => {
            let (include, exclude) = (rules.get("include").map(keys), rules.get("exclude").map(keys));
            Some(pick(&|key| {
                include.as_ref().is_none_or(|list| list.iter().any(|one| one == key))
                    && !exclude.as_ref().is_some_and(|list| list.iter().any(|one| one == key))
            }))
        }
        _ => None,
    }
}

fn show(hit: &Hit, scored: bool, with_payload: &Value) -> Value {
    let mut shown = json!({"id": hit.id.json()});
    if scored {
        shown["version"] = Value::from(0);
        shown["score"] = Value::from(hit.score);
    }
    if let Some(payload) = payload_of(hit, with_payload) {
        shown["payload"] = payload;
    }
    if let Some(vector) = &hit.vector {
        shown["vector"] = json!(vector);
    }
    shown
}

fn wants_vector(body: &Value) -> bool {
    body["with_vector"] == Value::Bool(true) || body["with_vectors"] == Value::Bool(true)
}

async fn retrieve(State(service): State<Arc<Vectors>>, Path(name): Path<String>, body: Bytes) -> Response {
    on_thread(service, move |service| {
        let body = parse(&body)?;
        let hits = service.collection(&name)?.get(&ids_of(&body["ids"])?, wants_vector(&body))?;
        let wanted =
            if body["with_payload"].is_null() { Value::Bool(true) } else { body["with_payload"].clone() };
        Ok(hits.iter().map(|hit| show(hit, false, &wanted)).collect())
    })
    .await
}

async fn one(State(service): State<Arc<Vectors>>, Path((name, id)): Path<(String, String)>) -> Response {
    on_thread(service, move |service| {
        let missing = || Failure::missing(format!("there is no point {id}"));
        let point = PointId::parse_text(&id).ok_or_else(missing)?;
        let hits = service.collection(&name)?.get(&[point], true)?;
        hits.first().map(|hit| show(hit, false, &Value::Bool(true))).ok_or_else(missing)
    })
    .await
}

fn read_query(collection: &Collection, body: &Value, vector_of: &Value) -> Result<Query, Failure> {
    let nearest = if vector_of.is_object() { &vector_of["nearest"] } else { vector_of };
    let point = (nearest.is_u64() || nearest.is_string()).then(|| PointId::parse(nearest)).transpose()?;
    let vector = point.map_or_else(|| vector(nearest), |id| collection.vector(id))?;
    let limit = number(body, "limit")?.or(number(body, "top")?).unwrap_or(10);
    let offset = number(body, "offset")?.unwrap_or(0);
    if limit > LIMIT_MAX || offset > LIMIT_MAX {
        return Err(Failure::bad(format!("limit and offset are at most {LIMIT_MAX}")));
    }
    let params = &body["params"];
    Ok(Query {
        vector,
        limit: limit as usize,
        offset: offset as usize,
        without: point,
        filter: Filter::parse(&body["filter"])?,
        ef: number(params, "hnsw_ef")?.map(|ef| ef as usize),
        exact: params["exact"] == Value::Bool(true),
        threshold: body["score_threshold"].as_f64().map(|score| score as f32),
        with_vector: wants_vector(body),
    })
}

fn run_search(collection: &Collection, body: &Value, key: &str) -> Answer {
    let hits = collection.search(&read_query(collection, body, &body[key])?)?;
    Ok(hits.iter().map(|hit| show(hit, true, &body["with_payload"])).collect())
}

async fn search(State(service): State<Arc<Vectors>>, Path(name): Path<String>, body: Bytes) -> Response {
    on_thread(service, move |service| run_search(&*service.collection(&name)?, &parse(&body)?, "vector"))
        .await
}

async fn search_batch(
    State(service): State<Arc<Vectors>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    on_thread(service, move |service| {
        let (collection, body) = (service.collection(&name)?, parse(&body)?);
        let searches = body["searches"].as_array().ok_or_else(|| Failure::bad("expected searches"))?;
        searches.iter().map(|one| run_search(&collection, one, "vector")).collect()
    })
    .await
}

async fn query(State(service): State<Arc<Vectors>>, Path(name): Path<String>, body: Bytes) -> Response {
    on_thread(service, move |service| {
        Ok(json!({"points": run_search(&*service.collection(&name)?, &parse(&body)?, "query")?}))
    })
    .await
}

async fn query_batch(State(service): State<Arc<Vectors>>, Path(name): Path<String>, body: Bytes) -> Response {
    on_thread(service, move |service| {
        let (collection, body) = (service.collection(&name)?, parse(&body)?);
        let searches = body["searches"].as_array().ok_or_else(|| Failure::bad("expected searches"))?;
        searches.iter().map(|one| Ok(json!({"points": run_search(&collection, one, "query")?}))).collect()
    })
    .await
}

async fn range(State(service): State<Arc<Vectors>>, Path(name): Path<String>, body: Bytes) -> Response {
    on_thread(service, move |service| {
        let (collection, body) = (service.collection(&name)?, parse(&body)?);
        let radius = body["radius"]
            .as_f64()
            .ok_or_else(|| Failure::bad("radius is missing: the worst score that counts"))?;
        let mut query = read_query(&collection, &body, &body["vector"])?;
        query.limit = number(&body, "limit")?.unwrap_or(LIMIT_MAX) as usize;
        let hits = collection.range(&query, radius as f32)?;
        Ok(hits.iter().map(|hit| show(hit, true, &body["with_payload"])).collect())
    })
    .await
}

async fn count(State(service): State<Arc<Vectors>>, Path(name): Path<String>, body: Bytes) -> Response {
    on_thread(service, move |service| {
        let collection = service.collection(&name)?;
        let body = if body.is_empty() { Value::Null } else { parse(&body)? };
        let count = match Filter::parse(&body["filter"])? {
            Some(filter) => collection.matching(&filter).len(),
            None => collection.len(),
        };
        Ok(json!({"count": count}))
    })
    .await
}
