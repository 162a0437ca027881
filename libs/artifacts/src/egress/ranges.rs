//! The ranges that are not the public internet (the special-purpose registries of IANA, RFC 6890, and the metadata
//! services of clouds), and which IPv4 address an IPv6 address stands for.
use ipnet::IpNet;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

/// A closed range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) net: IpNet,
    pub(super) class: Class,
}

/// What lies in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Metadata,
    ThisHost,
    Loopback,
    LinkLocal,
    Private,
    SharedSpace,
    Multicast,
    Broadcast,
    Benchmarking,
    Documentation,
    Translation,
    Reserved,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "a cloud metadata address",
            Self::ThisHost => "an address of this host",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Private => "a private address",
            Self::SharedSpace => "a shared (carrier-grade NAT) address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Benchmarking => "a benchmarking address",
            Self::Documentation => "a documentation address",
            Self::Translation => "a translation or tunnel address",
            Self::Reserved => "a reserved address",
        })
    }
}

/// Narrow before wide: the first that covers an address names what it is.
const CLOSED: [(&str, Class); 40] = [
    ("169.254.169.254/32", Class::Metadata), // AWS, Azure, Google Cloud, OpenStack, DigitalOcean, Oracle, Hetzner
    ("169.254.169.253/32", Class::Metadata), // AWS, resolver of the VPC
    ("169.254.170.2/32", Class::Metadata),   // AWS ECS, credentials of tasks
    ("169.254.170.23/32", Class::Metadata),  // AWS EKS, credentials of pods
    ("100.100.100.200/32", Class::Metadata), // Alibaba Cloud
    ("168.63.129.16/32", Class::Metadata),   // Azure, host agent; a public address in form
    ("192.0.0.192/32", Class::Metadata),     // Oracle Cloud
    ("fd00:ec2::23/128", Class::Metadata),
    ("fd00:ec2::254/128", Class::Metadata),
    ("fd20:ce::254/128", Class::Metadata),       // Google Cloud
    ("fd00:c1::a9fe:a9fe/128", Class::Metadata), // Oracle Cloud
    ("0.0.0.0/8", Class::ThisHost),
    ("10.0.0.0/8", Class::Private),
    ("100.64.0.0/10", Class::SharedSpace),
    ("127.0.0.0/8", Class::Loopback),
    ("169.254.0.0/16", Class::LinkLocal),
    ("172.16.0.0/12", Class::Private),
    ("192.0.0.0/24", Class::Reserved),
    ("192.0.2.0/24", Class::Documentation),
    ("192.88.99.0/24", Class::Translation), // relays of 6to4
    ("192.168.0.0/16", Class::Private),
    ("198.18.0.0/15", Class::Benchmarking),
    ("198.51.100.0/24", Class::Documentation),
    ("203.0.113.0/24", Class::Documentation),
    ("224.0.0.0/4", Class::Multicast),
    ("255.255.255.255/32", Class::Broadcast),
    ("240.0.0.0/4", Class::Reserved),
    ("::/128", Class::ThisHost),
    ("::1/128", Class::Loopback),
    ("64:ff9b:1::/48", Class::Translation), // NAT64 of a local network: what lies behind it cannot be known
    ("2001:db8::/32", Class::Documentation),
    ("2001::/23", Class::Translation), // Teredo, ORCHID and other protocol assignments
    ("3fff::/20", Class::Documentation),
    ("fc00::/7", Class::Private),
    ("fe80::/10", Class::LinkLocal),
    ("fec0::/10", Class::Private), // site-local, the forerunner of fc00::/7
    ("ff00::/8", Class::Multicast),
    ("::/3", Class::Reserved), // only 2000::/3 is given out as public
    ("4000::/2", Class::Reserved),
    ("8000::/1", Class::Reserved),
];

/// Read once; a typing mistake in the table fails the first test.
static RANGES: LazyLock<Vec<Range>> = LazyLock::new(|| {
    let range =
        |(net, class): (&str, Class)| Range { net: net.parse().expect("the table holds nets"), class };
    CLOSED.into_iter().map(range).collect()
});

/// The closed range that `address` lies in, if any.
pub(super) fn closed(address: IpAddr) -> Option<Range> {
    RANGES.iter().find(|range| range.net.contains(&address)).copied()
}

/// The address that packets for `address` end at: the IPv4 address inside IPv4-mapped (`::ffff:0:0/96`),
/// IPv4-translated (`::ffff:0:0:0/96`), IPv4-compatible (`::/96`), NAT64 (`64:ff9b::/96`) and 6to4 (`2002::/16`)
/// addresses, and inside ISATAP ones of a public prefix (RFC 5214), else itself.
pub(super) fn meant(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
    }
}

fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = v6.segments();
    let join = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match s {
        // `::` and `::1` have meanings of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => join(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => join(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => join(high, low),
        [0x2002, high, low, ..] => join(high, low),
        // Of a prefix that is closed, the address stays closed whatever the IPv4 address is.
        [.., 0 | 0x200, 0x5efe, high, low] if closed(v6.into()).is_none() => join(high, low),
        _ => None,
    }
}
