//! Lamps, which have a status that is written as a subresource: for the test that does so through kube-apiserver.
//!
//! The status lies in a clone of the collection that has a strategy of its own.
use anyhow::{Context, Result};
use clap::Parser;
use extension_apiserver::{
    api::{Call, Get, Patch, Resource, Subresource, Update, WriteOptions},
    client,
    collection::{Collection, Strategy},
    namespaces::WatchedNamespaces,
    object::{Item, Key, Object},
    serve::{ClientCertificates, Limits, Tls, serve},
    server::{Lifecycle, LifecycleOptions, Server},
    status::Status,
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::net::TcpListener;

/// What a lamp should be like.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[kube(group = "lamps.example.com", version = "v1", kind = "Lamp", namespaced, status = "LampStatus")]
pub struct LampSpec {
    /// How bright it should be.
    pub lumens: i64,
}

/// What it is like.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
pub struct LampStatus {
    /// Whether it is lit.
    pub lit: bool,
}

impl Object for Lamp {}

/// Of what is written to a lamp, everything but its status counts.
struct Wanted;

impl Strategy<Lamp> for Wanted {
    fn prepare(&self, lamp: &mut Lamp, before: Option<&Lamp>) {
        lamp.status = before.and_then(|before| before.status.clone());
    }
}

/// Of what is written to its status, nothing else does.
struct Seen;

impl Strategy<Lamp> for Seen {
    fn prepare(&self, lamp: &mut Lamp, before: Option<&Lamp>) {
        let Some(before) = before else { return };
        *lamp = Lamp { status: lamp.status.take(), ..before.clone() };
    }
}

/// `lamps/NAME/status`.
struct LampState(Collection<Lamp>);

impl Resource for LampState {
    type Object = Lamp;
}

impl Subresource for LampState {
    type Parent = Lamp;
    const NAME: &'static str = "status";
}

impl Get for LampState {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<Lamp>, Status> {
        self.0.get(call, key).await
    }
}

impl Update for LampState {
    async fn update(
        &self,
        call: &Call,
        before: &Item<Lamp>,
        after: Lamp,
        options: &WriteOptions,
    ) -> Result<Item<Lamp>, Status> {
        self.0.update(call, before, after, options).await
    }
}

impl Patch for LampState {}

#[derive(Parser)]
struct Flags {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// The serving certificate, in PEM.
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

    let lifecycle = Lifecycle::until_signal(LifecycleOptions::default())?;
    let cluster = kube::Config::infer().await.context("failed to find a cluster")?;
    let (namespaces, follow) = WatchedNamespaces::new(client::connect(cluster.clone())?);
    tokio::spawn(follow);

    let lamps = Collection::new().checked(Wanted);
    let state = LampState(lamps.clone().checked(Seen));
    let server = Server::delegating(cluster, &lifecycle)?
        .namespaces(namespaces)
        .resource(lamps, |lamp| {
            let lamp = lamp.get().watch().create().update().patch().delete();
            lamp.subresource(state, |state| state.get().update().patch())
        })
        .build()?;

    let listener = TcpListener::bind(flags.listen).await.context("failed to listen")?;
    let draining = lifecycle.draining().clone();
    serve(listener, Some(tls), Arc::new(server), Limits::default(), draining).await;
    Ok(())
}
