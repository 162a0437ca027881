//! Who did what, when, and with which outcome: audit records in the shape of `audit.k8s.io/v1`, level `Metadata`.
//!
//! A record names people, verbs and objects, never a body, a token or a message that could quote one. Its `auditID` is the
//! one that kube-apiserver gave the request, so that both logs can be joined. Where records go is a [`Sink`]'s business;
//! [`JsonLines`] writes them as lines to a file or a pipe. No sink can hold a request up.
mod event;
mod lines;

pub use event::{Event, ObjectReference, Outcome, Stage, User};
pub use lines::JsonLines;

/// The record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped;

/// Takes audit records.
pub trait Sink: Send + Sync + 'static {
    /// Its name, which labels the count of what it dropped.
    fn name(&self) -> &'static str;

    /// Takes a record, or drops it. Called while a request waits, so it must return at once.
    ///
    /// # Errors
    /// [`Dropped`] if there is no room for it; the server counts these.
    fn record(&self, event: Event) -> Result<(), Dropped>;
}
