//! The harness itself: clusters beside each other, and what is left when one ends.
use anyhow::Result;
use cluster::{Options, suite};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use std::process::Command;

#[tokio::test]
async fn clusters_have_nothing_in_common_and_each_ends_alone() -> Result<()> {
    let bare = Options { postern: false, flux_crds: false, ..Options::default() };
    let (one, other) =
        tokio::try_join!(suite::another_cluster("one", &bare), suite::another_cluster("other", &bare))?;
    let (Some(one), Some(other)) = (one, other) else { return suite::skip("it starts clusters of its own") };

    assert_ne!(one.network(), other.network());
    assert_ne!(one.endpoints().kube_apiserver, other.endpoints().kube_apiserver);
    one.kubectl().run(&["create", "configmap", "here"]).await?;
    let elsewhere: Api<ConfigMap> = Api::namespaced(other.client().clone(), "default");
    assert!(elsewhere.get_opt("here").await?.is_none());

    let bridge = one.network().bridge();
    one.stop().await?;
    assert!(!links()?.contains(&format!("{bridge}:")), "{bridge} is left");
    assert!(elsewhere.get_opt("here").await?.is_none(), "the other one serves on");
    other.stop().await
}

#[tokio::test]
async fn a_killed_api_server_comes_back_with_all_it_knew() -> Result<()> {
    let bare = Options { postern: false, flux_crds: false, ..Options::default() };
    let Some(cluster) = suite::another_cluster("killed", &bare).await? else {
        return suite::skip("it kills a control plane of its own");
    };
    cluster.kubectl().run(&["create", "configmap", "kept"]).await?;
    cluster.kill_kube_apiserver().await?;
    assert!(cluster.kubectl().run(&["get", "configmap", "kept"]).await.is_err());
    cluster.start_kube_apiserver().await?;
    cluster.kubectl().run(&["get", "configmap", "kept"]).await?;
    cluster.stop().await
}

fn links() -> Result<String> {
    Ok(String::from_utf8(Command::new("ip").args(["-oneline", "link"]).output()?.stdout)?)
}
