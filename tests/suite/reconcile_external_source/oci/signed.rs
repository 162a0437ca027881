//! Artifacts that must be signed, by the real cosign.
use super::shelf::{Shelf, file};
use crate::sources::revision;
use anyhow::{Result, ensure};
use cluster::Entry;

const VERIFY: &str = "verify: { provider: cosign, secretRef: { name: signers } }";

#[tokio::test]
async fn only_what_one_of_the_keys_has_signed_is_published() -> Result<()> {
    Shelf::lend("oci-signed", Entry::Open, async |shelf| {
        let [ours, _] = [shelf.registry.key("ours").await?, shelf.registry.key("theirs").await?];
        shelf.secret("signers", &[("ours.pub", &ours)]).await?;
        let digest = shelf.push("app", "latest", &[("app.yaml", "one: 1\n")]).await?;
        shelf.source("app", VERIFY).await?;
        let message = shelf.scene.failed("VerificationError").await?;
        ensure!(message.contains(&digest) && message.ends_with("it is not signed"), "{message}");

        shelf.registry.sign("theirs", &format!("app@{digest}"), false).await?;
        shelf.scene.request("by-another").await?;
        let message = shelf.scene.failed("VerificationError").await?;
        ensure!(message.ends_with("its signature is by none of the keys of Secret signers"), "{message}");

        shelf.registry.sign("ours", &format!("app@{digest}"), false).await?;
        shelf.scene.request("by-us").await?;
        shelf.scene.ready().await?;
        ensure!(shelf.files().await? == [file("app.yaml", "one: 1\n")]);
        let told = shelf.provenance().await?;
        let address = format!("oci://{}/app:latest@{digest}", shelf.registry.host());
        ensure!(told["uri"] == address.as_str(), "{told}");
        let signature = &told["annotations"]["signature"];
        ensure!(signature["provider"] == "cosign" && signature["secretKey"] == "ours.pub", "{told}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_bundle_vouches_as_a_tag_does_and_what_is_not_signed_leaves_the_last_artifact() -> Result<()> {
    Shelf::lend("oci-bundle", Entry::Open, async |shelf| {
        let key = shelf.registry.key("ours").await?;
        shelf.secret("signers", &[("ours.pub", &key)]).await?;
        let digest = shelf.push("app", "latest", &[("app.yaml", "one: 1\n")]).await?;
        shelf.registry.sign("ours", &format!("app@{digest}"), true).await?;
        shelf.source("app", VERIFY).await?;
        let first = shelf.scene.ready().await?;

        let next = shelf.push("app", "latest", &[("app.yaml", "one: 2\n")]).await?;
        let failed = shelf.scene.request("not-signed").await?;
        ensure!(revision(&failed) == revision(&first), "the last artifact stays");
        let message = shelf.scene.failed("VerificationError").await?;
        ensure!(message.contains(&next), "{message}");
        ensure!(shelf.files().await? == [file("app.yaml", "one: 1\n")]);

        shelf.registry.sign("ours", &format!("app@{next}"), true).await?;
        let healed = shelf.scene.request("signed").await?;
        ensure!(revision(&healed) != revision(&first));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn another_key_in_the_secret_has_what_is_published_verified_again() -> Result<()> {
    Shelf::lend("oci-rotated", Entry::Open, async |shelf| {
        let [ours, theirs] = [shelf.registry.key("ours").await?, shelf.registry.key("theirs").await?];
        shelf.secret("signers", &[("k.pub", &ours)]).await?;
        let digest = shelf.push("app", "latest", &[("app.yaml", "one: 1\n")]).await?;
        shelf.registry.sign("ours", &format!("app@{digest}"), false).await?;
        shelf.source("app", VERIFY).await?;
        shelf.scene.ready().await?;

        shelf.secret("signers", &[("k.pub", &theirs)]).await?;
        shelf.scene.failed("VerificationError").await?;
        shelf.secret("signers", &[("k.pub", "no key")]).await?;
        let message = shelf.scene.failed("InvalidPublicKey").await?;
        ensure!(message.contains("key k.pub of Secret signers"), "{message}");
        Ok(())
    })
    .await
}
