//! Flunders, but for those whose name a fischer bans.
use crate::{v1alpha1::Fischer, v1beta1::Flunder};
use extension_apiserver::{
    api::{
        At, Call, Changes, Create, Delete, DeleteCollection, DeleteOptions, Deleted, Get, List, Patch,
        Resource, Selection, Snapshot, Update, Watch, WriteOptions,
    },
    collection::Collection,
    object::{Item, Key, Version},
    status::Status,
};

/// The collection of flunders, which looks at the fischers before it takes a new one.
#[derive(Clone)]
pub struct Flunders {
    /// What is kept.
    pub kept: Collection<Flunder>,
    /// Who bans names.
    pub fischers: Collection<Fischer>,
}

impl Flunders {
    /// Asked before a flunder is checked otherwise, as admission is in Go.
    async fn admit(&self, call: &Call, name: &str) -> Result<(), Status> {
        let fischers = self.fischers.list(call, &Selection::default(), At::Newest).await?;
        let bans =
            |fischer: &Item<Fischer>| fischer.spec.disallowed_flunders.iter().any(|banned| banned == name);
        if !fischers.items.iter().any(bans) {
            return Ok(());
        }
        let mut request = call.request.clone();
        name.clone_into(&mut request.name);
        Err(Status::forbidden(&request, "this name may not be used, please change the resource name"))
    }
}

impl Resource for Flunders {
    type Object = Flunder;
}

impl Get for Flunders {
    async fn get(&self, call: &Call, key: &Key) -> Result<Item<Flunder>, Status> {
        self.kept.get(call, key).await
    }
}

impl List for Flunders {
    async fn list(&self, call: &Call, selection: &Selection, at: At) -> Result<Snapshot<Flunder>, Status> {
        self.kept.list(call, selection, at).await
    }
}

impl Watch for Flunders {
    async fn watch(
        &self,
        call: &Call,
        selection: &Selection,
        from: Version,
    ) -> Result<Changes<Flunder>, Status> {
        self.kept.watch(call, selection, from).await
    }
}

impl Create for Flunders {
    async fn create(
        &self,
        call: &Call,
        object: Flunder,
        options: &WriteOptions,
    ) -> Result<Item<Flunder>, Status> {
        self.admit(call, object.metadata.name.as_deref().unwrap_or_default()).await?;
        self.kept.create(call, object, options).await
    }
}

impl Update for Flunders {
    async fn update(
        &self,
        call: &Call,
        before: &Item<Flunder>,
        after: Flunder,
        options: &WriteOptions,
    ) -> Result<Item<Flunder>, Status> {
        self.kept.update(call, before, after, options).await
    }

    fn allow_unconditional_update(&self) -> bool {
        self.kept.allow_unconditional_update()
    }
}

impl Patch for Flunders {}

impl Delete for Flunders {
    async fn delete(
        &self,
        call: &Call,
        object: &Item<Flunder>,
        options: &DeleteOptions,
    ) -> Result<Deleted<Flunder>, Status> {
        self.kept.delete(call, object, options).await
    }
}

impl DeleteCollection for Flunders {}
