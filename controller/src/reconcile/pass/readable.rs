//! An object that could be read, shared with the watch or with what a write returned: a pass takes no copy of it.
use crate::reconcile::{Guarded, Kind};
use crds::Decoded;
use std::{ops::Deref, sync::Arc};

/// An object that could be read.
pub(in super::super) struct Readable<K: Kind>(Arc<Guarded<K>>);

impl<K: Kind> Readable<K> {
    /// `None` if it could not be read.
    pub(in super::super) fn of(object: Arc<Guarded<K>>) -> Option<Self> {
        object.0.is_ok().then_some(Self(object))
    }

    /// What a write returned.
    pub(in super::super) fn written(object: K::Object) -> Self {
        Self(Arc::new(Decoded(Ok(object))))
    }
}

impl<K: Kind> Clone for Readable<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Kind> Deref for Readable<K> {
    type Target = K::Object;

    fn deref(&self) -> &K::Object {
        self.0.0.as_ref().unwrap_or_else(|_| unreachable!("made only of what could be read"))
    }
}
