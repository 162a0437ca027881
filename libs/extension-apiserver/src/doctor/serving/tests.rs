//! Real servers that kube-apiserver would not talk to, each for another reason.
use super::*;
use crate::{
    pki::{Authority, Pair},
    serve::{Body, ClientCertificates, Handler, Limits, Tls, full, serve},
};
use http::{Request, Response, StatusCode};
use rcgen::{CertificateParams, date_time_ymd};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

struct Health(StatusCode);

impl Handler for Health {
    async fn handle(&self, _: Request<hyper::body::Incoming>) -> Response<Body> {
        let mut response =
            Response::new(full("[+]ping ok\n[-]lamps failed: reason withheld\nreadyz check failed\n"));
        *response.status_mut() = self.0;
        response
    }
}

async fn server(pair: &Pair, health: StatusCode) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = Tls::new(pair.cert.as_bytes(), pair.key.as_bytes(), ClientCertificates::Request).unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, Some(tls), Arc::new(Health(health)), Limits::default(), stop.clone()));
    (address, stop.drop_guard())
}

fn target(authority: &Authority) -> Target {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    Target { namespace: "lights".into(), service: "lamps".into(), port: 443, roots, is_available: false }
}

async fn found(authority: &Authority, pair: &Pair, health: StatusCode) -> Option<(Check, String)> {
    let (address, _stop) = server(pair, health).await;
    let findings = look(&target(authority), &[address]).await;
    let finding = findings.into_iter().next()?;
    Some((finding.check, finding.problem.replace(&address.to_string(), "IT")))
}

#[tokio::test]
async fn a_server_as_it_should_be_gives_no_finding() {
    let authority = Authority::new();
    assert_eq!(found(&authority, &authority.server("lamps.lights.svc"), StatusCode::OK).await, None);
}

#[tokio::test]
async fn a_certificate_that_kube_apiserver_refuses_says_why() {
    let authority = Authority::new();
    let dated = |from, to| {
        let mut params = CertificateParams::new(vec!["lamps.lights.svc".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        authority.issue(&params)
    };
    for (pair, expected) in [
        (Authority::new().server("lamps.lights.svc"), "was not issued by the CA in caBundle"),
        (authority.server("lamps"), "is not for lamps.lights.svc, the name by which kube-apiserver calls"),
        (dated(2001, 2002), "is expired"),
        (dated(2100, 2101), "is not valid yet"),
    ] {
        let found = found(&authority, &pair, StatusCode::OK).await;
        assert_eq!(found, Some((Check::Certificate, format!("the certificate of IT {expected}"))));
    }
}

#[tokio::test]
async fn a_server_that_is_not_ready_says_which_check_fails() {
    let authority = Authority::new();
    let pair = authority.server("lamps.lights.svc");
    let found = found(&authority, &pair, StatusCode::INTERNAL_SERVER_ERROR).await.expect("a finding");
    assert_eq!(found.0, Check::Readiness);
    assert!(found.1.ends_with("500 Internal Server Error [-]lamps failed: reason withheld"), "{}", found.1);
}

#[tokio::test]
async fn nobody_there_is_a_finding_unless_kube_apiserver_found_somebody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut target = target(&Authority::new());
    assert_eq!(look(&target, &[address]).await[0].check, Check::Reachability);
    target.is_available = true;
    assert_eq!(look(&target, &[address]).await, []);
}

#[tokio::test]
async fn a_port_without_tls_is_told_from_a_bad_certificate() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let handler = Arc::new(Health(StatusCode::OK));
    tokio::spawn(serve(listener, None, handler, Limits::default(), stop.clone()));
    let _stop = stop.drop_guard();
    let findings = look(&target(&Authority::new()), &[address]).await;
    assert_eq!(findings[0].check, Check::Reachability);
    assert!(findings[0].problem.contains("speaks no TLS"), "{}", findings[0].problem);
}
