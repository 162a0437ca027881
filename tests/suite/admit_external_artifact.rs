//! The ValidatingAdmissionPolicy that `deploy/` ships: who may say what Flux applies, as kube-apiserver sees it.
use crate::{promises, scene::Scene, sources::PATIENCE, upstream::Answer, watched};
use anyhow::{Context, Result, ensure};
use cluster::suite::{Suite, Urls, skip};
use crds::ExternalArtifact;
use kube::Api;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const POLICY: &str = "deploy/trusted-producer.yaml";

/// What `--artifacts-url` is where nobody says otherwise.
const USUAL_ADDRESS: &str = "http://postern.postern-system.svc:8080/";

/// May do everything, as far as RBAC knows, and is no producer.
const STRANGER: [&str; 2] = ["--as=system:serviceaccount:default:stranger", "--as-group=system:masters"];

/// All roles in one process, and the controller alone.
const PRODUCERS: [[&str; 2]; 2] = [
    ["--as=system:serviceaccount:postern-system:postern", "--as-group=system:masters"],
    ["--as=system:serviceaccount:postern-system:postern-controller", "--as-group=system:masters"],
];

/// The policy as it is shipped but for the address of this Postern, and its binding for one namespace: other tests run.
async fn apply_policy(scene: &Scene, urls: &Urls) -> Result<()> {
    let text = promises::text(POLICY);
    ensure!(text.contains(USUAL_ADDRESS), "the policy names the address that is usual");
    let text = text.replace(USUAL_ADDRESS, &format!("{}/", urls.artifacts));
    let (policy, binding) = text.split_once("\n---\n").context("a policy and its binding")?;
    let mut binding: Value = serde_saphyr::from_str(binding)?;
    let label = json!({ "kubernetes.io/metadata.name": scene.namespace.name() });
    binding["spec"]["matchResources"] = json!({ "namespaceSelector": { "matchLabels": label } });
    scene.suite.kubectl().apply(policy).await?;
    scene.suite.kubectl().apply(&binding.to_string()).await
}

fn artifact(name: &str) -> String {
    json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "ExternalArtifact",
        "metadata": { "name": name },
        "spec": { "sourceRef": { "kind": "ExternalSource", "name": "one" } },
    })
    .to_string()
}

fn status(url: &str) -> String {
    let artifact = json!({
        "path": "a.tar.gz",
        "url": url,
        "revision": "latest@sha256:0",
        "digest": format!("sha256:{}", "0".repeat(64)),
        "lastUpdateTime": "2026-01-01T00:00:00Z",
    });
    json!({ "status": { "artifact": artifact } }).to_string()
}

/// What kubectl says of a write that must be refused.
async fn refused(scene: &Scene, who: [&str; 2], arguments: &[&str], input: &str) -> Result<String> {
    let place = ["--namespace", scene.namespace.name()];
    let output = scene.suite.kubectl().output(&[&who, &place, arguments].concat(), input).await?;
    ensure!(!output.status.success(), "{arguments:?} was let through");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// kube-apiserver learns of a policy a moment after it has taken it.
async fn until_in_force(scene: &Scene) -> Result<()> {
    let dry_run = ["create", "--dry-run=server", "--filename=-"];
    let refuses = async {
        while refused(scene, STRANGER, &dry_run, &artifact("probe")).await.is_err() {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(PATIENCE, refuses).await.context("the policy is never in force")
}

#[tokio::test]
async fn only_trusted_producers_say_where_an_artifact_is() -> Result<()> {
    let scene = Scene::empty(Suite::attach().await?, "admit", Answer::data("1")).await?;
    let Some(urls) = scene.suite.urls() else { return skip("the address of this Postern is not known here") };
    apply_policy(&scene, &urls).await?;
    until_in_force(&scene).await?;

    let forged = refused(&scene, STRANGER, &["create", "--filename=-"], &artifact("forged")).await?;
    assert!(forged.contains("system:serviceaccount:default:stranger is none of them"), "{forged}");

    scene.apply("").await?;
    scene.ready().await?;
    let published: Api<ExternalArtifact> =
        Api::namespaced(scene.suite.client().clone(), scene.namespace.name());
    let has_artifact =
        |found: &ExternalArtifact| found.status.as_ref().is_some_and(|status| status.artifact.is_some());
    watched::until(PATIENCE, &published, "one", has_artifact).await?;

    let elsewhere = status("http://elsewhere.example/a.tar.gz");
    let patch = |kind| ["patch", kind, "one", "--subresource=status", "--type=merge", "--patch", &*elsewhere];
    for kind in ["externalartifact", "externalsource"] {
        let said = refused(&scene, STRANGER, &patch(kind), "").await?;
        assert!(said.contains("only trusted producers"), "{kind}: {said}");
    }
    for producer in PRODUCERS {
        let said = refused(&scene, producer, &patch("externalartifact"), "").await?;
        assert!(said.contains("the address of the artifact is none of those"), "{producer:?}: {said}");
    }
    let moved = r#"{"spec":{"sourceRef":{"kind":"ExternalSource","name":"other"}}}"#;
    let claim = ["patch", "externalartifact", "one", "--type=merge", "--patch", moved];
    let said = refused(&scene, STRANGER, &claim, "").await?;
    assert!(said.contains("only trusted producers"), "{said}");

    scene.request_through_flux("asked-by-a-stranger").await?;
    scene
        .suite
        .kubectl()
        .run(&[
            "delete",
            "validatingadmissionpolicybinding,validatingadmissionpolicy",
            "postern-trusted-producer",
        ])
        .await?;
    Ok(())
}
