//! Where the bytes of a revision came from.
use crate::{aggregated::get, archive, scene::Scene, sources::revision};
use anyhow::{Context, Result};
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn the_provenance_of_each_stored_revision_is_a_statement_about_it() -> Result<()> {
    let scene = Scene::with_files().await?;
    let first = scene.second_revision().await?;
    let second = revision(&scene.sources.get("one").await?).context("revision")?;
    for named in ["", &first] {
        let path = scene.path(&format!("externalsources/one/provenance?revision={named}"));
        let raw = scene.suite.kubectl().run(&["get", "--raw", &path]).await?;
        let statement: Value = serde_json::from_str(&raw)?;
        assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
        let about = if named.is_empty() { &second } else { &first };
        let digest = format!(
            "latest@sha256:{}",
            statement["subject"][0]["digest"]["sha256"].as_str().unwrap_or_default()
        );
        assert_eq!(&digest, about);
        let dependency = &statement["predicate"]["buildDefinition"]["resolvedDependencies"][0];
        assert_eq!(dependency["uri"], scene.upstream.url());
        assert!(dependency["annotations"]["etag"].is_string(), "{dependency}");
    }
    let unknown = format!("externalsources/one/provenance?revision={}", "0".repeat(64));
    assert_eq!(scene.get(&unknown).await?.status(), StatusCode::NOT_FOUND);

    let response = scene.get("externalsources/one/provenance").await?;
    assert_eq!(response.headers()["content-type"], "application/vnd.in-toto+json");
    let as_object = [("accept", "application/json")];
    let path = scene.path("externalsources/one/provenance");
    let refused = get(scene.suite.client(), &path, &as_object).await?;
    assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE);
    Ok(())
}

#[tokio::test]
async fn a_revision_that_comes_back_tells_all_that_it_told_before() -> Result<()> {
    let scene = Scene::with_files().await?;
    let metadata = async || {
        let source = scene.sources.get("one").await?;
        anyhow::Ok(source.status.and_then(|status| status.artifact).context("artifact")?.metadata)
    };
    let before = metadata().await?;
    let first = scene.second_revision().await?;
    assert_ne!(metadata().await?["contentHash"], before["contentHash"]);
    scene.roll_back(&json!({ "revision": first }), "").await?;
    assert_eq!(metadata().await?, before);
    let files = [("a.yaml", "a: 1\n"), ("b/index.html", "<p>b</p>"), ("c.json", "{}")];
    assert_eq!(before["contentHash"], archive::digest(&archive::tar(&files)));
    Ok(())
}

#[tokio::test]
async fn provenance_is_guarded_as_content_is_and_by_a_name_of_its_own() -> Result<()> {
    let scene = Scene::with_files().await?;
    let path = scene.path("externalsources/one/provenance");
    for (user, role, code) in [
        ("viewer", "postern-view", StatusCode::FORBIDDEN),
        ("guest", "view", StatusCode::FORBIDDEN),
        ("reader", "postern-content-reader", StatusCode::OK),
        ("keeper", "postern-admin", StatusCode::OK),
    ] {
        super::access::with_role(&scene, user, role).await?;
        let answer = get(scene.suite.client(), &path, &[("Impersonate-User", user)]).await?;
        assert_eq!(answer.status(), code, "{role}");
    }
    Ok(())
}
