//! Names of closed addresses: of services that make a name of any address, of clouds and of clusters.
use super::FOUR_NUMBERS;
use std::net::{IpAddr, Ipv4Addr};

/// The names by which machines, containers and clusters know themselves, and clouds their metadata services.
const KNOWN: [(&str, &str); 26] = [
    ("localhost.localdomain", "127.0.0.1"),
    ("localhost6", "::1"),
    ("ip6-localhost", "::1"),
    ("localtest.me", "127.0.0.1"),
    ("lvh.me", "127.0.0.1"),
    ("vcap.me", "127.0.0.1"),
    ("fbi.com", "127.0.0.1"),
    ("host.docker.internal", "192.168.65.2"),
    ("gateway.docker.internal", "172.17.0.1"),
    ("host.containers.internal", "10.88.0.1"),
    ("host.minikube.internal", "192.168.49.1"),
    ("kubernetes", "10.96.0.1"),
    ("kubernetes.default", "10.96.0.1"),
    ("kubernetes.default.svc", "10.96.0.1"),
    ("kubernetes.default.svc.cluster.local", "10.96.0.1"),
    ("postern.postern-system.svc", "10.96.0.7"),
    ("consul.service.consul", "10.0.0.3"),
    ("metadata", "169.254.169.254"),
    ("metadata.google.internal", "169.254.169.254"),
    ("metadata.goog", "169.254.169.254"),
    ("metadata.azure.internal", "169.254.169.254"),
    ("metadata.tencentyun.com", "169.254.0.23"),
    ("rancher-metadata", "169.254.169.250"),
    ("instance-data", "169.254.169.254"),
    ("instance-data.ec2.internal", "169.254.169.254"),
    ("six.metadata.google.internal", "fd20:ce::254"),
];

/// A name of two addresses, as a server of names may mix them.
const MIXED: (&str, [&str; 2]) = ("mixed.example", ["9.9.9.9", "127.0.0.1"]);

/// A name outside ASCII, and as it is looked up.
const INTERNATIONAL: (&str, &str) = ("bücher.example", "xn--bcher-kva.example");

/// What is resolved by the hosts file of the test, where the dot of a whole name belongs to it.
pub(in super::super) fn hosts() -> Vec<(String, IpAddr)> {
    let mixed = MIXED.1.map(|address| (MIXED.0.to_owned(), address.parse().expect("an address")));
    let loopback = ["localhost", INTERNATIONAL.1].map(|name| (name.to_owned(), Ipv4Addr::LOCALHOST.into()));
    let names: Vec<_> = made_of_addresses().into_iter().chain(known()).chain(loopback).collect();
    let whole: Vec<_> = names.iter().map(|(name, to)| (format!("{name}."), *to)).collect();
    names.into_iter().chain(whole).chain(mixed).collect()
}

/// Hosts and where each leads.
pub(super) fn all() -> Vec<(String, IpAddr)> {
    let (name, looked_up) = INTERNATIONAL;
    let loopback = [
        "localhost",
        "localhost.",
        "LOCALHOST",
        "LocalHost",
        "loc%61lhost",
        "ｌocalhost",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "𝓁𝑜𝒸𝒶𝓁𝒽𝑜𝓈𝓉",
        "local\u{ad}host",
        "locaℓhost",
        "bu\u{308}cher.example",
        "BÜCHER.example",
        name,
        looked_up,
        MIXED.0,
    ];
    let loopback = loopback.map(|name| (name.to_owned(), IpAddr::from(Ipv4Addr::LOCALHOST)));
    let written =
        known().into_iter().flat_map(|(name, to)| written(&name).into_iter().map(move |name| (name, to)));
    made_of_addresses().into_iter().chain(known()).chain(written).chain(loopback).collect()
}

/// As nip.io, sslip.io and their like make them.
fn made_of_addresses() -> Vec<(String, IpAddr)> {
    let names = |text: &str| {
        let ip: Ipv4Addr = text.parse().expect("four numbers");
        let (dashes, hex) = (text.replace('.', "-"), format!("{:08x}", u32::from(ip)));
        let names = [
            format!("{ip}.nip.io"),
            format!("www.{ip}.xip.io"),
            format!("{dashes}.sslip.io"),
            format!("app-{dashes}.nip.io"),
            format!("{hex}.nip.io"),
        ];
        names.map(|name| (name, IpAddr::from(ip)))
    };
    FOUR_NUMBERS.into_iter().flat_map(names).collect()
}

fn known() -> Vec<(String, IpAddr)> {
    KNOWN.map(|(name, to)| (name.to_owned(), to.parse().expect("an address"))).to_vec()
}

/// The same name in ways that all programs take for it.
fn written(name: &str) -> [String; 4] {
    let (first, rest) = name.split_at(1);
    let code = first.as_bytes()[0];
    let wide = char::from_u32(u32::from(code) - 0x21 + 0xff01).expect("a fullwidth letter");
    [name.to_uppercase(), format!("{name}."), format!("{wide}{rest}"), format!("%{code:02x}{rest}")]
}
