//! `patch`: a change to an object as it is now, whoever changed it last.
use super::{
    in_its_place,
    options::Options,
    received::Received,
    rewrite::{Change, rewrite},
    written,
};
use crate::{
    api::{Call, Patch},
    decode::{Decoder, FieldValidation, in_one},
    negotiate,
    object::{Item, Object},
    patch::{self, PatchType},
    serve::Body,
    server::routes::{Incoming, Served},
    status::{Cause, Status},
};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::{task::spawn_blocking, time::Instant};

/// Bytes of object and patch above which other requests should not wait for them to be joined.
const SMALL: usize = 64 << 10;

/// Answers `PATCH`.
pub(in crate::server) async fn patch<R: Patch>(
    served: Served<R>,
    call: Arc<Call>,
    incoming: Incoming,
) -> Result<Response<Body>, Status> {
    let kind = PatchType::of(&call.headers)?;
    let media = negotiate::objects(&call.headers, &call.query)?;
    let received = Received::of(incoming, &call).await?;
    let Options { write, validation } = Options::read("PatchOptions", &call)?;
    let read = |bytes: &Bytes| Ok((patch::Patch::read(kind, bytes, validation)?, bytes.len()));
    let (patch, size) = received.read(read).await?;
    let patching = Patching { patch: Arc::new(patch), size, decoder: &served.decoder, validation };
    let item = rewrite(&*served.resource, &call, &write, &patching).await?;
    written(&served, &call, media, StatusCode::OK, &item)
}

/// A patch with what is needed to read its result.
struct Patching<'a> {
    patch: Arc<patch::Patch>,
    size: usize,
    decoder: &'a Decoder,
    validation: FieldValidation,
}

impl<T: Object + DeserializeOwned> Change<T> for Patching<'_> {
    async fn of(&self, call: &Call, before: &Item<T>) -> Result<T, Status> {
        let json = before.json()?.clone();
        let size = self.size + json.len();
        let patched = apply(&self.patch, json, size, call.deadline).await?;
        let mut after: T = read(self.decoder, call, &self.patch.findings, &patched, self.validation)?;
        in_its_place(call, after.meta_mut())?;
        Ok(after)
    }
}

/// The object as the patch makes it, in JSON.
async fn apply(
    patch: &Arc<patch::Patch>,
    json: Bytes,
    size: usize,
    deadline: Instant,
) -> Result<Vec<u8>, Status> {
    let patch = Arc::clone(patch);
    let join = move || {
        let object = serde_json::from_slice(&json).map_err(|error| internal(&error))?;
        let patched = patch.apply(object, deadline)?;
        serde_json::to_vec(&patched).map_err(|error| internal(&error))
    };
    match size {
        ..SMALL => join(),
        _ => spawn_blocking(join).await.map_err(|error| internal(&error))?,
    }
}

/// The object in the result; what was noticed in the patch counts like what is noticed in the result.
fn read<T: Object + DeserializeOwned>(
    decoder: &Decoder,
    call: &Call,
    findings: &[String],
    patched: &[u8],
    validation: FieldValidation,
) -> Result<T, Status> {
    let refused = |why: String| {
        let cause = Cause::invalid("patch", &String::from_utf8_lossy(patched), why);
        Status::invalid("", "", "", vec![cause])
    };
    let (object, found) = decoder.decode_patched(patched).map_err(refused)?;
    let findings: Vec<String> = findings.iter().cloned().chain(found).collect();
    match validation {
        FieldValidation::Strict if !findings.is_empty() => return Err(refused(in_one(&findings))),
        FieldValidation::Warn => findings.into_iter().for_each(|finding| call.warnings.add(finding)),
        _ => {}
    }
    Ok(object)
}

fn internal(error: &dyn std::fmt::Display) -> Status {
    Status::internal(format!("failed to patch the object: {error}"))
}
