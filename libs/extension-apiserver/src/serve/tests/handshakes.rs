//! Handshakes that end or begin as no client would do it.
use super::*;
use rustls::ClientConnection;

const HANDSHAKE: u8 = 22;
/// An alert that says goodbye.
const CLOSE_NOTIFY: [u8; 7] = [21, 3, 3, 0, 2, 1, 0];
const SOON: Duration = Duration::from_secs(3);

/// How a client begins, without the head of its record.
fn client_hello(ca: &Authority) -> Vec<u8> {
    let name = ServerName::try_from(NAME).expect("a DNS name");
    let mut record = Vec::new();
    ClientConnection::new(h1_client(ca), name).expect("a client").write_tls(&mut record).expect("a record");
    record.split_off(5)
}

fn record(fragment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(fragment.len()).expect("a fragment").to_be_bytes();
    [&[HANDSHAKE, 3, 1], &length[..], fragment].concat()
}

async fn still_serves(server: &Server, ca: &Authority) {
    let mut h2 = server.h2(&h2_client(ca)).await;
    assert_eq!(read(h2.send_request(request("/hello")).await.unwrap()).await.2, "hello");
}

#[tokio::test]
async fn rustsec_2024_0336_a_farewell_within_the_handshake_is_no_more_than_a_failed_handshake() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), Limits { handshake_timeout: SOON / 3, ..limits() }).await;
    let hello = client_hello(&ca);
    for beginning in [vec![], record(&hello[..hello.len() / 2]), record(&hello)] {
        let mut tcp = server.tcp().await;
        tcp.write_all(&[&beginning[..], &CLOSE_NOTIFY].concat()).await.unwrap();
        until_closed(&mut tcp, SOON).await;
    }
    still_serves(&server, &ca).await;
}

#[tokio::test]
async fn rustsec_2024_0399_a_client_hello_in_pieces_is_put_together() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let pieces = client_hello(&ca).chunks(50).flat_map(record).collect::<Vec<_>>();
    let mut tcp = server.tcp().await;
    tcp.write_all(&pieces).await.unwrap();
    assert_eq!(tcp.read_u8().await.unwrap(), HANDSHAKE, "an answer to all of it");
    drop(tcp);
    still_serves(&server, &ca).await;
}

#[tokio::test]
async fn rustsec_2024_0399_a_client_hello_in_crumbs_or_without_an_end_is_no_more_than_a_failed_handshake() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), Limits { handshake_timeout: SOON / 3, ..limits() }).await;
    let crumbs = client_hello(&ca).chunks(1).flat_map(record).collect::<Vec<_>>();
    // Its length says 16 MiB.
    let endless = [record(&[1, 0xff, 0xff, 0xff]), record(&[0; 16_000]).repeat(100)].concat();
    for pieces in [crumbs, endless, record(&[]).repeat(1_000)] {
        let mut tcp = server.tcp().await;
        // Who is thrown out while it still talks cannot say all of it.
        let _thrown_out = tcp.write_all(&pieces).await;
        until_closed(&mut tcp, SOON).await;
    }
    still_serves(&server, &ca).await;
}
