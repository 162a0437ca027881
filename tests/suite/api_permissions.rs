//! What each role of Postern may do with the manifests of `deploy/`, as kube-apiserver sees it: no right is missing here, and none is there
//! that is not written below.
use anyhow::{Context, Result};
use cluster::suite::Suite;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const OURS: &str = "postern-system";
/// A namespace that nobody opened to Postern.
const ANY: &str = "default";
/// Where kube-apiserver says by what it is known.
const AUTHENTICATION: &str = "kube-system";

/// What its certificates ask of every role.
const CERTIFICATES: [&str; 3] = [
    "secrets postern-ca: get list update watch",
    "secrets postern-serving: get list update watch",
    "secrets: create",
];
const CONFIGURATION: [&str; 1] = ["configmaps extension-apiserver-authentication: get list watch"];
const REVIEWS: [&str; 2] =
    ["subjectaccessreviews.authorization.k8s.io: create", "tokenreviews.authentication.k8s.io: create"];
const OF_APISERVER: [&str; 1] = ["externalsources.source.flux.oddkin.co: get list patch watch"];
const OF_CONTROLLER: [&str; 9] = [
    "apiservices.apiregistration.k8s.io v1alpha1.subresources.postern.dev: list patch watch",
    "events.events.k8s.io: create",
    "externalartifacts.source.toolkit.fluxcd.io: create delete get list patch watch",
    "externalartifacts/status.source.toolkit.fluxcd.io: patch",
    "externalsources.source.flux.oddkin.co: get list patch watch",
    "externalsources/status.source.flux.oddkin.co: patch update",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io postern: list patch watch",
    "namespaces: get",
    "validatingwebhookconfigurations.admissionregistration.k8s.io postern: list patch watch",
];
const LEASES: &str = "leases.coordination.k8s.io: create get list update";
const PREVIEWS: &str = "previews.controller.postern.dev: create";
const LOGS: &str = "logs.controller.postern.dev: create";

/// Who has which rights, and where: cluster-wide ones count in every namespace.
fn expected() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let of_apiserver = [&REVIEWS[..], &OF_APISERVER].concat();
    let of_controller = [&REVIEWS[..], &OF_CONTROLLER].concat();
    let own = |everywhere: &[&'static str], more: &[&'static str]| [everywhere, &CERTIFICATES, more].concat();
    let here = [
        PREVIEWS,
        LOGS,
        "serviceaccounts/token postern-apiserver: create",
        "leases.coordination.k8s.io: list",
    ];
    vec![
        ("postern-webhook", ANY, vec![]),
        ("postern-webhook", AUTHENTICATION, vec![]),
        ("postern-webhook", OURS, own(&[], &[PREVIEWS, "serviceaccounts/token postern-webhook: create"])),
        ("postern-apiserver", ANY, of_apiserver.clone()),
        ("postern-apiserver", AUTHENTICATION, [&of_apiserver[..], &CONFIGURATION].concat()),
        ("postern-apiserver", OURS, own(&of_apiserver, &here)),
        ("postern-controller", ANY, of_controller.clone()),
        ("postern-controller", AUTHENTICATION, of_controller.clone()),
        ("postern-controller", OURS, own(&of_controller, &[LEASES])),
        ("postern", ANY, of_controller.clone()),
        ("postern", AUTHENTICATION, [&of_controller[..], &CONFIGURATION].concat()),
        ("postern", OURS, own(&of_controller, &[LEASES, LOGS, "serviceaccounts/token postern: create"])),
    ]
}

/// What kube-apiserver says that the account may do there, a line for each kind or object.
async fn rights(suite: &Suite, account: &str, namespace: &str) -> Result<BTreeSet<String>> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": { "namespace": namespace },
    });
    let user = format!("--as=system:serviceaccount:{OURS}:{account}");
    let groups = ["system:serviceaccounts", "system:serviceaccounts:postern-system", "system:authenticated"]
        .map(|group| format!("--as-group={group}"));
    let arguments: Vec<&str> = [&*user].into_iter().chain(groups.iter().map(String::as_str)).collect();
    let arguments =
        [&arguments[..], &["create", "--validate=false", "--output=json", "--filename=-"]].concat();
    let answer = suite.kubectl().run_with_input(&arguments, &review.to_string()).await?;
    let answer: Value = serde_json::from_str(&answer)?;
    let rules = answer["status"]["resourceRules"].as_array().context("rules")?;
    let mut verbs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in rules {
        for what in objects(rule) {
            verbs.entry(what).or_default().extend(texts(&rule["verbs"]));
        }
    }
    Ok(verbs.into_iter().map(|(what, verbs)| line(&what, verbs)).collect())
}

fn line(what: &str, verbs: BTreeSet<String>) -> String {
    format!("{what}: {}", verbs.into_iter().collect::<Vec<_>>().join(" "))
}

/// Each kind that a rule speaks of, or each object, if it names some.
fn objects(rule: &Value) -> Vec<String> {
    let mut objects = Vec::new();
    for group in texts(&rule["apiGroups"]) {
        for resource in texts(&rule["resources"]) {
            let kind = if group.is_empty() { resource } else { format!("{resource}.{group}") };
            let names = texts(&rule["resourceNames"]);
            objects.extend(names.iter().map(|name| format!("{kind} {name}")));
            if names.is_empty() {
                objects.push(kind);
            }
        }
    }
    objects
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[tokio::test]
async fn each_role_has_the_rights_that_it_needs_and_no_others() -> Result<()> {
    let suite = Suite::attach().await?;
    for (account, namespace, expected) in expected() {
        let everybodys = rights(&suite, "somebody-else", namespace).await?;
        let found = rights(&suite, account, namespace).await?;
        let found: Vec<&str> = found.difference(&everybodys).map(String::as_str).collect();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(found, expected, "{account} in {namespace}");
    }
    Ok(())
}
