//! Sources that ask who is there.
use crate::{
    server::{Answer, Identity, Seen, Server, answer, redirect},
    world::{Case, World},
};
use artifacts::Retry;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::Arc;
use tokio_rustls::rustls::{RootCertStore, server::WebPkiClientVerifier};

/// A client's certificate and its key, and a server that asks for one of the same authority.
struct Mutual {
    certificate: String,
    key: String,
    server: Identity,
}

impl Mutual {
    fn new() -> Self {
        let mut authority = CertificateParams::new(vec![]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let asks = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["postern".into()]).unwrap().signed_by(&key, &authority).unwrap();
        let server = Identity::asking(asks, &["127.0.0.1"], |_| {});
        Self { certificate: certificate.pem(), key: key.serialize_pem(), server }
    }

    /// A source at `url`, which knows the authority of the server and shows this certificate.
    fn case(&self, url: String) -> Case {
        let pair = [("tls.crt", &*self.certificate), ("tls.key", &*self.key)];
        Case::new(url).ca_bundle(&self.server.authority_pem).certificate(&pair)
    }
}

fn data(_: &Seen) -> Answer {
    answer(200, &[], "data")
}

#[tokio::test]
async fn a_certificate_is_shown_to_a_source_that_asks() {
    let mutual = Mutual::new();
    let server = Server::https(&mutual.server, data).await;
    World::new().fetched(&mutual.case(server.url("/data"))).await;

    let unknown = Case::new(server.url("/data")).ca_bundle(&mutual.server.authority_pem);
    let error = World::new().fails(&unknown).await;
    let said = "it asks for a client certificate; name a Secret that holds one in certSecretRef";
    assert_eq!(error.to_string(), format!("no secure connection to {}: {said}", server.host()));
    assert_eq!((error.reason(), error.retry()), ("TLSFailed", Retry::Soon));
}

#[tokio::test]
async fn a_certificate_that_the_source_does_not_accept_is_told_as_that() {
    let (mutual, another) = (Mutual::new(), Mutual::new());
    let server = Server::https(&mutual.server, data).await;
    let wrong = Mutual { server: mutual.server, ..another };
    let error = World::new().fails(&wrong.case(server.url("/data"))).await;
    assert_eq!(error.reason(), "TLSFailed");
    assert!(
        error.to_string().contains("it refuses the client certificate; put one that it accepts"),
        "{error}"
    );
}

#[tokio::test]
async fn no_other_origin_sees_the_certificate() {
    let mutual = Mutual::new();
    let elsewhere = Server::https(&mutual.server, data).await;
    let away = elsewhere.url("/data");
    let home = Server::https(&mutual.server, move |_| redirect(302, &away)).await;
    let error = World::new().fails(&mutual.case(home.url("/data"))).await;
    assert_eq!(home.seen().len(), 1, "it was shown where it belongs");
    assert!(error.to_string().contains("it asks for a client certificate"), "{error}");
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn authorities_beside_the_certificate_are_trusted_and_a_bundle_wins() {
    let mutual = Mutual::new();
    let server = Server::https(&mutual.server, data).await;
    let beside = [
        ("tls.crt", &*mutual.certificate),
        ("tls.key", &*mutual.key),
        ("ca.crt", &*mutual.server.authority_pem),
    ];
    let case = Case::new(server.url("/data")).certificate(&beside);
    World::new().fetched(&case).await;
    let another = Mutual::new();
    let error = World::new().fails(&case.ca_bundle(&another.server.authority_pem)).await;
    assert!(error.to_string().contains("that key ca.crt of Secret ca does not hold"), "{error}");
}
