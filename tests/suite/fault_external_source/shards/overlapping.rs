//! Controllers whose selectors match some sources together: at any time one of them works, on everything that is its own, and the other
//! one on nothing.
use super::{AGAIN, KEY, RECOVERY};
use crate::{
    fault_external_source::s3::Bucket,
    scene::Scene,
    sources::{until_in, until_ready},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result, ensure};
use cluster::{Postern, suite::to_its_end};
use crds::{ExternalSource, annotations::REQUESTED_AT, external_source::Artifact};
use futures::future::{Either, select};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{fs, pin::pin, sync::Arc};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

/// What a controller logs that begins to work, that stops, and, with each look, that must not begin.
const LEADS: &str = "leading";
const LOST: &str = "no longer leading";
const STANDS_BY: &str = "standing by";
/// What it tells its operator of that, once.
const IN_THE_WAY: &str =
    "standing by, since the controller that holds this lease works on some of our sources";

/// How often two controllers start together.
const ROUNDS: usize = 3;

struct Rival {
    postern: Postern,
    /// How many of its lines are known already.
    read: usize,
}

impl Rival {
    fn new(bucket: &Bucket<'_>, name: &str, shards: &str) -> Result<Self> {
        let another = bucket.cluster.another_postern(name)?;
        let mut postern = bucket.shard(another, &format!("{KEY} in ({shards})"));
        postern.role = "controller";
        postern.flags.push("--log-level=info,controller=debug".to_owned());
        postern.endpoints.artifacts = bucket.cluster.postern().endpoints.artifacts;
        Ok(Self { postern, read: 0 })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.postern.log()).unwrap_or_default()
    }

    /// How many of its lines since the last [`Self::forget`] have this message.
    fn said(&self, message: &str) -> usize {
        let message = format!("\"message\":\"{message}\"");
        self.log().lines().skip(self.read).filter(|line| line.contains(&message)).count()
    }

    /// Waits until it has said this so many times.
    async fn says(&self, message: &str, times: usize) -> Result<()> {
        let said = async {
            while self.said(message) < times {
                sleep(AGAIN).await;
            }
        };
        timeout(RECOVERY, said)
            .await
            .with_context(|| format!("{} never says {message:?}", self.postern.log().display()))
    }

    fn forget(&mut self) {
        self.read = self.log().lines().count();
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.postern.pid().context("it runs")?;
        Ok(kill(Pid::from_raw(pid), signal)?)
    }
}

#[tokio::test]
async fn of_two_controllers_that_share_a_source_one_works_and_the_other_takes_over() -> Result<()> {
    let scene = Scene::alone().await?;
    Bucket::lend(&scene, "shards-overlap", async |bucket| {
        bucket.shard(bucket.cluster.postern(), &format!("!{KEY}")).restart().await?;
        let mut first = Rival::new(bucket, "overlap-first", "a,shared")?;
        let mut second = Rival::new(bucket, "overlap-second", "shared,b")?;
        let outcome = async {
            taken_over(&scene, &mut first, &mut second).await?;
            raced(&scene, &mut first, &mut second).await
        };
        let outcome = to_its_end(outcome).await;
        first.postern.stop().await?;
        second.postern.stop().await?;
        outcome
    })
    .await
}

async fn taken_over(scene: &Scene, first: &mut Rival, second: &mut Rival) -> Result<()> {
    let (a, shared, b) = (
        scene.sharded("a", "a").await?,
        scene.sharded("shared", "shared").await?,
        scene.sharded("b", "b").await?,
    );
    first.postern.start().await?;
    until_ready(&scene.sources, "a").await?;
    until_ready(&scene.sources, "shared").await?;

    // Who comes second looks again and again, and touches nothing: not what is shared, and not what is its own alone.
    second.postern.start().await?;
    second.says(STANDS_BY, 3).await?;
    ensure!(second.said(IN_THE_WAY) == 1, "it tells of that once");
    assert_eq!([&a, &shared, &b].map(|upstream| upstream.asked().len()), [1, 1, 0]);
    scene.until_refused("b", "has a --watch-label-selector that matches").await?;

    // The first one sleeps in the middle of a pass, until the other one has taken over and has published something newer.
    let gate = Arc::new(Semaphore::new(0));
    shared.answer(Answer::data("older: 1\n").behind(&gate));
    begin(scene, &shared).await?;
    first.forget();
    first.signal(Signal::SIGSTOP)?;
    shared.answer(Answer::data("newer: 1\n"));
    let taken = async {
        second.says(LEADS, 1).await?;
        handled(scene, "shared", "begin").await
    };
    let taken = to_its_end(taken).await;
    gate.close();
    first.signal(Signal::SIGCONT)?;
    let newer = taken?;
    until_ready(&scene.sources, "b").await?;
    first.says(LOST, 1).await?;
    first.says(STANDS_BY, 2).await?;
    assert_eq!(artifact(&scene.sources.get("shared").await?)?, newer, "who has lost publishes nothing");

    // One pass that is asked for is one request, of the one that works.
    let before = shared.asked().len();
    scene.renewed("shared", &shared, "newest: 1\n").await?;
    assert_eq!(shared.asked().len(), before + 1);

    // It goes, and the first one works on what is its own at once; the rest is nobody's.
    second.postern.stop().await?;
    first.says(LEADS, 1).await?;
    scene.renewed("shared", &shared, "back: 1\n").await?;
    scene.renewed("a", &a, "back: 1\n").await?;
    scene.until_refused("b", "has a --watch-label-selector that matches").await?;
    first.postern.stop().await
}

/// Both start at once, and one of them begins.
async fn raced(scene: &Scene, first: &mut Rival, second: &mut Rival) -> Result<()> {
    for round in 0..ROUNDS {
        first.forget();
        second.forget();
        tokio::try_join!(first.postern.start(), second.postern.start())?;
        let is_first = {
            let (one, other) = (pin!(leads(first)), pin!(leads(second)));
            matches!(
                timeout(RECOVERY, select(one, other)).await.context("none of them begins")?,
                Either::Left(_)
            )
        };
        let (leader, other) =
            if is_first { (&mut *first, &mut *second) } else { (&mut *second, &mut *first) };
        other.says(STANDS_BY, 2).await?;
        ensure!(other.said(LEADS) == 0, "both work, in round {round}");
        leader.postern.stop().await?;
        other.says(LEADS, 1).await?;
        handled_by_one(scene, round).await?;
        other.postern.stop().await?;
    }
    Ok(())
}

async fn leads(rival: &Rival) {
    while rival.said(LEADS) == 0 {
        sleep(AGAIN).await;
    }
}

async fn handled_by_one(scene: &Scene, round: usize) -> Result<()> {
    let token = format!("round-{round}");
    annotate(scene, "shared", &token).await?;
    handled(scene, "shared", &token).await.map(drop)
}

/// A pass is asked for, and has asked its source.
async fn begin(scene: &Scene, shared: &Upstream) -> Result<()> {
    let before = shared.asked().len();
    annotate(scene, "shared", "begin").await?;
    let begun = async {
        while shared.asked().len() == before {
            sleep(AGAIN).await;
        }
    };
    timeout(RECOVERY, begun).await.context("no pass begins")
}

async fn annotate(scene: &Scene, name: &str, token: &str) -> Result<()> {
    let annotation = format!("{REQUESTED_AT}={token}");
    scene.namespace.kubectl(&["annotate", "--overwrite", "externalsource", name, &annotation]).await.map(drop)
}

/// What is published once a pass that was asked for has ended.
async fn handled(scene: &Scene, name: &str, token: &str) -> Result<Artifact> {
    let is_handled = |source: &ExternalSource| {
        let status = source.status.as_ref();
        status.and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some(token)
    };
    artifact(&until_in(RECOVERY, &scene.sources, name, is_handled).await?)
}

fn artifact(source: &ExternalSource) -> Result<Artifact> {
    source.status.as_ref().and_then(|status| status.artifact.clone()).context("artifact")
}
