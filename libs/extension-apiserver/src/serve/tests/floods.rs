//! HTTP/2 clients that speak frames by hand, to do what no library would: each is stopped, and costs the others nothing.
use super::*;
use tokio::io::{ReadHalf, WriteHalf};

type Reader = ReadHalf<TlsStream<TcpStream>>;
type Writer = WriteHalf<TlsStream<TcpStream>>;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The error code of an answer to abuse.
const ENHANCE_YOUR_CALM: u32 = 11;

/// `GET https://a/`: three entries of the static table and a literal.
const GET: &[u8] = &[0x82, 0x87, 0x84, 0x41, 1, b'a'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

async fn open(server: &Server, ca: &Authority) -> (Reader, Writer) {
    let (reader, mut writer) = tokio::io::split(server.tls(&h2_client(ca)).await.expect("trusted"));
    writer.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.expect("open");
    (reader, writer)
}

/// Reads to the end of the connection; the code of the last GOAWAY.
async fn goaway(mut reader: Reader) -> Option<u32> {
    let mut code = None;
    let mut head = [0; 9];
    while reader.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        if reader.read_exact(&mut payload).await.is_err() {
            break;
        }
        if head[3] == GOAWAY {
            code = Some(u32::from_be_bytes(payload[4..8].try_into().expect("four bytes")));
        }
    }
    code
}

/// Sends what `flood` makes of each number until the server hangs up; the code with which it does.
async fn flood(
    server: &Server,
    ca: &Authority,
    flood: impl Fn(u32) -> Vec<u8> + Send + 'static,
) -> Option<u32> {
    let (reader, mut writer) = open(server, ca).await;
    let sending = tokio::spawn(async move {
        for number in 0..2_000_000 {
            if writer.write_all(&flood(number)).await.is_err() {
                return;
            }
        }
    });
    let code = tokio::time::timeout(Duration::from_secs(20), goaway(reader)).await.expect("stopped");
    sending.abort();
    code
}

/// The slowest of twenty requests of somebody else.
async fn slowest(server: &Server, ca: &Authority) -> Duration {
    let mut h2 = server.h2(&h2_client(ca)).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let started = std::time::Instant::now();
        assert_eq!(read(h2.send_request(request("/hello")).await.unwrap()).await.2, "hello");
        slowest = slowest.max(started.elapsed());
    }
    slowest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_2023_44487_rapid_reset_ends_its_connection() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let code = flood(&server, &ca, |number| {
        let burst = (0..100).flat_map(|step| {
            let stream = (number * 100 + step) * 2 + 1;
            let cancel = 8_u32.to_be_bytes();
            [frame(HEADERS, END_STREAM | END_HEADERS, stream, GET), frame(RST_STREAM, 0, stream, &cancel)]
                .concat()
        });
        burst.collect()
    });
    let (code, slowest) = tokio::join!(code, slowest(&server, &ca));
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_continuations_end_their_connection() {
    let ca = Authority::new();
    // By default they are read so slowly that the deadline of the headers comes first.
    let server = Server::start(Some(tls(&ca)), Limits { overhead_per_second: 4 << 20, ..limits() }).await;
    // Literals that are never indexed, so that only their number counts.
    let fields = [0x10, 1, b'x', 1, b'y'].repeat(3_000);
    let code = flood(&server, &ca, move |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, GET),
        _ => frame(CONTINUATION, 0, 1, &fields),
    });
    let (code, slowest) = tokio::join!(code, slowest(&server, &ca));
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

/// By default so little of such a flood is read that it never becomes too much for HTTP/2: the deadline ends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_continuations_that_are_read_slowly_end_with_the_deadline_of_headers() {
    let Limits { overhead_at_once, overhead_per_second, header_timeout, max_header_bytes, .. } = limits();
    let read = overhead_at_once + overhead_per_second * header_timeout.as_secs() as usize;
    assert!(read < max_header_bytes as usize, "{read} bytes by the deadline");

    let ca = Authority::new();
    let limits = Limits { header_timeout: Duration::from_secs(1), ..limits() };
    let server = Server::start(Some(tls(&ca)), limits).await;
    let fields = [0x10, 1, b'x', 1, b'y'].repeat(3_000);
    let code = flood(&server, &ca, move |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, GET),
        _ => frame(CONTINUATION, 0, 1, &fields),
    });
    assert_ne!(code.await, Some(ENHANCE_YOUR_CALM), "nothing else has ended it");
}

/// A request with a body that its handler never reads: `POST /never`.
fn post() -> Vec<u8> {
    [&[0x83, 0x87, 0x04, 6][..], b"/never", &[0x41, 1, b'a']].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rustsec_2026_0258_empty_data_ends_its_connection() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let nothing = frame(DATA, 0, 1, &[]).repeat(100);
    let code = flood(&server, &ca, move |number| match number {
        0 => frame(HEADERS, END_HEADERS, 1, &post()),
        _ => nothing.clone(),
    });
    let (code, slowest) = tokio::join!(code, slowest(&server, &ca));
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

/// No request makes sense, so the server itself must reset each: the client never cancels anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rustsec_2024_0003_resets_that_the_server_must_send_end_their_connection() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let with_a_status = [GET, &[0x88]].concat();
    let code = flood(&server, &ca, move |number| {
        frame(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, &with_a_status)
    });
    let (code, slowest) = tokio::join!(code, slowest(&server, &ca));
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

/// These are discarded as they come: they cost the sender as much as the server, and no memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_settings_and_data_beyond_the_window_cost_the_others_nothing() {
    let ca = Authority::new();
    let server = Server::start(Some(tls(&ca)), limits()).await;
    let data = [frame(HEADERS, END_HEADERS, 1, &post()), frame(DATA, 0, 1, &vec![0; 16 << 10]).repeat(100)];
    let controls = [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])].concat().repeat(100);

    let mut floods = Vec::new();
    for [first, again] in [data, [controls.clone(), controls]] {
        let (_never_read, mut writer) = open(&server, &ca).await;
        floods.push(tokio::spawn(async move {
            writer.write_all(&first).await.expect("open");
            while writer.write_all(&again).await.is_ok() {}
        }));
    }
    let slowest = slowest(&server, &ca).await;

    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    floods.iter().for_each(tokio::task::JoinHandle::abort);
}
