//! One open watch: what it has sent, and what it sends next.
use super::version_of;
use crate::{
    api::{Change, Changes, Selection},
    encode::{Event, Events, Form, error_event},
    negotiate::Media,
    object::{Item, Object, Version},
    status::Status,
};
use bytes::Bytes;
use futures::{
    Stream,
    stream::{self, StreamExt},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Events are sent together up to about this many bytes, while there are more to send at once.
const CHUNK: usize = 32 * 1024;

/// A client that may not stay is told where it stands this long before, to go on from there elsewhere; as Go does.
const BEFORE_END: Duration = Duration::from_secs(2);

/// Where a watch begins.
pub(super) struct Start<T> {
    pub(super) from: Version,
    pub(super) initial: Vec<Item<T>>,
    pub(super) changes: Changes<T>,
    pub(super) sends_initial: bool,
    /// How often to say where the client stands, if it wants to know.
    pub(super) bookmarks: Option<Duration>,
    /// When the client has watched for long enough.
    pub(super) end: Instant,
    /// Ends it earlier: the server stops.
    pub(super) shutdown: CancellationToken,
}

pub(super) struct Session<T> {
    form: Arc<Form<T>>,
    media: Media,
    selection: Selection,
    initial: std::vec::IntoIter<Item<T>>,
    /// Whether the client still waits to hear that it has everything.
    owes_end_of_initial: bool,
    changes: Changes<T>,
    /// Up to where the client has seen everything that it selected.
    seen: Version,
    bookmarks: Option<Bookmarks>,
    is_first_event: bool,
    end: Instant,
    shutdown: CancellationToken,
    is_over: bool,
}

impl<T: Object> Session<T> {
    pub(super) fn new(form: Arc<Form<T>>, media: Media, selection: Selection, start: Start<T>) -> Self {
        let bookmarks = start.bookmarks.map(|every| Bookmarks::new(every, start.end, Instant::now()));
        Self {
            form,
            media,
            selection,
            initial: start.initial.into_iter(),
            owes_end_of_initial: start.sends_initial && bookmarks.is_some(),
            changes: start.changes,
            seen: start.from,
            bookmarks,
            is_first_event: true,
            end: start.end,
            shutdown: start.shutdown,
            is_over: false,
        }
    }

    /// The bytes to send.
    pub(super) fn into_stream(self) -> impl Stream<Item = Bytes> + Send {
        let events = stream::unfold(self, |mut session| async move {
            let events = session.next().await?;
            Some((events, session))
        });
        events.flat_map(|events| stream::iter(events.into_pieces()))
    }

    async fn next(&mut self) -> Option<Events> {
        if self.is_over {
            return None;
        }
        let sent = match self.initial.len() == 0 && !self.owes_end_of_initial {
            true => self.live().await?,
            false => self.initial(),
        };
        Some(sent.unwrap_or_else(|status| {
            self.is_over = true;
            error_event(&status).into()
        }))
    }

    fn initial(&mut self) -> Result<Events, Status> {
        let mut events = Events::default();
        while events.size() < CHUNK
            && let Some(item) = self.initial.next()
        {
            events.push(&self.event("ADDED", &item)?);
        }
        if self.initial.len() == 0 && std::mem::take(&mut self.owes_end_of_initial) {
            events.push(&self.bookmark(true)?);
        }
        Ok(events)
    }

    /// Waits for something to send; `None` once the watch is over.
    async fn live(&mut self) -> Option<Result<Events, Status>> {
        loop {
            let change = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return None,
                () = sleep_until(self.end) => return None,
                change = self.changes.next() => change?,
                () = due(self.bookmarks.as_ref()) => return Some(self.regular_bookmark(Instant::now()).map(Events::from)),
            };
            let event = change.and_then(|change| self.change(&change)).transpose();
            if let Some(event) = event {
                return Some(event.map(Events::from));
            }
        }
    }

    /// The event that a change is to this client: an object that begins to be selected is new to it, one that ceases
    /// to be is gone.
    fn change(&mut self, change: &Change<T>) -> Result<Option<Event>, Status> {
        let wants = |item: &Item<T>| self.selection.matches(&**item);
        let (version, event) = match change {
            Change::Progress(version) => (*version, None),
            Change::Added(item) => (version_of(item), wants(item).then(|| ("ADDED", item.clone()))),
            Change::Deleted(item) => (version_of(item), wants(item).then(|| ("DELETED", item.clone()))),
            Change::Modified { before, after } => {
                let event = match (wants(before), wants(after)) {
                    (true, true) => Some(("MODIFIED", after.clone())),
                    (false, true) => Some(("ADDED", after.clone())),
                    (true, false) => Some(("DELETED", gone(before, after))),
                    (false, false) => None,
                };
                (version_of(after), event)
            }
        };
        self.seen = self.seen.max(version);
        event.map(|(kind, item)| self.event(kind, &item)).transpose()
    }

    fn event(&mut self, kind: &'static str, item: &Item<T>) -> Result<Event, Status> {
        let is_first = std::mem::replace(&mut self.is_first_event, false);
        self.form.event(self.media, kind, item, is_first)
    }

    fn regular_bookmark(&mut self, now: Instant) -> Result<Event, Status> {
        if let Some(bookmarks) = &mut self.bookmarks {
            *bookmarks = Bookmarks::new(bookmarks.every, self.end, now);
        }
        self.bookmark(false)
    }

    fn bookmark(&mut self, ends_initial_events: bool) -> Result<Event, Status> {
        let is_first = std::mem::replace(&mut self.is_first_event, false);
        self.form.bookmark(self.media, self.seen, ends_initial_events, is_first)
    }
}

/// The last state that the client knew, with the version at which it lost sight of the object.
fn gone<T: Object>(before: &Item<T>, after: &Item<T>) -> Item<T> {
    let mut object = T::clone(before);
    object.meta_mut().resource_version = after.meta().resource_version.clone();
    object.into()
}

async fn due(bookmarks: Option<&Bookmarks>) {
    match bookmarks {
        Some(bookmarks) => sleep_until(bookmarks.next).await,
        None => std::future::pending().await,
    }
}

/// When a client is told where it stands.
struct Bookmarks {
    every: Duration,
    next: Instant,
}

impl Bookmarks {
    /// Regularly, and right before the end.
    fn new(every: Duration, end: Instant, now: Instant) -> Self {
        let regular = now + every;
        let last = end.checked_sub(BEFORE_END).filter(|last| *last > now && *last < regular);
        Self { every, next: last.unwrap_or(regular) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Revision, revision};
    use crate::negotiate::{Shape, Syntax};
    use serde_json::{Value, json};

    fn session(changes: Vec<Change<Revision>>, bookmarks: Option<Duration>) -> Session<Revision> {
        let media = Media { syntax: Syntax::Json, shape: Shape::Plain };
        let changes = stream::iter(changes).map(Ok).chain(stream::pending()).boxed();
        let start = Start {
            from: Version(7),
            initial: Vec::new(),
            changes,
            sends_initial: false,
            bookmarks,
            end: Instant::now() + Duration::from_secs(3600),
            shutdown: CancellationToken::new(),
        };
        Session::new(Arc::new(Form::new()), media, Selection::default(), start)
    }

    async fn next(session: &mut Session<Revision>) -> Value {
        let events = session.next().await.expect("an event");
        serde_json::from_slice(&events.into_pieces().concat()).expect("one event")
    }

    #[tokio::test]
    async fn bookmarks_tell_of_progress_that_nobody_selected() {
        let mut session = session(vec![Change::Progress(Version(40))], Some(Duration::from_millis(20)));
        let bookmark = next(&mut session).await;
        assert_eq!(
            (&bookmark["type"], &bookmark["object"]["metadata"]),
            (&json!("BOOKMARK"), &json!({"resourceVersion": "40"}))
        );
        assert_eq!(next(&mut session).await["type"], "BOOKMARK");
    }

    #[test]
    fn the_last_bookmark_comes_right_before_the_end() {
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        let next = |seconds: u64| {
            let end = now + Duration::from_secs(seconds);
            (Bookmarks::new(minute, end, now).next - now).as_secs()
        };
        assert_eq!(next(3600), 60, "regularly, while the end is far");
        assert_eq!(next(40), 38);
        assert_eq!(next(2), 60, "that is not right before the end, but at once");
    }

    #[tokio::test]
    async fn a_refusal_is_the_last_event() {
        let mut session = session(Vec::new(), None);
        session.changes = stream::iter([Err(Status::expired("too old"))]).chain(stream::pending()).boxed();
        assert_eq!(next(&mut session).await["object"]["reason"], "Expired");
        assert!(session.next().await.is_none());
    }

    #[tokio::test]
    async fn a_stopping_server_ends_its_watches() {
        let mut session = session(vec![Change::Added(revision("a", "podinfo").into())], None);
        assert_eq!(next(&mut session).await["type"], "ADDED");
        session.shutdown.cancel();
        assert!(session.next().await.is_none());
    }
}
