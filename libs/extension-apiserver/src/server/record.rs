//! What is told about a request once its answer is complete: to the metrics, and to the audit log.
//!
//! A record travels with its request, then with the body of the answer, and is closed by being dropped. So nothing is
//! missed: neither a client that leaves, nor a handler that panics.
use super::fairness::Admission;
use crate::{
    access::UserInfo,
    audit::{Event, Outcome, Sink, Stage, User},
    metrics::{Metrics, Place, Served, Up},
    request::RequestInfo,
    serve::{Body, Successor},
};
use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use std::sync::Arc;
use tokio::time::Instant;

/// Who wants to know.
#[derive(Default)]
pub(super) struct Observers {
    pub(super) audit: Option<Arc<dyn Sink>>,
    pub(super) metrics: Option<Metrics>,
}

/// One request, as far as it has come.
pub(super) struct Record {
    observers: Arc<Observers>,
    started: Instant,
    place: Place,
    dry_run: bool,
    is_long_running: bool,
    event: Option<Box<Event>>,
    outcome: Option<Outcome>,
    bytes: u64,
    /// Counts the events of a watch.
    events: Option<Counter>,
    admission: Option<Admission>,
    running: Option<Up>,
}

impl Record {
    pub(super) fn new(observers: &Arc<Observers>, started: Instant) -> Self {
        Self {
            observers: Arc::clone(observers),
            started,
            place: Place::default(),
            dry_run: false,
            is_long_running: false,
            event: None,
            outcome: None,
            bytes: 0,
            events: None,
            admission: None,
            running: None,
        }
    }

    /// A request that is more than a probe.
    pub(super) fn arrived(
        &mut self,
        parts: &Parts,
        audit_id: &str,
        request: Option<&RequestInfo>,
        place: Place,
    ) {
        self.place = place;
        self.is_long_running = request.is_some_and(RequestInfo::is_long_running);
        self.dry_run = parts.uri.query().is_some_and(|query| query.contains("dryRun="));
        if self.observers.audit.is_some() {
            self.event = Some(Box::new(Event::new(audit_id, parts, request, Timestamp::now())));
        }
    }

    pub(super) fn authenticated(&mut self, user: Option<&UserInfo>) {
        if let Some(metrics) = &self.observers.metrics {
            metrics.authenticated(user.map(|user| user.name.as_str()));
        }
        if let (Some(event), Some(user)) = (&mut self.event, user) {
            event.user = User::of(user);
        }
        if self.is_long_running {
            self.tell(Stage::RequestReceived);
        }
    }

    pub(super) fn admitted(&mut self, admission: Admission, is_read: bool) {
        self.admission = Some(admission);
        if !self.is_long_running {
            self.running = self.observers.metrics.as_ref().map(|metrics| metrics.in_flight(is_read));
        }
    }

    /// `result` as metrics call it, `decision` as audit records do.
    pub(super) fn authorized(&mut self, result: &'static str, decision: &'static str, reason: &str) {
        if let Some(metrics) = &self.observers.metrics {
            metrics.authorized(result);
        }
        if let Some(event) = &mut self.event {
            event.annotations.insert("authorization.k8s.io/decision", decision.to_owned());
            event.annotations.insert("authorization.k8s.io/reason", reason.to_owned());
        }
    }

    /// The server gave up on the request to protect itself.
    pub(super) fn terminated(&self, code: StatusCode) {
        if let Some(metrics) = &self.observers.metrics {
            metrics.terminated(&self.place, code.as_u16());
        }
    }

    /// Goes on with the answer, until its last byte is sent or nobody reads on, and with a connection that is taken over
    /// until it ends. `reason` is that of a refusal.
    pub(super) fn answered(mut self, response: Response<Body>, reason: &'static str) -> Response<Body> {
        self.outcome = Some(Outcome::of(response.status().as_u16(), reason));
        if let Some(successor) = response.extensions().get::<Successor>() {
            self.stays_open();
            successor.clone().hold(self);
            return response;
        }
        if let Some(size) = response.body().size_hint().exact() {
            self.bytes = size;
            return response;
        }
        if self.is_long_running {
            self.stays_open();
        }
        response.map(|body| {
            let counted = move |frame| {
                self.sent(&frame);
                frame
            };
            body.map_frame(counted).boxed_unsync()
        })
    }

    /// The answer has begun, and ends when somebody wants it to. It leaves its seat to requests that end by themselves.
    fn stays_open(&mut self) {
        self.tell(Stage::ResponseStarted);
        self.admission = None;
        if let Some(metrics) = &self.observers.metrics {
            self.running = Some(metrics.long_running(&self.place));
            self.events = (self.place.verb == "WATCH").then(|| metrics.watch_events(&self.place));
        }
    }

    /// A part of the answer is on its way.
    fn sent(&mut self, frame: &Frame<Bytes>) {
        let Some(data) = frame.data_ref() else { return };
        self.bytes += data.len() as u64;
        if let Some(events) = &self.events {
            // Each event ends with the only newline in it.
            events.inc_by(data.iter().filter(|byte| **byte == b'\n').count() as u64);
        }
    }

    /// Hands over what is known at a stage; the sink keeps a copy of its own.
    fn tell(&mut self, stage: Stage) {
        let (Some(sink), Some(event)) = (&self.observers.audit, &mut self.event) else { return };
        event.stage = stage;
        event.stage_timestamp = Timestamp::now();
        event.response_status.clone_from(&self.outcome);
        let lost = sink.record((**event).clone()).is_err();
        if let Some(metrics) = &self.observers.metrics {
            metrics.audited();
            if lost {
                metrics.audit_lost(sink.name());
            }
        }
    }

    fn count(&self) {
        let Some(metrics) = &self.observers.metrics else { return };
        match &self.outcome {
            Some(outcome) => {
                let took = self.started.elapsed();
                let (code, dry_run, bytes) = (outcome.code, self.dry_run, self.bytes);
                metrics.served(&self.place, &Served { code, dry_run, bytes, took });
            }
            None => metrics.aborted(&self.place),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // A probe.
        if self.place == Place::default() {
            return;
        }
        let is_panic = self.outcome.is_none() && std::thread::panicking();
        if is_panic {
            self.outcome = Some(Outcome::of(500, "InternalError").with_message("a request handler panicked"));
        }
        self.count();
        if self.outcome.is_none() {
            // So does Go, though nothing was sent.
            self.outcome = Some(Outcome::of(200, "").with_message("Connection closed early"));
        }
        self.tell(if is_panic { Stage::Panic } else { Stage::ResponseComplete });
    }
}
