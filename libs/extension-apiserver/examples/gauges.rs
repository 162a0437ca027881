//! A tiny metrics server: how this machine feels, for `kubectl get gauges --watch`. Nothing of it is in etcd.
//!
//! This is a whole read-only API: a type, its table, a store that the program feeds, and the server around it. What the
//! cluster must know to call it is in `gauges.yaml`. To try it on a cluster that can reach your machine:
//!
//! ```sh
//! cargo run --example gauges -- --listen 0.0.0.0:6443 --certificate tls.crt --key tls.key
//! ```
use anyhow::{Context, Result};
use clap::Parser;
use extension_apiserver::{
    collection::Collection,
    object::Object,
    serve::{ClientCertificates, Limits, Tls, serve},
    server::{Lifecycle, LifecycleOptions, Server},
    table::Column,
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    time::{MissedTickBehavior, interval},
};

/// What a client gets. The doc comments are what `kubectl explain gauge` shows.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "gauges.example.com", version = "v1", kind = "Gauge", no_spec)]
#[kube(doc = "Something that is measured on the machine of the server, once a second.")]
pub struct Reading {
    /// What was read last.
    pub value: i64,
    /// What the value counts.
    pub unit: String,
}

impl Object for Gauge {
    const SHORT_NAMES: &'static [&'static str] = &["ga"];

    /// What `kubectl get gauges` shows.
    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::name(),
            Column::integer("Value", "What was read last.", |gauge: &Self| gauge.spec.value),
            Column::text("Unit", "What the value counts.", |gauge: &Self| gauge.spec.unit.clone()),
            Column::age().wide(),
        ]
    }
}

/// Keeps the gauges current for as long as the program runs. Whoever watches them is told of every change, and only of
/// changes.
async fn measure(gauges: Collection<Gauge>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for uptime in 0.. {
        seconds.tick().await;
        let readings = [
            ("uptime", "seconds", Some(uptime)),
            ("load", "hundredths", load()),
            ("memory-free", "kibibytes", memory("MemAvailable")),
            ("memory-total", "kibibytes", memory("MemTotal")),
        ];
        for (name, unit, value) in readings {
            let Some(value) = value else { continue };
            gauges.upsert(Gauge::new(name, Reading { value, unit: unit.to_owned() }));
        }
    }
}

/// How many tasks want a processor, over the last minute.
fn load() -> Option<i64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.replace('.', "").parse().ok()
}

fn memory(which: &str) -> Option<i64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[derive(Parser)]
struct Flags {
    /// Where to listen.
    #[arg(long, default_value = "[::]:6443")]
    listen: SocketAddr,
    /// The serving certificate, for `gauges.examples.svc`, in PEM.
    #[arg(long)]
    certificate: PathBuf,
    /// Its key, in PEM.
    #[arg(long)]
    key: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let flags = Flags::parse();
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("failed to read {}", path.display()));
    let tls = Tls::new(&read(&flags.certificate)?, &read(&flags.key)?, ClientCertificates::Request)?;

    let gauges = Collection::new();
    tokio::spawn(measure(gauges.clone()));

    let lifecycle = Lifecycle::until_signal(LifecycleOptions::default())?;
    let cluster = kube::Config::infer().await.context("failed to find a cluster")?;
    let server = Server::delegating(cluster, &lifecycle)?
        .resource(gauges, |gauge| gauge.get().watch()) // a watch brings its list along
        .build()?;

    let listener = TcpListener::bind(flags.listen).await.context("failed to listen")?;
    let draining = lifecycle.draining().clone();
    serve(listener, Some(tls), Arc::new(server), Limits::default(), draining).await;
    Ok(())
}
