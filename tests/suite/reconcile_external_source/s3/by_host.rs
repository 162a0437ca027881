//! An S3 whose buckets are names of hosts. Postern alone knows that host, by a hosts file of its own; the domain above it
//! has no address, so that no request that names its bucket elsewhere arrives.
use super::{Bucket, file, not_ours};
use crate::{scene::Scene, upstream::Answer};
use anyhow::{Context, Result, ensure};
use cluster::{
    Postern, S3Gateway,
    suite::{Suite, to_its_end},
};

const DOMAIN: &str = "s3.test";
const HOST: &str = "artifacts.s3.test";

/// A Postern whose store is in that bucket, by the same name.
fn storing_in(gateway: &S3Gateway, postern: Postern) -> Postern {
    let mut postern = postern;
    postern.names.push(HOST);
    postern.flags.push(format!("--store={}", gateway.store("stored")));
    postern.environment = gateway.environment();
    postern.environment.retain(|(name, _)| *name != "AWS_ENDPOINT_URL");
    postern.environment.extend([
        ("AWS_ENDPOINT_URL", gateway.endpoint_by_name(HOST)),
        ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true".to_owned()),
        ("SSL_CERT_FILE", gateway.authority().display().to_string()),
    ]);
    postern
}

#[tokio::test]
async fn a_bucket_may_be_part_of_the_name_of_its_host() -> Result<()> {
    let scene = Scene::empty(Suite::attach_alone().await?, "reconcile", Answer::data("")).await?;
    let Some(cluster) = scene.suite.own() else { return not_ours() };
    let gateway = cluster.s3_gateway_to_be("s3-by-host")?.with_domain(DOMAIN).secure()?;
    let (usual, changed) = (cluster.postern(), storing_in(&gateway, cluster.postern()));
    let mut bucket = Bucket::of(scene, gateway).await?;
    bucket.endpoint = bucket.gateway.endpoint_by_name(DOMAIN);
    bucket
        .during(async |bucket| {
            let fetched = async {
                changed.restart().await?;
                fetches_and_stores(bucket).await
            };
            let fetched = to_its_end(fetched).await;
            usual.restart().await?;
            fetched
        })
        .await
}

async fn fetches_and_stores(bucket: &Bucket) -> Result<()> {
    bucket.put("prod/app.yaml", "one: 1\n").await?;
    bucket.source("object: prod/app.yaml\n      pathStyle: false").await?;
    let source = bucket.scene.ready().await?;
    ensure!(bucket.files().await? == [file("data", "one: 1\n")]);
    let artifact = source.status.and_then(|status| status.artifact).context("artifact")?;
    // A request with the bucket in its path too would have put it into a folder of that name.
    let stored = bucket.gateway.bucket().join("stored").join(artifact.path);
    ensure!(stored.is_file(), "{} is not there", stored.display());

    bucket.source("prefix: prod\n      pathStyle: false").await?;
    bucket.scene.request("prefix").await?;
    ensure!(bucket.files().await? == [file("app.yaml", "one: 1\n")]);
    Ok(())
}
