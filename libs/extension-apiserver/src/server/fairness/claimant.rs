//! Who a request seems to be from, before anybody has looked into that: what finding out takes is shared out by this.
//!
//! It decides nothing but whose turn it is. Whoever claims to be many gets as many turns, until it is known who it is.
use crate::serve::{Fingerprint, Peer};
use http::{Extensions, HeaderMap};
use std::net::IpAddr;

/// The header in which front proxies name the user, unless they are told otherwise.
const USER: &str = "x-remote-user";

/// Where a request comes from, and whom it says it speaks for. Borrowed from it: this is looked at for every request.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Claimant<'a> {
    origin: Origin<'a>,
    user: &'a [u8],
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Origin<'a> {
    Unknown,
    /// Of a connection without a certificate.
    Address(IpAddr),
    /// Of what the connection was opened with.
    Certificates(&'a Fingerprint),
}

impl<'a> Claimant<'a> {
    pub(super) fn of(extensions: &'a Extensions, headers: &'a HeaderMap) -> Self {
        let origin = match extensions.get::<Peer>() {
            None => Origin::Unknown,
            Some(peer) if peer.certificates.is_empty() => Origin::Address(peer.address.ip()),
            Some(peer) => Origin::Certificates(peer.certificates.fingerprint()),
        };
        Self { origin, user: headers.get(USER).map_or(&[], |user| user.as_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{serve::Chain, server::fairness::key::Keys};
    use http::HeaderValue;
    use rustls_pki_types::CertificateDer;
    use std::net::{Ipv4Addr, SocketAddr};

    fn request(certificate: Option<&'static [u8]>, user: Option<&'static str>) -> (Extensions, HeaderMap) {
        let (mut extensions, mut headers) = (Extensions::new(), HeaderMap::new());
        let certificates = Chain::from(Vec::from_iter(certificate.map(CertificateDer::from)));
        extensions.insert(Peer { address: SocketAddr::from(([127, 0, 0, 1], 4711)), certificates });
        if let Some(user) = user {
            headers.insert(USER, HeaderValue::from_static(user));
        }
        (extensions, headers)
    }

    #[test]
    fn users_behind_one_front_proxy_do_not_share_turns_and_a_users_connections_do() {
        let keys = Keys::default();
        let of = |certificate, user| {
            let (extensions, headers) = request(certificate, user);
            keys.of(Claimant::of(&extensions, &headers))
        };
        assert_ne!(of(Some(b"proxy"), Some("jane")), of(Some(b"proxy"), Some("noisy")));
        assert_ne!(of(Some(b"jane"), None), of(Some(b"noisy"), None));
        assert_eq!(of(Some(b"jane"), None), of(Some(b"jane"), None));
    }

    #[test]
    fn whoever_presents_no_certificate_is_known_by_address() {
        let (extensions, headers) = request(None, None);
        let local = Origin::Address(Ipv4Addr::LOCALHOST.into());
        assert_eq!(Claimant::of(&extensions, &headers), Claimant { origin: local, user: b"" });
    }
}
