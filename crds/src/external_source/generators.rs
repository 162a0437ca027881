//! The kinds of generator: one value of the list below each, and a file of that name with its settings and their rules.
//!
//! What fetches for a kind is in the file of the same name in `artifacts`; `docs/add-a-generator.md` goes through both.
mod http;
mod oci;
mod release;
mod s3;

pub use http::{ExpectedValue, HttpGenerator, ServiceAccountTokenReference};
pub use oci::{
    LayerOperation, LayerSelector, OciGenerator, OciReference, OciVerification, OciWanted, OidcIdentityMatch,
};
pub use release::{ReleaseGenerator, ReleaseProvider};
pub use s3::S3Generator;

use super::rules::address;
use crate::{installation::Installation, rules::Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is said where every certificate must be verified.
const VERIFIED: &str = "this installation runs with --allow-insecure-skip-verify=false and verifies every certificate; put that of the \
     authority into a Secret and name it in caBundleSecretRef";

/// What every kind says of its settings.
pub trait Settings {
    /// Every rule that they break, in the order of their fields, by paths that begin with `spec.generator`.
    fn judge(&self, found: &mut Violations);

    /// What is allowed but unwise; see [`crate::rules::Rules::warnings`].
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The names of all Secrets that they refer to; they lie in the namespace of the source.
    fn secrets(&self) -> Vec<&str>;

    /// Who is asked, as messages name it: a host, with its port if that is not the usual one. Empty where the settings
    /// name none.
    fn host(&self) -> String;

    /// The host that requests go to, with its port if that is not the usual one.
    fn reaches(&self) -> String {
        self.host()
    }

    /// The field that says which host that is.
    fn host_field(&self) -> &'static str {
        "spec.generator"
    }

    /// The field by which any certificate is accepted, where it is set and counts.
    fn unverified(&self) -> Option<&'static str> {
        None
    }

    /// Whether asking changes nothing where it is asked.
    fn only_reads(&self) -> bool {
        true
    }

    /// The field by which the files of an archive make up the artifact, if they do.
    fn unpacks(&self) -> Option<&'static str> {
        None
    }

    /// Whether the request is one that `spec.hooks.preRequest` may change.
    fn takes_request_hooks(&self) -> bool {
        false
    }
}

/// Makes the enum of kinds and the struct of their settings from one list.
macro_rules! generators {
    ($($(#[$about:meta])* $Kind:ident { $(#[$settings:meta])* $field:ident: $Settings:ty })*) => {
        /// Where the data comes from.
        #[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct Generator {
            /// The kind of generator. Its settings lie in the field of the same name.
            #[serde(rename = "type")]
            pub type_: GeneratorType,
            $(
                $(#[$settings])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<$Settings>,
            )*
        }

        /// The kinds of generator.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum GeneratorType {
            $($(#[$about])* $Kind,)*
        }

        impl GeneratorType {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$Kind),*];

            /// The value of `spec.generator.type`, and the field with the settings.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$Kind => stringify!($field),)*
                }
            }
        }

        impl Generator {
            fn settings_of(&self, kind: GeneratorType) -> Option<&dyn Settings> {
                match kind {
                    $(GeneratorType::$Kind => self.$field.as_ref().map(|settings| settings as &dyn Settings),)*
                }
            }
        }
    };
}

generators! {
    /// Fetches from an HTTP or HTTPS address.
    #[default]
    Http {
        /// Settings of the `http` generator. Required when `type` is `http`.
        http: HttpGenerator
    }
    /// Fetches assets of the release with the highest version, from GitHub, GitLab or Gitea.
    Release {
        /// Settings of the `release` generator. Required when `type` is `release`.
        release: ReleaseGenerator
    }
    /// Fetches an object, or all objects of a folder, from S3 or what speaks like it.
    S3 {
        /// Settings of the `s3` generator. Required when `type` is `s3`.
        s3: S3Generator
    }
    /// Fetches an artifact from an OCI registry.
    Oci {
        /// Settings of the `oci` generator. Required when `type` is `oci`.
        oci: OciGenerator
    }
}

impl Generator {
    /// The settings of its kind, if they are there.
    pub fn settings(&self) -> Option<&dyn Settings> {
        self.settings_of(self.type_)
    }

    /// The names of all Secrets that it refers to.
    pub fn secrets(&self) -> Vec<&str> {
        self.settings().map(Settings::secrets).unwrap_or_default()
    }

    /// Who is asked, as messages name it.
    pub fn host(&self) -> String {
        self.settings().map(Settings::host).unwrap_or_default()
    }

    /// Whether asking changes nothing where it is asked.
    pub fn only_reads(&self) -> bool {
        self.settings().is_none_or(Settings::only_reads)
    }

    /// Says what this installation does not allow.
    pub(super) fn not_allowed(&self, installation: &Installation<'_>, found: &mut Violations) {
        let Some(settings) = self.settings() else { return };
        if let Some(field) = settings.unverified().filter(|_| installation.must_verify) {
            found.forbidden(field, VERIFIED);
        }
        // An address that names no host breaks a rule, which says so.
        let host = Some(settings.reaches()).filter(|host| !host.is_empty());
        let refusal = installation.hosts.zip(host).and_then(|(hosts, host)| hosts.refusal(&host));
        if let Some(why) = refusal {
            found.forbidden(settings.host_field(), &why);
        }
    }

    pub(super) fn judge(&self, found: &mut Violations) {
        for kind in GeneratorType::ALL {
            let (field, settings) = (format!("spec.generator.{}", kind.name()), self.settings_of(*kind));
            match settings {
                Some(settings) if *kind == self.type_ => settings.judge(found),
                None if *kind == self.type_ => {
                    found.required(
                        &field,
                        &format!("must be set when spec.generator.type is {}", kind.name()),
                    );
                }
                Some(_) => {
                    let detail = format!("may only be set when spec.generator.type is {}", kind.name());
                    found.forbidden(&field, &detail);
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_as_its_settings_are() {
        for kind in GeneratorType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            let whole = serde_json::to_value(Generator {
                http: Some(HttpGenerator::default()),
                release: Some(ReleaseGenerator::default()),
                s3: Some(S3Generator::default()),
                oci: Some(OciGenerator::default()),
                ..Generator::default()
            });
            assert!(whole.unwrap().get(kind.name()).is_some(), "{kind:?}");
        }
    }

    #[test]
    fn settings_of_another_kind_are_forbidden() {
        let http = HttpGenerator { url: "https://a/".into(), method: "GET".into(), ..Default::default() };
        let both = Generator { http: Some(http), s3: Some(S3Generator::default()), ..Generator::default() };
        let mut found = Violations::default();
        both.judge(&mut found);
        let said: Vec<String> = found.into_vec().iter().map(ToString::to_string).collect();
        assert_eq!(said, ["spec.generator.s3: Forbidden: may only be set when spec.generator.type is s3"]);
    }
}
