//! Whose certificates are believed.
use crate::{
    server::{Answer, Identity, Seen, Server, answer},
    world::{Case, World},
};
use artifacts::Retry;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn data(_: &Seen) -> Answer {
    answer(200, &[], "data")
}

/// The failure of a source whose certificate is made like this, to a client that trusts its authority.
async fn failure_of(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> String {
    let identity = Identity::new(names, change);
    let server = Server::https(&identity, data).await;
    let error = World::new().fails(&Case::new(server.url("/data")).ca_bundle(&identity.authority_pem)).await;
    assert_eq!((error.reason(), error.retry()), ("TLSFailed", Retry::Soon));
    assert_eq!(server.seen().len(), 0, "no request was sent");
    error.to_string().split_once(": ").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_bundle_is_believed_by_address_and_by_name() {
    let identity = Identity::new(&["127.0.0.1", "localhost"], |_| {});
    let server = Server::https(&identity, data).await;
    for url in [server.url("/data"), server.url_by_name("/data")] {
        World::new().fetched(&Case::new(url).ca_bundle(&identity.authority_pem)).await;
    }
}

#[tokio::test]
async fn an_unknown_authority_is_told_with_where_to_name_it() {
    let unknown = "its certificate is signed by an unknown authority; put the certificate of that authority into a Secret \
                   and name it in caBundleSecretRef, and let the server send every intermediate certificate";
    let identity = Identity::new(&["127.0.0.1"], |_| {});
    let server = Server::https(&identity, data).await;
    let error = World::new().fails(&Case::new(server.url("/data"))).await;
    assert_eq!(error.to_string(), format!("no secure connection to {}: {unknown}", server.host()));

    let another = Identity::new(&["127.0.0.1"], |_| {});
    let error = World::new().fails(&Case::new(server.url("/data")).ca_bundle(&another.authority_pem)).await;
    let unknown = "its certificate is signed by an authority that key ca.crt of Secret ca does not hold; put the \
                   certificate of that authority there, and let the server send every intermediate certificate";
    assert_eq!(error.to_string(), format!("no secure connection to {}: {unknown}", server.host()));
    assert_eq!((error.reason(), error.retry()), ("TLSFailed", Retry::Soon));
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_with_what_mends_it() {
    let here = ["127.0.0.1"];
    let said = failure_of(&["example.com"], |_| {}).await;
    assert!(said.starts_with("its certificate is for another name; use a name of"), "{said}");
    let said = failure_of(&here, |leaf| leaf.not_after = date_time_ymd(2020, 1, 1)).await;
    assert_eq!(said, "its certificate has expired; renew it at the server");
    let said = failure_of(&here, |leaf| leaf.not_before = date_time_ymd(4000, 1, 1)).await;
    assert!(said.starts_with("its certificate is not valid yet; compare the clocks"), "{said}");
    let for_clients = |leaf: &mut CertificateParams| {
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let said = failure_of(&here, for_clients).await;
    assert!(said.starts_with("its certificate is not meant for servers; give the server one with"), "{said}");
}

#[tokio::test]
async fn a_ca_that_a_server_presents_as_its_own_certificate_is_told_as_that() {
    let as_ca = |leaf: &mut CertificateParams| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let said = failure_of(&["127.0.0.1"], as_ca).await;
    assert!(said.starts_with("its certificate is that of a CA (CA:TRUE"), "{said}");
    assert!(said.ends_with("and name the CA in caBundleSecretRef"), "{said}");
    assert!(!said.contains("insecureSkipVerify"), "{said}");
}

#[tokio::test]
async fn a_server_that_goes_when_it_hears_tls() {
    let server = Server::raw(|mut stream| async move {
        let _heard = stream.read_u8().await;
        let _gone = stream.shutdown().await;
    })
    .await;
    let url = server.url("/data").replace("http:", "https:");
    let error = World::new().fails(&Case::new(url)).await;
    assert_eq!(error.reason(), "TLSFailed", "{error}");
    assert!(error.to_string().ends_with("perhaps does not speak TLS on this port"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls() {
    let server = Server::http(data).await;
    let url = server.url("/data").replace("http:", "https:");
    let error = World::new().fails(&Case::new(url)).await;
    assert_eq!(error.reason(), "TLSFailed");
    assert!(error.to_string().ends_with("it does not speak TLS on this port"), "{error}");
}

#[tokio::test]
async fn skipping_accepts_any_certificate() {
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let server = Server::https(&Identity::new(&["example.com"], expired), data).await;
    let skipping = Case::new(server.url("/data")).http(|http| http.insecure_skip_verify = Some(true));
    World::new().fetched(&skipping).await;
}

#[tokio::test]
async fn skipping_is_not_believed_beside_a_bundle() {
    let server = Server::https(&Identity::new(&["127.0.0.1"], |_| {}), data).await;
    let another = Identity::new(&["127.0.0.1"], |_| {});
    let both = Case::new(server.url("/data"))
        .http(|http| http.insecure_skip_verify = Some(true))
        .ca_bundle(&another.authority_pem);
    assert_eq!(World::new().fails(&both).await.reason(), "TLSFailed");
}

#[tokio::test]
async fn trust_is_not_shared_between_sources() {
    let identity = Identity::new(&["127.0.0.1"], |_| {});
    let server = Server::https(&identity, data).await;
    let world = World::new();
    world.fetched(&Case::new(server.url("/data")).ca_bundle(&identity.authority_pem)).await;
    world.fetched(&Case::new(server.url("/data")).http(|http| http.insecure_skip_verify = Some(true))).await;
    let error = world.run(&Case::new(server.url("/data"))).await.expect_err("nobody vouches for it here");
    assert_eq!(error.reason(), "TLSFailed");
}
