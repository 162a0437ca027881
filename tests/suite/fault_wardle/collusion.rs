//! Users who work together to keep another out.
use super::besieged::{Besieged, FLUNDERS, ask};
use anyhow::Result;
use attackers::{
    sockets::{Held, Slow},
    tls,
};
use cluster::suite::{Suite, skip};
use serde_json::json;
use std::time::Duration;
use tokio::time;

/// As many as take all places for large bodies, and wait for more.
const TOGETHER: [&str; 4] = ["ann", "bob", "cid", "dan"];
const BODIES_EACH: u64 = 4;
/// Of a body that never ends: more than is small.
const BEGINNING: usize = 200_000;
/// How much jane has to say.
const LARGE: usize = 180_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_who_hold_all_places_for_large_bodies_keep_nobody_out() -> Result<()> {
    let suite = Suite::attach_alone().await?;
    let Some(cluster) = suite.own() else { return skip("it starts a server beside a cluster of our own") };
    let besieged = Besieged::begin(cluster).await?;
    let held = together(&besieged)?;
    while !held.iter().all(Held::is_complete) {
        time::sleep(Duration::from_millis(50)).await;
    }
    for number in 0..3 {
        let large = json!({ "about": "x".repeat(LARGE) });
        let flunder = json!({ "metadata": { "name": format!("large-{number}"), "annotations": large } });
        ask(besieged.jane.post(besieged.url()).body(flunder.to_string())).await?;
    }
    drop(held);
    besieged.server.stop().await
}

/// Bodies that hold all places, and others that wait for them, for as long as the server lets them.
fn together(besieged: &Besieged) -> Result<Vec<Held>> {
    let bundle = std::fs::read(&besieged.bundle)?;
    let of = |user: &&str| {
        let identity = besieged.authority.client(user)?;
        let tls = tls::connector(&bundle, Some(identity.as_bytes()), Some("http/1.1"))?;
        let head = "Host: wardle\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n";
        let beginning = format!("POST {FLUNDERS} HTTP/1.1\r\n{head}{}", " ".repeat(BEGINNING));
        let slow = Slow { port: besieged.server.address(), tls: Some(tls), beginning: beginning.into() };
        Ok(Held::new(BODIES_EACH, &slow))
    };
    TOGETHER.iter().map(of).collect()
}
