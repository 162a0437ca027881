//! Requests one too many, and what is recorded about requests.
use crate::{
    audit::{Dropped, Event, Sink},
    fixture::Fixture,
    metrics::Metrics,
    server::{BuildError, MaxInFlight, Server},
};
use futures::FutureExt;
use http::{Method, Request};
use http_body_util::BodyExt;
use prometheus_client::{encoding::text, registry::Registry};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const PLACE: &str = "/apis/sub.example.com/v1alpha1/namespaces/team-a";

fn narrow(reads: usize) -> MaxInFlight {
    MaxInFlight { reads, writes: 1, max_wait: Duration::ZERO }
}

#[tokio::test]
async fn one_request_too_many_is_told_to_come_back() {
    let fixture = Fixture::run(|builder| builder.max_in_flight(narrow(1)));
    let slow = format!("{PLACE}/sources/slow/revision");
    let mut running = fixture.get(&slow).boxed();
    assert!((&mut running).now_or_never().is_none());
    let answer = fixture.get(&format!("{PLACE}/sources")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
    assert_eq!(answer.text(), "Too many requests, please try again later.\n");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    drop(running);
    assert_eq!(fixture.get(&format!("{PLACE}/sources")).await.status, 200);
}

#[test]
fn connections_must_live_long_enough_to_be_worth_opening() {
    let refused = |chance| {
        let server = Server::builder()
            .authenticator(|_: &mut http::request::Parts| Ok(crate::access::UserInfo::default()))
            .authorizer(|_: &crate::access::UserInfo, _: &crate::request::RequestInfo| {
                crate::access::Decision::Allow
            });
        server.goaway_chance(chance).build().err()
    };
    assert_eq!(refused(0.02), None);
    for chance in [0.03, -0.1, f64::NAN] {
        assert_eq!(refused(chance), Some(BuildError::GoawayChance), "{chance}");
    }
}

/// Keeps records, or has no room for any.
#[derive(Clone, Default)]
struct Kept {
    events: Arc<Mutex<Vec<Value>>>,
    is_full: bool,
}

impl Sink for Kept {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn record(&self, event: Event) -> Result<(), Dropped> {
        if self.is_full {
            return Err(Dropped);
        }
        self.events.lock().unwrap().push(serde_json::to_value(event).unwrap());
        Ok(())
    }
}

impl Kept {
    fn taken(&self) -> Vec<Value> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

#[tokio::test]
async fn each_request_leaves_one_record_with_what_was_decided() {
    let kept = Kept::default();
    let fixture = Fixture::run(|builder| builder.audit(kept.clone()));
    let table = [
        ("sources", "", json!({"metadata": {}, "code": 200}), "allow"),
        (
            "sources/secret",
            "",
            json!({"metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403}),
            "forbid",
        ),
        (
            "sources/x",
            "",
            json!({"metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404}),
            "allow",
        ),
        (
            "sources",
            "Bearer bad",
            json!({"metadata": {}, "status": "Failure", "reason": "Unauthorized", "code": 401}),
            "",
        ),
    ];
    for (path, token, status, decision) in table {
        let headers = [("audit-id", "joined"), ("authorization", token)];
        let headers = if token.is_empty() { &headers[..1] } else { &headers[..] };
        fixture.send(Method::GET, &format!("{PLACE}/{path}"), headers).await;
        let events = kept.taken();
        assert_eq!(events.len(), 1, "{events:?}");
        let event = &events[0];
        assert_eq!((&event["auditID"], &event["stage"]), (&json!("joined"), &json!("ResponseComplete")));
        assert_eq!(event["responseStatus"], status, "{path}");
        let decided = event["annotations"]["authorization.k8s.io/decision"].as_str();
        assert_eq!(decided.unwrap_or_default(), decision, "{path}");
        assert!(!event.to_string().contains("Bearer"), "{event}");
    }
    fixture.get("/readyz").await;
    assert_eq!(kept.taken(), Vec::<Value>::new(), "probes are nobody's deeds");
}

#[tokio::test]
async fn a_watch_is_recorded_when_it_comes_starts_and_ends() {
    let kept = Kept::default();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let fixture = Fixture::run(|builder| builder.audit(kept.clone()).metrics(metrics));
    let request = Request::get(format!("{PLACE}/sources?watch=1&resourceVersion=1"));
    let response = fixture.server.handle(request.body(crate::serve::empty()).unwrap()).await;
    let stages = || kept.taken().iter().map(|event| event["stage"].clone()).collect::<Vec<_>>();
    let shown = || {
        let mut shown = String::new();
        text::encode(&mut shown, &registry).unwrap();
        shown
            .lines()
            .filter(|line| line.contains("WATCH") || line.contains("events"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(stages(), ["RequestReceived", "ResponseStarted"]);
    let open = || {
        let lines = shown().into_iter().filter(|line| line.starts_with("apiserver_longrunning_requests{"));
        let mut here = lines.filter(|line| line.contains("sources") && line.contains("namespace"));
        here.next().expect("a watch of this resource was expected").ends_with(" 1")
    };
    assert!(open());
    fixture.sources.apply("2".parse().unwrap(), &crate::fixture::key("a"), vec![crate::fixture::source("a")]);
    let mut body = response.into_body();
    body.frame().await.expect("an event").expect("bytes");
    drop(body);
    assert_eq!(stages(), ["ResponseComplete"]);
    let lines = shown();
    assert!(!open(), "{lines:?}");
    let sent = |line: &String| line.starts_with("apiserver_watch_events_total{") && line.ends_with(" 1");
    assert!(lines.iter().any(sent), "{lines:?}");
}

#[tokio::test]
async fn a_sink_without_room_costs_records_which_are_counted() {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let full = Kept { is_full: true, ..Kept::default() };
    let fixture = Fixture::run(|builder| builder.audit(full).metrics(metrics));
    assert_eq!(fixture.get("/apis").await.status, 200);
    let mut shown = String::new();
    text::encode(&mut shown, &registry).unwrap();
    for line in ["apiserver_audit_event_total 1", "apiserver_audit_error_total{plugin=\"kept\"} 1"] {
        assert!(shown.lines().any(|found| found == line), "{line} is missing in\n{shown}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_and_a_client_that_leaves_are_recorded() {
    let kept = Kept::default();
    let fixture = Fixture::run(|builder| builder.audit(kept.clone()));
    let panicking = format!("{PLACE}/sources/panic/revision");
    let ended = std::panic::AssertUnwindSafe(fixture.get(&panicking)).catch_unwind().await;
    assert!(ended.is_err());
    let slow = format!("{PLACE}/sources/slow/revision");
    assert!(fixture.get(&slow).now_or_never().is_none());
    let events = kept.taken();
    assert_eq!((&events[0]["stage"], &events[0]["responseStatus"]["code"]), (&json!("Panic"), &json!(500)));
    assert_eq!(events[1]["responseStatus"]["message"], "Connection closed early");
}
