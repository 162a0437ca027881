//! `/livez`, `/readyz` and `/healthz`, in the words of Go, and whether the server answers anything else yet.
//!
//! The three are for everybody and carry no credentials, so they tell names of checks and never why one failed. A single
//! check, `/readyz/NAME`, is authorized as any path.
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
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

const PROBES: [&str; 3] = ["healthz", "livez", "readyz"];

type Holds = Box<dyn Fn() -> bool + Send + Sync>;

/// Something that must hold.
struct Check {
    name: String,
    holds: Holds,
    /// What it says something about; `ping` is about everything.
    matters: Matters,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Matters {
    Always,
    /// Requests other than probes are refused while it does not hold.
    ToServing,
    /// New clients should go elsewhere while it does not hold; whoever comes is served.
    ToBeingChosen,
}

/// What must hold before the server serves.
pub(super) struct Health {
    checks: Vec<Check>,
}

impl Default for Health {
    fn default() -> Self {
        let ping = Check { name: "ping".to_owned(), holds: Box::new(|| true), matters: Matters::Always };
        Self { checks: vec![ping] }
    }
}

impl Health {
    /// Nothing is served while `holds` is false.
    pub(super) fn require(&mut self, name: String, holds: Holds) {
        self.checks.push(Check { name, holds, matters: Matters::ToServing });
    }

    /// `/readyz` fails once `is_stopping`, and all else is served on.
    pub(super) fn stop_when(&mut self, is_stopping: impl Fn() -> bool + Send + Sync + 'static) {
        let holds = Box::new(move || !is_stopping());
        self.checks.push(Check { name: "shutdown".to_owned(), holds, matters: Matters::ToBeingChosen });
    }

    pub(super) fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.matters != Matters::ToServing || (check.holds)())
    }

    /// The paths of all probes and of their single checks, as `/` lists them.
    pub(super) fn paths(&self) -> BTreeSet<String> {
        let below = |probe: &'static str| {
            let checks = self.checks_of(probe).into_iter();
            checks.map(move |check| format!("/{probe}/{}", check.name)).chain([format!("/{probe}")])
        };
        PROBES.into_iter().flat_map(below).collect()
    }

    /// The answer to a probe; `None` if the request is none.
    pub(super) fn answer(&self, parts: &Parts, query: &Query) -> Option<Response<Body>> {
        let probe = parts.uri.path().strip_prefix('/').filter(|probe| PROBES.contains(probe))?;
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            let syntax = crate::negotiate::Syntax::Json;
            return Some(crate::encode::refusal(syntax, &Status::method_not_allowed()));
        }
        Some(report(probe, &self.checks_of(probe), query))
    }

    /// Whether the path is that of a single check.
    pub(super) fn is_check(&self, path: &str) -> bool {
        self.check(path).is_some()
    }

    /// The answer to a request for a single check; `None` if the path is none.
    pub(super) fn answer_check(&self, path: &str) -> Option<Response<Body>> {
        let check = self.check(path)?;
        Some(match (check.holds)() {
            true => plain(StatusCode::OK, "ok".to_owned()),
            false => {
                let text = format!("internal server error: {} failed\n", check.name);
                plain(StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        })
    }

    fn check(&self, path: &str) -> Option<&Check> {
        let (probe, name) = path.strip_prefix('/')?.split_once('/')?;
        let probe = PROBES.into_iter().find(|known| *known == probe)?;
        self.checks_of(probe).into_iter().find(|check| check.name == name)
    }

    /// A server that waits for something lives; one that stops is healthy.
    fn checks_of(&self, probe: &str) -> Vec<&Check> {
        let matters = |check: &&Check| match check.matters {
            Matters::Always => true,
            Matters::ToServing => probe != "livez",
            Matters::ToBeingChosen => probe == "readyz",
        };
        self.checks.iter().filter(matters).collect()
    }
}

fn report(probe: &str, checks: &[&Check], query: &Query) -> Response<Body> {
    let mut excluded: BTreeMap<&str, bool> = query.all("exclude").map(|name| (name, false)).collect();
    let mut text = String::new();
    let mut is_healthy = true;
    for check in checks {
        let name = &check.name;
        let line = if let Some(is_known) = excluded.get_mut(name.as_str()) {
            *is_known = true;
            format!("[+]{name} excluded: ok\n")
        } else if (check.holds)() {
            format!("[+]{name} ok\n")
        } else {
            is_healthy = false;
            format!("[-]{name} failed: reason withheld\n")
        };
        text.push_str(&line);
    }
    let unknown: Vec<String> =
        excluded.iter().filter(|(_, is_known)| !**is_known).map(|(name, _)| format!("{name:?}")).collect();
    // Writing to a String cannot fail.
    if !unknown.is_empty() {
        let names = unknown.join(",");
        let _ = writeln!(text, "warn: some health checks cannot be excluded: no matches for {names}");
    }
    if !is_healthy {
        let _ = writeln!(text, "{probe} check failed");
        return plain(StatusCode::INTERNAL_SERVER_ERROR, text);
    }
    if query.get("verbose").is_none() {
        return plain(StatusCode::OK, "ok".to_owned());
    }
    let _ = writeln!(text, "{probe} check passed");
    plain(StatusCode::OK, text)
}

/// A short text, as Go's `http.Error` sends it.
pub(super) fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
