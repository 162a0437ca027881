//! What one connection may do to another (nothing), upgrades, and the end of the server.
use super::*;

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_lives_on() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let plain = Server::plain(limits()).await;
    let (mut h2, mut h1) = (server.h2(&h2_client(&ca)).await, plain.h1().await);

    let (status, ..) = read(h2.send_request(request("/panic")).await.unwrap()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let (status, ..) = read(h1.send_request(request("/panic")).await.unwrap()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);

    assert_eq!(read(h2.send_request(request("/hello")).await.unwrap()).await.2, "hello");
    assert_eq!(read(h1.send_request(request("/hello")).await.unwrap()).await.2, "hello");
}

#[tokio::test]
async fn a_panic_in_a_body_spares_the_other_streams() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let mut h2 = server.h2(&h2_client(&ca)).await;
    let slow = h2.send_request(request("/slow"));

    // The reset may overtake the headers.
    if let Ok(broken) = h2.clone().send_request(request("/panic-in-body")).await {
        broken.into_body().collect().await.expect_err("cut off");
    }

    assert_eq!(read(slow.await.unwrap()).await.2, "slow");
}

#[tokio::test]
async fn an_upgraded_connection_belongs_to_the_handler() {
    let server = Server::plain(limits()).await;
    let mut h1 = server.h1().await;
    let mut asks = request("/upgrade");
    asks.headers_mut().insert("connection", "upgrade".parse().unwrap());
    asks.headers_mut().insert("upgrade", "echo".parse().unwrap());

    let response = h1.send_request(asks).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut echo = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    echo.write_all(b"knock").await.unwrap();
    let mut heard = [0; 5];
    echo.read_exact(&mut heard).await.unwrap();

    assert_eq!(&heard, b"knock");
}

#[tokio::test]
async fn shutdown_lets_running_requests_finish() {
    let ca = Authority::new();
    let mut server = Server::start(Some(tls(&ca)), limits()).await;
    let mut h2 = server.h2(&h2_client(&ca)).await;
    let slow = tokio::spawn(h2.send_request(request("/slow")));
    tokio::time::sleep(Duration::from_millis(50)).await;

    server.shutdown.cancel();

    let (status, _, body) = read(slow.await.unwrap().unwrap()).await;
    assert_eq!((status, &body[..]), (StatusCode::OK, &b"slow"[..]));
    (&mut server.task).await.unwrap();
    h2.ready().await.expect_err("the connection was told goodbye");
    TcpStream::connect(server.address).await.expect_err("nobody listens");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let mut server = Server::plain(Limits { drain_timeout: Duration::from_millis(200), ..limits() }).await;
    let mut h1 = server.h1().await;
    let never = tokio::spawn(h1.send_request(request("/never")));
    tokio::time::sleep(Duration::from_millis(50)).await;

    server.shutdown.cancel();

    let drained = tokio::time::timeout(Duration::from_secs(2), &mut server.task).await;
    drained.expect("bounded").unwrap();
    never.await.unwrap().expect_err("cut off");
}

#[tokio::test]
async fn idle_connections_do_not_delay_the_shutdown() {
    let ca = Authority::new();
    let mut server = Server::start(Some(tls(&ca)), limits()).await;
    let mut h2 = server.h2(&h2_client(&ca)).await;
    read(h2.send_request(request("/hello")).await.unwrap()).await;

    server.shutdown.cancel();

    tokio::time::timeout(Duration::from_secs(2), &mut server.task).await.expect("at once").unwrap();
}

#[tokio::test]
async fn dropping_the_server_ends_its_connections() {
    let server = Server::plain(limits()).await;
    let mut tcp = server.tcp().await;
    tcp.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    tcp.read_u8().await.expect("connected");

    server.task.abort();

    until_closed(&mut tcp, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_handler_can_close_the_connection_after_its_answer() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let mut h2 = server.h2(&h2_client(&ca)).await;

    let (status, ..) = read(h2.send_request(request("/close")).await.unwrap()).await;

    assert_eq!(status, StatusCode::OK);
    let closed = async {
        while h2.ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), closed).await.expect("closed after the answer");
}

#[tokio::test]
async fn beyond_the_cap_clients_wait_for_their_turn() {
    let server = Server::plain(Limits { max_connections: 1, ..limits() }).await;
    let mut first = server.h1().await;
    read(first.send_request(request("/hello")).await.unwrap()).await;

    let mut second = server.h1().await;
    let waiting =
        tokio::spawn(async move { read(second.send_request(request("/hello")).await.unwrap()).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished(), "the cap is one");
    drop(first);

    assert_eq!(waiting.await.unwrap().2, "hello");
}
