//! Servers that pretend to be kube-apiserver, or lead away from it: none learns a token.
use super::*;
use crate::{
    pki::{Authority, Pair},
    serve::{Body, ClientCertificates, Handler, Limits, Tls, empty, serve},
};
use http::{Request, Response, StatusCode, header::LOCATION};
use hyper::body::Incoming;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Answers everything alike, and counts it.
struct Impostor {
    status: StatusCode,
    location: String,
    asked: AtomicUsize,
}

impl Handler for Impostor {
    async fn handle(&self, _: Request<Incoming>) -> Response<Body> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = Response::builder().status(self.status).header(LOCATION, &self.location);
        answer.body(empty()).expect("a plain response")
    }
}

/// A running impostor; ended with the value.
struct Running {
    impostor: Arc<Impostor>,
    address: SocketAddr,
    _serving: DropGuard,
}

impl Running {
    async fn start(tls: Option<Tls>, status: StatusCode, location: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let impostor = Arc::new(Impostor { status, location, asked: AtomicUsize::new(0) });
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, tls, Arc::clone(&impostor), Limits::default(), stop.clone()));
        Self { impostor, address, _serving: stop.drop_guard() }
    }

    fn asked(&self) -> usize {
        self.impostor.asked.load(Ordering::SeqCst)
    }
}

/// Asks there about a token, as the library's own client does.
async fn ask(url: String, trusted: Option<&Authority>) -> Result<TokenReview, kube::Error> {
    let mut config = kube::Config::new(url.parse().expect("an address"));
    config.root_cert = trusted.map(|authority| vec![authority.0.der().to_vec()]);
    let client = kube::Client::try_from(client_config(config)).expect("a client");
    let spec = TokenReviewSpec { token: "secret".to_owned(), ..TokenReviewSpec::default() };
    through(client)(TokenReview { spec, ..TokenReview::default() }).await
}

/// CVE-2020-8559, CVE-2018-1002102, Kubernetes issue 104720.
#[tokio::test]
async fn cve_2020_8559_a_redirect_takes_no_token_along() {
    for code in [301, 302, 303, 307, 308] {
        let elsewhere = Running::start(None, StatusCode::OK, String::new()).await;
        let status = StatusCode::from_u16(code).expect("a code");
        let led_away = Running::start(None, status, format!("http://{}/", elsewhere.address)).await;

        ask(format!("http://{}", led_away.address), None).await.expect_err("a redirect is no answer");

        assert_eq!((led_away.asked(), elsewhere.asked()), (1, 0), "{code}");
    }
}

/// CVE-2025-64434: a component's client certificate, stolen, serves nobody.
#[tokio::test]
async fn cve_2025_64434_whoever_serves_with_the_certificate_of_a_client_learns_no_token() {
    let authority = Authority::new();
    let table = [(ExtendedKeyUsagePurpose::ServerAuth, 1), (ExtendedKeyUsagePurpose::ClientAuth, 0)];
    for (purpose, asked) in table {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        params.extended_key_usages = vec![purpose.clone()];
        let Pair { cert, key } = authority.issue(&params);
        let tls = Tls::new(cert.as_bytes(), key.as_bytes(), ClientCertificates::Request).expect("a pair");
        let serving = Running::start(Some(tls), StatusCode::FORBIDDEN, String::new()).await;

        ask(format!("https://{}", serving.address), Some(&authority)).await.expect_err("it refuses at best");

        assert_eq!(serving.asked(), asked, "{purpose:?}");
    }
}
