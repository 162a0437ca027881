//! One test for every way in which a source answers badly: a reason of its own, in bounded time, nothing stored.
mod archives;

use crate::{
    server::{Answer, Server, answer, with_body},
    world::{Case, MIB, World, noise},
};
use artifacts::{Error, Retry};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::{fs, io, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

fn assert_is(error: &Error, reason: &str, retry: Retry) {
    assert_eq!((error.reason(), error.retry()), (reason, retry), "{}", telemetry::Chain(error));
}

/// The failure that a server with one answer for everything causes.
async fn failure_of(respond: impl Fn() -> Answer + Send + Sync + 'static) -> (Error, Server) {
    let server = Server::http(move |_| respond()).await;
    (World::new().fails(&Case::new(server.url("/data"))).await, server)
}

/// The failure that a server causes which writes `bytes` whatever it is asked, and then waits or closes.
async fn failure_of_bytes(bytes: &'static [u8], close: bool) -> Error {
    let server = Server::raw(move |stream| say(stream, bytes, close)).await;
    World::new().fails(&Case::new(server.url("/data")).timeout("1s")).await
}

async fn say(stream: TcpStream, bytes: &'static [u8], close: bool) {
    let mut stream = asked(stream).await;
    let _ = stream.write_all(bytes).await;
    if !close {
        sleep(Duration::from_secs(60)).await;
    }
}

/// A connection over which a request has come.
async fn asked(mut stream: TcpStream) -> TcpStream {
    let _ = stream.read(&mut [0; 4096]).await;
    stream
}

#[tokio::test]
async fn a_name_without_address() {
    // A label of more than 63 bytes is refused by the resolver of the system itself: no name server is asked.
    let url = format!("http://{}.invalid/data", "a".repeat(64));
    let error = World::new().fails(&Case::new(&url)).await;
    assert_is(&error, "NameNotResolved", Retry::Soon);
    assert!(error.to_string().starts_with("no address found for aaaa"), "{error}");
}

#[tokio::test]
async fn a_refused_connection() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = World::new().fails(&Case::new(format!("http://127.0.0.1:{port}/data"))).await;
    assert_is(&error, "ConnectionFailed", Retry::Soon);
    assert_eq!(error.to_string(), format!("cannot fetch from 127.0.0.1:{port}: connection refused"));
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer() {
    assert_is(&failure_of_bytes(b"", true).await, "ConnectionFailed", Retry::Soon);
}

#[tokio::test]
async fn a_server_that_does_not_speak_http() {
    let error = failure_of_bytes(b"220 mail.example.com ESMTP\r\n", true).await;
    assert_is(&error, "ConnectionFailed", Retry::Soon);
    assert!(error.to_string().ends_with("it broke the connection or does not speak HTTP"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let error = failure_of_bytes(b"", false).await;
    assert_is(&error, "TimedOut", Retry::Soon);
    assert!(error.to_string().ends_with(" did not deliver everything in 1s"), "{error}");
}

#[tokio::test]
async fn headers_that_drip() {
    let server = Server::raw(|stream| async move {
        let mut stream = asked(stream).await;
        for byte in b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain(std::iter::repeat(&b'a')) {
            sleep(Duration::from_millis(20)).await;
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    })
    .await;
    let error = World::new().fails(&Case::new(server.url("/data")).timeout("1s")).await;
    assert_is(&error, "TimedOut", Retry::Soon);
}

#[tokio::test]
async fn a_body_that_drips() {
    let server = Server::raw(|stream| async move {
        let mut stream = asked(stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
        while stream.write_all(b"a").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let error = World::new().fails(&Case::new(server.url("/data")).timeout("1s")).await;
    assert_is(&error, "TimedOut", Retry::Soon);
}

#[tokio::test]
async fn endless_headers() {
    let server = Server::raw(|stream| async move {
        let mut stream = asked(stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"x-more: and more and more and more and more and more\r\n").await.is_ok() {}
    })
    .await;
    let error = World::new().fails(&Case::new(server.url("/data"))).await;
    assert_is(&error, "ConnectionFailed", Retry::Soon);
}

#[tokio::test]
async fn endless_informational_answers() {
    let server = Server::raw(|stream| async move {
        let mut stream = asked(stream).await;
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let error = World::new().fails(&Case::new(server.url("/data")).timeout("1s")).await;
    assert_is(&error, "TimedOut", Retry::Soon);
}

#[tokio::test]
async fn refusing_status_codes() {
    for (status, reason, retry, sentence) in [
        (401, "Unauthorized", Retry::AtInterval, "401 Unauthorized"),
        (403, "Forbidden", Retry::AtInterval, "403 Forbidden"),
        (404, "NotFound", Retry::AtInterval, "404 Not Found"),
        (410, "NotFound", Retry::AtInterval, "410 Gone"),
        (418, "UnexpectedStatus", Retry::AtInterval, "418 I'm a teapot"),
        (500, "ServerError", Retry::Soon, "500 Internal Server Error"),
        (503, "ServerError", Retry::Soon, "503 Service Unavailable"),
        (206, "UnexpectedStatus", Retry::AtInterval, "206 Partial Content"),
        (304, "UnexpectedStatus", Retry::AtInterval, "304 Not Modified"),
        (300, "UnexpectedStatus", Retry::AtInterval, "300 Multiple Choices"),
        (599, "ServerError", Retry::Soon, "599"),
        (999, "UnexpectedStatus", Retry::AtInterval, "999"),
    ] {
        let (error, server) = failure_of(move || answer(status, &[], "a body that nobody may see")).await;
        assert_is(&error, reason, retry);
        assert_eq!(error.to_string(), format!("{} answered {sentence}", server.host()));
        assert_eq!(error.retry_after(), None);
    }
}

#[tokio::test]
async fn a_source_that_asks_for_a_pause() {
    for (status, headers, reason, seconds) in [
        (429, vec![("retry-after", "120")], "RateLimited", 120),
        (503, vec![("retry-after", "86401")], "ServerError", 86_400),
        (403, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")], "RateLimited", 30),
    ] {
        let (error, _server) = failure_of(move || answer(status, &headers, "")).await;
        assert_is(&error, reason, Retry::Soon);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
    }
}

#[tokio::test]
async fn a_login_page() {
    let page = [("content-type", "text/html; charset=utf-8")];
    let server = Server::http(move |_| answer(200, &page, "<html>Please log in</html>")).await;
    let expected = || Some(vec!["application/json".to_owned(), "text/csv".to_owned()]);
    let case = Case::new(server.url("/data")).http(|http| http.expected_content_type = expected());
    let error = World::new().fails(&case).await;
    assert_is(&error, "UnexpectedContentType", Retry::AtInterval);
    let sentence = "sent text/html where application/json or text/csv is expected";
    assert_eq!(error.to_string(), format!("{} {sentence}", server.host()));
}

#[tokio::test]
async fn a_content_type_that_is_none() {
    for bytes in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".as_slice(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-type: \r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-type: evil\xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-type: <evil>/<worse>\r\n\r\n",
    ] {
        let server = Server::raw(move |stream| say(stream, bytes, true)).await;
        let any = |range: &str| Some(vec![range.to_owned()]);
        let case = Case::new(server.url("/data")).http(|http| http.expected_content_type = any("*/*"));
        let error = World::new().fails(&case).await;
        assert_is(&error, "UnexpectedContentType", Retry::AtInterval);
        assert_eq!(
            error.to_string(),
            format!("{} sent no content type where */* is expected", server.host())
        );
    }
}

#[tokio::test]
async fn an_endless_body() {
    let endless = || {
        let piece = || Ok::<_, io::Error>(Frame::data(Bytes::from(vec![b'a'; 64 * 1024])));
        with_body(200, &[], BodyExt::boxed(StreamBody::new(stream::repeat_with(piece))))
    };
    let (error, server) = failure_of(endless).await;
    assert_is(&error, "TooLarge", Retry::AtInterval);
    let sentence = format!(
        "the body from {} is larger than 4194304 bytes, the limit of this installation",
        server.host()
    );
    assert_eq!(error.to_string(), sentence);
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_not_read() {
    let (error, _server) = failure_of(|| answer(200, &[], vec![0; 4 * MIB as usize + 1])).await;
    assert_is(&error, "TooLarge", Retry::AtInterval);
}

#[tokio::test]
async fn a_body_shorter_than_announced() {
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this";
    let error = failure_of_bytes(bytes, true).await;
    assert_is(&error, "Truncated", Retry::Soon);
}

#[tokio::test]
async fn a_chunked_body_without_its_end() {
    let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    assert_is(&failure_of_bytes(bytes, true).await, "Truncated", Retry::Soon);
}

#[tokio::test]
async fn chunks_that_are_none() {
    let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n";
    assert_is(&failure_of_bytes(bytes, true).await, "Truncated", Retry::Soon);
}

#[tokio::test]
async fn lengths_that_contradict_each_other() {
    for bytes in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!".as_slice(),
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nhello",
    ] {
        assert_is(&failure_of_bytes(bytes, true).await, "ConnectionFailed", Retry::Soon);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_over_http2() {
    let identity = crate::server::Identity::new(&["127.0.0.1"], |_| {});
    let broken = |_: &_| {
        let piece = Ok(Frame::data(Bytes::from_static(b"half")));
        let gone = async {
            sleep(Duration::from_millis(100)).await;
            Err(io::Error::other("gone"))
        };
        let pieces = stream::iter([piece]).chain(stream::once(gone));
        with_body(200, &[], BodyExt::boxed(StreamBody::new(pieces)))
    };
    let server = Server::https(&identity, broken).await;
    let error = World::new().fails(&Case::new(server.url("/data")).ca_bundle(&identity.authority_pem)).await;
    assert_is(&error, "Truncated", Retry::Soon);
}

#[tokio::test]
async fn a_body_that_is_not_the_pinned_one() {
    let server = Server::http(|_| answer(200, &[], "hello")).await;
    let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let pinned = |hex: &str| {
        let hex = hex.to_owned();
        Case::new(server.url("/data")).http(|http| http.sha256 = Some(hex))
    };
    let error = World::new().fails(&pinned(&"0".repeat(64))).await;
    assert_is(&error, "DigestMismatch", Retry::AtInterval);
    let zeros = "0".repeat(64);
    let sentence = format!("has the digest sha256:{hello}, but sha256:{zeros} is pinned");
    assert_eq!(error.to_string(), format!("the body from {} {sentence}", server.host()));
    World::new().fetched(&pinned(&hello.to_uppercase())).await;
}

/// A source whose body breaks off after a while or never ends.
async fn half_a_body(then_close: bool) -> Server {
    Server::raw(move |stream| async move {
        let mut stream = asked(stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n").await;
        let _ = stream.write_all(&noise(2_000_000)).await;
        if !then_close {
            sleep(Duration::from_secs(60)).await;
        }
    })
    .await
}

/// The files that uploads wait in.
fn staged(directory: &Path) -> usize {
    fs::read_dir(directory.join(".staging")).map_or(0, Iterator::count)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen");
}

#[tokio::test]
async fn a_pass_that_fails_half_way_leaves_no_file() {
    let (server, directory) = (half_a_body(true).await, tempfile::tempdir().unwrap());
    let world = World::in_directory(directory.path());
    assert_is(&world.fails(&Case::new(server.url("/data"))).await, "Truncated", Retry::Soon);
    until("the removal of what was staged", || staged(directory.path()) == 0).await;
}

#[tokio::test]
async fn a_pass_that_is_dropped_leaves_no_file() {
    let (server, directory) = (half_a_body(false).await, tempfile::tempdir().unwrap());
    let world = Arc::new(World::in_directory(directory.path()));
    let case = Case::new(server.url("/data"));
    let pass = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.run(&case).await.map(drop) }
    });
    until("an upload", || staged(directory.path()) > 0).await;
    pass.abort();
    until("the removal of what was staged", || staged(directory.path()) == 0).await;
    assert_eq!(world.store().list(None).await.unwrap(), []);
}
