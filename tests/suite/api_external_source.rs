//! What kubectl and programs see of artifacts through the aggregated API, on a real kube-apiserver.
mod access;
mod diff;
mod downloads;
pub(crate) mod log;
mod preview;
mod provenance;
mod refresh;
mod rollback;

use crate::{
    aggregated::{GROUP, get},
    archive,
    scene::Scene,
    sources::{revision, until},
    upstream::Answer,
};
use anyhow::{Context, Result};
use cluster::suite::Suite;
use http::StatusCode;
use serde_json::Value;

impl Scene {
    /// A source that is ready, with three files in its artifact.
    async fn with_files() -> Result<Self> {
        let files = [("a.yaml", "a: 1\n"), ("b/index.html", "<p>b</p>"), ("c.json", "{}")];
        let scene = Self::empty(Suite::attach().await?, "api", Answer::data(archive::tar(&files))).await?;
        scene.apply("      unpack: Always\n").await?;
        scene.ready().await?;
        scene.caught_up().await?;
        Ok(scene)
    }

    /// A second revision, and the first one's name.
    async fn second_revision(&self) -> Result<String> {
        let before = revision(&self.sources.get("one").await?).context("revision")?;
        self.upstream.answer(Answer::data(archive::tar(&[("a.yaml", "a: 2\n")])));
        self.namespace
            .kubectl(&["annotate", "externalsource", "one", "reconcile.fluxcd.io/requestedAt=2"])
            .await?;
        until(&self.sources, "one", |source| revision(source).is_some_and(|now| now != before)).await?;
        self.caught_up().await?;
        Ok(before)
    }
}

fn columns(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[tokio::test]
async fn the_artifact_is_a_table_and_an_object() -> Result<()> {
    let scene = Scene::with_files().await?;
    let long = "externalsources.subresources.postern.dev";
    for name in [long, "srcview"] {
        let table = scene.namespace.kubectl(&["get", name, "one", "--subresource=artifact"]).await?;
        let mut lines = table.lines();
        let header = columns(lines.next().context("a header")?);
        assert_eq!(header, ["NAME", "SOURCE", "REVISION", "SIZE", "CURRENT", "AGE"]);
        let row = columns(lines.next().context("a row")?);
        assert!(
            row[0].starts_with("one-") && row[1] == "one" && row[2].starts_with("latest@sha256:"),
            "{row:?}"
        );
    }
    let yaml =
        scene.namespace.kubectl(&["get", "srcview", "one", "--subresource=artifact", "-o", "yaml"]).await?;
    let shown: Value = serde_saphyr::from_str(&yaml)?;
    assert_eq!(shown["kind"], "Artifact");
    let artifact =
        scene.sources.get("one").await?.status.and_then(|status| status.artifact).context("artifact")?;
    assert_eq!(shown["revision"], artifact.revision);
    assert_eq!(shown["url"], artifact.url);
    assert_eq!(shown["lastUpdateTime"], serde_json::to_value(&artifact.last_update_time)?);
    Ok(())
}

#[tokio::test]
async fn the_bare_name_still_means_the_crd() -> Result<()> {
    let scene = Scene::with_files().await?;
    let table = scene.namespace.kubectl(&["get", "externalsources"]).await?;
    assert_eq!(
        columns(table.lines().next().context("a header")?),
        ["NAME", "READY", "STATUS", "REVISION", "AGE"]
    );
    Ok(())
}

#[tokio::test]
async fn content_is_the_exact_blob() -> Result<()> {
    let scene = Scene::with_files().await?;
    let response = scene.get("externalsources/one/content").await?;
    let artifact =
        scene.sources.get("one").await?.status.and_then(|status| status.artifact).context("artifact")?;
    assert_eq!(response.headers()["content-type"], "application/gzip");
    assert_eq!(response.headers()["etag"], format!("\"{}\"", artifact.digest));
    assert!(!response.headers().contains_key("content-encoding"));
    assert_eq!(archive::digest(response.body()), artifact.digest);
    let part =
        get(scene.suite.client(), &scene.path("externalsources/one/content"), &[("range", "bytes=2-5")])
            .await?;
    assert_eq!(
        (part.status(), part.body().as_slice()),
        (StatusCode::PARTIAL_CONTENT, &response.body()[2..6])
    );
    let raw = scene
        .suite
        .kubectl()
        .output(&["get", "--raw", &scene.path("externalsources/one/content")], "")
        .await?;
    assert_eq!(raw.stdout, *response.body());
    Ok(())
}

#[tokio::test]
async fn one_file_of_the_content_is_never_html_to_the_proxy() -> Result<()> {
    let scene = Scene::with_files().await?;
    let response = scene.get("externalsources/one/content?path=b/index.html").await?;
    assert_eq!(response.body(), b"<p>b</p>");
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    assert_eq!(response.headers()["x-postern-content-type"], "text/html");
    let typed = scene.get("externalsources/one/content?path=a.yaml").await?;
    assert_eq!(typed.headers()["content-type"], "application/octet-stream");
    assert_eq!(typed.headers()["x-postern-content-type"], "application/yaml");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    for missing in ["nothing.yaml", "../a.yaml", "/etc/passwd", "b"] {
        let refused = scene.get(&format!("externalsources/one/content?path={missing}")).await?;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND, "{missing}");
    }
    Ok(())
}

#[tokio::test]
async fn an_older_revision_can_be_read_by_every_spelling() -> Result<()> {
    let scene = Scene::with_files().await?;
    let first = scene.second_revision().await?;
    let digest = first.strip_prefix("latest@").context("a digest")?;
    let hex = digest.strip_prefix("sha256:").context("a digest")?;
    for spelling in [&first, digest, hex, &hex[..12]] {
        let response = scene.get(&format!("externalsources/one/content?revision={spelling}")).await?;
        assert_eq!(archive::digest(response.body()), digest, "{spelling}");
    }
    let unknown = scene.get(&format!("externalsources/one/content?revision={}", "0".repeat(64))).await?;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn artifacts_are_listed_selected_and_watched() -> Result<()> {
    let scene = Scene::with_files().await?;
    let list = async |selector: &str| -> Result<Vec<String>> {
        let names = scene.namespace.kubectl(&["get", "artifacts", selector, "-o", "name"]).await?;
        Ok(names.lines().map(str::to_owned).collect())
    };
    let before = scene.get("artifacts").await?;
    let version = serde_json::from_slice::<Value>(before.body())?["metadata"]["resourceVersion"].clone();
    let first = scene.second_revision().await?;
    assert_eq!(list("--field-selector=source=one").await?.len(), 2);
    assert_eq!(list("--field-selector=source=two").await?.len(), 0);
    assert_eq!(list(&format!("--field-selector=revision={first}")).await?.len(), 1);
    assert_eq!(list("--selector=postern.dev/source=one").await?.len(), 2);

    let version = version.as_str().context("a version")?;
    let query = format!("artifacts?watch=1&resourceVersion={version}&timeoutSeconds=1");
    let seen = String::from_utf8(scene.get(&query).await?.into_body())?;
    let events: Vec<Value> = seen.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let added = events.iter().filter(|event| event["type"] == "ADDED").count();
    let no_longer_current = events.iter().filter(|event| event["type"] == "MODIFIED");
    assert_eq!((added, no_longer_current.count()), (1, 1), "{seen}");
    Ok(())
}

#[tokio::test]
async fn discovery_names_parents_subresources_and_verbs() -> Result<()> {
    let suite = Suite::attach().await?;
    let legacy: Value = serde_json::from_slice(get(suite.client(), GROUP, &[]).await?.body())?;
    let named = |name: &str| {
        let resources = legacy["resources"].as_array().into_iter().flatten();
        resources.into_iter().find(|resource| resource["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(named("externalsources")["verbs"], serde_json::json!(["get", "list", "watch"]));
    assert_eq!(named("externalsources")["shortNames"], serde_json::json!(["srcview"]));
    assert_eq!(named("externalsources/artifact")["kind"], "Artifact");
    assert_eq!(named("externalsources/content")["verbs"], serde_json::json!(["get"]));
    assert_eq!(named("externalsources/refresh")["verbs"], serde_json::json!(["create"]));
    assert_eq!(named("externalsources/refresh")["kind"], "Refresh");
    assert_eq!(named("externalsources/rollback")["verbs"], serde_json::json!(["create"]));
    assert_eq!(named("externalsources/rollback")["kind"], "Rollback");
    assert_eq!(named("externalsources/preview")["verbs"], serde_json::json!(["create"]));
    assert_eq!(named("externalsources/preview")["kind"], "ExternalSourcePreview");
    assert_eq!(named("artifacts")["kind"], "Artifact");

    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let aggregated = get(suite.client(), "/apis", &[("accept", accept)]).await?;
    let aggregated: Value = serde_json::from_slice(aggregated.body())?;
    let groups = aggregated["items"].as_array().context("groups")?;
    let ours = groups
        .iter()
        .find(|group| group["metadata"]["name"] == "subresources.postern.dev")
        .context("ours")?;
    assert_eq!(ours["versions"][0]["freshness"], "Current");
    let resources = ours["versions"][0]["resources"].as_array().context("resources")?;
    for resource in resources {
        assert!(resource["responseKind"]["kind"].is_string(), "{resource}");
    }
    Ok(())
}

#[tokio::test]
async fn explain_and_api_resources_know_the_group() -> Result<()> {
    let suite = Suite::attach().await?;
    let explained =
        suite.kubectl().run(&["explain", "artifacts.subresources.postern.dev", "--recursive"]).await?;
    for field in ["revision", "lastUpdateTime", "current"] {
        assert!(explained.contains(field), "{explained}");
    }
    let listed = suite.kubectl().run(&["api-resources", "--api-group=subresources.postern.dev"]).await?;
    assert!(listed.contains("artifacts") && listed.contains("srcview"), "{listed}");
    Ok(())
}
