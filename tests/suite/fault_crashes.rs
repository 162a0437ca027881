//! What `kill -9` leaves behind, at every step of a pass and at moments that nobody chose: whatever is published can be read and is
//! whole at any moment, and what was half done goes.
mod history;
mod place;
mod shelf;

pub(crate) use place::Place;
pub(crate) use shelf::files;

use crate::{
    archive::noise,
    scene::Scene,
    sources::{PATIENCE, ready, until_in},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result, ensure};
use artifacts::failpoint::Step;
use cluster::{
    Postern,
    suite::{Suite, skip, to_its_end},
};
use crds::{ExternalArtifact, ExternalSource, annotations::REQUESTED_AT};
use history::History;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use shelf::Shelf;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(5);

/// When a process ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    At(Step),
    After(Duration),
}

/// How long it took after a crash, from the start of the new process on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    /// Until what is published was served.
    pub(crate) served: Duration,
    /// Until the passes that were cut off had been done.
    pub(crate) done: Duration,
}

/// A Postern that is ended again and again.
pub(crate) struct Crashes {
    scene: Scene,
    postern: Postern,
    place: Place,
    upstreams: Vec<Upstream>,
    shelf: Shelf,
    history: History,
    /// Names the step at which the process ends.
    armed: PathBuf,
    round: u32,
}

#[tokio::test]
async fn a_crash_at_any_step_leaves_nothing_half_and_nothing_behind() -> Result<()> {
    Crashes::lend(Place::Directory, async |crashes| {
        for step in Place::Directory.steps() {
            for _ in 0..2 {
                crashes.endure(End::At(step)).await.with_context(|| format!("{step:?}"))?;
            }
            crashes.is_tidy().await.with_context(|| format!("{step:?}"))?;
        }
        for round in 0..10 {
            crashes.endure(End::After(Duration::from_millis(round * 23))).await?;
        }
        crashes.is_tidy().await
    })
    .await
}

#[tokio::test]
async fn a_crash_leaves_nothing_in_s3() -> Result<()> {
    Crashes::lend(Place::S3, async |crashes| {
        for step in [Step::Staged, Step::Sent, Step::Completed, Step::Stored] {
            crashes.endure(End::At(step)).await.with_context(|| format!("{step:?}"))?;
        }
        for round in 0..3 {
            crashes.endure(End::After(Duration::from_millis(100 + round * 90))).await?;
        }
        crashes.is_tidy().await
    })
    .await
}

impl Crashes {
    /// Runs `test`; then Postern is as it was. Nothing that was observed at any moment may have been half.
    pub(crate) async fn lend(place: Place, test: impl AsyncFnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let suite = Suite::attach_alone().await?;
        let scene = Scene::empty(suite, "crashes", Answer::data("")).await?;
        let Some(cluster) = scene.suite.own() else { return skip("this Postern is not ours to kill") };
        let (armed, mut postern) = (cluster.directory().file("armed"), cluster.postern());
        let (shelf, gateway) = place.furnish(cluster, &mut postern, scene.namespace.name()).await?;
        // Who takes over from a process that was killed waits until its Lease is over; this is about all else.
        postern.flags.push("--leader-elect=false".to_owned());
        postern.environment.push(("POSTERN_FAILPOINT", armed.display().to_string()));
        postern.restart().await?;
        let history = History::record(scene.suite.client(), scene.namespace.name(), shelf.clone());
        let mut crashes =
            Self { scene, postern, place, upstreams: Vec::new(), shelf, history, armed, round: 0 };
        let outcome = async {
            crashes.begin().await?;
            test(&mut crashes).await
        };
        let outcome = to_its_end(outcome).await;
        let Self { scene, history, armed, .. } = crashes;
        let _absent = fs::remove_file(armed);
        scene.suite.own().context("it was")?.postern().restart().await?;
        if let Some(gateway) = gateway {
            gateway.kill().await?;
        }
        outcome.and(history.end())
    }

    async fn begin(&mut self) -> Result<()> {
        for (name, _) in self.place.sources() {
            let upstream = Upstream::start(self.document(name)).await;
            let source = json!({
                "apiVersion": "source.flux.oddkin.co/v1alpha1",
                "kind": "ExternalSource",
                "metadata": { "name": name },
                "spec": {
                    "interval": "10m",
                    "history": { "limit": 1 },
                    "generator": { "type": "http", "http": { "url": upstream.url() } },
                },
            });
            self.upstreams.push(upstream);
            self.scene.namespace.apply(&source.to_string()).await?;
        }
        for (name, _) in self.place.sources() {
            crate::sources::until_ready(&self.scene.sources, name).await?;
        }
        Ok(())
    }

    /// Ends Postern in the midst of passes over changed documents, looks at what is left, and has a new one do its work.
    pub(crate) async fn endure(&mut self, end: End) -> Result<Recovery> {
        self.change();
        match end {
            End::At(step) => self.run_into(step).await.with_context(|| format!("it got past {step:?}"))?,
            End::After(pause) => {
                self.ask(&self.place.sources()).await?;
                sleep(pause).await;
            }
        }
        let _absent = fs::remove_file(&self.armed);
        self.postern.kill().await?;
        self.is_whole().await.context("after the crash")?;
        // Every other time what was stored already is what the next pass finds, too.
        if self.round.is_multiple_of(2) {
            self.change();
        }
        let recovery = self.recover().await?;
        self.is_whole().await.context("after the recovery")?;
        Ok(recovery)
    }

    /// Nothing is stored that nobody keeps.
    pub(crate) async fn is_tidy(&self) -> Result<()> {
        ensure!(!self.shelf.beyond(&[])?.is_empty(), "nothing was looked at");
        let tidied = timeout(PATIENCE, async {
            loop {
                let left = self.shelf.beyond(&self.published().await?)?;
                if left.is_empty() {
                    return anyhow::Ok(());
                }
                sleep(AGAIN * 10).await;
            }
        });
        match tidied.await {
            Ok(tidied) => tidied,
            Err(_) => anyhow::bail!("it stays: {:?}", self.shelf.beyond(&self.published().await?)?),
        }
    }

    /// Has one source come to that step, the two in turn: with the process goes the webhook through which the other is asked.
    async fn run_into(&self, step: Step) -> Result<()> {
        let [small, large] = self.place.sources();
        let source = if Place::is_of_large(step) || self.round.is_multiple_of(2) { large } else { small };
        fs::write(&self.armed, format!("{step:?}"))?;
        let asked = match step {
            // Only what is not there is introduced.
            Step::Introduced => {
                let deleted = self.artifacts().delete(source.0, &DeleteParams::default()).await;
                deleted.map(drop).map_err(Into::into)
            }
            _ => self.ask(&[source]).await,
        };
        let dead = timeout(PATIENCE, async {
            while self.postern.pid().is_some() {
                sleep(AGAIN).await;
            }
        });
        // Another pass may have come there first, and have taken the webhook along before it answered.
        match dead.await {
            Ok(()) => Ok(()),
            Err(_) => asked.and_then(|()| anyhow::bail!("the process lives")),
        }
    }

    /// All that is published at this moment can be read and is what it says, and where it came from is known.
    async fn is_whole(&self) -> Result<()> {
        for artifact in self.published().await? {
            let wrong = self.shelf.wrong(&artifact)?;
            ensure!(wrong.is_none(), "{artifact:?}: {wrong:?}");
            ensure!(self.shelf.has_record(&artifact), "{artifact:?}: nobody knows where it came from");
        }
        Ok(())
    }

    /// What the statuses of sources and ExternalArtifacts name.
    async fn published(&self) -> Result<Vec<history::Named>> {
        let artifacts = self.artifacts();
        let mut named = Vec::new();
        for (name, _) in self.place.sources() {
            named.extend(history::of_source(&self.scene.sources.get(name).await?));
            named.extend(artifacts.get_opt(name).await?.as_ref().and_then(history::of_artifact));
        }
        Ok(named)
    }

    async fn recover(&self) -> Result<Recovery> {
        let published = self.published().await?;
        let began = Instant::now();
        let serves = async {
            for artifact in &published {
                let reads = async || {
                    let answer = reqwest::get(&artifact.url).await?.error_for_status()?;
                    anyhow::Ok(crate::archive::digest(&answer.bytes().await?))
                };
                // It was replaced, and is gone already, where nobody names it any more.
                while reads().await.ok().as_ref() != Some(&artifact.digest) {
                    if self.published().await.is_ok_and(|now| !now.contains(artifact)) {
                        break;
                    }
                    sleep(AGAIN).await;
                }
            }
            anyhow::Ok(began.elapsed())
        };
        let start = async {
            self.postern.start().await?;
            self.ask(&self.place.sources()).await?;
            self.until_handled().await?;
            anyhow::Ok(began.elapsed())
        };
        let both = async { tokio::try_join!(serves, start) };
        let (served, done) = timeout(PATIENCE, both).await.context("it does not recover")??;
        Ok(Recovery { served, done })
    }

    async fn until_handled(&self) -> Result<()> {
        let token = self.token();
        let is_handled = |source: &ExternalSource| {
            let handled = source.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_ref());
            handled == Some(&token) && ready(source).is_some_and(|ready| ready.status == "True")
        };
        for (name, _) in self.place.sources() {
            until_in(PATIENCE, &self.scene.sources, name, is_handled).await?;
        }
        Ok(())
    }

    async fn ask(&self, sources: &[(&str, usize)]) -> Result<()> {
        let annotations = json!({ "metadata": { "annotations": { REQUESTED_AT: self.token() } } });
        for (name, _) in sources {
            self.scene.sources.patch(name, &PatchParams::default(), &Patch::Merge(&annotations)).await?;
        }
        Ok(())
    }

    /// Every document is another one now.
    fn change(&mut self) {
        self.round += 1;
        for ((name, _), upstream) in self.place.sources().iter().zip(&self.upstreams) {
            upstream.answer(self.document(name));
        }
    }

    fn document(&self, name: &str) -> Answer {
        let size =
            self.place.sources().into_iter().find(|(known, _)| *known == name).map_or(0, |(_, size)| size);
        Answer::data(noise(u64::from(self.round), size))
    }

    fn token(&self) -> String {
        format!("round-{}", self.round)
    }

    fn artifacts(&self) -> Api<ExternalArtifact> {
        Api::namespaced(self.scene.suite.client().clone(), self.scene.namespace.name())
    }
}
