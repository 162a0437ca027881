//! Who a request seems to be from, before anybody has looked into that: what finding out takes is shared out by this.
//!
//! It decides nothing but whose turn it is. Whoever claims to be many gets as many turns, until it is known who it is.
use crate::serve::Peer;
use http::{Extensions, HeaderMap};
use std::fmt::Write;

/// The header in which front proxies name the user, unless they are told otherwise.
const USER: &str = "x-remote-user";

/// The certificate that the connection was opened with, or else its address, and whom it says it speaks for.
pub(in crate::server) fn claimant(extensions: &Extensions, headers: &HeaderMap) -> String {
    let mut claimant = String::new();
    let written = match extensions.get::<Peer>() {
        None => Ok(()),
        Some(peer) if peer.certificates.is_empty() => write!(claimant, "{}", peer.address.ip()),
        Some(peer) => {
            peer.certificates.fingerprint().iter().try_for_each(|byte| write!(claimant, "{byte:02x}"))
        }
    };
    written.expect("a string takes everything");
    let user = headers.get(USER).map(|user| String::from_utf8_lossy(user.as_bytes()));
    claimant.extend(["/", user.as_deref().unwrap_or_default()]);
    claimant
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Chain;
    use http::HeaderValue;
    use rustls_pki_types::CertificateDer;
    use std::net::SocketAddr;

    fn of(certificate: Option<&'static [u8]>, user: Option<&'static str>) -> String {
        let (mut extensions, mut headers) = (Extensions::new(), HeaderMap::new());
        let certificates = Chain::from(Vec::from_iter(certificate.map(CertificateDer::from)));
        extensions.insert(Peer { address: SocketAddr::from(([127, 0, 0, 1], 4711)), certificates });
        if let Some(user) = user {
            headers.insert(USER, HeaderValue::from_static(user));
        }
        claimant(&extensions, &headers)
    }

    #[test]
    fn users_behind_one_front_proxy_do_not_share_turns_and_a_users_connections_do() {
        assert_eq!(of(None, None), "127.0.0.1/");
        assert_ne!(of(Some(b"proxy"), Some("jane")), of(Some(b"proxy"), Some("noisy")));
        assert_ne!(of(Some(b"jane"), None), of(Some(b"noisy"), None));
        assert_eq!(of(Some(b"jane"), None), of(Some(b"jane"), None));
    }
}
