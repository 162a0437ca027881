//! One request, and what kube-apiserver and Postern say about it: they call it and its trace by the same names.
use crate::{aggregated::get, scene::Scene, sources::PATIENCE};
use anyhow::{Context, Result};
use cluster::suite::skip;
use serde_json::Value;
use std::{fs, path::Path, time::Duration};
use tokio::time::{sleep, timeout};

const AUDIT_ID: &str = "a-request-that-is-traced";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PAUSE: Duration = Duration::from_millis(100);

/// The first line of JSON in a log that says this in that field.
async fn line(log: &Path, field: &str, value: &str) -> Result<Value> {
    let found = async {
        loop {
            let text = fs::read_to_string(log)?;
            let lines = text.lines().filter(|line| line.contains(value));
            let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(line) = lines.find(|line| line[field] == value) {
                return anyhow::Ok(line);
            }
            sleep(PAUSE).await;
        }
    };
    timeout(PATIENCE, found).await.with_context(|| format!("no {field} {value} in {}", log.display()))?
}

#[tokio::test]
async fn a_request_and_its_trace_have_the_same_names_on_both_sides() -> Result<()> {
    let scene = Scene::alone().await?;
    let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to restart") };
    let records = cluster.directory().log("traced-audit");
    let mut talkative = cluster.postern();
    talkative.flags.push("--log-level=info,extension_apiserver=debug".to_owned());
    talkative.flags.push(format!("--audit-log={}", records.display()));
    talkative.restart().await?;
    scene.caught_up().await?;

    let parent = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    let headers = [("audit-id", AUDIT_ID), ("traceparent", parent.as_str())];
    let path = scene.path("externalsources/one/artifact");
    let answer = get(scene.suite.client(), &path, &headers).await?;
    assert_eq!((answer.status().as_u16(), &answer.headers()["audit-id"]), (200, &AUDIT_ID.parse()?));

    let theirs = line(&cluster.directory().log("audit"), "auditID", AUDIT_ID).await?;
    let ours = line(&records, "auditID", AUDIT_ID).await?;
    for field in ["verb", "requestURI", "objectRef"] {
        let known = |record: &Value| match &record[field] {
            Value::Object(fields) => fields.iter().map(|(name, value)| format!("{name}: {value}")).collect(),
            other => vec![other.to_string()],
        };
        let (theirs, ours) = (known(&theirs), known(&ours));
        assert!(ours.iter().all(|part| theirs.contains(part)), "{field}: {theirs:?} and {ours:?}");
    }
    let logged = line(&cluster.postern().log(), "request_id", AUDIT_ID).await?;
    cluster.postern().restart().await?;
    assert_eq!(logged["span"]["trace_id"], TRACE_ID, "{logged}");
    assert_ne!(logged["span"]["span_id"], logged["span"]["parent_span_id"], "{logged}");
    Ok(())
}
