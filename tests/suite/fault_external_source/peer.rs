//! The other replica is played by the test, with a clock that is an hour wrong: what counts is that the Lease is renewed,
//! never what its times say.
use super::RECOVERY;
use crate::{
    audit::Mark,
    sources::{self, manifest, until_in, until_ready},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result, ensure};
use cluster::{
    Cluster, Options,
    suite::{another_cluster, skip},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{Api, api::PostParams};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::time::{Duration, Instant};
use tokio::time;

const NAME: &str = "peer";
/// How long a holder that fell silent is respected.
const LEASE: Duration = Duration::from_secs(15);
const RENEWALS: u32 = 9;
/// All renewals together last longer than the Lease does.
const PAUSE: Duration = Duration::from_secs(2);
const AHEAD: SignedDuration = SignedDuration::from_hours(1);
const BEHIND: SignedDuration = SignedDuration::from_hours(-1);

/// The other replica.
struct Peer {
    leases: Api<Lease>,
    renewed: Instant,
}

impl Peer {
    fn of(cluster: &Cluster) -> Self {
        let leases = Api::namespaced(cluster.client().clone(), "postern-system");
        Self { leases, renewed: Instant::now() }
    }

    async fn holder(&self) -> Result<String> {
        let spec = self.leases.get("postern-controller").await?.spec;
        Ok(spec.and_then(|spec| spec.holder_identity).unwrap_or_default())
    }

    /// Writes itself in as the holder, whoever that was, by a clock that is wrong by `skew`.
    async fn take(&mut self, skew: SignedDuration) -> Result<()> {
        let lease = self.leases.get("postern-controller").await?;
        self.write(lease, skew).await.map(drop)
    }

    /// Renews for longer than the Lease lasts. Fails if anybody else wrote to the Lease meanwhile.
    async fn renew(&mut self, skew: SignedDuration) -> Result<()> {
        let mut lease = self.leases.get("postern-controller").await?;
        for _ in 0..RENEWALS {
            let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
            ensure!(holder == Some(NAME), "{holder:?} took the Lease from a holder that renews it");
            lease = self.write(lease, skew).await.context("the Lease was written to by somebody else")?;
            time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn write(&mut self, old: Lease, skew: SignedDuration) -> Result<Lease> {
        let now = MicroTime(Timestamp::now() + skew);
        let before = old.spec.unwrap_or_default();
        let spec = LeaseSpec {
            holder_identity: Some(NAME.to_owned()),
            lease_duration_seconds: Some(LEASE.as_secs().try_into()?),
            acquire_time: before.acquire_time.or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: before.lease_transitions,
            ..LeaseSpec::default()
        };
        let lease = Lease { metadata: old.metadata, spec: Some(spec) };
        let written = self.leases.replace("postern-controller", &PostParams::default(), &lease).await?;
        self.renewed = Instant::now();
        Ok(written)
    }

    /// Falls silent until Postern leads; that may not be before the Lease has run out.
    async fn is_replaced(&self) -> Result<()> {
        let replaced = async {
            while matches!(self.holder().await?.as_str(), NAME | "") {
                time::sleep(Duration::from_millis(50)).await;
            }
            anyhow::Ok(())
        };
        time::timeout(RECOVERY, replaced).await.context("nobody took over from a silent holder")??;
        ensure!(
            self.renewed.elapsed() >= LEASE,
            "the Lease was taken {:?} after it was renewed",
            self.renewed.elapsed()
        );
        Ok(())
    }
}

#[tokio::test]
async fn a_peer_with_a_wrong_clock_is_neither_robbed_nor_waited_for_in_vain() -> Result<()> {
    let Some(cluster) = another_cluster("peer", &Options::default()).await? else {
        return skip("needs a cluster of its own");
    };
    let outcome = lead_in_turn(&cluster).await;
    cluster.stop().await?;
    outcome
}

async fn lead_in_turn(cluster: &Cluster) -> Result<()> {
    let upstream = Upstream::start(Answer::data("1")).await;
    let sources = sources::sources(cluster.client(), "default");
    let kubectl = cluster.kubectl();
    kubectl.run_with_input(&["apply", "--filename", "-"], &manifest("one", &upstream.url(), "")).await?;
    until_ready(&sources, "one").await?;
    let mut peer = Peer::of(cluster);

    // Postern starts beside a holder that is alive, and whose clock is ahead, then behind.
    cluster.postern().stop().await?;
    peer.take(AHEAD).await?;
    cluster.postern().start().await?;
    peer.renew(AHEAD).await?;
    peer.renew(BEHIND).await?;
    // What it wrote last lies an hour ahead, as if it were to be respected for that long.
    peer.take(AHEAD).await?;
    peer.is_replaced().await?;

    // Postern sleeps through its term, and wakes up with work to do and another holder in its place.
    let pid = Pid::from_raw(cluster.postern().pid().context("Postern runs")?);
    kill(pid, Signal::SIGSTOP)?;
    time::sleep(LEASE).await;
    let taken = peer.take(BEHIND).await;
    let mut writes = Mark::now(cluster)?;
    kill(pid, Signal::SIGCONT)?;
    taken?;
    upstream.answer(Answer::data("2"));
    kubectl.run(&["annotate", "externalsource", "one", "reconcile.fluxcd.io/requestedAt=asleep"]).await?;
    peer.renew(BEHIND).await?;
    assert_eq!(writes.writes_since("default")?, [""; 0], "a former leader writes no more");
    peer.is_replaced().await?;
    let handled = |source: &crds::ExternalSource| {
        let status = source.status.as_ref();
        status.and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some("asleep")
    };
    until_in(RECOVERY, &sources, "one", handled).await?;
    assert!(!writes.writes_since("default")?.is_empty(), "the audit log tells of writes");
    Ok(())
}
