//! A dry run tells what would become of the object: what a controller finds out is added to the verdict as warnings. It never
//! changes a verdict, and whatever goes wrong is one more warning.
//!
//! Whoever asks for a dry run has the right to the write itself, kube-apiserver has seen to that; the write would make the
//! controller do the same with the same Secrets. Warnings hold counts and digests as the status does, and no content.
use crate::{
    admit,
    kinds::Kind,
    review::{Request, Verdict},
};
use previews::{Answer, Previewer, Question, Refusal, sentence};
use serde_json::value::RawValue;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time};

/// The longest that a dry run is held up, whatever patience its client has.
const LONGEST: Duration = Duration::from_secs(4);
/// What is left of kube-apiserver's patience for the way back.
const MARGIN: Duration = Duration::from_secs(1);
/// How many wait at once, each with its review in memory.
const AT_ONCE: usize = 8;
/// How many sentences are added.
const MOST: usize = 6;

/// Asks a controller.
pub(crate) struct DryRuns {
    previewer: Arc<dyn Previewer>,
    turns: Semaphore,
}

impl DryRuns {
    pub(crate) fn new(previewer: Arc<dyn Previewer>) -> Self {
        Self { previewer, turns: Semaphore::new(AT_ONCE) }
    }

    /// What to warn of, found out within what is left of `patience`.
    pub(crate) async fn warnings(&self, question: Question, patience: Duration) -> Vec<String> {
        let Ok(_turn) = self.turns.try_acquire() else {
            return vec!["preview: not made, since too many dry runs wait for one".to_owned()];
        };
        let limit = patience.saturating_sub(MARGIN).min(LONGEST);
        told(within(limit, self.previewer.preview(question)).await)
    }
}

async fn within<T>(limit: Duration, asking: impl Future<Output = T>) -> Option<T> {
    time::timeout(limit, asking).await.ok()
}

/// What would become of the object, if this is a dry run of a write that is allowed and changes its spec.
pub(crate) fn question(kinds: &[Kind], request: &Request<'_>, verdict: &Verdict) -> Option<Question> {
    if request.dry_run != Some(true) || !verdict.is_allowed() {
        return None;
    }
    let kind = admit::kind_of(kinds, request)?;
    let object = request.object.and_then(admit::read)?;
    if request.operation == "UPDATE" && admit::passes_anyway(&object, request) {
        return None;
    }
    Some(Question {
        kind: kind.kind.clone(),
        namespace: request.namespace.as_deref()?.to_owned(),
        name: admit::name(request, &object.metadata).to_owned(),
        spec: serde_json::from_str(RawValue::get(object.spec)).ok()?,
        only_reads: true,
    })
}

/// The sentences for an answer; for none in time, too.
fn told(said: Option<Result<Answer, Refusal>>) -> Vec<String> {
    let told = match said {
        None => vec!["preview: not made, since the source takes longer than a dry run may".to_owned()],
        Some(Ok(answer)) => answer.summary,
        Some(Err(Refusal::Invalid(broken))) => {
            broken.iter().map(|error| format!("preview: the controller would refuse {error}")).collect()
        }
        Some(Err(Refusal::Failed { reason, message, .. })) => {
            vec![format!("preview: a pass now would fail with {reason}: {message}")]
        }
        Some(Err(Refusal::Unavailable(why))) => vec![format!("preview: not made, since {why}")],
    };
    told.iter().take(MOST).map(|text| sentence(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use previews::Blame;

    #[test]
    fn whatever_is_said_becomes_a_few_short_sentences() {
        let failed = Refusal::Failed {
            blame: Blame::Elsewhere,
            reason: "NotFound".into(),
            message: "source.example answered 404 Not Found".into(),
        };
        for (said, expected) in [
            (None, "preview: not made, since the source takes longer than a dry run may"),
            (
                Some(Err(failed)),
                "preview: a pass now would fail with NotFound: source.example answered 404 Not Found",
            ),
            (
                Some(Err(Refusal::Unavailable("nobody is there".into()))),
                "preview: not made, since nobody is there",
            ),
        ] {
            assert_eq!(told(said), [expected]);
        }
        let many = Answer { summary: vec!["a".repeat(500); 50], ..Answer::default() };
        let told = told(Some(Ok(many)));
        assert_eq!(told.len(), MOST);
        assert!(told.iter().all(|text| text.chars().count() <= 120));
    }
}
