//! What a failed request or body means. reqwest wraps causes several deep; the one that matters is searched for.
use super::{Way, resolver::NotResolved};
use crate::{
    Error,
    egress::{HostRefused, Refused},
    error::BoxError,
};
use crds::external_source::SecretKeyReference;
use rustls::{AlertDescription, CertificateError};
use std::{error::Error as StdError, io};

/// Why there is no answer.
pub(super) fn of_request(error: reqwest::Error, host: String, way: Way<'_>) -> Error {
    let (cause, bundle) = (Cause::of(&error), way.trust.bundle());
    let Some(proxy) = way.proxy else { return cause.at(host, bundle, anonymous(error)) };
    let tunnel = tunnel(&error);
    // Over http, the proxy is all that is connected to.
    let is_proxys = tunnel.is_some() || error.url().is_some_and(|url| url.scheme() == "http");
    match cause {
        // Only the proxy's name is resolved here, and only its address connected to.
        Cause::Refused(_) | Cause::NotResolved(_) => cause.at(proxy.host(), bundle, anonymous(error)),
        Cause::NotVouchedFor | Cause::Tls(_) if is_proxys => {
            cause.at(format!("the proxy {}", proxy.host()), bundle, anonymous(error))
        }
        Cause::Connection(problem) if error.is_connect() => {
            let problem = match tunnel {
                Some(Tunnel::WhoAsks) => {
                    return Error::ProxyRefused { proxy: proxy.host(), secret: proxy.secret.clone() };
                }
                Some(Tunnel::Refused) => "it does not connect to this host",
                Some(Tunnel::Broken) | None => problem,
            };
            Error::ProxyFailed { host, proxy: proxy.host(), problem, source: anonymous(error) }
        }
        _ => cause.at(host, bundle, anonymous(error)),
    }
}

/// What became of a way through a proxy that does not connect.
enum Tunnel {
    /// Its answer to CONNECT asks for credentials.
    WhoAsks,
    /// Its answer is another refusal.
    Refused,
    /// There is no answer, or none of HTTP.
    Broken,
}

/// The client keeps no more of that answer than its own words for it.
fn tunnel(error: &(dyn StdError + 'static)) -> Option<Tunnel> {
    let mut next = Some(error);
    while let Some(cause) = next {
        match cause.to_string().strip_prefix("tunnel error: ") {
            Some("proxy authorization required") => return Some(Tunnel::WhoAsks),
            Some("unsuccessful") => return Some(Tunnel::Refused),
            Some(_) => return Some(Tunnel::Broken),
            None => next = cause.source(),
        }
    }
    None
}

/// Why there is no answer, without what would name the source.
pub(crate) enum Cause {
    Refused(Refused),
    HostRefused(HostRefused),
    NotResolved(io::Error),
    /// A certificate that no authority of the trusted ones has signed.
    NotVouchedFor,
    Tls(&'static str),
    Connection(&'static str),
}

impl Cause {
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        if let Some(refused) = find::<HostRefused>(error) {
            return Self::HostRefused(refused.clone());
        }
        if let Some(refused) = find::<Refused>(error) {
            return Self::Refused(refused.clone());
        }
        if let Some(NotResolved(lookup)) = find::<NotResolved>(error) {
            return Self::NotResolved(io::Error::new(lookup.kind(), lookup.to_string()));
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            return if is_not_vouched_for(tls) { Self::NotVouchedFor } else { Self::Tls(tls_problem(tls)) };
        }
        if let Some(problem) = find::<io::Error>(error).and_then(late_refusal) {
            return Self::Tls(problem);
        }
        let io = innermost(error);
        let is_connecting = find::<reqwest::Error>(error).is_some_and(reqwest::Error::is_connect);
        if is_connecting && io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
            return Self::Tls("it ended the handshake, and perhaps does not speak TLS on this port");
        }
        Self::Connection(match io {
            Some(io) => io_problem(io),
            None if find::<reqwest::Error>(error).is_some_and(reqwest::Error::is_timeout) => {
                "connection timed out"
            }
            None => "it broke the connection or does not speak HTTP",
        })
    }

    /// The error of a pass. `bundle` is where the authorities stand that the spec names, `source` what the log gets beside
    /// the error.
    pub(crate) fn at(self, host: String, bundle: Option<&SecretKeyReference>, source: BoxError) -> Error {
        match self {
            Self::NotVouchedFor => match bundle.cloned() {
                Some(SecretKeyReference { name: secret, key }) => {
                    Error::UnknownAuthority { host, secret, key, source }
                }
                None => Error::TlsFailed { host, problem: UNKNOWN_AUTHORITY, source },
            },
            Self::Refused(refused) => Error::AddressRefused { host, refused },
            Self::HostRefused(refused) => Error::HostRefused { host, refused },
            Self::NotResolved(source) => Error::NameNotResolved { host, source },
            Self::Tls(problem) => Error::TlsFailed { host, problem, source },
            Self::Connection(problem) => Error::ConnectionFailed { host, problem, source },
        }
    }
}

/// Why a body ended early.
pub(super) fn of_body(error: reqwest::Error, host: String) -> Error {
    Error::Truncated { host, source: anonymous(error) }
}

/// reqwest's errors print the whole URL, whose query may be secret.
fn anonymous(error: reqwest::Error) -> BoxError {
    error.without_url().into()
}

/// The first cause of type `T`. An `io::Error` leaves the error inside it out of its own chain.
pub(crate) fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<T>() {
            return Some(found);
        }
        let inside = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside),
            None => cause.source(),
        };
    }
    None
}

/// The innermost `io::Error`: TLS wraps what it met in another one, whose kind says nothing.
fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    let mut found = find::<io::Error>(error)?;
    while let Some(inner) = found.get_ref().and_then(|inner| find::<io::Error>(inner)) {
        found = inner;
    }
    Some(found)
}

fn io_problem(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset",
        io::ErrorKind::HostUnreachable => "no route to the host",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::UnexpectedEof => "connection closed before an answer",
        _ => "connection failed",
    }
}

/// A bad signature is what an authority of the same name but another key leaves.
fn is_not_vouched_for(error: &rustls::Error) -> bool {
    use CertificateError::{BadSignature, UnknownIssuer};
    matches!(error, rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature))
}

const UNKNOWN_AUTHORITY: &str = "its certificate is signed by an unknown authority; put the certificate of that authority \
    into a Secret and name it in caBundleSecretRef, and let the server send every intermediate certificate";

fn tls_problem(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(problem) => certificate_problem(problem),
        rustls::Error::AlertReceived(alert) => refusal(*alert),
        rustls::Error::InvalidMessage(_) => "it does not speak TLS on this port",
        rustls::Error::PeerIncompatible(_) => "it offers no TLS 1.2 or 1.3 with a cipher that is still safe",
        _ => "the handshake failed",
    }
}

/// What a server says of a certificate that it was shown; `decrypt_error` of one whose authority has another key.
const REFUSALS: [AlertDescription; 8] = [
    AlertDescription::DecryptError,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
];

fn refusal(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired => {
            "it asks for a client certificate; name a Secret that holds one in certSecretRef"
        }
        alert if REFUSALS.contains(&alert) => {
            "it refuses the client certificate; put one that it accepts into the Secret that certSecretRef names"
        }
        _ => "it refused the handshake",
    }
}

/// In TLS 1.3 a server looks at the certificate when the client's handshake is over, so that its alert ends the first
/// request; and HTTP/2 keeps no more of it than its text.
fn late_refusal(error: &io::Error) -> Option<&'static str> {
    let text = error.to_string();
    let is_said = |alert: &&AlertDescription| rustls::Error::AlertReceived(**alert).to_string() == text;
    REFUSALS.iter().chain([&AlertDescription::CertificateRequired]).find(is_said).map(|alert| refusal(*alert))
}

/// What is wrong, and who can mend it in which way.
fn certificate_problem(problem: &CertificateError) -> &'static str {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; renew it at the server"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; compare the clocks of the server and of this cluster"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name; use a name of the certificate as its address, or give the server a \
             certificate for this one"
        }
        CertificateError::Revoked => "its certificate is revoked; give the server a new one",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not meant for servers; give the server one with the extended key usage serverAuth"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate is signed in a way that is not safe or not known; give the server one that is signed with \
             ECDSA, Ed25519, or RSA and SHA-256"
        }
        CertificateError::BadEncoding | CertificateError::UnhandledCriticalExtension => {
            "its certificate is malformed; give the server a new one"
        }
        CertificateError::Other(other) => structural_problem(&other.0.to_string()),
        _ => "its certificate is not valid; give the server a new one",
    }
}

/// rustls hands on what webpki says of the structure of a chain, as an error without a type that we could name; its text
/// is the name of webpki's variant.
fn structural_problem(variant: &str) -> &'static str {
    match variant {
        "CaUsedAsEndEntity" => {
            "its certificate is that of a CA (CA:TRUE, as a certificate made by `openssl req -x509` is), which no server \
             may present as its own; give the server one that this CA has signed, and name the CA in caBundleSecretRef"
        }
        "EndEntityUsedAsCa" => {
            "its certificate is signed by one that is no CA's (CA:FALSE); have it signed by a CA, and name the CA in \
             caBundleSecretRef"
        }
        "UnsupportedCertVersion" => "its certificate is not X.509 version 3; give the server a new one",
        _ => "its certificate is not valid; give the server a new one",
    }
}
