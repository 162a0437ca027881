//! Watches: what an idle one holds, and how soon all have an event.
use super::{
    Both, FLUNDERS, JSON, Pair, flunder,
    loader::{Connection, Who},
    section,
};
use crate::{
    outcome::float,
    report::{Goal, Section},
    samples::{Samples, Unit},
    setting::Setting,
};
use anyhow::{Context, Result};
use bytes::Bytes;
use cluster::{Wardle, cores, usage};
use futures::future::try_join_all;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::{sync::mpsc, time::timeout};

const IDLE: usize = 10_000;
const CONNECTIONS: usize = 10;
/// How long nothing happens before memory is looked at.
const REST: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(120);
const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// Watchers of one event, events in a round, and how soon the last watcher is to have it.
const EVENTS: [(usize, usize, f64); 2] = [(1_000, 20, 0.050), (200, 50, 0.004)];

struct Idle {
    each: f64,
    whole: f64,
}

pub(super) async fn measure(setting: &Setting, pair: &Pair<'_>) -> Result<Section> {
    let mut idle = Vec::new();
    for _ in 0..setting.rounds.min(2) {
        pair.restart().await?;
        let of = |server| cores::on(pair.cores.loader, || idle_watches(pair, server));
        let ours = of(&pair.ours)?;
        idle.push(Both { ours, theirs: of(&pair.theirs)? });
    }
    let row = |what, unit, of: fn(&Idle) -> f64| Both::row(&idle, what, unit, of);
    let mut rows = vec![
        row("an idle watch: bytes", Unit::Count, |idle| idle.each.round()).goal(Goal::WithinPeer(0.5)),
        row("10,000 idle watches", Unit::Memory, |idle| idle.whole).goal(Goal::AtMost(256.0 * MEBIBYTE)),
    ];
    pair.restart().await?;
    for (watchers, events, soon) in EVENTS {
        let mut rounds = Vec::new();
        for round in 0..setting.rounds {
            let of = |server| {
                let names = format!("seen-by-{watchers}-{round}");
                cores::on(pair.cores.loader, || deliveries(pair, server, watchers, events, names))
            };
            let ours = of(&pair.ours)?;
            rounds.push(Both { ours, theirs: of(&pair.theirs)? });
        }
        let what = format!("an event to {watchers} watchers: the last has it, p50");
        let row = Both::row(&rounds, what, Unit::Milliseconds, Samples::median);
        rows.push(row.goal(Goal::AtMost(soon)));
    }
    Ok(section("watches", method(), rows))
}

fn method() -> String {
    format!(
        "{CONNECTIONS} HTTP/2 connections straight to the server carry all watches, which ask for bookmarks. Memory is \
         `VmRSS` {} s after the last was opened, that of one watch the growth since before the first, on servers that \
         were just started. Time to deliver runs from sending the POST of an object until the last watcher has read the \
         event; p50 is that of a round's events.",
        REST.as_secs(),
    )
}

async fn idle_watches(pair: &Pair<'_>, server: &Wardle) -> Result<Idle> {
    let pid = server.pid().context("the server has ended")?;
    let before = usage::memory(pid)?;
    let watches = open(pair, server, IDLE, "&allowWatchBookmarks=true").await?;
    tokio::time::sleep(REST).await;
    let after = usage::memory(pid)?;
    let count = float(watches.len() as u64);
    Ok(Idle { each: float(after.saturating_sub(before)) / count, whole: float(after) })
}

/// Watches that begin with what is there now, over all connections.
async fn open(pair: &Pair<'_>, server: &Wardle, count: usize, options: &str) -> Result<Vec<Incoming>> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(pair.connect(server, Who::Administrator).await?);
    }
    let version = version(&mut connections[0]).await?;
    let path = format!("{FLUNDERS}?watch=1&resourceVersion={version}&timeoutSeconds=1800{options}");
    let watches = connections.iter().map(|connection| {
        let mut connection = connection.clone();
        let path = &path;
        async move {
            let mut watches = Vec::new();
            for _ in 0..count / CONNECTIONS {
                watches.push(connection.open(connection.request(Method::GET, path, JSON, "")?).await?);
            }
            anyhow::Ok(watches)
        }
    });
    Ok(try_join_all(watches).await?.into_iter().flatten().collect())
}

async fn version(connection: &mut Connection) -> Result<String> {
    let body = connection.open(connection.request(Method::GET, FLUNDERS, JSON, "")?).await?;
    let list: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
    Ok(list["metadata"]["resourceVersion"].as_str().context("a list has a version")?.to_owned())
}

/// How long it took, for each event, until the last watcher had it.
async fn deliveries(
    pair: &Pair<'_>,
    server: &Wardle,
    watchers: usize,
    events: usize,
    names: String,
) -> Result<Samples> {
    let watches = open(pair, server, watchers, "").await?;
    let (seen, mut all_seen) = mpsc::unbounded_channel();
    for watch in watches {
        tokio::spawn(report_events(watch, seen.clone()));
    }
    let mut writer = pair.connect(server, Who::Administrator).await?;
    let mut seconds = Vec::new();
    for number in 0..events {
        let object = flunder(&format!("{names}-{number}")).to_string();
        let request = writer.request(Method::POST, FLUNDERS, JSON, object)?;
        let began = Instant::now();
        let last = async {
            let mut last = began;
            for _ in 0..watchers {
                last = all_seen.recv().await.context("the watches have ended")?;
            }
            anyhow::Ok(last)
        };
        let (_, last) = tokio::try_join!(writer.fetch(request), async {
            timeout(PATIENCE, last).await.context("not everybody saw an event")?
        })?;
        seconds.push((last - began).as_secs_f64());
    }
    Ok(Samples::new(seconds))
}

/// Tells when each event was read. Ends with the watch.
async fn report_events(mut watch: Incoming, seen: mpsc::UnboundedSender<Instant>) {
    while let Some(Ok(frame)) = watch.frame().await {
        // An event ends with the only newline in it.
        let ends =
            frame.data_ref().map_or(0, |data: &Bytes| data.iter().filter(|byte| **byte == b'\n').count());
        for _ in 0..ends {
            if seen.send(Instant::now()).is_err() {
                return;
            }
        }
    }
}
