//! One shape for every service: a name, an address, a command to try, readiness, metrics; and port 7000, where people and
//! probes look at them.
//!
//! A page on the web must not reach a loopback service through a browser: Host is compared exactly and first, then
//! Origin, if there is one.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the host knows about a service.
pub trait Service: Send + Sync {
    /// Its short name.
    fn name(&self) -> &'static str;
    /// Where it listens.
    fn address(&self) -> SocketAddr;
    /// A command that a person may try.
    fn hint(&self) -> String;
    /// Why it cannot do its work now, if so; without paths.
    fn ready(&self) -> Result<(), String>;
    /// Appends its metrics in Prometheus's text format.
    fn metrics(&self, out: &mut String);
}

/// The services of this process, and whether it is being stopped.
pub struct Host {
    /// The services.
    pub services: Vec<Arc<dyn Service>>,
    /// Host names accepted besides those of loopback and the listen address.
    pub allowed: Vec<String>,
    /// The address of port 7000.
    pub address: SocketAddr,
    /// Turns true at the first signal.
    pub stop: watch::Receiver<bool>,
}

/// Serves until `stop` says so. Idle connections do not hold it up.
pub async fn serve(host: Arc<Host>, listener: TcpListener) {
    let mut stop = host.stop.clone();
    let app = Router::new()
        .route("/", get(index))
        .route("/healthz", get(|| async { text("ok\n") }))
        .route("/livez", get(|| async { text("ok\n") }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(host.clone(), guard))
        .with_state(host);
    tokio::select! {
        _ = async { axum::serve(listener, app).await } => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

fn text(body: impl Into<String>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (headers, body.into()).into_response()
}

async fn guard(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    if host.accepts(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, text("this Host or Origin is not served here; see --allow-host\n"))
        .into_response()
}

impl Host {
    /// Whether Host, and Origin if present, name this server.
    fn accepts(&self, headers: &HeaderMap) -> bool {
        if !self.address.ip().is_loopback() && self.allowed.is_empty() {
            return true;
        }
        let value = |name| headers.get(name).map(|v| v.to_str().unwrap_or(""));
        let host_fits = value(header::HOST).is_some_and(|host| self.knows(host));
        let origin = |origin: &str| {
            let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            rest.is_some_and(|host| self.knows(host))
        };
        host_fits && value(header::ORIGIN).is_none_or(origin)
    }

    fn knows(&self, authority: &str) -> bool {
        let Some(name) = host_name(authority) else { return false };
        let local = ["localhost", "127.0.0.1", "::1"].iter().any(|l| name.eq_ignore_ascii_case(l));
        let listens = name.parse::<IpAddr>().is_ok_and(|ip| ip == self.address.ip());
        local || listens || self.allowed.iter().any(|a| a.eq_ignore_ascii_case(name))
    }
}

/// The host in `host`, `host:port`, `[v6]` or `[v6]:port`; anything else is none.
fn host_name(authority: &str) -> Option<&str> {
    let (name, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']')?;
            (name, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (authority, None),
        },
    };
    (port.is_none_or(|p| p.parse::<u16>().is_ok()) && !name.is_empty()).then_some(name)
}

async fn ready(State(host): State<Arc<Host>>, request: Request) -> Response {
    let mut body = String::new();
    let mut all = !*host.stop.borrow();
    if !all {
        body.push_str("[-]process is stopping\n");
    }
    for service in &host.services {
        let _ = match service.ready() {
            Ok(()) => writeln!(body, "[+]{} ok", service.name()),
            Err(reason) => {
                all = false;
                writeln!(body, "[-]{} {reason}", service.name())
            }
        };
    }
    let verbose = request.uri().query() == Some("verbose");
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, text(if all && !verbose { "ok\n".into() } else { body })).into_response()
}

async fn metrics(State(host): State<Arc<Host>>, headers: HeaderMap) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    let mut out = format!("# TYPE dolmen_build_info gauge\ndolmen_build_info{{version=\"{version}\"}} 1\n");
    host.services.iter().for_each(|service| service.metrics(&mut out));
    let accept = headers.get(header::ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or("");
    let kind = if accept.contains("application/openmetrics-text") {
        out.push_str("# EOF\n");
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    ([(header::CONTENT_TYPE, kind)], out).into_response()
}

async fn index(State(host): State<Arc<Host>>) -> Response {
    let mut rows = String::new();
    for service in &host.services {
        let (name, address, hint) = (service.name(), service.address(), service.hint());
        let _ = writeln!(rows, "<tr><td>{name}<td>{address}<td><code>{hint}</code>");
    }
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>dolmen</title><h1>dolmen</h1>\n<table>\n{rows}</table>\n\
         <p><a href=/metrics>metrics</a> <a href=\"/readyz?verbose\">readiness</a>\n"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'self'"),
    ];
    (headers, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(host: Option<&str>, origin: Option<&str>) -> bool {
        let (_, stop) = watch::channel(false);
        let address = "127.0.0.1:7000".parse().unwrap();
        let server = Host { services: Vec::new(), allowed: vec!["box.example".into()], address, stop };
        let mut headers = HeaderMap::new();
        let pairs = [(header::HOST, host), (header::ORIGIN, origin)];
        for (name, value) in pairs.into_iter().filter_map(|(n, v)| Some((n, v?))) {
            headers.insert(name, value.parse().unwrap());
        }
        server.accepts(&headers)
    }

    #[test]
    fn only_our_own_names_are_served() {
        for host in ["localhost", "localhost:7000", "127.0.0.1:1", "[::1]", "[::1]:7000", "BOX.example"] {
            assert!(accepts(Some(host), None), "{host}");
        }
        for host in
            ["localhost.evil.example", "evil.example", "", "127.0.0.1.evil:80", "[::1]x", "localhost:http"]
        {
            assert!(!accepts(Some(host), None), "{host}");
        }
        assert!(!accepts(None, None));
        assert!(accepts(Some("localhost"), Some("http://localhost:5173")));
        for origin in ["null", "http://evil.example", "http://localhost.evil.example", "file://"] {
            assert!(!accepts(Some("localhost"), Some(origin)), "{origin}");
        }
        // Deriving the allowed Origin from Host would let a rebound name in.
        assert!(!accepts(Some("evil.example"), Some("http://evil.example")));
    }
}
