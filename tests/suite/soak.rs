//! `make soak`: two hundred sources, and every misfortune that their operator will know, for as long as is asked. In the
//! end every source must be true, and nothing may have grown. Each run adds a line to `docs/soak.md`, and so does each attack in
//! `attacks`.
mod attacks;
mod crashes;
mod documents;
mod luck;
mod report;
mod samples;
mod sources;
mod weather;

use crate::{audit::Mark, events};
use anyhow::{Context, Result, ensure};
use cluster::{
    Cluster,
    suite::{Suite, skip},
};
use documents::Documents;
use luck::Luck;
use report::Report;
use samples::Samples;
use sources::Sources;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time;
use weather::Weather;

/// How many sources there are.
const SOURCES: usize = 200;
/// Their interval is a minute; this is longer, so that each was looked at.
const CALM: Duration = Duration::from_secs(75);
/// How long failures may keep a source waiting after they are over.
const CONVERGENCE: Duration = Duration::from_secs(300);
/// How long the events of the last changes may follow the statuses that they tell of.
const LAST_EVENTS: Duration = Duration::from_secs(5);
/// How much memory may differ between the second and the last third of a time without restarts.
const GROWTH: f64 = 8.0;
/// How many more files and sockets may be open in the end than after a restart.
const MORE_DESCRIPTORS: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run `make soak`"]
async fn whatever_happens_every_source_is_true_in_the_end() -> Result<()> {
    let suite = Suite::attach_alone().await?;
    let Some(cluster) = suite.own() else { return skip("this control plane is not ours to disturb") };
    let namespace = suite.namespace("soak").await?;
    let duration = duration()?;
    let mut luck = Luck::today();
    let documents = Arc::new(Documents::serve(SOURCES).await?);
    let sources = Sources::create(suite.client(), namespace.name(), &documents).await?;
    sources.until_true(CONVERGENCE).await?;
    report::progress(&format!("{SOURCES} sources are ready; luck is {}", luck.seed()));

    let weather = Weather::begin(&documents, luck.another());
    let storm = storm(cluster, &sources, duration.mul_f64(0.6), &mut luck).await?;
    let samples = churn(cluster, &sources, duration.mul_f64(0.4), &mut luck).await?;
    let weather = weather.end().await;
    documents.heal();

    let began = Instant::now();
    let truth = sources.until_true(CONVERGENCE).await?;
    let converged = began.elapsed();
    report::progress(&format!("all are true {} s after the last change", converged.as_secs()));
    time::sleep(LAST_EVENTS).await;
    let mut mark = Mark::now(cluster)?;
    let asked = documents.asked();
    time::sleep(CALM).await;
    let mut writes = mark.writes_since(namespace.name())?;
    // What the storm left behind goes when its readers have had their time, and that is told.
    let collections = events::names(&suite, namespace.name(), "GarbageCollected").await?;
    writes.retain(|write| {
        !write.strip_prefix("create events/ ").is_some_and(|name| collections.contains(name))
    });
    let asked = documents.asked() - asked;

    let report = Report {
        duration,
        seed: luck.seed(),
        storm,
        weather,
        converged,
        samples,
        writes: writes.len(),
        asked,
    };
    report.write()?;
    ensure!(asked >= SOURCES, "only {asked} of {SOURCES} sources were looked at in {CALM:?}");
    ensure!(writes.is_empty(), "nothing changed, and Postern wrote {writes:#?}");
    ensure!(
        sources.until_true(Duration::ZERO).await? == truth,
        "a revision changed though its content did not"
    );
    let grown = report.samples.growth();
    ensure!(grown < GROWTH, "memory grew by {grown:.1} MiB in a third of the time: {:?}", report.samples);
    let more = report.samples.more_descriptors();
    ensure!(more <= MORE_DESCRIPTORS, "{more} more files are open: {:?}", report.samples);
    Ok(())
}

fn duration() -> Result<Duration> {
    let minutes = std::env::var("SOAK_MINUTES").unwrap_or_else(|_| "10".to_owned());
    let minutes: f64 = minutes.parse().context("SOAK_MINUTES is no number")?;
    // A shorter run would take the first connections and watches for growth.
    ensure!(minutes >= 5.0, "SOAK_MINUTES must be 5 or more");
    Ok(Duration::from_secs_f64(minutes * 60.0))
}

/// How often what was ended the hard way.
#[derive(Debug, Default)]
struct Storm {
    kills: usize,
    outages: usize,
}

/// Ends Postern as a crash would, or kube-apiserver, again and again.
async fn storm(cluster: &Cluster, sources: &Sources, duration: Duration, luck: &mut Luck) -> Result<Storm> {
    let (began, mut storm) = (Instant::now(), Storm::default());
    while began.elapsed() < duration {
        for _ in 0..luck.between(15, 40) {
            sources.ask_for_a_pass(luck.below(SOURCES)).await?;
            time::sleep(Duration::from_secs(1)).await;
        }
        if storm.kills <= storm.outages {
            cluster.postern().kill().await?;
            time::sleep(Duration::from_millis(luck.between(0, 2_000))).await;
            cluster.postern().start().await?;
            cluster.postern().touch_slice().await?;
            storm.kills += 1;
        } else {
            cluster.kill_kube_apiserver().await?;
            time::sleep(Duration::from_secs(luck.between(1, 8))).await;
            cluster.start_kube_apiserver().await?;
            storm.outages += 1;
        }
        report::progress(&format!("after {} s: {storm:?}", began.elapsed().as_secs()));
    }
    Ok(storm)
}

/// Lets one Postern work without a restart, and measures it; whatever it publishes must be readable at any moment.
async fn churn(cluster: &Cluster, sources: &Sources, duration: Duration, luck: &mut Luck) -> Result<Samples> {
    let pid = cluster.postern().pid().context("Postern runs")?;
    let (began, mut samples) = (Instant::now(), Samples::default());
    while began.elapsed() < duration {
        samples.take(pid, began.elapsed())?;
        for _ in 0..4 {
            sources.ask_for_a_pass(luck.below(SOURCES)).await?;
            sources.read(luck.below(SOURCES)).await?;
            time::sleep(Duration::from_millis(500)).await;
        }
    }
    ensure!(cluster.postern().pid() == Some(pid), "Postern crashed");
    Ok(samples)
}
