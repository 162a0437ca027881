//! What kube-apiserver sends, and what it must get back.
mod bad_input;
mod dry_run;
mod hostile;
mod http;

use crate::{Step, Webhook};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use crds::allowed_hosts::AllowedHosts;
use futures::executor::block_on;
use installation::{Live, Policies};
use json_patch::Patch;
use serde_json::{Value, json};
use std::time::Duration;
use telemetry::metrics::Registry;

/// A valid object, complete, so that its defaults change nothing but the finalizer.
fn object() -> Value {
    json!({
        "apiVersion": "source.flux.oddkin.co/v1alpha1",
        "kind": "ExternalSource",
        "metadata": { "name": "podinfo", "namespace": "apps" },
        "spec": {
            "interval": "10m",
            "maxRetries": 3,
            "generator": { "type": "http", "http": { "url": "https://example.dev/data" } },
        },
    })
}

fn with_spec(change: impl FnOnce(&mut Value)) -> Value {
    let mut object = object();
    change(&mut object["spec"]);
    object
}

fn review(operation: &str, object: &Value, old: &Value) -> Value {
    let gvk = json!({ "group": "source.flux.oddkin.co", "version": "v1alpha1", "kind": "ExternalSource" });
    let gvr =
        json!({ "group": "source.flux.oddkin.co", "version": "v1alpha1", "resource": "externalsources" });
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5", "kind": gvk, "resource": gvr, "requestKind": gvk, "requestResource": gvr,
            "name": "podinfo", "namespace": "apps", "operation": operation, "userInfo": { "username": "me" },
            "object": object, "oldObject": old, "dryRun": false,
            "options": { "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1" },
        },
    })
}

fn answered(webhook: &Webhook, step: Step, body: &[u8]) -> Result<Vec<u8>, String> {
    block_on(webhook.answer(step, body, Duration::from_secs(5)))
}

fn answer(step: Step, review: &Value) -> Value {
    answer_of(Policies::default(), step, review)
}

/// Where the operator allows that.
fn answer_of(policies: Policies, step: Step, review: &Value) -> Value {
    let webhook = Webhook::new(&mut Registry::default(), policies);
    let json = answered(&webhook, step, review.to_string().as_bytes()).expect("a review");
    let answer: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!((&answer["apiVersion"], &answer["kind"]), (&review["apiVersion"], &review["kind"]));
    assert_eq!(answer["response"]["uid"], review["request"]["uid"], "the uid is echoed");
    answer["response"].clone()
}

fn created(step: Step, object: &Value) -> Value {
    answer(step, &review("CREATE", object, &Value::Null))
}

fn updated(step: Step, object: &Value, old: &Value) -> Value {
    answer(step, &review("UPDATE", object, old))
}

/// The object after the patch of the answer, as kube-apiserver applies it.
fn patched(object: &Value, response: &Value) -> Value {
    assert_eq!(
        (&response["allowed"], &response["patchType"]),
        (&json!(true), &json!("JSONPatch")),
        "{response}"
    );
    let patch = BASE64_STANDARD.decode(response["patch"].as_str().expect("a text")).expect("base64");
    let patch: Patch = serde_json::from_slice(&patch).expect("a patch");
    let mut object = object.clone();
    json_patch::patch(&mut object, &patch).expect("applies");
    object
}

fn allowed_untouched(response: &Value) {
    assert_eq!(response, &json!({ "uid": "705ab4f5", "allowed": true }));
}

#[test]
fn a_new_object_gets_the_finalizer_and_nothing_else() {
    let response = created(Step::Mutate, &object());
    let mut expected = object();
    expected["metadata"]["finalizers"] = json!(["source.flux.oddkin.co/externalsource-finalizer"]);
    assert_eq!(patched(&object(), &response), expected);
}

#[test]
fn a_complete_object_passes_without_a_patch() {
    let mut complete = object();
    complete["metadata"]["finalizers"] = json!(["source.flux.oddkin.co/externalsource-finalizer"]);
    allowed_untouched(&created(Step::Mutate, &complete));
    allowed_untouched(&created(Step::Validate, &complete));
}

#[test]
fn defaults_fit_what_was_sent_even_null() {
    let sent = with_spec(|spec| {
        spec["maxRetries"] = json!(0);
        spec["destinationPath"] = json!("/etc/app.yaml");
        spec["suspend"] = Value::Null;
    });
    let response = created(Step::Mutate, &sent);
    let after = patched(&sent, &response);
    assert_eq!((&after["spec"]["maxRetries"], &after["spec"]["suspend"]), (&json!(3), &Value::Null));
    assert_eq!(after["spec"]["destinationPath"], "etc/app.yaml");
    assert_eq!(
        response["warnings"],
        json!(["spec.destinationPath: the leading / is stripped; paths are relative"])
    );
}

#[test]
fn what_mutate_made_is_left_alone_when_it_is_asked_again() {
    let sent = with_spec(|spec| spec["maxRetries"] = json!(0));
    let once = patched(&sent, &created(Step::Mutate, &sent));
    allowed_untouched(&created(Step::Mutate, &once));
    allowed_untouched(&created(Step::Validate, &once));
}

#[test]
fn warnings_come_once_though_both_webhooks_are_asked() {
    let unwise = with_spec(|spec| spec["generator"]["http"]["insecureSkipVerify"] = json!(true));
    let why = "anybody on the way can change the data; prefer caBundleSecretRef";
    let expected = json!([format!("spec.generator.http.insecureSkipVerify: {why}")]);
    assert_eq!(created(Step::Mutate, &unwise)["warnings"], expected);
    allowed_untouched(&created(Step::Validate, &unwise));
}

#[test]
fn an_operator_may_forbid_certificates_that_nobody_verifies() {
    let unwise = with_spec(|spec| spec["generator"]["http"]["insecureSkipVerify"] = json!(true));
    let strict = Policies { must_verify: true, ..Policies::default() };
    for step in [Step::Mutate, Step::Validate] {
        let response = answer_of(strict.clone(), step, &review("CREATE", &unwise, &Value::Null));
        let status = &response["status"];
        assert_eq!((&response["allowed"], &status["code"]), (&json!(false), &json!(422)), "{response}");
        let cause = &status["details"]["causes"][0];
        assert_eq!(cause["field"], "spec.generator.http.insecureSkipVerify");
        let said = cause["message"].as_str().expect("a text");
        assert!(
            said.contains("--allow-insecure-skip-verify=false") && said.contains("caBundleSecretRef"),
            "{said}"
        );
    }
}

#[test]
fn hosts_are_allowed_by_the_namespace_of_the_object() {
    let hosts = |namespace| {
        let file = format!("[{{ namespaces: [{namespace}], hosts: [example.dev] }}]");
        Some(Live::fixed(AllowedHosts::parse(&file).expect("a good file")))
    };
    let created = |namespace| {
        let policies = Policies { hosts: hosts(namespace), ..Policies::default() };
        answer_of(policies, Step::Validate, &review("CREATE", &object(), &Value::Null))
    };
    allowed_untouched(&created("apps"));
    let refused = created("others");
    assert_eq!(refused["status"]["details"]["causes"][0]["field"], "spec.generator.http.url", "{refused}");
}

#[test]
fn an_update_of_a_spec_is_completed_and_checked_but_gets_no_finalizer() {
    let new = with_spec(|spec| spec["maxRetries"] = json!(0));
    let response = updated(Step::Mutate, &new, &object());
    assert_eq!(patched(&new, &response), object());
    let wrong = with_spec(|spec| spec["interval"] = json!("1s"));
    assert_eq!(updated(Step::Mutate, &wrong, &object())["allowed"], false);
    assert_eq!(updated(Step::Validate, &wrong, &object())["allowed"], false);
}

#[test]
fn an_update_that_leaves_a_wrong_spec_unchanged_passes() {
    let wrong = with_spec(|spec| spec["interval"] = json!("1s"));
    let mut labelled = wrong.clone();
    labelled["metadata"]["labels"] = json!({ "team": "a" });
    for step in [Step::Mutate, Step::Validate] {
        allowed_untouched(&updated(step, &labelled, &wrong));
    }
}

#[test]
fn an_object_that_is_being_deleted_can_lose_its_finalizer_whatever_its_spec() {
    let mut leaving = with_spec(|spec| spec["interval"] = json!("1s"));
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    for step in [Step::Mutate, Step::Validate] {
        allowed_untouched(&updated(step, &leaving, &object()));
    }
}

#[test]
fn deletions_subresources_and_foreign_kinds_pass() {
    let mut deletion = review("DELETE", &Value::Null, &object());
    allowed_untouched(&answer(Step::Mutate, &deletion));
    deletion["request"]["kind"]["group"] = json!("apps");
    allowed_untouched(&answer(Step::Validate, &deletion));
    let wrong = with_spec(|spec| spec["interval"] = json!("1s"));
    let mut status = review("UPDATE", &wrong, &object());
    status["request"]["subResource"] = json!("status");
    allowed_untouched(&answer(Step::Mutate, &status));
}

#[test]
fn reviews_of_other_versions_are_not_answered() {
    let webhook = Webhook::new(&mut Registry::default(), Policies::default());
    let mut old = review("CREATE", &object(), &Value::Null);
    old["apiVersion"] = json!("admission.k8s.io/v1beta1");
    let why = answered(&webhook, Step::Mutate, old.to_string().as_bytes()).expect_err("old");
    assert_eq!(why, "cannot answer AdmissionReview of admission.k8s.io/v1beta1");
}
