//! Attacks that load a server written with `libs/extension-apiserver`: whoever asks for what they may is served meanwhile, and
//! memory stays bounded. Each is short here; `make soak` goes on for longer and measures how much slower the others become.
mod attackers;
mod besieged;
mod collusion;

use crate::process::ATTACK_GROWTH;
use ::attackers::Attack;
use anyhow::Result;
use cluster::suite::{Suite, skip};
use std::time::Duration;

pub(crate) use besieged::{Besieged, Endured};

/// How long the others are watched before an attack, and under it.
const CALM: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_secs(5);

async fn costs_nobody_else(attack: Attack) -> Result<()> {
    let suite = Suite::attach_alone().await?;
    let Some(cluster) = suite.own() else { return skip("it starts a server beside a cluster of our own") };
    let endured = Besieged::begin(cluster).await?.endure(attack, CALM, SHORT).await?;
    eprintln!("{attack}: {endured:?}");
    endured.memory.has_grown_by_at_most(ATTACK_GROWTH)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_cost_nobody_else() -> Result<()> {
    costs_nobody_else(Attack::RapidResets).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_continuations_cost_nobody_else() -> Result<()> {
    costs_nobody_else(Attack::EndlessContinuations).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_and_settings_cost_nobody_else() -> Result<()> {
    costs_nobody_else(Attack::PingsAndSettings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_sockets_cost_nobody_else() -> Result<()> {
    costs_nobody_else(Attack::SilentSockets).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dripping_bodies_cost_nobody_else() -> Result<()> {
    costs_nobody_else(Attack::DrippingBodies).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_selectors_cost_nobody_else() -> Result<()> {
    costs_nobody_else(Attack::HugeSelectors).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_bodies_cost_nobody_else() -> Result<()> {
    costs_nobody_else(Attack::DeepBodies).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_noisy_user_costs_nobody_else() -> Result<()> {
    costs_nobody_else(Attack::NoisyUser).await
}
