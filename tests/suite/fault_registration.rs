//! Each thing between kube-apiserver and the aggregated API is broken in turn: `postern doctor` names it, what it says to do
//! mends it, and then it finds nothing any more.
use crate::sources::{PATIENCE, manifest};
use anyhow::{Context, Result, ensure};
use cluster::{
    Cluster, Options,
    suite::{another_cluster, skip},
};
use std::time::Duration;
use tokio::time;

const API_SERVICE: &str = "v1alpha1.subresources.postern.dev";

#[tokio::test]
async fn the_doctor_finds_what_is_broken_and_says_what_mends_it() -> Result<()> {
    let Some(cluster) = another_cluster("doctor", &Options::default()).await? else {
        return skip("needs a cluster of its own");
    };
    let outcome = break_in_turn(&cluster).await;
    cluster.stop().await?;
    outcome
}

async fn break_in_turn(cluster: &Cluster) -> Result<()> {
    well(cluster).await?;
    permissions(cluster).await?;
    service(cluster).await?;
    endpoints(cluster).await?;
    bundle_and_server(cluster).await?;
    registration(cluster).await
}

async fn permissions(cluster: &Cluster) -> Result<()> {
    for (binding, may_not) in [
        (["clusterrolebinding", "postern-auth-delegator"].as_slice(), "may not create tokenreviews"),
        (&["-n", "kube-system", "rolebinding", "postern-auth-reader"], "may not list configmaps"),
    ] {
        cluster.kubectl().run(&[&["delete"], binding].concat()).await?;
        let told = finds(cluster, "Permissions", may_not).await?;
        run_what_it_says(cluster, &told).await?;
        well(cluster).await?;
    }
    Ok(())
}

async fn service(cluster: &Cluster) -> Result<()> {
    let port = async |from: &str, to: &str| {
        let path = "/spec/ports/0/port";
        let patch = format!(
            r#"[{{"op":"test","path":"{path}","value":{from}}},{{"op":"replace","path":"{path}","value":{to}}}]"#
        );
        let arguments = ["patch", "service", "postern", "-n", "postern-system", "--type=json", "-p", &patch];
        cluster.kubectl().run(&arguments).await
    };
    port("443", "444").await?;
    finds(cluster, "Service", "has no port 443").await?;
    port("444", "443").await?;
    well(cluster).await
}

async fn endpoints(cluster: &Cluster) -> Result<()> {
    let ready = async |ready: bool| {
        let patch = format!(r#"[{{"op":"replace","path":"/endpoints/0/conditions/ready","value":{ready}}}]"#);
        let slice =
            ["patch", "endpointslice", "postern", "-n", "postern-system", "--type=json", "-p", &patch];
        cluster.kubectl().run(&slice).await
    };
    ready(false).await?;
    finds(cluster, "Endpoints", "none is ready").await?;
    ready(true).await?;
    well(cluster).await
}

/// Postern mends its own caBundle at once, so it is broken while nobody runs.
async fn bundle_and_server(cluster: &Cluster) -> Result<()> {
    cluster.kubectl().apply(&manifest("here-before", "https://source.example/data", "")).await?;
    cluster.postern().stop().await?;
    admission(cluster).await?;
    // kube-apiserver looks again when the slice changes.
    cluster.postern().touch_slice().await?;
    finds(cluster, "Reachability", "cannot be reached from here").await?;
    let patch = r#"{"spec":{"caBundle":null}}"#;
    cluster.kubectl().run(&["patch", "apiservice", API_SERVICE, "--type=merge", "-p", patch]).await?;
    finds(cluster, "CABundle", "is empty").await?;
    cluster.postern().start().await?;
    cluster.postern().touch_slice().await?;
    well(cluster).await
}

/// While nobody answers, what is in a spec cannot change, and what is not can: kube-apiserver asks about the one alone.
async fn admission(cluster: &Cluster) -> Result<()> {
    let patch = async |patch: &str| {
        let source = ["patch", "externalsource", "here-before", "--type=merge", "-p", patch];
        cluster.kubectl().run(&source).await
    };
    patch(r#"{"metadata":{"labels":{"team":"a"},"annotations":{"note":"b"}}}"#).await?;
    patch(r#"{"metadata":{"labels":{"team":"a"}},"spec":{"interval":"10m"}}"#).await?;
    let refused = patch(r#"{"spec":{"interval":"11m"}}"#).await.expect_err("nobody can judge that");
    let refused = format!("{refused:#}");
    ensure!(refused.contains("failed calling webhook \"mutate.postern.dev\""), "{refused}");
    Ok(())
}

async fn registration(cluster: &Cluster) -> Result<()> {
    cluster.kubectl().run(&["delete", "apiservice", API_SERVICE]).await?;
    finds(cluster, "APIService", "does not exist").await?;
    cluster.register_postern().await?;
    well(cluster).await
}

/// Waits until it finds nothing.
async fn well(cluster: &Cluster) -> Result<()> {
    until(cluster, 0, "is well").await.map(drop)
}

/// Waits until it finds that; the finding, with what to do.
async fn finds(cluster: &Cluster, check: &str, problem: &str) -> Result<String> {
    let text = until(cluster, 1, problem).await?;
    let finding = text.split("\n\n").find(|finding| finding.contains(problem)).context("a finding")?;
    ensure!(finding.starts_with(&format!("{check}: ")), "{problem:?} is no finding about {check}: {text}");
    Ok(finding.to_owned())
}

/// Authorizers and watches follow a change a moment later.
async fn until(cluster: &Cluster, code: i32, words: &str) -> Result<String> {
    let mut last = String::new();
    let search = async {
        loop {
            let output = cluster.postern().doctor().await?;
            last = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            if output.status.code() == Some(code) && last.contains(words) {
                return anyhow::Ok(());
            }
            time::sleep(Duration::from_millis(200)).await;
        }
    };
    let found = time::timeout(PATIENCE, search).await;
    found.with_context(|| format!("never ended with {code} and {words:?}, last:\n{last}"))??;
    Ok(last)
}

async fn run_what_it_says(cluster: &Cluster, finding: &str) -> Result<()> {
    let (_, command) = finding.split_once("to do: kubectl ").context("a command")?;
    cluster.kubectl().run(&command.split_whitespace().collect::<Vec<_>>()).await.map(drop)
}
