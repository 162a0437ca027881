//! `make soak`: each attack on a server goes on for half a minute, and the others may become half as fast at most. The same attacks
//! hit k8s.io/sample-apiserver, of which nothing is demanded.
use super::{
    report::{self, Table},
    samples::mebibytes,
};
use crate::{
    fault_wardle::{Besieged, Endured},
    process::ATTACK_GROWTH,
};
use anyhow::{Context, Result, ensure};
use attackers::Attack;
use cluster::{
    Cluster,
    cores::Cores,
    suite::{Suite, skip},
    wardle::Maker,
};
use std::time::Duration;

const CALM: Duration = Duration::from_secs(10);
const ATTACK: Duration = Duration::from_secs(30);
/// How much slower the slowest of a hundred answers may become.
const SLOWER: f64 = 2.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run `make soak`"]
async fn no_attack_makes_the_others_wait_for_long() -> Result<()> {
    besieging(measure).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run `make soak`"]
async fn what_the_attacks_cost_the_others_of_sample_apiserver() -> Result<()> {
    besieging(measure_the_peer).await
}

/// Measures the attacks that are wanted, with one processor for a server alone.
async fn besieging(measure: impl AsyncFnOnce(&Cluster, usize, &[Attack]) -> Result<()>) -> Result<()> {
    let suite = Suite::attach_alone().await?;
    let Some(cluster) = suite.own() else { return skip("it starts a server beside a cluster of our own") };
    let (attacks, cores) = (attacks()?, Cores::two()?);
    cores.clear(cluster.directory())?;
    let measured = measure(cluster, cores.server, &attacks).await;
    cores.share(cluster.directory())?;
    measured
}

/// Those that `SOAK_ATTACKS` names, or else all.
fn attacks() -> Result<Vec<Attack>> {
    let Ok(names) = std::env::var("SOAK_ATTACKS") else { return Ok(Attack::ALL.to_vec()) };
    let named =
        |name| Attack::named(name).with_context(|| format!("SOAK_ATTACKS: there is no attack {name}"));
    names.split(',').map(named).collect()
}

async fn endured(cluster: &Cluster, core: usize, attack: Attack, maker: Maker) -> Result<Endured> {
    Besieged::begin_on(core, cluster, maker).await?.endure(attack, CALM, ATTACK).await
}

/// Adds a row for each attack, and fails in the end if one missed its aim.
async fn measure(cluster: &Cluster, core: usize, attacks: &[Attack]) -> Result<()> {
    let mut broken = Vec::new();
    for attack in attacks.iter().copied() {
        let endured = endured(cluster, core, attack, Maker::Postern).await?;
        report::add(Table::Attacks, &row(attack, &endured))?;
        let slower = slower(&endured);
        if slower > SLOWER {
            broken.push(format!("{attack}: {slower:.1} times slower"));
        }
        if endured.memory.grown() > ATTACK_GROWTH {
            broken.push(format!("{attack}: {:.0} MiB more", mebibytes(endured.memory.grown())));
        }
    }
    ensure!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

/// Adds a row for each attack, also for one in which the others were not served.
async fn measure_the_peer(cluster: &Cluster, core: usize, attacks: &[Attack]) -> Result<()> {
    for attack in attacks.iter().copied() {
        let row = match endured(cluster, core, attack, Maker::Kubernetes).await {
            Ok(endured) => row(attack, &endured),
            Err(error) => {
                report::progress(&format!("{attack}: {error:#}"));
                let error = error.to_string();
                let why = error.split(':').next().unwrap_or_default();
                format!("| {} | {attack} | | {why} | | | | | | |", today())
            }
        };
        report::add(Table::AttacksOnThePeer, &row)?;
    }
    Ok(())
}

fn today() -> String {
    jiff::Timestamp::now().strftime("%F").to_string()
}

fn slower(endured: &Endured) -> f64 {
    endured.under.as_secs_f64() / endured.before.as_secs_f64()
}

fn row(attack: Attack, endured: &Endured) -> String {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
    format!(
        "| {} | {attack} | {} | {} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} × | {:.1} MiB | {:.2} |",
        today(),
        endured.blows,
        endured.served,
        milliseconds(endured.alone),
        milliseconds(endured.before),
        milliseconds(endured.under),
        slower(endured),
        mebibytes(endured.memory.grown()),
        endured.busy,
    )
}
