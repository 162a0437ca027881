//! Certificates that live for seconds: a whole life of leaves and authorities, watched from the first to the last.
use crate::load::Load;
use anyhow::{Context, Result};
use certs::{Lifetimes, ServingCertificate, Source};
use cluster::suite::Suite;
use extension_apiserver::serve::{self, Body, ClientCertificates, Handler, Limits, Tls};
use http::{Request, Response};
use hyper::body::Incoming;
use reqwest::Certificate;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use secrecy::ExposeSecret;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, time};
use tokio_util::sync::CancellationToken;

/// A leaf is renewed after 6 s, an authority after 18 s, and trusted for 9 s more.
const LIFETIMES: Lifetimes = Lifetimes {
    authority: Duration::from_secs(27),
    leaf: Duration::from_secs(9),
    settle: Duration::from_secs(3),
};
/// Longer than from the first authority to the moment at which it is forgotten.
const LIFE: Duration = Duration::from_secs(60);

type Followed = watch::Receiver<Arc<ServingCertificate>>;

struct Greeter;

impl Handler for Greeter {
    async fn handle(&self, _: Request<Incoming>) -> Response<Body> {
        Response::new(serve::full("hello"))
    }
}

#[tokio::test]
async fn replicas_outlive_their_certificates_without_a_failed_request() -> Result<()> {
    let suite = Suite::attach().await?;
    let namespace = suite.namespace("fault").await?;
    let stop = CancellationToken::new();
    let _ends_with_this_test = stop.clone().drop_guard();
    let replica = || {
        let source = Source::SelfManaged {
            client: suite.client().clone(),
            namespace: namespace.name().to_owned(),
            names: BTreeSet::from(["127.0.0.1".to_owned()]),
            lifetimes: LIFETIMES,
        };
        certs::start(source, stop.clone())
    };
    let (serving, mut publishing) = tokio::try_join!(replica(), replica())?;
    assert_eq!(serving.borrow().chain_pem, publishing.borrow().chain_pem, "replicas agree from the start");

    let url = serve(serving, stop.clone()).await?;
    let trusted = publishing.clone();
    let load = Load::new().of("a new connection", move || {
        let (url, bundle) = (url.clone(), trusted.borrow().ca_pem.clone());
        async move { greet(&url, &bundle).await }
    });
    let first = authorities(&publishing)?;
    let forgotten = async {
        let mut leaves = 1;
        while authorities(&publishing)?.contains(&first[0]) {
            publishing.changed().await?;
            leaves += 1;
        }
        anyhow::Ok(leaves)
    };
    let leaves = time::timeout(LIFE, forgotten).await.context("the first authority is never forgotten")??;
    assert!(leaves >= 4, "{leaves} changes");
    load.end().await.map(drop)
}

/// Serves with the certificate of the moment; where.
async fn serve(mut certificate: Followed, stop: CancellationToken) -> Result<String> {
    let first = Arc::clone(&certificate.borrow_and_update());
    let tls = Tls::new(&first.chain_pem, first.key_pem.expose_secret(), ClientCertificates::Ignore)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("https://{}/", listener.local_addr()?);
    tokio::spawn(serve::serve(listener, Some(tls.clone()), Arc::new(Greeter), Limits::default(), stop));
    tokio::spawn(async move {
        while certificate.changed().await.is_ok() {
            let next = Arc::clone(&certificate.borrow_and_update());
            tls.replace(&next.chain_pem, next.key_pem.expose_secret()).expect("a pair of our own");
        }
    });
    Ok(url)
}

async fn greet(url: &str, bundle: &[u8]) -> Result<()> {
    let trusted = Certificate::from_pem_bundle(bundle)?;
    let client = reqwest::Client::builder().tls_certs_only(trusted).no_proxy().build()?;
    client.get(url).send().await?.error_for_status()?;
    Ok(())
}

fn authorities(certificate: &Followed) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(&certificate.borrow().ca_pem).collect::<Result<_, _>>();
    Ok(found?)
}
