//! Websites: which object answers a path, and where a request is sent.

use alloc::string::String;

use super::error::{Code, StateError};
use crate::body::{Protocol, RoutingRedirect, RoutingRule, WebsiteConfiguration};
use crate::limits::ROUTING_RULES_MAX;

/// Checks a configuration that is put.
///
/// # Errors
/// `InvalidArgument` for an index with a slash or without a name, or for rules beside a redirect of everything; `InvalidRequest` for
/// too many rules, a redirect that says nothing, and codes that are none.
pub fn check(website: &WebsiteConfiguration) -> Result<(), StateError> {
    let rules = website.routing_rules.as_ref().map_or(&[][..], |rules| &rules.rules);
    if website.redirect_all_requests_to.is_some() {
        let alone = website.index_document.is_none() && website.error_document.is_none() && rules.is_empty();
        return if alone { Ok(()) } else { Err(Code::InvalidArgument.into()) };
    }
    let index = website.index_document.as_ref().ok_or(Code::InvalidArgument)?;
    if index.suffix.is_empty() || index.suffix.contains('/') {
        return Err(Code::InvalidArgument.into());
    }
    if website.error_document.as_ref().is_some_and(|error| error.key.is_empty()) {
        return Err(Code::InvalidArgument.into());
    }
    let sound = |rule: &RoutingRule| {
        let to = &rule.redirect;
        let says = to.host_name.is_some()
            || to.protocol.is_some()
            || to.http_redirect_code.is_some()
            || to.replace_key_prefix_with.is_some()
            || to.replace_key_with.is_some();
        let once = to.replace_key_prefix_with.is_none() || to.replace_key_with.is_none();
        let code = to.http_redirect_code.as_ref().is_none_or(|code| redirect_code(code).is_some());
        let error = rule.condition.as_ref().and_then(|c| c.http_error_code_returned_equals.as_ref());
        let error = error.is_none_or(|code| error_code(code).is_some());
        says && once && code && error
    };
    let fine = rules.len() <= ROUTING_RULES_MAX && rules.iter().all(sound);
    if fine { Ok(()) } else { Err(Code::InvalidRequest.into()) }
}

fn redirect_code(text: &str) -> Option<u16> {
    text.parse().ok().filter(|code| (301..=308).contains(code))
}

fn error_code(text: &str) -> Option<u16> {
    text.parse().ok().filter(|code| (400..=599).contains(code))
}

/// Where a browser is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The status.
    pub code: u16,
    /// `http` or `https`; `None` stays with the request's.
    pub protocol: Option<&'static str>,
    /// The host; `None` stays with the request's.
    pub host: Option<String>,
    /// The key, without a slash in front.
    pub key: String,
}

/// What a website does with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The object with this key answers.
    Serve(String),
    /// The browser is sent elsewhere.
    Redirect(Redirect),
}

fn protocol(protocol: Option<Protocol>) -> Option<&'static str> {
    protocol.map(Protocol::as_str)
}

/// What a path means before an object is looked for; `key` has no slash in front.
pub fn route(website: &WebsiteConfiguration, key: &str) -> Route {
    if let Some(all) = &website.redirect_all_requests_to {
        return Route::Redirect(Redirect {
            code: 301,
            protocol: protocol(all.protocol),
            host: Some(all.host_name.clone()),
            key: key.into(),
        });
    }
    if let Some(redirect) = rule_for(website, key, None) {
        return Route::Redirect(redirect);
    }
    let suffix = website.index_document.as_ref().map_or("", |index| &index.suffix);
    let serve =
        if key.is_empty() || key.ends_with('/') { alloc::format!("{key}{suffix}") } else { key.into() };
    Route::Serve(serve)
}

/// What an error means: another place by a rule, or the object that shows errors. A folder without its slash, whose index is there,
/// is for the caller to find: it redirects to the key with a slash.
pub fn on_error(website: &WebsiteConfiguration, key: &str, status: u16) -> Option<Route> {
    if let Some(redirect) = rule_for(website, key, Some(status)) {
        return Some(Route::Redirect(redirect));
    }
    let error = website.error_document.as_ref().filter(|_| (400..500).contains(&status))?;
    Some(Route::Serve(error.key.clone()))
}

/// The first rule whose condition holds. Rules that name an error apply only then.
fn rule_for(website: &WebsiteConfiguration, key: &str, status: Option<u16>) -> Option<Redirect> {
    let rules = website.routing_rules.as_ref().map_or(&[][..], |rules| &rules.rules);
    let rule = rules.iter().find(|rule| {
        let condition = rule.condition.as_ref();
        let wanted =
            condition.and_then(|c| c.http_error_code_returned_equals.as_deref()).and_then(error_code);
        let prefix = condition.and_then(|c| c.key_prefix_equals.as_deref()).unwrap_or("");
        wanted == status && key.starts_with(prefix)
    })?;
    let prefix = rule.condition.as_ref().and_then(|c| c.key_prefix_equals.as_deref()).unwrap_or("");
    Some(redirect(&rule.redirect, key, prefix))
}

fn redirect(to: &RoutingRedirect, key: &str, prefix: &str) -> Redirect {
    let key = match (&to.replace_key_with, &to.replace_key_prefix_with) {
        (Some(whole), _) => whole.clone(),
        (None, Some(start)) => alloc::format!("{start}{}", key.strip_prefix(prefix).unwrap_or(key)),
        (None, None) => key.into(),
    };
    Redirect {
        code: to.http_redirect_code.as_deref().and_then(redirect_code).unwrap_or(301),
        protocol: protocol(to.protocol),
        host: to.host_name.clone(),
        key,
    }
}
