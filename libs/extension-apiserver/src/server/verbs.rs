//! Registration: which verbs of a resource are served. Only verbs that the resource implements can be named.
use super::{
    connect, list, read,
    routes::{Endpoints, Served, SubresourceRoute, endpoint, writing},
    watch,
    write::{collection, create, delete, patch, update},
};
use crate::api::{
    Connect, Create, CreateNamed, Delete, DeleteCollection, Get, GetRaw, List, Patch, Resource, Subresource,
    Update, Watch,
};

/// The verbs of a resource, one call each.
pub struct ResourceVerbs<R: Resource> {
    served: Served<R>,
    pub(super) endpoints: Endpoints,
    pub(super) subresources: Vec<SubresourceRoute>,
}

/// The verbs of a subresource, one call each.
pub struct SubresourceVerbs<S: Subresource> {
    served: Served<S>,
    endpoints: Endpoints,
}

impl<R: Resource> ResourceVerbs<R> {
    pub(super) fn new(resource: R) -> Self {
        Self { served: Served::new(resource), endpoints: Endpoints::default(), subresources: Vec::new() }
    }

    /// Serves single objects.
    #[must_use]
    pub fn get(mut self) -> Self
    where
        R: Get,
    {
        self.endpoints.add("get", endpoint(&self.served, read::get));
        self
    }

    /// Serves lists.
    #[must_use]
    pub fn list(mut self) -> Self
    where
        R: List,
    {
        self.endpoints.add("list", endpoint(&self.served, list::list));
        self
    }

    /// Serves watches, and the lists that they start from.
    #[must_use]
    pub fn watch(mut self) -> Self
    where
        R: Watch,
    {
        self.endpoints.add("watch", endpoint(&self.served, watch::watch));
        self.list()
    }

    /// Lets clients create objects.
    #[must_use]
    pub fn create(mut self) -> Self
    where
        R: Create,
    {
        self.endpoints.add("create", writing(&self.served, create::create));
        self
    }

    /// Lets clients replace objects.
    #[must_use]
    pub fn update(mut self) -> Self
    where
        R: Update,
    {
        self.endpoints.add("update", writing(&self.served, update::update));
        self
    }

    /// Lets clients replace objects, and create those that they name and that do not exist.
    #[must_use]
    pub fn update_or_create(mut self) -> Self
    where
        R: Update + Create,
    {
        self.endpoints.add("update", writing(&self.served, update::update_or_create));
        self
    }

    /// Lets clients change objects by JSON patch and merge patch.
    #[must_use]
    pub fn patch(mut self) -> Self
    where
        R: Patch,
    {
        self.endpoints.add("patch", writing(&self.served, patch::patch));
        self
    }

    /// Lets clients delete objects.
    #[must_use]
    pub fn delete(mut self) -> Self
    where
        R: Delete,
    {
        self.endpoints.add("delete", writing(&self.served, delete::delete));
        self
    }

    /// Lets clients delete all objects of a list.
    #[must_use]
    pub fn delete_collection(mut self) -> Self
    where
        R: DeleteCollection,
    {
        self.endpoints.add("deletecollection", writing(&self.served, collection::delete_collection));
        self
    }

    /// Serves a subresource of each object.
    #[must_use]
    pub fn subresource<S>(
        mut self,
        subresource: S,
        verbs: impl FnOnce(SubresourceVerbs<S>) -> SubresourceVerbs<S>,
    ) -> Self
    where
        S: Subresource<Parent = R::Object>,
    {
        let served = Served::new(subresource);
        let registered = verbs(SubresourceVerbs { served, endpoints: Endpoints::default() });
        self.subresources.push(SubresourceRoute::new::<S>(registered.endpoints));
        self
    }
}

impl<S: Subresource> SubresourceVerbs<S> {
    /// Serves an object.
    #[must_use]
    pub fn get(mut self) -> Self
    where
        S: Get,
    {
        self.endpoints.add("get", endpoint(&self.served, read::get));
        self
    }

    /// Serves bytes.
    #[must_use]
    pub fn get_raw(mut self) -> Self
    where
        S: GetRaw,
    {
        self.endpoints.add("get", endpoint(&self.served, read::get_raw));
        self.endpoints.are_raw = true;
        self
    }

    /// Answers what is asked for with an object.
    #[must_use]
    pub fn create_named(mut self) -> Self
    where
        S: CreateNamed,
    {
        self.endpoints.add("create", writing(&self.served, create::create_named));
        self
    }

    /// Lets clients replace a part of the parent, such as its status.
    #[must_use]
    pub fn update(mut self) -> Self
    where
        S: Update,
    {
        self.endpoints.add("update", writing(&self.served, update::update));
        self
    }

    /// Lets clients change a part of the parent by JSON patch and merge patch.
    #[must_use]
    pub fn patch(mut self) -> Self
    where
        S: Patch,
    {
        self.endpoints.add("patch", writing(&self.served, patch::patch));
        self
    }

    /// Lets clients speak a protocol of the subresource's own, and take over connections for it.
    #[must_use]
    pub fn connect(mut self) -> Self
    where
        S: Connect,
    {
        for verb in S::METHODS.iter().map(|method| method.verb()) {
            self.endpoints.add(verb, writing(&self.served, connect::connect));
            self.endpoints.connecting.push(verb);
        }
        self
    }
}
