//! The hosts of a namespace over real connections: whatever leads elsewhere, nothing is connected to.
use crate::{
    server::{Server, answer, redirect},
    world::{Case, World},
};
use artifacts::{Error, Retry};
use crds::allowed_hosts::AllowedHosts;

/// The case of a namespace that may reach 127.0.0.1 by its address, and nothing else.
fn walled(case: Case) -> Case {
    let file = "[{ namespaces: [team-a], hosts: [127.0.0.1, '*.s3.example'] }]";
    Case { hosts: Some(AllowedHosts::parse(file).expect("a good file").of("team-a")), ..case }
}

fn by_name(server: &Server, path: &str) -> String {
    server.url(path).replace("127.0.0.1", "localhost")
}

async fn data() -> Server {
    Server::http(|_| answer(200, &[], "data")).await
}

fn assert_refused(error: &Error, host: &str) {
    assert_eq!((error.reason(), error.retry()), ("NotAllowed", Retry::AtInterval), "{error}");
    let told = format!("sources in namespace team-a may not lead to {host}");
    assert!(
        error.to_string().contains(&told) && error.to_string().contains("--allowed-hosts-file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_not_connected_to() {
    let source = data().await;
    World::new().fetched(&walled(Case::new(source.url("/data")))).await;
    let error = World::new().fails(&walled(Case::new(by_name(&source, "/data")))).await;
    assert_refused(&error, "localhost");
    assert_eq!(source.connections(), 1);
    let error =
        World::new().fails(&walled(Case::s3(by_name(&source, ""), |s3| s3.object = Some("a".into())))).await;
    assert_refused(&error, "localhost");
    assert_eq!(source.connections(), 1);
}

#[tokio::test]
async fn no_redirect_leads_to_a_host_that_is_not_listed() {
    let other = data().await;
    let target = by_name(&other, "/data");
    let source = Server::http(move |_| redirect(302, &target)).await;
    let error = World::new().fails(&walled(Case::new(source.url("/start")))).await;
    assert_refused(&error, "localhost");
    assert!(error.to_string().contains(&format!("(redirected from {})", source.host())), "{error}");
    assert_eq!((source.connections(), other.connections()), (1, 0));
}

#[tokio::test]
async fn a_proxy_is_a_host_like_any_other() {
    let proxy = data().await;
    let address = by_name(&proxy, "");
    let case = Case::new("http://127.0.0.1/data").proxy(&[("address", &address)]);
    assert_refused(&World::new().fails(&walled(case)).await, "localhost");
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn a_bucket_in_the_name_of_a_host_is_a_part_of_it() {
    let source = data().await;
    let port = source.host().rsplit(':').next().expect("a port").to_owned();
    let bucket = |endpoint: &str| {
        Case::s3(format!("http://{endpoint}:{port}"), |s3| {
            s3.bucket = "127.0.0".into();
            s3.object = Some("a".into());
            s3.path_style = Some(false);
        })
    };
    World::new().fetched(&walled(bucket("1"))).await;
    let error = World::new().fails(&walled(bucket("2"))).await;
    assert_refused(&error, "127.0.0.2");
}
