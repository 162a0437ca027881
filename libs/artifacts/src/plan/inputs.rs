//! One digest over everything that shapes an artifact.
//!
//! Every field is written with its name and its length, so that no two different inputs have the same bytes.
//! Secrets enter by name and version: their values leave no trace, not even a hash that could be guessed against.
use super::{Hook, Hooks, ReferencedSecret, Secrets};
use crate::{Digest, EntryPath, Hasher, pack::PACKER_VERSION};
use crds::external_source::{HttpGenerator, RetryPolicy, Unpack};

/// The digest for a source.
pub(super) fn digest(
    http: &HttpGenerator,
    secrets: &Secrets,
    (destination, hooks): (Option<&EntryPath>, &Hooks),
) -> Digest {
    let mut inputs = Inputs(Hasher::new());
    inputs.text("packer", &PACKER_VERSION.to_string());
    inputs.text("url", &http.url);
    inputs.text("method", &http.method);
    inputs.optional("body", http.body.as_deref());
    inputs.secret("headers", secrets.headers.as_ref().filter(|_| http.headers_secret_ref.is_some()));
    inputs.secret("caBundle", secrets.ca_bundle.as_ref().filter(|_| http.ca_bundle_secret_ref.is_some()));
    inputs.secret("certificate", secrets.certificate.as_ref().filter(|_| http.cert_secret_ref.is_some()));
    inputs
        .optional("caBundleKey", http.ca_bundle_secret_ref.as_ref().map(|reference| reference.key.as_str()));
    inputs.text("insecureSkipVerify", &http.insecure_skip_verify.unwrap_or_default().to_string());
    inputs.text("followRedirects", &http.follow_redirects.unwrap_or(true).to_string());
    inputs.list("expectedStatus", http.expected_status.iter().flatten());
    inputs.list("expectedContentType", http.expected_content_type.iter().flatten());
    inputs.optional("sha256", http.sha256.as_deref());
    inputs.text("unpack", unpack(http.unpack.unwrap_or_default()));
    inputs.optional("destinationPath", destination.map(EntryPath::as_str));
    inputs.hooks("preRequest", &hooks.pre_request);
    inputs.hooks("postRequest", &hooks.post_request);
    inputs.0.finish()
}

fn unpack(unpack: Unpack) -> &'static str {
    match unpack {
        Unpack::Never => "Never",
        Unpack::Auto => "Auto",
        Unpack::Always => "Always",
    }
}

/// Whether a failure is ignored shapes what is published; whether it is tried again does not.
fn ignores(policy: RetryPolicy) -> &'static str {
    if policy == RetryPolicy::Ignore { "ignore" } else { "fail" }
}

struct Inputs(Hasher);

impl Inputs {
    fn text(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.0.update(&(part.len() as u64).to_be_bytes());
            self.0.update(part.as_bytes());
        }
    }

    /// An absent value is written as no field at all, which differs from an empty one.
    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn list(&mut self, name: &str, values: impl Iterator<Item = impl ToString>) {
        for value in values {
            self.text(name, &value.to_string());
        }
    }

    fn hooks(&mut self, list: &str, hooks: &[Hook]) {
        for hook in hooks {
            self.text(list, &hook.command.program);
            self.list("arg", hook.command.args.iter());
            for (name, value) in &hook.command.env {
                self.text("variable", name);
                self.text("value", value);
            }
            self.text("policy", ignores(hook.policy));
        }
    }

    fn secret(&mut self, name: &str, secret: Option<&ReferencedSecret>) {
        if let Some(secret) = secret {
            self.text(name, &secret.name);
            self.text(name, &secret.version);
        }
    }
}
