//! The NetworkPolicy that `deploy/` ships: kube-apiserver takes it, and it speaks of the ports that the Service names.
use crate::promises;
use anyhow::{Context, Result};
use cluster::suite::Suite;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const POLICY: &str = "deploy/network-policy.yaml";

fn read(path: &str) -> Result<Value> {
    serde_saphyr::from_str(&promises::text(path)).with_context(|| format!("failed to read {path}"))
}

/// The names in that field of every entry.
fn names(entries: &Value, field: &str) -> BTreeSet<String> {
    let named = |entry: &Value| entry[field].as_str().map(str::to_owned);
    entries.as_array().into_iter().flatten().filter_map(named).collect()
}

#[tokio::test]
async fn kube_apiserver_takes_the_policy_as_it_is_written() -> Result<()> {
    let suite = Suite::attach().await?;
    let arguments =
        ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--output=json", "--filename=-"];
    let taken = suite.kubectl().run_with_input(&arguments, &promises::text(POLICY)).await?;
    let (taken, written): (Value, Value) = (serde_json::from_str(&taken)?, read(POLICY)?);
    assert_eq!(taken["spec"]["podSelector"], written["spec"]["podSelector"]);
    let count = |policy: &Value| policy["spec"]["ingress"].as_array().map(Vec::len);
    assert_eq!(count(&taken), count(&written));
    Ok(())
}

#[test]
fn the_policy_opens_every_port_of_the_service_and_previews_to_postern_alone() -> Result<()> {
    let (policy, service) = (read(POLICY)?, read("deploy/service.yaml")?);
    assert_eq!(policy["spec"]["podSelector"]["matchLabels"], service["spec"]["selector"]);
    let rules = policy["spec"]["ingress"].as_array().context("rules")?;
    let mut opened: BTreeSet<String> = rules.iter().flat_map(|rule| names(&rule["ports"], "port")).collect();
    assert!(opened.remove("admin"), "no port of the Service, but one of every pod");
    assert_eq!(opened, names(&service["spec"]["ports"], "targetPort"));
    let of_previews: Vec<_> =
        rules.iter().filter(|rule| names(&rule["ports"], "port").contains("controller")).collect();
    let [rule] = of_previews[..] else { anyhow::bail!("one rule: {of_previews:?}") };
    assert_eq!(rule["from"], json!([{ "podSelector": { "matchLabels": service["spec"]["selector"] } }]));
    assert_eq!(rule["ports"], json!([{ "port": "controller" }]));
    Ok(())
}
