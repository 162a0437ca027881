//! What wakes the loop, and the loop itself.
use super::{
    Alerts, Kind, Metrics, Newest, StatusOf,
    back_off::back_off,
    events::Publisher,
    memory::{Key, Memories},
    pass,
    toolkit::Teller,
};
use crds::{Decoded, annotations::REQUESTED_AT};
use futures::{
    FutureExt, Stream, StreamExt, TryStreamExt,
    future::{pending, ready},
    stream::{self, poll_fn},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::ObjectMeta,
    runtime::{
        Config, Controller, WatchStreamExt,
        controller::{self, Action},
        reflector::{ObjectRef, Store, store::Writer},
        watcher::{self, Event, watcher},
    },
};
use std::{
    collections::HashMap,
    convert::Infallible,
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// The pause after a pass that could not even be reported.
const AFTER_BUG: Duration = Duration::from_secs(60);

/// Where `kubectl apply` keeps a copy of the whole manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object, or why it cannot be read.
pub(crate) type Guarded<K> = Decoded<<K as Kind>::Object>;

/// Wakes objects for other reasons than their own change. Bounded: whoever wakes many waits for the loop.
#[derive(Clone, Debug)]
pub(crate) struct Queue(mpsc::Sender<Key>);

impl Queue {
    const BOUND: usize = 256;

    /// The queue, and its other end for [`Loop`].
    pub(crate) fn new() -> (Self, mpsc::Receiver<Key>) {
        let (wakes_tx, wakes_rx) = mpsc::channel(Self::BOUND);
        (Self(wakes_tx), wakes_rx)
    }

    /// Wakes one object. One that does not exist stays asleep.
    pub(crate) async fn wake(&self, namespace: &str, name: &str) {
        // The loop ends before the queue does; then there is nobody to wake.
        let _ = self.0.send((namespace.to_owned(), name.to_owned())).await;
    }
}

/// Everything that one kind's loop runs on.
pub(crate) struct Loop<K: Kind> {
    /// The kind.
    pub kind: K,
    /// Reads and, while this process leads, writes.
    pub client: Client,
    /// The objects as the watch shows them, for the kind to look at too.
    pub objects: Store<Guarded<K>>,
    /// Where the watch puts them.
    pub writer: Writer<Guarded<K>>,
    /// Objects to wake for other reasons than their own change.
    pub wakes: mpsc::Receiver<Key>,
    /// Which objects the watch is to show, by their labels; `None`: all.
    pub selector: Option<String>,
    /// Who acts, as events tell it.
    pub identity: String,
    /// Who carries events to Flux, if anybody does.
    pub alerts: Option<Alerts>,
    /// What is counted.
    pub metrics: Metrics,
    /// How many passes may run at once.
    pub concurrency: u16,
}

/// What every pass over objects of `K` shares.
pub(super) struct Shared<K: Kind> {
    pub kind: K,
    pub client: Client,
    pub objects: Store<Guarded<K>>,
    pub newest: Arc<Newest<K::Object>>,
    pub memories: Memories<K::Memory, StatusOf<K>>,
    pub departed: Departed,
    pub publisher: Publisher,
    pub teller: Teller,
    pub metrics: Metrics,
}

impl<K: Kind> Loop<K> {
    /// Runs until `shutdown`, then until the passes that run have ended. Dropped, it ends them where they are.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        self.metrics.begin_at_zero(K::NAME);
        let departed = Departed::default();
        let newest = Arc::new(Newest::new(self.objects.clone()));
        let selector = self.selector.as_deref();
        let watched = watched::<K>(
            self.client.clone(),
            (self.writer, selector),
            (departed.clone(), Arc::clone(&newest)),
        );
        let woken = woken::<K>(self.wakes, self.objects.clone());
        let shared = Arc::new(Shared {
            kind: self.kind,
            publisher: Publisher::new(self.client.clone(), self.identity, self.alerts),
            teller: self.metrics.toolkit.of(K::NAME),
            client: self.client,
            objects: self.objects.clone(),
            newest,
            memories: Memories::default(),
            departed,
            metrics: self.metrics,
        });
        let idle = idle::<K>(shutdown.clone(), self.objects.clone());
        let passes = Controller::for_stream(watched, self.objects)
            .with_config(Config::default().concurrency(self.concurrency))
            .reconcile_on(woken)
            .graceful_shutdown_on(shutdown.cancelled_owned())
            .run(
                |object, shared| async move { Ok::<_, Infallible>(unbroken(pass::run(shared, object)).await) },
                |_, never, _| match *never {},
                shared.clone(),
            )
            .for_each(|ended| {
                if let Err(controller::Error::ObjectNotFound(gone)) = ended {
                    shared.forget(&(gone.namespace.clone().unwrap_or_default(), gone.name.clone()));
                }
                ready(())
            });
        tokio::select! {
            () = passes => {}
            () = idle => {}
        }
    }
}

impl<K: Kind> Shared<K> {
    /// Drops what is remembered of an object that has gone.
    pub(super) fn forget(&self, key: &Key) {
        self.departed.returned(key);
        self.kind.let_go(&key.0, &key.1);
        self.memories.forget(key);
        self.teller.forget(key);
    }

    /// Whether the watch no longer shows the object: it is gone, or its labels are those of another shard's.
    pub(super) fn has_left(&self, object: &K::Object) -> bool {
        self.objects.get(&reference::<K>(object)).is_none()
    }

    /// Whether the object is gone, about to go, another one, or asks for something else by now.
    pub(crate) fn has_moved_on(&self, object: &K::Object) -> bool {
        self.objects.get(&reference::<K>(object)).is_none_or(|newest| {
            let (old, new) = (object.meta(), newest.meta());
            new.uid != old.uid || new.generation > old.generation || new.deletion_timestamp.is_some()
        })
    }
}

pub(super) fn reference<K: Kind>(object: &K::Object) -> ObjectRef<Guarded<K>> {
    ObjectRef::new(&object.name_any()).within(&object.namespace().unwrap_or_default())
}

/// Objects that live on but left the watch, since their labels changed: another controller has written to them when they come back,
/// so that nothing remembered of them is true any more. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Departed(Arc<Mutex<Departures>>);

#[derive(Debug, Default)]
struct Departures {
    count: u64,
    /// Which departure was the last one of each.
    away: HashMap<Key, u64>,
}

impl Departed {
    fn note<R: Resource>(&self, event: &Event<R>) {
        let Event::Delete(object) = event else { return };
        if object.meta().deletion_timestamp.is_none() {
            let mut departures = self.lock();
            departures.count += 1;
            let count = departures.count;
            departures.away.insert(key(object.meta()), count);
        }
    }

    /// Whether it was away until now.
    pub(super) fn returned(&self, key: &Key) -> bool {
        self.lock().away.remove(key).is_some()
    }

    /// A number of its own for each time that it was away.
    fn last(&self, meta: &ObjectMeta) -> Option<u64> {
        let departures = self.lock();
        if departures.away.is_empty() { None } else { departures.away.get(&key(meta)).copied() }
    }

    fn lock(&self) -> MutexGuard<'_, Departures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(meta: &ObjectMeta) -> Key {
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

/// Returns after a `shutdown` that came before the objects were known. No pass has begun then, and kube's controller,
/// which waits for the objects, would never end.
async fn idle<K: Kind>(shutdown: CancellationToken, objects: Store<Guarded<K>>) {
    if shutdown.run_until_cancelled(objects.wait_until_ready()).await.is_some() {
        pending::<()>().await;
    }
}

/// The steps of a kind are guarded where their failure can be reported. This catches what is left, so that a bug in
/// the loop itself still costs one pass and not the process.
async fn unbroken(pass: impl Future<Output = Action>) -> Action {
    AssertUnwindSafe(pass).catch_unwind().await.unwrap_or_else(|_| {
        error!("a bug ended a pass before it could be reported");
        Action::requeue(AFTER_BUG)
    })
}

/// How objects are listed: in small pages, since a page is decoded whole and costs many times its size while it is.
pub(crate) fn listing() -> watcher::Config {
    watcher::Config::default().page_size(100)
}

/// Drops what nobody here reads and what can be larger than all the rest.
pub(crate) fn prune<K: Resource>(object: &mut K) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// Objects whose change concerns us: never for what we wrote ourselves.
fn watched<K: Kind>(
    client: Client,
    (writer, selector): (Writer<Guarded<K>>, Option<&str>),
    (departed, newest): (Departed, Arc<Newest<K::Object>>),
) -> impl Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + use<K> {
    let listing = selector.into_iter().fold(listing(), watcher::Config::labels);
    let events = watcher(Api::<Guarded<K>>::all(client), listing).backoff(back_off()).modify(prune);
    let returning = departed.clone();
    let events = events.reflect(writer).inspect_ok(move |event| {
        departed.note(event);
        if let Event::Apply(object) = event {
            newest.seen(object);
        }
    });
    findable(events)
        .predicate_filter(move |object: &Guarded<K>| concern::<K>(object, returning.last(object.meta())), Default::default())
        // An error that reached the controller would hold up every other reason to wake.
        .filter_map(|object| {
            ready(match object {
                Ok(object) => Some(Ok(object)),
                Err(error) => {
                    warn!(error = %telemetry::Chain(&error), kind = K::NAME, "the watch broke; it starts again");
                    None
                }
            })
        })
}

/// The objects of a watch, each when the store has it. The store takes in a new list as a whole, at its end; a pass over
/// an object that is listed but cannot be found yet would be the last one that it gets.
fn findable<O>(
    events: impl Stream<Item = Result<Event<O>, watcher::Error>>,
) -> impl Stream<Item = Result<O, watcher::Error>> {
    let mut listed = Vec::new();
    let objects = events.map(move |event| match event {
        Ok(Event::Init) => {
            listed.clear();
            Vec::new()
        }
        Ok(Event::InitApply(object)) => {
            listed.push(Ok(object));
            Vec::new()
        }
        Ok(Event::InitDone) => mem::take(&mut listed),
        Ok(Event::Apply(object)) => vec![Ok(object)],
        Ok(Event::Delete(_)) => Vec::new(),
        Err(error) => vec![Err(error)],
    });
    objects.flat_map(stream::iter)
}

/// A digest of all that may call for a pass: what people and Kubernetes change, that it was `away`, and nothing that we do.
fn concern<K: Kind>(object: &Guarded<K>, away: Option<u64>) -> Option<u64> {
    let meta = object.meta();
    let mut hasher = DefaultHasher::new();
    away.hash(&mut hasher);
    meta.generation.hash(&mut hasher);
    meta.deletion_timestamp.is_some().hash(&mut hasher);
    object.annotations().get(REQUESTED_AT).hash(&mut hasher);
    object.0.as_ref().err().map(|invalid| &invalid.error).hash(&mut hasher);
    Some(hasher.finish())
}

fn woken<K: Kind>(
    mut wakes: mpsc::Receiver<Key>,
    objects: Store<Guarded<K>>,
) -> impl Stream<Item = ObjectRef<Guarded<K>>> + Send {
    poll_fn(move |cx| wakes.poll_recv(cx))
        .map(|(namespace, name)| ObjectRef::new(&name).within(&namespace))
        .filter(move |reference| ready(objects.get(reference).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::ExternalSource;
    use futures::channel::mpsc::unbounded;
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    #[test]
    fn listed_objects_wait_until_the_list_is_whole() {
        let (events_tx, events_rx) = unbounded();
        let mut objects = Box::pin(findable(events_rx));
        let mut after = |event| {
            events_tx.unbounded_send(Ok(event)).expect("the stream lives");
            let next = || objects.next().now_or_never().flatten();
            std::iter::from_fn(next).map(|object| object.expect("no error was sent")).collect::<Vec<_>>()
        };
        assert_eq!(after(Event::Init), [""; 0]);
        assert_eq!(after(Event::InitApply("lost with the first list")), [""; 0]);
        assert_eq!(after(Event::Init), [""; 0]);
        assert_eq!(after(Event::InitApply("a")), [""; 0]);
        assert_eq!(after(Event::InitApply("b")), [""; 0]);
        assert_eq!(after(Event::InitDone), ["a", "b"]);
        assert_eq!(after(Event::Apply("c")), ["c"]);
        assert_eq!(after(Event::Delete("a")), [""; 0]);
    }

    #[test]
    fn an_object_departs_when_its_labels_change_and_not_when_it_is_deleted() {
        let source = |deleted| {
            let mut source = ExternalSource::new("one", Default::default());
            source.metadata.namespace = Some("apps".into());
            source.metadata.deletion_timestamp = deleted;
            source
        };
        let (departed, key) = (Departed::default(), ("apps".to_owned(), "one".to_owned()));
        departed.note(&Event::Delete(source(Some(Time(Timestamp::UNIX_EPOCH)))));
        assert!(!departed.returned(&key));
        let number = || {
            departed.note(&Event::Delete(source(None)));
            departed.note(&Event::Apply(source(None)));
            departed.last(&source(None).metadata).expect("it is away")
        };
        assert_ne!(number(), number(), "each time calls for a pass");
        assert!(departed.returned(&key), "it was away");
        assert!(!departed.returned(&key), "and is so no longer");
    }
}
