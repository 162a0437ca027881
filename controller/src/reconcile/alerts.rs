//! Events for Flux's notification-controller, which carries them to wherever a user's Alerts point.
//!
//! An Alert names objects by a closed list of kinds, in which ours are not; so these events speak of the object beside
//! the one that was worked on. The wire format is `fluxcd/pkg/apis/event/v1beta1`. Nothing waits for an answer: an event
//! that finds the queue full or nobody at the address is counted and lost, and the status says the same.
use super::{Note, Related};
use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use reqwest::{Client, StatusCode, redirect::Policy};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};
use tokio::{sync::mpsc, task::spawn_blocking};
use tracing::{debug, warn};
use url::Url;

/// How many events may wait for the one that is being sent.
const BOUND: usize = 256;
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often an event is tried again, after pauses that grow from half a second.
const RETRIES: usize = 3;
/// Users may annotate their objects with what Alerts are to tell besides, under this name.
const ANNOTATIONS: &str = "event.toolkit.fluxcd.io/";

/// Where events are left to be sent; clones leave them in the same place.
#[derive(Clone, Debug)]
pub(crate) struct Alerts {
    events: mpsc::Sender<Event>,
    instance: String,
    sent: Sent,
}

/// Takes them from there to the address.
pub(crate) struct Courier {
    events: mpsc::Receiver<Event>,
    address: Url,
    sent: Sent,
}

/// What became of events; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Sent(Family<Ended, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    /// notification-controller took it.
    Sent,
    /// It had the same one a short while ago.
    Duplicate,
    /// It did not want it.
    Refused,
    /// It could not be reached, or failed, every time.
    Failed,
    /// Too many waited already.
    Dropped,
}

/// As it goes over the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    involved_object: ObjectReference,
    severity: &'static str,
    timestamp: Timestamp,
    message: String,
    reason: &'static str,
    metadata: BTreeMap<String, String>,
    reporting_controller: &'static str,
    reporting_instance: String,
}

impl Alerts {
    /// For events that go to `address`; `instance` names this process in them. They go there while the courier runs.
    pub(crate) fn new(address: Url, instance: String, sent: Sent) -> (Self, Courier) {
        let (events_tx, events_rx) = mpsc::channel(BOUND);
        let courier = Courier { events: events_rx, address, sent: sent.clone() };
        (Self { events: events_tx, instance, sent }, courier)
    }

    /// Leaves a note to be sent. `annotations` are those of the object that was worked on.
    pub(super) fn leave(&self, related: &Related, annotations: &BTreeMap<String, String>, note: &Note) {
        let event = event(related, annotations, note, (Timestamp::now(), self.instance.clone()));
        if self.events.try_send(event).is_err() {
            self.sent.count(Outcome::Dropped);
        }
    }
}

impl Courier {
    /// Never returns while there is somebody to leave events.
    pub(crate) async fn run(mut self) {
        // Building it reads the certificates of this machine, file by file.
        let client = match spawn_blocking(client).await {
            Ok(Ok(client)) => client,
            // The runtime ends.
            Err(_) => return,
            Ok(Err(error)) => {
                warn!(error = %telemetry::Chain(&error), "no events are sent to Flux");
                return std::future::pending().await;
            }
        };
        while let Some(event) = self.events.recv().await {
            self.sent.count(self.deliver(&client, &event).await);
        }
    }

    async fn deliver(&self, client: &Client, event: &Event) -> Outcome {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_times(RETRIES)
            .with_jitter();
        let post = || async { answered(client.post(self.address.clone()).json(event).send().await) };
        let answer = post.retry(pauses).when(|answer| matches!(answer, Unanswered::Passing(_))).await;
        match answer {
            Ok(outcome) => outcome,
            Err(Unanswered::Passing(why)) => {
                warn!(why, reason = event.reason, "could not send an event to Flux");
                Outcome::Failed
            }
            Err(Unanswered::Final(status)) => {
                warn!(%status, reason = event.reason, "Flux did not take an event");
                Outcome::Refused
            }
        }
    }
}

/// Only whoever runs this controller says where this leads, so that no guard stands between.
fn client() -> reqwest::Result<Client> {
    Client::builder().no_proxy().redirect(Policy::none()).timeout(PATIENCE).build()
}

/// Why an event was not taken.
#[derive(Debug)]
enum Unanswered {
    /// It may be, if it is sent again.
    Passing(String),
    Final(StatusCode),
}

fn answered(answer: Result<reqwest::Response, reqwest::Error>) -> Result<Outcome, Unanswered> {
    // The address may hold what is nobody else's business.
    let status =
        answer.map_err(|error| Unanswered::Passing(telemetry::Chain(&error.without_url()).to_string()))?;
    match status.status() {
        status if status.is_success() => Ok(Outcome::Sent),
        // How notification-controller says that it knows this event.
        StatusCode::TOO_MANY_REQUESTS => {
            debug!("Flux has had this event already");
            Ok(Outcome::Duplicate)
        }
        status if status.is_server_error() => Err(Unanswered::Passing(format!("it answered {status}"))),
        status => Err(Unanswered::Final(status)),
    }
}

fn event(
    related: &Related,
    annotations: &BTreeMap<String, String>,
    note: &Note,
    (timestamp, instance): (Timestamp, String),
) -> Event {
    let reference = &related.reference;
    let group = reference.api_version.as_deref().and_then(|version| version.split_once('/'));
    let revision = group.zip(related.revision.clone());
    let own = annotations.iter().filter(|(name, _)| name.starts_with(ANNOTATIONS));
    let metadata = own.map(|(name, value)| (name.clone(), value.clone()));
    // Only what begins with the group of the object is read by notification-controller.
    let revision = revision.map(|((group, _), revision)| (format!("{group}/revision"), revision));
    Event {
        involved_object: reference.clone(),
        severity: if note.warning { "error" } else { "info" },
        timestamp,
        message: note.message.clone(),
        reason: note.reason,
        metadata: metadata.chain(revision).collect(),
        reporting_controller: crate::FIELD_MANAGER,
        reporting_instance: instance,
    }
}

impl Sent {
    /// Registers below `registry`, which gives the prefix.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let sent = Self(Family::default());
        registry.register("flux_events", "Events for Flux's Alerts, by what became of them", sent.0.clone());
        for outcome in
            [Outcome::Sent, Outcome::Duplicate, Outcome::Refused, Outcome::Failed, Outcome::Dropped]
        {
            drop(sent.0.get_or_create(&Ended { outcome }));
        }
        sent
    }

    fn count(&self, outcome: Outcome) {
        self.0.get_or_create(&Ended { outcome }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn related() -> Related {
        let reference = ObjectReference {
            api_version: Some("source.toolkit.fluxcd.io/v1".into()),
            kind: Some("ExternalArtifact".into()),
            name: Some("podinfo".into()),
            namespace: Some("apps".into()),
            ..ObjectReference::default()
        };
        Related { reference, revision: Some("latest@sha256:00".into()) }
    }

    #[test]
    fn an_event_is_what_flux_reads() {
        let annotations = BTreeMap::from([
            ("event.toolkit.fluxcd.io/team".to_owned(), "shop".to_owned()),
            ("example.com/note".to_owned(), "private".to_owned()),
        ]);
        let note = Note::warning("FetchFailed", "it is down");
        let event = event(&related(), &annotations, &note, (Timestamp::UNIX_EPOCH, "one".into()));
        let expected = serde_json::json!({
            "involvedObject": {
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "ExternalArtifact",
                "name": "podinfo", "namespace": "apps",
            },
            "severity": "error",
            "timestamp": "1970-01-01T00:00:00Z",
            "message": "it is down",
            "reason": "FetchFailed",
            "metadata": {
                "event.toolkit.fluxcd.io/team": "shop",
                "source.toolkit.fluxcd.io/revision": "latest@sha256:00",
            },
            "reportingController": "postern-controller",
            "reportingInstance": "one",
        });
        assert_eq!(serde_json::to_value(event).unwrap(), expected);
    }

    #[test]
    fn a_full_queue_costs_the_event_and_nobody_any_time() {
        let sent = Sent::register(&mut Registry::default());
        let (alerts, courier) =
            Alerts::new("http://127.0.0.1:9".parse().unwrap(), "one".into(), sent.clone());
        let note = Note::normal("Succeeded", "it works");
        (0..BOUND + 2).for_each(|_| alerts.leave(&related(), &BTreeMap::new(), &note));
        assert_eq!(sent.0.get_or_create(&Ended { outcome: Outcome::Dropped }).get(), 2);
        drop(courier);
    }
}
