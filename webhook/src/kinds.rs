//! The kinds that are admitted, a row each.
use crate::judge::{Judgement, judge};
use crds::{
    ExternalSource,
    defaults::Defaults,
    external_source,
    installation::{Allowed, Installation},
};
use kube::{Resource, core::object::HasSpec};
use serde::{Serialize, de::DeserializeOwned};

/// Every kind of ours.
pub(crate) fn all() -> Vec<Kind> {
    vec![Kind::of::<ExternalSource>().finalized(external_source::FINALIZER)]
}

/// What admission knows of a kind.
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) kind: String,
    /// Put on new objects, which saves the controller a write for each.
    pub(crate) finalizer: Option<&'static str>,
    /// Judges a spec, given as JSON.
    pub(crate) judge: fn(&str, &Installation<'_>) -> Judgement,
}

impl Kind {
    fn of<K>() -> Self
    where
        K: Resource<DynamicType = ()>
            + HasSpec<Spec: Allowed + Defaults + Clone + PartialEq + Serialize + DeserializeOwned>,
    {
        Self {
            group: K::group(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            finalizer: None,
            judge: judge::<K::Spec>,
        }
    }

    fn finalized(self, finalizer: &'static str) -> Self {
        Self { finalizer: Some(finalizer), ..self }
    }
}
