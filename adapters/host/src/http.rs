//! Port 7000: probes, metrics, the page, and each service's own routes under its name.
//!
//! A page on the web must not reach a loopback service through a browser: Host is compared exactly and first, then
//! Origin, if there is one.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tokio::net::TcpListener;

use crate::connection;
use crate::context::Stop;
use crate::metrics::Metrics;
use crate::service::{Hosted, Registered};
use crate::test_api::{self, Clock, TestApi};
use crate::{page, process};

/// A service that runs, as port 7000 shows it.
pub(crate) struct Running {
    pub entry: Registered,
    pub hosted: Arc<dyn Hosted>,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
}

/// The services of this process, and whether it is being stopped.
pub(crate) struct Host {
    pub services: Vec<Running>,
    /// Host names accepted besides those of loopback and the listen address.
    pub allowed: Vec<String>,
    /// The address of port 7000.
    pub address: SocketAddr,
    /// What must be given, as Basic or Bearer credentials, for everything but the probes; `None`: nothing.
    pub password: Option<String>,
    /// The data directory.
    pub data: PathBuf,
    pub started: Instant,
    pub stop: Stop,
    /// What the services' clock says.
    pub clock: Arc<Clock>,
    /// The interface for tests, where it was asked for.
    pub test_api: Option<Arc<TestApi>>,
}

/// What a service may not be called: its place on port 7000 is taken.
pub(crate) const RESERVED: [&str; 7] =
    ["_dolmen", "metrics", "healthz", "livez", "readyz", "style.css", "dolmen.svg"];

/// Serves until `stop` says so. Idle connections do not hold it up.
pub(crate) async fn serve(host: Arc<Host>, listener: TcpListener) {
    let mut stop = host.stop.clone();
    let mut app = Router::new()
        .route("/", get(page::index))
        .route("/style.css", get(page::style))
        .route("/dolmen.svg", get(page::picture))
        .route("/metrics", get(metrics))
        .with_state(host.clone());
    for running in &host.services {
        app = app.nest(&format!("/{}", running.entry.name), running.hosted.clone().routes());
    }
    if let Some(api) = &host.test_api {
        app = app.merge(test_api::routes(api.clone(), host.clock.clone(), host.clone()));
    }
    let app = app
        .fallback(missing)
        .layer(middleware::from_fn_with_state(host.clone(), authenticate))
        .route("/healthz", get(|| async { text("ok\n") }))
        .route("/livez", get(|| async { text("ok\n") }))
        .merge(Router::new().route("/readyz", get(ready)).with_state(host.clone()))
        .layer(middleware::from_fn_with_state(host.clone(), guard));
    connection::serve(app, listener, LIMITS, stop.wait()).await;
}

/// Nobody has much to ask here: a page, a probe, a scrape.
const LIMITS: connection::Limits = connection::Limits {
    connections: 256,
    head: Duration::from_secs(10),
    stop: Duration::from_secs(2),
    ..connection::Limits::new("port 7000")
};

async fn missing() -> Response {
    (StatusCode::NOT_FOUND, text("there is no such page here; / lists what there is\n")).into_response()
}

fn text(body: impl Into<String>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (headers, body.into()).into_response()
}

async fn guard(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    if !is_clear(request.headers()) {
        let text = text("a request names one Host, and at most one Origin (RFC 9112, section 3.2)\n");
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    if host.accepts(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, text("this Host or Origin is not served here; see --allow-host\n"))
        .into_response()
}

async fn authenticate(State(host): State<Arc<Host>>, request: Request, next: Next) -> Response {
    if host.authorizes(request.headers()) {
        return next.run(request).await;
    }
    let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"dolmen\"")];
    (StatusCode::UNAUTHORIZED, ask, text("the password stands in the data directory's file credentials\n"))
        .into_response()
}

/// Whether there is no doubt which Host and Origin count.
fn is_clear(headers: &HeaderMap) -> bool {
    let count = |name| headers.get_all(name).iter().count();
    count(header::HOST) == 1 && count(header::ORIGIN) <= 1
}

impl Host {
    /// Whether Host, the target if it has an authority (which counts before Host), and Origin if present name this server.
    fn accepts(&self, target: &Uri, headers: &HeaderMap) -> bool {
        let value = |name| headers.get(name).map(|v| v.to_str().unwrap_or(""));
        let host_fits = value(header::HOST).is_some_and(|host| self.knows(host));
        let origin = |origin: &str| {
            let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            rest.is_some_and(|host| self.knows(host))
        };
        let target_fits = target.authority().is_none_or(|authority| self.knows(authority.as_str()));
        host_fits && target_fits && value(header::ORIGIN).is_none_or(origin)
    }

    fn knows(&self, authority: &str) -> bool {
        let Some(name) = host_name(authority) else { return false };
        let local = ["localhost", "127.0.0.1", "::1"].iter().any(|l| name.eq_ignore_ascii_case(l));
        // Rebinding needs a name: where every address of the machine is listened to, any address may be written.
        let any = self.address.ip().is_unspecified();
        let listens = name.parse::<IpAddr>().is_ok_and(|ip| any || ip == self.address.ip());
        local || listens || self.allowed.iter().any(|a| a.eq_ignore_ascii_case(name))
    }

    /// Whether the password was given: `Bearer PASSWORD`, or `Basic` with any user.
    fn authorizes(&self, headers: &HeaderMap) -> bool {
        let Some(password) = &self.password else { return true };
        let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or("");
        let (scheme, rest) = given.split_once(' ').unwrap_or((given, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            return same(rest.trim().as_bytes(), password.as_bytes());
        }
        let pair = BASE64.decode(rest.trim()).unwrap_or_default();
        let colon = pair.iter().position(|&b| b == b':');
        scheme.eq_ignore_ascii_case("basic")
            && colon.is_some_and(|at| same(&pair[at + 1..], password.as_bytes()))
    }
}

/// Compares all bytes, whatever the first difference.
pub fn same(given: &[u8], right: &[u8]) -> bool {
    let difference = given.iter().zip(right.iter().cycle()).fold(0, |d, (a, b)| d | (a ^ b));
    given.len() == right.len() && difference == 0
}

/// RFC 4648's alphabet, padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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
    let mut all = !host.stop.is_stopping();
    if !all {
        body.push_str("[-]process is stopping\n");
    }
    for service in &host.services {
        let _ = match service.hosted.ready() {
            Ok(()) => writeln!(body, "[+]{} ok", service.entry.name),
            Err(reason) => {
                all = false;
                writeln!(body, "[-]{} {reason}", service.entry.name)
            }
        };
    }
    let verbose = request.uri().query() == Some("verbose");
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, text(if all && !verbose { "ok\n".into() } else { body })).into_response()
}

async fn metrics(State(host): State<Arc<Host>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or("");
    let open = accept.contains("application/openmetrics-text");
    let kind = if open {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    let mut out = Metrics::new(open);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.gauge("dolmen_build_info", "The version that runs.").sample(&version, 1);
    process::metrics(&mut out);
    out.gauge("dolmen_service_ready", "Whether a service can do its work.");
    for service in &host.services {
        out.sample(&[("service", service.entry.name)], u8::from(service.hosted.ready().is_ok()));
    }
    host.services.iter().for_each(|service| service.hosted.metrics(&mut out));
    ([(header::CONTENT_TYPE, kind)], out.finish()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str, password: Option<&str>) -> Host {
        let (_, stop) = tokio::sync::watch::channel(false);
        let allowed = vec!["box.example".into()];
        Host {
            services: Vec::new(),
            allowed,
            address: address.parse().unwrap(),
            password: password.map(Into::into),
            data: PathBuf::new(),
            started: Instant::now(),
            stop: Stop::new(stop),
            clock: Arc::default(),
            test_api: None,
        }
    }

    fn accepts(host: Option<&str>, origin: Option<&str>) -> bool {
        let server = server("127.0.0.1:7000", None);
        let mut headers = HeaderMap::new();
        let pairs = [(header::HOST, host), (header::ORIGIN, origin)];
        for (name, value) in pairs.into_iter().filter_map(|(n, v)| Some((n, v?))) {
            headers.insert(name, value.parse().unwrap());
        }
        server.accepts(&Uri::from_static("/"), &headers)
    }

    /// What a proxy before us might judge by another than we do is no request.
    #[test]
    fn a_request_names_one_host() {
        let headers = |pairs: &[(header::HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, value.parse().unwrap());
            }
            headers
        };
        let (host, origin) = ((header::HOST, "localhost"), (header::ORIGIN, "http://localhost"));
        assert!(
            is_clear(&headers(std::slice::from_ref(&host)))
                && is_clear(&headers(&[host.clone(), origin.clone()]))
        );
        assert!(
            !is_clear(&headers(&[])) && !is_clear(&headers(&[host.clone(), (header::HOST, "evil.example")]))
        );
        assert!(!is_clear(&headers(&[
            host.clone(),
            origin.clone(),
            (header::ORIGIN, "http://evil.example")
        ])));
        let server = server("127.0.0.1:7000", None);
        let accepts =
            |target: &str| server.accepts(&target.parse().unwrap(), &headers(std::slice::from_ref(&host)));
        assert!(accepts("/metrics") && accepts("http://localhost:7000/metrics"));
        assert!(!accepts("http://evil.example/metrics"));
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

    #[test]
    fn beyond_loopback_names_are_still_checked() {
        let accepts = |host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            server("0.0.0.0:7000", Some("x")).accepts(&Uri::from_static("/"), &headers)
        };
        assert!(accepts("10.1.2.3:7000") && accepts("[fd00::1]:7000") && accepts("box.example:7000"));
        assert!(!accepts("rebound.example:7000") && !accepts("10.1.2.3.evil.example"));
    }

    #[test]
    fn the_password_is_asked_for_where_there_is_one() {
        let allows = |given: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, given.parse().unwrap())]);
            server("0.0.0.0:7000", Some("open:sesame")).authorizes(&headers)
        };
        // RFC 7617's example is Aladdin:open sesame; here by `printf dolmen:open:sesame | base64`.
        assert!(allows("Bearer open:sesame") && allows("basic ZG9sbWVuOm9wZW46c2VzYW1l"));
        for wrong in ["Bearer open:sesam", "Bearer open:sesamee", "Basic !!", "Basic", "Digest x", "Bearer "]
        {
            assert!(!allows(wrong), "{wrong}");
        }
        assert!(!server("0.0.0.0:7000", Some("x")).authorizes(&HeaderMap::new()));
        assert!(server("127.0.0.1:7000", None).authorizes(&HeaderMap::new()));
        assert_eq!(BASE64.decode("QWxhZGRpbjpvcGVuIHNlc2FtZQ").unwrap(), b"Aladdin:open sesame");
    }
}
