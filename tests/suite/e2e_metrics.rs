//! What an operator reads from the admin port is what the manual lists, name by name.
use crate::tree;
use anyhow::Result;
use cluster::suite::{Suite, skip};
use http::StatusCode;
use std::{collections::BTreeMap, fs};

#[tokio::test]
async fn every_metric_is_in_the_manual_and_every_one_of_the_manual_is_served() -> Result<()> {
    let suite = Suite::attach().await?;
    let Some(urls) = suite.urls() else { return skip("the admin port is out of reach") };
    let text = reqwest::get(format!("{}/metrics", urls.admin)).await?.error_for_status()?.text().await?;
    let manual = fs::read_to_string(tree::root().join("docs/metrics.md"))?;
    let (served, listed) = (served(&text), listed(&manual));
    let unlisted: Vec<_> = served.iter().filter(|(name, type_)| listed.get(*name) != Some(type_)).collect();
    assert!(unlisted.is_empty(), "not in the manual: {unlisted:?}");
    let unserved: Vec<_> =
        listed.keys().filter(|name| !served.contains_key(*name) && is_ours(name)).collect();
    assert!(unserved.is_empty(), "only in the manual: {unserved:?}");
    for help in text.lines().filter(|line| line.starts_with("# HELP ")) {
        assert!(help.ends_with('.') && !help.ends_with(".."), "{help}");
    }
    Ok(())
}

#[tokio::test]
async fn one_check_of_readiness_answers_alone() -> Result<()> {
    let suite = Suite::attach().await?;
    let Some(urls) = suite.urls() else { return skip("the admin port is out of reach") };
    let all = reqwest::get(format!("{}/readyz?verbose", urls.admin)).await?.text().await?;
    let checks: Vec<_> =
        all.lines().filter_map(|line| line.strip_prefix("[+]")?.strip_suffix(" ok")).collect();
    assert!(checks.contains(&"store"), "{all}");
    for check in checks {
        let answer = reqwest::get(format!("{}/readyz/{check}", urls.admin)).await?;
        assert_eq!((answer.status(), answer.text().await?.as_str()), (StatusCode::OK, "ok\n"), "{check}");
    }
    let unknown = reqwest::get(format!("{}/readyz/nothing", urls.admin)).await?;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    Ok(())
}

/// Whether it is there from the start; those of k8s.io/apiserver come with the first request that they count.
fn is_ours(name: &str) -> bool {
    name.starts_with("postern_") || name.starts_with("process_")
}

/// The names under which samples appear, and their types.
fn served(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let sample = |(family, type_): (&str, &str)| {
        let suffix = match type_ {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        (format!("{family}{suffix}"), type_.to_owned())
    };
    types.map(sample).collect()
}

/// The first two columns of the manual's table.
fn listed(manual: &str) -> BTreeMap<String, String> {
    let row = |line: &str| -> Option<(String, String)> {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.strip_suffix('`')?;
        Some((name.to_owned(), cells.next()?.to_owned()))
    };
    manual.lines().filter_map(row).collect()
}
