//! Registration: which verbs of a resource are served. Only verbs that the resource implements can be named.
use super::{
    list, read,
    routes::{Endpoints, SubresourceRoute},
    watch,
};
use crate::{
    api::{Get, GetRaw, List, Resource, Subresource, Watch},
    encode::Form,
};
use std::sync::Arc;

/// The verbs of a resource, one call each.
pub struct ResourceVerbs<R: Resource> {
    resource: Arc<R>,
    form: Arc<Form<R::Object>>,
    pub(super) endpoints: Endpoints,
    pub(super) subresources: Vec<SubresourceRoute>,
}

/// The verbs of a subresource, one call each.
pub struct SubresourceVerbs<S: Subresource> {
    subresource: Arc<S>,
    endpoints: Endpoints,
}

impl<R: Resource> ResourceVerbs<R> {
    pub(super) fn new(resource: R) -> Self {
        Self {
            resource: Arc::new(resource),
            form: Arc::new(Form::new()),
            endpoints: Endpoints::default(),
            subresources: Vec::new(),
        }
    }

    /// Serves single objects.
    #[must_use]
    pub fn get(mut self) -> Self
    where
        R: Get,
    {
        self.endpoints.add("get", read::get(&self.resource, &self.form));
        self
    }

    /// Serves lists.
    #[must_use]
    pub fn list(mut self) -> Self
    where
        R: List,
    {
        self.endpoints.add("list", list::list(&self.resource, &self.form));
        self
    }

    /// Serves watches, and the lists that they start from.
    #[must_use]
    pub fn watch(mut self) -> Self
    where
        R: Watch,
    {
        self.endpoints.add("watch", watch::watch(&self.resource, &self.form));
        self.list()
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
        let subresource = Arc::new(subresource);
        let registered = verbs(SubresourceVerbs { subresource, endpoints: Endpoints::default() });
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
        self.endpoints.add("get", read::get(&self.subresource, &Arc::new(Form::new())));
        self
    }

    /// Serves bytes.
    #[must_use]
    pub fn get_raw(mut self) -> Self
    where
        S: GetRaw,
    {
        self.endpoints.add("get", read::get_raw(&self.subresource));
        self.endpoints.are_raw = true;
        self
    }
}
