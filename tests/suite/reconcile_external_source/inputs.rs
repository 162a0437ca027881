//! Whatever shapes the artifact is looked at before a conditional request is trusted.
use crate::{
    archive,
    scene::Scene,
    sources::{revision, until},
    upstream::Answer,
};
use anyhow::{Context, Result};
use http::{StatusCode, header};

#[tokio::test]
async fn a_changed_path_is_applied_although_the_tag_is_the_same() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    let before = revision(&scene.ready().await?);
    let path = r#"{"spec":{"destinationPath":"conf/app.txt"}}"#;
    scene.namespace.kubectl(&["patch", "externalsource", "one", "--type=merge", "--patch", path]).await?;
    until(&scene.sources, "one", |source| revision(source) != before).await?;
    assert_eq!(scene.files().await?, [("conf/app.txt".to_owned(), "1".to_owned())]);
    let last = scene.upstream.asked().pop().context("a request")?;
    assert_eq!(last.headers.get(header::IF_NONE_MATCH), None);
    Ok(())
}

#[tokio::test]
async fn a_changed_secret_is_used_at_once_and_without_conditions() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    let token = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{ name: token }}\nstringData: {{ X-Token: {value} }}\n"
        )
    };
    scene.namespace.apply(&token("first")).await?;
    scene.apply("      headersSecretRef: { name: token }\n").await?;
    scene.ready().await?;
    assert_eq!(scene.upstream.asked()[0].headers["x-token"], "first");
    scene.upstream.answer(Answer::data("2"));
    let before = revision(&scene.sources.get("one").await?);
    scene.namespace.apply(&token("second")).await?;
    until(&scene.sources, "one", |source| revision(source) != before).await?;
    let last = scene.upstream.asked().pop().context("a request")?;
    assert_eq!(last.headers["x-token"], "second");
    assert_eq!(last.headers.get(header::IF_NONE_MATCH), None);
    Ok(())
}

#[tokio::test]
async fn a_lost_blob_is_fetched_again_under_the_same_revision() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    let before = scene.ready().await?;
    let Some(cluster) = scene.suite.own() else {
        return cluster::suite::skip("the store is not ours to disturb");
    };
    let path = before.status.clone().and_then(|status| status.artifact).context("artifact")?.path;
    std::fs::remove_file(cluster.directory().path().join("store").join(&path))?;
    let after = scene.request("now").await?;
    assert_eq!(revision(&after), revision(&before));
    assert_eq!(scene.upstream.downloads(), 2);
    assert_eq!(scene.files().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_blob_altered_by_hand_is_never_served_and_is_fetched_again() -> Result<()> {
    let scene = Scene::of(Answer::data("1"), "").await?;
    let artifact = scene.ready().await?.status.and_then(|status| status.artifact).context("artifact")?;
    let Some(cluster) = scene.suite.own() else {
        return cluster::suite::skip("the store is not ours to disturb");
    };
    let path = cluster.directory().path().join("store").join(&artifact.path);
    let whole = std::fs::read(&path)?;
    // A pass that comes along now would heal what this test looks at.
    scene.upstream.answer(Answer::status(StatusCode::SERVICE_UNAVAILABLE));
    for damaged in [&whole[..whole.len() / 2], b"something else"] {
        std::fs::write(&path, damaged)?;
        archive::refused(&artifact.url, &artifact.digest).await?;
    }
    scene.upstream.answer(Answer::data("1"));
    scene.request("now").await?;
    assert_eq!(reqwest::get(&artifact.url).await?.bytes().await?, whole);
    Ok(())
}

#[tokio::test]
async fn an_archive_is_unpacked_and_packed_again_in_order() -> Result<()> {
    let tar = archive::tar(&[("b.yaml", "b"), ("a/c.yaml", "c")]);
    let answer = Answer::data(tar).with(header::CONTENT_TYPE, "application/x-tar");
    let scene = Scene::of(answer, "      unpack: Auto\n").await?;
    scene.ready().await?;
    let files = [("a/c.yaml".to_owned(), "c".to_owned()), ("b.yaml".to_owned(), "b".to_owned())];
    assert_eq!(scene.files().await?, files);
    Ok(())
}

#[tokio::test]
async fn a_pinned_digest_must_match() -> Result<()> {
    let pin = format!("      sha256: \"{}\"\n", "0".repeat(64));
    let scene = Scene::of(Answer::data("1"), &pin).await?;
    scene.failed("DigestMismatch").await?;
    Ok(())
}
