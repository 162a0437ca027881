//! Chat rooms: create one with `kubectl`, change its topic with `kubectl edit`, and talk in it over a WebSocket.
//!
//! This is an API that is written to: create, update, patch and delete with rules of its own, and a subresource that takes
//! over connections. `rooms.yaml` is what the cluster must know. kube-apiserver brings the guests, and says who they are:
//!
//! ```sh
//! cargo run --example rooms -- --listen 0.0.0.0:6443 --certificate tls.crt --key tls.key
//! kubectl create --filename - <<< '{"apiVersion": "rooms.example.com/v1", "kind": "Room", "metadata": {"name": "tea"}, "topic": "Scones"}'
//! kubectl proxy &
//! websocat ws://127.0.0.1:8001/apis/rooms.example.com/v1/namespaces/default/rooms/tea/talk
//! ```
use anyhow::{Context, Result};
use clap::Parser;
use extension_apiserver::{
    api::{Call, Connect, ConnectMethod, Exchange, Resource, Subresource},
    client,
    collection::Collection,
    namespaces::WatchedNamespaces,
    object::{Key, Object},
    serve::{Body, ClientCertificates, Limits, Tls, Upgraded, serve},
    server::{Lifecycle, LifecycleOptions, Server, SubresourceVerbs},
    status::{Cause, Status},
    table::Column,
    websocket::Handshake,
};
use futures::{SinkExt, StreamExt};
use http::Response;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{net::TcpListener, select, sync::broadcast};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
use tokio_util::sync::CancellationToken;

/// What a client gets, and writes.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, JsonSchema)]
#[kube(group = "rooms.example.com", version = "v1", kind = "Room", namespaced, no_spec)]
#[kube(doc = "A place to talk, at its subresource talk.")]
pub struct Purpose {
    /// What is talked about, in at most 80 letters.
    pub topic: String,
}

impl Object for Room {
    fn columns() -> Vec<Column<Self>> {
        let topic = Column::text("Topic", "What is talked about.", |room: &Self| room.spec.topic.clone());
        vec![Column::name(), topic, Column::age()]
    }
}

/// Everything that is wrong with a room, for whoever writes one.
fn rules(room: &Room, _before: Option<&Room>) -> Vec<Cause> {
    let length = room.spec.topic.chars().count();
    let is_wrong = !(1..=80).contains(&length);
    is_wrong
        .then(|| Cause::invalid("topic", &room.spec.topic, "must have 1 to 80 letters"))
        .into_iter()
        .collect()
}

/// `rooms/NAME/talk`: one connection a guest. kube-apiserver lets connections that were taken over run for hours.
#[derive(Clone)]
struct Talk {
    rooms: Collection<Room>,
    /// What is said in each room. A guest that is too slow misses some of it, and nobody waits for it.
    voices: Arc<Mutex<HashMap<Key, broadcast::Sender<String>>>>,
}

impl Resource for Talk {
    type Object = Room;
}

impl Subresource for Talk {
    type Parent = Room;
    const NAME: &'static str = "talk";
}

impl Connect for Talk {
    const METHODS: &'static [ConnectMethod] = &[ConnectMethod::Get];

    async fn connect(&self, call: &Call, key: &Key, exchange: Exchange) -> Result<Response<Body>, Status> {
        let room = self.rooms.object(key).ok_or_else(|| call.not_found())?;
        let handshake = Handshake::read(&call.headers, exchange)?;
        let guest = Guest {
            name: call.user.name.clone(),
            topic: room.spec.topic.clone(),
            voices: self.voices(key),
            leave: call.shutdown.clone(),
        };
        Ok(handshake.accept(move |connection| guest.talk(connection)))
    }
}

impl Talk {
    fn voices(&self, key: &Key) -> broadcast::Sender<String> {
        let mut all = self.voices.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, voices| voices.receiver_count() > 0);
        all.entry(key.clone()).or_insert_with(|| broadcast::channel(100).0).clone()
    }
}

/// Somebody in a room.
struct Guest {
    name: String,
    topic: String,
    voices: broadcast::Sender<String>,
    leave: CancellationToken,
}

impl Guest {
    /// Passes on what the guest says, and what the others do, until it leaves or the server does.
    async fn talk(self, connection: Upgraded) {
        let mut socket = WebSocketStream::from_raw_socket(connection, Role::Server, None).await;
        let mut others = self.voices.subscribe();
        let mut next = Some(format!("* {} enters: {}", self.name, self.topic));
        loop {
            if let Some(words) = next.take() {
                // There is one listener at least: this guest.
                let _heard = self.voices.send(words);
            }
            select! {
                said = socket.next() => match said {
                    Some(Ok(message)) if message.is_text() => next = Some(format!("{}: {message}", self.name)),
                    Some(Ok(message)) if !message.is_close() => {}
                    _ => break,
                },
                heard = others.recv() => {
                    let Ok(words) = heard else { continue };
                    if socket.send(words.into()).await.is_err() {
                        break;
                    }
                }
                () = self.leave.cancelled() => break,
            }
        }
        let _gone = socket.close(None).await;
        let _nobody_left = self.voices.send(format!("* {} leaves", self.name));
    }
}

#[derive(Parser)]
struct Flags {
    /// Where to listen.
    #[arg(long, default_value = "[::]:6443")]
    listen: SocketAddr,
    /// The serving certificate, for `rooms.examples.svc`, in PEM.
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
    let (namespaces, watch) = WatchedNamespaces::new(client::connect(cluster.clone())?);
    tokio::spawn(watch);

    let rooms = Collection::new().checked(rules);
    let talk = Talk { rooms: rooms.clone(), voices: Arc::default() };
    let server = Server::delegating(cluster, &lifecycle)?
        .namespaces(namespaces) // no room is made in a namespace that is being deleted
        .resource(rooms, |room| {
            room.get().watch().create().update().patch().delete().subresource(talk, SubresourceVerbs::connect)
        })
        .build()?;

    let listener = TcpListener::bind(flags.listen).await.context("failed to listen")?;
    let draining = lifecycle.draining().clone();
    serve(listener, Some(tls), Arc::new(server), Limits::default(), draining).await;
    Ok(())
}
