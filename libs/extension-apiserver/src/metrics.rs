//! Metrics under the names, labels and buckets of k8s.io/apiserver, so that dashboards and alerts made for Kubernetes
//! work as they are.
//!
//! Every label comes from a closed set: resources that are registered, verbs and codes that exist. Requests for anything
//! else fold into one series, so no client can make the number of series grow.
mod labels;
mod tally;

use labels::{Code, Kind, Request, Termination, Username, Verdict};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Duration;
use tally::Tally;

pub(crate) use labels::{Place, Resource};

/// Seconds that requests take.
const DURATIONS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0,
    20.0, 30.0, 45.0, 60.0,
];
/// Bytes of answers.
const SIZES: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Seconds that kube-apiserver takes for a review.
const REVIEWS: [f64; 8] = [0.25, 0.5, 0.7, 1.0, 1.5, 3.0, 5.0, 10.0];
/// Seconds for which client certificates are still valid: from half an hour to a year.
const LIFETIMES: [f64; 14] = [
    0.0,
    1_800.0,
    3_600.0,
    7_200.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    345_600.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
    15_552_000.0,
    31_104_000.0,
];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// What a server counts. Clones count together; the default counts for nobody.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Request, Counter>,
    durations: Histograms<Place>,
    sizes: Histograms<Place>,
    in_flight: Family<Kind, Gauge>,
    long_running: Family<Place, Gauge>,
    watch_events: Family<Resource, Counter>,
    terminations: Family<Termination, Counter>,
    aborts: Family<Place, Counter>,
    authentications: Family<Verdict, Tally>,
    users: Family<Username, Tally>,
    authorizations: Family<Verdict, Counter>,
    certificates: Histogram,
    audit_events: Counter,
    audit_errors: Family<labels::Plugin, Counter>,
    pub(crate) token_reviews: Delegated,
    pub(crate) access_reviews: Delegated,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            sizes: Family::new_with_constructor(|| Histogram::new(SIZES)),
            in_flight: Family::default(),
            long_running: Family::default(),
            watch_events: Family::default(),
            terminations: Family::default(),
            aborts: Family::default(),
            authentications: Family::default(),
            users: Family::default(),
            authorizations: Family::default(),
            certificates: Histogram::new(LIFETIMES),
            audit_events: Counter::default(),
            audit_errors: Family::default(),
            token_reviews: Delegated::default(),
            access_reviews: Delegated::default(),
        }
    }
}

impl Metrics {
    /// Metrics that `registry` shows. Give them to [`crate::server::Builder::metrics`], and in the options of
    /// [`crate::authn`] and [`crate::authz`].
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        metrics.fill();
        metrics.register_requests(registry);
        metrics.register_access(registry);
        metrics
    }

    /// What has few members is there from the start, at zero.
    fn fill(&self) {
        for request_kind in ["readOnly", "mutating"] {
            drop(self.in_flight.get_or_create(&Kind { request_kind }));
        }
        for result in ["success", "error"] {
            drop(self.authentications.get_or_create(&Verdict { result }));
        }
        for result in ["allowed", "no-opinion", "error"] {
            drop(self.authorizations.get_or_create(&Verdict { result }));
        }
        drop(self.users.get_or_create(&Username::of("")));
        for reviews in [&self.token_reviews, &self.access_reviews] {
            let answered = Code::of(Some(201));
            drop(reviews.requests.get_or_create(&answered));
            drop(reviews.durations.get_or_create(&answered));
        }
    }

    fn register_requests(&self, registry: &mut Registry) {
        registry.register("apiserver_request", "Requests by verb, resource and code", self.requests.clone());
        let durations = self.durations.clone();
        registry.register("apiserver_request_duration_seconds", "How long requests took", durations);
        registry.register(
            "apiserver_response_sizes",
            "Bytes of answers to gets and lists",
            self.sizes.clone(),
        );
        let help = "Requests that run now and count against the limit of their kind";
        registry.register("apiserver_current_inflight_requests", help, self.in_flight.clone());
        let help = "Requests that stay open, open now";
        registry.register("apiserver_longrunning_requests", help, self.long_running.clone());
        registry.register("apiserver_watch_events", "Events sent to watches", self.watch_events.clone());
        let help = "Requests that were refused to protect the server, or cut off at their deadline";
        registry.register("apiserver_request_terminations", help, self.terminations.clone());
        let help = "Requests whose client left before the answer";
        registry.register("apiserver_request_aborts", help, self.aborts.clone());
        registry.register("apiserver_audit_event", "Audit records made", self.audit_events.clone());
        registry.register("apiserver_audit_error", "Audit records lost", self.audit_errors.clone());
    }

    fn register_access(&self, registry: &mut Registry) {
        let attempts = self.authentications.clone();
        registry.register("authentication_attempts", "Attempts to authenticate", attempts);
        let help = "Authenticated requests by kind of user";
        registry.register("authenticated_user_requests", help, self.users.clone());
        registry.register("authorization_attempts", "Attempts to authorize", self.authorizations.clone());
        let help = "How much longer the client certificates of authenticated requests are valid";
        registry.register("apiserver_client_certificate_expiration_seconds", help, self.certificates.clone());
        for (name, reviews) in [("authn", &self.token_reviews), ("authz", &self.access_reviews)] {
            let name = format!("apiserver_delegated_{name}_request");
            let help = "Reviews asked of kube-apiserver, by code of the answer";
            registry.register(&name, help, reviews.requests.clone());
            let help = "How long kube-apiserver took for a review";
            registry.register(format!("{name}_duration_seconds"), help, reviews.durations.clone());
        }
    }
}

/// What became of a request.
pub(crate) struct Served {
    pub(crate) code: u16,
    pub(crate) dry_run: bool,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
}

impl Metrics {
    pub(crate) fn served(&self, place: &Place, served: &Served) {
        let dry_run = if served.dry_run { "All" } else { "" };
        let request = Request { place: place.clone(), dry_run, code: served.code };
        self.requests.get_or_create(&request).inc();
        self.durations.get_or_create(place).observe(served.took.as_secs_f64());
        if matches!(place.verb, "GET" | "LIST") {
            // Histograms are floats; nobody minds a byte in a petabyte.
            #[expect(clippy::cast_precision_loss)]
            self.sizes.get_or_create(place).observe(served.bytes as f64);
        }
    }

    /// Requests may come here: what seldom happens is shown from the start, at zero, so that alerts see its first time.
    pub(crate) fn expect(&self, place: &Place) {
        drop(self.aborts.get_or_create(place));
        for code in [429, 504] {
            drop(self.terminations.get_or_create(&Termination { place: place.clone(), code }));
        }
        if matches!(place.verb, "WATCH" | "CONNECT") {
            drop(self.long_running.get_or_create(place));
        }
        if place.verb == "WATCH" {
            drop(self.watch_events.get_or_create(&place.resource));
        }
    }

    /// The client left before there was an answer.
    pub(crate) fn aborted(&self, place: &Place) {
        self.aborts.get_or_create(place).inc();
    }

    pub(crate) fn terminated(&self, place: &Place, code: u16) {
        self.terminations.get_or_create(&Termination { place: place.clone(), code }).inc();
    }

    /// A request runs for as long as this is held.
    pub(crate) fn in_flight(&self, is_read: bool) -> Up {
        let request_kind = if is_read { "readOnly" } else { "mutating" };
        Up::of(self.in_flight.get_or_create_owned(&Kind { request_kind }))
    }

    /// A request that stays open does so for as long as this is held.
    pub(crate) fn long_running(&self, place: &Place) -> Up {
        Up::of(self.long_running.get_or_create_owned(place))
    }

    pub(crate) fn watch_events(&self, place: &Place) -> Counter {
        self.watch_events.get_or_create_owned(&place.resource)
    }

    pub(crate) fn authenticated(&self, user: Option<&str>) {
        let result = if user.is_some() { "success" } else { "error" };
        self.authentications.get_or_create(&Verdict { result }).inc();
        if let Some(user) = user {
            self.users.get_or_create(&Username::of(user)).inc();
        }
    }

    pub(crate) fn authorized(&self, result: &'static str) {
        self.authorizations.get_or_create(&Verdict { result }).inc();
    }

    /// A certificate that proved somebody has this long to live.
    pub(crate) fn certificate(&self, rest: Duration) {
        self.certificates.observe(rest.as_secs_f64());
    }

    pub(crate) fn audited(&self) {
        self.audit_events.inc();
    }

    pub(crate) fn audit_lost(&self, plugin: &'static str) {
        self.audit_errors.get_or_create(&labels::Plugin { plugin }).inc();
    }
}

/// One more on a gauge, until it is dropped.
pub(crate) struct Up(Gauge);

impl Up {
    fn of(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Reviews of one kind that were asked of kube-apiserver.
#[derive(Clone, Debug)]
pub(crate) struct Delegated {
    requests: Family<Code, Counter>,
    durations: Histograms<Code>,
}

impl Default for Delegated {
    fn default() -> Self {
        let durations: Histograms<Code> = Family::new_with_constructor(|| Histogram::new(REVIEWS));
        Self { requests: Family::default(), durations }
    }
}

impl Delegated {
    /// Without a code, nothing answered.
    pub(crate) fn asked(&self, code: Option<u16>, took: Duration) {
        let code = Code::of(code);
        self.requests.get_or_create(&code).inc();
        self.durations.get_or_create(&code).observe(took.as_secs_f64());
    }
}
