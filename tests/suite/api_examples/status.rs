//! `tests/wardle/examples/lamps.rs`: a status that is written as a subresource, as a controller does it, by kubectl.
use anyhow::Result;
use cluster::suite::{Suite, skip};
use serde_json::Value;

const MANIFESTS: &str = include_str!("../../wardle/examples/lamps.yaml");
const DESK: &str =
    "{apiVersion: lamps.example.com/v1, kind: Lamp, metadata: {name: desk}, spec: {lumens: 400}}";

#[tokio::test]
async fn a_status_is_written_apart_from_its_object() -> Result<()> {
    let suite = Suite::attach().await?;
    let Some(cluster) = suite.own() else { return skip("it starts a server beside a cluster of our own") };
    let server = cluster.example("lamps", 8643, MANIFESTS).await?;
    let namespace = suite.namespace("api-lamps").await?;
    namespace.apply(DESK).await?;

    let both = r#"{"spec":{"lumens":7},"status":{"lit":true}}"#;
    let patch = ["patch", "lamp", "desk", "--type=merge", "--patch", both];
    let on_status = [&patch[..], &["--subresource=status", "--output=json"]].concat();
    let written: Value = serde_json::from_str(&namespace.kubectl(&on_status).await?)?;
    assert_eq!((&written["spec"]["lumens"], &written["status"]["lit"]), (&400.into(), &true.into()));
    assert_eq!(written["metadata"]["generation"], 1);

    let unlit = both.replace("true", "false");
    let on_object = ["patch", "lamp", "desk", "--type=merge", "--output=json", "--patch", &unlit];
    let written: Value = serde_json::from_str(&namespace.kubectl(&on_object).await?)?;
    assert_eq!((&written["spec"]["lumens"], &written["status"]["lit"]), (&7.into(), &true.into()));
    assert_eq!(written["metadata"]["generation"], 2);

    let replaced =
        written.to_string().replace("\"lit\":true", "\"lit\":false").replace("\"lumens\":7", "\"lumens\":8");
    let replace = ["--namespace", namespace.name(), "replace", "--subresource=status", "--filename", "-"];
    suite.kubectl().run_with_input(&replace, &replaced).await?;
    let shown =
        ["get", "lamp", "desk", "--subresource=status", "--output=jsonpath={.spec.lumens} {.status.lit}"];
    assert_eq!(namespace.kubectl(&shown).await?, "7 false");
    server.stop().await
}
