//! What makes an `ExternalSource` wrong, and what makes it unwise.
mod hooks;

use super::{ExternalSourceSpec, History, HttpGenerator, SecretKeyReference, pin::digest_of};
use crate::{
    duration, names,
    rules::{FieldError, Rules, Violations},
};
use std::time::Duration;
use url::Url;

const MINUTE: Duration = Duration::from_secs(60);
const LONGEST_URL: usize = 2048;
const LONGEST_PATH: usize = 255;

impl Rules for ExternalSourceSpec {
    fn violations(&self) -> Vec<FieldError> {
        let mut found = Violations::default();
        at_least(&mut found, "spec.interval", &self.interval, MINUTE);
        if let Some(path) = &self.destination_path {
            destination_path(&mut found, path);
        }
        if self.max_retries < 0 {
            let detail = "must be 0 or more; 0 means the default, 3";
            found.invalid_number("spec.maxRetries", self.max_retries, detail);
        }
        between(&mut found, "spec.timeout", &self.timeout, Duration::from_secs(1)..=10 * MINUTE);
        if let Some(hooks) = &self.hooks {
            hooks::hooks(&mut found, hooks);
        }
        match &self.generator.http {
            Some(http) => http_generator(&mut found, http),
            None => found.required("spec.generator.http", "must be set when spec.generator.type is http"),
        }
        if let Some(kept) = &self.history {
            history(&mut found, kept);
        }
        if let Some(pin) = self.pin.as_deref().filter(|pin| digest_of(pin).is_none()) {
            let detail = "must be a whole revision as status.history names it: latest@sha256: and 64 digits in lower case";
            found.invalid("spec.pin", pin, detail);
        }
        found.into_vec()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.destination_path.as_deref().is_some_and(|path| path.starts_with('/')) {
            warnings.push("spec.destinationPath: the leading / is stripped; paths are relative".into());
        }
        let Some(http) = &self.generator.http else { return warnings };
        if http.insecure_skip_verify == Some(true) {
            let why = "anybody on the way can change the data; prefer caBundleSecretRef";
            warnings.push(format!("spec.generator.http.insecureSkipVerify: {why}"));
        }
        let plain = Url::parse(&http.url).is_ok_and(|url| url.scheme() == "http");
        if plain && http.headers_secret_ref.is_some() {
            let why = "credentials of headersSecretRef travel unencrypted; use https";
            warnings.push(format!("spec.generator.http.url: {why}"));
        }
        if plain && http.cert_secret_ref.is_some() {
            let why = "is of no use over http, where nobody asks for a certificate; use https";
            warnings.push(format!("spec.generator.http.certSecretRef: {why}"));
        }
        warnings
    }
}

fn at_least(found: &mut Violations, path: &str, text: &str, least: Duration) {
    match duration::parse(text) {
        Err(error) => found.invalid(path, text, &error.to_string()),
        Ok(value) if value < least => {
            found.invalid(path, text, &format!("must be {} or more", short(least)));
        }
        Ok(_) => {}
    }
}

fn between(found: &mut Violations, path: &str, text: &str, range: std::ops::RangeInclusive<Duration>) {
    match duration::parse(text) {
        Err(error) => found.invalid(path, text, &error.to_string()),
        Ok(value) if !range.contains(&value) => {
            let (least, most) = (short(*range.start()), short(*range.end()));
            found.invalid(path, text, &format!("must be from {least} to {most}"));
        }
        Ok(_) => {}
    }
}

/// `1m`, not `1m0s`: what a person would type.
fn short(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{}ms", duration.as_millis()),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

fn destination_path(found: &mut Violations, path: &str) {
    const FIELD: &str = "spec.destinationPath";
    if path.len() > LONGEST_PATH {
        found.too_long(FIELD, path.len(), LONGEST_PATH);
    }
    if path.split('/').any(|step| step.ends_with("..")) {
        found.invalid(FIELD, path, "must have no step that is or ends in .., which Flux refuses to unpack");
    }
    if path.contains(|c: char| c.is_control() || c == '\\') {
        found.invalid(FIELD, path, "must not contain control characters or backslashes");
    }
}

/// Asked once more of what preRequest hooks make of a request.
impl Rules for HttpGenerator {
    fn violations(&self) -> Vec<FieldError> {
        let mut found = Violations::default();
        http_generator(&mut found, self);
        found.into_vec()
    }
}

fn http_generator(found: &mut Violations, http: &HttpGenerator) {
    url(found, &http.url);
    if !names::is_http_token(&http.method) {
        let detail = "must be an HTTP method such as GET or POST, without spaces";
        found.invalid("spec.generator.http.method", &http.method, detail);
    }
    if let Some(reference) = &http.headers_secret_ref {
        secret_name(found, "spec.generator.http.headersSecretRef.name", &reference.name);
    }
    if let Some(reference) = &http.ca_bundle_secret_ref {
        secret_key(found, "spec.generator.http.caBundleSecretRef", reference);
    }
    if let Some(reference) = &http.cert_secret_ref {
        secret_name(found, "spec.generator.http.certSecretRef.name", &reference.name);
    }
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
    if let Some(digest) = &http.sha256
        && !(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        found.invalid("spec.generator.http.sha256", digest, "must be 64 hexadecimal digits");
    }
}

fn url(found: &mut Violations, text: &str) {
    const FIELD: &str = "spec.generator.http.url";
    const CREDENTIALS: &str = "must not carry user or password; put them into headersSecretRef";
    if text.len() > LONGEST_URL {
        return found.too_long(FIELD, text.len(), LONGEST_URL);
    }
    let mut invalid = |detail: &str| found.invalid(FIELD, &without_credentials(text), detail);
    match Url::parse(text) {
        Err(_) if text.contains('@') => found.forbidden(FIELD, CREDENTIALS),
        Err(error) => invalid(&format!("must be an http:// or https:// address: {error}")),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            invalid("must be an http:// or https:// address");
        }
        Ok(_) if !names_a_host(text) => invalid("must name a host, as in https://example.com/data"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            found.forbidden(FIELD, CREDENTIALS);
        }
        Ok(_) if text.contains(|c: char| c.is_control() || c.is_whitespace()) => {
            invalid("must not contain spaces or control characters; percent-encode them");
        }
        Ok(_) => {}
    }
}

/// An address as it may be shown: a password that should not be there stands before the last `@`.
fn without_credentials(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| format!("…@{rest}"))
}

/// The parser takes `http:///x` and `http:\\x` for host `x`, as browsers do; whoever wrote that meant something else.
fn names_a_host(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with(['/', '\\', '?', '#']))
}

fn secret_name(found: &mut Violations, path: &str, name: &str) {
    if !names::is_dns_subdomain(name) {
        let detail = "must be the name of a Secret: lower-case letters, digits, - and ., at most 253";
        found.invalid(path, name, detail);
    }
}

fn secret_key(found: &mut Violations, path: &str, reference: &SecretKeyReference) {
    secret_name(found, &format!("{path}.name"), &reference.name);
    if !names::is_secret_key(&reference.key) {
        let detail = "must be a key of a Secret: letters, digits, -, _ and ., at most 253";
        found.invalid(&format!("{path}.key"), &reference.key, detail);
    }
}

fn history(found: &mut Violations, history: &History) {
    if !(1..=100).contains(&history.limit) {
        found.invalid_number("spec.history.limit", history.limit, "must be from 1 to 100");
    }
    if let Some(age) = &history.max_age {
        at_least(found, "spec.history.maxAge", age, MINUTE);
    }
}

#[cfg(test)]
mod tests;
