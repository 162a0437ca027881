//! Counts the requests of one connection, to know how long it has been without any.
use super::Limits;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// What a connection has been asked so far.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    running: AtomicUsize,
    /// When the last request ended, in milliseconds after `opened`; 0 before that.
    last_ended: AtomicU64,
}

/// One running request: from its headers to the last byte of its response.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { opened: Instant::now(), running: AtomicUsize::new(0), last_ended: AtomicU64::new(0) })
    }

    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::AcqRel);
        Running(Arc::clone(self))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running.load(Ordering::Acquire) > 0
    }

    /// Returns once the connection has had no request for as long as `limits` allow.
    pub(super) async fn unused_for_too_long(&self, limits: &Limits) {
        loop {
            let (due, now) = (self.due(limits), Instant::now());
            if due <= now {
                return;
            }
            // A request that ends meanwhile is due no sooner than that.
            sleep_until(due.min(now + limits.idle_timeout)).await;
        }
    }

    fn due(&self, limits: &Limits) -> Instant {
        if self.is_busy() {
            return Instant::now() + limits.idle_timeout;
        }
        match self.last_ended.load(Ordering::Acquire) {
            0 => self.opened + limits.header_timeout,
            ended => self.opened + Duration::from_millis(ended) + limits.idle_timeout,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let age = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_ended.store(age.max(1), Ordering::Release);
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}
