//! A source in S3 that answers badly in the midst of a pass: it says why, what was published stays, and then it heals by itself.
use super::Bucket;
use crate::{
    archive,
    faulty_s3::{Fault, FaultyS3},
    sources::{ready, revision, until},
};
use anyhow::{Context, Result, ensure};
use crds::ExternalSource;
use object_store::ObjectStoreExt;

/// More than arrives at a kilobyte a second within the timeout.
const LARGE: usize = 20 << 10;

/// The timeout of the source.
const TIMEOUT: &str = r#"{"spec":{"timeout":"3s"}}"#;

impl Bucket {
    async fn put_noise(&self, key: &str, seed: u64) -> Result<()> {
        self.objects.put(&key.into(), archive::noise(seed, LARGE).into()).await?;
        Ok(())
    }

    /// A pass that was asked for fails for that reason, and what was published before is served.
    async fn fails(&self, token: &str, reason: &str, before: &ExternalSource) -> Result<()> {
        let source = self.scene.request(token).await?;
        let said = ready(&source).context("Ready")?;
        ensure!((said.status.as_str(), said.reason.as_str()) == ("False", reason), "{token}: {said:?}");
        ensure!(revision(&source) == revision(before), "{token}: what is published changed");
        let artifact =
            before.status.as_ref().and_then(|status| status.artifact.as_ref()).context("artifact")?;
        let bytes = reqwest::get(&artifact.url).await?.error_for_status()?.bytes().await?;
        ensure!(archive::digest(&bytes) == artifact.digest, "{token}: other bytes than were published");
        Ok(())
    }

    /// The source publishes what it could not before, without being asked.
    async fn heals(&self, before: &ExternalSource) -> Result<ExternalSource> {
        let is_new = |source: &ExternalSource| {
            revision(source) != revision(before) && ready(source).is_some_and(|ready| ready.status == "True")
        };
        until(&self.scene.sources, "one", is_new).await
    }

    async fn names(&self) -> Result<Vec<String>> {
        let bytes = reqwest::get(self.scene.url().await?).await?.error_for_status()?.bytes().await?;
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_ref()));
        archive.entries()?.map(|entry| Ok(entry?.path()?.to_string_lossy().into_owned())).collect()
    }
}

#[tokio::test]
async fn a_source_in_s3_that_fails_midway_says_why_and_keeps_its_artifact() -> Result<()> {
    Bucket::lend("s3-faulty-source", async |bucket| {
        let s3 = FaultyS3::before(bucket.gateway.address()).await?;
        for key in ["prod/a", "prod/b", "prod/c"] {
            bucket.put_noise(key, 0).await?;
        }
        bucket.source_at(&s3.endpoint(), "prefix: prod").await?;
        let patch = ["patch", "externalsource", "one", "--type=merge", "--patch", TIMEOUT];
        bucket.scene.namespace.kubectl(&patch).await?;
        let mut before = bucket.scene.ready().await?;
        let faults = [
            (Fault::Slow, "TimedOut"),
            (Fault::Resets { left: usize::MAX }, "Truncated"),
            (Fault::Reads, "Forbidden"),
        ];
        for (seed, (fault, reason)) in (1..).zip(faults) {
            bucket.put_noise("prod/b", seed).await?;
            s3.set(Some(fault));
            bucket.fails(&format!("{fault:?}"), reason, &before).await?;
            s3.set(None);
            if fault == Fault::Reads {
                // What its owner must change is not tried again before the interval, unless somebody asks.
                bucket.scene.request("allowed-again").await?;
            }
            before = bucket.heals(&before).await.with_context(|| format!("{fault:?}"))?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_list_that_names_what_is_gone_is_told_and_a_wrong_tag_changes_no_revision() -> Result<()> {
    Bucket::lend("s3-stale-source", async |bucket| {
        let s3 = FaultyS3::before(bucket.gateway.address()).await?;
        for key in ["prod/a", "prod/b"] {
            bucket.put_noise(key, 0).await?;
        }
        bucket.source_at(&s3.endpoint(), "prefix: prod").await?;
        bucket.scene.ready().await?;
        s3.set(Some(Fault::Lists));
        let before = bucket.scene.request("as-it-was").await?;
        bucket.objects.delete(&"prod/a".into()).await?;
        bucket.put_noise("prod/b", 1).await?;
        bucket.put_noise("prod/c", 1).await?;
        // What is listed as it was before is not asked for again.
        let unchanged = bucket.scene.request("stale").await?;
        ensure!(revision(&unchanged) == revision(&before), "a list from the past is no change");
        // Once it is, its objects are gone or others.
        let path = r#"{"spec":{"destinationPath":"conf"}}"#;
        bucket
            .scene
            .namespace
            .kubectl(&["patch", "externalsource", "one", "--type=merge", "--patch", path])
            .await?;
        bucket.fails("stale-and-asked", "Truncated", &before).await?;
        s3.set(None);
        bucket.heals(&before).await?;
        let names = bucket.names().await?;
        let is_there = |name: &str| names.iter().any(|path| path == name);
        ensure!(is_there("conf/b") && is_there("conf/c") && !is_there("conf/a"), "{names:?}");

        bucket.source_at(&s3.endpoint(), "object: prod/b").await?;
        let before = bucket.scene.request("one-object").await?;
        s3.set(Some(Fault::Tags));
        for token in ["tag", "tag-again"] {
            let source = bucket.scene.request(token).await?;
            ensure!(ready(&source).is_some_and(|ready| ready.status == "True"), "{token}");
            ensure!(revision(&source) == revision(&before), "{token}: the bytes are the same");
        }
        Ok(())
    })
    .await
}
