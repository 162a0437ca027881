//! When a source is fetched, and what the request may be compared with.
mod allowed;
mod calendar;
mod pin;

use super::*;
use crate::external_source::artifact::{
    describe,
    tests::{base, fetched},
};
use artifacts::plan::{ReferencedSecret, Secrets};
use crds::{
    ExternalSourceSpec,
    external_source::{Expression, Generator, HttpGenerator, SecretReference},
};
use installation::Ruling;
use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

const NOW: Moment = Moment { now: Timestamp::constant(1_800_000_000, 0), random: 0.5 };

/// A source that is well, some time after its last pass; each test changes what it is about.
struct Scene {
    source: ExternalSource,
    seen: Seen,
    memory: Memory<Remembered>,
}

impl Scene {
    fn well() -> Self {
        let mut scene = Self { source: source(), seen: seen(), memory: Memory::default() };
        let inputs = scene.inputs();
        let status = scene.source.status.as_mut().expect("source() sets it");
        status.observed_inputs_digest = Some(inputs.to_string());
        scene.memory.next = Next::At(in_seconds(300));
        scene.memory.generation = Some(1);
        scene.memory.own = Remembered { inputs: Some(inputs), ..Default::default() };
        scene
    }

    /// The same source, in a process that has just started.
    fn restarted() -> Self {
        Self { memory: Memory::default(), ..Self::well() }
    }

    fn inputs(&self) -> Digest {
        let spec = check(&self.source.spec).expect("a good spec");
        Plan::new(spec, self.seen.secrets.as_ref().expect("secrets")).expect("a plan").inputs_digest()
    }

    fn status(&mut self) -> &mut ExternalSourceStatus {
        self.source.status.as_mut().expect("source() sets it")
    }

    fn http(&mut self) -> &mut HttpGenerator {
        self.source.spec.generator.http.as_mut().expect("source() sets it")
    }

    fn annotate(&mut self, value: &str) {
        let annotations = self.source.metadata.annotations.get_or_insert_default();
        annotations.insert(REQUESTED_AT.into(), value.into());
    }

    fn not_ready(&mut self) {
        self.status().conditions[0].status = "False".into();
    }

    fn step(&self) -> Step {
        decide(&self.source, &self.seen, &self.memory, NOW).step
    }

    fn followed(&self) -> Option<String> {
        decide(&self.source, &self.seen, &self.memory, NOW).followed
    }

    fn order(&self) -> Order {
        match self.step() {
            Step::Fetch(order) => *order,
            other => panic!("expected a fetch, got {other:?}"),
        }
    }

    fn failure(&self) -> Failure {
        match self.step() {
            Step::Fail(failure) => failure,
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    fn rests_until(&self) -> Option<Timestamp> {
        match self.step() {
            Step::Rest { until, .. } => until,
            other => panic!("expected rest, got {other:?}"),
        }
    }
}

fn in_seconds(seconds: i64) -> Timestamp {
    NOW.now + SignedDuration::from_secs(seconds)
}

fn source() -> ExternalSource {
    let http =
        HttpGenerator { url: "https://example.com/data".into(), method: "GET".into(), ..Default::default() };
    let spec = ExternalSourceSpec {
        interval: "10m".into(),
        timeout: "30s".into(),
        generator: Generator { http: Some(http), ..Default::default() },
        ..Default::default()
    };
    let mut source = ExternalSource::new("podinfo", spec);
    source.metadata.namespace = Some("apps".into());
    source.metadata.uid = Some("8f1c".into());
    source.metadata.generation = Some(1);
    source.status = Some(ExternalSourceStatus {
        conditions: vec![Condition {
            type_: READY.into(),
            status: "True".into(),
            reason: reasons::SUCCEEDED.into(),
            message: String::new(),
            observed_generation: Some(1),
            last_transition_time: Time(NOW.now),
        }],
        observed_generation: Some(1),
        artifact: Some(describe(&fetched("one", 60), &base())),
        last_handled_etag: Some("\"1\"".into()),
        ..Default::default()
    });
    source
}

fn seen() -> Seen {
    Seen {
        allowed: Ruling::default(),
        secrets: Ok(Secrets::default()),
        blob: Some(fetched("one", 60).blob),
        pin: None,
        taken: None,
        flux_request: None,
        since: NOW.now,
    }
}

#[test]
fn waits_out_the_rest_of_the_interval() {
    let mut scene = Scene::well();
    assert_eq!(scene.rests_until(), Some(in_seconds(300)));
    scene.memory.next = Next::At(NOW.now);
    scene.order();
}

#[test]
fn the_same_question_gets_the_same_answer() {
    let scene = Scene::restarted();
    assert_eq!(scene.rests_until(), scene.rests_until());
}

#[test]
fn a_new_source_is_fetched_at_once_and_without_conditions() {
    let mut scene = Scene::restarted();
    scene.source.status = None;
    scene.seen.blob = None;
    let order = scene.order();
    assert_eq!((order.validators, order.stored, order.lost), (None, None, false));
}

#[test]
fn a_request_is_one_pass_with_conditions() {
    let mut scene = Scene::well();
    scene.annotate("now");
    let order = scene.order();
    assert_eq!(order.validators.and_then(|validators| validators.etag).as_deref(), Some("\"1\""));
    scene.status().last_handled_reconcile_at = Some("now".into());
    assert_eq!(scene.rests_until(), Some(in_seconds(300)));
}

#[test]
fn a_request_on_the_external_artifact_counts_once() {
    let mut scene = Scene::well();
    scene.seen.flux_request = Some("now".into());
    assert_eq!(scene.followed().as_deref(), Some("now"));
    scene.order();
    scene.status().last_handled_artifact_reconcile_at = Some("now".into());
    assert_eq!(scene.rests_until(), Some(in_seconds(300)));
    assert_eq!(scene.followed(), None);
}

#[test]
fn a_request_on_the_external_artifact_is_followed_after_a_restart_if_it_was_not_before() {
    let mut scene = Scene::restarted();
    scene.seen.flux_request = Some("now".into());
    scene.order();
    scene.status().last_handled_artifact_reconcile_at = Some("now".into());
    scene.rests_until();
}

#[test]
fn a_request_on_the_external_artifact_is_answered_by_a_failure_and_not_by_rest() {
    let mut scene = Scene::well();
    scene.seen.flux_request = Some("now".into());
    scene.http().url = "nonsense".into();
    scene.failure();
    assert_eq!(scene.followed().as_deref(), Some("now"));
    scene.source.spec.suspend = Some(true);
    assert!(matches!(scene.step(), Step::Suspend { ignored: Some(request) } if request == "now"));
    assert_eq!(scene.followed(), None);
}

#[test]
fn a_changed_path_is_fetched_without_conditions() {
    let mut scene = Scene::well();
    scene.source.spec.destination_path = Some("elsewhere".into());
    let order = scene.order();
    assert_eq!(order.validators, None);
    assert!(order.stored.is_some(), "an equal tar still keeps the stored blob");
}

#[test]
fn a_changed_secret_is_fetched_without_conditions() {
    let mut scene = Scene::well();
    scene.http().headers_secret_ref = Some(SecretReference { name: "token".into() });
    let secret = |version: &str| ReferencedSecret {
        name: "token".into(),
        version: version.into(),
        data: std::collections::BTreeMap::new(),
    };
    scene.seen.secrets = Ok([secret("1")].into_iter().collect());
    let inputs = scene.inputs();
    scene.memory.own.inputs = Some(inputs);
    scene.status().observed_inputs_digest = Some(inputs.to_string());
    scene.rests_until();
    scene.seen.secrets = Ok([secret("2")].into_iter().collect());
    assert_eq!(scene.order().validators, None);
}

#[test]
fn a_lost_blob_is_fetched_without_conditions() {
    for mut scene in [Scene::well(), Scene::restarted()] {
        scene.seen.blob = None;
        let order = scene.order();
        assert_eq!((order.validators, order.stored, order.lost), (None, None, true));
    }
}

#[test]
fn a_lost_blob_is_no_reason_to_press_a_source_that_fails() {
    let mut scene = Scene::well();
    scene.seen.blob = None;
    scene.memory.failed = true;
    assert_eq!(scene.rests_until(), Some(in_seconds(300)));
}

#[test]
fn a_new_generation_is_looked_at_once_whatever_the_pause() {
    for next in [Next::At(in_seconds(3000)), Next::OnChange] {
        let mut scene = Scene::well();
        scene.memory.next = next;
        scene.source.metadata.generation = Some(2);
        scene.order();
        scene.memory.generation = Some(2);
        scene.rests_until();
    }
}

#[test]
fn what_waits_for_a_change_is_not_tried_again_without_one() {
    let mut scene = Scene::well();
    (scene.memory.next, scene.memory.failed) = (Next::OnChange, true);
    assert_eq!(scene.rests_until(), None);
}

#[test]
fn an_invalid_spec_never_reaches_the_network() {
    let mut scene = Scene::well();
    scene.http().url = "file:///etc/passwd".into();
    scene.memory.next = Next::At(NOW.now);
    let failure = scene.failure();
    assert_eq!((failure.reason, failure.retry), ("InvalidSpec", crate::reconcile::Retry::OnChange));
    assert!(failure.message.starts_with("spec.generator.http.url: "), "{}", failure.message);
}

#[test]
fn what_is_no_expression_waits_for_a_change_as_what_breaks_a_rule() {
    let mut scene = Scene::well();
    scene.source.spec.transform = Some(Expression { cel: Some("body.".into()), ..Expression::default() });
    let failure = scene.failure();
    assert_eq!((failure.reason, failure.retry), ("InvalidSpec", crate::reconcile::Retry::OnChange));
    assert!(failure.message.starts_with("spec.transform.cel: Invalid value: \"body.\": line 1, column 6: "));
}

#[test]
fn a_missing_secret_is_named() {
    let mut scene = Scene::well();
    scene.http().headers_secret_ref = Some(SecretReference { name: "token".into() });
    let failure = scene.failure();
    assert_eq!((failure.reason, &*failure.message), ("SecretNotFound", "Secret token does not exist"));
}

#[test]
fn somebody_elses_external_artifact_stops_everything() {
    let mut scene = Scene::well();
    scene.seen.taken = Some("belongs to ArtifactGenerator other".into());
    scene.memory.next = Next::At(NOW.now);
    let failure = scene.failure();
    assert_eq!(failure.reason, "NameTaken");
    assert!(failure.message.contains("belongs to ArtifactGenerator other"), "{}", failure.message);
}

#[test]
fn a_suspended_source_rests_and_names_a_request_once() {
    let mut scene = Scene::well();
    scene.source.spec.suspend = Some(true);
    scene.memory.next = Next::At(NOW.now);
    assert!(matches!(scene.step(), Step::Suspend { ignored: None }));
    scene.annotate("now");
    assert!(matches!(scene.step(), Step::Suspend { ignored: Some(request) } if request == "now"));
    scene.memory.own.ignored_request = Some("now".into());
    assert!(matches!(scene.step(), Step::Suspend { ignored: None }));
}

#[test]
fn after_a_restart_sources_that_are_well_take_turns() {
    let mut turns = Vec::new();
    for i in 0..100 {
        let mut scene = Scene::restarted();
        scene.source.metadata.uid = Some(format!("uid-{i}"));
        turns.push(scene.rests_until().expect("a time"));
    }
    turns.sort();
    assert!(turns[0] > NOW.now && turns[99] <= in_seconds(300), "{turns:?}");
    assert!(turns[50] > in_seconds(90) && turns[50] < in_seconds(210), "evenly: {}", turns[50]);
}

#[test]
fn a_second_look_after_a_restart_comes_to_the_same() {
    let mut scene = Scene::restarted();
    let Step::Rest { until: Some(turn), inputs } = scene.step() else { panic!("it is well") };
    // What the loop and `act` remember of a rest.
    (scene.memory.next, scene.memory.generation) = (Next::At(turn), Some(1));
    scene.memory.own = Remembered { inputs: Some(inputs), ..Default::default() };
    assert_eq!(scene.rests_until(), Some(turn));
}

#[test]
fn after_a_restart_a_short_interval_is_not_stretched() {
    let mut scene = Scene::restarted();
    scene.source.spec.interval = "1m".into();
    assert!(scene.rests_until().expect("a time") <= in_seconds(60));
}

#[test]
fn after_a_restart_what_is_not_well_is_looked_at_once() {
    let broken: [fn(&mut Scene); 4] = [
        Scene::not_ready,
        |scene| scene.status().conditions.clear(),
        |scene| scene.status().observed_generation = Some(0),
        |scene| scene.status().observed_inputs_digest = None,
    ];
    for change in broken {
        let mut scene = Scene::restarted();
        change(&mut scene);
        scene.order();
    }
}

#[test]
fn a_back_off_outlives_the_process() {
    let mut scene = Scene::restarted();
    scene.not_ready();
    scene.status().next_fetch_time = Some(Time(in_seconds(120)));
    assert_eq!(scene.rests_until(), Some(in_seconds(120)));
    scene.status().next_fetch_time = Some(Time(in_seconds(-1)));
    scene.order();
}

#[test]
fn a_pause_that_a_server_asked_for_outlives_the_process() {
    let mut scene = Scene::restarted();
    scene.status().next_fetch_time = Some(Time(in_seconds(7200)));
    assert_eq!(scene.rests_until(), Some(in_seconds(7200)));
    scene.status().next_fetch_time = Some(Time(in_seconds(1)));
    assert_eq!(scene.rests_until(), Some(in_seconds(1)), "never later than was announced");
}
