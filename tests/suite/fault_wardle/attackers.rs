//! Those who attack, each in a loop, all on a thread of their own that gives way to every other: it is the server that should be
//! busy with them, and not who measures it.
use super::{Besieged, frames};
use crate::{
    sockets::{Held, Slow},
    tls,
};
use anyhow::Result;
use bytes::Bytes;
use nix::unistd::gettid;
use reqwest::Client;
use std::{
    future::Future,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::{self, Runtime},
    time,
};

/// Who was thrown out comes back after this.
const PAUSE: Duration = Duration::from_millis(5);
/// As much as fits into a request line.
const LONGEST_SELECTOR: usize = 60_000;
/// As much as fits into a body.
const LONGEST_BODY: usize = 3 << 20;

/// An attack that goes on until it is ended.
pub(super) struct Attackers {
    runtime: Runtime,
    blows: Arc<AtomicU64>,
    /// Dropped by the end of the attack.
    _held: Vec<Held>,
}

impl Attackers {
    /// Ends the attack: how often it struck.
    pub(super) fn end(self) -> u64 {
        self.runtime.shutdown_background();
        self.blows.load(Ordering::Relaxed)
    }

    pub(super) fn rapid_resets(target: &Besieged) -> Result<Self> {
        Self::flood(target, frames::resets)
    }

    pub(super) fn continuations(target: &Besieged) -> Result<Self> {
        Self::flood(target, frames::continuation)
    }

    pub(super) fn pings(target: &Besieged) -> Result<Self> {
        Self::flood(target, frames::pings_and_settings)
    }

    pub(super) fn silence(target: &Besieged) -> Result<Self> {
        let slow = Slow { port: target.address(), tls: None, beginning: Bytes::new() };
        Self::holding(5_000, &slow)
    }

    /// Their handlers read bodies that never end. As many as there are seats for writes.
    pub(super) fn dripping_bodies(target: &Besieged) -> Result<Self> {
        let identity = target.noisy_identity()?;
        let tls = tls::connector(&target.bundle, Some(identity.as_bytes()), Some("http/1.1"))?;
        let path = "/apis/wardle.example.com/v1alpha1/namespaces/default/flunders";
        let head = "Host: wardle\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{";
        let beginning = format!("POST {path} HTTP/1.1\r\n{head}").into();
        Self::holding(200, &Slow { port: target.address(), tls: Some(tls), beginning })
    }

    pub(super) fn huge_selectors(target: &Besieged) -> Result<Self> {
        let many = "a%21%3Db,".repeat(LONGEST_SELECTOR / 9) + "c";
        let one = format!("a+in+({}b)", "b,".repeat(LONGEST_SELECTOR / 2 - 10));
        let urls = [many, one].map(|selector| format!("{}?labelSelector={selector}", target.url()));
        Self::asking(target, 8, move |noisy, blow| {
            let url = urls[usize::try_from(blow % 2).expect("0 or 1")].clone();
            async move { noisy.get(url).send().await?.bytes().await }
        })
    }

    pub(super) fn deep_bodies(target: &Besieged) -> Result<Self> {
        let url = target.url();
        let lists = "[".repeat(LONGEST_BODY / 2) + &"]".repeat(LONGEST_BODY / 2 - 100);
        let maps = r#"{"a":"#.repeat(LONGEST_BODY / 5 - 100);
        let repeated = format!("{{{}\"b\":1}}", r#""a":1,"#.repeat(LONGEST_BODY / 6 - 100));
        let bodies = [lists, maps, repeated].map(Bytes::from);
        Self::asking(target, 8, move |noisy, blow| {
            let body = bodies[usize::try_from(blow % 3).expect("0 to 2")].clone();
            let syntax = if blow % 2 == 0 { "application/json" } else { "application/yaml" };
            let request = noisy.post(&url).header("Content-Type", syntax).body(body);
            async move { request.send().await?.bytes().await }
        })
    }

    /// More requests at once than there are seats.
    pub(super) fn noise(target: &Besieged) -> Result<Self> {
        let url = target.url();
        Self::asking(target, 500, move |noisy, _| {
            let request = noisy.get(&url);
            async move { request.send().await?.bytes().await }
        })
    }

    /// Two connections; the server's threads are as many where this is measured.
    fn flood(target: &Besieged, burst: fn(u32) -> Vec<u8>) -> Result<Self> {
        let (tls, to) = (tls::connector(&target.bundle, None, Some("h2"))?, target.address());
        Self::striking(2, move |blows| {
            let tls = tls.clone();
            async move {
                let sent = || {
                    blows.fetch_add(1, Ordering::Relaxed);
                };
                frames::flood(&tls, to, burst, sent).await
            }
        })
    }

    /// `count` requests of the noisy user at any time.
    fn asking<F, T>(
        target: &Besieged,
        count: usize,
        ask: impl Fn(Client, u64) -> F + Clone + Send + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = reqwest::Result<T>> + Send,
    {
        let noisy = target.noisy_client()?;
        Self::striking(count, move |blows| {
            let answer = ask(noisy.clone(), blows.fetch_add(1, Ordering::Relaxed));
            async move { Ok(answer.await.map(drop)?) }
        })
    }

    fn striking<F>(
        count: usize,
        strike: impl Fn(Arc<AtomicU64>) -> F + Clone + Send + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = Result<()>> + Send,
    {
        let (runtime, blows) = (runtime()?, Arc::<AtomicU64>::default());
        for _ in 0..count {
            let (strike, blows) = (strike.clone(), Arc::clone(&blows));
            runtime.spawn(async move {
                loop {
                    // Being thrown out is what an attacker expects.
                    if strike(Arc::clone(&blows)).await.is_err() {
                        time::sleep(PAUSE).await;
                    }
                }
            });
        }
        Ok(Self { runtime, blows, _held: Vec::new() })
    }

    fn holding(count: u64, slow: &Slow) -> Result<Self> {
        let runtime = runtime()?;
        let held = {
            let _inside = runtime.enter();
            Held::new(count, slow)
        };
        let blows = held.count();
        Ok(Self { runtime, blows, _held: vec![held] })
    }
}

fn runtime() -> Result<Runtime> {
    let mut builder = runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(1).on_thread_start(give_way).enable_all().build()?)
}

/// Leaves the processor of the calling thread to everybody else who wants it: what an attacker computes is no burden of the
/// server's.
fn give_way() {
    let thread = gettid().to_string();
    let set = Command::new("chrt").args(["--idle", "--pid", "0", &thread]).status();
    assert!(set.is_ok_and(|status| status.success()), "chrt, which is in util-linux, cannot set a priority");
}
