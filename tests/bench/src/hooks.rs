//! One large body through a hook: what it takes of Postern and of the process that runs hooks.
use crate::{
    outcome::{Outcome, Outcomes, float},
    packing,
    report::{self, Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::{LARGE, Source},
};
use anyhow::{Context, Result};
use cluster::{Cluster, HookExecutor, usage};

/// What the growth of resident memory may be for 100 MiB, in both processes together.
const GROWTH: f64 = 24.0 * 1024.0 * 1024.0;

/// Measures passes, each with an executor of its own.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster, source: &Source) -> Result<Section> {
    let executor = cluster.hook_executor();
    executor.stop().await?;
    let (mut passes, mut growths) = (Outcomes(Vec::new()), Vec::new());
    for _ in 0..setting.rounds {
        let (outcome, growth) = round(setting, &executor, source).await?;
        growths.push(float(outcome.growth() + growth));
        passes.0.push(outcome);
    }
    let rows = vec![
        Row::new("100 MiB of source code through `cat`: rate", Unit::Rate, passes.rates(LARGE)),
        Row::new("… memory growth of both processes", Unit::Memory, Samples::new(growths))
            .goal(Goal::AtMost(GROWTH)),
        Row::new("… processor time of Postern", Unit::Seconds, passes.cpu_seconds()),
    ];
    let commands = vec![report::alone("hooks")];
    Ok(Section { title: "A hook".to_owned(), method: method(), rows, commands })
}

/// One pass, and by how much the executor grew for it.
async fn round(setting: &Setting, executor: &HookExecutor, source: &Source) -> Result<(Outcome, u64)> {
    executor.start().await?;
    let pid = executor.pid().context("the executor ended")?;
    let flags = ["--hook-executor".to_owned(), executor.address()];
    let pass = |body| tokio::task::block_in_place(|| packing::postern(setting, source, body, &flags));
    pass("text-1mib")?;
    let before = usage::memory(pid)?;
    let outcome = pass("sources")?;
    let growth = usage::memory_peak(pid)?.saturating_sub(before);
    executor.stop().await?;
    Ok((outcome, growth))
}

fn method() -> String {
    "The body of the first table, from the same server, is received whole, sent through the command `cat` by `postern \
     hook-executor` over its Unix socket, and packed and stored as it comes back. Postern and the executor are started \
     anew for each round, and the executor runs `cat` once before. Memory growth is the peak of each process (`VmHWM`) above what it held before the request; \
     `cat` itself is not counted. Every archive is unpacked and compared with the body."
        .to_owned()
}
