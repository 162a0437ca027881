//! Whether the holder of a Lease is at work: controllers ask before they take it, the aggregated API before it promises anything.
//!
//! As in client-go's leader election, the wall clock of another machine is never believed: a holder is gone once *this*
//! process has looked at the same record for as long as the Lease lasts, by its own monotonic clock.
use crate::annotations::ADDRESS;
use k8s_openapi::api::coordination::v1::Lease;
use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use thiserror::Error;

/// How long a holder that fell silent is respected; longer only where it promised more.
pub const DURATION: Duration = Duration::from_secs(15);

/// The newest state of a Lease that this process saw, and since when it has looked at exactly that.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// As it was read.
    pub lease: Lease,
    /// By the clock of this process.
    pub since: Instant,
}

/// What a Lease says of where its holder is reached leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be an IP address and a port, as in 10.1.2.3:9444 or [fd00::1]:9444")]
pub struct NoAddress;

/// Where the holder of this Lease says that it is reached, if it says so. A name is no answer: what a Lease says makes nobody look up
/// anything.
///
/// # Errors
/// It says something else.
pub fn address(lease: &Lease) -> Result<Option<SocketAddr>, NoAddress> {
    let said = lease.metadata.annotations.as_ref().and_then(|all| all.get(ADDRESS));
    let Some(text) = said else { return Ok(None) };
    let address: SocketAddr = text.parse().map_err(|_| NoAddress)?;
    if address.port() != 0 && is_of_one_process(address.ip()) { Ok(Some(address)) } else { Err(NoAddress) }
}

/// Whether a process may be reached there: who listens everywhere is not reached everywhere.
pub fn is_of_one_process(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast()
}

impl Sighting {
    /// Looks once more. The record counts as new only if it says something new.
    pub fn updated(previous: Option<Self>, lease: Lease, now: Instant) -> Self {
        let since = previous.filter(|old| old.lease.spec == lease.spec).map_or(now, |old| old.since);
        Self { lease, since }
    }

    /// Who holds it, if anybody does.
    pub fn holder(&self) -> Option<&str> {
        let spec = self.lease.spec.as_ref()?;
        spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    /// Whether nobody holds it, or its holder fell silent.
    pub fn is_silent(&self, now: Instant) -> bool {
        self.holder().is_none() || now.saturating_duration_since(self.since) >= self.lasts()
    }

    fn lasts(&self) -> Duration {
        let promised = self.lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let promised = promised.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
        DURATION.max(Duration::from_secs(promised))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};

    fn held(holder: &str, seconds: i32) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(seconds),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[expect(clippy::disallowed_methods, reason = "an `Instant` comes from nowhere else")]
    fn seen(lease: Lease) -> Sighting {
        Sighting::updated(None, lease, Instant::now())
    }

    #[test]
    fn a_silent_holder_is_respected_for_as_long_as_it_promised_and_no_shorter_than_we_hold() {
        for (promised, lasts) in [(15, 15), (60, 60), (1, 15), (0, 15), (-1, 15)] {
            let seen = seen(held("other", promised));
            let end = seen.since + Duration::from_secs(lasts);
            assert!(!seen.is_silent(end - Duration::from_millis(1)), "{promised}");
            assert!(seen.is_silent(end), "{promised}");
        }
    }

    #[test]
    fn what_nobody_holds_is_silent_at_once() {
        for free in [Lease::default(), held("", 60)] {
            let seen = seen(free);
            assert!(seen.is_silent(seen.since), "{seen:?}");
        }
    }

    #[test]
    fn a_renewal_is_a_sign_of_life_and_touching_anything_else_is_none() {
        let first = seen(held("other", 15));
        let later = first.since + DURATION;
        let mut touched = first.lease.clone();
        touched.metadata.resource_version = Some("2".into());
        assert!(Sighting::updated(Some(first.clone()), touched, later).is_silent(later));
        let mut renewed = first.lease.clone();
        let spec = renewed.spec.as_mut().expect("held() sets it");
        spec.renew_time = Some(MicroTime(jiff::Timestamp::UNIX_EPOCH));
        assert!(!Sighting::updated(Some(first), renewed, later).is_silent(later));
    }

    #[test]
    fn an_address_is_an_ip_and_a_port_and_nothing_else() {
        let says = |text: &str| {
            let mut lease = held("other", 15);
            lease.metadata.annotations = Some([(ADDRESS.to_owned(), text.to_owned())].into());
            address(&lease)
        };
        assert_eq!(address(&held("other", 15)), Ok(None));
        for text in ["10.1.2.3:9444", "[fd00::1]:9444"] {
            assert_eq!(says(text).map(|found| found.map(|found| found.to_string())), Ok(Some(text.into())));
        }
        for text in [
            "",
            "10.1.2.3",
            "10.1.2.3:",
            "10.1.2.3:0",
            "0.0.0.0:9444",
            "[::]:9444",
            "224.0.0.1:9444",
            "10.1.2.3:65536",
            " 10.1.2.3:9444",
            "10.1.2.3:9444/x",
            "fd00::1:9444",
            "localhost:9444",
            "postern.example:9444",
            "https://10.1.2.3:9444",
            "user@10.1.2.3:9444",
        ] {
            assert_eq!(says(text), Err(NoAddress), "{text:?}");
        }
    }

    #[test]
    fn clocks_that_disagree_by_years_change_nothing() {
        let mut lease = held("other", 15);
        let spec = lease.spec.as_mut().expect("held() sets it");
        spec.renew_time = Some(MicroTime(jiff::Timestamp::MIN));
        let seen = seen(lease);
        assert!(!seen.is_silent(seen.since));
    }
}
