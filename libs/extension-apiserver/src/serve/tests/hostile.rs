//! Clients that are silent, slow, or greedy.
use super::*;

const SHORT: Duration = Duration::from_millis(200);
const SOON: Duration = Duration::from_secs(3);

#[tokio::test]
async fn silent_sockets_are_closed_at_the_handshake_deadline() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), Limits { handshake_timeout: SHORT, ..limits() }).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(server.tcp().await);
    }

    let mut h2 = server.h2(&h2_client(&ca)).await;
    assert_eq!(
        read(h2.send_request(request("/hello")).await.unwrap()).await.2,
        "hello",
        "nobody waits for them"
    );

    for stream in &mut silent {
        assert_eq!(until_closed(stream, SOON).await, b"");
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_after_the_handshake_is_closed() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), Limits { header_timeout: SHORT, ..limits() }).await;
    let mut h1 = server.tls(&h1_client(&ca)).await.unwrap();
    let mut h2 = server.tls(&h2_client(&ca)).await.unwrap();

    until_closed(&mut h1, SOON).await;
    until_closed(&mut h2, SOON).await;
}

#[tokio::test]
async fn slow_headers_are_ended() {
    let first = Limits { header_timeout: SHORT, ..limits() };
    let later = Limits { idle_timeout: SHORT, ..limits() };
    for (limits, before) in [(first, ""), (later, "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n")] {
        let server = Server::plain(limits).await;
        let (mut reader, mut writer) = server.tcp().await.into_split();
        let drip = tokio::spawn(async move {
            writer.write_all(before.as_bytes()).await?;
            writer.write_all(b"GET /hello HTTP/1.1\r\nx-drip: ").await?;
            loop {
                writer.write_all(b"a").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            #[expect(unreachable_code, reason = "names the type of the errors above")]
            std::io::Result::Ok(())
        });

        let answers = until_closed(&mut reader, SOON).await;

        assert_eq!(answers.starts_with(b"HTTP/1.1 200"), !before.is_empty(), "{answers:?}");
        drip.await.unwrap().expect_err("the socket is closed");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let server = Server::plain(Limits { idle_timeout: SHORT, ..limits() }).await;
    let mut idle = server.tcp().await;
    idle.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut busy = server.h1().await;

    let slow = busy.send_request(request("/slow")).await.unwrap();

    assert_eq!(read(slow).await.2, "slow", "longer than the idle timeout");
    assert!(until_closed(&mut idle, SOON).await.ends_with(b"hello"));
}

#[tokio::test]
async fn a_client_that_stops_reading_is_closed() {
    let server = Server::plain(Limits { stall_timeout: Duration::from_secs(1), ..limits() }).await;
    let mut greedy = server.tcp().await;
    greedy.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();

    tokio::time::sleep(Duration::from_secs(5)).await;

    let read = async {
        let mut piece = vec![0; 1 << 20];
        while greedy.read(&mut piece).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _closed_or_reset = tokio::time::timeout(SOON, read).await.expect("an endless body has an end here");
}

#[tokio::test]
async fn too_large_headers_are_refused_and_many_headers_are_not() {
    let server = Server::plain(limits()).await;
    let mut many = request("/hello");
    for group in 0..500 {
        many.headers_mut().append("x-remote-group", format!("group-{group}").parse().unwrap());
    }
    let (status, ..) = read(server.h1().await.send_request(many).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);

    let mut large = request("/hello");
    large.headers_mut().insert("x-large", "a".repeat(2 << 20).parse().unwrap());
    let refused = server.h1().await.send_request(large).await;
    let status = refused.map(|response| response.status());
    assert!(!matches!(status, Ok(StatusCode::OK)), "{status:?}");
}

#[tokio::test]
async fn a_thousand_streams_of_one_connection_run_at_once() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let mut h2 = server.h2(&h2_client(&ca)).await;
    let mut slow: futures::stream::FuturesUnordered<_> =
        (0..1_000).map(|_| h2.send_request(request("/slow"))).collect();

    let all = async {
        while let Some(response) = slow.next().await {
            assert_eq!(response.unwrap().status(), StatusCode::OK);
        }
    };

    tokio::time::timeout(Duration::from_secs(10), all).await.expect("in parallel, 300 ms each");
}

/// Runs itself again with a limit of forty open files, which a test cannot set for itself alone.
#[tokio::test]
async fn running_out_of_files_does_not_end_the_server() {
    const INSIDE: &str = "FEW_FILES";
    if std::env::var_os(INSIDE).is_some() {
        return exhaust_files().await;
    }
    let test = "serve::tests::hostile::running_out_of_files_does_not_end_the_server";
    let again = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INSIDE, "1")
        .output();
    let output = again.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

async fn exhaust_files() {
    let server = Server::plain(limits()).await;
    let mut open = Vec::new();
    while let Ok(stream) = TcpStream::connect(server.address).await {
        open.push(stream);
    }
    tokio::time::sleep(SHORT).await;
    assert!(open.len() > 10, "the limit holds for both sides: {}", open.len());
    drop(open);

    let answered = async { read(server.h1().await.send_request(request("/hello")).await.unwrap()).await };
    assert_eq!(tokio::time::timeout(SOON, answered).await.expect("back soon").2, "hello");
}

/// What one server takes for one request and another for two is how requests are smuggled past an authorizer.
#[tokio::test]
async fn ambiguous_framing_is_refused_and_the_connection_closed() {
    let server = Server::plain(limits()).await;
    let table = [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 6\r\n",
        "content-length: -1\r\n",
        "content-length: +5\r\n",
        "content-length: 0x5\r\n",
        "content-length : 5\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity\r\n",
        " folded: first\r\n",
    ];
    for framing in table {
        let mut tcp = server.tcp().await;
        let smuggled = "GET /panic HTTP/1.1\r\nhost: a\r\n\r\n";
        let request = format!("POST /read HTTP/1.1\r\nhost: a\r\n{framing}\r\nhello{smuggled}");
        tcp.write_all(request.as_bytes()).await.unwrap();

        let answer = until_closed(&mut tcp, SOON).await;

        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 400"), "{framing:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{framing:?}: {answer}");
    }
}

#[tokio::test]
async fn a_length_beside_chunks_counts_for_nothing_and_ends_the_connection() {
    let server = Server::plain(limits()).await;
    let mut tcp = server.tcp().await;
    let request = "POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n0\r\n\r\nGET /hello HTTP/1.1\r\nhost: a\r\n\r\n";
    tcp.write_all(request.as_bytes()).await.unwrap();

    let answer = until_closed(&mut tcp, SOON).await;

    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.ends_with("\r\n\r\n5"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}
