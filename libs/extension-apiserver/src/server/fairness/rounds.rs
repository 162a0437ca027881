//! Who computes next, of the requests that run.
//!
//! Seats bound how many requests are under way; they do not say which of them goes on. A runtime polls whatever is ready in the
//! order in which it became ready, so that three hundred requests of one user stand before the one of another. Here each user may
//! use a slice of every round. Whoever has used it waits for the next, which begins when everything else that was ready has had
//! its turn and the sockets were looked at: so whoever asks now and then never waits, and whoever is alone hardly does.
//!
//! Of one user's requests that wait, the first alone looks whether the next round has begun, and the others stand in line behind
//! it. Hundreds that all looked would themselves be what everybody else waits for.
use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::ready,
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, task::yield_now};

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
    users: HashMap<Arc<str>, User>,
}

struct User {
    /// What it used in this round.
    used: Duration,
    /// Whose one permit the first of those holds who wait; in order of arrival.
    line: Arc<Semaphore>,
}

impl Rounds {
    /// Goes on with `work` in the rounds of this user only: what it gave, and what it computed.
    pub(super) async fn run<T>(&self, user: &str, work: impl Future<Output = T>) -> (T, Duration) {
        let (mut work, mut turn, mut total) = (pin!(work), None, Duration::ZERO);
        poll_fn(|cx| {
            if turn.is_none() && self.has_to_wait(user) {
                turn = Some(Box::pin(self.turn(user)));
            }
            if let Some(turn) = &mut turn {
                ready!(turn.as_mut().poll(cx));
            }
            turn = None;
            let began = Instant::now();
            let polled = work.as_mut().poll(cx);
            let took = began.elapsed();
            total += took;
            self.charge(user, took);
            polled.map(|result| (result, total))
        })
        .await
    }

    /// Whoever has used its slice does, and whoever comes after others who wait.
    fn has_to_wait(&self, user: &str) -> bool {
        let round = self.lock();
        round.users.get(user).is_some_and(|user| user.used >= SLICE || user.line.available_permits() == 0)
    }

    /// Returns in a round in which the user has something left.
    async fn turn(&self, user: &str) {
        let line = self.lock().user(user).line.clone();
        let _first = line.acquire().await.expect("it is never closed");
        while let Some(number) = self.used_up(user) {
            yield_now().await;
            self.end(number);
        }
    }

    /// The number of the round, if the user has nothing left in it.
    fn used_up(&self, user: &str) -> Option<u64> {
        let round = self.lock();
        let user = round.users.get(user)?;
        (user.used >= SLICE).then_some(round.number)
    }

    /// Begins the next round, unless somebody else did who waited as well.
    fn end(&self, number: u64) {
        let mut round = self.lock();
        if round.number == number {
            round.end();
        }
    }

    /// Counts what was computed for a user.
    pub(super) fn charge(&self, user: &str, time: Duration) {
        self.lock().user(user).used += time;
    }

    /// A panic elsewhere cannot leave a round half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Round> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Round {
    fn user(&mut self, name: &str) -> &mut User {
        if !self.users.contains_key(name) {
            if self.users.len() >= MOST_USERS {
                self.end();
            }
            self.users.insert(name.into(), User { used: Duration::ZERO, line: Arc::new(Semaphore::new(1)) });
        }
        self.users.get_mut(name).expect("it is there now")
    }

    /// Nobody has used anything of the next; only those are remembered for whom somebody waits.
    fn end(&mut self) {
        self.number += 1;
        self.users.retain(|_, user| {
            user.used = Duration::ZERO;
            Arc::strong_count(&user.line) > 1
        });
    }
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
        assert!(noisy.as_mut().now_or_never().is_none());
        let quiet = rounds.run("quiet", async { "quiet" }).now_or_never();
        assert_eq!(quiet.map(|(result, _)| result), Some("quiet"));
        assert_eq!(noisy.now_or_never().map(|(result, _)| result), Some("noisy"), "the next round began");
    }

    #[test]
    fn however_many_users_come_a_round_knows_a_thousand() {
        let rounds = Rounds::default();
        for number in 0..2 * MOST_USERS + 1 {
            rounds.charge(&format!("user-{number}"), Duration::from_micros(1));
        }
        let round = rounds.lock();
        assert_eq!((round.number, round.users.len()), (2, 1));
    }

    #[tokio::test]
    async fn of_many_who_waited_one_begins_the_next_round() {
        let rounds = Rounds::default();
        rounds.charge("noisy", SLICE);
        let mut first = pin!(rounds.run("noisy", async { rounds.charge("noisy", SLICE) }));
        let mut second = pin!(rounds.run("noisy", async {}));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(first.now_or_never().is_some());
        assert!(second.as_mut().now_or_never().is_none(), "the first has used up this round too");
        assert!(second.now_or_never().is_some());
    }

    #[tokio::test]
    async fn of_a_users_waiting_requests_the_first_alone_looks_and_the_others_stand_in_line() {
        let rounds = Rounds::default();
        rounds.charge("noisy", SLICE);
        let mut first = Box::pin(rounds.run("noisy", async {}));
        let mut second = Box::pin(rounds.run("noisy", async {}));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        let number = rounds.lock().number;
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(rounds.lock().number, number, "it does not begin a round");
        let mut third = Box::pin(rounds.run("noisy", async {}));
        rounds.end(number);
        assert!(third.as_mut().now_or_never().is_none(), "nobody goes before those who wait");
        drop(first);
        assert!(second.now_or_never().is_some(), "whoever leaves makes room for the next");
        assert!(third.now_or_never().is_some());
    }
}
