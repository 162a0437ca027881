//! Reading what we wrote: the watch may lag behind our own last write, and whoever acts on the older state acts twice.
use crate::reconcile::queue::prune;
use crds::Decoded;
use kube::{
    Resource, ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// For how long our own write is believed over the watch. A watch that lags further is broken, and what looks like
/// its lag is an object that somebody deleted meanwhile.
const BELIEVED: Duration = Duration::from_secs(10);

/// The objects as the watch shows them, and those that we wrote and that it has not shown yet.
pub(crate) struct Newest<K: Resource<DynamicType = ()> + Clone + 'static> {
    watched: Store<Decoded<K>>,
    written: Mutex<Written<K>>,
}

struct Written<K: Resource<DynamicType = ()>> {
    /// What was written not long ago.
    objects: HashMap<ObjectRef<Decoded<K>>, Own<K>>,
    /// When those that are no longer believed were last thrown out.
    swept: Option<Instant>,
}

/// One that we wrote.
struct Own<K> {
    version: Option<u128>,
    /// Until the watch shows it: it would be there twice.
    object: Option<Arc<Decoded<K>>>,
    since: Instant,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Newest<K> {
    /// Of the objects that a watch puts into this store.
    pub(crate) fn new(watched: Store<Decoded<K>>) -> Self {
        Self { watched, written: Mutex::new(Written { objects: HashMap::new(), swept: None }) }
    }

    /// Remembers what a write returned, without what nobody reads.
    pub(crate) fn wrote(&self, mut object: K, now: Instant) {
        prune(&mut object);
        let object = Decoded(Ok(object));
        let (key, version) = (ObjectRef::from_obj(&object), version(&object));
        let mut written = self.lock();
        // A source is not looked at again before its interval; its write would lie here for as long.
        if written.swept.is_none_or(|swept| now.saturating_duration_since(swept) > BELIEVED) {
            written.objects.retain(|_, own| now.saturating_duration_since(own.since) <= BELIEVED);
            written.swept = Some(now);
        }
        // The watch may have been faster than the answer.
        let is_shown = shows(self.watched.get(&key).as_deref(), version);
        let object = (!is_shown).then(|| Arc::new(object));
        written.objects.insert(key, Own { version, object, since: now });
    }

    /// The newer of what the watch shows and of what we wrote.
    pub(crate) fn of(&self, key: &ObjectRef<Decoded<K>>, now: Instant) -> Option<Arc<Decoded<K>>> {
        let mut written = self.lock();
        // The store is asked under the lock: what was let go since it was asked is in it by then.
        let watched = self.watched.get(key);
        let Some(own) = written.objects.get(key) else { return watched };
        let caught_up = shows(watched.as_deref(), own.version);
        if caught_up || now.saturating_duration_since(own.since) > BELIEVED {
            written.objects.remove(key);
            return watched;
        }
        own.object.clone().or(watched)
    }

    /// The watch shows an object, which the store has by now. Whether it is just what we wrote ourselves.
    pub(crate) fn seen(&self, seen: &Decoded<K>) -> bool {
        let mut written = self.lock();
        let Some(own) = written.objects.get_mut(&ObjectRef::from_obj(seen)) else { return false };
        if shows(Some(seen), own.version) {
            own.object = None;
        }
        own.version >= version(seen)
    }

    /// The watch showed that it was deleted.
    pub(crate) fn deleted(&self, key: &ObjectRef<Decoded<K>>) {
        self.lock().objects.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Written<K>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what the watch shows is what was written, or newer.
fn shows<K: Resource>(watched: Option<&K>, written: Option<u128>) -> bool {
    watched.is_some_and(|seen| version(seen) >= written)
}

/// Resource versions of one kind compare as numbers (KEP-5504, stable since Kubernetes 1.35).
fn version<K: Resource>(object: &K) -> Option<u128> {
    object.resource_version()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::{
        reflector::{self, store::Writer},
        watcher::Event,
    };

    fn at(version: u32) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some("podinfo".into());
        object.metadata.resource_version = Some(version.to_string());
        object
    }

    struct Watch {
        newest: Newest<ConfigMap>,
        writer: Writer<Decoded<ConfigMap>>,
    }

    impl Watch {
        fn new() -> Self {
            let (store, writer) = reflector::store();
            Self { newest: Newest::new(store), writer }
        }

        /// Whether it was our own write.
        fn shows(&mut self, version: u32) -> bool {
            let object = Decoded(Ok(at(version)));
            self.writer.apply_watcher_event(&Event::Apply(object.clone()));
            self.newest.seen(&object)
        }

        fn deletes(&mut self) {
            self.writer.apply_watcher_event(&Event::Delete(Decoded(Ok(at(0)))));
            self.newest.deleted(&key());
        }

        fn newest(&self, now: Instant) -> Option<String> {
            self.newest.of(&key(), now)?.resource_version()
        }

        fn kept(&self) -> usize {
            self.newest.lock().objects.values().filter(|own| own.object.is_some()).count()
        }
    }

    fn key() -> ObjectRef<Decoded<ConfigMap>> {
        ObjectRef::new("podinfo")
    }

    #[test]
    fn our_own_write_is_seen_at_once_and_until_the_watch_shows_it() {
        let (mut watch, now) = (Watch::new(), Instant::now());
        watch.newest.wrote(at(10), now);
        assert_eq!(watch.newest(now).as_deref(), Some("10"), "the watch knows nothing of it");
        watch.shows(9);
        assert_eq!(watch.newest(now).as_deref(), Some("10"), "numbers, not text");
        watch.shows(11);
        assert_eq!(watch.newest(now).as_deref(), Some("11"));
        watch.deletes();
        assert_eq!(watch.newest(now), None, "caught up: from here the watch is right");
    }

    #[test]
    fn what_the_watch_shows_is_not_kept_twice() {
        let (mut watch, now) = (Watch::new(), Instant::now());
        watch.newest.wrote(at(10), now);
        assert_eq!(watch.kept(), 1);
        watch.shows(10);
        assert_eq!(watch.kept(), 0);
        watch.shows(12);
        watch.newest.wrote(at(12), now);
        assert_eq!(watch.kept(), 0, "the watch was faster than the answer");
        assert_eq!(watch.newest(now).as_deref(), Some("12"));
    }

    #[test]
    fn what_was_deleted_after_our_write_is_gone() {
        let (mut watch, now) = (Watch::new(), Instant::now());
        watch.newest.wrote(at(10), now);
        watch.deletes();
        assert_eq!(watch.newest(now), None);
        watch.newest.wrote(at(10), now);
        assert_eq!(watch.newest(now + BELIEVED + Duration::from_secs(1)), None);
    }

    #[test]
    fn what_is_no_longer_believed_takes_no_room() {
        let (watch, now) = (Watch::new(), Instant::now());
        watch.newest.wrote(at(10), now);
        let mut other = at(11);
        other.metadata.name = Some("other".into());
        watch.newest.wrote(other, now + BELIEVED * 2);
        assert_eq!(watch.newest.lock().objects.len(), 1);
    }

    #[test]
    fn our_own_write_is_known_when_the_watch_shows_it_however_often() {
        let mut watch = Watch::new();
        watch.newest.wrote(at(10), Instant::now());
        assert!(watch.shows(9) && watch.shows(10) && watch.shows(10));
        assert!(!watch.shows(11));
    }
}
