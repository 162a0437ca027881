//! Reading what we wrote: the watch may lag behind our own last write, and whoever acts on the older state acts twice.
use crate::reconcile::queue::prune;
use kube::{Resource, ResourceExt, runtime::reflector::ObjectRef};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// For how long our own write is believed over the watch. A watch that lags further is broken, and what looks like
/// its lag is an object that somebody deleted meanwhile.
const BELIEVED: Duration = Duration::from_secs(10);

/// The objects that we wrote and that the watch has not shown yet.
pub(crate) struct Newest<K: Resource<DynamicType = ()>>(Mutex<Written<K>>);

struct Written<K: Resource<DynamicType = ()>> {
    /// What we wrote, and when.
    objects: HashMap<ObjectRef<K>, (Arc<K>, Instant)>,
    /// When those that are no longer believed were last thrown out.
    swept: Option<Instant>,
}

impl<K: Resource<DynamicType = ()> + Clone> Default for Newest<K> {
    fn default() -> Self {
        Self(Mutex::new(Written { objects: HashMap::new(), swept: None }))
    }
}

impl<K: Resource<DynamicType = ()> + Clone> Newest<K> {
    /// Remembers what a write returned, without what nobody reads.
    pub(crate) fn wrote(&self, mut object: K, now: Instant) {
        prune(&mut object);
        let mut written = self.lock();
        // A source is not looked at again before its interval; its write would lie here for as long.
        if written.swept.is_none_or(|swept| now.saturating_duration_since(swept) > BELIEVED) {
            written.objects.retain(|_, (_, since)| now.saturating_duration_since(*since) <= BELIEVED);
            written.swept = Some(now);
        }
        written.objects.insert(ObjectRef::from_obj(&object), (Arc::new(object), now));
    }

    /// The newer of what the watch shows and of what we wrote.
    pub(crate) fn of(&self, key: &ObjectRef<K>, watched: Option<Arc<K>>, now: Instant) -> Option<Arc<K>> {
        let mut written = self.lock();
        let Some((own, since)) = written.objects.get(key) else { return watched };
        let caught_up = watched.as_ref().is_some_and(|seen| version(&**seen) >= version(&**own));
        if caught_up || now.saturating_duration_since(*since) > BELIEVED {
            written.objects.remove(key);
            return watched;
        }
        Some(own.clone())
    }

    /// Whether the watch shows just what we wrote ourselves.
    pub(crate) fn is_own_write(&self, seen: &K) -> bool {
        self.lock()
            .objects
            .get(&ObjectRef::from_obj(seen))
            .is_some_and(|(own, _)| version(&**own) >= version(seen))
    }

    /// The watch showed that it was deleted.
    pub(crate) fn deleted(&self, key: &ObjectRef<K>) {
        self.lock().objects.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Written<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resource versions of one kind compare as numbers (KEP-5504, stable since Kubernetes 1.35).
fn version<K: Resource>(object: &K) -> Option<u128> {
    object.resource_version()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    fn at(version: u32) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some("podinfo".into());
        object.metadata.resource_version = Some(version.to_string());
        object
    }

    fn seen(newest: &Newest<ConfigMap>, watched: Option<u32>, now: Instant) -> Option<String> {
        let key = ObjectRef::from_obj(&at(0));
        newest.of(&key, watched.map(|version| Arc::new(at(version))), now)?.resource_version()
    }

    #[test]
    fn our_own_write_is_seen_at_once_and_until_the_watch_shows_it() {
        let (newest, now) = (Newest::default(), Instant::now());
        newest.wrote(at(10), now);
        assert_eq!(seen(&newest, Some(9), now).as_deref(), Some("10"), "numbers, not text");
        assert_eq!(seen(&newest, None, now).as_deref(), Some("10"));
        assert_eq!(seen(&newest, Some(11), now).as_deref(), Some("11"));
        assert_eq!(seen(&newest, None, now), None, "caught up: from here the watch is right");
    }

    #[test]
    fn what_was_deleted_after_our_write_is_gone() {
        let (newest, now) = (Newest::default(), Instant::now());
        newest.wrote(at(10), now);
        newest.deleted(&ObjectRef::from_obj(&at(0)));
        assert_eq!(seen(&newest, None, now), None);
        newest.wrote(at(10), now);
        assert_eq!(seen(&newest, None, now + BELIEVED + Duration::from_secs(1)), None);
    }

    #[test]
    fn what_is_no_longer_believed_takes_no_room() {
        let (newest, now) = (Newest::default(), Instant::now());
        newest.wrote(at(10), now);
        let mut other = at(11);
        other.metadata.name = Some("other".into());
        newest.wrote(other, now + BELIEVED * 2);
        assert_eq!(newest.lock().objects.len(), 1);
    }

    #[test]
    fn our_own_write_is_known_when_the_watch_shows_it() {
        let newest = Newest::default();
        newest.wrote(at(10), Instant::now());
        assert!(newest.is_own_write(&at(9)) && newest.is_own_write(&at(10)));
        assert!(!newest.is_own_write(&at(11)));
    }
}
