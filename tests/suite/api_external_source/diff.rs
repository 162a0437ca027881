//! Two revisions of a source, compared.
use crate::{
    aggregated::get,
    archive,
    scene::Scene,
    sources::{revision, until},
    upstream::Answer,
};
use anyhow::{Context, Result};
use http::StatusCode;
use serde_json::{Value, json};

impl Scene {
    /// What `diff` with that query says, and the code.
    async fn diff(&self, query: &str) -> Result<(StatusCode, Value)> {
        let response = self.get(&format!("externalsources/one/diff{query}")).await?;
        Ok((response.status(), serde_json::from_slice(response.body())?))
    }
}

#[tokio::test]
async fn a_revision_is_compared_with_the_one_before_it() -> Result<()> {
    let scene = Scene::with_files().await?;
    let (code, status) = scene.diff("").await?;
    assert_eq!(code, StatusCode::NOT_FOUND, "{status}");
    assert!(status["message"].as_str().is_some_and(|said| said.contains("older than")), "{status}");

    let first = scene.second_revision().await?;
    let second = revision(&scene.sources.get("one").await?).context("revision")?;
    let (code, diff) = scene.diff("").await?;
    assert_eq!(code, StatusCode::OK, "{diff}");
    assert_eq!((&diff["kind"], &diff["from"], &diff["to"]), (&json!("Diff"), &json!(first), &json!(second)));
    let counts = ["added", "removed", "changed", "unlisted"].map(|field| diff[field].as_i64());
    assert_eq!(counts, [Some(0), Some(2), Some(1), Some(0)], "{diff}");
    let changed = &diff["files"][0];
    let patch = "diff --git a/a.yaml b/a.yaml\n--- a/a.yaml\n+++ b/a.yaml\n@@ -1 +1 @@\n-a: 1\n+a: 2\n";
    assert_eq!((&changed["path"], &changed["change"]), (&json!("a.yaml"), &json!("Changed")));
    assert_eq!(changed["patch"], patch);
    assert_eq!(
        (&diff["files"][1]["path"], &diff["files"][1]["toSize"]),
        (&json!("b/index.html"), &Value::Null)
    );

    let turned =
        scene.diff(&format!("?from={second}&to={}", &first["latest@sha256:".len()..][..12])).await?.1;
    assert_eq!((&turned["added"], &turned["removed"]), (&json!(2), &json!(0)), "{turned}");
    let same = scene.diff(&format!("?from={first}&to={first}")).await?.1;
    assert_eq!(same["files"], json!([]));
    Ok(())
}

#[tokio::test]
async fn kubectl_shows_a_row_for_each_file() -> Result<()> {
    let scene = Scene::with_files().await?;
    scene.second_revision().await?;
    let table = scene.namespace.kubectl(&["get", "srcview", "one", "--subresource=diff"]).await?;
    let rows: Vec<Vec<&str>> = table.lines().map(super::columns).collect();
    let expected: [&[&str]; 4] = [
        &["PATH", "CHANGE", "FROM", "TO", "LINES"],
        &["a.yaml", "Changed", "5", "5", "+1", "-1"],
        &["b/index.html", "Removed", "8", "-", "+0", "-1"],
        &["c.json", "Removed", "2", "-", "+0", "-1"],
    ];
    assert_eq!(rows, expected);
    Ok(())
}

#[tokio::test]
async fn a_revision_that_is_gone_or_never_was_names_what_is_stored() -> Result<()> {
    let scene = Scene::with_files().await?;
    let one =
        ["patch", "externalsource", "one", "--type=merge", "--patch", r#"{"spec":{"history":{"limit":1}}}"#];
    scene.namespace.kubectl(&one).await?;
    let first = scene.second_revision().await?;
    let only = |source: &crds::ExternalSource| {
        source.status.as_ref().is_some_and(|status| status.history.len() == 1)
    };
    let source = until(&scene.sources, "one", only).await?;
    let kept = revision(&source).context("revision")?;
    let kept = &kept["latest@sha256:".len()..][..12];
    for (query, code) in [
        (format!("?from={first}"), StatusCode::GONE),
        (format!("?to={first}"), StatusCode::GONE),
        (format!("?from={}", "0".repeat(64)), StatusCode::NOT_FOUND),
    ] {
        let (answered, status) = scene.diff(&query).await?;
        assert_eq!(answered, code, "{query}: {status}");
        assert!(status["message"].as_str().is_some_and(|said| said.contains(kept)), "{status}");
    }
    let (code, status) = scene.diff("?from=latest").await?;
    assert_eq!(code, StatusCode::BAD_REQUEST);
    assert!(status["message"].as_str().is_some_and(|said| said.starts_with("from:")), "{status}");
    Ok(())
}

#[tokio::test]
async fn a_difference_is_content() -> Result<()> {
    let scene = Scene::with_files().await?;
    scene.second_revision().await?;
    let path = scene.path("externalsources/one/diff");
    for (user, role, code) in [
        ("viewer", "postern-view", StatusCode::FORBIDDEN),
        ("guest", "view", StatusCode::FORBIDDEN),
        ("reader", "postern-content-reader", StatusCode::OK),
    ] {
        super::access::with_role(&scene, user, role).await?;
        let answer = get(scene.suite.client(), &path, &[("Impersonate-User", user)]).await?;
        assert_eq!(answer.status(), code, "{role}");
    }
    Ok(())
}

#[tokio::test]
async fn bytes_that_are_no_text_are_not_shown() -> Result<()> {
    let scene = Scene::with_files().await?;
    scene.upstream.answer(Answer::data(archive::tar(&[("a.yaml", "\0\0"), ("c.json", "{}")])));
    scene.refresh("").await?;
    scene.caught_up().await?;
    let diff = scene.diff("").await?.1;
    let omitted = ["patch", "omitted"].map(|field| diff["files"][0][field].clone());
    assert_eq!(omitted, [Value::Null, json!("Binary")], "{diff}");
    Ok(())
}
