//! How long this process may act as the leader, and the client that acts no longer than that.
use http::{Method, Request};
use kube::{Client, client::Body};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use thiserror::Error;
use tokio::time::timeout_at;

/// Longest time that Kubernetes may take to begin an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time up to which nobody else can be the leader. Clones share it; over until it is extended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Term(Arc<Mutex<Bound>>);

#[derive(Clone, Copy, Debug, Default)]
enum Bound {
    #[default]
    Over,
    Until(Instant),
    Unbounded,
}

/// A write that came too late: another process may lead by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refused {
    /// The term was over before the request began.
    #[error("this process no longer leads, so it writes no more")]
    TermOver,
    /// Kubernetes did not begin to answer in time, or the term ended meanwhile.
    #[error("the Kubernetes API did not answer in time")]
    TooSlow,
}

impl Term {
    /// A term that never ends: there is nobody else.
    pub(crate) fn unbounded() -> Self {
        Self(Arc::new(Mutex::new(Bound::Unbounded)))
    }

    /// Whether this process leads at `now`.
    pub(crate) fn holds(&self, now: Instant) -> bool {
        self.end(now) > now
    }

    pub(super) fn extend(&self, until: Instant) {
        self.set(Bound::Until(until));
    }

    pub(super) fn finish(&self) {
        self.set(Bound::Over);
    }

    /// When it ends, or when a request that begins at `now` is given up, whichever is first.
    pub(super) fn end(&self, now: Instant) -> Instant {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Bound::Over => now,
            Bound::Until(end) => end.min(now + PATIENCE),
            Bound::Unbounded => now + PATIENCE,
        }
    }

    fn set(&self, bound: Bound) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bound;
    }
}

/// A client whose writes neither begin nor go on after the term. A process that was paused and wakes up as a former
/// leader finds out here, before anything of its old plans reaches Kubernetes.
pub(crate) fn fenced(client: Client, term: Term) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, term) = (client.clone(), term.clone());
        async move {
            let now = Instant::now();
            let end = match *request.method() {
                Method::GET => now + PATIENCE,
                _ if !term.holds(now) => return Err(Refused::TermOver.into()),
                _ => term.end(now),
            };
            match timeout_at(end.into(), client.send(request)).await {
                Ok(answer) => answer.map_err(Box::<dyn std::error::Error + Send + Sync>::from),
                Err(_) => Err(Refused::TooSlow.into()),
            }
        }
    });
    Client::new(service, namespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::{
        Api,
        api::{Patch, PatchParams},
    };
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A client whose other side counts what reaches it.
    fn counted(reached: Arc<AtomicUsize>) -> Client {
        let service = tower::service_fn(move |_: Request<Body>| {
            reached.fetch_add(1, Ordering::Relaxed);
            async {
                let body = br#"{"metadata":{"name":"apps"}}"#.to_vec();
                Ok::<_, std::convert::Infallible>(http::Response::new(Body::from(body)))
            }
        });
        Client::new(service, "default")
    }

    #[test]
    fn a_term_holds_until_its_end_and_not_at_it() {
        let (term, now) = (Term::default(), Instant::now());
        assert!(!term.holds(now));
        term.extend(now + Duration::from_secs(1));
        assert!(term.holds(now) && !term.holds(now + Duration::from_secs(1)));
        term.finish();
        assert!(!term.holds(now));
        assert!(Term::unbounded().holds(now));
    }

    #[tokio::test]
    async fn a_former_leader_reads_but_does_not_write() {
        let reached = Arc::new(AtomicUsize::new(0));
        let term = Term::default();
        let namespaces: Api<Namespace> = Api::all(fenced(counted(reached.clone()), term.clone()));
        let touch = async || {
            namespaces.patch("apps", &PatchParams::default(), &Patch::Merge(serde_json::json!({}))).await
        };

        let error = touch().await.expect_err("the term is over");
        assert!(matches!(&error, kube::Error::Service(e) if e.downcast_ref() == Some(&Refused::TermOver)));
        namespaces.get("apps").await.expect("reading is harmless");
        assert_eq!(reached.load(Ordering::Relaxed), 1);

        term.extend(Instant::now() + Duration::from_secs(60));
        touch().await.expect("the term holds");
        assert_eq!(reached.load(Ordering::Relaxed), 2);
    }
}
