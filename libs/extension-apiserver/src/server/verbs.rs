//! Registration: which verbs of a resource are served. Only verbs that the resource implements can be named.
use super::{
    list, read,
    routes::{Endpoints, Served, SubresourceRoute, endpoint},
    watch,
};
use crate::api::{Get, GetRaw, List, Resource, Subresource, Watch};

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
}
