//! The guard over real connections: what is closed is never connected to, however it is spelled. The only listeners
//! are on loopback, which the policy of these tests closes. `tests/suite/fault_egress.rs` spells all that is closed, in a
//! network of its own.
use crate::{
    server::{Server, answer, redirect},
    world::{Case, World},
};
use artifacts::{Retry, egress::EgressPolicy};
use url::Url;

/// Loopback in the ways that parsers of addresses have been known to accept.
fn spellings_of_loopback() -> Vec<String> {
    let octet = |n: u32| {
        [n.to_string(), format!("0{n:o}"), format!("000{n:o}"), format!("0x{n:x}"), format!("0X{n:02X}")]
    };
    let mut found = Vec::new();
    for first in octet(127) {
        for last in octet(1) {
            for middle in octet(0) {
                found.push(format!("{first}.{middle}.{middle}.{last}"));
                found.push(format!("{first}.{middle}.{last}"));
            }
            found.push(format!("{first}.{last}"));
        }
    }
    found.extend(
        ["2130706433", "0x7f000001", "0X7F000001", "017700000001", "127.1.", "127.000000.1"]
            .map(String::from),
    );
    found.extend(
        ["127。0。0。1", "127．0．0．1", "１２７.０.０.１", "①②⑦.0.0.1", "127%2e0%2e0%2e1", "%31%32%37.1"]
            .map(String::from),
    );
    found.extend(["localhost", "LocalHost", "loc%61lhost", "ｌocalhost"].map(String::from));
    found.extend(
        [
            "::1",
            "0:0:0:0:0:0:0:1",
            "::ffff:127.0.0.1",
            "::ffff:7f00:1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ]
        .map(|v6| format!("[{v6}]")),
    );
    found.extend((1..=60).map(|n| format!("127.0.{n}.{n}")));
    found
}

/// A policy that opens everything public and nothing else, which is the default.
fn closed() -> World {
    World::with_policy(EgressPolicy::default())
}

#[tokio::test]
async fn no_spelling_of_a_closed_address_is_connected_to() {
    let sink = Server::http(|_| answer(200, &[], "secret")).await;
    let port = Url::parse(&sink.url("/")).unwrap().port().unwrap();
    // The source that redirects lies on the one address that is open.
    let source =
        Server::http_at("127.0.0.2", |seen| redirect(302, seen.target.split_once('?').unwrap().1)).await;
    let world = World::with_policy(EgressPolicy::new(vec!["127.0.0.2/32".parse().unwrap()], vec![]));
    let mut tried = 0;
    for spelling in spellings_of_loopback() {
        let target = format!("http://{spelling}:{port}/x");
        let direct = world.fails(&Case::new(&target)).await;
        let redirected = world.fails(&Case::new(source.url(&format!("/?{target}")))).await;
        for error in [direct, redirected] {
            assert_eq!(error.reason(), "AddressRefused", "{spelling}: {error}");
        }
        tried += 1;
    }
    assert!(tried >= 350, "{tried}, each as an address and as a redirect");
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn the_refusal_tells_what_to_do() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let error = closed().fails(&Case::new(server.url("/data"))).await;
    assert_eq!(error.retry(), Retry::AtInterval);
    let sentence = "127.0.0.1 is a loopback address (127.0.0.0/8); the operator may open it with --allow-egress 127.0.0.0/8";
    assert_eq!(error.to_string(), format!("{} may not be reached: {sentence}", server.host()));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_is_judged_by_its_addresses() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let error = closed().fails(&Case::new(server.url_by_name("/data"))).await;
    assert_eq!(error.reason(), "AddressRefused");
    assert!(error.to_string().starts_with("localhost:"), "{error}");
    assert_eq!(server.connections(), 0);
    World::new().fetched(&Case::new(server.url_by_name("/data"))).await;
}

#[tokio::test]
async fn what_the_operator_denies_is_closed() {
    let server = Server::http(|_| answer(200, &[], "data")).await;
    let (allow, deny) = ("127.0.0.0/8".parse().unwrap(), "127.0.0.0/16".parse().unwrap());
    let world = World::with_policy(EgressPolicy::new(vec![allow], vec![deny]));
    let error = world.fails(&Case::new(server.url("/data"))).await;
    assert!(error.to_string().contains("lies in 127.0.0.0/16, which --deny-egress closes"), "{error}");
    assert_eq!(server.connections(), 0);
}
