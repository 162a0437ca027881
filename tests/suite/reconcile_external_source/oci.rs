//! Sources in OCI registries: what is fetched from a real one, by tags, versions and digests, and what is told where it does not fit.
mod entry;
mod shelf;
mod signed;
mod tunnel;

use crate::{api_external_source::log::assert_in_order, sources::revision};
use anyhow::{Context, Result, ensure};
use cluster::Entry;
use shelf::{Shelf, file};
use std::fs;

#[tokio::test]
async fn an_artifact_of_a_registry_is_followed_by_its_tag() -> Result<()> {
    Shelf::lend("oci-tag", Entry::Open, async |shelf| {
        let pushed = shelf.push("app", "latest", &[("app.yaml", "one: 1\n")]).await?;
        shelf.source("app", "").await?;
        let first = shelf.scene.ready().await?;
        ensure!(shelf.files().await? == [file("app.yaml", "one: 1\n")]);
        let status = first.status.as_ref().context("status")?;
        ensure!(status.last_handled_etag.as_deref() == Some(&*pushed), "{status:?}");
        let at = format!("GET {}/v2/app/", shelf.registry.endpoint());
        let (manifest, blob) = (format!("{at}manifests/latest"), format!("{at}blobs/sha256:"));
        let told = shelf.scene.logged("the pass went well").await?;
        assert_in_order(
            &told,
            &[&manifest, "answered 200 OK", &blob, "answered 200 OK", "received ", "packed "],
        );
        let again = shelf.scene.request("again").await?;
        ensure!(revision(&again) == revision(&first));

        shelf.push("app", "latest", &[("app.yaml", "one: 2\n")]).await?;
        let next = shelf.scene.request("changed").await?;
        ensure!(revision(&next) != revision(&first));
        ensure!(shelf.files().await? == [file("app.yaml", "one: 2\n")]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_newest_version_of_a_range_is_followed() -> Result<()> {
    Shelf::lend("oci-semver", Entry::Open, async |shelf| {
        for version in ["1.9.0", "v1.10.0", "2.0.0", "1.11.0-rc.1"] {
            shelf.push("app", version, &[("version", version)]).await?;
        }
        shelf.source("app", "ref: { semver: 1.x }").await?;
        shelf.scene.ready().await?;
        ensure!(shelf.files().await? == [file("version", "v1.10.0")]);

        shelf.push("app", "1.10.1", &[("version", "1.10.1")]).await?;
        shelf.scene.request("newer").await?;
        ensure!(shelf.files().await? == [file("version", "1.10.1")]);

        shelf.source("app", "ref: { semver: 3.x }").await?;
        let message = shelf.scene.failed("NotFound").await?;
        ensure!(message.contains("has no tag in the range 3.x"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_a_registry_does_not_have_or_has_otherwise_is_named() -> Result<()> {
    Shelf::lend("oci-wrong", Entry::Open, async |shelf| {
        let digest = shelf.push("app", "v1", &[("app.yaml", "one: 1\n")]).await?;
        shelf.source("app", "ref: { tag: v2 }").await?;
        let message = shelf.scene.failed("NotFound").await?;
        ensure!(message.ends_with("has no tag v2 in this repository"), "{message}");
        let missing = format!("sha256:{}", "0".repeat(64));
        shelf.source("app", &format!("ref: {{ digest: '{missing}' }}")).await?;
        let message = shelf.scene.failed("NotFound").await?;
        ensure!(message.contains(&format!("has no artifact {missing}")), "{message}");
        let layer = "layerSelector: { mediaType: application/vnd.example.other }";
        shelf.source("app", &format!("ref: {{ tag: v1 }}\n      {layer}")).await?;
        let message = shelf.scene.failed("UnexpectedManifest").await?;
        ensure!(message.contains("none of its 1 layers is application/vnd.example.other"), "{message}");

        shelf.source("app", &format!("ref: {{ digest: '{digest}' }}")).await?;
        shelf.scene.ready().await?;
        ensure!(shelf.files().await? == [file("app.yaml", "one: 1\n")]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_layer_or_manifest_that_was_changed_in_the_registry_is_refused() -> Result<()> {
    Shelf::lend("oci-tampered", Entry::Open, async |shelf| {
        shelf.push("app", "latest", &[("app.yaml", "one: 1\n")]).await?;
        shelf.source("app", "").await?;
        let first = shelf.scene.ready().await?;

        let next = shelf.push("app", "latest", &[("app.yaml", "one: 2\n")]).await?;
        let layer = shelf.layer("app", &next).await?;
        let path = shelf.registry.blob(&layer);
        let good = fs::read(&path)?;
        let mut bad = good.clone();
        *bad.last_mut().context("a layer has bytes")? ^= 1;
        fs::write(&path, bad)?;
        let failed = shelf.scene.request("tampered").await?;
        ensure!(revision(&failed) == revision(&first), "what was published stays");
        let message = shelf.scene.failed("DigestMismatch").await?;
        ensure!(message.contains(&layer), "{message}");

        fs::write(&path, good)?;
        let healed = shelf.scene.request("healed").await?;
        ensure!(revision(&healed) != revision(&first));
        Ok(())
    })
    .await
}
