//! Attacks that load a server written with `libs/extension-apiserver`: whoever asks for what they may is served meanwhile, and
//! memory stays bounded. Each is short here; `make soak` goes on for longer and measures how much slower the others become.
mod attackers;
mod besieged;
mod frames;

use crate::process::ATTACK_GROWTH;
use anyhow::Result;
use attackers::Attackers;
use cluster::suite::{Suite, skip};
use std::time::Duration;

pub(crate) use besieged::Besieged;

/// How long the others are watched before an attack, and under it.
const CALM: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_secs(5);

/// One way to load a server.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    begin: fn(&Besieged) -> Result<Attackers>,
}

/// All of them.
pub(crate) const ATTACKS: [&Attack; 8] = [
    &RAPID_RESETS,
    &CONTINUATIONS,
    &PINGS,
    &SILENCE,
    &DRIPPING_BODIES,
    &HUGE_SELECTORS,
    &DEEP_BODIES,
    &NOISY_USER,
];

const RAPID_RESETS: Attack = Attack { name: "rapid resets", begin: Attackers::rapid_resets };
const CONTINUATIONS: Attack = Attack { name: "endless continuations", begin: Attackers::continuations };
const PINGS: Attack = Attack { name: "pings and settings", begin: Attackers::pings };
const SILENCE: Attack = Attack { name: "5,000 silent sockets", begin: Attackers::silence };
const DRIPPING_BODIES: Attack = Attack { name: "dripping bodies", begin: Attackers::dripping_bodies };
const HUGE_SELECTORS: Attack = Attack { name: "huge selectors", begin: Attackers::huge_selectors };
const DEEP_BODIES: Attack = Attack { name: "deep bodies", begin: Attackers::deep_bodies };
const NOISY_USER: Attack = Attack { name: "a noisy user", begin: Attackers::noise };

async fn costs_nobody_else(attack: &Attack) -> Result<()> {
    let suite = Suite::attach_alone().await?;
    let Some(cluster) = suite.own() else { return skip("it starts a server beside a cluster of our own") };
    let endured = Besieged::begin(cluster).await?.endure(attack, CALM, SHORT).await?;
    eprintln!("{}: {endured:?}", attack.name);
    endured.memory.has_grown_by_at_most(ATTACK_GROWTH)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_cost_nobody_else() -> Result<()> {
    costs_nobody_else(&RAPID_RESETS).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_continuations_cost_nobody_else() -> Result<()> {
    costs_nobody_else(&CONTINUATIONS).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_and_settings_cost_nobody_else() -> Result<()> {
    costs_nobody_else(&PINGS).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_sockets_cost_nobody_else() -> Result<()> {
    costs_nobody_else(&SILENCE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dripping_bodies_cost_nobody_else() -> Result<()> {
    costs_nobody_else(&DRIPPING_BODIES).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_selectors_cost_nobody_else() -> Result<()> {
    costs_nobody_else(&HUGE_SELECTORS).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_bodies_cost_nobody_else() -> Result<()> {
    costs_nobody_else(&DEEP_BODIES).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_noisy_user_costs_nobody_else() -> Result<()> {
    costs_nobody_else(&NOISY_USER).await
}
