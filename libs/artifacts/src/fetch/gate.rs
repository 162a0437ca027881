//! Where the requests of one pass may go: to the addresses that the installation opens, and to the hosts of the namespace.
use super::resolver::check_literal;
use crate::{
    Error,
    egress::{EgressPolicy, HostRefused, Refused},
};
use crds::allowed_hosts::NamespaceHosts;
use std::sync::Arc;
use thiserror::Error as ThisError;
use url::{Position, Url};

/// Asked about every URL before it is requested: an address that stands in one never reaches a resolver, and a resolver does not
/// know for whom it resolves.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(super) policy: Arc<EgressPolicy>,
    /// `None`: every host.
    pub(super) hosts: Option<NamespaceHosts>,
}

/// Why a URL may not be requested.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum Closed {
    /// The policy closes the address in it.
    #[error("the address is closed")]
    Address(#[source] Refused),
    /// The namespace may not reach the host.
    #[error("the host is closed")]
    Host(#[source] HostRefused),
}

impl Gate {
    /// Whether that may be requested.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Closed> {
        let host = &url[Position::BeforeHost..Position::AfterPort];
        if let Some(why) = self.hosts.as_ref().and_then(|hosts| hosts.refusal(host)) {
            return Err(Closed::Host(HostRefused(why)));
        }
        check_literal(&self.policy, url).map_err(Closed::Address)
    }
}

impl Closed {
    /// The error of a pass; `host` as messages name it.
    pub(super) fn at(self, host: &str) -> Error {
        let host = host.to_owned();
        match self {
            Self::Address(refused) => Error::AddressRefused { host, refused },
            Self::Host(refused) => Error::HostRefused { host, refused },
        }
    }
}
