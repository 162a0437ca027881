//! A steady load of requests that must all succeed, whatever a test does to Postern meanwhile.
use crate::scene::Scene;
use anyhow::{Result, ensure};
use kube::api::{ObjectMeta, PostParams};
use std::{
    fmt,
    future::Future,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The pause between two requests of one kind.
const PAUSE: Duration = Duration::from_millis(20);
/// A request that takes longer has failed its user, whatever it answers.
const LONGEST: Duration = Duration::from_secs(10);

/// Requests that are sent one after the other, each kind in a task of its own; they end when this is dropped.
pub(crate) struct Load {
    stop: CancellationToken,
    kinds: JoinSet<Tally>,
    _ends_with_this: DropGuard,
}

/// How one kind of request fared.
pub(crate) struct Tally {
    pub(crate) kind: &'static str,
    pub(crate) served: usize,
    /// Of each answer, in their order.
    pub(crate) times: Vec<Duration>,
    failures: Vec<String>,
}

impl Load {
    pub(crate) fn new() -> Self {
        let stop = CancellationToken::new();
        Self { stop: stop.clone(), kinds: JoinSet::new(), _ends_with_this: stop.drop_guard() }
    }

    /// What users do all day through kube-apiserver: a source that admission lets in, an artifact that is read.
    pub(crate) async fn usual(scene: &Scene) -> Result<Self> {
        let mut candidate = scene.sources.get("one").await?;
        candidate.metadata = ObjectMeta { name: Some("candidate".into()), ..ObjectMeta::default() };
        let (sources, client) = (scene.sources.clone(), scene.suite.client().clone());
        let path = format!(
            "/apis/subresources.postern.dev/v1alpha1/namespaces/{}/externalsources/one/artifact",
            scene.namespace.name()
        );
        let admitted = move || {
            let (sources, candidate) = (sources.clone(), candidate.clone());
            let dry = PostParams { dry_run: true, ..PostParams::default() };
            async move { Ok(sources.create(&dry, &candidate).await.map(drop)?) }
        };
        let read = move || {
            let (client, request) = (client.clone(), http::Request::get(&path).body(Vec::new()));
            async move { Ok(client.request_text(request?).await.map(drop)?) }
        };
        Ok(Self::new().of("a creation, admitted", admitted).of("an artifact, read", read))
    }

    /// One more kind of request, sent from now on.
    pub(crate) fn of<F>(mut self, kind: &'static str, request: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.kinds.spawn(async move {
            let mut tally = Tally { kind, served: 0, times: Vec::new(), failures: Vec::new() };
            while !stop.is_cancelled() {
                tally.count(request()).await;
                time::sleep(PAUSE).await;
            }
            tally
        });
        self
    }

    /// Ends the load.
    ///
    /// # Errors
    /// A request failed, or a kind of request was never answered; each failure is told.
    pub(crate) async fn end(self) -> Result<Vec<Tally>> {
        self.stop.cancel();
        let tallies = self.kinds.join_all().await;
        let failures: Vec<_> = tallies.iter().flat_map(|tally| &tally.failures).collect();
        ensure!(failures.is_empty(), "{} requests failed: {failures:#?}; {tallies:?}", failures.len());
        ensure!(tallies.iter().all(|tally| tally.served > 0), "not every kind was served: {tallies:?}");
        Ok(tallies)
    }
}

impl Tally {
    async fn count(&mut self, request: impl Future<Output = Result<()>>) {
        let began = Instant::now();
        match time::timeout(LONGEST, request).await {
            Ok(Ok(())) => self.served += 1,
            Ok(Err(error)) => self.failures.push(format!("{}: {error:#}", self.kind)),
            Err(_) => self.failures.push(format!("{}: no answer in {LONGEST:?}", self.kind)),
        }
        self.times.push(began.elapsed());
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slowest = self.times.iter().max();
        write!(
            f,
            "{}: {} served, {} failed, slowest {slowest:?}",
            self.kind,
            self.served,
            self.failures.len()
        )
    }
}
