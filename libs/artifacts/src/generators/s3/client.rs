//! A client of S3 that sends nothing past the guard, and lets nothing of an answer that it does not want into an error.
use super::{
    Place, Wanted,
    credentials::Credentials,
    refusal::{Failures, Heard},
};
use crate::{
    Error,
    fetch::{Fetcher, Gate, Origin, Validators, Way, pause},
    trace::{Event, tell},
};
use bytes::Bytes;
use crds::external_source::SecretKeyReference;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use object_store::{
    ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
        HttpService,
    },
};
use secrecy::ExposeSecret;
use std::{fmt, time::Instant};
use url::Url;

/// A page of a listing names up to 1,000 objects, each in a few hundred bytes around its key.
const LARGEST_LISTING: usize = 8 << 20;
/// An error in XML takes less.
const LARGEST_ERROR: usize = 64 << 10;

/// One pass's connection to a bucket.
pub(super) struct Connection {
    pub(super) store: AmazonS3,
    pub(super) host: String,
    /// What is fetched, in path style.
    address: Url,
    secret: Option<String>,
    bundle: Option<SecretKeyReference>,
    heard: Heard,
}

impl Connection {
    pub(super) async fn new(place: &Place, fetcher: &Fetcher) -> Result<Self, Error> {
        let heard = Heard::default();
        let guarded = Guarded {
            client: fetcher.client(Way { trust: &place.trust, known_by: None, proxy: None }).await?,
            gate: fetcher.gate().clone(),
            heard: heard.clone(),
        };
        let builder = signed(builder(place), place.credentials.as_ref());
        // An object_store error may show addresses, so that nothing of it is kept.
        let store = builder.with_http_connector(guarded).build();
        let store = store.map_err(|_| Error::NoClient("the client of S3 cannot be set up".into()))?;
        let secret = place.credentials.as_ref().map(|credentials| credentials.secret.clone());
        let (host, bundle) = (super::Generator::host(place), place.trust.bundle().cloned());
        Ok(Self { store, host, address: address(place), secret, bundle, heard })
    }

    /// Where what is fetched comes from.
    pub(super) fn origin(&self, validators: &Validators) -> Origin {
        Origin::at(&self.address, validators.clone())
    }

    /// What an error of this connection means.
    pub(super) fn failure(&self, error: &object_store::Error) -> Error {
        self.failures().of_request(error)
    }

    pub(super) fn failures(&self) -> Failures {
        let (host, secret, bundle) = (self.host.clone(), self.secret.clone(), self.bundle.clone());
        Failures { host, secret, bundle, heard: self.heard.clone() }
    }
}

/// Object, folder or bucket; the last two end in a slash.
fn address(place: &Place) -> Url {
    let mut url = Url::parse(&place.settings.endpoint()).expect("the rules accepted this endpoint");
    let bucket = &place.settings.bucket;
    url.set_path(&match &place.wanted {
        Wanted::Object(path) => format!("{bucket}/{path}"),
        Wanted::Folder(Some(path)) => format!("{bucket}/{path}/"),
        Wanted::Folder(None) => format!("{bucket}/"),
    });
    url
}

/// Nothing comes from the environment: what this installation is known by is nobody else's. A request that failed is not
/// sent again: the pass is, with the pauses of the loop.
fn builder(place: &Place) -> AmazonS3Builder {
    let s3 = &place.settings;
    let endpoint = s3.endpoint();
    let endpoint = match endpoint.split_once("://") {
        Some((scheme, host)) if !s3.is_path_style() => format!("{scheme}://{}.{host}", s3.bucket),
        _ => endpoint,
    };
    AmazonS3Builder::new()
        .with_bucket_name(&s3.bucket)
        .with_region(s3.region())
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(!s3.is_path_style())
        .with_allow_http(true)
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
}

fn signed(builder: AmazonS3Builder, credentials: Option<&Credentials>) -> AmazonS3Builder {
    let Some(credentials) = credentials else { return builder.with_skip_signature(true) };
    let builder = builder
        .with_access_key_id(credentials.key_id.expose_secret())
        .with_secret_access_key(credentials.secret_key.expose_secret());
    match &credentials.token {
        Some(token) => builder.with_token(token.expose_secret()),
        None => builder,
    }
}

/// Sends requests through the client that every generator uses.
#[derive(Clone)]
struct Guarded {
    client: reqwest::Client,
    gate: Gate,
    heard: Heard,
}

/// The client would show how it is set up.
impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").finish_non_exhaustive()
    }
}

impl HttpConnector for Guarded {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Guarded {
    fn call<'service, 'call>(
        &'service self,
        request: HttpRequest,
    ) -> BoxFuture<'call, Result<HttpResponse, HttpError>>
    where
        'service: 'call,
        Self: 'call,
    {
        Box::pin(self.send(request))
    }
}

impl Guarded {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let refuse = |error| HttpError::new(HttpErrorKind::Unknown, error);
        let url = Url::parse(&request.uri().to_string());
        let url = url.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        self.gate.check(&url).map_err(refuse)?;
        let is_listing =
            request.method() == Method::GET && url.query_pairs().any(|(name, _)| name == "list-type");
        let (asked, sent) = (request.method().clone(), Instant::now());
        tell(|| Event::Asked { method: &asked, url: &url, conditional: is_conditional(request.headers()) });
        let (head, body) = HttpService::call(&self.client, request).await?.into_parts();
        tell(|| Event::Answered { status: head.status, took: sent.elapsed(), redirects: false });
        let body = match head.status {
            status if status.is_success() && is_listing => {
                let read = Limited::new(body, LARGEST_LISTING).collect().await;
                let whole = read.map_err(|error| HttpError::new_boxed(HttpErrorKind::Unknown, error))?;
                whole.to_bytes().into()
            }
            status if status.is_success() || status == StatusCode::NOT_MODIFIED => body,
            _ => {
                let text = Limited::new(body, LARGEST_ERROR).collect().await;
                let text = text.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                self.heard.answer(head.status, pause::asked(&head.headers, Timestamp::now()), &text);
                // Some answers repeat what they were asked with, the key's name among it.
                HttpResponseBody::from(Bytes::new())
            }
        };
        Ok(HttpResponse::from_parts(head, body))
    }
}

/// Whether what is stored need not be sent again.
fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_NONE_MATCH)
}
