//! Secrets that sources refer to: each read by name when it is needed, and watched by name, so that whoever corrects
//! one is not kept waiting. Passes that come while one is read share the next read of it; no value is held between two passes, and
//! no other Secret is ever seen.
use super::grant::grant;
use crate::reconcile::{Failure, Pauses, Queue};
use artifacts::plan::ReferencedSecret;
use crds::reasons;
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared as Sharing, WeakShared},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use secrecy::SecretSlice;
use std::{
    collections::{BTreeSet, HashMap},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

/// Each watch is a connection. Secrets beyond are read at each pass all the same, only not watched in between.
const MOST_WATCHES: usize = 256;

/// The first and the longest pause between two tries of a Secret that may not be read: soon enough for who has just
/// granted the right and looks, seldom enough for one that nobody will grant.
const SOON: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(15);

/// How long a look waits for the one before it.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is bound where Secrets may be read.
const ROLE: &str = "postern-secrets";

/// Reads Secrets, and wakes the sources that refer to one when it changes. Clones share the watches; when the last is
/// gone, the watches end.
#[derive(Clone)]
pub(crate) struct SecretWatches(Arc<Shared>);

struct Shared {
    client: Client,
    queue: Queue,
    watches: Mutex<HashMap<Key, Watch>>,
}

/// Namespace and name of a Secret.
type Key = (String, String);

/// What a look at a Secret gave, for all that waited for it.
type Found = Result<Option<Arc<ReferencedSecret>>, Failure>;

/// The last look that somebody wanted. It is gone with the last who waits for it.
struct Look {
    found: WeakShared<BoxFuture<'static, Found>>,
    /// Whether the request may be on its way: whoever comes then may have changed the Secret just before, and must see that.
    has_begun: Arc<AtomicBool>,
}

struct Watch {
    /// The names of the sources that refer to it; they lie in its namespace.
    users: BTreeSet<String>,
    seen: Option<Sight>,
    looking: Option<Look>,
    watching: AbortOnDropHandle<()>,
}

/// What a look at a Secret showed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sight {
    Forbidden,
    Absent,
    Version(String),
}

impl SecretWatches {
    pub(crate) fn new(client: Client, queue: Queue) -> Self {
        Self(Arc::new(Shared { client, queue, watches: Mutex::default() }))
    }

    /// From now on, the source refers to exactly these Secrets of its namespace.
    pub(super) fn follow(&self, namespace: &str, source: &str, secrets: &BTreeSet<&str>) {
        let mut watches = self.0.lock();
        watches.retain(|(space, name), watch| {
            if space == namespace && !secrets.contains(&**name) {
                watch.users.remove(source);
            }
            !watch.users.is_empty()
        });
        for secret in secrets {
            let key = (namespace.to_owned(), (*secret).to_owned());
            if !watches.contains_key(&key) && watches.len() >= MOST_WATCHES {
                debug!(limit = MOST_WATCHES, "a Secret is not watched, since too many are");
                continue;
            }
            let start =
                || Watch { users: BTreeSet::new(), seen: None, looking: None, watching: self.0.watch(&key) };
            watches.entry(key.clone()).or_insert_with(start).users.insert(source.to_owned());
        }
    }

    /// Reads a Secret for a source; `None` if there is none.
    pub(super) async fn read(&self, namespace: &str, secret: &str, source: &str) -> Found {
        let key = (namespace.to_owned(), secret.to_owned());
        let found = self.0.look(&key).await;
        let sight = match &found {
            Ok(found) => found.as_ref().map_or(Sight::Absent, |found| Sight::Version(found.version.clone())),
            Err(failure) if failure.reason == reasons::SECRET_FORBIDDEN => Sight::Forbidden,
            Err(_) => return found,
        };
        self.0.saw(&key, sight, Some(source)).await;
        found
    }
}

/// Reads a Secret, and looks at no other; `None` if there is none.
pub(super) async fn read(client: &Client, namespace: &str, secret: &str) -> Found {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = api.get_opt(secret).await.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 403 => {
            Failure::stalled(reasons::SECRET_FORBIDDEN, grant(ROLE, namespace, &status.message))
        }
        error => Failure::kubernetes(format_args!("read Secret {secret}"), &error),
    })?;
    Ok(found.map(|found| {
        let version = found.resource_version().unwrap_or_default();
        let data = found.data.into_iter().flatten();
        let data = data.map(|(key, value)| (key, SecretSlice::from(value.0))).collect();
        Arc::new(ReferencedSecret { name: secret.to_owned(), version, data })
    }))
}

impl Shared {
    /// A look at a Secret that has yet to begin: the one that others wait for already, or a new one. It begins when the one
    /// before has ended, or hangs.
    fn look(&self, key: &Key) -> Sharing<BoxFuture<'static, Found>> {
        let mut watches = self.lock();
        let mut watch = watches.get_mut(key);
        let last = watch.as_ref().and_then(|watch| watch.looking.as_ref());
        let before = last.and_then(|look| Some((look.found.upgrade()?, look.has_begun.load(Relaxed))));
        if let Some((next, false)) = before {
            return next;
        }
        let has_begun = Arc::new(AtomicBool::new(false));
        let (client, (namespace, secret), begun) = (self.client.clone(), key.clone(), Arc::clone(&has_begun));
        let look = async move {
            if let Some((before, _)) = before {
                // What it showed may be too old for those who wait for this one; and if it hangs, they need not.
                let _ = timeout(PATIENCE, before).await;
            }
            begun.store(true, Relaxed);
            read(&client, &namespace, &secret).await
        };
        let look = look.boxed().shared();
        if let Some(watch) = &mut watch {
            watch.looking = look.downgrade().map(|found| Look { found, has_begun });
        }
        look
    }

    /// Takes note of a look, and wakes those who know less.
    async fn saw(self: &Arc<Self>, key: &Key, sight: Sight, reader: Option<&str>) {
        let users = {
            let mut watches = self.lock();
            let Some(watch) = watches.get_mut(key) else { return };
            if reader.is_some() && sight == Sight::Forbidden && watch.seen != Some(Sight::Forbidden) {
                // One that was begun while it was allowed goes on for minutes, and says nothing when it is allowed again.
                watch.watching = self.watch(key);
            }
            watch.changed(sight, reader)
        };
        for source in users {
            debug!(namespace = key.0, source, "a Secret changed");
            self.queue.wake(&key.0, &source).await;
        }
    }

    fn watch(self: &Arc<Self>, key: &Key) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(watch(Arc::downgrade(self), key.clone())))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Watch>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Who has to hear of it: everybody but who looked, if it is something new.
    fn changed(&mut self, sight: Sight, reader: Option<&str>) -> Vec<String> {
        if self.seen.as_ref() == Some(&sight) {
            return Vec::new();
        }
        let known = self.seen.replace(sight).is_some();
        // At the first look of all, whoever else refers to it has yet to look.
        let others = self.users.iter().filter(|user| Some(&***user) != reader);
        if known || reader.is_none() { others.cloned().collect() } else { Vec::new() }
    }
}

/// Follows one Secret by its metadata for as long as somebody refers to it. A Secret that may not be read is tried
/// again and again: that is how a new RoleBinding is noticed.
async fn watch(shared: Weak<Shared>, key: Key) {
    let Some(client) = shared.upgrade().map(|shared| shared.client.clone()) else { return };
    let api: Api<PartialObjectMeta<Secret>> = Api::namespaced(client, &key.0);
    let by_name = watcher::Config::default().fields(&format!("metadata.name={}", key.1));
    let mut events = pin!(watcher(api, by_name).backoff(Pauses::new(SOON, LATE)));
    let mut listed = Sight::Absent;
    while let Some(event) = events.next().await {
        let sight = match event {
            Ok(Event::Init) => {
                listed = Sight::Absent;
                continue;
            }
            Ok(Event::InitApply(secret)) => {
                listed = version(&secret);
                continue;
            }
            Ok(Event::InitDone) => listed.clone(),
            Ok(Event::Apply(secret)) => version(&secret),
            Ok(Event::Delete(_)) => Sight::Absent,
            Err(error) if is_forbidden(&error) => Sight::Forbidden,
            Err(error) => {
                debug!(error = %telemetry::Chain(&error), "the watch of a Secret broke; it starts again");
                continue;
            }
        };
        let Some(shared) = shared.upgrade() else { return };
        shared.saw(&key, sight, None).await;
    }
}

fn version(secret: &PartialObjectMeta<Secret>) -> Sight {
    Sight::Version(secret.resource_version().unwrap_or_default())
}

fn is_forbidden(error: &watcher::Error) -> bool {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => status.code == 403,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};
    use kube::client::Body;
    use std::{io, sync::atomic::AtomicUsize};
    use tokio::sync::Semaphore;

    /// The looks at a Secret that two sources refer to, and how often kube-apiserver, which cannot be reached, was asked for it. Each
    /// request takes until it is let go.
    fn unreachable() -> (SecretWatches, Arc<AtomicUsize>, Arc<Semaphore>) {
        let (asked, let_go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let (asking, waiting) = (asked.clone(), let_go.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let is_look = request.uri().path().ends_with("/secrets/login");
            let number = is_look.then(|| asking.fetch_add(1, Relaxed));
            let waiting = waiting.clone();
            async move {
                if number.is_some() {
                    waiting.acquire().await.expect("it stays open").forget();
                }
                Err::<Response<Body>, _>(io::Error::other(format!("no connection {number:?}")))
            }
        });
        let watches = SecretWatches::new(Client::new(service, "default"), Queue::new().0);
        for source in ["one", "other"] {
            watches.follow("apps", source, &BTreeSet::from(["login"]));
        }
        (watches, asked, let_go)
    }

    /// A look at that Secret whose request is on its way.
    async fn begun(watches: &SecretWatches) -> (Key, Sharing<BoxFuture<'static, Found>>) {
        let key = ("apps".to_owned(), "login".to_owned());
        let mut look = watches.0.look(&key);
        assert!((&mut look).now_or_never().is_none());
        tokio::task::yield_now().await;
        (key, look)
    }

    #[tokio::test]
    async fn whoever_comes_while_a_secret_is_read_shares_the_next_read() {
        let (watches, asked, let_go) = unreachable();
        let (key, first) = begun(&watches).await;
        let (mut second, mut third) = (watches.0.look(&key), watches.0.look(&key));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        tokio::task::yield_now().await;
        assert_eq!(asked.load(Relaxed), 1, "the second read waits for the first");
        let_go.add_permits(2);
        let (first, second, third) = tokio::join!(first, second, third);
        let [first, second, third] =
            [first, second, third].map(|found| found.expect_err("there is no connection"));
        assert_ne!(first, second, "it was read again");
        assert_eq!((second, asked.load(Relaxed)), (third, 2));
        let_go.add_permits(1);
        watches.0.look(&key).await.expect_err("there is no connection");
        assert_eq!(asked.load(Relaxed), 3, "what was read is given to nobody who comes later");
    }

    #[tokio::test]
    async fn a_read_ends_with_the_last_who_waits_for_it() {
        let (watches, asked, let_go) = unreachable();
        let (key, abandoned) = begun(&watches).await;
        assert_eq!(asked.load(Relaxed), 1);
        drop(abandoned);
        let_go.add_permits(1);
        watches.0.look(&key).await.expect_err("there is no connection");
        assert_eq!(asked.load(Relaxed), 2);
    }

    fn watch(users: &[&str]) -> Watch {
        let users = users.iter().map(|user| (*user).to_owned()).collect();
        Watch { users, seen: None, looking: None, watching: AbortOnDropHandle::new(tokio::spawn(async {})) }
    }

    fn version(version: &str) -> Sight {
        Sight::Version(version.into())
    }

    #[tokio::test]
    async fn whoever_has_not_seen_a_change_is_woken_once() {
        let mut watch = watch(&["a", "b"]);
        assert_eq!(watch.changed(Sight::Absent, Some("a")), [""; 0], "b has yet to look");
        assert_eq!(watch.changed(version("1"), None), ["a", "b"]);
        assert_eq!(watch.changed(version("1"), Some("a")), [""; 0]);
        assert_eq!(watch.changed(version("2"), Some("a")), ["b"], "a has just read it");
        assert_eq!(watch.changed(version("2"), None), [""; 0], "the watch tells what a told");
    }

    #[tokio::test]
    async fn what_changed_before_the_watch_began_is_noticed() {
        let mut watch = watch(&["a"]);
        watch.changed(Sight::Forbidden, Some("a"));
        assert_eq!(watch.changed(version("1"), None), ["a"]);
    }
}
