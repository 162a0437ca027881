//! Writing to a collection: create, update, patch, delete.
use super::{
    Collection,
    deletion::marked,
    state::{Refused, has_finalizers},
};
use crate::{
    api::{Call, Create, Delete, DeleteCollection, DeleteOptions, Deleted, Patch, Update, WriteOptions},
    object::{Item, Key, Object},
    status::Status,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

impl<T: Object + DeserializeOwned> Create for Collection<T> {
    async fn create(&self, call: &Call, object: T, options: &WriteOptions) -> Result<Item<T>, Status> {
        let object = self.prepared(object, None)?;
        let key = Key::of(&object);
        let created = if options.dry_run {
            self.live.read().is_free(&key).map(|()| object.into())
        } else {
            self.live.change(|state| state.create(object))
        };
        created.map_err(|refused| refused.told(call, &key))
    }
}

impl<T: Object + DeserializeOwned> Update for Collection<T> {
    async fn update(
        &self,
        call: &Call,
        before: &Item<T>,
        after: T,
        options: &WriteOptions,
    ) -> Result<Item<T>, Status> {
        let after = self.prepared(after, Some(before))?;
        let updated = if options.dry_run {
            self.live.read().unchanged(before).map(|_| after.into())
        } else {
            self.live.change(|state| state.update(before, after))
        };
        updated.map_err(|refused| refused.told(call, &Key::of(&**before)))
    }

    fn allow_unconditional_update(&self) -> bool {
        self.strategy.allow_unconditional_update()
    }
}

impl<T: Object + DeserializeOwned> Patch for Collection<T> {}

impl<T: Object> Delete for Collection<T> {
    async fn delete(
        &self,
        call: &Call,
        object: &Item<T>,
        options: &DeleteOptions,
    ) -> Result<Deleted<T>, Status> {
        let marked = marked(&**object, options.propagation_policy.as_deref(), Timestamp::now());
        let deleted = if options.dry_run {
            let goes = !has_finalizers(&marked);
            let seen = self.live.read().unchanged(object);
            seen.map(|kept| if goes { Deleted::Gone(kept) } else { Deleted::Going(marked.into()) })
        } else {
            self.live.change(|state| state.delete(object, marked))
        };
        deleted.map_err(|refused| refused.told(call, &Key::of(&**object)))
    }
}

impl<T: Object> DeleteCollection for Collection<T> {}

impl<T: Object> Collection<T> {
    /// The object as the strategy wants it kept, or everything that is wrong with it.
    fn prepared(&self, mut object: T, before: Option<&Item<T>>) -> Result<T, Status> {
        let before = before.map(|before| &**before);
        self.strategy.prepare(&mut object, before);
        // A write keeps the version until it is numbered, so that one that changes nothing is seen to.
        object.meta_mut().resource_version = before.and_then(|before| before.meta().resource_version.clone());
        let causes = self.strategy.violations(&object, before);
        if causes.is_empty() {
            return Ok(object);
        }
        Err(Status::invalid(&T::group(&()), &T::kind(&()), &Key::of(&object).name, causes))
    }
}

impl Refused {
    fn told(self, call: &Call, key: &Key) -> Status {
        match self {
            Self::Taken => Status::already_exists(&call.request, &key.name),
            Self::Changed => Status::modified(&call.request, &key.name),
        }
    }
}
