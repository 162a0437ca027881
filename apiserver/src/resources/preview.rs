//! `externalsources/preview`: what a pass over a spec would give. A controller runs it, since it reads Secrets and fetches,
//! which this role never does; so whoever asks must be allowed to write that source as well. What is answered is content.
use super::{follow::patience, revision};
use crate::{
    origin::{self, Origin},
    preview::ExternalSourcePreview,
    source_view::SourceView,
};
use artifacts::preview::Preview;
use crds::{ExternalSource, structure};
use extension_apiserver::{
    access::{Authorize, Decision, forbidden},
    api::{Call, CreateNamed, Resource, Subresource, WriteOptions},
    object::{Item, Key},
    request::RequestInfo,
    status::{Cause, Details, Status},
};
use http::StatusCode;
use kube::Resource as _;
use previews::{Answer, Blame, Previewer, Question, Refusal};
use std::sync::Arc;
use tokio::time::sleep_until;

/// Seconds after which there may be a controller again, or a store that has room.
const RETRY_AFTER: u32 = 15;

/// Asks a controller.
pub(crate) struct Previewing {
    pub(crate) origin: Origin,
    /// Who may write sources.
    pub(crate) rights: Arc<dyn Authorize>,
    pub(crate) previewer: Arc<dyn Previewer>,
}

impl Resource for Previewing {
    type Object = ExternalSourcePreview;
}

impl Subresource for Previewing {
    type Parent = SourceView;
    const NAME: &'static str = "preview";
}

impl CreateNamed for Previewing {
    /// A dry run is no less: nothing is stored anyway.
    async fn create_named(
        &self,
        call: &Call,
        key: &Key,
        asked: ExternalSourcePreview,
        _: &WriteOptions,
    ) -> Result<Item<ExternalSourcePreview>, Status> {
        let source = self.origin.read(key).await.map_err(|error| origin::refusal(&error))?;
        self.permit(call, key, source.is_some()).await?;
        let own = source.map(|source| serde_json::to_value(&source.spec).expect("it was read from JSON"));
        let spec = asked.spec.spec.or(own).ok_or_else(|| call.not_found())?;
        let broken = structure::violations(&structure::with_spec::<ExternalSource>(&spec));
        if !broken.is_empty() {
            return Err(revision::invalid(call, broken));
        }
        let question = Question {
            kind: ExternalSource::kind(&()).into_owned(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            spec: spec.clone(),
            only_reads: false,
        };
        let answer = tokio::select! {
            said = self.previewer.preview(question) => said.map_err(|refusal| refused(call, refusal))?,
            () = sleep_until(patience(call)) => return Err(too_long(call)),
            () = call.shutdown.cancelled() => return Err(Status::unavailable("this server stops", 1)),
        };
        Ok(ExternalSourcePreview::of(key, spec, read(answer)?).into())
    }
}

impl Previewing {
    /// The right to write such a source in earnest. Who creates gives no name in a way that rights could be bound to.
    async fn permit(&self, call: &Call, key: &Key, exists: bool) -> Result<(), Status> {
        let (verb, name) = if exists { ("update", key.name.clone()) } else { ("create", String::new()) };
        let write = RequestInfo {
            verb: verb.to_owned(),
            is_resource: true,
            group: ExternalSource::group(&()).into_owned(),
            version: ExternalSource::version(&()).into_owned(),
            namespace: key.namespace.clone(),
            resource: ExternalSource::plural(&()).into_owned(),
            name,
            ..RequestInfo::default()
        };
        match self.rights.authorize(&call.user, &write).await? {
            Decision::Allow => Ok(()),
            Decision::Refuse(why) => Err(forbidden(&call.user, &write, &why)),
        }
    }
}

fn read(answer: Answer) -> Result<Preview, Status> {
    let read = serde_json::from_value(answer.outcome);
    read.map_err(|error| Status::internal(format!("the controller's answer cannot be read: {error}")))
}

fn refused(call: &Call, refusal: Refusal) -> Status {
    match refusal {
        Refusal::Invalid(broken) => revision::invalid(call, broken),
        Refusal::Unavailable(why) => Status::unavailable(why, RETRY_AFTER),
        Refusal::Failed { blame, reason, message } => failed(call, blame, format!("{reason}: {message}")),
    }
}

/// A pass would fail: 422 where the caller can change that, 503 where an operator can, else 502.
fn failed(call: &Call, blame: Blame, message: String) -> Status {
    let field = "spec".to_owned();
    match blame {
        Blame::Owner => {
            let cause = Cause { reason: "FieldValueInvalid", message, field };
            let (group, kind) = (ExternalSource::group(&()), ExternalSource::kind(&()));
            Status::invalid(&group, &kind, &call.request.name, vec![cause])
        }
        Blame::Installation => Status::unavailable(message, RETRY_AFTER),
        Blame::Elsewhere => {
            let cause = Cause { message: message.clone(), field, ..Cause::default() };
            let details = Details {
                name: call.request.name.clone(),
                group: call.request.group.clone(),
                kind: call.request.resource.clone(),
                causes: vec![cause],
                ..Details::default()
            };
            Status::new(StatusCode::BAD_GATEWAY, "BadGateway", message).with_details(details)
        }
    }
}

/// 504: it was given up, and nothing of it stays.
fn too_long(call: &Call) -> Status {
    let message = "the preview takes longer than a request may, and was given up".to_owned();
    revision::refusal(call, StatusCode::GATEWAY_TIMEOUT, message)
}
