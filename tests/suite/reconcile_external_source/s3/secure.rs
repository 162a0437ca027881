//! An S3 over TLS, whose authority only a Secret names: what is told until it names the right one.
use super::{Bucket, file, not_ours};
use crate::{reconcile_external_source::Scene, upstream::Answer};
use anyhow::{Result, ensure};
use std::fs;

impl Bucket {
    /// What the Secret of the authorities holds from now on.
    async fn authorities(&self, key: &str, pem: &str) -> Result<()> {
        let secret = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": "authorities" },
            "stringData": { key: pem },
        });
        self.scene.namespace.apply(&secret.to_string()).await?;
        Ok(())
    }
}

#[tokio::test]
async fn an_s3_over_tls_is_believed_by_the_authority_that_a_secret_names() -> Result<()> {
    let scene = Scene::without_source(Answer::data("")).await?;
    let Some(cluster) = scene.suite.own() else { return not_ours() };
    let gateway = cluster.s3_gateway_to_be("s3-secure")?.secure()?;
    let another = cluster.s3_gateway_to_be("s3-of-another-authority")?.secure()?;
    let [right, wrong] = [gateway.authority(), another.authority()].map(fs::read_to_string);
    let (right, wrong) = (right?, wrong?);
    let bucket = Bucket::of(scene, gateway).await?;
    bucket
        .during(async |bucket| {
            bucket.put("prod/app.yaml", "one: 1\n").await?;
            bucket.source("object: prod/app.yaml").await?;
            let message = bucket.scene.failed("TLSFailed").await?;
            ensure!(message.contains("signed by an unknown authority"), "{message}");
            ensure!(message.contains("name it in caBundleSecretRef"), "{message}");

            let named = "caBundleSecretRef: { name: authorities, key: ca.crt }";
            bucket.source(&format!("object: prod/app.yaml\n      {named}")).await?;
            let message = bucket.scene.failed("SecretNotFound").await?;
            ensure!(message.contains("Secret authorities"), "{message}");
            for (key, pem, reason, said) in [
                ("other.crt", &*right, "SecretKeyMissing", "Secret authorities has no key ca.crt"),
                ("ca.crt", "none", "InvalidCABundle", "key ca.crt of Secret authorities is no CA bundle"),
                ("ca.crt", &wrong, "TLSFailed", "that key ca.crt of Secret authorities does not hold"),
            ] {
                bucket.authorities(key, pem).await?;
                let message = bucket.scene.failed(reason).await?;
                ensure!(message.contains(said), "{message}");
            }

            bucket.authorities("ca.crt", &right).await?;
            bucket.scene.ready().await?;
            ensure!(bucket.files().await? == [file("data", "one: 1\n")]);
            bucket.source(&format!("prefix: prod\n      {named}")).await?;
            bucket.scene.request("prefix").await?;
            ensure!(bucket.files().await? == [file("app.yaml", "one: 1\n")]);
            Ok(())
        })
        .await
}
