//! Ways to write addresses that are closed, by what readers of addresses have been known to accept.
mod names;
mod numbers;
mod texts;

pub(super) use names::hosts;
pub(super) use texts::ambiguous;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

/// One way to write one closed address.
pub(super) struct Spelling {
    /// The whole of it, as in a spec or in a redirect.
    pub(super) text: String,
    /// Where it leads.
    pub(super) to: IpAddr,
}

impl Spelling {
    /// Whether the kernel connects to it at all: a multicast group takes no connection, and a link-local address needs a link.
    pub(super) fn can_be_connected_to(&self) -> bool {
        match self.to {
            IpAddr::V4(v4) => !v4.is_multicast() && !v4.is_broadcast(),
            IpAddr::V6(v6) => !v6.is_multicast() && !v6.is_unicast_link_local(),
        }
    }
}

/// What opens only by its own address.
pub(super) const METADATA: [&str; 11] = [
    "169.254.169.254",
    "169.254.169.253",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::23",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
];

/// Addresses of every closed range that people write as four numbers.
const FOUR_NUMBERS: [&str; 20] = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.255.9",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "255.255.255.255",
];

/// Those that are written in every way: one each of loopback, metadata and private ranges.
const MOST_WANTED: [Ipv4Addr; 3] =
    [Ipv4Addr::LOCALHOST, Ipv4Addr::new(169, 254, 169, 254), Ipv4Addr::new(10, 0, 0, 1)];

/// Every spelling, each once.
pub(super) fn closed() -> Vec<Spelling> {
    let hosts = numbers::all().into_iter().chain(names::all());
    let on_its_own = hosts.map(|(host, to)| (format!("http://{host}/latest/meta-data"), to));
    let all: BTreeMap<String, IpAddr> = on_its_own.chain(texts::around_a_host()).collect();
    all.into_iter().map(|(text, to)| Spelling { text, to }).collect()
}
