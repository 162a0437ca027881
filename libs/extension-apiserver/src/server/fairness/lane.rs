//! The seats for one kind of request, and the queue in front of them.
use super::TooMany;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

pub(super) struct Lane {
    seats: usize,
    /// Seats that one user may hold.
    share: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Seats held, by user; no entry for none.
    held: HashMap<Arc<str>, usize>,
    /// In the order of arrival.
    waiting: Vec<Waiter>,
}

struct Waiter {
    user: Arc<str>,
    /// Takes the seat to the one who waits; closed once that one has left.
    seat_tx: oneshot::Sender<Seat>,
}

/// One running request.
pub(in crate::server) struct Seat {
    lane: Arc<Lane>,
    user: Arc<str>,
}

impl Lane {
    /// Of its seats one user may hold three quarters.
    pub(super) fn new(seats: usize) -> Arc<Self> {
        Self::shared(seats, seats - seats / 4)
    }

    /// Of its seats one user may hold `share`.
    pub(super) fn shared(seats: usize, share: usize) -> Arc<Self> {
        Arc::new(Self { seats, share: share.max(1), state: Mutex::default() })
    }

    /// A seat now or never.
    pub(super) fn free_seat(self: &Arc<Self>, user: &str) -> Option<Seat> {
        let mut state = self.lock();
        (state.running < self.seats).then(|| self.take(&mut state, user.into()))
    }

    /// Whether one is this user's.
    pub(super) fn has_seat(&self, user: &str) -> bool {
        self.lock().held(user) > 0
    }

    /// One of the user's share, now or never.
    pub(super) fn seat_now(self: &Arc<Self>, user: &str) -> Option<Seat> {
        let mut state = self.lock();
        self.is_free(&state, user).then(|| self.take(&mut state, user.into()))
    }

    fn is_free(&self, state: &State, user: &str) -> bool {
        state.running < self.seats && state.held(user) < self.share
    }

    /// A seat as soon as it is the user's turn.
    pub(super) async fn seat(self: &Arc<Self>, user: &str, max_wait: Duration) -> Result<Seat, TooMany> {
        let seat_rx = {
            let mut state = self.lock();
            if self.is_free(&state, user) {
                return Ok(self.take(&mut state, user.into()));
            }
            state.queue(user.into(), self.seats).ok_or(TooMany)?
        };
        match timeout(max_wait, seat_rx).await {
            Ok(Ok(seat)) => Ok(seat),
            _ => Err(TooMany),
        }
    }

    fn take(self: &Arc<Self>, state: &mut State, user: Arc<str>) -> Seat {
        state.running += 1;
        *state.held.entry(Arc::clone(&user)).or_default() += 1;
        Seat { lane: Arc::clone(self), user }
    }

    /// Gives free seats to those who wait. A seat whose waiter has just left comes back by being dropped, which needs the
    /// lock: so seats are sent without it.
    fn hand_on(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut granted = Vec::new();
        while state.running < self.seats
            && let Some(waiter) = state.next(self.share)
        {
            granted.push((waiter.seat_tx, self.take(&mut state, waiter.user)));
        }
        drop(state);
        for (seat_tx, seat) in granted {
            drop(seat_tx.send(seat));
        }
    }

    /// A panic elsewhere cannot leave the counts half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held(&self, user: &str) -> usize {
        self.held.get(user).copied().unwrap_or_default()
    }

    /// A place in the queue, at the cost of whoever has the most seats and places if it is full; `None` if that is this user.
    fn queue(&mut self, user: Arc<str>, places: usize) -> Option<oneshot::Receiver<Seat>> {
        self.waiting.retain(|waiter| !waiter.seat_tx.is_closed());
        if self.waiting.len() >= places {
            let (newest, most) = self.greediest()?;
            if most <= self.stake(&user) + 1 {
                return None;
            }
            self.waiting.remove(newest);
        }
        let (seat_tx, seat_rx) = oneshot::channel();
        self.waiting.push(Waiter { user, seat_tx });
        Some(seat_rx)
    }

    /// What a user takes from the others: seats and places in the queue.
    fn stake(&self, user: &Arc<str>) -> usize {
        self.held(user) + self.waiting.iter().filter(|waiter| waiter.user == *user).count()
    }

    /// Where the newest stands of those who wait for the user with the highest stake, and that stake.
    fn greediest(&self) -> Option<(usize, usize)> {
        let mut stakes: HashMap<&Arc<str>, (usize, usize)> = HashMap::new();
        for (place, waiter) in self.waiting.iter().enumerate() {
            let (newest, stake) = stakes.entry(&waiter.user).or_insert_with(|| (0, self.held(&waiter.user)));
            (*newest, *stake) = (place, *stake + 1);
        }
        stakes.into_values().max_by_key(|(_, stake)| *stake)
    }

    /// Of those who may have another seat, the first of those who hold the fewest.
    fn next(&mut self, share: usize) -> Option<Waiter> {
        self.waiting.retain(|waiter| !waiter.seat_tx.is_closed());
        let places = self.waiting.iter().enumerate().map(|(place, waiter)| (self.held(&waiter.user), place));
        let (_, place) = places.filter(|(held, _)| *held < share).min()?;
        Some(self.waiting.remove(place))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.lane.lock();
        state.running -= 1;
        if let Some(held) = state.held.get_mut(&self.user) {
            *held -= 1;
            if *held == 0 {
                state.held.remove(&self.user);
            }
        }
        self.lane.hand_on(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, future::BoxFuture};

    const LONG: Duration = Duration::from_secs(60);

    type Waiting = BoxFuture<'static, Result<Seat, TooMany>>;

    /// Queues a request, and polls it once so that it is in the queue.
    fn queued(lane: &Arc<Lane>, user: &'static str) -> Waiting {
        let lane = Arc::clone(lane);
        let mut waiting = async move { lane.seat(user, LONG).await }.boxed();
        assert!((&mut waiting).now_or_never().is_none(), "{user} has to wait");
        waiting
    }

    fn is_seated(waiting: &mut Waiting) -> Option<Seat> {
        waiting.now_or_never().map(|seat| seat.expect("a seat"))
    }

    #[tokio::test]
    async fn a_noisy_user_leaves_seats_for_others() {
        let lane = Lane::new(8);
        let noisy: Vec<Seat> =
            (0..6).map(|_| lane.seat("noisy", LONG).now_or_never().unwrap().unwrap()).collect();
        let _waits = queued(&lane, "noisy");
        let quiet = lane.seat("quiet", LONG).now_or_never().expect("at once").expect("a seat");
        assert_eq!((noisy.len(), lane.lock().running), (6, 7));
        drop(quiet);
        assert_eq!(lane.lock().running, 6, "the free seat is not for the one with its share");
    }

    #[tokio::test]
    async fn a_free_seat_goes_to_the_waiting_user_who_holds_the_fewest() {
        let lane = Lane::new(4);
        let mut noisy: Vec<Seat> =
            (0..3).map(|_| lane.seat("noisy", LONG).now_or_never().unwrap().unwrap()).collect();
        let _other = lane.seat("other", LONG).now_or_never().unwrap().unwrap();
        let (mut first, mut second) = (queued(&lane, "noisy"), queued(&lane, "quiet"));
        drop(noisy.pop());
        assert!(is_seated(&mut first).is_none());
        let _quiet = is_seated(&mut second).expect("who holds none comes first");
        drop(noisy.pop());
        assert!(is_seated(&mut first).is_some());
    }

    #[tokio::test]
    async fn in_a_full_queue_whoever_waits_most_gives_way() {
        let lane = Lane::new(2);
        let _all = [lane.free_seat("root"), lane.free_seat("root")];
        let mut noisy = [queued(&lane, "noisy"), queued(&lane, "noisy")];
        assert_eq!(lane.seat("noisy", LONG).await.err(), Some(TooMany), "its own places are full");
        let _quiet = queued(&lane, "quiet");
        assert_eq!((&mut noisy[1]).await.err(), Some(TooMany), "the newest of the noisy gave way");
        assert!((&mut noisy[0]).now_or_never().is_none());
        assert_eq!(lane.seat("third", LONG).await.err(), Some(TooMany), "one place each is fair");
    }

    #[tokio::test]
    async fn whoever_leaves_the_queue_costs_nobody_a_seat() {
        let lane = Lane::new(1);
        let seat = lane.seat("a", LONG).await.unwrap();
        drop(queued(&lane, "b"));
        assert_eq!(lane.seat("c", Duration::ZERO).await.err(), Some(TooMany));
        let mut last = queued(&lane, "d");
        drop(seat);
        let seat = is_seated(&mut last).expect("the others have left");
        drop(seat);
        assert_eq!(lane.lock().running, 0);
    }

    #[tokio::test]
    async fn in_a_full_queue_whoever_has_a_seat_gives_way_to_who_has_nothing() {
        let lane = Lane::new(2);
        let _seats = [lane.free_seat("a"), lane.free_seat("b")];
        let (mut a, mut b) = (queued(&lane, "a"), queued(&lane, "b"));
        let _quiet = queued(&lane, "quiet");
        let left = [&mut a, &mut b].map(|waiting| waiting.now_or_never().is_some());
        assert_eq!(left.iter().filter(|has_left| **has_left).count(), 1);
    }
}
