//! An earlier revision, published again and kept so.
use crate::{
    aggregated::post_object,
    archive,
    scene::Scene,
    sources::{condition, manifest, revision, until, until_failed, until_ready},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result};
use cluster::suite::{skip, to_its_end};
use crds::{ExternalSource, conditions::PINNED};
use http::StatusCode;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use std::{fs, sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

/// What left the history is collected when it is a minute old, and its readers have had theirs.
const PATIENCE_WITH_COLLECTION: Duration = Duration::from_secs(180);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

fn files(text: &str) -> Answer {
    Answer::data(archive::tar(&[("a.yaml", text)]))
}

fn waiting(source: &ExternalSource) -> Option<String> {
    Some(source.status.as_ref()?.waiting_artifact.as_ref()?.revision.clone())
}

impl Scene {
    /// Two revisions, the later one published: the names of both.
    async fn with_two_revisions(&self) -> Result<(String, String)> {
        let first = self.second_revision().await?;
        Ok((first, revision(&self.sources.get("one").await?).context("revision")?))
    }

    /// Changes the spec as a person does.
    async fn patch(&self, spec: &Value) -> Result<String> {
        let patch = json!({ "spec": spec }).to_string();
        self.namespace.kubectl(&["patch", "externalsource", "one", "--type=merge", "--patch", &patch]).await
    }
}

#[tokio::test]
async fn a_rollback_keeps_an_earlier_revision_published_until_it_is_taken_back() -> Result<()> {
    let scene = Scene::with_files().await?;
    let (first, second) = scene.with_two_revisions().await?;
    let digits = &first["latest@sha256:".len()..][..12];
    let (code, rollback) = scene.roll_back(&json!({ "revision": digits }), "").await?;
    assert_eq!((code, &rollback["kind"]), (StatusCode::CREATED, &json!("Rollback")), "{rollback}");
    let told = ["revision", "published", "waiting"].map(|field| rollback[field].as_str().unwrap_or_default());
    assert_eq!((told, &rollback["changed"]), ([&*first, &first, &second], &json!(true)), "{rollback}");
    let source = scene.sources.get("one").await?;
    assert_eq!((source.spec.pin.as_ref(), revision(&source).as_ref()), (Some(&first), Some(&first)));

    scene.upstream.answer(files("a: 3\n"));
    let (_, refresh) = scene.refresh("").await?;
    assert_eq!((&refresh["ready"], &refresh["changed"]), (&json!("True"), &json!(false)), "{refresh}");
    let source = scene.sources.get("one").await?;
    let third = waiting(&source).context("the newest is stored, and waits")?;
    assert_ne!(third, second);
    let pinned = condition(&source, PINNED).context("Pinned")?;
    assert_eq!((&*pinned.status, pinned.message.contains(&third)), ("True", true), "{}", pinned.message);

    let (code, rollback) = scene.roll_back(&json!({ "revision": "" }), "").await?;
    assert_eq!((code, &rollback["published"]), (StatusCode::CREATED, &json!(third)), "{rollback}");
    let source = scene.sources.get("one").await?;
    assert_eq!((source.spec.pin.as_ref(), waiting(&source)), (None, None));
    assert_eq!(condition(&source, PINNED), None);
    Ok(())
}

#[tokio::test]
async fn the_pin_has_a_manager_of_its_own_and_goes_whoever_has_set_it() -> Result<()> {
    let scene = Scene::with_files().await?;
    let (first, second) = scene.with_two_revisions().await?;
    scene.roll_back(&json!({ "revision": first }), "").await?;
    let source = scene.sources.get("one").await?;
    let managers = source.metadata.managed_fields.iter().flatten();
    let ours = managers.filter(|entry| entry.manager.as_deref() == Some("postern-rollback"));
    let owned: Vec<_> = ours.filter_map(|entry| Some(&entry.fields_v1.as_ref()?.0)).collect();
    assert_eq!(owned, [&json!({ "f:spec": { "f:pin": {} } })]);

    scene.patch(&json!({ "pin": second })).await?;
    let (code, rollback) = scene.roll_back(&json!({ "revision": "" }), "").await?;
    assert_eq!((code, &rollback["published"]), (StatusCode::CREATED, &json!(second)), "{rollback}");
    assert_eq!(scene.sources.get("one").await?.spec.pin, None);
    Ok(())
}

/// Refuses every pin in its namespace.
fn policy(name: &str) -> String {
    let api = "apiVersion: admissionregistration.k8s.io/v1";
    format!(
        "{api}
kind: ValidatingAdmissionPolicy
metadata: {{ name: {name} }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - {{ apiGroups: [source.flux.oddkin.co], apiVersions: [v1alpha1], operations: [UPDATE], resources: [externalsources] }}
  validations:
    - {{ expression: '!has(object.spec.pin)', message: nothing is pinned here, reason: Forbidden }}
---
{api}
kind: ValidatingAdmissionPolicyBinding
metadata: {{ name: {name} }}
spec:
  policyName: {name}
  validationActions: [Deny]
  matchResources:
    namespaceSelector: {{ matchLabels: {{ kubernetes.io/metadata.name: {name} }} }}
"
    )
}

#[tokio::test]
async fn a_policy_that_refuses_the_pin_is_told_in_its_own_words() -> Result<()> {
    let scene = Scene::with_files().await?;
    let (first, _) = scene.with_two_revisions().await?;
    let name = scene.namespace.name().to_owned();
    scene.namespace.apply(&policy(&name)).await?;
    let tried = timeout(PATIENCE_WITH_COLLECTION, async {
        let (dry, pin) =
            (PatchParams { dry_run: true, ..Default::default() }, json!({ "spec": { "pin": first } }));
        loop {
            match scene.sources.patch("one", &dry, &Patch::Merge(&pin)).await {
                Err(kube::Error::Api(refused)) => {
                    return anyhow::Ok((refused, scene.roll_back(&json!({ "revision": first }), "").await?));
                }
                Err(error) => return Err(error.into()),
                // kube-apiserver does not know the policy yet.
                Ok(_) => sleep(PAUSE).await,
            }
        }
    });
    let tried = to_its_end(async { tried.await.context("the policy comes into force")? }).await;
    let both = "validatingadmissionpolicybinding,validatingadmissionpolicy";
    scene.namespace.kubectl(&["delete", both, &name]).await?;
    let (refused, (code, said)) = tried?;
    assert!(refused.code == 403 && refused.message.contains("nothing is pinned here"), "{refused:?}");
    assert_eq!(
        (code.as_u16(), &said["reason"], &said["message"]),
        (403, &json!(refused.reason), &json!(refused.message))
    );
    let causes = |causes: &Value| {
        let words = causes.as_array().into_iter().flatten().map(|cause| cause["message"].clone());
        words.collect::<Vec<_>>()
    };
    let refused = serde_json::to_value(&refused.details)?;
    assert_eq!(causes(&said["details"]["causes"]), causes(&refused["causes"]), "{said}");
    assert_eq!(scene.sources.get("one").await?.spec.pin, None);
    Ok(())
}

#[tokio::test]
async fn whoever_rolls_back_does_not_wait_for_the_source() -> Result<()> {
    let scene = Scene::with_files().await?;
    let (first, _) = scene.with_two_revisions().await?;
    let gate = Arc::new(Semaphore::new(0));
    scene.upstream.answer(files("a: 3\n").behind(&gate));
    let (code, rollback) = scene.roll_back(&json!({ "revision": first }), "").await?;
    assert_eq!((code, &rollback["published"]), (StatusCode::CREATED, &json!(first)), "{rollback}");
    assert!(!gate.is_closed(), "the source has answered nothing yet");
    gate.close();
    until(&scene.sources, "one", |source| waiting(source).is_some()).await?;
    assert_eq!(revision(&scene.sources.get("one").await?), Some(first));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_published_again_is_refused_and_pins_nothing() -> Result<()> {
    let scene = Scene::with_files().await?;
    let other = Upstream::start(files("other: 1\n")).await;
    scene.namespace.apply(&manifest("two", &other.url(), "      unpack: Always\n")).await?;
    let others = revision(&until_ready(&scene.sources, "two").await?).context("revision")?;
    scene.patch(&json!({ "history": { "limit": 1 } })).await?;
    let (first, second) = scene.with_two_revisions().await?;
    // The view of artifacts shows both sources.
    let both = async || {
        anyhow::Ok(scene.namespace.kubectl(&["get", "artifacts", "-o", "name"]).await?.lines().count())
    };
    while both().await? != 2 {}

    let kept = &second["latest@sha256:".len()..][..12];
    for (body, code, said) in [
        (json!({ "revision": "0".repeat(64) }), StatusCode::NOT_FOUND, kept),
        (json!({ "revision": first }), StatusCode::GONE, kept),
        (json!({ "revision": others }), StatusCode::UNPROCESSABLE_ENTITY, "another source"),
        (json!({ "revision": "latest" }), StatusCode::UNPROCESSABLE_ENTITY, "revision: Invalid value"),
        (json!({}), StatusCode::UNPROCESSABLE_ENTITY, "revision: Required value"),
    ] {
        let (answered, status) = scene.roll_back(&body, "").await?;
        assert_eq!(answered, code, "{body}: {status}");
        assert!(status["message"].as_str().is_some_and(|message| message.contains(said)), "{body}: {status}");
    }
    let (code, rollback) = scene.roll_back(&json!({ "revision": second }), "?dryRun=All").await?;
    assert_eq!((code, &rollback["changed"]), (StatusCode::CREATED, &json!(false)), "{rollback}");
    assert_eq!(scene.sources.get("one").await?.spec.pin, None);

    scene.patch(&json!({ "suspend": true })).await?;
    let (code, status) = scene.roll_back(&json!({ "revision": second }), "").await?;
    assert_eq!((code, &status["reason"]), (StatusCode::CONFLICT, &json!("Conflict")), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_pin_set_by_hand_obeys_the_same_rules() -> Result<()> {
    let scene = Scene::with_files().await?;
    let (first, second) = scene.with_two_revisions().await?;
    let refused = scene.patch(&json!({ "pin": &first[..30] })).await.expect_err("it is no whole revision");
    assert!(format!("{refused:#}").contains("spec.pin"), "{refused:#}");

    let nowhere = format!("sha256:{}", "0".repeat(64));
    scene.patch(&json!({ "pin": nowhere })).await?;
    let said = until_failed(&scene.sources, "one", "PinnedRevisionMissing").await?;
    let source = scene.sources.get("one").await?;
    assert!(said.contains(&nowhere), "{said}");
    assert_eq!(condition(&source, PINNED).map(|pinned| &*pinned.status), Some("False"));
    assert_eq!(revision(&source), Some(second), "what was published stays");

    scene.patch(&json!({ "pin": first, "history": { "limit": 1 } })).await?;
    scene.upstream.answer(files("a: 3\n"));
    scene.refresh("").await?;
    let source = scene.ready().await?;
    assert_eq!((revision(&source), source.spec.pin.as_ref()), (Some(first.clone()), Some(&first)));
    let listed = source.status.map(|status| status.history).unwrap_or_default();
    let listed: Vec<_> = listed.into_iter().map(|stored| stored.revision).collect();
    assert_eq!(listed.get(1), Some(&first), "it stays beside the newest, whatever the limit");
    assert_eq!(scene.get("externalsources/one/content").await?.status(), StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn what_is_pinned_is_not_collected_when_what_came_after_it_is() -> Result<()> {
    let scene = Scene::with_files().await?;
    let Some(cluster) = scene.suite.own() else {
        return skip("the store of this Postern is not ours to look into");
    };
    let folder = format!("store/externalsource/{}/one", scene.namespace.name());
    let folder = cluster.directory().path().join(folder);
    let stored = |revision: &str| -> Result<usize> {
        let digits = revision.strip_prefix("latest@sha256:").context("a revision")?;
        let entries = fs::read_dir(&folder)?.filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter(|name| name.starts_with(digits) && !name.ends_with(".gone")).count())
    };
    let (first, second) = scene.with_two_revisions().await?;
    scene.roll_back(&json!({ "revision": first }), "").await?;
    scene.patch(&json!({ "history": { "limit": 1 } })).await?;
    scene.upstream.answer(files("a: 3\n"));
    scene.refresh("").await?;
    assert_eq!((stored(&first)?, stored(&second)?), (2, 2), "an archive and its record each");
    let collected = async {
        while stored(&second)? > 0 {
            sleep(PAUSE).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE_WITH_COLLECTION, collected).await.context("nothing was collected")??;
    assert_eq!(stored(&first)?, 2);
    assert_eq!(scene.get("externalsources/one/content").await?.status(), StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn who_may_read_content_may_not_roll_back() -> Result<()> {
    let scene = Scene::with_files().await?;
    let now = revision(&scene.sources.get("one").await?).context("revision")?;
    let path = scene.path("externalsources/one/rollback");
    for (user, role, code) in [
        ("viewer", "postern-view", StatusCode::FORBIDDEN),
        ("reader", "postern-content-reader", StatusCode::FORBIDDEN),
        ("keeper", "postern-admin", StatusCode::CREATED),
    ] {
        super::access::with_role(&scene, user, role).await?;
        let body = json!({ "revision": now });
        let answer = post_object(scene.suite.client(), &path, &[("Impersonate-User", user)], &body).await?;
        assert_eq!(answer.status(), code, "{role}");
    }
    Ok(())
}
