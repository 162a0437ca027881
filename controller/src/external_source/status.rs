//! The status of an `ExternalSource` as the loop sees it.
use crate::reconcile::{Common, Status};
use crds::ExternalSourceStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

impl Status for ExternalSourceStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn common(&mut self) -> Common<'_> {
        Common {
            conditions: &mut self.conditions,
            observed_generation: &mut self.observed_generation,
            handled: &mut self.last_handled_reconcile_at,
            next: &mut self.next_fetch_time,
            failures: &mut self.failures,
        }
    }

    /// A server that makes up a new ETag for each answer would otherwise cause a write at each pass.
    fn with_quiet_fields_of(self, other: &Self) -> Self {
        Self {
            next_fetch_time: other.next_fetch_time.clone(),
            failures: other.failures,
            last_handled_etag: other.last_handled_etag.clone(),
            last_handled_last_modified: other.last_handled_last_modified.clone(),
            ..self
        }
    }
}
