//! Attacks on every port that is open to strangers, while everybody else is served and memory stays bounded.
mod siege;

use anyhow::{Context, Result, ensure};
use attackers::sockets;
use bytes::Bytes;
use futures::{StreamExt, future::try_join_all, stream};
use http::header;
use reqwest::Body;
use serde_json::{Value, json};
use siege::Siege;
use std::time::Duration;
use tokio::time;

/// How long an attack goes on.
const ATTACK: Duration = Duration::from_secs(6);
/// The largest body that the webhook reads, and one that it refuses.
const ALLOWED: usize = 7 << 20;
const OVERSIZE: usize = 8 << 20;

#[tokio::test]
async fn silent_and_slow_connections_cost_nobody_else() -> Result<()> {
    let Some(mut siege) = Siege::lay().await? else { return Ok(()) };
    let (plain, tls) = (siege.plain_ports(), siege.tls_ports());
    for port in plain.into_iter().chain(tls) {
        siege.hold(400, port, "");
    }
    for port in plain {
        siege.hold(100, port, "GET / HTTP/1.1\r\nX-Slow: ");
    }
    for port in tls {
        siege.hold_tls(50, port, "GET / HTTP/1.1\r\nX-Slow: ")?;
        siege.hold_tls(50, port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    }
    time::sleep(ATTACK).await;
    siege.lift().await
}

/// CVE-2026-73500: clients that never begin their handshake pile up only until its deadline.
#[tokio::test]
async fn five_thousand_silent_sockets_cost_nobody_else() -> Result<()> {
    let Some(mut siege) = Siege::lay().await? else { return Ok(()) };
    siege.hold(5_000, siege.endpoints().apiserver, "");
    time::sleep(2 * ATTACK).await;
    siege.lift().await
}

#[tokio::test]
async fn reviews_that_never_arrive_keep_nobody_from_admission() -> Result<()> {
    let Some(mut siege) = Siege::lay().await? else { return Ok(()) };
    let port = siege.endpoints().webhook;
    let to = "POST /validate?timeout=30s HTTP/1.1\r\nHost: postern\r\n";
    siege.hold_tls(100, port, format!("{to}Content-Length: {ALLOWED}\r\n\r\n{{"))?;
    siege.hold_tls(100, port, format!("{to}Transfer-Encoding: chunked\r\n\r\n"))?;
    let almost_all = " ".repeat(ALLOWED - 64);
    siege.hold_tls(8, port, format!("{to}Content-Length: {ALLOWED}\r\n\r\n{almost_all}"))?;
    time::sleep(2 * ATTACK).await;
    siege.lift().await
}

#[tokio::test]
async fn reviews_without_end_or_sense_are_refused() -> Result<()> {
    let Some(siege) = Siege::lay().await? else { return Ok(()) };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let review = review().to_string();
    let in_object = review.replace(r#""OBJECT""#, &format!(r#"{{"spec":{deep}}}"#));
    let no_object = review.replace(r#""OBJECT""#, "7");
    let garbage: [(&str, Bytes, &[u16]); 8] = [
        ("nothing", Bytes::new(), &[400]),
        ("no JSON", Bytes::from_static(b"\x00\xff\xfe{"), &[400]),
        ("no review", Bytes::from_static(b"{}"), &[400]),
        ("half a review", Bytes::from(review[..review.len() / 2].to_owned()), &[400]),
        ("a deep body", Bytes::from(deep.clone()), &[400]),
        ("a deep object", Bytes::from(in_object), &[200, 400]),
        ("no object", Bytes::from(no_object), &[200, 400]),
        ("an oversize body", Bytes::from(vec![b' '; OVERSIZE]), &[413]),
    ];
    let client = siege.client()?;
    let until = time::Instant::now() + ATTACK;
    while time::Instant::now() < until {
        let sent = garbage.iter().map(async |(what, body, expected)| {
            for path in ["mutate", "validate"] {
                let url = format!("{}/{path}", siege.urls().webhook);
                let code = siege::answered(client.post(url).body(body.clone())).await?;
                // Who sends on while it is refused may find the connection closed before it reads why.
                ensure!(code.is_none_or(|code| expected.contains(&code)), "{what} got {code:?}");
            }
            Ok(())
        });
        try_join_all(sent).await?;
        let endless = stream::repeat(Bytes::from_static(&[b' '; 65_536])).take(OVERSIZE / 65_536);
        let endless = Body::wrap_stream(endless.map(Ok::<_, std::io::Error>));
        let code =
            siege::answered(client.post(format!("{}/mutate", siege.urls().webhook)).body(endless)).await?;
        ensure!(code.is_none_or(|code| code == 413), "a body of unknown length got {code:?}");
    }
    siege.lift().await
}

/// A review of a source, but for the object.
fn review() -> Value {
    let gvk = json!({ "group": "source.flux.oddkin.co", "version": "v1alpha1", "kind": "ExternalSource" });
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": { "uid": "1", "kind": gvk, "operation": "CREATE", "object": "OBJECT", "oldObject": null },
    })
}

#[tokio::test]
async fn no_range_makes_the_artifact_listener_serve_wrong_bytes() -> Result<()> {
    let Some(siege) = Siege::lay().await? else { return Ok(()) };
    let url = siege.artifact().await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let whole = client.get(&url).send().await?.bytes().await?;
    let many = format!("bytes={}0-0", "0-,".repeat(1_300));
    let ranges = [
        ("bytes=0-", 206),
        ("bytes=-1", 206),
        ("bytes=1-1", 206),
        ("bytes=0-18446744073709551615", 206),
        ("bytes=-99999999999999999999999", 206),
        ("bytes=18446744073709551615-", 416),
        ("bytes=-0", 416),
        ("bytes=5-2", 200),
        ("bytes=--1", 200),
        ("bytes=0-0,-1", 200),
        ("bits=0-1", 200),
        (&many, 200),
    ];
    let until = time::Instant::now() + ATTACK;
    while time::Instant::now() < until {
        for (range, expected) in &ranges {
            let response = client.get(&url).header(header::RANGE, *range).send().await?;
            assert_eq!(response.status().as_u16(), *expected, "{range}");
            let bytes = response.bytes().await?;
            assert!(*expected != 200 || bytes == whole, "{range}");
            assert!(*expected != 206 || whole.windows(bytes.len()).any(|part| part == bytes), "{range}");
        }
    }
    siege.lift().await
}

#[tokio::test]
async fn no_path_of_the_artifact_listener_leads_out_of_the_store() -> Result<()> {
    let Some(siege) = Siege::lay().await? else { return Ok(()) };
    let url = siege.artifact().await?;
    let path = url.splitn(4, '/').nth(3).context("a path")?;
    let (folder, file) = path.rsplit_once('/').context("a folder")?;
    let port = siege.endpoints().artifacts;
    let climbing = [
        "/".to_owned(),
        format!("/{folder}"),
        format!("/{folder}/"),
        "/externalsource/".to_owned(),
        "/../../../../etc/passwd".to_owned(),
        "/externalsource/../../../../../etc/passwd".to_owned(),
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd".to_owned(),
        "/..%2f..%2f..%2fetc%2fpasswd".to_owned(),
        "/..\\..\\etc\\passwd".to_owned(),
        "//etc/passwd".to_owned(),
        format!("/{folder}/./{file}"),
        format!("/{folder}/../{}", path.trim_start_matches("externalsource/")),
        format!("/{folder}//{file}"),
        format!("/{folder}/{file}%00"),
        format!("/{folder}/{file}.partial"),
        format!("/{folder}/{}", file.to_uppercase()),
        format!("/{}", "a/".repeat(4_000)),
    ];
    for target in climbing {
        let answer = sockets::asked(port, &format!("GET {target} HTTP/1.1\r\nHost: postern\r\n")).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("a head")?;
        assert!(head.starts_with("HTTP/1.1 404"), "{target} got {head}");
        assert_eq!(body, "", "{target}");
    }
    for method in ["PUT", "DELETE", "POST", "PROPFIND"] {
        let answer = sockets::asked(port, &format!("{method} /{path} HTTP/1.1\r\nHost: postern\r\n")).await?;
        assert!(answer.starts_with("HTTP/1.1 405"), "{method} got {answer}");
    }
    siege.lift().await
}
