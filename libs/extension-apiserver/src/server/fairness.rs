//! How many requests run at once, and whose turn it is.
//!
//! Reads and writes have seats of their own, so that neither can crowd out the other. Whoever finds a free seat takes it.
//! One user holds at most three quarters of the seats; who finds none waits for a moment in a short queue, and a seat
//! that becomes free goes to the waiting user who holds the fewest. When the queue is full, whoever waits most gives up a
//! place. So one noisy user, however many requests it sends, meets its own 429s and nobody else's.
//!
//! This is less than the API Priority and Fairness of kube-apiserver on purpose: it needs no configuration objects, no
//! cost estimates and no watch on the cluster, and keeps the one promise that matters for a server of a few resources.
//! Who asks must be found out first. The time for that is shared out by who a request seems to be from: [`Claimant`].
//!
//! Large bodies have places of their own, since each costs megabytes: [`bodies`].
//!
//! Requests that stay open (watches) are exempt, and `system:masters` never waits.
mod bodies;
mod claimant;
mod key;
mod lane;
mod rounds;

use super::health::plain;
use crate::{access::UserInfo, request::RequestInfo, serve::Body};
use claimant::Claimant;
use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER, request::Parts};
use key::{Key, Keys};
use lane::{Lane, Seat};
use rounds::{Rounds, Turns};
use std::{future::Future, sync::Arc, time::Duration};

pub(super) use bodies::{LargeBodies, Place};

/// Members are served whatever else is going on: administrators, and kube-apiserver's own probes.
pub(super) const MASTERS: &str = "system:masters";

/// How many requests run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxInFlight {
    /// Gets and lists.
    pub reads: usize,
    /// Everything that may change something.
    pub writes: usize,
    /// How long a request waits for its turn before it is told to come back.
    pub max_wait: Duration,
}

impl Default for MaxInFlight {
    /// The numbers of k8s.io/apiserver.
    fn default() -> Self {
        Self { reads: 400, writes: 200, max_wait: Duration::from_secs(1) }
    }
}

/// Lets requests in.
pub(super) struct Fairness {
    reads: Arc<Lane>,
    writes: Arc<Lane>,
    max_wait: Duration,
    keys: Keys,
    /// Of those of whom it is not known yet who they are, by what they claim.
    arrivals: Rounds,
    rounds: Rounds,
    large_bodies: LargeBodies,
}

/// Every seat is taken and stays so.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Leave to run; held until the answer is complete.
pub(super) struct Admission {
    /// None for those who never wait.
    _seat: Option<Seat>,
}

impl Fairness {
    pub(super) fn new(limits: MaxInFlight) -> Self {
        let MaxInFlight { reads, writes, max_wait } = limits;
        Self {
            reads: Lane::new(reads),
            writes: Lane::new(writes),
            max_wait,
            keys: Keys::default(),
            arrivals: Rounds::default(),
            rounds: Rounds::default(),
            large_bodies: LargeBodies::new(),
        }
    }

    /// Returns when it is the request's turn.
    pub(super) async fn admit(&self, user: &UserInfo, request: &RequestInfo) -> Result<Admission, TooMany> {
        if request.is_long_running() {
            return Ok(Admission { _seat: None });
        }
        let lane = if is_read(request) { &self.reads } else { &self.writes };
        if user.groups.iter().any(|group| group == MASTERS) {
            return Ok(Admission { _seat: lane.free_seat(&user.name) });
        }
        lane.seat(&user.name, self.max_wait).await.map(|seat| Admission { _seat: Some(seat) })
    }

    /// Where large bodies get their places.
    pub(super) fn large_bodies(&self) -> LargeBodies {
        self.large_bodies.clone()
    }

    /// Whose turn it is to be identified.
    pub(super) fn claimant(&self, parts: &Parts) -> Key {
        self.keys.of(Claimant::of(&parts.extensions, &parts.headers))
    }

    /// Finds out who asks, whenever it is the claimant's turn. What that took counts as the user's, whose turns come with it.
    pub(super) async fn on_arrival<E>(
        &self,
        claimant: Key,
        identify: impl Future<Output = Result<UserInfo, E>>,
    ) -> Result<(UserInfo, Arc<Turns>), E> {
        let (identified, took) = self.arrivals.run(&self.arrivals.turns(claimant), identify).await;
        let user = identified?;
        let turns = self.rounds.turns(self.keys.of(&user.name));
        self.rounds.charge(&turns, took);
        Ok((user, turns))
    }

    /// Lets an admitted request compute whenever it is its user's turn.
    pub(super) async fn in_turn<T>(&self, turns: &Turns, work: impl Future<Output = T>) -> T {
        self.rounds.run(turns, work).await.0
    }
}

pub(super) fn is_read(request: &RequestInfo) -> bool {
    matches!(request.verb.as_str(), "get" | "list" | "watch")
}

/// The answer of Go's API servers to one request too many.
pub(super) fn too_many() -> Response<Body> {
    let text = "Too many requests, please try again later.\n".to_owned();
    let mut response = plain(StatusCode::TOO_MANY_REQUESTS, text);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, group: &str) -> UserInfo {
        UserInfo { name: name.to_owned(), groups: vec![group.to_owned()], ..UserInfo::default() }
    }

    fn request(verb: &str) -> RequestInfo {
        RequestInfo { verb: verb.to_owned(), is_resource: true, ..RequestInfo::default() }
    }

    fn fairness(reads: usize, writes: usize) -> Fairness {
        Fairness::new(MaxInFlight { reads, writes, max_wait: Duration::ZERO })
    }

    #[tokio::test]
    async fn reads_and_writes_do_not_take_each_others_seats() {
        let fairness = fairness(1, 1);
        let jane = user("jane", "dev");
        let _reading = fairness.admit(&jane, &request("list")).await.expect("a free seat");
        let _writing = fairness.admit(&jane, &request("delete")).await.expect("a free seat");
        for verb in ["get", "create"] {
            assert_eq!(fairness.admit(&jane, &request(verb)).await.err(), Some(TooMany), "{verb}");
        }
    }

    #[tokio::test]
    async fn watches_need_no_seat_and_masters_wait_for_none() {
        let fairness = fairness(1, 1);
        let (jane, root) = (user("jane", "dev"), user("root", MASTERS));
        let _reading = fairness.admit(&jane, &request("get")).await.expect("a free seat");
        let _watching = fairness.admit(&jane, &request("watch")).await.expect("exempt");
        let _root = fairness.admit(&root, &request("get")).await.expect("always");
    }
}
