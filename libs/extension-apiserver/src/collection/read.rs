//! Reading a collection: get, list, watch.
use super::Collection;
use crate::{
    api::{At, Call, Changes, Get, List, Resource, Selection, Snapshot, Watch},
    object::{Item, Key, Object, Version},
    status::Status,
};

impl<T: Object> Resource for Collection<T> {
    type Object = T;
}

impl<T: Object> Get for Collection<T> {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<T>, Status> {
        self.knows(call.query.minimum_version()?.unwrap_or_default())?;
        self.object(key).ok_or_else(|| call.not_found())
    }
}

impl<T: Object> List for Collection<T> {
    async fn list(&self, _: &Call, selection: &Selection, at: At) -> Result<Snapshot<T>, Status> {
        if let At::NotOlderThan(version) | At::Exactly(version) = at {
            self.knows(version)?;
        }
        let state = self.live.read();
        match at {
            At::Exactly(version) => state.timeline.snapshot_at(version, selection),
            _ => Ok(state.snapshot(selection)),
        }
    }
}

impl<T: Object> Watch for Collection<T> {
    async fn watch(&self, _: &Call, _: &Selection, from: Version) -> Result<Changes<T>, Status> {
        self.knows(from)?;
        self.live.changes_after(from)
    }
}

impl<T: Object> Collection<T> {
    /// Refuses a version that this collection has not given yet: it comes from another replica.
    fn knows(&self, version: Version) -> Result<(), Status> {
        let current = self.live.read().version();
        if version <= current {
            return Ok(());
        }
        Err(Status::expired(format!("unknown resource version: {version} ({current})")))
    }
}
