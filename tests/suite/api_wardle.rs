//! The library against Kubernetes' own: the same requests to `tests/wardle`, written with `libs/extension-apiserver`, and
//! to k8s.io/sample-apiserver, written with k8s.io/apiserver.
//!
//! The requests lie in `api_wardle/corpus/*.http`, a scenario a file; Go's answers in `golden/wardle/*.json`, so that
//! the comparison runs without Go. Where ours differ is written down in `differences.rs`, each with its reason, and what we
//! answer there in `golden/wardle-differences.json`. `RECORD_GOLDEN=1 cluster test -- api_wardle::go` records Go's answers
//! anew, `… api_wardle::ours` our differences.
mod answer;
mod attacks;
mod clients;
mod compare;
mod controllers;
mod corpus;
mod delegation;
mod differences;
mod exchange;
mod kubectl;
mod outline;
mod program;
mod registered;

use answer::Answer;
use anyhow::{Context, Result, ensure};
use cluster::{
    suite::{Suite, skip},
    wardle::Maker,
};
use corpus::Scenario;
use exchange::Exchange;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Answers by the title of their request, in the order of the requests.
type Answers = Vec<(String, Answer)>;

fn golden_file(scenario: &Scenario) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/golden/wardle");
    folder.join(&scenario.name).with_added_extension("json")
}

fn differences_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/golden/wardle-differences.json")
}

/// Whether golden files are to be written instead of believed.
fn records() -> bool {
    std::env::var_os("RECORD_GOLDEN").is_some_and(|record| record == "1")
}

fn golden(scenario: &Scenario) -> Result<Answers> {
    let path = golden_file(scenario);
    let text = std::fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("failed to read {}", path.display()))
}

/// How often Go may play a scenario. Its watches end after a second of the clock, whether or not a busy machine has let it
/// send everything by then.
const GOES: usize = 3;

/// Plays every scenario, and returns those with their answers. A scenario is played again while `again` says so of its
/// answers and of how often it was played. The server is started for this, and ended after it.
async fn answers_of(
    maker: Maker,
    name: &str,
    again: impl Fn(&Scenario, &Answers, usize) -> Result<bool>,
) -> Result<Option<Vec<(Scenario, Answers)>>> {
    let suite = Suite::attach().await?;
    let Some(cluster) = suite.own() else {
        skip("the server needs the certificates of a cluster of our own")?;
        return Ok(None);
    };
    let server = cluster.wardle(maker, name).await?;
    server.start().await?;
    let exchange = Exchange::with(&server, cluster.directory())?;
    exchange.believed().await?;
    let mut all = Vec::new();
    for scenario in corpus::scenarios()? {
        let mut played = 0;
        let answers = loop {
            let answers = exchange.play(&scenario).await.with_context(|| scenario.name.clone())?;
            played += 1;
            if !again(&scenario, &answers, played)? {
                break answers;
            }
        };
        all.push((scenario, answers));
    }
    server.stop().await?;
    Ok(Some(all))
}

#[tokio::test]
async fn go_answers_as_the_golden_files_say() -> Result<()> {
    let changed = |scenario: &Scenario, answers: &Answers| {
        compare::scenario(&scenario.name, &golden(scenario)?, answers)
    };
    let again = |scenario: &Scenario, answers: &Answers, played: usize| {
        Ok(!records() && played < GOES && !changed(scenario, answers)?.is_empty())
    };
    let Some(all) = answers_of(Maker::Kubernetes, "sample-apiserver", again).await? else { return Ok(()) };
    for (scenario, answers) in &all {
        if records() {
            let text = serde_json::to_string_pretty(answers)? + "\n";
            std::fs::write(golden_file(scenario), text)?;
        }
        let changed = changed(scenario, answers)?;
        ensure!(changed.is_empty(), "record the golden files anew: {changed:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn ours_answers_as_go_does_but_where_it_is_written_down() -> Result<()> {
    let Some(all) = answers_of(Maker::Postern, "wardle", |_, _, _| Ok(false)).await? else { return Ok(()) };
    let mut found = Vec::new();
    for (scenario, ours) in &all {
        found.extend(compare::scenario(&scenario.name, &golden(scenario)?, ours)?);
    }
    let judged = differences::judge(&found);
    ensure!(judged.is_empty(), "{} surprises:\n{}", judged.len(), judged.join("\n"));
    let answered = serde_json::to_value(differences::ours(&found))?;
    if records() {
        std::fs::write(differences_file(), serde_json::to_string_pretty(&answered)? + "\n")?;
    }
    let recorded: Value = serde_json::from_slice(&std::fs::read(differences_file())?)?;
    let changed = compare::values("our differences", &recorded, &answered);
    ensure!(changed.is_empty(), "where we differ, we answer otherwise than recorded: {changed:#?}");
    Ok(())
}
