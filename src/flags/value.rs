//! Values of flags that need more than their type, and what is said of bad ones.
use crate::size::{NotASize, Size};
use crds::lease::is_of_one_process;
use ipnet::IpNet;
use std::{net::IpAddr, num::NonZeroU16, time::Duration};
use url::Url;

/// A range, or a single address for the range that holds nothing else.
pub(super) fn range(text: &str) -> Result<IpNet, &'static str> {
    let single = || text.parse::<IpAddr>().map(IpNet::from).ok();
    text.parse().ok().or_else(single).ok_or("must be a range or an address, as in 10.1.0.0/16")
}

/// Where a store lies. In `file://a/b`, which is easily written, `a` would be a host.
pub(super) fn store(text: &str) -> Result<Url, &'static str> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "file" && (url.has_host() || !text.starts_with("file:///")) => {
            Err("must have three slashes and an absolute path, as in file:///var/lib/postern")
        }
        Ok(url) if text.contains("://") => Ok(url),
        _ => Err("must be an address, as in memory:// or file:///var/lib/postern"),
    }
}

/// An address to which paths are added.
pub(super) fn base(text: &str) -> Result<Url, &'static str> {
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
    };
    let url = Url::parse(text).ok().filter(is_plain);
    url.ok_or("must be an http:// or https:// address without a query, as in http://postern.postern-system.svc:8080")
}

/// The same, where nobody else may listen.
pub(super) fn secure_base(text: &str) -> Result<Url, &'static str> {
    let url = base(text).ok().filter(|url| url.scheme() == "https");
    url.ok_or("must be an https:// address without a query, as in https://postern.postern-system.svc:9444")
}

/// Where this process is reached by others.
pub(super) fn reachable(text: &str) -> Result<IpAddr, &'static str> {
    let address = text.parse::<IpAddr>().ok().filter(|ip| is_of_one_process(*ip));
    address.ok_or("must be the IP address of this process alone, as in 10.1.2.3 or fd00::1")
}

/// A size, or nothing at all.
pub(super) fn size_or_zero(text: &str) -> Result<Size, NotASize> {
    if text == "0" { Ok(Size(0)) } else { text.parse() }
}

/// How many.
pub(super) fn count(text: &str) -> Result<NonZeroU16, &'static str> {
    text.parse().map_err(|_| "must be a number from 1 to 65535")
}

/// The name of a namespace.
pub(super) fn namespace(text: &str) -> Result<String, &'static str> {
    let is_label = crds::names::is_dns_subdomain(text) && !text.contains('.') && text.len() <= 63;
    if is_label { Ok(text.to_owned()) } else { Err("must be the name of a namespace, as in postern-system") }
}

/// How long to wait before the end. A longer wait is ended by the kubelet's SIGKILL in most installations.
pub(super) fn delay(text: &str) -> Result<Duration, &'static str> {
    const LONGEST: Duration = Duration::from_secs(600);
    let delay = crds::duration::parse(text).ok().filter(|delay| *delay <= LONGEST);
    delay.ok_or("must be a duration up to 10m, as in 5s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_an_address_whose_folder_is_absolute() {
        for text in ["memory://", "file:///var/lib/postern", "s3://bucket/prefix"] {
            assert_eq!(store(text).map(String::from).as_deref(), Ok(text));
        }
        for text in ["file://rel/x", "file:rel", "file:/x"] {
            assert!(store(text).expect_err(text).contains("three slashes"), "{text}");
        }
        for text in ["foo", "", "/var/lib/postern", "memory:"] {
            assert!(store(text).expect_err(text).contains("memory:// or file:///"), "{text}");
        }
    }

    #[test]
    fn artifacts_are_fetched_over_http() {
        assert!(base("https://postern.example/artifacts").is_ok());
        for text in ["ftp://x", "postern:8080", "http://", "http://x/?y", "http://x/#y"] {
            assert!(base(text).expect_err(text).contains("http:// or https://"), "{text}");
        }
    }

    #[test]
    fn a_controller_is_asked_over_tls() {
        assert!(secure_base("https://127.0.0.1:9444").is_ok());
        for text in ["http://127.0.0.1:9444", "https://x/?y", "x"] {
            assert!(secure_base(text).expect_err(text).contains("https://"), "{text}");
        }
    }

    #[test]
    fn a_process_is_reached_at_an_address_of_its_own() {
        for text in ["10.1.2.3", "fd00::1"] {
            assert_eq!(reachable(text).map(|ip| ip.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "0.0.0.0", "::", "ff02::1", "10.1.2.3:9444", "[fd00::1]", "localhost"] {
            assert!(reachable(text).expect_err(text).contains("as in 10.1.2.3"), "{text}");
        }
    }

    #[test]
    fn a_namespace_is_a_label() {
        assert!(namespace("a-1").is_ok() && namespace(&"a".repeat(63)).is_ok());
        for text in ["", "BAD_NS", "-a", "a-", "a.b", &"a".repeat(64)] {
            assert!(namespace(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_delay_is_a_duration_of_minutes_at_most() {
        assert_eq!(delay("1m5s"), Ok(Duration::from_secs(65)));
        assert_eq!(delay("0s"), Ok(Duration::ZERO));
        for text in ["", "5", "-1s", "11m", "1e99h"] {
            assert_eq!(delay(text), Err("must be a duration up to 10m, as in 5s"), "{text}");
        }
    }

    #[test]
    fn what_is_no_count_or_no_range_says_what_would_be() {
        assert_eq!(count("16").map(u16::from), Ok(16));
        for text in ["0", "-1", "65536", "many"] {
            assert_eq!(count(text), Err("must be a number from 1 to 65535"));
        }
        assert_eq!(range("10.0.0.1").map(|range| range.to_string()).as_deref(), Ok("10.0.0.1/32"));
        assert!(range("10.0.0.0/33").is_err());
    }
}
