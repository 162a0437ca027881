//! `AdmissionReview` of `admission.k8s.io/v1`, as far as we read and write it.
//!
//! Objects stay raw: most of their bytes are of no interest, and a patch must fit what was received.
use base64::{Engine as _, prelude::BASE64_STANDARD};
use json_patch::PatchOperation;
use kube::core::Status;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

pub(crate) const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// What kube-apiserver sends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Review<'a> {
    #[serde(borrow)]
    pub(crate) api_version: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) request: Request<'a>,
}

/// The write that is asked about.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request<'a> {
    #[serde(borrow)]
    pub(crate) uid: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) kind: GroupVersionKind<'a>,
    #[serde(borrow, default)]
    pub(crate) sub_resource: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) namespace: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) operation: Cow<'a, str>,
    #[serde(default)]
    pub(crate) dry_run: Option<bool>,
    #[serde(borrow, default)]
    pub(crate) object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) old_object: Option<&'a RawValue>,
}

/// Which kind the object is of.
#[derive(Deserialize)]
pub(crate) struct GroupVersionKind<'a> {
    #[serde(borrow, default)]
    pub(crate) group: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) kind: Cow<'a, str>,
}

impl Review<'_> {
    /// Whether it is of the one version that is registered for us.
    pub(crate) fn is_supported(&self) -> bool {
        self.api_version == API_VERSION && self.kind == KIND
    }
}

/// The answer to a review.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a Status>,
    /// kube-apiserver wants both or none.
    #[serde(flatten)]
    patch: Option<Patch>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Patch {
    patch_type: &'static str,
    patch: String,
}

/// What is answered to a write.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may happen, with these changes.
    Allowed { warnings: Vec<String>, changes: Vec<PatchOperation> },
    /// It may not.
    Refused(Box<Status>),
}

impl Verdict {
    /// It may happen as it is.
    pub(crate) fn untouched() -> Self {
        Self::Allowed { warnings: Vec::new(), changes: Vec::new() }
    }

    pub(crate) fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// Warns of this as well. A refusal says enough.
    pub(crate) fn warn(&mut self, more: Vec<String>) {
        if let Self::Allowed { warnings, .. } = self {
            warnings.extend(more);
        }
    }
}

impl<'a> Answer<'a> {
    /// The verdict on the request of this uid.
    pub(crate) fn new(uid: &'a str, verdict: &'a Verdict) -> Self {
        let response = match verdict {
            Verdict::Allowed { warnings, changes } => {
                Response { uid, allowed: true, status: None, patch: encode(changes), warnings }
            }
            Verdict::Refused(status) => {
                Response { uid, allowed: false, status: Some(status), patch: None, warnings: &[] }
            }
        };
        Self { api_version: API_VERSION, kind: KIND, response }
    }
}

fn encode(changes: &[PatchOperation]) -> Option<Patch> {
    let json = serde_json::to_vec(changes).expect("paths and JSON values always serialize");
    (!changes.is_empty()).then(|| Patch { patch_type: "JSONPatch", patch: BASE64_STANDARD.encode(json) })
}
