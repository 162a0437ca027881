//! `/livez`, `/readyz` and `/healthz`, and whether the server answers anything else yet.
use crate::{
    query::Query,
    serve::{Body, full},
    status::Status,
};
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    request::Parts,
};
use std::fmt::Write;

type Check = Box<dyn Fn() -> bool + Send + Sync>;

/// What must hold before the server serves.
#[derive(Default)]
pub(super) struct Health {
    checks: Vec<(String, Check)>,
}

impl Health {
    pub(super) fn require(&mut self, name: String, check: Check) {
        self.checks.push((name, check));
    }

    pub(super) fn is_ready(&self) -> bool {
        self.checks.iter().all(|(_, check)| check())
    }

    /// The answer to a probe; `None` if the request is none. Probes carry no credentials, and learn nothing but names
    /// of checks.
    pub(super) fn answer(&self, parts: &Parts, query: &Query) -> Option<Response<Body>> {
        let probe = parts.uri.path().strip_prefix('/')?;
        let checks: &[(String, Check)] = match probe {
            "livez" => &[],
            "readyz" | "healthz" => &self.checks,
            _ => return None,
        };
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            let syntax = crate::negotiate::Syntax::Json;
            return Some(crate::encode::refusal(syntax, &Status::method_not_allowed()));
        }
        Some(report(probe, checks, query.get("verbose").is_some()))
    }
}

fn report(probe: &str, checks: &[(String, Check)], is_verbose: bool) -> Response<Body> {
    let mut text = String::from("[+]ping ok\n");
    let mut healthy = true;
    for (name, check) in checks {
        let holds = check();
        healthy &= holds;
        let line = if holds { format!("[+]{name} ok") } else { format!("[-]{name} failed: reason withheld") };
        text.push_str(&line);
        text.push('\n');
    }
    let verdict = if healthy { "passed" } else { "failed" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{probe} check {verdict}");
    if healthy && !is_verbose {
        "ok".clone_into(&mut text);
    }
    let mut response = Response::new(full(text));
    if !healthy {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
