//! Which revision a request means, and in which words that there is none.
use crate::{
    artifact::{self, Artifact, Missing},
    shelf::Shelf,
    sources::Sources,
};
use artifacts::{SourceKey, StoreError};
use crds::{ExternalSource, rules::FieldError};
use extension_apiserver::{
    api::{Call, Parameter},
    object::Key,
    status::{Cause, Details, Status},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kube::Resource;
use telemetry::Chain;
use tracing::warn;

/// What names a revision.
pub(super) const PARAMETER: Parameter = Parameter {
    name: "revision",
    description: "A stored revision, whole or as short as tables show it, or 12 or more digits of its digest. Without it, the \
                  one that is published now.",
};

/// Who may read it is asked each time.
pub(super) const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("no-cache, private");

/// Whether a client takes what is no object. `kubectl get --subresource` takes JSON and tables alone, with a version in their
/// names, and would say only that it has no decoder.
///
/// # Errors
/// 406, and how to read it.
pub(super) fn acceptable(headers: &HeaderMap, name: &str, ours: &[&str]) -> Result<(), Status> {
    let accepted: Vec<_> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let types = accepted.iter().flat_map(|value| value.split(','));
    let mut types = types.map(|range| range.split(';').next().unwrap_or_default().trim()).peekable();
    if types.peek().is_none()
        || types.any(|range| matches!(range, "*/*" | "application/*") || ours.contains(&range))
    {
        return Ok(());
    }
    let message = format!("{name} is no object: read it with `kubectl get --raw …/{name}`");
    Err(Status::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message))
}

/// Seconds after which a store that could not be read may be there again.
pub(super) const RETRY_AFTER: u32 = 5;

/// The revision that `?revision=` names, or the one that is published now.
///
/// # Errors
/// As for [`named_by`].
pub(super) async fn named(
    sources: &Sources,
    shelf: &Shelf,
    call: &Call,
    key: &Key,
) -> Result<Artifact, Status> {
    named_by(&PARAMETER, sources, shelf, call, key).await
}

/// The revision that a parameter names, or the one that is published now.
///
/// # Errors
/// 404 for a source or a revision that is not known, 410 for one that was published once, 400 for what names none.
pub(super) async fn named_by(
    parameter: &Parameter,
    sources: &Sources,
    shelf: &Shelf,
    call: &Call,
    key: &Key,
) -> Result<Artifact, Status> {
    let source = sources.get(key).ok_or_else(|| call.not_found())?;
    let wanted = call.query.get(parameter.name);
    of(&source, wanted, (sources, shelf), (call, key)).await.map_err(|unnamed| match unnamed {
        Unnamed::Malformed(why) => Status::bad_request(format!("{}: {why}", parameter.name)),
        Unnamed::Unknown { refusal, .. } | Unnamed::Refused(refusal) => refusal,
    })
}

/// Why a name leads to no stored revision.
pub(super) enum Unnamed {
    /// It names none, or several; in words.
    Malformed(&'static str),
    /// It was never one of this source.
    Unknown {
        /// The hexadecimal digits that were asked for.
        digits: String,
        /// 404, and which there are.
        refusal: Status,
    },
    /// All else.
    Refused(Status),
}

/// The stored revision of a source that has this name, or the one that is published now.
///
/// # Errors
/// There is none.
pub(super) async fn of(
    source: &ExternalSource,
    wanted: Option<&str>,
    (sources, shelf): (&Sources, &Shelf),
    (call, key): (&Call, &Key),
) -> Result<Artifact, Unnamed> {
    let missing = match artifact::find(source, wanted) {
        Ok(artifact) => return Ok(artifact),
        Err(missing) => missing,
    };
    Err(match missing {
        Missing::NothingStored => Unnamed::Refused(match sources.violations(key) {
            broken if broken.is_empty() => nothing_stored(call, key),
            broken => invalid(call, broken),
        }),
        Missing::Malformed => Unnamed::Malformed(
            "must be a revision, whole or as short as tables show it, or 12 or more hexadecimal digits of its digest",
        ),
        Missing::Ambiguous => {
            Unnamed::Malformed("several stored revisions begin like that; give more digits")
        }
        Missing::Unknown { digits, kept } => {
            let was_there = was_published(shelf, key, &digits).await;
            let was_there = was_there.map_err(|error| Unnamed::Refused(unreadable(&error)))?;
            let kept = if kept.is_empty() { "none".to_owned() } else { kept.join(", ") };
            if was_there {
                let message = format!("this revision is no longer stored; stored are: {kept}");
                Unnamed::Refused(refusal(call, StatusCode::GONE, message))
            } else {
                let message =
                    format!("externalsource {:?} has no such revision; stored are: {kept}", key.name);
                Unnamed::Unknown { digits, refusal: refusal(call, StatusCode::NOT_FOUND, message) }
            }
        }
    })
}

async fn was_published(shelf: &Shelf, key: &Key, digits: &str) -> Result<bool, StoreError> {
    let source = SourceKey::new(&key.namespace, &key.name)?;
    shelf.was_published(&source, digits).await
}

/// The store does not answer.
pub(super) fn unreadable(error: &StoreError) -> Status {
    warn!(error = %Chain(error), "failed to read the store");
    Status::unavailable("the artifact store cannot be read", RETRY_AFTER)
}

/// There is a source, but no artifact of it yet.
pub(super) fn nothing_stored(call: &Call, Key { namespace, name }: &Key) -> Status {
    let why = format!("`kubectl describe externalsource {name} -n {namespace}` says why");
    refusal(call, StatusCode::NOT_FOUND, format!("externalsource {name:?} has no artifact yet; {why}"))
}

/// 422, in the words of admission: a spec that breaks the rules never becomes an artifact.
pub(super) fn invalid(call: &Call, broken: Vec<FieldError>) -> Status {
    let causes = broken.into_iter().map(|FieldError { path, kind, detail }| Cause {
        reason: kind.reason(),
        message: detail,
        field: path,
    });
    Status::invalid(
        &ExternalSource::group(&()),
        &ExternalSource::kind(&()),
        &call.request.name,
        causes.collect(),
    )
}

/// A refusal that names the object as every other does.
pub(super) fn refusal(call: &Call, code: StatusCode, message: String) -> Status {
    let reason = match code {
        StatusCode::GONE => "Gone",
        StatusCode::GATEWAY_TIMEOUT => "Timeout",
        _ => "NotFound",
    };
    let details = Details {
        name: call.request.name.clone(),
        group: call.request.group.clone(),
        kind: call.request.resource.clone(),
        ..Details::default()
    };
    Status::new(code, reason, message).with_details(details)
}
