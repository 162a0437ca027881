//! How many large bodies there are at once, and which is read next.
//!
//! A body costs its size while it arrives, and its size once more, with all that is made of it, while it is read. So only a few
//! may be more than small, however many requests run, and one at a time is read. The rest of the others is left in their
//! connections meanwhile.
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
};

/// Large bodies that there may be at once.
const PLACES: usize = 8;
/// Those that may be one user's: one is read while another arrives.
const SHARE: usize = 2;
/// How long a body waits for its place. As many wait as there are places, so that what they leave unread fills no connection that
/// others share.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The places of a server's large bodies. Clones are the same.
#[derive(Clone)]
pub(in crate::server) struct LargeBodies {
    places: Arc<Lane>,
    turn: Arc<Semaphore>,
}

/// Leave to be large; held until the body was read.
pub(in crate::server) struct Place {
    turn: Arc<Semaphore>,
    _seat: Seat,
}

impl LargeBodies {
    pub(super) fn new() -> Self {
        Self { places: Lane::shared(PLACES, SHARE), turn: Arc::new(Semaphore::new(1)) }
    }

    /// Returns when it is the turn of one of this user's bodies.
    pub(in crate::server) async fn place(&self, user: &UserInfo) -> Result<Place, TooMany> {
        let seat = self.places.seat(&user.name, MAX_WAIT).await?;
        Ok(Place { turn: Arc::clone(&self.turn), _seat: seat })
    }
}

impl Place {
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
}
