//! Leader election: at most one controller writes, and another one follows within seconds.
//!
//! The scheme is client-go's: every change of the Lease is a replace at the version that was read, so that of two
//! who try one fails; the holder renews every [`PAUSE`], and gives up on its own after [`DEADLINE`], well before
//! anybody else may take over. [`decide`] holds the rules, [`term`] keeps a former leader from writing.
mod decide;
mod rivals;
mod term;

pub(crate) use term::{Term, fenced};

use crate::{moment::Moment, shard::Shard};
use crds::{
    annotations::{ADDRESS, WATCH_LABEL_SELECTOR},
    lease::Sighting,
};
use decide::{Turn, claim, decide, released};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api, Client,
    api::{ListParams, ObjectMeta, PostParams},
};
use rivals::{Rival, Rivals};
use std::{
    net::SocketAddr,
    pin::pin,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// How long a holder believes in itself without a renewal: well below [`crds::lease::DURATION`].
const DEADLINE: Duration = Duration::from_secs(10);
/// The pause between two looks at the Lease.
const PAUSE: Duration = Duration::from_secs(2);

/// One candidate.
pub(crate) struct Election {
    leases: Api<Lease>,
    shard: Shard,
    /// The name of the shard's Lease.
    name: String,
    identity: String,
    /// Where the Lease says that its holder is reached.
    address: Option<SocketAddr>,
    term: Term,
    seen: Option<Sighting>,
    rivals: Rivals,
    /// The one that is in the way, of which the log has heard.
    in_the_way: Option<Rival>,
}

/// How an attempt to hold the Lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Held,
    HeldByAnother,
    /// Somebody else changed the Lease meanwhile; who holds it is known at the next look.
    Contended,
}

impl Election {
    /// A candidate with a name of its own; two processes with one name would both believe that they lead.
    pub(crate) fn new(
        client: Client,
        (namespace, shard): (&str, Shard),
        (identity, address): (String, Option<SocketAddr>),
    ) -> Self {
        let leases = Api::namespaced(client, namespace);
        let (name, term, rivals) = (shard.lease(), Term::default(), Rivals::default());
        Self { leases, shard, name, identity, address, term, seen: None, rivals, in_the_way: None }
    }

    /// The term of this candidate; it holds while the candidate leads.
    pub(crate) fn term(&self) -> Term {
        self.term.clone()
    }

    /// Stands by, runs `work` while leading, and stands by again when the Lease is lost: `work` is then dropped, so it
    /// must hold all that it started. Returns after `shutdown`, once `work` has ended and the Lease is released.
    pub(crate) async fn run<F: Future<Output = ()>>(
        mut self,
        shutdown: CancellationToken,
        work: impl Fn() -> F,
    ) {
        while shutdown.run_until_cancelled(self.acquire()).await.is_some() {
            info!(identity = self.identity, "leading");
            let mut working = pin!(work());
            let lost = tokio::select! {
                () = &mut working => false,
                () = self.keep() => true,
            };
            self.term.finish();
            if !lost {
                break;
            }
            warn!(identity = self.identity, "no longer leading");
        }
        self.release().await;
    }

    /// Waits until this candidate leads.
    async fn acquire(&mut self) {
        loop {
            match timeout(DEADLINE, self.attempt()).await {
                Ok(Ok(Attempt::Held)) if !self.yields().await => return,
                Ok(Ok(outcome)) => debug!(?outcome, "standing by"),
                Ok(Err(error)) => warn!(error = %telemetry::Chain(&error), "cannot read or write the lease"),
                Err(_) => warn!("the lease was not answered in time"),
            }
            // Candidates that started together do not go on together.
            sleep(Moment::now().jittered(PAUSE, 0.2)).await;
        }
    }

    /// Renews until that fails for too long, or another holds the Lease.
    async fn keep(&mut self) {
        loop {
            sleep(PAUSE).await;
            let end = self.term.end(Instant::now());
            match timeout_at(end.into(), self.attempt()).await {
                Ok(Ok(Attempt::Held | Attempt::Contended)) => {}
                Ok(Ok(Attempt::HeldByAnother)) | Err(_) => return,
                Ok(Err(error)) => warn!(error = %telemetry::Chain(&error), "cannot renew the lease"),
            }
            if !self.term.holds(Instant::now()) {
                return;
            }
        }
    }

    async fn attempt(&mut self) -> Result<Attempt, kube::Error> {
        let start = Instant::now();
        // What we wrote last is still the newest, unless somebody interfered; then the replace fails.
        if decide(self.seen.as_ref(), &self.identity, start) != Turn::Renew {
            let found = self.leases.get_opt(&self.name).await?;
            self.seen = found.map(|lease| Sighting::updated(self.seen.take(), lease, Instant::now()));
        }
        let turn = decide(self.seen.as_ref(), &self.identity, Instant::now());
        // A former leader may find its Lease as it left it, and a rival that has begun since.
        let goes_on = turn == Turn::Renew && self.term.holds(Instant::now());
        if turn == Turn::Wait || (!goes_on && self.rival().await?.is_some()) {
            return Ok(Attempt::HeldByAnother);
        }
        match self.write(turn).await {
            Ok(lease) => {
                self.seen = Some(Sighting { lease, since: Instant::now() });
                // Counted from before the request: others may have seen it long before we see the answer.
                self.term.extend(start + DEADLINE);
                Ok(Attempt::Held)
            }
            Err(kube::Error::Api(status)) if status.code == 409 || status.code == 404 => {
                self.seen = None;
                Ok(Attempt::Contended)
            }
            Err(error) => {
                // The write may have arrived all the same: look before the next one.
                self.seen = None;
                Err(error)
            }
        }
    }

    async fn write(&self, turn: Turn) -> Result<Lease, kube::Error> {
        let old = self.seen.as_ref().map(|seen| &seen.lease);
        let spec = claim(old.and_then(|lease| lease.spec.as_ref()), &self.identity, Moment::now().now);
        match old {
            Some(old) if turn != Turn::Create => self.replace(old, spec).await,
            _ => {
                let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
                self.leases.create(&params(), &self.signed(metadata, spec)).await
            }
        }
    }

    /// A Lease that says what its holder works on, and where it is reached.
    fn signed(&self, mut metadata: ObjectMeta, spec: LeaseSpec) -> Lease {
        let annotations = metadata.annotations.get_or_insert_default();
        if let Some(selector) = self.shard.selector() {
            annotations.insert(WATCH_LABEL_SELECTOR.into(), selector.to_owned());
        }
        match self.address {
            Some(address) => annotations.insert(ADDRESS.into(), address.to_string()),
            // Where somebody else was.
            None => annotations.remove(ADDRESS),
        };
        Lease { metadata, spec: Some(spec) }
    }

    /// A controller at work that works on some of our sources, if there is one. Two writers of one source do harm.
    async fn rival(&mut self) -> Result<Option<Rival>, kube::Error> {
        let leases = self.leases.list(&ListParams::default()).await?.items;
        let rival = self.rivals.look(leases, &self.shard, Instant::now());
        if let Some(Rival { lease, selector }) = &rival
            && rival != self.in_the_way
        {
            warn!(
                lease,
                selector,
                "standing by, since the controller that holds this lease works on some of our sources"
            );
        }
        self.in_the_way.clone_from(&rival);
        Ok(rival)
    }

    /// Whether the Lease was taken at the same moment as a rival took another. Each has written its own before it looks, so that of two
    /// at least one sees the other's. Whoever does lets go and comes back later, whichever of them it is: the other one may have looked
    /// before there was anything to see, and work already.
    async fn yields(&mut self) -> bool {
        if let Ok(Ok(None)) = timeout(DEADLINE, self.rival()).await {
            return false;
        }
        // Who cannot tell does not begin either.
        self.term.finish();
        self.release().await;
        self.seen = None;
        true
    }

    /// Fails if the Lease is no longer the one that was read: `old` carries its resource version.
    async fn replace(&self, old: &Lease, spec: LeaseSpec) -> Result<Lease, kube::Error> {
        let new = self.signed(old.metadata.clone(), spec);
        self.leases.replace(&self.name, &params(), &new).await
    }

    /// Lets the next one in at once, if we hold the Lease.
    async fn release(&mut self) {
        let Some(Sighting { lease, .. }) = &self.seen else { return };
        let Some(spec) = &lease.spec else { return };
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return;
        }
        let spec = released(spec, Moment::now().now);
        match timeout(PAUSE, self.replace(lease, spec)).await {
            Ok(Ok(_)) => info!(identity = self.identity, "released the lease"),
            Ok(Err(error)) => {
                debug!(error = %telemetry::Chain(&error), "could not release the lease; it will expire");
            }
            Err(_) => debug!("could not release the lease in time; it will expire"),
        }
    }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(crate::FIELD_MANAGER.into()), ..PostParams::default() }
}
