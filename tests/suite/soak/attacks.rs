//! `make soak`: each attack on a server goes on for half a minute, and the others may become half as fast at most.
use super::{
    report::{self, Table},
    samples::mebibytes,
};
use crate::{fault_wardle::Besieged, process::ATTACK_GROWTH};
use anyhow::{Result, ensure};
use attackers::Attack;
use cluster::{
    Cluster,
    cores::Cores,
    suite::{Suite, skip},
};
use std::time::Duration;

const CALM: Duration = Duration::from_secs(10);
const ATTACK: Duration = Duration::from_secs(30);
/// How much slower the slowest of a hundred answers may become.
const SLOWER: f64 = 2.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run `make soak`"]
async fn no_attack_makes_the_others_wait_for_long() -> Result<()> {
    let suite = Suite::attach_alone().await?;
    let Some(cluster) = suite.own() else { return skip("it starts a server beside a cluster of our own") };
    let cores = Cores::two()?;
    cores.clear(cluster.directory())?;
    let measured = measure(cluster, cores.server).await;
    cores.share(cluster.directory())?;
    let broken = measured?;
    ensure!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

/// Adds a row for each attack: what missed its aim.
async fn measure(cluster: &Cluster, core: usize) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for attack in Attack::ALL {
        let endured = Besieged::begin_on(core, cluster).await?.endure(attack, CALM, ATTACK).await?;
        let slower = endured.under.as_secs_f64() / endured.before.as_secs_f64();
        let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
        let row = format!(
            "| {} | {} | {} | {} | {:.1} ms | {:.1} ms | {:.1} ms | {slower:.1} × | {:.1} MiB | {:.2} |",
            jiff::Timestamp::now().strftime("%F"),
            attack,
            endured.blows,
            endured.served,
            milliseconds(endured.alone),
            milliseconds(endured.before),
            milliseconds(endured.under),
            mebibytes(endured.memory.grown()),
            endured.busy,
        );
        report::add(Table::Attacks, &row)?;
        if slower > SLOWER {
            broken.push(format!("{attack}: {slower:.1} times slower"));
        }
        if endured.memory.grown() > ATTACK_GROWTH {
            broken.push(format!("{attack}: {:.0} MiB more", mebibytes(endured.memory.grown())));
        }
    }
    Ok(broken)
}
