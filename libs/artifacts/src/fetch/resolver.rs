//! The guard on the way out: names are resolved once, every address is judged, and only judged ones are connected to.
use crate::egress::{EgressPolicy, Refused};
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use thiserror::Error;
use url::{Host, Url};

/// Finds the addresses of a name.
trait Lookup: Send + Sync + 'static {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// As the system does it: hosts file, search list, name servers.
struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A resolver for reqwest, which connects to the addresses that it is given and to no others.
pub(super) struct Guard {
    policy: Arc<EgressPolicy>,
    lookup: Arc<dyn Lookup>,
}

impl Guard {
    pub(super) fn new(policy: Arc<EgressPolicy>) -> Self {
        Self { policy, lookup: Arc::new(SystemLookup) }
    }
}

/// A name without an address; distinguishes failed lookups from failed connections in a chain of causes.
#[derive(Debug, Error)]
#[error("lookup failed")]
pub(super) struct NotResolved(#[source] pub(super) io::Error);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        let found = self.lookup.lookup(name.as_str().to_owned());
        Box::pin(async move {
            let addresses = found.await.map_err(NotResolved)?;
            if addresses.is_empty() {
                return Err(NotResolved(io::Error::from(io::ErrorKind::NotFound)).into());
            }
            // One bad address among good ones refuses the name: what a name server mixes in is no accident.
            addresses.iter().try_for_each(|address| policy.check(*address))?;
            Ok(Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

/// Judges an address that stands in the URL itself: those never reach a resolver. The URL parser has already turned
/// every spelling (decimal, octal, hexadecimal, shortened, full-width) into the address that it means.
pub(crate) fn check_literal(policy: &EgressPolicy, url: &Url) -> Result<(), Refused> {
    match url.host() {
        Some(Host::Ipv4(address)) => policy.check(address.into()),
        Some(Host::Ipv6(address)) => policy.check(address.into()),
        Some(Host::Domain(_)) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers with the next of its lists, over and over.
    struct Script(Vec<Vec<&'static str>>, AtomicUsize);

    impl Lookup for Script {
        fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            let next = &self.0[self.1.fetch_add(1, Ordering::Relaxed) % self.0.len()];
            let addresses = next.iter().map(|address| address.parse().unwrap()).collect();
            Box::pin(async move { Ok(addresses) })
        }
    }

    fn guard(answers: &[&[&'static str]]) -> Guard {
        let answers = answers.iter().map(|list| list.to_vec()).collect();
        Guard { policy: Arc::default(), lookup: Arc::new(Script(answers, AtomicUsize::new(0))) }
    }

    async fn resolve(guard: &Guard) -> Result<Vec<SocketAddr>, String> {
        let name = "source.example".parse().unwrap();
        let addresses = guard.resolve(name).await.map_err(|error| error.to_string())?;
        Ok(addresses.collect())
    }

    #[tokio::test]
    async fn public_addresses_pass() {
        let found = resolve(&guard(&[&["1.1.1.1", "2606:4700::1111"]])).await;
        assert_eq!(found, Ok(vec!["1.1.1.1:0".parse().unwrap(), "[2606:4700::1111]:0".parse().unwrap()]));
    }

    #[tokio::test]
    async fn one_closed_address_among_open_ones_refuses_the_name() {
        for answer in [["1.1.1.1", "10.0.0.1"], ["::1", "1.1.1.1"], ["1.1.1.1", "::ffff:169.254.169.254"]] {
            let refused = resolve(&guard(&[&answer])).await.expect_err("one is closed");
            assert!(refused.contains("--allow-egress"), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_never_gets_a_closed_address_through() {
        let rebinding = guard(&[&["1.1.1.1"], &["127.0.0.1"]]);
        let mut refused = 0;
        for _ in 0..1000 {
            match resolve(&rebinding).await {
                Ok(found) => assert_eq!(found, ["1.1.1.1:0".parse().unwrap()]),
                Err(_) => refused += 1,
            }
        }
        assert_eq!(refused, 500);
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_not_resolved() {
        assert_eq!(resolve(&guard(&[&[]])).await, Err("lookup failed".into()));
    }
}
