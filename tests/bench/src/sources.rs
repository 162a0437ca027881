//! Many sources applied at once, on a real control plane: how long until all are ready, and at what cost.
use crate::{
    audit::{self, Mark},
    fleet::Fleet,
    outcome::float,
    report::{self, Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::Source,
};
use anyhow::{Context, Result};
use cluster::{Cluster, usage};
use std::time::Duration;

/// Longer than anything that a pass writes after Ready.
const SETTLE: Duration = Duration::from_secs(3);
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// What one round of so many sources took.
struct Round {
    seconds: f64,
    writes_each: f64,
    kinds: String,
    peak: f64,
}

/// Measures 100 and 1,000 sources.
pub(crate) async fn measure(setting: &Setting, cluster: &Cluster, source: &Source) -> Result<Section> {
    let hundred = rounds(setting, cluster, source, 100).await?;
    let thousand = rounds(setting, cluster, source, 1_000).await?;
    let kinds = thousand.last().map(|round| round.kinds.as_str()).unwrap_or_default();
    let method = format!(
        "A client with 32 connections creates the sources, each with a body of 10 KiB of its own, `file://` store, \
         Flux's CRDs installed. Time runs from its first POST until a watch has shown the last Ready. Client, watch, \
         source, webhook, controller, kube-apiserver and etcd (without fsync) share the two processors. Writes are \
         those of Postern's ServiceAccount in the namespace, from the audit log; of the last 1,000: {kinds}. Postern \
         is started anew for each round, has one source made ready before, and its memory is the peak since then."
    );
    let mut rows = rows("100 sources at once: all Ready", &hundred, 3.0);
    rows.extend(self::rows("1,000 sources at once: all Ready", &thousand, 20.0));
    let commands = vec![report::alone("sources")];
    Ok(Section { title: "Many sources at once".to_owned(), method, rows, commands })
}

fn rows(what: &str, rounds: &[Round], limit: f64) -> Vec<Row> {
    let each = |of: fn(&Round) -> f64| Samples::new(rounds.iter().map(of).collect());
    vec![
        Row::new(what, Unit::Seconds, each(|round| round.seconds)).goal(Goal::AtMost(limit)),
        Row::new("… API writes a source", Unit::Count, each(|round| round.writes_each))
            .goal(Goal::AtMost(4.0)),
        Row::new("… memory of Postern", Unit::Memory, each(|round| round.peak))
            .goal(Goal::AtMost(64.0 * MEBIBYTE)),
    ]
}

async fn rounds(setting: &Setting, cluster: &Cluster, source: &Source, count: usize) -> Result<Vec<Round>> {
    let mut rounds = Vec::new();
    for round in 0..setting.rounds {
        let fleet = Fleet::new(cluster, source, &format!("bench-{count}-{round}")).await?;
        rounds.push(measured(cluster, &fleet, count).await?);
        fleet.clear().await?;
    }
    Ok(rounds)
}

async fn measured(cluster: &Cluster, fleet: &Fleet<'_>, count: usize) -> Result<Round> {
    cluster.postern().restart().await?;
    fleet.apply(count..count + 1).await.context("the first source")?;
    tokio::time::sleep(SETTLE).await;
    let mut mark = Mark::now(cluster)?;
    let seconds = fleet.apply(0..count).await?.as_secs_f64();
    tokio::time::sleep(SETTLE).await;
    let writes = mark.writes_since(audit::POSTERN, &fleet.namespace)?;
    let pid = cluster.postern().pid().context("Postern has ended")?;
    let peak = float(usage::memory_peak(pid)?);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let writes_each = writes.total() as f64 / count as f64;
    Ok(Round { seconds, writes_each, kinds: writes.text(), peak })
}
