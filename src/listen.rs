//! Addresses to listen on, as the flags give them, and what certificates must say about them.
use crate::{
    flags::{Flags, ListenFlags},
    role::Role,
};
use anyhow::Context as _;
use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};
use tokio::net::TcpListener;

/// `:6443` for every address of the machine, or `10.0.0.1:6443`, or `[::1]:6443`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// None is every address of both families.
    host: Option<IpAddr>,
    port: u16,
}

impl Listen {
    /// Opens the socket. A machine without IPv6 is served over IPv4 alone.
    async fn bind(self, flag: &str) -> anyhow::Result<TcpListener> {
        let at = |host: IpAddr| TcpListener::bind(SocketAddr::new(host, self.port));
        let bound = match self.host {
            Some(host) => at(host).await,
            None => match at(Ipv6Addr::UNSPECIFIED.into()).await {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    at(Ipv4Addr::UNSPECIFIED.into()).await
                }
                bound => bound,
            },
        };
        bound.with_context(|| format!("failed to listen on {self} ({flag})"))
    }

    /// The one address that clients can name, if it is not every address.
    fn specific(self) -> Option<IpAddr> {
        self.host.filter(|host| !host.is_unspecified())
    }
}

/// The sockets of a role, open. Clients that come early wait in the kernel's queue.
pub(crate) struct Listeners {
    pub(crate) admin: TcpListener,
    pub(crate) api: Option<ApiListeners>,
    pub(crate) webhook: Option<TcpListener>,
    pub(crate) controller: Option<TcpListener>,
}

/// The sockets of the apiserver role.
pub(crate) struct ApiListeners {
    pub(crate) apiserver: TcpListener,
    pub(crate) artifacts: TcpListener,
}

impl Listeners {
    /// Opens what the role serves.
    pub(crate) async fn bind(role: Role, given: &Flags) -> anyhow::Result<Self> {
        let flags = &given.listen;
        let admin = flags.admin.bind("--admin-listen").await?;
        let api = if role.serves_api() { Some(ApiListeners::bind(flags).await?) } else { None };
        let webhook = if role.admits() { Some(flags.webhook.bind("--webhook-listen").await?) } else { None };
        let controller = match role.is_asked(&given.controller) {
            true => Some(flags.controller.bind("--controller-listen").await?),
            false => None,
        };
        Ok(Self { admin, api, webhook, controller })
    }
}

impl ApiListeners {
    async fn bind(flags: &ListenFlags) -> anyhow::Result<Self> {
        Ok(Self {
            apiserver: flags.apiserver.bind("--apiserver-listen").await?,
            artifacts: flags.artifacts.bind("--artifacts-listen").await?,
        })
    }
}

/// The names under which clients reach what listens there: the Service's, and the addresses that were asked for.
pub(crate) fn names(namespace: &str, listens: &[Listen]) -> BTreeSet<String> {
    let service = format!("postern.{namespace}");
    let mut names = BTreeSet::from([
        format!("{service}.svc"),
        format!("{service}.svc.cluster.local"),
        service,
        "localhost".to_owned(),
    ]);
    names.extend(listens.iter().filter_map(|listen| listen.specific()).map(|host| host.to_string()));
    names
}

impl FromStr for Listen {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Some(port) = text.strip_prefix(':') {
            return Ok(Self { host: None, port: port.parse().map_err(|_| NotAnAddress)? });
        }
        let address: SocketAddr = text.parse().map_err(|_| NotAnAddress)?;
        Ok(Self { host: Some(address.ip()), port: address.port() })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Some(host) => SocketAddr::new(host, self.port).fmt(f),
            None => write!(f, ":{}", self.port),
        }
    }
}

/// A text that is no address to listen on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAnAddress;

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be :PORT or IP:PORT, as in :6443, 127.0.0.1:6443 or [::1]:6443")
    }
}

impl std::error::Error for NotAnAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_addresses() {
        for text in [":6443", "127.0.0.1:0", "[::1]:9443"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for text in ["", "6443", ":x", ":65536", "localhost:1", "::1:9443", "1.2.3.4"] {
            assert_eq!(text.parse::<Listen>(), Err(NotAnAddress), "{text:?}");
        }
    }

    #[test]
    fn a_certificate_names_the_service_and_specific_addresses_only() {
        let listens = [":6443", "10.1.2.3:9443", "0.0.0.0:1", "[::]:2", "[fd00::1]:3"];
        let names = names("a", &listens.map(|text| text.parse().unwrap()));
        let expected =
            ["10.1.2.3", "fd00::1", "localhost", "postern.a", "postern.a.svc", "postern.a.svc.cluster.local"];
        assert_eq!(Vec::from_iter(names), expected);
    }

    #[tokio::test]
    async fn an_address_in_use_is_named_with_its_flag() {
        let taken = "127.0.0.1:0".parse::<Listen>().unwrap().bind("--a").await.unwrap();
        let taken: Listen = taken.local_addr().unwrap().to_string().parse().unwrap();
        let error = taken.bind("--webhook-listen").await.expect_err("in use");
        assert_eq!(error.to_string(), format!("failed to listen on {taken} (--webhook-listen)"));
    }
}
