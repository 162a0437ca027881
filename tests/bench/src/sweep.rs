//! A thousand sources that all answer 304, all due at once: how long until each was asked, and that nothing is written.
use crate::{
    audit::{self, Mark},
    fleet::Fleet,
    report::{self, Goal, Row, Section},
    samples::{Samples, Unit},
    setting::Setting,
    source::Source,
};
use anyhow::{Context, Result, bail, ensure};
use cluster::{Cluster, Postern, usage};
use http::StatusCode;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

const SOURCES: usize = 1_000;
/// The interval of the sources is a minute, moved by up to 5 %: after this time every one is due.
const PAUSE: Duration = Duration::from_secs(70);
/// Longer than anything that a pass could still do when its source is ready, or write afterwards.
const SETTLE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

/// What one sweep took.
struct Sweep {
    seconds: f64,
    cpu_seconds: f64,
    api_writes: f64,
    store_writes: f64,
}

pub(crate) async fn measure(setting: &Setting, cluster: &Cluster, source: &Source) -> Result<Section> {
    let mut postern = cluster.postern();
    // A leader that was stopped for a minute has lost its Lease, and starts over instead of going on.
    postern.flags.push("--leader-elect=false".to_owned());
    postern.restart().await?;
    let fleet = Fleet::new(cluster, source, "bench-sweep").await?;
    fleet.apply(0..SOURCES).await?;
    let mut sweeps = Vec::new();
    for _ in 0..setting.rounds {
        sweeps.push(sweep(cluster, &postern, &fleet, source).await?);
    }
    fleet.clear().await?;
    cluster.postern().restart().await?;
    let each = |of: fn(&Sweep) -> f64| Samples::new(sweeps.iter().map(of).collect());
    let rows = vec![
        Row::new("1,000 sources answer 304: one sweep", Unit::Seconds, each(|sweep| sweep.seconds))
            .goal(Goal::AtMost(3.0)),
        Row::new("… writes to the API", Unit::Count, each(|sweep| sweep.api_writes)).goal(Goal::AtMost(0.0)),
        Row::new("… writes to the store", Unit::Count, each(|sweep| sweep.store_writes))
            .goal(Goal::AtMost(0.0)),
        Row::new("… processor time of Postern", Unit::Seconds, each(|sweep| sweep.cpu_seconds)),
    ];
    Ok(Section {
        title: "A sweep in which nothing changed".to_owned(),
        method: method(),
        rows,
        commands: vec![report::alone("sweep")],
    })
}

fn method() -> String {
    "An interval is a minute or more and moved by up to 5 %, so that sources never come due together. To see how fast \
     Postern can be, its process is stopped (SIGSTOP) for 70 s and then continued, as a suspended machine would be: \
     every source is due at once. Time runs from SIGCONT until the source server has answered the thousandth request, \
     by its log, each with 304. Afterwards five more seconds pass before writes are counted: to the API in the audit \
     log, to the store as any file or folder of the blobs that was added, removed or written. Postern runs with \
     `--leader-elect=false` here, since a Lease is lost meanwhile."
        .to_owned()
}

async fn sweep(cluster: &Cluster, postern: &Postern, fleet: &Fleet<'_>, source: &Source) -> Result<Sweep> {
    let pid = Pid::from_raw(postern.pid().context("Postern has ended")?);
    // What is ready has not always ended its pass, and one that ends after the pause counts its interval from there.
    tokio::time::sleep(SETTLE).await;
    kill(pid, Signal::SIGSTOP)?;
    tokio::time::sleep(PAUSE).await;
    let store = cluster.directory().file("store");
    let (mut mark, before) = (Mark::now(cluster)?, contents(&store)?);
    let cpu_before = usage::cpu_time(pid.as_raw())?;
    source.take_log();
    let began = Instant::now();
    kill(pid, Signal::SIGCONT)?;
    let ended = answered(source).await?;
    tokio::time::sleep(SETTLE).await;
    let after = contents(&store)?;
    let changed = after.iter().filter(|(path, time)| before.get(*path) != Some(time)).count();
    let removed = before.keys().filter(|path| !after.contains_key(*path)).count();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    Ok(Sweep {
        seconds: (ended - began).as_secs_f64(),
        cpu_seconds: (usage::cpu_time(pid.as_raw())? - cpu_before).as_secs_f64(),
        api_writes: mark.writes_since(audit::POSTERN, &fleet.namespace)?.total() as f64,
        store_writes: (changed + removed) as f64,
    })
}

/// When every source had been answered.
async fn answered(source: &Source) -> Result<Instant> {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < PATIENCE {
        for answer in source.take_log() {
            ensure!(answer.status == StatusCode::NOT_MODIFIED, "the source answered {}", answer.status);
            count += 1;
            if count == SOURCES {
                return Ok(answer.at);
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("only {count} of {SOURCES} sources were asked")
}

/// When each file and folder of the blobs was written.
fn contents(store: &Path) -> Result<BTreeMap<PathBuf, SystemTime>> {
    let (mut found, mut waiting) = (BTreeMap::new(), vec![store.join("externalsource")]);
    while let Some(path) = waiting.pop() {
        let meta =
            fs::symlink_metadata(&path).with_context(|| format!("failed to see {}", path.display()))?;
        if meta.is_dir() {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        }
        found.insert(path, meta.modified()?);
    }
    Ok(found)
}
