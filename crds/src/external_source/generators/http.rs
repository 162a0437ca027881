//! `spec.generator.http`: one HTTP request, and what its answer must look like.
use super::{Settings, address};
use crate::{
    external_source::{
        SecretKeyReference, SecretReference, Unpack,
        rules::{secret_key, secret_name},
    },
    names,
    rules::{FieldError, Rules, Violations},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use url::{Position, Url};

const MOST_EXPECTED: usize = 16;
const LONGEST_EXPECTED: usize = 1024;
const LONGEST_AUDIENCE: usize = 1024;

/// One HTTP request, and what its answer must look like.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpGenerator {
    /// The address to fetch, `http://` or `https://`, at most 2,048 characters, without user or password: put
    /// credentials into the Secret that `headersSecretRef` names. Loopback, link-local, private and metadata
    /// addresses are refused unless the operator of this installation allows them.
    #[schemars(extend("format" = "uri"))]
    pub url: String,

    /// The HTTP method. Unset or empty means `GET`.
    #[serde(default = "default_method", deserialize_with = "method_or_default")]
    pub method: String,

    /// The request body, sent as it is. Set its `Content-Type` through `headersSecretRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,

    /// A key of a Secret in this namespace with the request body, sent as it is: for a query that holds a password, or a token
    /// that is asked for with one. Not together with `body`. It is not sent to another origin: a redirect that asks for that
    /// fails the pass. Hooks do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_secret_ref: Option<SecretKeyReference>,

    /// A Secret in this namespace; every key becomes a request header, its value the header's value. Headers are not
    /// sent to another origin after a redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers_secret_ref: Option<SecretReference>,

    /// A ServiceAccount in this namespace, a short-lived token of which is sent as `Authorization: Bearer`, for sources that know the
    /// accounts of this cluster. It is not sent to another origin after a redirect. Postern must have been granted the
    /// right to make such tokens here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_token_ref: Option<ServiceAccountTokenReference>,

    /// A key of a Secret in this namespace with PEM certificates to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_secret_ref: Option<SecretKeyReference>,

    /// A Secret in this namespace with the certificate to show to a source that asks for one: `tls.crt` (PEM, followed by
    /// those that lead to its authority) and `tls.key` (PEM), as cert-manager and `kubectl create secret tls` write them. If
    /// it holds `ca.crt` too, those authorities are trusted beside the system's. It is not shown to another origin after a redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<SecretReference>,

    /// A Secret in this namespace with the proxy through which every request goes: `address` (`http://` or `https://`, host and
    /// port), and `username` and `password` if it asks for them, as Flux has it. The address of the proxy is one that may be
    /// reached; what the names of sources mean, and where they lead, is then the proxy's to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<SecretReference>,

    /// Accepts any certificate. Anybody on the way can then change the data: prefer `caBundleSecretRef`, which wins where
    /// both are set. An operator may forbid it with `--allow-insecure-skip-verify=false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<bool>,

    /// The status codes that carry data. Unset, any 2xx does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_status: Option<Vec<i64>>,

    /// The media types that carry data, such as `application/json` or `application/*`; parameters are ignored. Unset,
    /// any does. Guards against login pages that are sent as 200 with HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_content_type: Option<Vec<String>>,

    /// What the body must hold, as JSON; each is a value at a JSON pointer (RFC 6901). Guards against answers that are sent as 200
    /// and say that they are errors. The body may then have at most 4 MiB. At most 16 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "expectedJSON")]
    pub expected_json: Vec<ExpectedValue>,

    /// Follows redirects, at most 5, each checked like the address itself. Unset means true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_redirects: Option<bool>,

    /// The SHA-256 that the body must have as received, in 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,

    /// Whether the body is an archive (tar, tar.gz, gzip or zip) whose files make up the artifact. `Never`, the default,
    /// stores the body as one file. `Auto` unpacks what content type and first bytes show to be an archive. `Always`
    /// fails on anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpack: Option<Unpack>,
}

/// A token of a ServiceAccount in the namespace of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountTokenReference {
    /// The name of the ServiceAccount. Unset means `default`.
    #[serde(default = "default_account")]
    pub name: String,
    /// Whom the token is for, as the source asks for it. Those of kube-apiserver and of Postern are refused.
    pub audience: String,
}

/// A value that a JSON document must have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedValue {
    /// Where it is, as a JSON pointer such as `/status` or `/items/0/name`.
    pub pointer: String,
    /// What it must be: a text, a number or a boolean. Either this or `exists` must be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub equals: Option<Value>,
    /// Whether there must be one, whatever it is, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

fn default_account() -> String {
    "default".into()
}

fn default_method() -> String {
    "GET".into()
}

/// What is written by hand may be empty, which Go's client takes for GET.
fn method_or_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let method = String::deserialize(deserializer)?;
    Ok(if method.is_empty() { default_method() } else { method })
}

impl Settings for HttpGenerator {
    fn judge(&self, found: &mut Violations) {
        const CREDENTIALS: &str = "must not carry user or password; put them into headersSecretRef";
        address::address(found, "spec.generator.http.url", &self.url, CREDENTIALS);
        request(found, self);
        answer(found, self);
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.insecure_skip_verify == Some(true) {
            let why = "anybody on the way can change the data; prefer caBundleSecretRef";
            warnings.push(format!("spec.generator.http.insecureSkipVerify: {why}"));
        }
        let plain = Url::parse(&self.url).is_ok_and(|url| url.scheme() == "http");
        let secrets = [
            (self.headers_secret_ref.is_some(), "credentials of headersSecretRef travel"),
            (self.service_account_token_ref.is_some(), "the token of serviceAccountTokenRef travels"),
            (self.body_secret_ref.is_some(), "the body of bodySecretRef travels"),
        ];
        for (_, what) in secrets.into_iter().filter(|(is_sent, _)| plain && *is_sent) {
            warnings.push(format!("spec.generator.http.url: {what} unencrypted; use https"));
        }
        if plain && self.cert_secret_ref.is_some() {
            let why = "is of no use over http, where nobody asks for a certificate; use https";
            warnings.push(format!("spec.generator.http.certSecretRef: {why}"));
        }
        warnings
    }

    fn secrets(&self) -> Vec<&str> {
        let body = self.body_secret_ref.as_ref().map(|reference| &*reference.name);
        let headers = self.headers_secret_ref.as_ref().map(|reference| &*reference.name);
        let ca_bundle = self.ca_bundle_secret_ref.as_ref().map(|reference| &*reference.name);
        let certificate = self.cert_secret_ref.as_ref().map(|reference| &*reference.name);
        let proxy = self.proxy_secret_ref.as_ref().map(|reference| &*reference.name);
        [body, headers, ca_bundle, certificate, proxy].into_iter().flatten().collect()
    }

    fn host(&self) -> String {
        let host = |url: Url| url[Position::BeforeHost..Position::AfterPort].to_owned();
        Url::parse(&self.url).map(host).unwrap_or_default()
    }

    fn host_field(&self) -> &'static str {
        "spec.generator.http.url"
    }

    /// A bundle wins where both are set.
    fn unverified(&self) -> Option<&'static str> {
        let skips = self.insecure_skip_verify == Some(true) && self.ca_bundle_secret_ref.is_none();
        skips.then_some("spec.generator.http.insecureSkipVerify")
    }

    fn only_reads(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    fn unpacks(&self) -> Option<&'static str> {
        let unpacks = self.unpack.is_some_and(|unpack| unpack != Unpack::Never);
        unpacks.then_some("spec.generator.http.unpack")
    }

    fn takes_request_hooks(&self) -> bool {
        true
    }
}

/// Asked once more of what preRequest hooks make of a request.
impl Rules for HttpGenerator {
    fn violations(&self) -> Vec<FieldError> {
        let mut found = Violations::default();
        self.judge(&mut found);
        found.into_vec()
    }
}

fn request(found: &mut Violations, http: &HttpGenerator) {
    if !names::is_http_token(&http.method) {
        let detail = "must be an HTTP method such as GET or POST, without spaces";
        found.invalid("spec.generator.http.method", &http.method, detail);
    }
    if let Some(reference) = &http.body_secret_ref {
        const FIELD: &str = "spec.generator.http.bodySecretRef";
        secret_key(found, FIELD, reference);
        if http.body.is_some() {
            found.forbidden(FIELD, "may not be set together with body");
        }
    }
    if let Some(reference) = &http.headers_secret_ref {
        secret_name(found, "spec.generator.http.headersSecretRef.name", &reference.name);
    }
    if let Some(ServiceAccountTokenReference { name, audience }) = &http.service_account_token_ref {
        let field = |name: &str| format!("spec.generator.http.serviceAccountTokenRef.{name}");
        if !names::is_dns_subdomain(name) {
            found.invalid(&field("name"), name, "must be the name of a ServiceAccount");
        }
        if audience.len() > LONGEST_AUDIENCE {
            found.too_long(&field("audience"), audience.len(), LONGEST_AUDIENCE);
        } else if audience.is_empty() || !audience.bytes().all(|byte| byte.is_ascii_graphic()) {
            found.invalid(&field("audience"), audience, "must say whom the token is for, without spaces");
        }
    }
    if let Some(reference) = &http.ca_bundle_secret_ref {
        secret_key(found, "spec.generator.http.caBundleSecretRef", reference);
    }
    if let Some(reference) = &http.cert_secret_ref {
        secret_name(found, "spec.generator.http.certSecretRef.name", &reference.name);
    }
    if let Some(reference) = &http.proxy_secret_ref {
        secret_name(found, "spec.generator.http.proxySecretRef.name", &reference.name);
    }
}

fn answer(found: &mut Violations, http: &HttpGenerator) {
    for (i, code) in http.expected_status.iter().flatten().enumerate() {
        if !(100..=599).contains(code) {
            let path = format!("spec.generator.http.expectedStatus[{i}]");
            found.invalid_number(&path, *code, "must be an HTTP status code, 100 to 599");
        }
    }
    for (i, media_type) in http.expected_content_type.iter().flatten().enumerate() {
        if !names::is_media_range(media_type) {
            let path = format!("spec.generator.http.expectedContentType[{i}]");
            found.invalid(&path, media_type, "must be a media type such as application/json or text/*");
        }
    }
    expected_json(found, &http.expected_json);
    if let Some(digest) = &http.sha256
        && !(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        found.invalid("spec.generator.http.sha256", digest, "must be 64 hexadecimal digits");
    }
}

fn expected_json(found: &mut Violations, list: &[ExpectedValue]) {
    const FIELD: &str = "spec.generator.http.expectedJSON";
    if list.len() > MOST_EXPECTED {
        found.invalid_number(FIELD, list.len() as i64, "must be 16 values or fewer");
    }
    for (i, value) in list.iter().enumerate() {
        let field = |name: &str| format!("{FIELD}[{i}].{name}");
        if value.pointer.len() > LONGEST_EXPECTED {
            found.too_long(&field("pointer"), value.pointer.len(), LONGEST_EXPECTED);
        } else if !is_json_pointer(&value.pointer) {
            let detail = "must be a JSON pointer such as /items/0/name; ~ is written ~0, and / in a name ~1";
            found.invalid(&field("pointer"), &value.pointer, detail);
        }
        match (&value.equals, value.exists) {
            (None, None) => {
                found
                    .required(&field("equals"), "say what it must be, or in exists whether it must be there");
            }
            (Some(_), Some(_)) => found.forbidden(&field("exists"), "may not be set together with equals"),
            (Some(Value::String(text)), None) if text.len() > LONGEST_EXPECTED => {
                found.too_long(&field("equals"), text.len(), LONGEST_EXPECTED);
            }
            (Some(other @ (Value::Null | Value::Array(_) | Value::Object(_))), None) => {
                found.invalid_type(&field("equals"), other, "must be a text, a number or a boolean");
            }
            _ => {}
        }
    }
}

/// RFC 6901: empty, or steps that each begin with `/`, in which `~` is followed by 0 or 1.
fn is_json_pointer(text: &str) -> bool {
    let is_escape = |rest: &str| rest.starts_with(['0', '1']);
    (text.is_empty() || text.starts_with('/')) && text.split('~').skip(1).all(is_escape)
}
