//! What the status of every kind has in common.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// A status as the loop sees it.
pub(crate) trait Status:
    Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The conditions.
    fn conditions(&self) -> &[Condition];

    /// The fields that the loop writes.
    fn common(&mut self) -> Common<'_>;

    /// This status with those fields taken from `other` that are no reason to write: what they say is only written
    /// along with something else. Never the conditions.
    fn with_quiet_fields_of(self, other: &Self) -> Self;

    /// Whether there is a reason to write this status over `other`.
    fn differs_from(&self, other: &Self) -> bool {
        // Conditions are never quiet, and with most writes they are what changes: without a copy of the rest.
        self.conditions() != other.conditions() || self.clone().with_quiet_fields_of(other) != *other
    }
}

/// The fields that the loop writes, wherever a kind keeps them.
#[derive(Debug)]
pub(crate) struct Common<'a> {
    /// The conditions.
    pub conditions: &'a mut Vec<Condition>,
    /// The generation that the conditions speak of.
    pub observed_generation: &'a mut Option<i64>,
    /// The value of `requestedAt` whose pass has ended.
    pub handled: &'a mut Option<String>,
    /// When the next pass is due.
    pub next: &'a mut Option<Time>,
    /// How many passes failed since the last good one.
    pub failures: &'a mut Option<i64>,
}
