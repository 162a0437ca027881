//! What would become of a source: all of a pass but what writes. It needs no leader, since it touches nothing: any replica
//! answers.
mod tell;

use super::{Tokens, artifact, failure, pin, secrets};
use crate::reconcile::{Failure, is_gone};
use artifacts::{
    SourceKey,
    pipeline::{Pipeline, Stored},
    plan::{Plan, Secrets},
    preview::{Candidate, Preview},
};
use crds::{
    ExternalSource, ExternalSourceSpec, ExternalSourceStatus,
    defaults::Defaults,
    external_source::Artifact,
    installation::check_here,
    rules::{FieldError, Rules, Valid, Violation},
    structure,
};
use installation::{Policies, Ruling};
use kube::{Api, Client};
use previews::{Answer, Question, Refusal};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};

/// What previews of sources work with.
pub(crate) struct Previewing {
    pub(crate) client: Client,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) tokens: Tokens,
    /// What the operator allows.
    pub(crate) policies: Policies,
}

impl Previewing {
    /// What would become of the source in question.
    ///
    /// # Errors
    /// Admission would refuse it, or its pass would fail.
    pub(crate) async fn preview(&self, question: &Question) -> Result<Answer, Refusal> {
        let mut spec = ExternalSourceSpec::deserialize(&question.spec).map_err(|error| unreadable(&error))?;
        let mut warnings = unknown_fields(&question.spec);
        warnings.extend(spec.warnings());
        spec.set_defaults();
        let ruling = self.policies.now(&question.namespace);
        let valid = check_here(&spec, &ruling.installation())
            .map_err(|invalid| Refusal::Invalid(invalid.errors().to_vec()))?;
        let source = SourceKey::new(&question.namespace, &question.name).map_err(|_| unnamed(question))?;
        if question.only_reads && !(spec.generator.only_reads() && spec.hooks.is_none()) {
            return Err(more_than_reads());
        }
        let preview =
            self.run(valid, &source, ruling.clone()).await.map_err(|failure| tell::refusal(&failure))?;
        let preview = tell::with_notes(preview, &spec, warnings);
        let outcome = serde_json::to_value(&preview).expect("texts and numbers are JSON");
        Ok(Answer { summary: tell::summary(&preview), outcome })
    }

    async fn run(
        &self,
        spec: Valid<'_, ExternalSourceSpec>,
        source: &SourceKey,
        allowed: Ruling,
    ) -> Result<Preview, Failure> {
        let status = self.status(source).await?;
        let secrets = self.secrets(&spec, source).await?;
        let mut plan = Plan::new(spec, &secrets).map_err(|error| failure::from_pipeline(&error))?;
        plan.confine(allowed.hosts);
        self.tokens.lend(&mut plan, &source.namespace).await?;
        let known = |artifact: Option<&Artifact>| artifact.and_then(artifact::stored);
        let published: Option<Stored> = known(status.artifact.as_ref());
        let waiting = known(pin::newest(&status));
        let candidate =
            Candidate { plan: &plan, source, published: published.as_ref(), waiting: waiting.as_ref() };
        self.pipeline.preview(candidate).await.map_err(|error| failure::from_pipeline(&error))
    }

    /// What is known of the source; nothing if there is none.
    async fn status(&self, source: &SourceKey) -> Result<ExternalSourceStatus, Failure> {
        let sources: Api<ExternalSource> = Api::namespaced(self.client.clone(), &source.namespace);
        match sources.get(&source.name).await {
            Ok(found) => Ok(found.status.unwrap_or_default()),
            Err(error) if is_gone(&error) => Ok(ExternalSourceStatus::default()),
            Err(error) => Err(Failure::kubernetes("read the source", &error)),
        }
    }

    async fn secrets(&self, spec: &ExternalSourceSpec, source: &SourceKey) -> Result<Secrets, Failure> {
        let named: BTreeSet<&str> = spec.generator.secrets().into_iter().collect();
        let mut found = Vec::new();
        for secret in named {
            found.extend(secrets::read(&self.client, &source.namespace, secret).await?);
        }
        Ok(found.into_iter().collect())
    }
}

/// As kube-apiserver warns of them.
fn unknown_fields(spec: &Value) -> Vec<String> {
    let object = structure::with_spec::<ExternalSource>(spec);
    structure::unknown_fields(&object).iter().map(|field| format!("unknown field {field:?}")).collect()
}

/// In the words of admission.
fn unreadable(error: &serde_json::Error) -> Refusal {
    let detail = format!("Invalid value: cannot be read: {error}");
    Refusal::Invalid(vec![FieldError { path: "spec".to_owned(), kind: Violation::Invalid, detail }])
}

fn unnamed(question: &Question) -> Refusal {
    let detail = format!("Invalid value: {:?}: must be the name of an object", question.name);
    Refusal::Invalid(vec![FieldError { path: "metadata.name".to_owned(), kind: Violation::Invalid, detail }])
}

fn more_than_reads() -> Refusal {
    let why = "a dry run sends only GET and HEAD and runs no hooks; `preview` tries all of it";
    Refusal::Unavailable(why.to_owned())
}
