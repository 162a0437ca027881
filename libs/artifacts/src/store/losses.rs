//! Readers tell here that a published blob cannot be read; whoever can fetch it again, or say why not, listens.
use super::SourceKey;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

/// A source that was told of is not told of again for so long, however many readers ask.
const PAUSE: Duration = Duration::from_secs(5);
/// How many sources may wait for who listens. Those beyond are told of again by their next reader.
const BOUND: usize = 64;

/// Sources whose published blob somebody missed. It crosses no process: where readers and the controller are apart, the
/// next pass over the source finds the same.
#[derive(Debug)]
pub struct Losses {
    /// From readers to the controller.
    lost_tx: broadcast::Sender<SourceKey>,
    told: Mutex<HashMap<SourceKey, Instant>>,
}

impl Losses {
    /// Says that the blob which this source publishes cannot be read. Who tells must know that it is published:
    /// otherwise anybody who asks for what never was could have sources fetched.
    pub fn tell(&self, source: &SourceKey) {
        if self.is_news(source, Instant::now()) {
            // With nobody there to listen, the next pass over the source looks by itself.
            let _ = self.lost_tx.send(source.clone());
        }
    }

    /// What is told from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<SourceKey> {
        self.lost_tx.subscribe()
    }

    fn is_news(&self, source: &SourceKey, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.duration_since(*at) < PAUSE);
        let is_news = !told.contains_key(source);
        if is_news {
            told.insert(source.clone(), now);
        }
        is_news
    }
}

impl Default for Losses {
    fn default() -> Self {
        Self { lost_tx: broadcast::channel(BOUND).0, told: Mutex::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> SourceKey {
        SourceKey::new("apps", name).unwrap()
    }

    #[test]
    fn a_source_is_told_of_once_in_a_while() {
        let losses = Losses::default();
        let start = Instant::now();
        let told = |name, seconds| losses.is_news(&source(name), start + Duration::from_secs(seconds));
        assert!(told("one", 0));
        assert!(!told("one", 4));
        assert!(told("two", 4));
        assert!(told("one", 5));
        assert!(!told("two", 8));
    }

    #[test]
    fn many_readers_are_heard_as_one() {
        let losses = Losses::default();
        losses.tell(&source("nobody-listens"));
        let mut lost = losses.subscribe();
        (0..100).for_each(|_| losses.tell(&source("one")));
        assert_eq!(lost.try_recv(), Ok(source("one")));
        assert_eq!(lost.try_recv(), Err(broadcast::error::TryRecvError::Empty));
    }
}
