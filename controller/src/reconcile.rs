//! The loop that every kind shares: observe, decide, act, report.
//!
//! A kind brings three steps and nothing else. The loop brings everything that would otherwise be written once a kind,
//! and differently each time: finalizers, conditions, status writes, events, metrics, pauses, panics, objects that do
//! not decode. Start with [`Kind`]; one pass over one
//! object is `pass`; `report` and `schedule` are its pure parts; `queue` is what wakes it.
mod alerts;
mod back_off;
mod events;
mod memory;
mod metrics;
mod newest;
mod pass;
mod poisoned;
mod queue;
mod report;
mod schedule;
mod status;
mod toolkit;
mod write;

pub(crate) use alerts::{Alerts, Courier, Sent};
pub(crate) use back_off::{Pauses, back_off};
pub(crate) use events::{Note, Publisher, Topic};
pub(crate) use memory::{Memory, Next};
pub(crate) use metrics::{Metrics, Outcome};
pub(crate) use newest::Newest;
pub(crate) use pass::{Phase, Work};
pub(crate) use queue::{Guarded, Loop, Queue};
pub(crate) use queue::{listing, prune};
pub(crate) use status::{Common, Status};
pub use toolkit::Toolkit;
pub(crate) use write::{is_conflict, is_gone, is_in_vain, is_leaving, params, returned};

use crate::moment::Moment;
use crds::{decoded::Readable, schedule::Calendar};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Resource,
    core::{NamespaceResourceScope, ObjectMeta, object::HasStatus},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fmt::{self, Debug},
    time::Duration,
};
use telemetry::Chain;

/// What the loop asks of an object.
pub(crate) trait Object:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + HasStatus<Status: Status>
    + Clone
    + Debug
    + DeserializeOwned
    + Readable
    + Serialize
    + Send
    + Sync
    + 'static
{
}

impl<T> Object for T where
    T: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + HasStatus<Status: Status>
        + Clone
        + Debug
        + DeserializeOwned
        + Readable
        + Serialize
        + Send
        + Sync
        + 'static
{
}

/// The status of a kind's objects.
pub(crate) type StatusOf<K> = <<K as Kind>::Object as HasStatus>::Status;

/// The three steps of one kind, and the little that the loop must know besides.
pub(crate) trait Kind: Send + Sync + 'static {
    /// The kind of object.
    type Object: Object;
    /// What [`observe`](Self::observe) read.
    type Seen: Send;
    /// What [`decide`](Self::decide) thought.
    type Decision: Send;
    /// What the kind remembers of an object between two passes, while the process lives.
    type Memory: Clone + Debug + Default + Send;

    /// Its name, in logs and metrics.
    const NAME: &'static str;

    /// Keeps an object until [`clean_up`](Self::clean_up) is done.
    const FINALIZER: &'static str;

    /// How often there is something to do.
    fn interval(&self, object: &Self::Object) -> Duration;

    /// When that may be done, if not at any time. `failed`: a pass just did.
    fn calendar(
        &self,
        object: &Self::Object,
        memory: &Memory<Self::Memory>,
        failed: bool,
    ) -> Option<Calendar>;

    /// Reads. Never writes.
    fn observe(
        &self,
        object: &Self::Object,
        memory: &Memory<Self::Memory>,
    ) -> impl Future<Output = Result<Self::Seen, Failure>> + Send;

    /// Thinks. Never reads, never waits.
    fn decide(
        &self,
        object: &Self::Object,
        seen: Self::Seen,
        memory: &Memory<Self::Memory>,
        moment: Moment,
    ) -> Self::Decision;

    /// Writes what was decided. Safe to run twice.
    fn act(
        &self,
        work: Work<'_, Self>,
        decision: Self::Decision,
    ) -> impl Future<Output = Result<Done, Failure>> + Send
    where
        Self: Sized;

    /// An object beside this one that its events tell of, if there is one.
    fn related(&self, object: &Self::Object) -> Option<Related>;

    /// Hears how a pass ended, and when the next one is due.
    fn ended(&self, meta: &ObjectMeta, outcome: &Result<Done, Failure>, next: Next);

    /// Lets go of what is held for an object that is gone, or that another controller works on now.
    fn let_go(&self, namespace: &str, name: &str);

    /// Undoes what lies outside the object, before it goes. Safe to run twice.
    fn clean_up(&self, meta: &ObjectMeta) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// An object beside the one that is worked on.
#[derive(Clone, Debug)]
pub(crate) struct Related {
    pub reference: ObjectReference,
    /// Of what it holds.
    pub revision: Option<String>,
}

/// How a pass ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Everything is as the spec wants it: Ready.
    Ready {
        /// What became true, in words.
        message: String,
        /// The pause that was asked for, if it is longer than the interval.
        pause: Option<Duration>,
    },
    /// Nothing was due, and nothing is said.
    Rested {
        /// When something will be; `None`: on a change.
        until: Option<Timestamp>,
    },
    /// Nothing may be done. Ready keeps its value.
    Suspended,
}

/// Why a pass failed, in words for the condition, and when to try again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// One of [`crds::reasons`].
    pub reason: &'static str,
    /// What people read. Without secrets, and the same as long as the failure is the same.
    pub message: String,
    /// When another attempt may help.
    pub retry: Retry,
    /// No sooner than that.
    pub retry_after: Option<Duration>,
    /// The whole story, for the log.
    pub detail: Option<String>,
}

/// When another attempt may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Soon, with growing pauses.
    Soon,
    /// At the interval.
    AtInterval,
    /// When somebody changed something.
    OnChange,
}

impl Failure {
    /// A failure that lasts until somebody changes something.
    pub(crate) fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retry: Retry::OnChange, retry_after: None, detail: None }
    }

    /// A request to Kubernetes that failed. `attempt` says what was tried, as in "read Secret x".
    pub(crate) fn kubernetes(attempt: impl fmt::Display, error: &kube::Error) -> Self {
        let why = match error {
            kube::Error::Api(status) => format!(": {}", status.message),
            _ => String::new(),
        };
        Self {
            reason: crds::reasons::KUBERNETES_ERROR,
            message: format!("failed to {attempt}{why}"),
            retry: Retry::Soon,
            retry_after: None,
            detail: Some(Chain(error).to_string()),
        }
    }

    /// The whole story.
    pub(crate) fn story(&self) -> &str {
        self.detail.as_deref().unwrap_or(&self.message)
    }
}
