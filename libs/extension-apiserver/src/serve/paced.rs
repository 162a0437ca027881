//! A connection that leaves room for the others: it moves a little in one turn, and a flood of frames that are no requests
//! is read slowly.
//!
//! Closing it instead would make the attacker shake hands anew, which costs the server more than what it then leaves unread.
use super::{Limits, frames::Frames};
use std::{
    io::{self, IoSlice},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::yield_now,
    time::{Instant, Sleep, sleep},
};

/// Bytes that are read of one connection, and bytes that are written, before others have their turn.
const READ_AT_ONCE: usize = 16 << 10;
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// Of so many bytes of answers one of overhead is expected: a client says how much it has read.
const ANSWERED_PER_OVERHEAD: usize = 16;

/// A stream that is read and written in turn.
pub(super) struct Paced<S> {
    stream: S,
    reading: Turn,
    writing: Turn,
    frames: Frames,
    allowance: Allowance,
    /// Until the allowance allows more.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, limits: &Limits) -> Self {
        Self {
            stream,
            reading: Turn { most: READ_AT_ONCE, moved: 0 },
            writing: Turn { most: WRITTEN_AT_ONCE, moved: 0 },
            frames: Frames::new(),
            allowance: Allowance {
                at_once: limits.overhead_at_once,
                per_second: limits.overhead_per_second,
                used: 0,
                at: Instant::now(),
            },
            pause: None,
        }
    }
}

/// What one connection may move before it lets others go first.
struct Turn {
    most: usize,
    moved: usize,
}

impl Turn {
    /// Pending once, when enough was moved. What then wakes the task is behind everything that is ready by now, and behind a look
    /// at the sockets.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.moved < self.most {
            return Poll::Ready(());
        }
        self.moved = 0;
        pin!(yield_now()).poll(cx)
    }
}

/// How much overhead may still come.
struct Allowance {
    at_once: usize,
    per_second: usize,
    used: usize,
    at: Instant,
}

impl Allowance {
    /// Takes from it: how long it is exhausted afterwards.
    fn take(&mut self, overhead: usize, now: Instant) -> Option<Duration> {
        let back = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second as f64;
        self.at = now;
        self.used = self.used.saturating_sub(back as usize) + overhead;
        let beyond = self.used.checked_sub(self.at_once).filter(|beyond| *beyond > 0)?;
        Some(Duration::from_secs_f64(beyond as f64 / self.per_second.max(1) as f64))
    }

    fn give(&mut self, answered: usize) {
        self.used = self.used.saturating_sub(answered / ANSWERED_PER_OVERHEAD);
    }
}

impl<S> Paced<S> {
    fn has_read(&mut self, bytes: &[u8]) {
        self.reading.moved += bytes.len();
        let overhead = self.frames.overhead(bytes);
        if overhead > 0 {
            let pause = self.allowance.take(overhead, Instant::now());
            self.pause = pause.map(|pause| Box::pin(sleep(pause)));
        }
    }

    fn has_written(&mut self, bytes: usize) {
        self.writing.moved += bytes;
        self.allowance.give(bytes);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        ready!(self.reading.poll(cx));
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.has_read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.writing.poll(cx));
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.has_written(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.writing.poll(cx));
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, pieces))?;
        self.has_written(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[tokio::test]
    async fn a_flood_of_pings_is_left_in_its_socket() {
        let limits =
            Limits { overhead_at_once: 10 * PING.len(), overhead_per_second: 1, ..Limits::default() };
        let (mut client, server) = duplex(64 << 10);
        let mut paced = Paced::new(server, &limits);
        client.write_all(&[PREFACE, &PING.repeat(100)].concat()).await.expect("it fits");
        let mut read = vec![0; PREFACE.len()];
        paced.read_exact(&mut read).await.expect("the preface");
        let mut pings = 0;
        while let Some(read) = paced.read_exact(&mut [0; PING.len()]).now_or_never() {
            pings += read.expect("it is there") / PING.len();
        }
        assert_eq!(pings, 11);
        paced.write_all(b"an answer").await.expect("it goes out meanwhile");
    }

    #[tokio::test]
    async fn others_have_a_turn_after_sixteen_kibibytes() {
        let (mut client, server) = duplex(64 << 10);
        let mut paced = Paced::new(server, &Limits::default());
        client.write_all(&[b'x'; 40 << 10]).await.expect("it fits");
        let mut block = [0; READ_AT_ONCE];
        paced.read_exact(&mut block).now_or_never().expect("in one turn").expect("it is there");
        assert!(paced.read(&mut block).now_or_never().is_none());
        assert!(paced.read(&mut block).now_or_never().is_some(), "the next turn");
    }

    fn allowance(at: Instant) -> Allowance {
        Allowance { at_once: 1_000, per_second: 100, used: 0, at }
    }

    #[test]
    fn an_allowance_is_used_up_and_comes_back() {
        let began = Instant::now();
        let mut allowance = allowance(began);
        assert_eq!(allowance.take(1_000, began), None);
        assert_eq!(allowance.take(50, began), Some(Duration::from_millis(500)));
        assert_eq!(allowance.take(10, began + Duration::from_secs(1)), None);
    }

    #[test]
    fn answers_allow_for_what_their_reader_says_about_them() {
        let began = Instant::now();
        let mut allowance = allowance(began);
        assert_eq!(allowance.take(1_000, began), None);
        allowance.give(16_000);
        assert_eq!(allowance.take(1_000, began), None);
    }
}
