//! `http`: one HTTP request, along redirects.
mod json;

use super::{Ask, Generator};
use crate::{
    Digest, Error,
    fetch::{Fetcher, Reply, Way},
    plan::{ClientCertificate, Inputs, Proxy, RequestBody, Secrets, Trust, headers as header},
};
use crds::external_source::{self, ExpectedValue, HttpGenerator, ServiceAccountTokenReference, Unpack};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, Method, header::AUTHORIZATION};
use std::sync::Arc;
use url::{Position, Url};

/// The request, and what its answer must look like.
#[derive(Clone)]
pub(crate) struct HttpRequest {
    pub(crate) url: Url,
    pub(crate) method: Method,
    /// Headers of the Secret, and the one of the token; their values are marked sensitive.
    pub(crate) headers: HeaderMap,
    /// Whose token the plan is given before it is run.
    pub(crate) account: Option<ServiceAccountTokenReference>,
    pub(crate) body: Option<RequestBody>,
    pub(crate) trust: Trust,
    /// Shown to the origin of `url` alone.
    pub(crate) certificate: Option<ClientCertificate>,
    /// Everything goes through it, redirects too.
    pub(crate) proxy: Option<Proxy>,
    pub(crate) follow_redirects: bool,
    pub(crate) expected: Expected,
    pub(crate) unpack: Unpack,
}

impl HttpRequest {
    /// A GET that follows redirects, and takes whatever comes with a 2xx as it is.
    pub(super) fn get(url: Url, headers: HeaderMap, trust: Trust) -> Self {
        Self {
            url,
            method: Method::GET,
            headers,
            account: None,
            body: None,
            trust,
            certificate: None,
            proxy: None,
            follow_redirects: true,
            expected: Expected::any(),
            unpack: Unpack::Never,
        }
    }
}

/// What an answer must look like to carry data.
#[derive(Clone)]
pub(crate) struct Expected {
    /// Unset: any 2xx.
    pub(crate) statuses: Option<Vec<u16>>,
    /// Unset: any. Lower case.
    pub(crate) media_types: Option<Vec<String>>,
    /// The digest of the body as received.
    pub(crate) sha256: Option<Digest>,
    pub(crate) values: Vec<ExpectedValue>,
}

/// # Errors
/// A Secret is missing, lacks a key, or holds what cannot be sent or trusted.
pub(super) fn plan(
    generator: &external_source::Generator,
    secrets: &Secrets,
    inputs: &mut Inputs,
) -> Result<Arc<dyn Generator>, Error> {
    let http = generator.http.as_ref().expect("the rules ask for spec.generator.http");
    let request = HttpRequest {
        url: Url::parse(&http.url).expect("the rules accepted this url"),
        method: Method::from_bytes(http.method.as_bytes()).expect("the rules accepted this method"),
        headers: headers(http, secrets)?,
        account: http.service_account_token_ref.clone(),
        body: body(http, secrets)?,
        trust: trust(http, secrets)?,
        certificate: certificate(http, secrets)?,
        proxy: proxy(http, secrets)?,
        follow_redirects: http.follow_redirects.unwrap_or(true),
        expected: Expected::new(http),
        unpack: http.unpack.unwrap_or_default(),
    };
    write(inputs, http, secrets)?;
    Ok(Arc::new(request))
}

fn write(inputs: &mut Inputs, http: &HttpGenerator, secrets: &Secrets) -> Result<(), Error> {
    inputs.text("url", &http.url);
    inputs.text("method", &http.method);
    inputs.optional("body", http.body.as_deref());
    let referenced = [
        ("bodySecret", http.body_secret_ref.as_ref().map(|reference| &reference.name)),
        ("headers", http.headers_secret_ref.as_ref().map(|reference| &reference.name)),
        ("caBundle", http.ca_bundle_secret_ref.as_ref().map(|reference| &reference.name)),
        ("certificate", http.cert_secret_ref.as_ref().map(|reference| &reference.name)),
        ("proxy", http.proxy_secret_ref.as_ref().map(|reference| &reference.name)),
    ];
    for (field, name) in referenced {
        if let Some(name) = name {
            inputs.secret(field, secrets.find(name)?);
        }
    }
    if let Some(ServiceAccountTokenReference { name, audience }) = &http.service_account_token_ref {
        inputs.text("account", name);
        inputs.text("audience", audience);
    }
    inputs.optional("bodyKey", http.body_secret_ref.as_ref().map(|reference| reference.key.as_str()));
    inputs
        .optional("caBundleKey", http.ca_bundle_secret_ref.as_ref().map(|reference| reference.key.as_str()));
    inputs.text("insecureSkipVerify", &http.insecure_skip_verify.unwrap_or_default().to_string());
    inputs.text("followRedirects", &http.follow_redirects.unwrap_or(true).to_string());
    inputs.list("expectedStatus", http.expected_status.iter().flatten());
    inputs.list("expectedContentType", http.expected_content_type.iter().flatten());
    for value in &http.expected_json {
        let text = serde_json::to_string(value).expect("a value serializes");
        inputs.text("expectedJSON", &text);
    }
    inputs.optional("sha256", http.sha256.as_deref());
    inputs.unpack(http.unpack.unwrap_or_default());
    Ok(())
}

impl HttpRequest {
    /// The way of its requests, to the origin of the spec or away from it.
    pub(crate) fn way(&self, at_home: bool) -> Way<'_> {
        let known_by = self.certificate.as_ref().filter(|_| at_home);
        Way { trust: &self.trust, known_by, proxy: self.proxy.as_ref() }
    }

    /// What proves to the origin of the spec who asks. Asked for when a request is sent, and not when it is planned: a token
    /// that ends (`oauthTokenRef`, once there is a kind that issues it) is read and renewed here.
    pub(crate) fn credentials(&self) -> HeaderMap {
        self.headers.clone()
    }
}

impl Generator for HttpRequest {
    fn host(&self) -> String {
        self.url[Position::BeforeHost..Position::AfterPort].to_owned()
    }

    fn unpack(&self) -> Unpack {
        self.unpack
    }

    fn fetch<'a>(&'a self, fetcher: &'a Fetcher, ask: Ask<'a>) -> BoxFuture<'a, Result<Reply, Error>> {
        async move {
            let reply = fetcher.fetch(self, ask).await?;
            if self.expected.values.is_empty() {
                Ok(reply)
            } else {
                json::checked(reply, &self.expected.values).await
            }
        }
        .boxed()
    }

    fn request(&self) -> Option<&HttpRequest> {
        Some(self)
    }
}

impl Expected {
    /// Any 2xx.
    pub(crate) fn any() -> Self {
        Self { statuses: None, media_types: None, sha256: None, values: Vec::new() }
    }

    fn new(http: &HttpGenerator) -> Self {
        let code = |code: &i64| u16::try_from(*code).expect("the rules accepted this code");
        let digest =
            |hex: &String| Digest::from_hex(&hex.to_ascii_lowercase()).expect("the rules accepted sha256");
        Self {
            statuses: listed(http.expected_status.as_deref()).map(|list| list.iter().map(code).collect()),
            media_types: listed(http.expected_content_type.as_deref())
                .map(|list| list.iter().map(|range| range.to_ascii_lowercase()).collect()),
            sha256: http.sha256.as_ref().map(digest),
            values: http.expected_json.clone(),
        }
    }
}

/// An empty list says as little as none.
fn listed<T>(list: Option<&[T]>) -> Option<&[T]> {
    list.filter(|list| !list.is_empty())
}

fn headers(http: &HttpGenerator, secrets: &Secrets) -> Result<HeaderMap, Error> {
    let Some(reference) = &http.headers_secret_ref else { return Ok(HeaderMap::new()) };
    let secret = secrets.find(&reference.name)?;
    let taken = |key: &&String| key.eq_ignore_ascii_case(AUTHORIZATION.as_str());
    if http.service_account_token_ref.is_some()
        && let Some(key) = secret.data.keys().find(taken)
    {
        let problem = "this header is set by serviceAccountTokenRef";
        return Err(Error::InvalidHeader { secret: secret.name.clone(), key: key.clone(), problem });
    }
    header::from_secret(secret)
}

fn body(http: &HttpGenerator, secrets: &Secrets) -> Result<Option<RequestBody>, Error> {
    let Some(reference) = &http.body_secret_ref else { return Ok(http.body.clone().map(RequestBody::said)) };
    RequestBody::from_secret(secrets.find(&reference.name)?, reference).map(Some)
}

/// A bundle is believed even where `insecureSkipVerify` is set too: whoever gave one meant it.
fn trust(http: &HttpGenerator, secrets: &Secrets) -> Result<Trust, Error> {
    if let Some(reference) = &http.ca_bundle_secret_ref {
        return Trust::by_bundle(Some(reference), secrets);
    }
    if http.insecure_skip_verify.unwrap_or_default() {
        return Ok(Trust::Anybody);
    }
    let Some(reference) = &http.cert_secret_ref else { return Ok(Trust::System) };
    Trust::beside_certificate(secrets.find(&reference.name)?)
}

fn proxy(http: &HttpGenerator, secrets: &Secrets) -> Result<Option<Proxy>, Error> {
    let Some(reference) = &http.proxy_secret_ref else { return Ok(None) };
    Proxy::from_secret(secrets.find(&reference.name)?).map(Some)
}

fn certificate(http: &HttpGenerator, secrets: &Secrets) -> Result<Option<ClientCertificate>, Error> {
    let Some(reference) = &http.cert_secret_ref else { return Ok(None) };
    ClientCertificate::from_secret(secrets.find(&reference.name)?).map(Some)
}
