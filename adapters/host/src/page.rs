//! The page of port 7000: which services there are, whether they work, where their data is, and what to type.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::http::Host;

/// `/`
pub(crate) async fn index(State(host): State<Arc<Host>>) -> Response {
    let mut rows = String::new();
    for service in &host.services {
        let (class, state) = match service.hosted.ready() {
            Ok(()) => ("ready", "ready".to_string()),
            Err(reason) => ("failing", reason),
        };
        let _ = write!(
            rows,
            "<section><h2>{name}</h2><p>{title}\n<p class={class}>{state}\n<dl>",
            name = service.entry.name,
            title = escape(service.entry.title),
            state = escape(&state),
        );
        let addresses = service.addresses.iter().map(|address| ("address", address.to_string()));
        for (name, value) in addresses.chain(service.hosted.facts()) {
            let _ = writeln!(rows, "<dt>{name}<dd>{}", escape(&value));
        }
        rows.push_str("</dl>\n");
        for hint in service.hosted.hints() {
            let _ = writeln!(rows, "<pre class=try>{}</pre>", escape(&hint));
        }
        rows.push_str("</section>\n");
    }
    let page = format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width\">\n<title>dolmen</title>\n\
         <link rel=icon href=/dolmen.svg>\n<link rel=stylesheet href=/style.css>\n\
         <header><img src=/dolmen.svg alt=\"\" width=72 height=48><h1>dolmen</h1><p>{version}</header>\n\
         <main>\n<dl><dt>data<dd>{data}\n<dt>up for<dd>{up}\n<dt>memory<dd>{memory}\n<dt>process<dd>{pid}</dl>\n{rows}</main>\n\
         <footer><a href=\"/readyz?verbose\">readiness</a> <a href=/metrics>metrics</a> <a href=/healthz>health</a></footer>\n",
        version = env!("CARGO_PKG_VERSION"),
        data = escape(&host.data.display().to_string()),
        up = dolmen_units::show_duration(host.started.elapsed()),
        memory = dolmen_units::show_size(crate::process::resident_bytes()),
        pid = std::process::id(),
    );
    asset("text/html; charset=utf-8", page)
}

/// `/style.css`
pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("style.css").into())
}

/// `/dolmen.svg`
pub(crate) async fn picture() -> Response {
    asset("image/svg+xml", include_str!("dolmen.svg").into())
}

fn asset(kind: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, "default-src 'self'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
