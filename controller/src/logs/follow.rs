//! Who reads on: through a queue of bounded length. Who is too slow for it misses lines, and is told how many.
use super::{Logs, book::Line};
use artifacts::SourceKey;
use bytes::Bytes;
use futures::{Stream, stream};
use jiff::Timestamp;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, timeout_at},
};

/// How many lines wait for a reader.
pub(super) const WAITING: usize = 64;

/// How long anybody reads on; whoever wants more asks again.
pub(super) const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What is said after that.
const ENOUGH: &str = "it was followed for an hour, ask again to go on";

/// The end that lines are given to.
pub(super) struct Reader {
    pub(super) number: u64,
    /// From whoever writes to the one who reads.
    lines_tx: mpsc::Sender<Line>,
    missed: Arc<AtomicU64>,
}

/// The end where they come out.
pub(super) struct Hearing {
    number: u64,
    lines_rx: mpsc::Receiver<Line>,
    missed: Arc<AtomicU64>,
}

/// Both ends.
pub(super) fn channel(number: u64) -> (Reader, Hearing) {
    let (lines_tx, lines_rx) = mpsc::channel(WAITING);
    let missed = Arc::new(AtomicU64::new(0));
    (Reader { number, lines_tx, missed: Arc::clone(&missed) }, Hearing { number, lines_rx, missed })
}

impl Reader {
    /// Waits for nobody. After a line that was missed all others are, until the reader was told of it: so it is told in its place.
    pub(super) fn hear(&self, line: &Line) {
        let is_behind = self.missed.load(Ordering::Acquire) > 0;
        if is_behind || self.lines_tx.try_send(line.clone()).is_err() {
            self.missed.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Somebody who reads on.
pub(super) struct Following {
    logs: Logs,
    source: SourceKey,
    hearing: Hearing,
    timestamps: bool,
    until: Instant,
    has_ended: bool,
    _seat: OwnedSemaphorePermit,
}

impl Following {
    pub(super) fn new(
        (logs, source): (Logs, SourceKey),
        (hearing, seat): (Hearing, OwnedSemaphorePermit),
        timestamps: bool,
        until: Instant,
    ) -> Self {
        Self { logs, source, hearing, timestamps, until, has_ended: false, _seat: seat }
    }

    /// The lines to come, and what became of it at their end.
    pub(super) fn lines(self) -> impl Stream<Item = Bytes> + Send {
        stream::unfold(self, |mut following| async move { Some((following.next().await?, following)) })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.has_ended {
            return None;
        }
        let line = match self.hearing.lines_rx.try_recv() {
            _ if Instant::now() >= self.until => self.end(ENOUGH),
            Ok(line) => line,
            Err(_) => match self.hearing.missed.swap(0, Ordering::AcqRel) {
                0 => self.wait().await,
                missed => {
                    said(format_args!("{missed} lines were missed: they came faster than they were read"))
                }
            },
        };
        Some(line.shown(self.timestamps).to_string().into())
    }

    async fn wait(&mut self) -> Line {
        match timeout_at(self.until, self.hearing.lines_rx.recv()).await {
            Ok(Some(line)) => line,
            Ok(None) => self.end("the source is gone, or this controller works on it no longer"),
            Err(_) => self.end(ENOUGH),
        }
    }

    fn end(&mut self, why: &str) -> Line {
        self.has_ended = true;
        said(format_args!("the log ends here: {why}"))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.logs.leave(&self.source, self.hearing.number);
    }
}

/// A line of no pass.
fn said(text: fmt::Arguments<'_>) -> Line {
    Line::new(Timestamp::now(), format_args!("-- {text}"))
}
