//! Addresses as numbers: in every base, in fewer parts, in other digits, and inside of addresses of IPv6.
use super::{FOUR_NUMBERS, MOST_WANTED};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Hosts and where each leads.
pub(super) fn all() -> Vec<(String, IpAddr)> {
    let plain = FOUR_NUMBERS.map(|text| (text.to_owned(), text.parse().expect("four numbers")));
    let written = MOST_WANTED.into_iter().flat_map(|ip| {
        let hosts = [in_bases(ip), in_other_characters(ip), in_ipv6(ip)].concat();
        hosts.into_iter().map(move |host| (host.clone(), leads_to(&host, ip)))
    });
    let six = WRITTEN_IN_IPV6.map(|text| (format!("[{text}]"), text.parse().expect("an address")));
    plain.into_iter().chain(written).chain(six).collect()
}

/// What stands in brackets is connected to as it is.
fn leads_to(host: &str, ip: Ipv4Addr) -> IpAddr {
    let six = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    six.map_or(ip.into(), |six| six.parse::<Ipv6Addr>().expect("an address").into())
}

/// Decimal, octal and hexadecimal, in one to four parts, with or without the dot of a whole name.
fn in_bases(ip: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = ip.octets().map(u32::from);
    let bases: [fn(u32) -> String; 5] = [
        |n| n.to_string(),
        |n| format!("0{n:o}"),
        |n| format!("0000{n:o}"),
        |n| format!("0x{n:x}"),
        |n| format!("0X00{n:X}"),
    ];
    let mut found = vec![format!("{ip}.")];
    for first in bases {
        for rest in bases {
            found.push(format!("{}.{}.{}.{}", first(a), rest(b), rest(c), rest(d)));
            found.push(format!("{}.{}.{}", first(a), rest(b), rest((c << 8) | d)));
            found.push(format!("{}.{}", first(a), rest((b << 16) | (c << 8) | d)));
        }
        found.push(first(u32::from(ip)));
        found.push(format!("{}.", first(u32::from(ip))));
    }
    found
}

/// The same numbers in characters that Unicode or percent-encoding makes into them, and with some that count for nothing.
fn in_other_characters(ip: Ipv4Addr) -> Vec<String> {
    let dotted = ip.to_string();
    let digits = |zero: u32| -> String {
        dotted.chars().map(|c| c.to_digit(10).and_then(|d| char::from_u32(zero + d)).unwrap_or(c)).collect()
    };
    // Fullwidth; mathematical bold, double-struck, sans-serif, bold sans-serif and monospace; segmented.
    let mut found = [0xff10, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1fbf0].map(digits).to_vec();
    let subscript: fn(u32) -> Option<char> = |d| char::from_u32(0x2080 + d);
    let circled: fn(u32) -> Option<char> = |d| char::from_u32(if d == 0 { 0x24ea } else { 0x245f + d });
    for other in [subscript, circled] {
        found.push(dotted.chars().map(|c| c.to_digit(10).and_then(other).unwrap_or(c)).collect());
    }
    found.push(dotted.replace('1', "¹").replace('2', "²").replace('0', "⁰"));
    for dot in ["。", "．", "｡", "%2e", "%2E", "%E3%80%82"] {
        found.push(dotted.replace('.', dot));
    }
    // Soft hyphen, zero-width space, word joiner, variation selector: they are left out of names.
    for nothing in ["\u{ad}", "\u{200b}", "\u{2060}", "\u{fe0f}", "%C2%AD"] {
        found.push(dotted.replacen('.', &format!("{nothing}."), 1));
    }
    let percent = |c: char| format!("%{:02x}", u32::from(c));
    found.push(dotted.chars().map(percent).collect());
    let first = dotted.chars().next().map(percent).unwrap_or_default();
    found.push(format!("{first}{}", &dotted[1..]));
    found
}

/// Mapped, translated, compatible, NAT64, 6to4 and ISATAP addresses, in hexadecimal and with four numbers at the end.
fn in_ipv6(ip: Ipv4Addr) -> Vec<String> {
    let whole = u32::from(ip);
    let (high, low) = (whole >> 16, whole & 0xffff);
    let mut found = Vec::new();
    for prefix in [
        "::ffff:",
        "0:0:0:0:0:ffff:",
        "0000:0000:0000:0000:0000:FFFF:",
        "0::FFFF:",
        "::ffff:0:",
        "::",
        "0:0::",
        "64:ff9b::",
        "0064:FF9B::0:",
        "64:ff9b:1::",
        "fe80::5efe:",
        "fd00::200:5efe:",
        "2606:4700::5efe:",
        "2606:4700::200:5efe:",
    ] {
        found.push(format!("[{prefix}{high:x}:{low:x}]"));
        found.push(format!("[{prefix}{high:04X}:{low:04X}]"));
        found.push(format!("[{prefix}{ip}]"));
    }
    for rest in ["::", "::1", ":0:0:0:0:1", "::7f00:1"] {
        found.push(format!("[2002:{high:x}:{low:x}{rest}]"));
    }
    // Teredo writes the address of its client inverted.
    found.push(format!("[2001:0:4136:e378:8000:63bf:{:x}:{:x}]", high ^ 0xffff, low ^ 0xffff));
    found
}

/// Closed without an address of IPv4 in them.
const WRITTEN_IN_IPV6: [&str; 44] = [
    "::1",
    "0::1",
    "::0:1",
    "::0001",
    "0:0::0:1",
    "::0.0.0.1",
    "0:0:0:0:0:0:0:1",
    "0000:0000:0000:0000:0000:0000:0000:0001",
    "::",
    "::0",
    "0::0",
    "::0.0.0.0",
    "0:0:0:0:0:0:0:0",
    "fd00:ec2::254",
    "FD00:EC2::254",
    "fd00:0ec2::0254",
    "fd00:ec2:0:0:0:0:0:254",
    "fd00:ec2::0.0.2.84",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd20:00CE::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:c1::169.254.169.254",
    "fc00::1",
    "fdff:ffff::1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    "feff::1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:10::1",
    "2001:20::1",
    "2001:1ff::1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "8000::1",
    "e000::1",
    "ff02::1",
    "ff05::2",
];
