//! What a client insists on about the object that it writes; 409 if it is otherwise.
use crate::{api::Call, request::RequestInfo, status::Status};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Preconditions};

/// An update that names a uid is about that very object; one that does not exist yet has none.
pub(super) fn same_uid(call: &Call, before: &ObjectMeta, after: &ObjectMeta) -> Result<(), Status> {
    let (record, wanted) = (text(&before.uid), text(&after.uid));
    if wanted.is_empty() || wanted == record {
        return Ok(());
    }
    let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {record}");
    Err(Status::conflict(&call.request, &call.request.name, &why))
}

/// A deletion may be about one object, or one state of it.
pub(super) fn of_deletion(
    call: &Call,
    kind: &str,
    wanted: &Preconditions,
    record: &ObjectMeta,
) -> Result<(), Status> {
    let refused = |why: String| {
        // Go names the kind here, where everything else names the resource.
        let request = RequestInfo { resource: kind.to_owned(), ..call.request.clone() };
        Err(Status::conflict(&request, text(&record.name), &why))
    };
    match wanted.uid.as_deref() {
        Some(uid) if uid != text(&record.uid) => {
            return refused(format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been \
                 deleted and then recreated",
                text(&record.uid)
            ));
        }
        _ => {}
    }
    match wanted.resource_version.as_deref() {
        Some(version) if version != text(&record.resource_version) => refused(format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). The \
             object might have been modified",
            text(&record.resource_version)
        )),
        _ => Ok(()),
    }
}

fn text(field: &Option<String>) -> &str {
    field.as_deref().unwrap_or_default()
}
