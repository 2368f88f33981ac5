//! The page of port 7000: which services there are, whether they work, and what to type.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::Host;

/// `/`
pub(crate) async fn index(State(host): State<Arc<Host>>) -> Response {
    let mut rows = String::new();
    for service in &host.services {
        let (name, title, address) = (service.name(), service.title(), service.address());
        let (class, state) = match service.ready() {
            Ok(()) => ("ready", "ready".to_string()),
            Err(reason) => ("failing", reason),
        };
        let (state, hint) = (escape(&state), escape(&service.hint()));
        let _ = writeln!(
            rows,
            "<tr><th scope=row>{name}<small>{title}</small><td><span class={class}>{state}</span>\
             <td><code>{address}</code><td><code class=try>{hint}</code>"
        );
    }
    let page = format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width\">\n<title>dolmen</title>\n\
         <link rel=icon href=/dolmen.svg>\n<link rel=stylesheet href=/style.css>\n\
         <header><img src=/dolmen.svg alt=\"\" width=72 height=48><h1>dolmen</h1><p>{version}</header>\n\
         <main><table>\n<thead><tr><th>service<th>state<th>address<th>try\n<tbody>\n{rows}</table></main>\n\
         <footer><a href=\"/readyz?verbose\">readiness</a> <a href=/metrics>metrics</a> <a href=/healthz>health</a></footer>\n",
        version = env!("CARGO_PKG_VERSION"),
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
