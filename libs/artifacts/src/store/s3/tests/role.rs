//! A role that is taken with the token of a ServiceAccount, as on EKS: an STS over TLS gives the credentials of a session.
use super::{Server, key, store, uploads};
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use object_store::{Certificate, ClientOptions, aws::AmazonS3Builder};
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use std::{collections::HashMap, io::Write, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use url::Url;

const ROLE: &str = "arn:aws:iam::1:role/postern";

/// The address of a server over TLS, in front of one without; and whom to trust for it.
async fn over_tls(server: &Server) -> (String, Certificate) {
    let signing = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&signing).unwrap();
    let signing = PrivateKeyDer::try_from(signing.serialize_der()).unwrap();
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], signing)
        .unwrap();
    let (listener, acceptor) =
        (TcpListener::bind("127.0.0.1:0").await.unwrap(), TlsAcceptor::from(Arc::new(tls)));
    let address = format!("https://{}", listener.local_addr().unwrap());
    let behind = server.address.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let mut outside = acceptor.accept(stream).await?;
                copy_bidirectional(&mut outside, &mut TcpStream::connect(behind).await?).await
            });
        }
    });
    (address, Certificate::from_pem(certificate.pem().as_bytes()).unwrap())
}

/// What STS answers: the credentials of a session that ends in an hour.
fn session() -> &'static str {
    let expiration =
        (Timestamp::now() + SignedDuration::from_hours(1)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let credentials = format!(
        "<AccessKeyId>of-the-role</AccessKeyId><SecretAccessKey>not-a-secret</SecretAccessKey>\
         <SessionToken>of-a-session</SessionToken><Expiration>{expiration}</Expiration>"
    );
    let answer = format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>{credentials}\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    answer.leak()
}

#[tokio::test]
async fn a_role_is_taken_once_with_the_token_of_a_service_account() {
    let answer = session();
    let (sts, s3) = (Server::start(move |_| (200, answer)).await, Server::start(uploads(200)).await);
    let (address, certificate) = over_tls(&sts).await;
    let mut token = tempfile::NamedTempFile::new().unwrap();
    token.write_all(b"of-the-account").unwrap();
    let client = [
        ("aws_role_arn", ROLE),
        ("aws_web_identity_token_file", token.path().to_str().unwrap()),
        ("aws_endpoint_url_sts", &*address),
    ]
    .into_iter()
    .fold(AmazonS3Builder::new(), |client, (key, value)| client.with_config(key.parse().unwrap(), value))
    .with_client_options(ClientOptions::new().with_root_certificate(certificate))
    .with_endpoint(&s3.address)
    .with_region("us-east-1");
    let store = store(client);
    for name in [b"one", b"two"] {
        assert_eq!(crate::Store::stat(&store, &key(name)).await.unwrap(), None);
    }

    let [(method, asked, _)] = &*sts.seen() else { panic!("what lasts an hour is asked for once") };
    let asked = Url::parse(&format!("{address}{asked}")).unwrap();
    let said: HashMap<_, _> = asked.query_pairs().collect();
    assert_eq!(*method, Method::POST);
    assert_eq!(said["Action"], "AssumeRoleWithWebIdentity");
    assert_eq!((&*said["RoleArn"], &*said["WebIdentityToken"]), (ROLE, "of-the-account"));
    let seen = s3.seen();
    assert_eq!(seen.len(), 2);
    for (.., headers) in seen {
        assert_eq!(headers["x-amz-security-token"], "of-a-session");
        let signed = headers["authorization"].to_str().unwrap();
        assert!(
            signed.contains("Credential=of-the-role/") && signed.contains(";x-amz-security-token"),
            "{signed}"
        );
    }
}
