//! What must hold whatever addresses are named, and whatever the headers of an answer say.
use super::{
    Answer, Hop, Validators, answer::media_type, conditions, pause, redirect::is_redirect, resolver,
};
use crate::{
    Error,
    egress::EgressPolicy,
    generators::{Expected, HttpRequest},
    transform::document::fuzz::request,
};
use crds::{external_source::HttpGenerator, rules::Rules};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use ipnet::IpNet;
use jiff::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// The longest pause, in seconds.
const DAY: u64 = 86_400;

/// The first line is an address of a spec, the rest a `Location`: neither leads to what is closed by default, however it is
/// spelled, and a redirect takes no secret to another origin. The first bytes are an address by themselves, too.
pub fn addresses(input: &[u8]) {
    if let Some(octets) = input.first_chunk::<16>() {
        judged(Ipv6Addr::from(*octets).into());
    }
    if let Some(octets) = input.first_chunk::<4>() {
        judged(Ipv4Addr::from(*octets).into());
    }
    let mut halves = input.splitn(2, |byte| *byte == b'\n');
    let (first, location) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let Some(url) = accepted(first) else { return };
    guarded(&url);
    let request = HttpRequest { url, ..request() };
    for status in [301, 302, 303, 307, 308].map(|code| StatusCode::from_u16(code).expect("a code")) {
        assert!(is_redirect(status));
        if let Ok(next) = Hop::first(&request).follow(status, location) {
            assert!(next.url.scheme() == "https" || request.url.scheme() == "http", "{}", next.url);
            let is_home = next.url.origin() == request.url.origin();
            assert!(is_home || next.headers.is_empty(), "a secret goes to {}", next.url);
            guarded(&next.url);
        }
    }
}

/// The address, if the rules accept it.
fn accepted(text: &[u8]) -> Option<Url> {
    let url = str::from_utf8(text).ok()?.to_owned();
    let asked = HttpGenerator { url, method: "GET".into(), ..HttpGenerator::default() };
    asked.violations().is_empty().then(|| Url::parse(&asked.url).expect("the rules accepted it"))
}

fn guarded(url: &Url) {
    assert!(matches!(url.scheme(), "http" | "https"), "{url}");
    assert!(url.username().is_empty() && url.password().is_none(), "a password in an address");
    let address = match url.host().expect("every such address has a host") {
        Host::Ipv4(address) => IpAddr::from(address),
        Host::Ipv6(address) => IpAddr::from(address),
        // It is resolved, and what is found is judged.
        Host::Domain(name) => return assert!(name.parse::<IpAddr>().is_err(), "{name} is no name"),
    };
    let policy = EgressPolicy::default();
    assert_eq!(resolver::check_literal(&policy, url), policy.check(address), "{url}");
    judged(address);
}

/// Nothing local is open; what a refusal advises opens the address; what is denied by itself stays closed.
fn judged(address: IpAddr) {
    match EgressPolicy::default().check(address) {
        Ok(()) => assert!(!is_local(address), "{address} is open"),
        Err(refused) => {
            assert!(!refused.to_string().contains('\n'));
            let advised = EgressPolicy::new(vec![refused.range()], Vec::new());
            assert_eq!(advised.check(address), Ok(()), "the advice does not help");
        }
    }
    let all = ["0.0.0.0/0", "::/0"].map(|net| net.parse().expect("a net")).to_vec();
    assert!(
        EgressPolicy::new(all, vec![IpNet::from(address)]).check(address).is_err(),
        "{address} is denied"
    );
}

fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
        }
    }
}

/// Headers of an answer, a line each: they ask for a pause of a day at most, and what they are recognized by can be sent back.
pub fn headers(input: &[u8]) {
    let headers: HeaderMap = input.split(|byte| *byte == b'\n').filter_map(header_in).collect();
    let now = Timestamp::from_second(1_793_954_977).expect("a time");
    let pause = pause::asked(&headers, now);
    assert!(pause.duration.is_none_or(|pause| (1..=DAY).contains(&pause.as_secs())), "{pause:?}");
    let answer = |status| Answer { host: "example.com", status, headers: &headers };
    let expected = Expected { statuses: None, media_types: None, sha256: None, values: Vec::new() };
    match answer(StatusCode::SERVICE_UNAVAILABLE).check(&expected, now) {
        Err(Error::Answered { pause: asked, limited, .. }) => {
            assert_eq!((asked, limited), (pause.duration, pause.limited));
        }
        other => panic!("{other:?}"),
    }
    let answer = answer(StatusCode::OK);
    let kind = answer.content_type();
    assert!(kind.as_deref().is_none_or(|kind| media_type(kind).as_deref() == Some(kind)), "{kind:?}");
    let Validators { etag, last_modified } = answer.validators();
    let kept = etag.as_ref().map(|etag| (header::IF_NONE_MATCH, etag));
    let kept = kept.or(last_modified.as_ref().map(|time| (header::IF_MODIFIED_SINCE, time)));
    let sent = conditions(&answer.validators());
    match kept {
        Some((name, value)) => {
            assert!(sent.get(&name).is_some_and(|sent| sent.as_bytes() == value.as_bytes()), "{value}");
        }
        None => assert!(sent.is_empty()),
    }
}

fn header_in(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
}
