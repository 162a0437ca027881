//! Who computes next, of the requests that run.
//!
//! Seats bound how many requests are under way; they do not say which of them goes on. A runtime polls whatever is ready in the
//! order in which it became ready, so that three hundred requests of one user stand before the one of another. Here each user may
//! use a slice of every round. Whoever has used it waits for the next, which begins when everything else that was ready has had
//! its turn and the sockets were looked at: so whoever asks now and then never waits, and whoever is alone hardly does.
//!
//! Of one user's requests that wait, the first alone looks whether the next round has begun, and the others stand in line behind
//! it. Hundreds that all looked would themselves be what everybody else waits for.
use super::key::Key;
use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::ready,
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, task::yield_now};

/// What one user's requests may compute in a round. A request is not interrupted, so that its last poll may go beyond.
const SLICE: Duration = Duration::from_micros(250);

/// Users of whom a round knows what they used. With one more the next begins, for everybody.
const MOST_USERS: usize = 1_000;

/// Nothing is locked while requests compute: what a user used is looked up once a request, and then counted in a word of its own.
pub(super) struct Rounds {
    /// Of the current one.
    number: AtomicU32,
    users: Mutex<Users>,
}

struct Users {
    turns: HashMap<Key, Arc<Turns>>,
    /// With how many users the next round begins: more than [`MOST_USERS`] while the requests of as many run.
    most: usize,
}

/// One user's, of all its requests.
pub(in crate::server) struct Turns {
    used: Used,
    /// Whose one permit the first of those holds who wait; in order of arrival.
    line: Semaphore,
}

/// What was used in a round: its number and nanoseconds, in one word, so that nothing of another round is counted.
#[derive(Default)]
struct Used(AtomicU64);

impl Default for Rounds {
    fn default() -> Self {
        let users = Users { turns: HashMap::new(), most: MOST_USERS };
        Self { number: AtomicU32::new(0), users: Mutex::new(users) }
    }
}

impl Rounds {
    /// The turns of a user. They are remembered at least for as long as somebody holds them.
    pub(super) fn turns(&self, user: Key) -> Arc<Turns> {
        let mut users = self.lock();
        if let Some(turns) = users.turns.get(&user) {
            return Arc::clone(turns);
        }
        if users.turns.len() >= users.most {
            self.end(self.number());
            users.forget();
        }
        let turns = Arc::new(Turns { used: Used::default(), line: Semaphore::new(1) });
        users.turns.insert(user, Arc::clone(&turns));
        turns
    }

    /// Goes on with `work` in the rounds of this user only: what it gave, and what it computed.
    pub(super) async fn run<T>(&self, turns: &Turns, work: impl Future<Output = T>) -> (T, Duration) {
        let (mut work, mut turn, mut total) = (pin!(work), None, Duration::ZERO);
        poll_fn(|cx| {
            if turn.is_none() && self.has_to_wait(turns) {
                turn = Some(Box::pin(self.turn(turns)));
            }
            if let Some(turn) = &mut turn {
                ready!(turn.as_mut().poll(cx));
            }
            turn = None;
            let began = Instant::now();
            let polled = work.as_mut().poll(cx);
            let took = began.elapsed();
            total += took;
            self.charge(turns, took);
            polled.map(|result| (result, total))
        })
        .await
    }

    /// Whoever has used its slice does, and whoever comes after others who wait.
    fn has_to_wait(&self, turns: &Turns) -> bool {
        turns.used.in_round(self.number()) >= SLICE || turns.line.available_permits() == 0
    }

    /// Returns in a round in which the user has something left.
    async fn turn(&self, turns: &Turns) {
        let _first = turns.line.acquire().await.expect("it is never closed");
        loop {
            let number = self.number();
            if turns.used.in_round(number) < SLICE {
                return;
            }
            yield_now().await;
            self.end(number);
        }
    }

    /// Begins the next round, unless somebody else did who waited as well. Nobody has used anything of it.
    fn end(&self, number: u32) {
        // Whoever comes too late has what was wanted.
        let _begun = self.number.compare_exchange(number, number.wrapping_add(1), Relaxed, Relaxed);
    }

    /// Counts what was computed for a user.
    pub(super) fn charge(&self, turns: &Turns, time: Duration) {
        turns.used.add(self.number(), time);
    }

    fn number(&self) -> u32 {
        self.number.load(Relaxed)
    }

    /// A panic elsewhere cannot leave them half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Users {
    /// Only those are remembered whose requests run. If these are many, as many more come before anybody looks again.
    fn forget(&mut self) {
        self.turns.retain(|_, turns| Arc::strong_count(turns) > 1);
        self.most = MOST_USERS.max(2 * self.turns.len());
    }
}

impl Used {
    fn in_round(&self, number: u32) -> Duration {
        Self::nanoseconds(self.0.load(Relaxed), number)
    }

    fn add(&self, number: u32, time: Duration) {
        let sum = |word| {
            let used = (Self::nanoseconds(word, number) + time).as_nanos();
            // Four seconds and more are as good as four: both are many slices.
            Some(u64::from(number) << 32 | u64::from(u32::try_from(used).unwrap_or(u32::MAX)))
        };
        let _before = self.0.fetch_update(Relaxed, Relaxed, sum);
    }

    /// Zero if the word tells of another round.
    fn nanoseconds(word: u64, number: u32) -> Duration {
        let is_current = word >> 32 == u64::from(number);
        Duration::from_nanos(if is_current { word & u64::from(u32::MAX) } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::fairness::key::Keys;
    use futures::FutureExt;

    /// Rounds, and the turns of two users: of the noisy, who has used its slice, and of the quiet.
    fn two_users() -> (Rounds, Arc<Turns>, Arc<Turns>) {
        let (rounds, keys) = (Rounds::default(), Keys::default());
        let [noisy, quiet] = ["noisy", "quiet"].map(|name| rounds.turns(keys.of(name)));
        rounds.charge(&noisy, SLICE);
        (rounds, noisy, quiet)
    }

    #[tokio::test]
    async fn whoever_has_used_the_slice_waits_for_the_next_round_and_nobody_else_does() {
        let (rounds, noisy, quiet) = two_users();
        let mut noisy = pin!(rounds.run(&noisy, async { "noisy" }));
        assert!(noisy.as_mut().now_or_never().is_none());
        let quiet = rounds.run(&quiet, async { "quiet" }).now_or_never();
        assert_eq!(quiet.map(|(result, _)| result), Some("quiet"));
        assert_eq!(noisy.now_or_never().map(|(result, _)| result), Some("noisy"), "the next round began");
    }

    #[test]
    fn a_users_requests_share_what_it_used_and_the_next_round_forgets_it() {
        let (rounds, keys) = (Rounds::default(), Keys::default());
        let [first, second] = [rounds.turns(keys.of("jane")), rounds.turns(keys.of("jane"))];
        rounds.charge(&first, Duration::from_secs(5));
        rounds.charge(&second, Duration::from_nanos(1));
        assert_eq!(first.used.in_round(0).as_secs(), 4, "more is not told apart");
        rounds.end(0);
        assert_eq!(second.used.in_round(rounds.number()), Duration::ZERO);
        rounds.charge(&second, Duration::from_nanos(1));
        assert_eq!(first.used.in_round(rounds.number()), Duration::from_nanos(1));
    }

    #[test]
    fn however_many_users_come_a_round_knows_a_thousand() {
        let (rounds, keys) = (Rounds::default(), Keys::default());
        for number in 0..2 * MOST_USERS + 1 {
            rounds.charge(&rounds.turns(keys.of(number)), Duration::from_micros(1));
        }
        assert_eq!((rounds.number(), rounds.lock().turns.len()), (2, 1));
    }

    #[test]
    fn whose_requests_run_is_remembered_and_ends_no_round_for_each_who_comes() {
        let (rounds, keys) = (Rounds::default(), Keys::default());
        let held = Vec::from_iter((0..MOST_USERS).map(|number| rounds.turns(keys.of(number))));
        rounds.charge(&held[7], SLICE);
        for number in MOST_USERS..2 * MOST_USERS {
            rounds.turns(keys.of(number));
        }
        assert_eq!(rounds.number(), 1);
        assert!(Arc::ptr_eq(&held[7], &rounds.turns(keys.of(7_usize))));
        drop(held);
        rounds.turns(keys.of("another"));
        assert_eq!((rounds.number(), rounds.lock().turns.len()), (2, 1));
    }

    #[tokio::test]
    async fn of_many_who_waited_one_begins_the_next_round() {
        let (rounds, noisy, _) = two_users();
        let mut first = pin!(rounds.run(&noisy, async { rounds.charge(&noisy, SLICE) }));
        let mut second = pin!(rounds.run(&noisy, async {}));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(first.now_or_never().is_some());
        assert!(second.as_mut().now_or_never().is_none(), "the first has used up this round too");
        assert!(second.now_or_never().is_some());
    }

    #[tokio::test]
    async fn of_a_users_waiting_requests_the_first_alone_looks_and_the_others_stand_in_line() {
        let (rounds, noisy, _) = two_users();
        let mut first = Box::pin(rounds.run(&noisy, async {}));
        let mut second = Box::pin(rounds.run(&noisy, async {}));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        let number = rounds.number();
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(rounds.number(), number, "it does not begin a round");
        let mut third = Box::pin(rounds.run(&noisy, async {}));
        rounds.end(number);
        assert!(third.as_mut().now_or_never().is_none(), "nobody goes before those who wait");
        drop(first);
        assert!(second.now_or_never().is_some(), "whoever leaves makes room for the next");
        assert!(third.now_or_never().is_some());
    }
}
