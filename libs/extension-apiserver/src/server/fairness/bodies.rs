//! How many large bodies there are at once, and which is read next.
//!
//! A body costs its size while it arrives, and its size once more, with all that is made of it, while it is read. So only a few
//! may be more than small, however many requests run, and one at a time is read. The rest of the others is left in their
//! connections meanwhile.
//!
//! A body that arrives slowly has its place for as long as nobody else wants it. So users who work together may hold all places, and
//! keep nobody waiting for longer than [`PATIENCE`] while they are fewer than there are places and waiting bodies, sixteen.
use super::{
    TooMany,
    lane::{Lane, Seat},
};
use crate::access::UserInfo;
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task::block_in_place,
    time::{Instant, sleep_until},
};

/// Large bodies that there may be at once.
const PLACES: usize = 8;
/// Those that may be one user's: one is read while another arrives.
const SHARE: usize = 2;
/// How long a body waits for its place. As many wait as there are places, so that what they leave unread fills no connection that
/// others share.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// How long a body may take to arrive while somebody waits who has no place.
const PATIENCE: Duration = Duration::from_secs(5);

/// The places of a server's large bodies. Clones are the same.
#[derive(Clone)]
pub(in crate::server) struct LargeBodies {
    places: Arc<Lane>,
    turn: Arc<Semaphore>,
    /// A permit for each who has no place and waits for one. Those whose time is over take them, and then leave theirs.
    calls: Arc<Semaphore>,
    patience: Duration,
}

/// Somebody waits, until this is dropped.
struct Call(Arc<Semaphore>);

/// Leave to be large; held until the body was read.
pub(in crate::server) struct Place {
    turn: Arc<Semaphore>,
    calls: Arc<Semaphore>,
    /// From when on it is given to those who call.
    due: Instant,
    _seat: Seat,
}

impl LargeBodies {
    pub(super) fn new() -> Self {
        Self::patient(PATIENCE)
    }

    fn patient(patience: Duration) -> Self {
        Self {
            places: Lane::shared(PLACES, SHARE),
            turn: Arc::new(Semaphore::new(1)),
            calls: Arc::new(Semaphore::new(0)),
            patience,
        }
    }

    /// Returns when it is the turn of one of this user's bodies.
    pub(in crate::server) async fn place(&self, user: &UserInfo) -> Result<Place, TooMany> {
        let _seat = match self.places.seat_now(&user.name) {
            Some(seat) => seat,
            None => {
                let _call = (!self.places.has_seat(&user.name)).then(|| Call::of(&self.calls));
                self.places.seat(&user.name, MAX_WAIT).await?
            }
        };
        let (turn, calls) = (Arc::clone(&self.turn), Arc::clone(&self.calls));
        Ok(Place { turn, calls, due: Instant::now() + self.patience, _seat })
    }
}

impl Call {
    fn of(calls: &Arc<Semaphore>) -> Self {
        calls.add_permits(1);
        Self(Arc::clone(calls))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // None where somebody has left its place for this.
        if let Ok(permit) = self.0.try_acquire() {
            permit.forget();
        }
    }
}

impl Place {
    /// Returns when the body must have arrived: somebody else wants the place, and this is who has had it for longest.
    pub(in crate::server) async fn is_wanted(&self) {
        if Instant::now() < self.due {
            sleep_until(self.due).await;
        }
        self.calls.acquire().await.expect("it is never closed").forget();
    }

    /// Reads a large body, while another thread goes on with the tasks of this one, where there are more, and one at a time:
    /// whoever sends many keeps one core busy, and nobody waiting.
    pub(in crate::server) async fn in_turn<T>(self, read: impl FnOnce() -> T) -> T {
        let _turn = self.turn.acquire().await.expect("it is never closed");
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => block_in_place(read),
            _ => read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn user(name: &str) -> UserInfo {
        UserInfo { name: name.to_owned(), ..UserInfo::default() }
    }

    #[tokio::test]
    async fn one_user_has_two_large_bodies_and_leaves_room_for_those_of_others() {
        let bodies = LargeBodies::new();
        let (noisy, quiet) = (user("noisy"), user("quiet"));
        let first = bodies.place(&noisy).await.expect("a place");
        let _second = bodies.place(&noisy).await.expect("a place");
        let mut third = Box::pin(bodies.place(&noisy));
        assert!((&mut third).now_or_never().is_none(), "its share is used up");
        let _others = bodies.place(&quiet).now_or_never().expect("at once").expect("a place");
        assert_eq!(first.in_turn(|| "read").await, "read");
        assert!(third.now_or_never().is_some_and(|place| place.is_ok()), "the first was read");
    }

    #[tokio::test]
    async fn there_are_only_so_many_large_bodies_whoever_sends_them() {
        let bodies = LargeBodies::new();
        let mut held = Vec::new();
        for number in 0..PLACES {
            held.push(bodies.place(&user(&format!("user-{number}"))).await.expect("a place"));
        }
        assert!(bodies.place(&user("another")).now_or_never().is_none());
        drop(held.pop());
        assert!(bodies.place(&user("another")).now_or_never().is_some());
    }

    #[tokio::test]
    async fn users_who_work_together_give_way_to_one_who_has_no_place() {
        let bodies = LargeBodies::patient(Duration::ZERO);
        let mut held = Vec::new();
        for number in 0..PLACES {
            held.push(bodies.place(&user(&format!("user-{}", number / SHARE))).await.expect("a place"));
        }
        let (greedy, quiet) = (user("user-0"), user("quiet"));
        let mut greedy = Box::pin(bodies.place(&greedy));
        assert!((&mut greedy).now_or_never().is_none());
        assert!(held[0].is_wanted().now_or_never().is_none(), "whoever has a place takes none from others");
        let mut quiet = Box::pin(bodies.place(&quiet));
        assert!((&mut quiet).now_or_never().is_none());
        assert!(held[0].is_wanted().now_or_never().is_some());
        assert!(held[1].is_wanted().now_or_never().is_none(), "one is enough");
        drop(held.remove(0));
        assert!(quiet.now_or_never().is_some_and(|place| place.is_ok()), "it holds fewer than the greedy");
    }

    #[tokio::test]
    async fn nobody_gives_way_to_one_who_has_left() {
        let bodies = LargeBodies::patient(Duration::ZERO);
        let mut held = Vec::new();
        for number in 0..PLACES {
            held.push(bodies.place(&user(&format!("user-{number}"))).await.expect("a place"));
        }
        let quiet = user("quiet");
        let mut quiet = Box::pin(bodies.place(&quiet));
        assert!((&mut quiet).now_or_never().is_none());
        drop(quiet);
        assert!(held[0].is_wanted().now_or_never().is_none());
    }
}
