//! The ExternalArtifact: complete, owned, restored, and never somebody else's.
use crate::{
    events,
    scene::Scene,
    sources::{PATIENCE, condition, until_failed},
    upstream::Answer,
    watched,
};
use anyhow::{Context, Result};
use crds::{ExternalArtifact, annotations::REQUESTED_AT, conditions};
use k8s_openapi::api::events::v1::Event;
use kube::{Api, ResourceExt, api::ListParams};

impl Scene {
    fn published(&self) -> Api<ExternalArtifact> {
        Api::namespaced(self.suite.client().clone(), self.namespace.name())
    }

    /// Watches the ExternalArtifact until it is as `wanted` says.
    async fn until_published(&self, wanted: impl Fn(&ExternalArtifact) -> bool) -> Result<ExternalArtifact> {
        watched::until(PATIENCE, &self.published(), "one", wanted).await
    }
}

fn has_artifact(artifact: &ExternalArtifact) -> bool {
    artifact.status.as_ref().is_some_and(|status| status.artifact.is_some())
}

#[tokio::test]
async fn the_external_artifact_carries_all_that_flux_reads() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    let source = scene.ready().await?;
    let ours = source.status.clone().and_then(|status| status.artifact).context("artifact")?;
    let published = scene.until_published(has_artifact).await?;

    let reference = published.spec.source_ref.clone().context("sourceRef")?;
    assert_eq!((reference.kind.as_str(), reference.name.as_str()), ("ExternalSource", "one"));
    assert_eq!(reference.api_version, "source.flux.oddkin.co/v1alpha1");
    let owner = published.owner_references().first().context("owner")?;
    assert_eq!(Some(&owner.uid), source.metadata.uid.as_ref());
    assert_eq!((owner.controller, owner.block_owner_deletion), (Some(true), None));

    let status = published.status.context("status")?;
    let theirs = status.artifact.context("artifact")?;
    assert_eq!(
        (&theirs.url, &theirs.revision, &theirs.digest, theirs.size, &theirs.path),
        (&ours.url, &ours.revision, &ours.digest, ours.size, &ours.path)
    );
    assert_eq!(theirs.last_update_time, ours.last_update_time);
    assert!(theirs.url.ends_with(&theirs.path), "{} and {}", theirs.url, theirs.path);
    let ready = conditions::find(&status.conditions, conditions::READY).context("Ready")?;
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("True", "Succeeded"));
    assert!(ready.message.contains(&ours.short_revision), "{}", ready.message);
    Ok(())
}

#[tokio::test]
async fn what_is_deleted_or_altered_by_hand_is_restored() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    scene.ready().await?;
    let before = scene.until_published(has_artifact).await?;
    scene.namespace.kubectl(&["delete", "externalartifact", "one"]).await?;
    let restored = scene.until_published(|now| has_artifact(now) && now.uid() != before.uid()).await?;
    assert_eq!(url(&restored), url(&before));

    let alter = r#"{"status":{"artifact":{"url":"http://elsewhere.example/x.tar.gz"}}}"#;
    let patch =
        ["patch", "externalartifact", "one", "--subresource=status", "--type=merge", "--patch", alter];
    scene.namespace.kubectl(&patch).await?;
    scene.until_published(|now| url(now) == url(&before)).await?;

    let disown = r#"{"metadata":{"ownerReferences":null}}"#;
    let patch = ["patch", "externalartifact", "one", "--type=merge", "--patch", disown];
    scene.namespace.kubectl(&patch).await?;
    scene.until_published(|now| now.owner_references() == before.owner_references()).await?;
    assert_eq!(scene.upstream.downloads(), 1, "nothing is fetched for that");
    Ok(())
}

#[tokio::test]
async fn an_external_artifact_of_somebody_else_is_not_touched() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    let theirs = "apiVersion: source.toolkit.fluxcd.io/v1
kind: ExternalArtifact
metadata: { name: one }
spec: { sourceRef: { apiVersion: example.dev/v1, kind: Other, name: one } }
";
    scene.namespace.apply(theirs).await?;
    let before = scene.published().get("one").await?;
    scene.apply("").await?;
    let message = until_failed(&scene.sources, "one", "NameTaken").await?;
    assert!(message.contains("one"), "{message}");
    let source = scene.sources.get("one").await?;
    let stalled = condition(&source, conditions::STALLED).context("Stalled")?;
    assert_eq!((stalled.status.as_str(), stalled.reason.as_str()), ("True", "NameTaken"));
    let after = scene.published().get("one").await?;
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
    Ok(())
}

#[tokio::test]
async fn a_failure_leaves_the_last_artifact_published() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    scene.ready().await?;
    let before = scene.until_published(has_artifact).await?;
    scene.upstream.answer(Answer::status(http::StatusCode::NOT_FOUND));
    scene.request("now").await?;
    scene.failed("NotFound").await?;
    assert_eq!(url(&scene.published().get("one").await?), url(&before));
    Ok(())
}

#[tokio::test]
async fn a_request_on_the_external_artifact_is_one_pass_and_is_remembered() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    scene.ready().await?;
    scene.until_published(has_artifact).await?;
    let asked = scene.upstream.asked().len();
    scene.request_through_flux("hook").await?;
    assert_eq!(scene.upstream.asked().len(), asked + 1);

    // A second pass shows that neither the first one nor what it wrote was taken for a request.
    let source = scene.request("after").await?;
    let handled =
        source.status.as_ref().and_then(|status| status.last_handled_artifact_reconcile_at.as_deref());
    assert_eq!(handled, Some("hook"));
    assert_eq!(scene.upstream.asked().len(), asked + 2);
    let published = scene.published().get("one").await?;
    assert_eq!(published.annotations().get(REQUESTED_AT).map(String::as_str), Some("hook"));
    Ok(())
}

#[tokio::test]
async fn events_of_a_source_name_its_external_artifact() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    scene.ready().await?;
    let published = scene.until_published(has_artifact).await?;
    events::until(&scene.suite, scene.namespace.name(), "NewArtifact").await?;
    let all: Api<Event> = Api::namespaced(scene.suite.client().clone(), scene.namespace.name());
    let event = all.list(&ListParams::default().fields("reason=NewArtifact")).await?.items.pop();
    let event = event.context("the event")?;
    let (about, related) = (event.regarding.context("regarding")?, event.related.context("related")?);
    assert_eq!((about.kind.as_deref(), about.name.as_deref()), (Some("ExternalSource"), Some("one")));
    assert_eq!(related.kind.as_deref(), Some("ExternalArtifact"));
    assert_eq!((related.name, related.uid), (Some("one".to_owned()), published.uid()));
    Ok(())
}

fn url(artifact: &ExternalArtifact) -> Option<&str> {
    Some(artifact.status.as_ref()?.artifact.as_ref()?.url.as_str())
}
