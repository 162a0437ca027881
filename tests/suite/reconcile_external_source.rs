//! What the controller makes of an ExternalSource: artifact, conditions, retries, and nothing it was not asked for.
mod flux;
mod inputs;
mod namespaces;
mod oci;
mod release;
mod s3;
mod schedule;
mod secrets;
mod tokens;

use crate::{
    scene::Scene,
    sources::{self, manifest, ready, revision},
    upstream::Answer,
};
use anyhow::{Context, Result};
use cluster::suite::Suite;
use crds::{conditions, external_source::FINALIZER};
use http::{StatusCode, header};
use std::time::Duration;

impl Scene {
    /// The source `one` exists, but may not be ready yet.
    async fn of(answer: Answer, more: &str) -> Result<Self> {
        let scene = Self::without_source(answer).await?;
        scene.apply(more).await?;
        Ok(scene)
    }

    async fn without_source(answer: Answer) -> Result<Self> {
        Self::empty(Suite::attach().await?, "reconcile", answer).await
    }
}

#[tokio::test]
async fn a_source_becomes_an_artifact_that_can_be_fetched() -> Result<()> {
    let scene = Scene::of(Answer::data("one: 1\n"), "").await?;
    let source = scene.ready().await?;
    let status = source.status.clone().context("status")?;
    let artifact = status.artifact.context("artifact")?;

    assert_eq!(artifact.revision, format!("latest@{}", artifact.digest));
    assert!(artifact.short_revision.len() == "latest@sha256:".len() + 12, "{}", artifact.short_revision);
    assert_eq!(status.history.len(), 1);
    assert_eq!(status.history[0].revision, artifact.revision);
    assert_eq!(status.observed_generation, source.metadata.generation);
    assert!(source.metadata.finalizers.context("finalizers")?.contains(&FINALIZER.to_owned()));
    for condition in &status.conditions {
        assert_eq!(condition.observed_generation, source.metadata.generation, "{}", condition.type_);
    }

    let response = reqwest::get(&artifact.url).await?;
    assert_eq!(response.status(), StatusCode::OK);
    let bytes = response.bytes().await?;
    assert_eq!(artifact.size, Some(i64::try_from(bytes.len())?));
    assert_eq!(artifact.digest, crate::archive::digest(&bytes));
    assert_eq!(crate::archive::files(&bytes)?, [("data".to_owned(), "one: 1\n".to_owned())]);
    Ok(())
}

#[tokio::test]
async fn new_data_is_a_new_revision_as_soon_as_somebody_asks() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    let before = revision(&scene.ready().await?);
    scene.upstream.answer(Answer::data("2"));
    let after = scene.request("now").await?;
    assert_ne!(revision(&after), before);
    let now = revision(&after);
    let history = after.status.context("status")?.history;
    let kept: Vec<_> = history.into_iter().map(|stored| Some(stored.revision)).collect();
    assert_eq!(kept, [now, before]);
    Ok(())
}

#[tokio::test]
async fn unchanged_data_is_asked_for_conditionally_and_changes_nothing() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    let before = scene.ready().await?;
    let after = scene.request("again").await?;
    assert_eq!(scene.upstream.downloads(), 1);
    assert_eq!(revision(&after), revision(&before));
    let (before, after) = (before.status.context("status")?, after.status.context("status")?);
    assert_eq!(after.artifact, before.artifact);
    assert_eq!(after.conditions, before.conditions);
    Ok(())
}

#[tokio::test]
async fn a_source_without_validators_is_fetched_once_a_pass_and_written_once() -> Result<()> {
    let answer = Answer::data("1").without(header::ETAG);
    let scene = Scene::of(answer, "").await?;
    scene.ready().await?;
    let settled = scene.request("settled").await?;
    let asked = scene.upstream.asked().len();
    // A controller that its own status writes wake would be back within milliseconds, again and again.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(scene.upstream.asked().len(), asked);
    let now = scene.sources.get("one").await?;
    assert_eq!(now.metadata.resource_version, settled.metadata.resource_version);
    Ok(())
}

#[tokio::test]
async fn a_new_body_under_an_old_tag_is_believed_by_its_bytes() -> Result<()> {
    let tag = "\"fixed\"";
    let fixed = |body: &'static str| {
        let answer = Answer::data(body).with(header::ETAG, tag);
        Answer { conditional: false, ..answer }
    };
    let scene = Scene::of(fixed("1"), "").await?;
    let before = scene.ready().await?;
    scene.upstream.answer(fixed("2"));
    let after = scene.request("now").await?;
    assert_ne!(revision(&after), revision(&before));
    Ok(())
}

#[tokio::test]
async fn an_error_that_is_sent_as_a_success_keeps_the_artifact() -> Result<()> {
    let expected = "      expectedJSON: [{ pointer: /ok, equals: true }, { pointer: /n, equals: 1 }]\n";
    let scene = Scene::of(Answer::data(r#"{"ok":true,"n":1}"#), expected).await?;
    let before = scene.ready().await?;
    scene.upstream.answer(Answer::data(r#"{"ok":false,"why":"canary-51d0"}"#));
    let after = scene.request("error").await?;
    let condition = ready(&after).context("Ready")?;
    assert_eq!((&*condition.status, &*condition.reason), ("False", "UnexpectedJSON"));
    assert!(!serde_json::to_string(&after)?.contains("canary"), "nothing of a body is told");
    assert_eq!(revision(&after), revision(&before));
    Ok(())
}

#[tokio::test]
async fn a_proxy_is_read_from_its_secret_and_told_when_it_does_not_answer() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    let secret = |address: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{ name: proxy }}\nstringData: {{ address: \"{address}\" }}\n"
        )
    };
    scene.namespace.apply(&secret("socks5://127.0.0.1")).await?;
    scene.apply("      proxySecretRef: { name: proxy }\n").await?;
    let message = scene.failed("InvalidProxy").await?;
    assert!(message.contains("key address of Secret proxy"), "{message}");
    scene.namespace.apply(&secret("http://127.0.0.1:1")).await?;
    let message = scene.failed("ProxyFailed").await?;
    assert!(message.contains("through the proxy 127.0.0.1:1"), "{message}");
    // Any server takes the whole address in a request, so that the source itself will do as a proxy.
    scene.namespace.apply(&secret(&format!("http://{}", scene.upstream.address()))).await?;
    scene.ready().await?;
    Ok(())
}

#[tokio::test]
async fn a_source_that_goes_down_says_why_and_keeps_its_artifact() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    let before = scene.ready().await?;
    scene.upstream.answer(Answer::status(StatusCode::SERVICE_UNAVAILABLE));
    let after = scene.request("down").await?;
    let condition = ready(&after).context("Ready")?;
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "ServerError"));
    assert!(
        condition.message.contains("503") && condition.message.contains("127.0.0.1"),
        "{}",
        condition.message
    );
    let status = after.status.context("status")?;
    assert_eq!(status.failures, Some(1));
    assert_eq!(status.artifact, before.status.context("status")?.artifact);
    let url = status.artifact.context("artifact")?.url;
    assert_eq!(reqwest::get(&url).await?.status(), StatusCode::OK);

    scene.upstream.answer(Answer::data("1"));
    let healed = scene.ready().await?;
    assert_eq!(healed.status.context("status")?.failures, None);
    Ok(())
}

#[tokio::test]
async fn each_kind_of_refusal_has_a_reason_of_its_own() -> Result<()> {
    let scene = Scene::of(Answer::status(StatusCode::UNAUTHORIZED), "").await?;
    scene.failed("Unauthorized").await?;
    for (token, status, reason) in [
        ("a", StatusCode::FORBIDDEN, "Forbidden"),
        ("b", StatusCode::NOT_FOUND, "NotFound"),
        ("c", StatusCode::TOO_MANY_REQUESTS, "RateLimited"),
        ("d", StatusCode::INTERNAL_SERVER_ERROR, "ServerError"),
        ("e", StatusCode::IM_A_TEAPOT, "UnexpectedStatus"),
    ] {
        scene.upstream.answer(Answer::status(status));
        let source = scene.request(token).await?;
        assert_eq!(ready(&source).context("Ready")?.reason, reason);
    }
    Ok(())
}

#[tokio::test]
async fn a_login_page_is_not_taken_for_data() -> Result<()> {
    let page = Answer::data("<html>Sign in</html>").with(header::CONTENT_TYPE, "text/html; charset=utf-8");
    let scene = Scene::of(page, "      expectedContentType: [application/json]\n").await?;
    let message = scene.failed("UnexpectedContentType").await?;
    assert!(message.contains("text/html") && !message.contains("Sign in"), "{message}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_asks_to_wait_is_waited_for() -> Result<()> {
    let limited = Answer::status(StatusCode::TOO_MANY_REQUESTS).with(header::RETRY_AFTER, "3600");
    let scene = Scene::of(limited, "").await?;
    scene.failed("RateLimited").await?;
    let source = scene.sources.get("one").await?;
    let next = source.status.and_then(|status| status.next_fetch_time).context("nextFetchTime")?;
    let wait = next.0.duration_since(jiff::Timestamp::now());
    assert!(wait.as_secs() > 3500, "the next fetch is in {wait:?}");
    assert_eq!(scene.upstream.asked().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_refused_address_names_itself_its_range_and_the_flag() -> Result<()> {
    let to_metadata =
        Answer::status(StatusCode::FOUND).with(header::LOCATION, "http://169.254.169.254/latest/meta-data/");
    let _unreachable = crate::network::Blackhole::over("169.254.0.0/16")?;
    let scene = Scene::of(to_metadata, "").await?;
    let message = scene.failed("AddressRefused").await?;
    for part in ["169.254.169.254", "metadata", "--allow-egress 169.254.169.254/32"] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    Ok(())
}

#[tokio::test]
async fn a_suspended_source_rests_and_keeps_its_word() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    scene.ready().await?;
    let suspend = r#"{"spec":{"suspend":true}}"#;
    scene.namespace.kubectl(&["patch", "externalsource", "one", "--type=merge", "--patch", suspend]).await?;
    let asked = scene.upstream.asked().len();
    scene
        .namespace
        .kubectl(&["annotate", "externalsource", "one", "reconcile.fluxcd.io/requestedAt=x"])
        .await?;
    crate::events::until(&scene.suite, scene.namespace.name(), "RequestIgnored").await?;
    let source = scene.sources.get("one").await?;
    assert_eq!(ready(&source).context("Ready")?.status, "True");
    assert_eq!(source.status.and_then(|status| status.last_handled_reconcile_at), None);
    assert_eq!(scene.upstream.asked().len(), asked);
    Ok(())
}

#[tokio::test]
async fn a_deleted_source_takes_its_blobs_along() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    let url = scene.ready().await?.status.and_then(|status| status.artifact).context("artifact")?.url;
    scene.namespace.kubectl(&["delete", "externalsource", "one", "--timeout=30s"]).await?;
    assert_eq!(reqwest::get(&url).await?.status(), StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn the_interval_brings_new_data_by_itself() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    let every_minute = manifest("one", &scene.upstream.url(), "").replace("interval: 10m", "interval: 1m");
    scene.namespace.apply(&every_minute).await?;
    let before = revision(&scene.ready().await?);
    scene.upstream.answer(Answer::data("2"));
    let deadline = Duration::from_secs(75);
    let changed = sources::until_in(deadline, &scene.sources, "one", |source| revision(source) != before);
    changed.await?;
    Ok(())
}

#[tokio::test]
async fn conditions_read_as_kstatus_does() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    let source = scene.ready().await?;
    assert_eq!(sources::condition(&source, conditions::STALLED), None);
    assert_eq!(sources::condition(&source, conditions::RECONCILING), None);
    let waited = ["wait", "--for=condition=Ready", "externalsource/one", "--timeout=10s"];
    scene.namespace.kubectl(&waited).await?;
    Ok(())
}
