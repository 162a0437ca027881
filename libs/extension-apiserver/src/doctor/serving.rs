//! Calls each server as kube-apiserver would: by its address, under the name of its Service, with the CA of the APIService.
use super::{Check, Finding, registration::Target};
use rustls::{CertificateError, ClientConfig, crypto::aws_lc_rs};
use rustls_pki_types::ServerName;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// kube-apiserver itself waits as long.
const PATIENCE: Duration = Duration::from_secs(5);
/// As much of an answer as is looked at.
const LONGEST_ANSWER: u64 = 16 << 10;

pub(super) async fn look(target: &Target, addresses: &[SocketAddr]) -> Vec<Finding> {
    let calls = addresses.iter().map(|address| call(target, *address));
    futures::future::join_all(calls).await.into_iter().flatten().collect()
}

async fn call(target: &Target, address: SocketAddr) -> Option<Finding> {
    let stream = match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        // From outside the cluster most pods cannot be reached, and kube-apiserver has reached one.
        _ if target.is_available => return None,
        Ok(Err(error)) => return Some(unreachable(address, &error.to_string())),
        Err(_) => return Some(unreachable(address, "no answer in time")),
    };
    if target.roots.is_empty() {
        return None;
    }
    let name = format!("{}.{}.svc", target.service, target.namespace);
    match timeout(PATIENCE, answer(target, name.clone(), stream)).await {
        Ok(Ok(answer)) => unready(address, &answer),
        Ok(Err(error)) => Some(mistrusted(address, &name, &error)),
        Err(_) => Some(unreachable(address, "the connection is open and nothing comes")),
    }
}

fn unreachable(address: SocketAddr, why: &str) -> Finding {
    let problem = format!("{address} cannot be reached from here: {why}");
    let remedy = "see that the server listens there, and that no NetworkPolicy and no firewall stands between it and \
                  kube-apiserver, which is often outside of the pods' network";
    Finding::new(Check::Reachability, problem, remedy)
}

/// What the server says to `/readyz`.
async fn answer(target: &Target, name: String, stream: TcpStream) -> io::Result<String> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(target.roots.clone())
        .with_no_client_auth();
    let server = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::new(config)).connect(server, stream).await?;
    ask(stream, &name).await
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, name: &str) -> io::Result<String> {
    let request = format!("GET /readyz?verbose HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // A server that closes without a farewell has answered all the same.
    let read = stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await;
    match read {
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

fn unready(address: SocketAddr, answer: &str) -> Option<Finding> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        return None;
    }
    let failed: Vec<&str> = body.lines().filter(|line| line.starts_with("[-]")).collect();
    let problem = format!("{address} says that it is not ready: {status} {}", failed.join(", "));
    Some(Finding::new(Check::Readiness, problem.trim_end(), "the log of the server says what it waits for"))
}

fn mistrusted(address: SocketAddr, name: &str, error: &io::Error) -> Finding {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(cause)) = cause else {
        let problem = format!("{address} speaks no TLS that can be understood: {error}");
        return Finding::new(
            Check::Reachability,
            problem,
            "see that targetPort of the Service is the https port",
        );
    };
    let (problem, remedy) = match cause {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "was not issued by the CA in caBundle".to_owned(),
            "put the CA that issued it into caBundle of the APIService",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("is not for {name}, the name by which kube-apiserver calls"),
            "issue it with that name among its subject alternative names",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("is expired".to_owned(), "renew it")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("is not valid yet".to_owned(), "compare the clocks of the machines, and wait or issue it anew")
        }
        other => (format!("is refused: {other}"), "issue it anew, for server authentication"),
    };
    Finding::new(Check::Certificate, format!("the certificate of {address} {problem}"), remedy)
}

#[cfg(test)]
mod tests;
