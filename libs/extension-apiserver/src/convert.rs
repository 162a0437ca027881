//! Several versions of one resource: [`Converted`] serves what another resource keeps, in another version.
//!
//! Objects are kept in one version and shown in as many as there are clients of. Register the resource that keeps
//! them, and one `Converted` of it for each other version; both are the same objects, with the same uids and resource
//! versions, and a change through one is seen by the watches of all.
//!
//! What a version cannot say is lost when a client replaces an object through it, as in k8s.io/apiserver: give each
//! version a field, or an annotation, for everything that others can say.
use crate::{
    api::{
        At, Call, Change, Changes, Create, Delete, DeleteCollection, DeleteOptions, Deleted, Get, List,
        Patch, Resource, Selection, Snapshot, Update, Watch, WriteOptions,
    },
    object::{Item, Key, Object, Version},
    status::Status,
    timeline::version_of,
};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Serves the objects of `R` as objects of type `T`, with the verbs that `R` has.
///
/// Both types are converted by [`From`]; their metadata is carried over here, whatever the conversions do with it.
pub struct Converted<R, T> {
    kept: R,
    shown: PhantomData<fn() -> T>,
}

impl<R: Resource, T: Object> Converted<R, T> {
    /// Shows what `kept` keeps.
    pub fn new(kept: R) -> Self {
        Self { kept, shown: PhantomData }
    }
}

impl<R: Clone, T> Clone for Converted<R, T> {
    fn clone(&self) -> Self {
        Self { kept: self.kept.clone(), shown: PhantomData }
    }
}

impl<R: Resource, T: Object> Resource for Converted<R, T> {
    type Object = T;
}

impl<R: Get, T: Object + From<R::Object>> Get for Converted<R, T> {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<T>, Status> {
        Ok(shown(&self.kept.get(call, key).await?))
    }
}

impl<R: List, T: Object + From<R::Object>> List for Converted<R, T> {
    async fn list(&self, call: &Call, selection: &Selection, at: At) -> Result<Snapshot<T>, Status> {
        let Snapshot { version, items } = self.kept.list(call, &by_metadata(selection), at).await?;
        Ok(Snapshot { version, items: items.iter().map(shown).collect() })
    }
}

impl<R: Watch, T: Object + From<R::Object>> Watch for Converted<R, T> {
    async fn watch(&self, call: &Call, selection: &Selection, from: Version) -> Result<Changes<T>, Status> {
        let changes = self.kept.watch(call, &by_metadata(selection), from).await?;
        Ok(changes.map(|change| change.map(|change| shown_change(&change))).boxed())
    }
}

impl<R, T> Create for Converted<R, T>
where
    R: Create<Object: From<T>>,
    T: Object + From<R::Object> + DeserializeOwned,
{
    async fn create(&self, call: &Call, object: T, options: &WriteOptions) -> Result<Item<T>, Status> {
        Ok(shown(&self.kept.create(call, converted(object), options).await?))
    }
}

impl<R, T> Update for Converted<R, T>
where
    R: Update<Object: From<T>>,
    T: Object + From<R::Object> + DeserializeOwned,
{
    async fn update(
        &self,
        call: &Call,
        before: &Item<T>,
        after: T,
        options: &WriteOptions,
    ) -> Result<Item<T>, Status> {
        let before = self.behind(call, before).await?;
        Ok(shown(&self.kept.update(call, &before, converted(after), options).await?))
    }

    fn allow_unconditional_update(&self) -> bool {
        self.kept.allow_unconditional_update()
    }
}

impl<R, T> Patch for Converted<R, T>
where
    R: Patch<Object: From<T>>,
    T: Object + From<R::Object> + DeserializeOwned,
{
}

impl<R: Delete, T: Object + From<R::Object>> Delete for Converted<R, T> {
    async fn delete(
        &self,
        call: &Call,
        object: &Item<T>,
        options: &DeleteOptions,
    ) -> Result<Deleted<T>, Status> {
        let object = self.behind(call, object).await?;
        Ok(match self.kept.delete(call, &object, options).await? {
            Deleted::Gone(item) => Deleted::Gone(shown(&item)),
            Deleted::Going(item) => Deleted::Going(shown(&item)),
        })
    }
}

impl<R: DeleteCollection, T: Object + From<R::Object>> DeleteCollection for Converted<R, T> {}

impl<R: Get, T: Object> Converted<R, T> {
    /// The object as it is kept, if it still is the one that was shown.
    async fn behind(&self, call: &Call, seen: &Item<T>) -> Result<Item<R::Object>, Status> {
        let key = Key::of(&**seen);
        let kept = self.kept.get(call, &key).await?;
        if version_of(&*kept) == version_of(&**seen) {
            return Ok(kept);
        }
        Err(Status::modified(&call.request, &key.name))
    }
}

fn converted<A: Object, B: Object + From<A>>(object: A) -> B {
    let meta = object.meta().clone();
    let mut object = B::from(object);
    *object.meta_mut() = meta;
    object
}

fn shown<A: Object, B: Object + From<A>>(kept: &Item<A>) -> Item<B> {
    kept.form(|kept| converted::<A, B>(A::clone(kept)).into())
}

fn shown_change<A: Object, B: Object + From<A>>(change: &Change<A>) -> Change<B> {
    match change {
        Change::Added(item) => Change::Added(shown(item)),
        Change::Modified { before, after } => Change::Modified { before: shown(before), after: shown(after) },
        Change::Deleted(item) => Change::Deleted(shown(item)),
        Change::Progress(version) => Change::Progress(*version),
    }
}

/// Fields may be called otherwise where objects are kept. The server selects by all of them in any case.
fn by_metadata(selection: &Selection) -> Selection {
    let is_shared = |key: &str| ["metadata.name", "metadata.namespace"].contains(&key);
    let mut selection = selection.clone();
    if !selection.fields.requirements().iter().all(|term| is_shared(&term.key)) {
        selection.fields = Default::default();
    }
    selection
}

#[cfg(test)]
mod tests;
