//! The endpoints of the admin port: `/livez`, `/readyz`, `/readyz/CHECK`, `/healthz` and `/metrics`.
use crate::{metrics::Registry, ready::Readiness};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use http_body_util::Full;

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Answers the requests of the admin port.
#[derive(Debug)]
pub struct Admin {
    readiness: Readiness,
    registry: Registry,
}

impl Admin {
    /// Answers from these.
    pub fn new(readiness: Readiness, registry: Registry) -> Self {
        Self { readiness, registry }
    }

    /// The answer to one request; never fails, and never waits.
    pub fn respond(&self, method: &Method, path: &str, query: Option<&str>) -> Response<Full<Bytes>> {
        let check = path.strip_prefix("/readyz/").and_then(|name| self.check(name));
        let known = check.is_some() || matches!(path, "/livez" | "/healthz" | "/readyz" | "/metrics");
        if known && !matches!(*method, Method::GET | Method::HEAD) {
            let mut refusal = answer(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "method not allowed\n");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        let verbose = query.is_some_and(asks_for_detail);
        if let Some((name, met)) = check {
            return one(name, met, verbose);
        }
        match path {
            "/livez" | "/healthz" => answer(StatusCode::OK, PLAIN, "ok\n"),
            "/readyz" => self.ready(verbose),
            "/metrics" => self.metrics(),
            _ => answer(StatusCode::NOT_FOUND, PLAIN, "not found\n"),
        }
    }

    /// In the words of kube-apiserver, which people and tools know: detail on request and whenever something fails.
    fn ready(&self, verbose: bool) -> Response<Full<Bytes>> {
        let conditions = self.readiness.conditions();
        let ready = conditions.iter().all(|(_, met)| *met);
        if ready && !verbose {
            return answer(StatusCode::OK, PLAIN, "ok\n");
        }
        let mut text = String::new();
        for (name, met) in conditions {
            text.push_str(if met { "[+]" } else { "[-]" });
            text.push_str(name);
            text.push_str(if met { " ok\n" } else { " failed\n" });
        }
        text.push_str(if ready { "readyz check passed\n" } else { "readyz check failed\n" });
        answer(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, PLAIN, text)
    }

    /// One condition and whether it is met; `None` if there is none of that name.
    fn check(&self, wanted: &str) -> Option<(&'static str, bool)> {
        self.readiness.conditions().into_iter().find(|(name, _)| *name == wanted)
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) => answer(StatusCode::OK, OPEN_METRICS, text),
            Err(error) => {
                tracing::error!(%error, "failed to write metrics");
                answer(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "failed to write metrics\n")
            }
        }
    }
}

/// The answer about one condition alone.
fn one(name: &str, met: bool, verbose: bool) -> Response<Full<Bytes>> {
    match (met, verbose) {
        (true, false) => answer(StatusCode::OK, PLAIN, "ok\n"),
        (true, true) => answer(StatusCode::OK, PLAIN, format!("[+]{name} ok\n")),
        (false, _) => answer(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("[-]{name} failed\n")),
    }
}

/// `?verbose`, with or without a value, as kube-apiserver takes it.
fn asks_for_detail(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some("verbose"))
}

fn answer(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;
    use http_body_util::BodyExt as _;
    use prometheus_client::metrics::counter::Counter;

    fn admin(readiness: &Readiness) -> Admin {
        Admin::new(readiness.clone(), metrics::registry("1.2.3"))
    }

    async fn get(admin: &Admin, path: &str, query: Option<&str>) -> (u16, String) {
        let response = admin.respond(&Method::GET, path, query);
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn it_is_alive_before_it_is_ready() {
        let readiness = Readiness::default();
        let _caches = readiness.gate("caches");
        let admin = admin(&readiness);
        assert_eq!(get(&admin, "/livez", None).await, (200, "ok\n".into()));
        assert_eq!(get(&admin, "/healthz", None).await, (200, "ok\n".into()));
        let expected = "[-]caches failed\nreadyz check failed\n";
        assert_eq!(get(&admin, "/readyz", None).await, (503, expected.into()));
    }

    #[tokio::test]
    async fn readyz_tells_the_gates_when_asked() {
        let readiness = Readiness::default();
        readiness.gate("caches").open();
        let admin = admin(&readiness);
        assert_eq!(get(&admin, "/readyz", None).await, (200, "ok\n".into()));
        let expected = "[+]caches ok\nreadyz check passed\n";
        for query in ["verbose", "verbose=1", "a=b&verbose=true"] {
            assert_eq!(get(&admin, "/readyz", Some(query)).await, (200, expected.into()));
        }
    }

    #[tokio::test]
    async fn one_check_can_be_asked_for_alone() {
        let readiness = Readiness::default();
        readiness.gate("caches").open();
        let _store = readiness.gate("store");
        let admin = admin(&readiness);
        assert_eq!(get(&admin, "/readyz/caches", None).await, (200, "ok\n".into()));
        assert_eq!(get(&admin, "/readyz/caches", Some("verbose")).await, (200, "[+]caches ok\n".into()));
        assert_eq!(get(&admin, "/readyz/store", None).await, (503, "[-]store failed\n".into()));
        assert_eq!(get(&admin, "/readyz/other", None).await.0, 404);
        assert_eq!(admin.respond(&Method::POST, "/readyz/store", None).status().as_u16(), 405);
    }

    #[tokio::test]
    async fn metrics_hold_the_process_the_version_and_what_was_registered() {
        let mut registry = metrics::registry("1.2.3");
        let passes = Counter::<u64>::default();
        metrics::postern(&mut registry).register("passes", "Passes", passes.clone());
        passes.inc();
        let (status, text) = get(&Admin::new(Readiness::default(), registry), "/metrics", None).await;
        assert_eq!(status, 200);
        let expected = [
            "process_resident_memory_bytes ",
            "process_cpu_seconds_total ",
            "process_open_fds ",
            "postern_build_info{version=\"1.2.3\"} 1",
            "postern_passes_total 1",
            "# EOF",
        ];
        for line in expected {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }

    #[tokio::test]
    async fn nothing_else_is_there_and_nothing_can_be_written() {
        let admin = admin(&Readiness::default());
        assert_eq!(get(&admin, "/", None).await.0, 404);
        assert_eq!(get(&admin, "/readyz/", None).await.0, 404);
        let refusal = admin.respond(&Method::POST, "/metrics", None);
        assert_eq!(
            (refusal.status().as_u16(), &refusal.headers()[ALLOW]),
            (405, &"GET, HEAD".parse().unwrap())
        );
    }
}
