//! Which server sent the data. Nothing here lets anybody ask it again.
use super::Validators;
use crate::{Digest, generators::HttpRequest};
use http::Method;
use reqwest::{Response, tls::TlsInfo};
use rustls::{pki_types::CertificateDer, server::ParsedCertificate};
use url::Url;

/// Where data came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The method of the request that it answered.
    pub method: Method,
    /// The address after all redirects, without user, password and query: a signed query is as good as a password.
    pub url: Url,
    /// By what it recognizes this answer later, whether or not it will be asked so.
    pub validators: Validators,
    /// The names of the headers that the source was sent beside those of every request.
    pub headers: Vec<String>,
    /// SHA-256 of the public key of its certificate (SubjectPublicKeyInfo, DER); None without TLS, and where a library speaks it.
    pub peer_key: Option<Digest>,
    /// Whose signature vouches for it, where one is asked for.
    pub signed_by: Option<SignedBy>,
}

/// Whose signature vouches for data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    /// The tool whose format it has.
    pub provider: &'static str,
    /// The key of the Secret that holds the public key.
    pub key: String,
    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER).
    pub public_key: Digest,
}

impl Origin {
    /// The origin of an answer to that request.
    pub(super) fn new(
        asked: &HttpRequest,
        (method, url): (&Method, &Url),
        validators: Validators,
        response: &Response,
    ) -> Self {
        let headers = asked.headers.keys().map(|name| name.as_str().to_owned()).collect();
        let url = without_secrets(url);
        Self {
            method: method.clone(),
            url,
            validators,
            headers,
            peer_key: peer_key(response),
            signed_by: None,
        }
    }

    /// The origin of what a library has fetched that keeps its connection to itself.
    pub(crate) fn at(url: &Url, validators: Validators) -> Self {
        let url = without_secrets(url);
        Self { method: Method::GET, url, validators, headers: Vec::new(), peer_key: None, signed_by: None }
    }
}

/// An address as it may be told.
pub(crate) fn without_secrets(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only an address without a host cannot have them, and that has none either.
    let _ = (url.set_username(""), url.set_password(None));
    url
}

fn peer_key(response: &Response) -> Option<Digest> {
    let certificate = response.extensions().get::<TlsInfo>()?.peer_certificate()?;
    let certificate = CertificateDer::from(certificate);
    let parsed = ParsedCertificate::try_from(&certificate).ok()?;
    Some(Digest::of(&parsed.subject_public_key_info()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_or_a_password_would_open_is_not_told() {
        let told = |url: &str| without_secrets(&Url::parse(url).unwrap()).to_string();
        assert_eq!(
            told("https://me:canary@a.example/b?X-Amz-Signature=canary#canary"),
            "https://a.example/b"
        );
        assert_eq!(told("http://a.example:8080/b"), "http://a.example:8080/b");
    }
}
