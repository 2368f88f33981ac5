//! `dolmen up` with a language model, as clients of OpenAI's interface see it: answers, streams, embeddings, many at a time, and requests that make no sense.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const DOLMEN: &str = env!("CARGO_BIN_EXE_dolmen");
/// Longest body that the server here takes.
const BODY_MAX: usize = 64 << 10;
const CONTEXT: usize = 96;

/// Trains a model of 32 wide for two steps.
fn model(dir: &Path) {
    let path = |name: &str| dir.join(name).display().to_string();
    let settings = format!(
        "n_layer = 2\nn_head = 2\nn_embd = 32\nblock_size = {CONTEXT}\nbatch_size = 1\neval_interval = 100\n"
    );
    std::fs::write(path("tiny.toml"), settings).unwrap();
    let line = "<|im_start|>user\nA river runs past stones. <|im_end|>\n<|im_start|>assistant\n";
    std::fs::write(path("text"), line.repeat(40)).unwrap();
    let args = ["llm", "train", "--steps", "2", "--sample", "4", "--data"];
    let output = Command::new(DOLMEN)
        .args(args)
        .args([path("text"), "--model".into(), path("tiny.toml"), "--out".into(), path("gpt")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

struct Server {
    child: Child,
    address: String,
    /// What it told before it was ready.
    told: String,
}

impl Server {
    fn start(dir: &Path) -> Server {
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let mut child = Command::new(DOLMEN)
            .args(["up", "--only", "llm", "--llm", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
            .arg(dir.join("data"))
            .arg("--llm-model")
            .arg(dir.join("gpt"))
            .args(["--llm.max-body", "64kb", "--llm.queue", "16"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut address = String::new();
        for line in lines {
            if let Some(rest) = line.strip_prefix("llm ") {
                address = rest.split_whitespace().next().unwrap().to_owned();
            }
            if line.starts_with("ready") {
                break;
            }
        }
        assert!(!address.is_empty(), "the server did not say where it listens");
        let told = std::fs::read_to_string(dir.join("log")).unwrap();
        Server { child, address, told }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Status and body of an answer.
    fn send(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = self.connect();
        let head = format!(
            "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, if head.contains("chunked") { unchunked(body) } else { body.to_owned() })
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.send(&format!("POST {path}"), body.to_string().as_bytes());
        (status, serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}")))
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Open files and connections of the process.
    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unchunked(mut body: &str) -> String {
    let mut all = String::new();
    while let Some((len, rest)) = body.split_once("\r\n") {
        let len = usize::from_str_radix(len, 16).unwrap();
        all.push_str(&rest[..len]);
        body = &rest[(len + 2).min(rest.len())..];
    }
    all
}

/// The objects of a stream, without the last word.
fn events(text: &str) -> Vec<Value> {
    let datas: Vec<&str> = text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(datas.last(), Some(&"[DONE]"), "{text}");
    datas[..datas.len() - 1].iter().map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn chat(words: &str) -> Value {
    json!({"messages": [{"role": "user", "content": words}], "max_tokens": 12, "temperature": 0})
}

#[test]
fn answers_streams_and_embeddings() {
    let dir = tempfile::tempdir().unwrap();
    model(dir.path());
    let server = Server::start(dir.path());
    let memory = server.told.find("of keys and values").expect("memory is told");
    assert!(memory < server.told.find("ready in").unwrap(), "{}", server.told);
    assert!(server.told.contains("bodies of requests: at most 256"), "{}", server.told);

    let (status, models) = server.send("GET /v1/models", b"");
    assert_eq!(status, 200);
    assert!(models.contains(r#""id":"gpt""#), "{models}");

    let whole = server.ask("/v1/chat/completions", &chat("A river"));
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!((text.chars().count(), &whole["choices"][0]["finish_reason"]), (12, &json!("length")));
    assert_eq!(whole["usage"]["completion_tokens"], 12);

    let mut request = chat("A river");
    request["stream"] = json!(true);
    request["stream_options"] = json!({"include_usage": true});
    let (status, body) = server.send("POST /v1/chat/completions", request.to_string().as_bytes());
    assert_eq!(status, 200);
    let parts = events(&body);
    let streamed: String =
        parts.iter().filter_map(|part| part["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(streamed, text);
    assert_eq!(parts.last().unwrap()["usage"]["completion_tokens"], 12);

    let two = json!({"prompt": ["A river", "stones"], "max_tokens": 5, "temperature": 0, "logprobs": 2});
    let two = server.ask("/v1/completions", &two);
    assert_eq!(two["choices"].as_array().unwrap().len(), 2);
    assert_eq!(two["choices"][1]["logprobs"]["token_logprobs"].as_array().unwrap().len(), 5);
    let one = json!({"prompt": "stones", "max_tokens": 5, "temperature": 0});
    assert_eq!(server.ask("/v1/completions", &one)["choices"][0]["text"], two["choices"][1]["text"]);

    let vectors = server.ask("/v1/embeddings", &json!({"input": ["A river", "stones"]}));
    let vector = vectors["data"][1]["embedding"].as_array().unwrap();
    let norm: f64 = vector.iter().map(|x| x.as_f64().unwrap().powi(2)).sum();
    assert!(vector.len() == 32 && (norm - 1.0).abs() < 1e-4, "{norm}");
}

#[test]
fn many_at_a_time_get_what_each_gets_alone() {
    let dir = tempfile::tempdir().unwrap();
    model(dir.path());
    let server = Server::start(dir.path());
    let words = ["A", "river", "runs", "past", "stones", "A river runs", "past stones.", "user"];
    let ask = |words: &str| {
        server.ask("/v1/chat/completions", &chat(words))["choices"][0]["message"]["content"].clone()
    };
    let alone: Vec<Value> = words.iter().map(|words| ask(words)).collect();
    for _ in 0..3 {
        let together: Vec<Value> = std::thread::scope(|scope| {
            let asked: Vec<_> = words.iter().map(|words| scope.spawn(|| ask(words))).collect();
            asked.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        assert_eq!(together, alone);
    }
}

#[test]
fn requests_that_make_no_sense_get_errors() {
    let dir = tempfile::tempdir().unwrap();
    model(dir.path());
    let server = Server::start(dir.path());
    let with = |name: &str, value: Value| {
        let mut request = json!({"prompt": "A", "max_tokens": 2});
        request[name] = value;
        request.to_string()
    };
    let long = "a".repeat(BODY_MAX);
    let deep = format!(r#"{{"prompt":{}"#, "[".repeat(40_000));
    let mut bad: Vec<String> =
        ["", "{", "[]", "null", r#"{"prompt":"A","temperature":NaN}"#, "{\"prompt\":\"\u{0}\"}", "\"A\""]
            .iter()
            .map(|text| (*text).to_owned())
            .collect();
    bad.push(deep);
    for (name, values) in [
        (
            "prompt",
            json!([
                "",
                [],
                [[]],
                null,
                7,
                [-1],
                [1.5],
                [99_999],
                [4_294_967_296_u64],
                vec![1; CONTEXT],
                ["A", 1],
                vec!["a"; 40]
            ]),
        ),
        ("temperature", json!([-1, 1e9, "warm"])),
        ("top_p", json!([-0.1, 1.1, []])),
        ("top_k", json!([-1, 0.5])),
        ("min_p", json!([2])),
        ("max_tokens", json!([-5, 1.5, "many"])),
        ("n", json!([0, -1, 9, 1_000_000])),
        ("seed", json!(["x", 0.5])),
        ("stop", json!([5, [1], vec!["s"; 17], ""])),
        ("logit_bias", json!([{"x": 1}, {"1": 1e9}, {"-1": 1}, 3])),
        ("logprobs", json!([-1, 21, true])),
        ("presence_penalty", json!([9])),
        ("repeat_penalty", json!([0])),
        ("response_format", json!([{"type": "poem"}, 1])),
        ("grammar", json!(["root ::= root", "root ::= (", 5])),
        ("json_schema", json!([{"pattern": "a"}, {"type": "stone"}])),
        ("stream", json!(["yes"])),
        ("tools", json!([[{}]])),
    ] {
        bad.extend(values.as_array().unwrap().iter().map(|value| with(name, value.clone())));
    }
    for body in &bad {
        let (status, answer) = server.send("POST /v1/completions", body.as_bytes());
        let shown = &body[..body.len().min(200)];
        assert_eq!(status, 400, "{shown}: {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"]["message"].as_str().is_some_and(|text| text.len() > 8), "{shown}: {answer}");
    }
    for (head, body, wanted) in [
        ("POST /v1/chat/completions", json!({"messages": []}), 400),
        ("POST /v1/chat/completions", json!({"messages": [{"role": "user", "content": 5}]}), 400),
        ("POST /v1/chat/completions", json!({"messages": [{"content": "A"}]}), 400),
        ("POST /v1/chat/completions", chat(&"A ".repeat(CONTEXT)), 400),
        ("POST /v1/embeddings", json!({"input": []}), 400),
        ("POST /v1/embeddings", json!({"input": "A", "dimensions": 7}), 400),
        ("POST /v1/embeddings", json!({"input": "A", "encoding_format": "bits"}), 400),
        ("POST /v1/embeddings", json!({"input": [[1, 99_999]]}), 400),
        ("POST /infill", json!({"input_prefix": "A"}), 400),
        ("POST /detokenize", json!({"tokens": [99_999]}), 400),
        ("POST /tokenize", json!({}), 400),
        ("GET /v1/completions", json!({}), 405),
        ("GET /v1/models/other", json!({}), 404),
        ("POST /v2/nothing", json!({}), 404),
        ("POST /v1/completions", json!({"prompt": long}), 413),
    ] {
        let (status, answer) = server.send(head, body.to_string().as_bytes());
        assert_eq!(status, wanted, "{head}: {answer}");
        assert!(answer.contains(r#""message":"#), "{head}: {answer}");
    }
    // A body without a declared length, and too long a one.
    let mut stream = server.connect();
    stream
        .write_all(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    for _ in 0..20 {
        stream.write_all(format!("1000\r\n{}\r\n", "a".repeat(4096)).as_bytes()).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.contains(" 413 "), "{line}");
    // Still there.
    assert_eq!(
        server.ask("/v1/completions", &json!({"prompt": "A", "max_tokens": 2}))["usage"]["completion_tokens"],
        2
    );
}

#[test]
fn clients_that_leave_or_dawdle_hold_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    model(dir.path());
    let server = Server::start(dir.path());
    let body =
        json!({"prompt": "A", "max_tokens": 90, "stream": true, "ignore_eos": true, "n": 4}).to_string();
    let request =
        format!("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(server.send("GET /health", b"").1, r#"{"status":"ok"}"#);
    let before = server.descriptors();
    // Half a head, half a body, and whole requests of clients that never read.
    let dawdlers: Vec<TcpStream> = (0..30)
        .map(|nth| {
            let mut stream = server.connect();
            let len = [20, request.len() - 5, request.len()][nth % 3];
            stream.write_all(&request.as_bytes()[..len]).unwrap();
            stream
        })
        .collect();
    let asked = Instant::now();
    let answer = loop {
        // More may wait than are taken: that is told, and the next try gets in.
        let (status, answer) = server.post("/v1/completions", &json!({"prompt": "river", "max_tokens": 2}));
        match status {
            200 => break answer,
            503 => assert!(asked.elapsed() < Duration::from_secs(60), "{answer}"),
            _ => panic!("{status}: {answer}"),
        }
    };
    assert_eq!(answer["usage"]["completion_tokens"], 2);
    drop(dawdlers);
    // What the others asked for is given up, and their connections are closed.
    let left = Instant::now();
    while server.descriptors() > before + 1 {
        assert!(left.elapsed() < Duration::from_secs(60), "connections stay");
        std::thread::sleep(Duration::from_millis(50));
    }
}
