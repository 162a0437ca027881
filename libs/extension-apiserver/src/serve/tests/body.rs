//! Request bodies within bounds.
use super::*;
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;

async fn read_frames(frames: Vec<&'static [u8]>, limit: usize) -> Result<Bytes, BodyError> {
    let frames = frames.into_iter().map(|data| Ok::<_, BoxError>(Frame::data(Bytes::from_static(data))));
    read_body(StreamBody::new(stream::iter(frames)), limit, Duration::from_secs(1)).await
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    assert_eq!(read_frames(vec![b"abc", b"", b"de"], 5).await.unwrap(), "abcde");
    assert_eq!(read_frames(vec![], 5).await.unwrap(), "");
    let error = read_frames(vec![b"abc", b"def"], 5).await.unwrap_err();
    assert_eq!(error.to_string(), "the request body is larger than 5 bytes");
}

#[tokio::test]
async fn a_body_of_many_pieces_is_read_in_their_order() {
    let whole: Vec<u8> = (0..200_000_u32).map(|i| i.to_be_bytes()[2]).collect();
    let whole: &'static [u8] = whole.leak();
    for piece in [1_000, 65_536, 70_000] {
        let read = read_frames(whole.chunks(piece).collect(), whole.len()).await.unwrap();
        assert!(read == whole, "in pieces of {piece} bytes");
    }
}

#[tokio::test]
async fn a_body_announced_too_large_is_refused_unread() {
    let server = Server::plain(limits()).await;
    let mut tcp = server.tcp().await;

    tcp.write_all(b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999999\r\n\r\n").await.unwrap();

    let mut answer = [0; 12];
    tcp.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}

#[tokio::test]
async fn a_dripping_body_is_ended() {
    let server = Server::plain(limits()).await;
    let (mut reader, mut writer) = server.tcp().await.into_split();
    tokio::spawn(async move {
        writer
            .write_all(b"POST /read HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n")
            .await
            .ok();
        for _ in 0..1000 {
            writer.write_all(b"a").await.ok();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });

    let answer = until_closed(&mut reader, Duration::from_secs(3)).await;

    assert!(answer.ends_with(b"RequestTimeout"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_body_cut_off_is_an_error_of_its_own() {
    let broken = StreamBody::new(stream::iter([
        Ok(Frame::data(Bytes::from_static(b"abc"))),
        Err(BoxError::from("connection reset")),
    ]));
    let error = read_body(broken, 10, Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(
        (error.reason(), error.to_string().as_str()),
        ("BadRequest", "failed to read the request body")
    );
}

#[tokio::test]
async fn a_slow_body_that_keeps_going_is_read() {
    let pieces = stream::iter(0..10).then(|_| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok::<_, BoxError>(Frame::data(Bytes::from_static(&[0; 16 << 10])))
    });
    let read = read_body(StreamBody::new(Box::pin(pieces)), 1 << 20, Duration::from_millis(200)).await;
    assert_eq!(read.unwrap().len(), 10 * (16 << 10), "500 ms in all, no pause of 200 ms");
}
