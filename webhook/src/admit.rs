//! The verdict on one write. Pure.
use crate::{
    Step,
    judge::Judgement,
    kinds::Kind,
    patch, refusal,
    review::{Request, Verdict},
};
use crds::{installation::Installation, rules::FieldError};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

/// As much of an object as admission needs.
pub(crate) struct Object<'a> {
    pub(crate) metadata: Metadata,
    pub(crate) spec: &'a RawValue,
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
    #[serde(borrow)]
    spec: &'a RawValue,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    name: Option<String>,
    generate_name: Option<String>,
    finalizers: Option<Vec<String>>,
    deletion_timestamp: Option<IgnoredAny>,
}

/// Whether the write may happen, and what changes before it does.
pub(crate) fn admit(
    step: Step,
    kinds: &[Kind],
    installation: &Installation<'_>,
    request: &Request<'_>,
) -> Verdict {
    let Some(kind) = kind_of(kinds, request) else { return Verdict::untouched() };
    // Deletions have no object.
    let Some(object) = request.object else { return Verdict::untouched() };
    let Some(object) = read(object) else {
        return undecodable(step, kind, request, "the object has no metadata or no spec");
    };
    if request.operation == "UPDATE" && passes_anyway(&object, request) {
        return Verdict::untouched();
    }
    match (kind.judge)(object.spec.get(), installation) {
        Judgement::Unreadable(why) => undecodable(step, kind, request, &why),
        Judgement::Refused(invalid) => refused(kind, name(request, &object.metadata), invalid.errors()),
        Judgement::Accepted { .. } if step == Step::Validate => Verdict::untouched(),
        Judgement::Accepted { warnings, mut changes } => {
            if request.operation == "CREATE" {
                let present = object.metadata.finalizers.as_deref();
                changes.extend(kind.finalizer.and_then(|ours| patch::finalizer(present, ours)));
            }
            Verdict::Allowed { warnings, changes }
        }
    }
}

/// The kind that is judged. Subresources have no spec to judge.
pub(crate) fn kind_of<'a>(kinds: &'a [Kind], request: &Request<'_>) -> Option<&'a Kind> {
    let known = |kind: &&Kind| kind.group == request.kind.group && kind.kind == request.kind.kind;
    let is_whole = matches!(request.sub_resource.as_deref(), None | Some(""));
    kinds.iter().find(known).filter(|_| is_whole)
}

pub(crate) fn read(object: &RawValue) -> Option<Object<'_>> {
    let parts: Parts<'_> = fields(object)?;
    is_map(parts.spec).then_some(Object { metadata: fields(parts.metadata)?, spec: parts.spec })
}

fn fields<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<T> {
    if is_map(json) { serde_json::from_str(json.get()).ok() } else { None }
}

/// Asked because serde takes a list for a struct, and the schema does not.
fn is_map(json: &RawValue) -> bool {
    json.get().starts_with('{')
}

/// An object that was there before a rule must stay deletable, and its labels and finalizers changeable.
pub(crate) fn passes_anyway(object: &Object<'_>, request: &Request<'_>) -> bool {
    let value = |json: &RawValue| serde_json::from_str::<Value>(json.get()).ok();
    let stored = request.old_object.and_then(read);
    object.metadata.deletion_timestamp.is_some()
        || stored
            .is_some_and(|stored| value(stored.spec).is_some_and(|spec| Some(spec) == value(object.spec)))
}

/// `/mutate` leaves it to the schema, which names everything. What has passed the schema and still does not decode is
/// refused: the controller could do nothing with it.
fn undecodable(step: Step, kind: &Kind, request: &Request<'_>, why: &str) -> Verdict {
    match step {
        Step::Mutate => Verdict::untouched(),
        Step::Validate => refused(kind, name(request, &Metadata::default()), &[refusal::unreadable(why)]),
    }
}

fn refused(kind: &Kind, name: &str, errors: &[FieldError]) -> Verdict {
    Verdict::Refused(Box::new(refusal::unprocessable(kind, name, errors)))
}

/// Empty in a request that leaves the name to the server; then the beginning of the name says most.
pub(crate) fn name<'a>(request: &'a Request<'_>, metadata: &'a Metadata) -> &'a str {
    let given = [request.name.as_deref(), metadata.name.as_deref(), metadata.generate_name.as_deref()];
    given.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default()
}
