//! Cross-origin requests: which rule of a bucket answers, and with which headers.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, StateError};
use crate::body::{CorsConfiguration, CorsRule};

/// Checks a configuration that is put.
///
/// # Errors
/// `MalformedXML` for no rules, more than a hundred, or a rule without an origin or a method; `InvalidRequest` for a method that is none
/// of the five, or a pattern with more than one `*`.
pub fn check(configuration: &CorsConfiguration) -> Result<(), StateError> {
    let rules = &configuration.cors_rules;
    let empty = |rule: &CorsRule| rule.allowed_origins.is_empty() || rule.allowed_methods.is_empty();
    let long = |rule: &CorsRule| rule.id.as_ref().is_some_and(|id| id.len() > 255);
    if rules.is_empty() || rules.len() > 100 || rules.iter().any(|rule| empty(rule) || long(rule)) {
        return Err(Code::MalformedXML.into());
    }
    let method = |method: &String| matches!(&**method, "GET" | "PUT" | "HEAD" | "POST" | "DELETE");
    let pattern = |text: &String| text.matches('*').count() <= 1;
    let sound = |rule: &CorsRule| {
        rule.allowed_methods.iter().all(method)
            && rule.allowed_origins.iter().all(pattern)
            && rule.allowed_headers.iter().all(pattern)
            && !rule.expose_headers.iter().any(|name| name.contains('*'))
    };
    if rules.iter().all(sound) { Ok(()) } else { Err(Code::InvalidRequest.into()) }
}

/// What a browser asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `Origin`.
    pub origin: &'a str,
    /// `Access-Control-Request-Method`, or the request's own method.
    pub method: &'a str,
    /// `Access-Control-Request-Headers`.
    pub headers: Option<&'a str>,
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `Access-Control-Allow-Origin`: `*`, or the origin itself.
    pub origin: String,
    /// `Access-Control-Allow-Methods`.
    pub methods: String,
    /// `Access-Control-Allow-Headers`, when headers were asked for.
    pub headers: Option<String>,
    /// `Access-Control-Expose-Headers`, when there are any.
    pub expose: Option<String>,
    /// `Access-Control-Max-Age`.
    pub max_age_s: Option<i32>,
    /// `Access-Control-Allow-Credentials`: only for an origin that a rule names without a wildcard.
    pub credentials: bool,
}

/// The answer of the first rule that allows origin, method and all headers; `None` allows nothing.
pub fn answer(configuration: &CorsConfiguration, asked: &Asked<'_>) -> Option<Answer> {
    configuration.cors_rules.iter().find_map(|rule| {
        let origin = rule.allowed_origins.iter().find(|pattern| matches(pattern, asked.origin))?;
        if !rule.allowed_methods.iter().any(|method| method == asked.method) {
            return None;
        }
        let wanted: Vec<String> = asked.headers.map_or_else(Vec::new, |headers| {
            headers
                .split(',')
                .map(|name| name.trim().to_ascii_lowercase())
                .filter(|name| !name.is_empty())
                .collect()
        });
        let allowed = |name: &String| {
            rule.allowed_headers.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), name))
        };
        if !wanted.iter().all(allowed) {
            return None;
        }
        Some(Answer {
            origin: String::from(if origin == "*" { "*" } else { asked.origin }),
            methods: rule.allowed_methods.join(", "),
            headers: (!wanted.is_empty()).then(|| wanted.join(", ")),
            expose: (!rule.expose_headers.is_empty()).then(|| rule.expose_headers.join(", ")),
            max_age_s: rule.max_age_seconds,
            credentials: !origin.contains('*'),
        })
    })
}

/// A pattern with at most one `*`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}
