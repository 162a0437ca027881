//! Reading what takes longer than kube-apiserver lets any request take.
use crate::{
    aggregated::{GROUP, get},
    archive::{digest, noise},
    sources::{PATIENCE, manifest, sources, until_ready},
    upstream::{Answer, Upstream},
};
use anyhow::{Context, Result, ensure};
use cluster::{
    Cluster, Options,
    suite::{another_cluster, skip},
};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// After this kube-apiserver cuts every request that is not a watch (`--request-timeout`).
const MINUTE: Duration = Duration::from_secs(60);
/// Bytes that the client reads in a second.
const RATE: u32 = 256 << 10;
/// Far more than is read in a minute, with all that lies in buffers on the way.
const SIZE: usize = 48 << 20;

/// The minute belongs to kube-apiserver, and a test that holds the cluster of all for so long would have the tests wait that need it
/// alone. So this one has its own.
#[tokio::test]
async fn a_download_that_kube_apiserver_cuts_goes_on_where_it_ended() -> Result<()> {
    let Some(cluster) = another_cluster("download", &Options::default()).await? else {
        return skip("needs a cluster of its own");
    };
    let outcome = read_slowly_and_go_on(&cluster).await;
    cluster.stop().await?;
    outcome
}

async fn read_slowly_and_go_on(cluster: &Cluster) -> Result<()> {
    let upstream = Upstream::start(Answer::data(noise(0, SIZE))).await;
    cluster
        .kubectl()
        .run_with_input(&["apply", "--filename", "-"], &manifest("one", &upstream.url(), ""))
        .await?;
    let source = until_ready(&sources(cluster.client(), "default"), "one").await?;
    let artifact = source.status.and_then(|status| status.artifact).context("artifact")?;
    let path = format!("{GROUP}/namespaces/default/externalsources/one/content");

    let began = Instant::now();
    let response = timeout(PATIENCE, served(cluster, &path)).await.context("content is never there")??;
    let tag = response.headers()["etag"].to_str()?.to_owned();
    let mut bytes = read_slowly(response.into_body()).await;
    ensure!(began.elapsed() >= MINUTE, "{} bytes, then something else cut the answer", bytes.len());
    let (read, size) = (bytes.len(), artifact.size.context("a size")?);
    ensure!(
        0 < read && (read as i64) < size,
        "{read} of {size} bytes were read: nothing is left to go on with"
    );

    let range = format!("bytes={read}-");
    let rest = get(cluster.client(), &path, &[("range", &range), ("if-range", &tag)]).await?;
    assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(rest.headers()["content-range"], format!("bytes {read}-{}/{size}", size - 1));
    bytes.extend_from_slice(rest.body());
    assert_eq!(digest(&bytes), artifact.digest);
    Ok(())
}

/// The beginning of an answer, once the apiserver has seen what the source says.
async fn served(cluster: &Cluster, path: &str) -> Result<Response<Body>> {
    loop {
        let response = cluster.client().send(Request::get(path).body(Body::empty())?).await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
    }
}

/// All bytes until the answer is cut, or ends.
async fn read_slowly(mut body: Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        bytes.extend_from_slice(&data);
        sleep(Duration::from_secs(data.len() as u64) / RATE).await;
    }
    bytes
}
