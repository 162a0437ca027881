//! The labels, by which one may look for a series.
use prometheus_client::encoding::EncodeLabelSet;
use std::{borrow::Cow, sync::Arc};

/// A verb on a registered resource, or on none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Place {
    pub(crate) verb: &'static str,
    #[prometheus(flatten)]
    pub(crate) resource: Resource,
    pub(crate) subresource: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) component: &'static str,
}

/// A registered resource; empty for anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Resource {
    pub(crate) group: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) resource: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    #[prometheus(flatten)]
    pub(super) place: Place,
    pub(super) dry_run: &'static str,
    pub(super) code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Termination {
    #[prometheus(flatten)]
    pub(super) place: Place,
    pub(super) code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Kind {
    pub(super) request_kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Verdict {
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Username {
    username: &'static str,
}

impl Username {
    /// Names are not for metrics, kinds of names are.
    pub(super) fn of(user: &str) -> Self {
        let internal =
            ["admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"];
        let known = internal.into_iter().find(|name| *name == user);
        Self { username: known.unwrap_or(if user.contains('@') { "email_id" } else { "other" }) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Code {
    code: Cow<'static, str>,
}

impl Code {
    pub(super) fn of(code: Option<u16>) -> Self {
        Self { code: code.map_or(Cow::Borrowed("<error>"), |code| code.to_string().into()) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Plugin {
    pub(super) plugin: &'static str,
}
