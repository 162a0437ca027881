//! How soon each server is ready, and what it holds then.
use super::{Both, Pair, section};
use crate::{
    outcome::float,
    report::{Goal, Section},
    samples::Unit,
    setting::Setting,
};
use anyhow::{Context, Result, bail};
use cluster::{Wardle, cores, usage};
use http::Method;
use std::time::{Duration, Instant};

/// How long it has nothing to do before its memory is looked at.
const IDLE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

struct Start {
    ready: f64,
    memory: f64,
}

pub(super) async fn measure(setting: &Setting, pair: &Pair<'_>) -> Result<Section> {
    let mut rounds: Vec<Both<Start>> = Vec::new();
    for _ in 0..setting.rounds {
        rounds.push(pair.each(async |server| start(pair, server).await).await?);
    }
    let row = |what, unit, of: fn(&Start) -> f64| Both::row(&rounds, what, unit, of);
    let rows = vec![
        row("ready after", Unit::Milliseconds, |start| start.ready).goal(Goal::AtMost(0.040)),
        row("… memory then", Unit::Memory, |start| start.memory).goal(Goal::WithinPeer(0.2)),
    ];
    Ok(section("start", method(), rows))
}

fn method() -> String {
    "`tests/wardle`, written with the library, beside k8s.io/sample-apiserver v0.36.4 (the peer): both serve \
     wardle.example.com with the same certificate, account and kube-apiserver, each on one and the same processor; \
     ours keeps its objects in memory, Go's in etcd. Time runs from just before the fork to the first 200 of \
     `/readyz`, asked each millisecond over TLS from the other processor; memory is `VmRSS` 5 s later."
        .to_owned()
}

async fn start(pair: &Pair<'_>, server: &Wardle) -> Result<Start> {
    server.stop().await?;
    let began = Instant::now();
    cores::on(pair.cores.server, || server.launch())?;
    let ready = (cores::on(pair.cores.loader, || ready_at(pair, server))? - began).as_secs_f64();
    tokio::time::sleep(IDLE).await;
    let pid = server.pid().context("the server has ended")?;
    Ok(Start { ready, memory: float(usage::memory(pid)?) })
}

/// When `/readyz` first said yes.
async fn ready_at(pair: &Pair<'_>, server: &Wardle) -> Result<Instant> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if is_ready(pair, server).await.is_ok() {
            return Ok(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("the server is not ready after {PATIENCE:?}")
}

async fn is_ready(pair: &Pair<'_>, server: &Wardle) -> Result<()> {
    let mut connection = pair.connect(server, super::Who::Administrator).await?;
    connection.fetch(connection.request(Method::GET, "/readyz", "*/*", "")?).await?;
    Ok(())
}
