//! A namespace that is deleted with everything in it: what a source refers to often goes before the source itself.
use super::*;
use crate::{audit::Mark, sources::until_ready};
use cluster::suite::skip;
use std::fs;

const SOURCES: usize = 24;

#[tokio::test]
async fn a_namespace_goes_without_a_word_from_us() -> Result<()> {
    let scene = Scene::without_source(Answer::data("1")).await?;
    let Some(cluster) = scene.suite.own() else { return skip("this audit log is not ours to read") };
    let space = scene.namespace.name();
    scene.namespace.kubectl(&["create", "secret", "generic", "token", "--from-literal=X-Token=a"]).await?;
    let names: Vec<String> = (0..SOURCES).map(|number| format!("source-{number}")).collect();
    let with_secret = "      headersSecretRef: { name: token }\n";
    let all: Vec<String> =
        names.iter().map(|name| manifest(name, &scene.upstream.url(), with_secret)).collect();
    scene.namespace.apply(&all.join("---\n")).await?;
    for name in &names {
        until_ready(&scene.sources, name).await?;
    }

    let mut writes = Mark::now(cluster)?;
    let said_before = fs::read_to_string(cluster.postern().log())?.len();
    scene.suite.kubectl().run(&["delete", "namespace", space, "--timeout=60s"]).await?;
    // All that is left to do is to take back what was published, and to let the source go.
    let others: Vec<String> = writes
        .writes_since(space)?
        .into_iter()
        .filter(|write| {
            !write.starts_with("patch externalsources/ ") && !write.starts_with("delete externalartifacts/ ")
        })
        .collect();
    assert_eq!(others, [""; 0]);
    let said = fs::read_to_string(cluster.postern().log())?.split_off(said_before);
    let complaints: Vec<&str> =
        said.lines().filter(|line| line.contains(space) && !line.contains("INFO")).collect();
    assert_eq!(complaints, [""; 0]);
    Ok(())
}
