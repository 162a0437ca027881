//! `s3`: an object, or a folder of objects, from S3 or from what speaks like it.
//!
//! [`client`] is all that speaks, over the guarded clients of every generator; [`folder`] makes one archive of many
//! objects; [`refusal`] says what an answer means, in words that hold nothing of it.
mod client;
mod credentials;
mod folder;
mod refusal;

use super::{Ask, Generator};
use crate::{
    Error,
    fetch::{Body, Fetcher, Head, Incoming, Reply, Validators, media_type},
    plan::{Inputs, Secrets, Trust},
};
use client::Connection;
use crds::external_source::{self, S3Generator, Settings, Unpack};
use credentials::Credentials;
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture};
use http::{StatusCode, header};
use object_store::{Attribute, GetOptions, GetResult, ObjectStore, path::Path};
use std::sync::Arc;
use tokio::time::timeout_at;

/// Where to look, as whom, and for what.
struct Place {
    settings: S3Generator,
    wanted: Wanted,
    credentials: Option<Credentials>,
    trust: Trust,
}

enum Wanted {
    Object(Path),
    /// `None`: the whole bucket.
    Folder(Option<Path>),
}

/// # Errors
/// A Secret is missing, lacks a key, or holds what cannot be sent or trusted.
pub(super) fn plan(
    generator: &external_source::Generator,
    secrets: &Secrets,
    inputs: &mut Inputs,
) -> Result<Arc<dyn Generator>, Error> {
    let s3 = generator.s3.as_ref().expect("the rules ask for spec.generator.s3");
    let trust = Trust::by_bundle(s3.ca_bundle_secret_ref.as_ref(), secrets)?;
    let credentials = s3.credentials_secret_ref.as_ref();
    let credentials = credentials.map(|reference| Credentials::from_secret(secrets.find(&reference.name)?));
    write(inputs, s3, secrets)?;
    let credentials = credentials.transpose()?;
    Ok(Arc::new(Place { settings: s3.clone(), wanted: Wanted::of(s3), credentials, trust }))
}

fn write(inputs: &mut Inputs, s3: &S3Generator, secrets: &Secrets) -> Result<(), Error> {
    inputs.text("generator", "s3");
    inputs.text("bucket", &s3.bucket);
    inputs.optional("object", s3.object.as_deref());
    inputs.optional("prefix", s3.prefix.as_deref());
    inputs.text("region", s3.region());
    inputs.text("endpoint", &s3.endpoint());
    inputs.text("pathStyle", &s3.is_path_style().to_string());
    for name in s3.secrets() {
        inputs.secret("secret", secrets.find(name)?);
    }
    inputs.optional("caBundleKey", s3.ca_bundle_secret_ref.as_ref().map(|reference| &*reference.key));
    inputs.unpack(s3.unpack.unwrap_or_default());
    Ok(())
}

impl Wanted {
    fn of(s3: &S3Generator) -> Self {
        let path = |key: &str| Path::parse(key).expect("the rules accepted this key");
        match (&s3.object, &s3.prefix) {
            (Some(object), _) => Self::Object(path(object)),
            (None, Some(prefix)) if !prefix.is_empty() => Self::Folder(Some(path(prefix))),
            (None, _) => Self::Folder(None),
        }
    }
}

impl Generator for Place {
    fn host(&self) -> String {
        self.settings.host()
    }

    /// The objects of a folder come as one archive.
    fn unpack(&self) -> Unpack {
        match self.wanted {
            Wanted::Object(_) => self.settings.unpack.unwrap_or_default(),
            Wanted::Folder(_) => Unpack::Always,
        }
    }

    fn fetch<'a>(&'a self, fetcher: &'a Fetcher, ask: Ask<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        async move {
            let connection = Connection::new(self, fetcher).await?;
            let answer = async {
                match &self.wanted {
                    Wanted::Object(path) => object(&connection, path, ask).await,
                    Wanted::Folder(path) => folder::folder(&connection, path.as_ref(), ask).await,
                }
            };
            let late = |_| Error::TimedOut { host: self.host(), timeout: ask.bounds.timeout };
            timeout_at(ask.bounds.deadline, answer).await.map_err(late)?
        }
        .boxed()
    }
}

async fn object(connection: &Connection, path: &Path, ask: Ask<'_>) -> Result<Reply, Error> {
    let known = ask.validators.and_then(|validators| validators.etag.clone());
    let options = GetOptions { if_none_match: known, ..GetOptions::default() };
    let found = match connection.store.get_opts(path, options).await {
        Err(object_store::Error::NotModified { .. }) => {
            return Ok(Reply::NotModified { pause: None, validators: None });
        }
        found => found.map_err(|error| connection.failure(&error))?,
    };
    let length = Some(found.meta.size);
    let validators = Validators { etag: found.meta.e_tag.clone(), last_modified: None };
    let origin = connection.origin(&validators);
    let (content_type, pause) = (content_type(&found), None);
    let told = [(header::CONTENT_TYPE, &content_type), (header::ETAG, &found.meta.e_tag)];
    let value = |text: &String| text.parse().ok();
    let headers = told.into_iter().filter_map(|(name, text)| Some((name, text.as_ref().and_then(value)?)));
    let (status, headers) = (StatusCode::OK, headers.collect());
    let head = Head { status, headers, content_type, validators, pause, length, origin };
    let of_body = connection.failures();
    let pieces = found.into_stream().map_err(move |error| of_body.of_body(&error)).boxed();
    let incoming = Incoming { host: connection.host.clone(), length, pieces };
    Ok(Reply::Data(head, Body::new(incoming, ask.bounds, None)?))
}

fn content_type(found: &GetResult) -> Option<String> {
    media_type(found.attributes.get(&Attribute::ContentType)?)
}
