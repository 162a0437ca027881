//! What stands around a host: schemes, slashes, ports, spaces, and what may be taken for another host.
use super::MOST_WANTED;
use std::net::{IpAddr, Ipv4Addr};

/// Whole addresses, and where each leads.
pub(super) fn around_a_host() -> Vec<(String, IpAddr)> {
    let around = |ip: Ipv4Addr| {
        let all = [schemes(ip), ports(ip), spaces(ip), behind(ip)].concat();
        all.into_iter().map(move |text| (text, ip.into()))
    };
    MOST_WANTED.into_iter().flat_map(around).collect()
}

fn schemes(to: Ipv4Addr) -> Vec<String> {
    let written = [
        "HTTP://",
        "hTtP://",
        "https://",
        "HTTPS://",
        "http:///",
        "http:////",
        "http:\\\\",
        "http:/\\",
        "https:",
        "https:/",
        "https:\\",
    ];
    written.map(|scheme| format!("{scheme}{to}/")).to_vec()
}

fn ports(to: Ipv4Addr) -> Vec<String> {
    let ports = ["", "80", "080", "0000000080", "443", "8080", "6443", "10250", "2379", "65535"];
    ports.map(|port| format!("http://{to}:{port}/")).to_vec()
}

/// Tabs are left out by whoever follows the URL standard. The end of a line cannot be part of a redirect.
fn spaces(to: Ipv4Addr) -> Vec<String> {
    let text = to.to_string();
    let (first, rest) = text.split_at(2);
    vec![
        format!("ht\ttp://{to}/"),
        format!("http:\t//{to}/"),
        format!("http:/\t/{to}/"),
        format!("http://\t{to}/"),
        format!("http://{first}\t{rest}/"),
        format!("http://{to}\t/"),
        format!("http://{to}/\t "),
    ]
}

/// What follows a host looks like another one, or like a way out of a path.
fn behind(to: Ipv4Addr) -> Vec<String> {
    let endings = [
        "#@9.9.9.9/",
        "?@9.9.9.9/",
        "/@9.9.9.9/",
        "\\@9.9.9.9/",
        "/../../x",
        "/%2e%2e/x",
        "?http://9.9.9.9:8080/",
        "#",
        "/;@9.9.9.9",
    ];
    endings.map(|ending| format!("http://{to}{ending}")).to_vec()
}

/// Addresses that one program takes for the public host and another for the closed one, and those that are none.
pub(in super::super) fn ambiguous() -> Vec<String> {
    let six = [
        "::1%25lo",
        "::1%lo",
        "::1%251",
        "fe80::1%25eth0",
        "fe80::1%eth0",
        "fe80::1%25",
        "::ffff:127.0.0.1%25lo",
        "::1]:80@[9.9.9.9",
        "v1.fe80",
        "::ffff:127.0.0.256",
        "::ffff:0x7f.0.0.1",
        ":::1",
        "::1::",
        "1::127.0.0.1.9",
    ];
    let broken =
        ["http://::1/", "http://0:0:0:0:0:0:0:1/", "http://[::1/", "http://::1]/", "http:///", "http://"];
    let six = six.map(|six| format!("http://[{six}]/")).into_iter();
    let four =
        MOST_WANTED.into_iter().flat_map(|to| [before(to), instead(to), after(to), numbers(to)].concat());
    six.chain(four).chain(broken.map(str::to_owned)).collect()
}

/// Users that look like hosts, and hosts that look like users.
fn before(to: Ipv4Addr) -> Vec<String> {
    let before = [
        "9.9.9.9:8080@",
        "9.9.9.9@",
        "u:p@",
        ":p@",
        "@",
        ":@",
        "a@b@",
        "9.9.9.9%40",
        "9.9.9.9:8080%2f@",
        "9.9.9.9:8080\\@",
        "9.9.9.9:8080#@",
        "9.9.9.9:8080?@",
        "9.9.9.9:8080/@",
        "9.9.9.9;",
        "9.9.9.9 ",
        "9.9.9.9,",
        "[9.9.9.9]@",
    ];
    before.map(|before| format!("http://{before}{to}/")).to_vec()
}

/// Other schemes, and none.
fn instead(to: Ipv4Addr) -> Vec<String> {
    let schemes = [
        "http:",
        "http:/",
        "//",
        "\\\\",
        "/\\",
        "/",
        "",
        "ftp://",
        "file://",
        "gopher://",
        "dict://",
        "ws://",
        "javascript://",
        "jar:http://",
        "view-source:http://",
        "url:http://",
        "http+unix://",
    ];
    schemes.map(|scheme| format!("{scheme}{to}/")).to_vec()
}

/// Ports that are none, and ends of a host that some programs do not see.
fn after(to: Ipv4Addr) -> Vec<String> {
    let after = [
        ":65536",
        ":-1",
        ":0x50",
        ":%38%30",
        ":80:80",
        "%00",
        "%00.9.9.9.9",
        "%2f@9.9.9.9",
        "%09",
        "%0d%0aHost:%209.9.9.9",
        ".%31",
        ".0x",
        "..",
        "%",
    ];
    after.map(|after| format!("http://{to}{after}/")).to_vec()
}

/// Numbers that some readers cut to what fits, or read in a base of their own.
fn numbers(to: Ipv4Addr) -> Vec<String> {
    let each = |write: fn(u8) -> String| to.octets().map(write).join(".");
    let arabic = |c: char| c.to_digit(10).and_then(|d| char::from_u32(0x660 + d)).unwrap_or(c);
    let hosts = [
        each(|octet| format!("+{octet}")),
        each(|octet| format!("{octet}e0")),
        each(|octet| format!("0o{octet}")),
        each(|octet| format!("{}", u16::from(octet) + 256)),
        to.to_string().chars().map(arabic).collect(),
        (u64::from(u32::from(to)) + (1 << 32)).to_string(),
    ];
    hosts.map(|host| format!("http://{host}/")).to_vec()
}
