//! What the policy promises, address by address and spelling by spelling. Nothing here opens a socket.
use super::*;
use proptest::prelude::*;
use url::{Host, Url};

fn nets(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|net| net.parse().unwrap()).collect()
}

fn check(policy: &EgressPolicy, address: &str) -> Result<(), String> {
    policy.check(address.parse().unwrap()).map_err(|refused| refused.to_string())
}

#[test]
fn the_public_internet_is_open() {
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "172.32.0.1",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700::1111",
        "64:ff9b::1.1.1.1",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
        "2606:4700::5efe:808:808",
    ] {
        assert_eq!(check(&EgressPolicy::default(), address), Ok(()), "{address}");
    }
}

#[test]
fn what_is_not_public_is_closed_and_named() {
    for (address, class) in [
        ("127.0.0.1", "a loopback address (127.0.0.0/8)"),
        ("127.255.255.254", "a loopback address (127.0.0.0/8)"),
        ("::1", "a loopback address (::1/128)"),
        ("0.0.0.0", "an address of this host (0.0.0.0/8)"),
        ("::", "an address of this host (::/128)"),
        ("10.255.0.1", "a private address (10.0.0.0/8)"),
        ("172.31.255.255", "a private address (172.16.0.0/12)"),
        ("192.168.0.1", "a private address (192.168.0.0/16)"),
        ("fd12:3456::1", "a private address (fc00::/7)"),
        ("100.127.255.255", "a shared (carrier-grade NAT) address (100.64.0.0/10)"),
        ("169.254.0.1", "a link-local address (169.254.0.0/16)"),
        ("fe80::1", "a link-local address (fe80::/10)"),
        ("fe80::5efe:808:808", "a link-local address (fe80::/10)"),
        ("169.254.169.254", "a cloud metadata address (169.254.169.254/32)"),
        ("168.63.129.16", "a cloud metadata address (168.63.129.16/32)"),
        ("fd00:ec2::254", "a cloud metadata address (fd00:ec2::254/128)"),
        ("224.0.0.1", "a multicast address (224.0.0.0/4)"),
        ("ff02::1", "a multicast address (ff00::/8)"),
        ("255.255.255.255", "the broadcast address (255.255.255.255/32)"),
        ("240.0.0.1", "a reserved address (240.0.0.0/4)"),
        ("198.19.0.1", "a benchmarking address (198.18.0.0/15)"),
        ("203.0.113.7", "a documentation address (203.0.113.0/24)"),
        ("2001::1", "a translation or tunnel address (2001::/23)"),
        ("4000::1", "a reserved address (4000::/2)"),
    ] {
        let refused = check(&EgressPolicy::default(), address).expect_err(address);
        assert!(refused.starts_with(&format!("{address} is {class}; ")), "{refused}");
    }
}

#[test]
fn an_address_that_stands_for_another_is_judged_as_that_one() {
    for address in [
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
        "2002:7f00:1:ffff::1",
        "2606:4700::5efe:7f00:1",
        "2606:4700::200:5efe:127.0.0.1",
    ] {
        let refused = check(&EgressPolicy::default(), address).expect_err(address);
        assert!(
            refused.contains("stands for 127.0.0.1, which is a loopback address (127.0.0.0/8)"),
            "{refused}"
        );
        let loopback = EgressPolicy::new(nets(&["127.0.0.0/8"]), vec![]);
        assert_eq!(check(&loopback, address), Ok(()), "{address}");
    }
}

#[test]
fn the_refusal_names_the_flag_that_opens_it_and_that_flag_does() {
    let refused = EgressPolicy::default().check("10.1.2.3".parse().unwrap()).expect_err("private");
    assert_eq!(
        refused.to_string(),
        "10.1.2.3 is a private address (10.0.0.0/8); the operator may open it with --allow-egress 10.0.0.0/8"
    );
    assert_eq!(check(&EgressPolicy::new(vec![refused.range()], vec![]), "10.1.2.3"), Ok(()));
}

#[test]
fn the_narrower_of_two_lists_wins_and_a_tie_is_a_denial() {
    let policy = EgressPolicy::new(
        nets(&["10.0.0.0/8", "10.96.7.7/32", "1.0.0.0/8", "192.168.0.0/16"]),
        nets(&["10.96.0.0/12", "1.1.1.0/24", "192.168.0.0/16"]),
    );
    assert_eq!(check(&policy, "10.1.2.3"), Ok(()));
    assert_eq!(check(&policy, "10.96.7.7"), Ok(()));
    assert_eq!(check(&policy, "1.1.2.1"), Ok(()));
    assert_eq!(
        check(&policy, "::ffff:10.96.0.1").expect_err("denied"),
        "::ffff:10.96.0.1 stands for 10.96.0.1, which lies in 10.96.0.0/12, which --deny-egress closes unless \
         --allow-egress lists a narrower range"
    );
    assert!(check(&policy, "1.1.1.1").is_err() && check(&policy, "192.168.0.1").is_err());
}

#[test]
fn metadata_opens_only_by_its_own_address() {
    let everything = EgressPolicy::new(nets(&["0.0.0.0/0", "::/0", "169.254.0.0/16"]), vec![]);
    assert_eq!(check(&everything, "127.0.0.1"), Ok(()));
    assert_eq!(check(&everything, "169.254.1.1"), Ok(()));
    for address in ["169.254.169.254", "::ffff:169.254.169.254", "100.100.100.200", "fd00:ec2::254"] {
        assert!(check(&everything, address).expect_err(address).contains("a cloud metadata address"));
    }
    let named = EgressPolicy::new(nets(&["169.254.169.254/32"]), vec![]);
    assert_eq!(check(&named, "169.254.169.254"), Ok(()));
    assert!(check(&named, "169.254.169.253").is_err());
}

/// The ways that parsers of addresses have been known to accept for one IPv4 address.
fn spellings(ip: std::net::Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = ip.octets().map(u32::from);
    let whole = u32::from(ip);
    let octets: [fn(u32) -> String; 5] = [
        |octet| octet.to_string(),
        |octet| format!("0{octet:o}"),
        |octet| format!("000{octet:o}"),
        |octet| format!("0x{octet:x}"),
        |octet| format!("0X{octet:02X}"),
    ];
    let mut found = Vec::new();
    for first in octets {
        for rest in octets {
            found.push(format!("{}.{}.{}.{}", first(a), rest(b), rest(c), rest(d)));
            found.push(format!("{}.{}.{}", first(a), rest(b), rest((c << 8) | d)));
            found.push(format!("{}.{}", first(a), rest((b << 16) | (c << 8) | d)));
        }
        found.push(first(whole));
    }
    let dotted = ip.to_string();
    for dot in ["。", "．", "｡", "%2e"] {
        found.push(dotted.replace('.', dot));
    }
    let wide = |c: char| c.to_digit(10).and_then(|digit| char::from_u32(0xff10 + digit)).unwrap_or(c);
    found.push(dotted.chars().map(wide).collect());
    let circled =
        |c: char| c.to_digit(10).filter(|d| *d > 0).and_then(|d| char::from_u32(0x245f + d)).unwrap_or(c);
    found.push(dotted.chars().map(circled).collect());
    found.push(dotted.chars().map(|c| format!("%{:02x}", u32::from(c))).collect());
    let dots: Vec<String> = found.iter().map(|spelling| format!("{spelling}.")).collect();
    found.extend(dots);
    let (high, low) = (whole >> 16, whole & 0xffff);
    for prefix in ["::ffff:", "0:0:0:0:0:FFFF:", "::", "::ffff:0:", "64:ff9b::"] {
        found.push(format!("[{prefix}{high:x}:{low:x}]"));
        found.push(format!("[{prefix}{dotted}]"));
    }
    found.push(format!("[2002:{high:x}:{low:x}::]"));
    found
}

#[test]
fn every_spelling_of_a_closed_address_is_seen_through() {
    let mut tried = 0;
    for ip in ["127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.255.9"] {
        for spelling in spellings(ip.parse().unwrap()) {
            let url = Url::parse(&format!("http://{spelling}/latest/meta-data")).expect(&spelling);
            let address: IpAddr = match url.host().expect("http has a host") {
                Host::Ipv4(v4) => v4.into(),
                Host::Ipv6(v6) => v6.into(),
                // A name is resolved before it is connected to, and every address found is checked.
                Host::Domain(name) => panic!("{spelling} was taken for the name {name}"),
            };
            let refused = EgressPolicy::default().check(address).expect_err(&spelling);
            assert_eq!(refused.meant.to_string(), ip, "{spelling}");
            tried += 1;
        }
    }
    assert!(tried >= 500, "{tried} spellings");
}

proptest! {
    #[test]
    fn any_mixture_of_bases_and_parts_is_the_address_that_it_means(
        bits: u32, parts in 1_u32..=4, bases in proptest::array::uniform4(0_u8..4)
    ) {
        // The last of fewer than four parts holds all octets that are left.
        let part = |i: u32| match parts - 1 == i {
            true => u32::try_from(u64::from(bits) & ((1_u64 << (8 * (4 - i))) - 1)).unwrap(),
            false => (bits >> (24 - 8 * i)) & 0xff,
        };
        let written = (0..parts).zip(bases).map(|(i, base)| match base {
            0 => part(i).to_string(),
            1 => format!("0{:o}", part(i)),
            2 => format!("0x{:x}", part(i)),
            _ => format!("0X{:08X}", part(i)),
        });
        let host = written.collect::<Vec<_>>().join(".");
        let url = Url::parse(&format!("http://{host}/")).unwrap();
        prop_assert_eq!(url.host(), Some(Host::Ipv4(bits.into())), "{}", host);
    }

    #[test]
    fn any_embedded_address_has_the_verdict_of_the_address(bits: u32) {
        let v4 = std::net::Ipv4Addr::from(bits);
        let policy = EgressPolicy::default();
        let plain = policy.check(v4.into()).is_ok();
        prop_assert_eq!(policy.check(v4.to_ipv6_mapped().into()).is_ok(), plain);
        let [a, b, c, d] = v4.octets();
        let nat64: IpAddr = format!("64:ff9b::{a}.{b}.{c}.{d}").parse().unwrap();
        prop_assert_eq!(policy.check(nat64).is_ok(), plain);
    }

    #[test]
    fn any_address_that_std_calls_private_or_local_is_closed(bits: u32, v6: u128) {
        let v4 = std::net::Ipv4Addr::from(bits);
        if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_documentation()
            || v4.is_broadcast() || v4.is_unspecified()
        {
            prop_assert!(EgressPolicy::default().check(v4.into()).is_err());
        }
        let v6 = std::net::Ipv6Addr::from(v6);
        if v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast() || v6.is_loopback() {
            prop_assert!(EgressPolicy::default().check(v6.into()).is_err());
        }
    }

    #[test]
    fn any_denied_range_has_no_way_in(bits: u32, prefix in 1_u8..=32) {
        let v4 = std::net::Ipv4Addr::from(bits);
        let denied = IpNet::new(v4.into(), prefix).unwrap().trunc();
        let policy = EgressPolicy::new(nets(&["0.0.0.0/0"]), vec![denied]);
        prop_assert!(policy.check(v4.into()).is_err());
        prop_assert!(policy.check(v4.to_ipv6_mapped().into()).is_err());
    }
}
