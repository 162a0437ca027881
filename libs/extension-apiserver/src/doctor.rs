//! Why is this APIService not available? Looks at everything that has to hold between kube-apiserver and an extension API
//! server, in the order in which a request needs it, and says of what does not hold how to mend it.
//!
//! Only reads; the rights of the server's ServiceAccount are found out by SubjectAccessReviews. Whoever runs it needs to
//! read APIServices, Services, EndpointSlices and the ConfigMap of kube-system, and to create those reviews; what cannot
//! be looked at is a finding of its own.
//!
//! ```no_run
//! use extension_apiserver::doctor::{Patient, examine};
//!
//! # async fn run(client: kube::Client) {
//! let patient = Patient {
//!     api_service: "v1.lights.example.com".to_owned(),
//!     account: Some(("lights".to_owned(), "lights".to_owned())),
//! };
//! for finding in examine(&client, &patient).await {
//!     println!("{finding}");
//! }
//! # }
//! ```
mod clock;
mod configuration;
mod endpoints;
mod permissions;
mod registration;
mod serving;

use std::fmt;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// The name of the APIService: `VERSION.GROUP`.
    pub api_service: String,
    /// Namespace and name of the ServiceAccount under which the server runs; without it nobody's rights are looked at.
    pub account: Option<(String, String)>,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// What is wrong with it, and what follows from that.
    pub problem: String,
    /// What to do: a command where there is one.
    pub remedy: String,
}

/// What is looked at, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Whether this machine and kube-apiserver agree on the time.
    Clock,
    /// The APIService itself.
    ApiService,
    /// The CA by which kube-apiserver knows the server.
    CaBundle,
    /// The Service that the APIService names.
    Service,
    /// Who is behind that Service.
    Endpoints,
    /// Whether the server answers.
    Reachability,
    /// Whether its certificate holds.
    Certificate,
    /// Whether it says that it is ready.
    Readiness,
    /// The ConfigMap from which the server learns whom to believe.
    Configuration,
    /// The rights of the server's ServiceAccount.
    Permissions,
}

impl Check {
    /// A stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clock => "Clock",
            Self::ApiService => "APIService",
            Self::CaBundle => "CABundle",
            Self::Service => "Service",
            Self::Endpoints => "Endpoints",
            Self::Reachability => "Reachability",
            Self::Certificate => "Certificate",
            Self::Readiness => "Readiness",
            Self::Configuration => "Configuration",
            Self::Permissions => "Permissions",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  to do: {}", self.check.name(), self.problem, self.remedy)
    }
}

impl Finding {
    fn new(check: Check, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, problem: problem.into(), remedy: remedy.into() }
    }

    /// What could not be looked at.
    fn unseen(check: Check, what: &str, error: &kube::Error) -> Self {
        let problem = format!("failed to look at {what}: {error}");
        match error {
            kube::Error::Api(status) if status.code == 403 => Self::new(
                check,
                problem,
                "run this again as somebody who may read it, such as an administrator",
            ),
            _ => Self::new(check, problem, "see that kube-apiserver answers: kubectl get --raw /readyz"),
        }
    }
}

/// Everything that does not hold, in the order of [`Check`]; nothing when all is well.
pub async fn examine(client: &kube::Client, patient: &Patient) -> Vec<Finding> {
    let (clock, configuration, permissions, mut way) = tokio::join!(
        clock::look(client),
        configuration::look(client),
        permissions::look(client, patient.account.as_ref()),
        registration::look(client, &patient.api_service),
    );
    if let Some(target) = &way.target {
        let (addresses, found) = endpoints::look(client, target).await;
        way.findings.extend(found);
        way.findings.extend(serving::look(target, &addresses).await);
    }
    let mut findings = [clock, way.findings, configuration, permissions].concat();
    findings.sort_by_key(|finding| finding.check);
    findings
}
