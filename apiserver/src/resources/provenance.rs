//! `externalsources/provenance`: where the bytes of a stored revision came from. Its own permission guards it: the address that
//! redirects led to may open what it names to anybody.
use super::{revision, stored::Stored};
use crate::{shelf::Shelf, source_view::SourceView, sources::Sources};
use artifacts::provenance;
use extension_apiserver::{
    api::{Call, GetRaw, Parameter, Resource, Subresource},
    object::Key,
    serve::{self, Body},
    status::Status,
};
use http::{HeaderValue, Response, StatusCode, header};

/// As the statement itself says, for tools that ask; a statement is JSON all the same.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.in-toto+json");

/// Answers from the store.
pub(crate) struct Provenance {
    pub(crate) sources: Sources,
    pub(crate) shelf: Shelf,
}

impl Resource for Provenance {
    type Object = SourceView;
}

impl Subresource for Provenance {
    type Parent = SourceView;
    const NAME: &'static str = "provenance";
    const PARAMETERS: &'static [Parameter] = &[revision::PARAMETER];
}

impl GetRaw for Provenance {
    async fn get_raw(&self, call: &Call, key: &Key) -> Result<Response<Body>, Status> {
        let artifact = revision::named(&self.sources, &self.shelf, call, key).await?;
        let stored = Stored::new(call, key, &artifact)?;
        revision::acceptable(&call.headers, "provenance", &["application/vnd.in-toto+json"])?;
        let found = self.shelf.attached(&stored.blob).await.map_err(|error| stored.unreadable(&error))?;
        let statement = found.filter(|statement| provenance::read(statement, &stored.blob).is_some());
        let statement = statement.ok_or_else(|| {
            let message = "nothing was recorded of where this revision came from; the next one will have it";
            revision::refusal(call, StatusCode::NOT_FOUND, message.to_owned())
        })?;
        let mut response = Response::new(serve::full(statement));
        response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
        response.headers_mut().insert(header::CACHE_CONTROL, revision::CACHE_CONTROL);
        Ok(response)
    }
}
