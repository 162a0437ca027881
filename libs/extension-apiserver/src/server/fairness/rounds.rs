//! Who computes next, of the requests that run.
//!
//! Seats bound how many requests are under way; they do not say which of them goes on. A runtime polls whatever is ready in the
//! order in which it became ready, so that three hundred requests of one user stand before the one of another. Here each user may
//! use a slice of every round. Whoever has used it waits for the next, which begins when everything else that was ready has had
//! its turn and the sockets were looked at: so whoever asks now and then never waits, and whoever is alone hardly does.
use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::task::yield_now;

/// What one user's requests may compute in a round. A request is not interrupted, so that its last poll may go beyond.
const SLICE: Duration = Duration::from_micros(250);

/// Users of whom a round knows what they used. With one more the next begins, for everybody.
const MOST_USERS: usize = 1_000;

#[derive(Default)]
pub(super) struct Rounds {
    current: Mutex<Round>,
}

#[derive(Default)]
struct Round {
    number: u64,
    used: HashMap<Arc<str>, Duration>,
}

impl Rounds {
    /// Goes on with `work` in the rounds of this user only.
    pub(super) async fn run<T>(&self, user: &str, work: impl Future<Output = T>) -> T {
        let (mut work, mut waited_in) = (pin!(work), None);
        poll_fn(|cx| {
            if let Some(number) = self.wait(user, waited_in.take()) {
                waited_in = Some(number);
                return after_the_others(cx);
            }
            let began = Instant::now();
            let polled = work.as_mut().poll(cx);
            self.charge(user, began.elapsed());
            polled
        })
        .await
    }

    /// The round that the user has to let pass. Whoever waited in the current one begins the next.
    fn wait(&self, user: &str, waited_in: Option<u64>) -> Option<u64> {
        let mut round = self.lock();
        if waited_in == Some(round.number) {
            round.end();
        }
        let is_over = round.used.get(user).is_some_and(|used| *used >= SLICE);
        is_over.then_some(round.number)
    }

    fn charge(&self, user: &str, time: Duration) {
        let mut round = self.lock();
        match round.used.get_mut(user) {
            Some(used) => *used += time,
            None => {
                if round.used.len() == MOST_USERS {
                    round.end();
                }
                round.used.insert(user.into(), time);
            }
        }
    }

    /// A panic elsewhere cannot leave a round half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Round> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Round {
    fn end(&mut self) {
        self.number += 1;
        self.used.clear();
    }
}

/// Has the task woken behind everything that is ready by now.
fn after_the_others<T>(cx: &mut Context<'_>) -> Poll<T> {
    let yielded: Pin<&mut _> = pin!(yield_now());
    let _pending = yielded.poll(cx);
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn whoever_has_used_the_slice_waits_for_the_next_round_and_nobody_else_does() {
        let rounds = Rounds::default();
        rounds.charge("noisy", SLICE);
        let mut noisy = pin!(rounds.run("noisy", async { "noisy" }));
        assert_eq!(noisy.as_mut().now_or_never(), None);
        assert_eq!(rounds.run("quiet", async { "quiet" }).now_or_never(), Some("quiet"));
        assert_eq!(noisy.now_or_never(), Some("noisy"), "the next round began");
    }

    #[test]
    fn however_many_users_come_a_round_knows_a_thousand() {
        let rounds = Rounds::default();
        for number in 0..2 * MOST_USERS + 1 {
            rounds.charge(&format!("user-{number}"), Duration::from_micros(1));
        }
        let round = rounds.lock();
        assert_eq!((round.number, round.used.len()), (2, 1));
    }

    #[tokio::test]
    async fn of_many_who_waited_one_begins_the_next_round() {
        let rounds = Rounds::default();
        rounds.charge("noisy", SLICE);
        let mut first = pin!(rounds.run("noisy", async { rounds.charge("noisy", SLICE) }));
        let mut second = pin!(rounds.run("noisy", async {}));
        assert_eq!(first.as_mut().now_or_never(), None);
        assert_eq!(second.as_mut().now_or_never(), None);
        assert_eq!(first.now_or_never(), Some(()));
        assert_eq!(second.as_mut().now_or_never(), None, "the first has used up this round too");
        assert_eq!(second.now_or_never(), Some(()));
    }
}
