//! A store in S3 that answers badly: what can be sent again is, what cannot is told, and meanwhile the last good artifact is served
//! and nothing half is seen.
use super::{
    RECOVERY,
    s3::{Bucket, LARGE, is_served},
};
use crate::{
    archive::{self, noise},
    fault_crashes::files,
    faulty_s3::{Fault, FaultyS3, Passed},
    scene::Scene,
    sources::{ready, revision, until_in},
    upstream::Answer,
};
use anyhow::{Context, Result, ensure};
use crds::external_source::Artifact;
use http::StatusCode;
use serde_json::json;
use std::{collections::BTreeSet, path::PathBuf, time::Duration};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(50);

/// At a kilobyte a second more than anything takes that goes on meanwhile.
const SOME_SECONDS: usize = 8 << 10;

/// A Postern whose store is reached through something that a test can make fail.
struct Faulty<'a> {
    scene: &'a Scene,
    bucket: &'a Bucket<'a>,
    s3: FaultyS3,
}

impl Faulty<'_> {
    async fn lend(name: &str, test: impl AsyncFnOnce(&Faulty<'_>) -> Result<()>) -> Result<()> {
        let scene = Scene::alone().await?;
        Bucket::lend(&scene, name, async |bucket| {
            let s3 = FaultyS3::before(bucket.gateway.address()).await?;
            let mut postern = bucket.hasty();
            postern.environment.push(("AWS_ENDPOINT_URL", s3.endpoint()));
            postern.restart().await?;
            scene.still_works("through-it").await?;
            test(&Faulty { scene: &scene, bucket, s3 }).await
        })
        .await
    }

    /// Has something large to store, while that goes wrong.
    async fn stores(&self, token: &str, seed: u64, fault: Fault) -> Result<Artifact> {
        let before = self.scene.artifact().await?;
        // What was read since the start is served from memory where the store cannot be read.
        is_served(&before.url, &before).await?;
        self.s3.set(Some(fault));
        self.scene.upstream.answer(Answer::data(noise(seed, LARGE)));
        self.scene.annotate(token).await?;
        Ok(before)
    }

    /// Once nothing goes wrong any more, what there was to store is published, and nothing else is left of it.
    async fn mends(&self, before: &Artifact) -> Result<()> {
        self.s3.set(None);
        let is_new = |source: &crds::ExternalSource| {
            let is_other = revision(source).is_some_and(|revision| revision != before.revision);
            is_other && ready(source).is_some_and(|ready| ready.status == "True")
        };
        until_in(RECOVERY, &self.scene.sources, "one", is_new).await.context("it does not heal")?;
        let artifact = self.scene.artifact().await?;
        is_served(&artifact.url, &artifact).await?;
        ensure!(self.bucket.file(&artifact).is_file(), "it lies in the bucket");
        let clean = timeout(RECOVERY, async {
            while !self.bucket.parts()?.is_empty() || !self.bucket.staged()?.is_empty() {
                sleep(AGAIN).await;
            }
            anyhow::Ok(())
        });
        clean.await.context("parts or what tells of them are left")?
    }

    /// All that anybody sees in the bucket.
    fn seen(&self) -> Result<BTreeSet<PathBuf>> {
        let hidden = self.bucket.folder().join(".staging");
        Ok(files(&self.bucket.folder())?.into_iter().filter(|file| !file.starts_with(&hidden)).collect())
    }

    /// While storing goes wrong for that reason, the artifact from before is published, served, and all that is seen.
    async fn keeps(&self, before: &Artifact, seen: &BTreeSet<PathBuf>, reason: &str) -> Result<String> {
        let message = self.scene.told(reason).await.with_context(|| format!("{reason} is not told"))?;
        ensure!(self.scene.artifact().await? == *before, "what is published changed");
        is_served(&before.url, before).await.context("the last good artifact")?;
        ensure!(self.seen()? == *seen, "something half is seen");
        Ok(message)
    }
}

#[tokio::test]
async fn a_completion_that_fails_within_a_200_is_sent_again() -> Result<()> {
    Faulty::lend("s3-200", async |faulty| {
        let downloads = faulty.scene.upstream.downloads();
        let fault = Fault::Completions { left: 2, are_done: false };
        let before = faulty.stores("not-done", 1, fault).await?;
        let source = faulty.scene.still_works("not-done-again").await?;
        ensure!(revision(&source).is_some_and(|revision| revision != before.revision), "it is published");
        let completions = faulty.s3.passed().iter().filter(|passed| passed.is_completion()).count();
        ensure!(completions == 3, "{completions} completions");
        ensure!(faulty.scene.upstream.downloads() == downloads + 1, "the source was asked once");
        faulty.mends(&before).await
    })
    .await
}

#[tokio::test]
async fn a_completion_that_was_done_though_its_answer_is_an_error_is_recognized() -> Result<()> {
    Faulty::lend("s3-done", async |faulty| {
        let before = faulty.stores("done", 2, Fault::Completions { left: 1, are_done: true }).await?;
        let is_new = |source: &crds::ExternalSource| {
            revision(source).is_some_and(|revision| revision != before.revision)
        };
        until_in(RECOVERY, &faulty.scene.sources, "one", is_new).await.context("it is never published")?;
        let completions = faulty.s3.passed().into_iter().filter(Passed::is_completion);
        let statuses: Vec<_> = completions.map(|passed| passed.status).collect();
        ensure!(statuses == [StatusCode::OK; 2], "once more than needed, and no more: {statuses:?}");
        faulty.mends(&before).await
    })
    .await
}

#[tokio::test]
async fn a_completion_that_never_succeeds_is_told_and_leaves_nothing() -> Result<()> {
    Faulty::lend("s3-never", async |faulty| {
        let seen = faulty.seen()?;
        let before =
            faulty.stores("never", 3, Fault::Completions { left: usize::MAX, are_done: false }).await?;
        faulty.keeps(&before, &seen, "StorageOperationFailed").await?;
        let is_aborted = timeout(RECOVERY, async {
            while !faulty.s3.passed().iter().any(Passed::is_abort) {
                sleep(AGAIN).await;
            }
        });
        is_aborted.await.context("its parts are never removed")?;
        faulty.mends(&before).await
    })
    .await
}

#[tokio::test]
async fn parts_that_are_refused_midway_are_told_and_leave_nothing() -> Result<()> {
    Faulty::lend("s3-midway", async |faulty| {
        let seen = faulty.seen()?;
        let before = faulty.stores("refused", 4, Fault::Parts).await?;
        let message = faulty.keeps(&before, &seen, "StoreAccessDenied").await?;
        ensure!(message.contains("AWS_ACCESS_KEY_ID"), "{message}");
        let sent =
            faulty.s3.passed().into_iter().filter(|passed| passed.is_part() && passed.status.is_success());
        ensure!(sent.count() > 0, "it began well");
        faulty.mends(&before).await
    })
    .await
}

#[tokio::test]
async fn parts_whose_tags_are_wrong_are_never_put_together() -> Result<()> {
    Faulty::lend("s3-tags", async |faulty| {
        let seen = faulty.seen()?;
        let before = faulty.stores("tags", 5, Fault::Tags).await?;
        faulty.keeps(&before, &seen, "StorageOperationFailed").await?;
        faulty.mends(&before).await
    })
    .await
}

/// Reads to the end, if there is one.
async fn read(url: &str) -> Result<Option<bytes::Bytes>> {
    let answer = reqwest::get(url).await?;
    if answer.status() != StatusCode::OK {
        return Ok(None);
    }
    Ok(answer.bytes().await.ok())
}

#[tokio::test]
async fn bytes_that_come_slowly_or_break_off_are_never_taken_for_others() -> Result<()> {
    Faulty::lend("s3-reads", async |faulty| {
        let older = faulty.scene.publish("older", noise(6, SOME_SECONDS)).await?;
        let newest = faulty.scene.publish("newest", b"2".to_vec()).await?;
        faulty.s3.set(Some(Fault::Slow));
        let url = older.url.clone();
        let slow = AbortOnDropHandle::new(tokio::spawn(async move { read(&url).await }));
        is_served(&newest.url, &newest).await.context("the newest, beside a slow reader")?;
        ensure!(!slow.is_finished(), "it was not slow");
        let bytes = timeout(RECOVERY, slow).await.context("it never ends")???.context("it broke off")?;
        ensure!(archive::digest(&bytes) == older.digest, "other bytes than were stored");
        // Once, and what is left is asked for; for ever, and whoever reads sees that it is not all.
        faulty.s3.set(Some(Fault::Resets { left: 1 }));
        is_served(&older.url, &older).await.context("with one reset")?;
        for fault in [Fault::Resets { left: usize::MAX }, Fault::Tags] {
            faulty.s3.set(Some(fault));
            if let Some(bytes) = read(&older.url).await? {
                ensure!(archive::digest(&bytes) == older.digest, "{fault:?}: other bytes than were stored");
            }
            ensure!(!faulty.s3.passed().is_empty(), "{fault:?} met nobody");
        }
        is_served(&newest.url, &newest).await.context("the newest, from memory")?;
        faulty.s3.set(None);
        faulty.scene.heals().await?;
        for artifact in [&older, &newest] {
            is_served(&artifact.url, artifact).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_list_from_the_past_removes_nothing_that_is_needed() -> Result<()> {
    Faulty::lend("s3-list", async |faulty| {
        faulty.scene.apply_changed(|spec| spec["history"] = json!({ "limit": 2 })).await?;
        faulty.scene.publish("first", b"first".to_vec()).await?;
        faulty.s3.set(Some(Fault::Lists));
        let listed = timeout(RECOVERY, async {
            while !faulty.s3.passed().iter().any(|passed| passed.target.contains("list-type=")) {
                sleep(AGAIN).await;
            }
        });
        listed.await.context("nobody lists")?;
        let mut published = Vec::new();
        for token in ["second", "third", "fourth", "fifth"] {
            published.push(faulty.scene.publish(token, token.as_bytes().to_vec()).await?);
        }
        let lists =
            || faulty.s3.passed().iter().filter(|passed| passed.target.contains("list-type=")).count();
        let before = lists();
        let looked = timeout(RECOVERY, async {
            while lists() < before + 4 {
                sleep(AGAIN).await;
            }
        });
        looked.await.context("nobody collects")?;
        for artifact in &published[2..] {
            is_served(&artifact.url, artifact).await.context("what is kept")?;
        }
        faulty.s3.set(None);
        let collected = timeout(RECOVERY, async {
            while published[..2].iter().any(|artifact| faulty.bucket.file(artifact).is_file()) {
                sleep(AGAIN).await;
            }
        });
        collected.await.context("what nobody keeps stays, though lists are true again")?;
        for artifact in &published[2..] {
            is_served(&artifact.url, artifact).await.context("what is kept, in the end")?;
        }
        Ok(())
    })
    .await
}
