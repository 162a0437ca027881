//! A server under attack, and jane, who asks it for what she may as she always does.
use super::attackers::Attackers;
use crate::{
    load::{Load, Tally},
    pki::Authority,
    process::{self, Peak},
    sources::PATIENCE,
};
use anyhow::{Context, Result, ensure};
use attackers::Attack;
use cluster::{Cluster, Wardle, cores, usage, wardle::Maker};
use reqwest::{Certificate, Client, Identity, RequestBuilder};
use serde_json::json;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time;

/// What jane and the noisy user may do.
const RIGHTS: &str = include_str!("rights.yaml");
pub(super) const FLUNDERS: &str = "/apis/wardle.example.com/v1alpha1/namespaces/default/flunders";
/// How many flunders a list shows.
const MANY: usize = 100;

/// The server, for one attack. Nothing but the attack and jane asks it for anything.
pub(crate) struct Besieged {
    pub(super) server: Wardle,
    pid: i32,
    pub(super) authority: Authority,
    /// What it is trusted by.
    pub(super) bundle: PathBuf,
    pub(super) jane: Client,
}

/// How jane fared.
#[derive(Debug)]
pub(crate) struct Endured {
    /// The time of 99 of 100 answers: with nobody else there, while the attackers only compute, and under the attack.
    pub(crate) alone: Duration,
    pub(crate) before: Duration,
    pub(crate) under: Duration,
    /// How many answers were awaited under it.
    pub(crate) served: usize,
    pub(crate) memory: Peak,
    /// How much of one core the server took under it.
    pub(crate) busy: f64,
    /// How often the attack struck.
    pub(crate) blows: u64,
}

impl Besieged {
    /// A server for which the kernel finds a place, among everything else.
    pub(crate) async fn begin(cluster: &Cluster) -> Result<Self> {
        let server = Self::server(cluster, Maker::Postern).await?;
        server.start().await?;
        Self::of(server, cluster).await
    }

    /// A server by this maker, alone on this processor.
    pub(crate) async fn begin_on(core: usize, cluster: &Cluster, maker: Maker) -> Result<Self> {
        let server = Self::server(cluster, maker).await?;
        cores::on(core, || server.launch())?;
        Self::of(server, cluster).await
    }

    async fn server(cluster: &Cluster, maker: Maker) -> Result<Wardle> {
        process::raise_file_limit()?;
        cluster.kubectl().apply(RIGHTS).await?;
        let name = match maker {
            Maker::Postern => "wardle-besieged",
            Maker::Kubernetes => "sample-apiserver-besieged",
        };
        cluster.wardle(maker, name).await
    }

    async fn of(server: Wardle, cluster: &Cluster) -> Result<Self> {
        let pid = server.pid().context("it was started")?;
        let pki = |file: &str| cluster.directory().pki(file);
        let authority = Authority::load(&pki("kubernetes-ca.crt"), &pki("kubernetes-ca.key"))?;
        let bundle = pki("kubernetes-ca.crt");
        let jane = client(&std::fs::read(&bundle)?, &authority.client("jane")?)?;
        let besieged = Self { server, pid, authority, bundle, jane };
        time::timeout(PATIENCE, besieged.furnish()).await.context("jane has no rights")??;
        Ok(besieged)
    }

    /// Lets the attack go on for `duration`, after a time `calm` without anybody, and one in which the same attackers only compute:
    /// what differs from that is what they do to the server.
    ///
    /// # Errors
    /// Jane was not served, the server crashed, or the attack was none.
    pub(crate) async fn endure(self, attack: Attack, calm: Duration, duration: Duration) -> Result<Endured> {
        let alone = self.serve_jane(calm).await?;
        let feint = self.attackers(Attack::Feint)?;
        let before = self.serve_jane(calm).await?;
        feint.end().await?;
        let (memory, busy, began) = (Peak::of(self.pid)?, usage::cpu_time(self.pid)?, Instant::now());
        let attackers = self.attackers(attack)?;
        let under = self.serve_jane(duration).await;
        let blows = attackers.end().await?;
        ensure!(self.server.pid() == Some(self.pid), "the server crashed");
        let busy = (usage::cpu_time(self.pid)? - busy).as_secs_f64() / began.elapsed().as_secs_f64();
        let under = under?;
        ensure!(blows > 0, "the attack never struck");
        let served = under.iter().map(|tally| tally.served).sum();
        let [alone, before, under] = [alone, before, under].map(|tallies| percentile_99(&tallies));
        self.server.stop().await?;
        Ok(Endured { alone, before, under, served, memory, busy, blows })
    }

    /// They are who may do what jane may, and do it without end.
    fn attackers(&self, attack: Attack) -> Result<Attackers> {
        let noisy = self.authority.client("noisy")?;
        Attackers::begin(attack, self.server.address(), &self.bundle, &noisy)
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}{FLUNDERS}", self.server.address())
    }

    /// Until the server knows whom to believe, and jane's rights, it refuses. Go's has in etcd what it was given before.
    async fn furnish(&self) -> Result<()> {
        for number in 0..MANY {
            let body = json!({ "metadata": { "name": format!("flunder-{number}") } }).to_string();
            while let Err(error) = ask(self.jane.post(self.url()).body(body.clone())).await
                && !error.to_string().starts_with("409")
            {}
        }
        Ok(())
    }

    async fn serve_jane(&self, duration: Duration) -> Result<Vec<Tally>> {
        let (jane, url) = (self.jane.clone(), self.url());
        let get = move || ask(jane.get(format!("{url}/flunder-7")));
        let (jane, url) = (self.jane.clone(), self.url());
        let list = move || ask(jane.get(&url));
        let (jane, url) = (self.jane.clone(), self.url());
        let write = move || {
            let (jane, url) = (jane.clone(), url.clone());
            async move {
                let body = json!({ "metadata": { "name": "new" } }).to_string();
                ask(jane.post(&url).body(body)).await?;
                ask(jane.delete(format!("{url}/new"))).await
            }
        };
        let load = Load::new()
            .of("a flunder, read", get)
            .of("flunders, listed", list)
            .of("a flunder, made and deleted", write);
        time::sleep(duration).await;
        load.end().await
    }
}

pub(super) async fn ask(request: RequestBuilder) -> Result<()> {
    let response = request.header("Content-Type", "application/json").send().await?;
    let (status, body) = (response.status(), response.bytes().await?);
    ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}

fn client(bundle: &[u8], identity: &str) -> Result<Client> {
    let trusted = Certificate::from_pem_bundle(bundle)?;
    let identity = Identity::from_pem(identity.as_bytes())?;
    Ok(Client::builder().tls_certs_only(trusted).identity(identity).no_proxy().build()?)
}

fn percentile_99(tallies: &[Tally]) -> Duration {
    let mut times: Vec<_> = tallies.iter().flat_map(|tally| &tally.times).copied().collect();
    times.sort_unstable();
    times[times.len() * 99 / 100]
}
