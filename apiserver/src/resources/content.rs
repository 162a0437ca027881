//! `externalsources/content`: the bytes of a stored revision, or of one file in it. Its own permission guards it.
use super::artifact::nothing_stored;
use crate::{
    artifact::{self, Artifact, Missing},
    download::Download,
    source_view::SourceView,
    sources::Sources,
};
use artifacts::{BlobKey, Chain, SourceKey, Store, StoreError, read};
use extension_apiserver::{
    api::{Call, GetRaw, Resource, Subresource},
    object::Key,
    serve::{self, Body},
    status::Status,
};
use futures::StreamExt;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use std::sync::Arc;
use tracing::warn;

/// The media type of one file travels here: kube-apiserver rewrites bodies that say they are HTML.
const FILE_TYPE: HeaderName = HeaderName::from_static("x-postern-content-type");
/// Seconds after which a blob that is missing may be there again.
const RETRY_AFTER: u32 = 5;

/// Answers from the store.
pub(crate) struct Content {
    pub(crate) sources: Sources,
    pub(crate) store: Arc<dyn Store>,
}

impl Resource for Content {
    type Object = SourceView;
}

impl Subresource for Content {
    type Parent = SourceView;
    const NAME: &'static str = "content";
}

impl GetRaw for Content {
    async fn get_raw(&self, call: &Call, key: &Key) -> Result<Response<Body>, Status> {
        let artifact = self.find(call, key)?;
        let blob = blob_key(key, &artifact)?;
        match call.query.get("path").filter(|path| !path.is_empty()) {
            Some(path) => self.file(call, &blob, path).await,
            None => self.archive(call, &blob).await,
        }
    }
}

impl Content {
    fn find(&self, call: &Call, key: &Key) -> Result<Artifact, Status> {
        let source = self.sources.get(key).ok_or_else(|| call.not_found())?;
        let wanted = call.query.get("revision");
        artifact::find(&source, wanted).map_err(|missing| match missing {
            Missing::NothingStored => nothing_stored(&key.name),
            Missing::Malformed => Status::bad_request(
                "revision: must be a full revision, sha256: with 64 hexadecimal digits, or 12 or more of them",
            ),
            Missing::Ambiguous => {
                Status::bad_request("revision: several stored revisions begin like that; give more digits")
            }
            Missing::Unknown { digits, kept } => {
                let kept = kept.join(", ");
                if self.sources.was_removed(key, &digits) {
                    let message = format!("this revision is no longer stored; stored are: {kept}");
                    Status::new(StatusCode::GONE, "Gone", message)
                } else {
                    let message = format!("externalsource {:?} has no such revision; stored are: {kept}", key.name);
                    Status::new(StatusCode::NOT_FOUND, "NotFound", message)
                }
            }
        })
    }

    async fn archive(&self, call: &Call, key: &BlobKey) -> Result<Response<Body>, Status> {
        let download = Download {
            key,
            method: &call.method,
            headers: &call.headers,
            cache_control: HeaderValue::from_static("no-cache, private"),
        };
        let answer = download.answer(&*self.store).await.map_err(|error| unreadable(&error))?;
        answer.ok_or_else(absent)
    }

    async fn file(&self, call: &Call, key: &BlobKey, path: &str) -> Result<Response<Body>, Status> {
        let blob =
            self.store.open(key, None).await.map_err(|error| unreadable(&error))?.ok_or_else(absent)?;
        let found = read::file_in(blob, path).await.map_err(|error| unreadable(&error))?;
        let Some(file) = found else {
            let message = format!("the artifact holds no file {path:?}; the archive lists what it holds");
            return Err(Status::new(StatusCode::NOT_FOUND, "NotFound", message));
        };
        let body = if call.method == Method::HEAD {
            serve::empty()
        } else {
            serve::stream(file.bytes.map(|chunk| chunk.map_err(Into::into)))
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(FILE_TYPE, HeaderValue::from_static(file.media_type));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.size));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}

fn blob_key(key: &Key, artifact: &Artifact) -> Result<BlobKey, Status> {
    let source = SourceKey::new(&key.namespace, &key.name);
    match (source, artifact.spec.digest.parse()) {
        (Ok(source), Ok(digest)) => Ok(BlobKey { source, digest }),
        _ => Err(Status::internal(format!("the status of {:?} holds a digest that is none", key.name))),
    }
}

/// The status names a revision whose blob is gone or damaged; the controller fetches it again.
fn absent() -> Status {
    Status::unavailable("the stored artifact is missing or damaged; it is being fetched again", RETRY_AFTER)
}

fn unreadable(error: &StoreError) -> Status {
    if matches!(error, StoreError::Corrupt { .. }) {
        return absent();
    }
    warn!(error = %Chain(error), "failed to read the store");
    Status::unavailable("the artifact store cannot be read", RETRY_AFTER)
}
