//! What is left of a request's body when its answer is made.
//!
//! HTTP/2 resets the stream of a body that nobody wants any longer, right behind the answer. A client that reads both at once may
//! lose the answer over it (curl 7.88 says `HTTP/2 framing layer` and shows none). So the body is kept for a moment.
use super::{
    Body, BoxError,
    around::{Around, Passage},
};
use bytes::Bytes;
use http::Version;
use http_body_util::BodyExt;
use std::{future::pending, mem, time::Duration};
use tokio::{runtime::Handle, time::timeout};

/// For how long, unless it ends before: time enough for the answer to be on its way alone.
const MOMENT: Duration = Duration::from_millis(100);

/// Bytes of it that are read meanwhile, so that one that is nearly there can end.
const MOST: usize = 64 << 10;

/// The body of a request, which outlives by a moment whoever drops it before its end where that would reset a stream.
pub(crate) fn kept<B>(body: B, version: Version) -> Body
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let ends_alone = version != Version::HTTP_2 || body.is_end_stream();
    let body = body.map_err(Into::into).boxed_unsync();
    if ends_alone { body } else { Around::new(body, Kept).boxed_unsync() }
}

/// Frames pass as they are; what is left of the body is kept.
struct Kept;

impl Passage for Kept {
    fn left(&mut self, body: &mut Body) {
        if http_body::Body::is_end_stream(body) {
            return;
        }
        let rest = mem::replace(body, super::empty());
        // Outside a runtime nobody is answered.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(MOMENT, ended(rest)));
        }
    }
}

/// Ends with the body, if it ends soon.
async fn ended(mut body: Body) {
    let mut bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        bytes += frame.data_ref().map_or(0, Bytes::len);
        if bytes > MOST {
            pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{SinkExt, StreamExt, channel::mpsc};
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tokio::time::sleep;

    /// A body that somebody dropped, and where more of it comes from.
    fn dropped(version: Version) -> mpsc::Sender<Bytes> {
        let (sender, pieces) = mpsc::channel(1);
        let body = StreamBody::new(pieces.map(|piece| Ok::<_, BoxError>(Frame::data(piece))));
        drop(kept(body, version));
        sender
    }

    #[tokio::test]
    async fn what_is_nearly_there_can_end_behind_its_answer() {
        let mut sender = dropped(Version::HTTP_2);
        for _ in 0..4 {
            sender.send(vec![0; 10_000].into()).await.unwrap();
        }
        assert!(!sender.is_closed());
        sleep(2 * MOMENT).await;
        assert!(sender.is_closed(), "only for a moment");
    }

    #[tokio::test]
    async fn of_a_long_body_nothing_more_is_read_and_its_stream_lives_for_the_moment() {
        let mut sender = dropped(Version::HTTP_2);
        let before = tokio::time::Instant::now();
        let endless = async { while sender.send(vec![0; 10_000].into()).await.is_ok() {} };
        endless.await;
        assert!(before.elapsed() >= MOMENT);
    }

    #[tokio::test]
    async fn http_1_ends_bodies_itself() {
        assert!(dropped(Version::HTTP_11).is_closed());
    }
}
