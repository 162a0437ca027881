//! How much of all bodies that are arriving is held in memory at once.
//!
//! Nobody has to say who they are at the webhook's port, so all bodies together stay bounded. Where they would not,
//! whoever has been at it the longest makes room: kube-apiserver sends a review in one go, and only strangers grow old.
//! Nobody ever waits for room, or those who send slowly would keep all others out.
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};
use tokio_util::sync::CancellationToken;

/// What all readers together may hold.
pub(crate) struct Budget {
    bytes: usize,
    readers: Mutex<Readers>,
}

#[derive(Default)]
struct Readers {
    held: usize,
    begun: u64,
    by_age: BTreeMap<u64, Reader>,
}

struct Reader {
    held: usize,
    evicted: CancellationToken,
}

/// What one reader holds; given back when it is dropped.
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    age: u64,
    evicted: CancellationToken,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes, readers: Mutex::default() }
    }

    /// For one more reader, who holds nothing yet.
    pub(crate) fn share(&self) -> Share<'_> {
        let evicted = CancellationToken::new();
        let mut readers = self.readers();
        readers.begun += 1;
        let age = readers.begun;
        readers.by_age.insert(age, Reader { held: 0, evicted: evicted.clone() });
        Share { budget: self, age, evicted }
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().expect("nobody panics while holding it")
    }
}

impl Readers {
    fn remove(&mut self, age: u64) -> Option<Reader> {
        let reader = self.by_age.remove(&age)?;
        self.held -= reader.held;
        Some(reader)
    }
}

impl Share<'_> {
    /// So much more has arrived. Where that is too much, the oldest readers are evicted, this one not excepted.
    pub(crate) fn hold(&self, bytes: usize) {
        let mut readers = self.budget.readers();
        let Some(reader) = readers.by_age.get_mut(&self.age) else { return };
        reader.held += bytes;
        readers.held += bytes;
        while readers.held > self.budget.bytes {
            let oldest = readers.by_age.first_key_value().map(|(age, _)| *age);
            let Some(reader) = oldest.and_then(|age| readers.remove(age)) else { return };
            reader.evicted.cancel();
        }
    }

    /// What `reading` gives, or nothing if this reader is evicted before that.
    pub(crate) async fn unless_evicted<T>(&self, reading: impl Future<Output = T>) -> Option<T> {
        self.evicted.run_until_cancelled(reading).await
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.readers().remove(self.age);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_reader_makes_room() {
        let budget = Budget::new(100);
        let (first, second, third) = (budget.share(), budget.share(), budget.share());
        first.hold(60);
        second.hold(40);
        assert!(!first.evicted.is_cancelled(), "it just fits");
        third.hold(1);
        assert!(first.evicted.is_cancelled() && !second.evicted.is_cancelled());
        assert_eq!(budget.readers().held, 41);
    }

    #[test]
    fn who_holds_nothing_is_not_counted_but_goes_first() {
        let budget = Budget::new(100);
        let (silent, large) = (budget.share(), budget.share());
        large.hold(101);
        assert!(silent.evicted.is_cancelled() && large.evicted.is_cancelled());
        assert_eq!(budget.readers().held, 0);
    }

    #[test]
    fn a_share_is_given_back_once() {
        let budget = Budget::new(100);
        let (evicted, other) = (budget.share(), budget.share());
        evicted.hold(80);
        other.hold(30);
        evicted.hold(1_000);
        drop(evicted);
        assert_eq!(budget.readers().held, 30);
        drop(other);
        assert_eq!(budget.readers().held, 0);
        assert!(budget.readers().by_age.is_empty());
    }

    #[tokio::test]
    async fn an_evicted_reader_stops_where_it_stands() {
        let budget = Budget::new(100);
        let slow = budget.share();
        slow.hold(100);
        let quick = async { budget.share().hold(1) };
        let reading = slow.unless_evicted(std::future::pending::<()>());
        assert_eq!(tokio::join!(reading, quick).0, None);
    }
}
