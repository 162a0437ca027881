//! Sources in S3: what is fetched from a real one, with real signatures, and what is told where it does not let us in.
mod by_host;
mod faults;
mod secure;

use crate::{
    api_external_source::log::assert_in_order,
    scene::Scene,
    sources::{revision, until_failed},
    upstream::Answer,
};
use anyhow::{Context, Result, ensure};
use cluster::{
    S3Gateway,
    suite::{skip, to_its_end},
};
use object_store::{
    Certificate, ClientOptions, ObjectStoreExt,
    aws::{AmazonS3, AmazonS3Builder},
};
use std::{collections::HashMap, fs};

/// A bucket, and a namespace whose source may read it.
struct Bucket {
    scene: Scene,
    gateway: S3Gateway,
    environment: HashMap<&'static str, String>,
    objects: AmazonS3,
    /// Where the source is told to look.
    endpoint: String,
}

impl Bucket {
    /// `None` where there is no machine of ours to start an S3 on.
    async fn lend(name: &str, test: impl AsyncFnOnce(&Self) -> Result<()>) -> Result<()> {
        let scene = Scene::without_source(Answer::data("")).await?;
        let Some(cluster) = scene.suite.own() else { return not_ours() };
        let gateway = cluster.s3_gateway_to_be(name)?;
        Self::of(scene, gateway).await?.during(test).await
    }

    /// Starts the gateway.
    async fn of(scene: Scene, gateway: S3Gateway) -> Result<Self> {
        gateway.start().await?;
        let environment: HashMap<_, _> = gateway.environment().into_iter().collect();
        let mut options = ClientOptions::new().with_allow_http(true);
        if let Ok(authority) = fs::read(gateway.authority()) {
            options = options.with_root_certificate(Certificate::from_pem(&authority)?);
        }
        let objects = AmazonS3Builder::new()
            .with_url(gateway.store(""))
            .with_endpoint(gateway.endpoint())
            .with_client_options(options)
            .with_access_key_id(&environment["AWS_ACCESS_KEY_ID"])
            .with_secret_access_key(&environment["AWS_SECRET_ACCESS_KEY"])
            .build()?;
        let endpoint = gateway.endpoint();
        let bucket = Self { scene, gateway, environment, objects, endpoint };
        bucket.credentials(&bucket.environment["AWS_SECRET_ACCESS_KEY"]).await?;
        Ok(bucket)
    }

    async fn during(self, test: impl AsyncFnOnce(&Self) -> Result<()>) -> Result<()> {
        let outcome = to_its_end(test(&self)).await;
        self.gateway.kill().await?;
        outcome
    }

    async fn put(&self, key: &str, body: &'static str) -> Result<()> {
        self.objects.put(&key.into(), body.into()).await?;
        Ok(())
    }

    /// What the source is known by from now on.
    async fn credentials(&self, secret_key: &str) -> Result<()> {
        let id = &self.environment["AWS_ACCESS_KEY_ID"];
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{ name: bucket }}\nstringData:\n  \
             AWS_ACCESS_KEY_ID: {id}\n  AWS_SECRET_ACCESS_KEY: {secret_key}\n"
        );
        self.scene.namespace.apply(&secret).await?;
        Ok(())
    }

    /// Applies the source; `what` is a field and its value.
    async fn source(&self, what: &str) -> Result<()> {
        self.source_at(&self.endpoint, what).await
    }

    async fn source_at(&self, endpoint: &str, what: &str) -> Result<()> {
        let known_by = "credentialsSecretRef: { name: bucket }";
        let settings = ["bucket: artifacts", what, &format!("endpoint: {endpoint}"), known_by];
        self.scene.apply_of("s3", &settings.join("\n      ")).await
    }

    async fn files(&self) -> Result<Vec<(String, String)>> {
        self.scene.files().await
    }
}

fn not_ours() -> Result<()> {
    skip("this cluster is not ours to start an S3 in")
}

fn file(name: &str, body: &str) -> (String, String) {
    (name.to_owned(), body.to_owned())
}

#[tokio::test]
async fn an_object_of_s3_becomes_an_artifact() -> Result<()> {
    Bucket::lend("s3-object", async |bucket| {
        bucket.put("prod/app.yaml", "one: 1\n").await?;
        bucket.source("object: prod/app.yaml").await?;
        let first = bucket.scene.ready().await?;
        ensure!(bucket.files().await? == [file("data", "one: 1\n")]);
        let etag = first.status.as_ref().and_then(|status| status.last_handled_etag.clone());
        ensure!(etag.is_some(), "the next pass is conditional");
        let again = bucket.scene.request("again").await?;
        ensure!(revision(&again) == revision(&first));

        bucket.put("prod/app.yaml", "one: 2\n").await?;
        let next = bucket.scene.request("changed").await?;
        ensure!(revision(&next) != revision(&first));
        ensure!(bucket.files().await? == [file("data", "one: 2\n")]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_prefix_of_s3_becomes_an_artifact() -> Result<()> {
    Bucket::lend("s3-prefix", async |bucket| {
        for (key, body) in [("prod/a.yaml", "a"), ("prod/b/c.yaml", "c"), ("production/no.yaml", "no")] {
            bucket.put(key, body).await?;
        }
        bucket.source("prefix: prod").await?;
        let first = bucket.scene.ready().await?;
        let files: Vec<_> =
            bucket.files().await?.into_iter().filter(|(name, _)| !name.ends_with('/')).collect();
        ensure!(files == [file("a.yaml", "a"), file("b/c.yaml", "c")], "{files:?}");
        let [listed, first_object, second_object] = ["", "/prod/a.yaml", "/prod/b/c.yaml"]
            .map(|path| format!("GET {}/artifacts{path}", bucket.endpoint));
        let told = bucket.scene.logged("the pass went well").await?;
        assert_in_order(&told, &[&listed, "answered 200 OK", &first_object, "stored sha256:"]);
        assert_in_order(&told, &[&listed, &second_object, "received ", "packed "]);
        let again = bucket.scene.request("again").await?;
        ensure!(revision(&again) == revision(&first));

        bucket.objects.delete(&"prod/a.yaml".into()).await?;
        let next = bucket.scene.request("gone").await?;
        ensure!(revision(&next) != revision(&first));
        let files = bucket.files().await?;
        ensure!(!files.iter().any(|(name, _)| name == "a.yaml"), "{files:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn credentials_of_a_source_that_s3_refuses_are_named_and_healed_by_the_secret() -> Result<()> {
    Bucket::lend("s3-credentials", async |bucket| {
        bucket.put("app.yaml", "1").await?;
        bucket.credentials("canary-41ce").await?;
        bucket.source("object: app.yaml").await?;
        let message = until_failed(&bucket.scene.sources, "one", "Unauthorized").await?;
        ensure!(message.contains("key AWS_SECRET_ACCESS_KEY of Secret bucket"), "{message}");
        let source = bucket.scene.sources.get("one").await?;
        ensure!(!serde_json::to_string(&source)?.contains("canary-41ce"));
        let log = bucket.scene.suite.own().context("it is ours")?.postern().log();
        ensure!(!std::fs::read_to_string(log)?.contains("canary-41ce"), "the log shows the key");

        bucket.credentials(&bucket.environment["AWS_SECRET_ACCESS_KEY"]).await?;
        bucket.scene.ready().await?;
        Ok(())
    })
    .await
}
