//! What the last passes over each source did, in lines, for as long as this process works on it. [`book`] keeps them within bounds,
//! [`follow`] is who reads on.
//!
//! Nothing here outlives a process, or the term of a leader: the next one writes a log of its own.
mod book;
mod follow;

use artifacts::{
    SourceKey,
    trace::{Event, Listener},
};
use book::{Book, Line};
use crds::ExternalSource;
use follow::{Following, Reader};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, ready},
    stream,
};
use jiff::{SignedDuration, Timestamp};
use kube::Resource;
use previews::logs::{Keeper, Lines, Untold, Wanted};
use std::{
    collections::HashMap,
    fmt::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Semaphore, time::Instant};

/// How many read on at once, whichever sources they follow.
const FOLLOWERS: usize = 32;

/// Keeps lines by source, while there is somebody at work. Clones share them.
#[derive(Clone)]
pub struct Logs(Arc<Inner>);

struct Inner {
    kept: Mutex<Kept>,
    seats: Arc<Semaphore>,
}

/// Whether a source is one of those.
type WorksOn = Box<dyn Fn(&SourceKey) -> bool + Send + Sync>;

#[derive(Default)]
struct Kept {
    /// Which sources are worked on; `None`: this process stands by.
    works_on: Option<WorksOn>,
    book: Book,
    readers: HashMap<SourceKey, Vec<Reader>>,
    /// How many there have been.
    count: u64,
}

/// For as long as this lives, passes run here.
pub(crate) struct AtWork(Logs);

impl Default for Logs {
    fn default() -> Self {
        Self(Arc::new(Inner { kept: Mutex::default(), seats: Arc::new(Semaphore::new(FOLLOWERS)) }))
    }
}

impl Logs {
    /// From now on passes over these sources run here.
    pub(crate) fn work(&self, works_on: impl Fn(&SourceKey) -> bool + Send + Sync + 'static) -> AtWork {
        self.kept().works_on = Some(Box::new(works_on));
        AtWork(self.clone())
    }

    /// Whoever listens to a pass over that source, and writes down what it hears.
    pub(crate) fn listener(&self, source: &SourceKey) -> Arc<dyn Listener> {
        Arc::new(Writer { logs: self.clone(), source: source.clone() })
    }

    /// Adds a line.
    pub(crate) fn write(&self, source: &SourceKey, text: impl fmt::Display) {
        let line = Line::new(Timestamp::now(), text);
        let mut kept = self.kept();
        if kept.works_on.is_none() {
            return;
        }
        kept.book.write(source, &line);
        if let Some(readers) = kept.readers.get_mut(source) {
            readers.iter().for_each(|reader| reader.hear(&line));
        }
    }

    /// The source is gone, or another controller works on it now. Whoever followed is told so.
    pub(crate) fn forget(&self, source: &SourceKey) {
        let mut kept = self.kept();
        kept.book.forget(source);
        kept.readers.remove(source);
    }

    fn read(&self, wanted: &Wanted) -> Result<Lines, Untold> {
        let source = SourceKey { namespace: wanted.namespace.clone(), name: wanted.name.clone() };
        let mut kept = self.kept();
        let is_ours = wanted.kind == ExternalSource::kind(&())
            && kept.works_on.as_ref().is_some_and(|works_on| works_on(&source));
        if !is_ours {
            return Err(Untold::Elsewhere);
        }
        let there = shown(&kept.book.lines(&source), wanted, Timestamp::now());
        let there = stream::iter((!there.is_empty()).then(|| Ok(there.into())));
        if !wanted.follow {
            return Ok(there.boxed());
        }
        let seat = self.0.seats.clone().try_acquire_owned().map_err(|_| Untold::TooMany)?;
        let (reader, hearing) = follow::channel(kept.count);
        kept.count += 1;
        let (place, until) = ((self.clone(), source.clone()), Instant::now() + follow::LONGEST);
        let following = Following::new(place, (hearing, seat), wanted.timestamps, until);
        kept.readers.entry(source).or_default().push(reader);
        Ok(there.chain(following.lines().map(Ok)).fuse().boxed())
    }

    /// A reader has gone.
    fn leave(&self, source: &SourceKey, number: u64) {
        let mut kept = self.kept();
        let Some(readers) = kept.readers.get_mut(source) else { return };
        readers.retain(|reader| reader.number != number);
        if readers.is_empty() {
            kept.readers.remove(source);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper for Logs {
    fn lines(&self, wanted: Wanted) -> BoxFuture<'_, Result<Lines, Untold>> {
        ready(self.read(&wanted)).boxed()
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut kept = self.0.kept();
        *kept = Kept { count: kept.count, ..Kept::default() };
    }
}

/// Writes down what a pass tells.
struct Writer {
    logs: Logs,
    source: SourceKey,
}

impl Listener for Writer {
    fn hear(&self, event: &Event<'_>) {
        self.logs.write(&self.source, event);
    }
}

/// The lines that are wanted of those that are there.
fn shown(lines: &[Line], wanted: &Wanted, now: Timestamp) -> String {
    let oldest = wanted.since_seconds.map(|seconds| {
        let age = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        now.checked_sub(age).unwrap_or(Timestamp::MIN)
    });
    let recent = lines.iter().filter(|line| oldest.is_none_or(|oldest| line.time >= oldest));
    let recent: Vec<_> = recent.collect();
    let most = wanted.tail_lines.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let mut text = String::new();
    for line in &recent[recent.len().saturating_sub(most)..] {
        write!(text, "{}", line.shown(wanted.timestamps)).expect("a text takes what there is memory for");
    }
    text
}

#[cfg(test)]
mod tests;
