//! `externalsources/refresh`: a pass right now, and what it has come to. Whoever asks while one is asked for already waits
//! for the same one.
use super::follow::{Follow, Followed, Wish};
use crate::{
    origin::Origin,
    outlook::Outlook,
    refresh::{Refresh, decide::look, outcome},
    source_view::SourceView,
    sources::Known,
};
use crds::ExternalSource;
use extension_apiserver::{
    api::{Call, CreateNamed, Resource, Subresource, WriteOptions},
    object::{Item, Key},
    status::Status,
};
use jiff::Timestamp;

/// Asks by the annotation that Flux uses.
pub(crate) struct Refreshing(pub(crate) Follow);

impl Resource for Refreshing {
    type Object = Refresh;
}

impl Subresource for Refreshing {
    type Parent = SourceView;
    const NAME: &'static str = "refresh";
}

impl CreateNamed for Refreshing {
    async fn create_named(
        &self,
        call: &Call,
        key: &Key,
        _: Refresh,
        options: &WriteOptions,
    ) -> Result<Item<Refresh>, Status> {
        let Followed { before, after } = self.0.wish(&Pass, (call, key), options.dry_run).await?;
        Ok(outcome(&before, &after).into())
    }
}

/// A pass over the source.
struct Pass;

impl Wish for Pass {
    const STAYS: &'static str = "the request stays on the object";
    const GOES_ON: &'static str = "the pass takes longer than a request may; it goes on, and \
                                   status.lastHandledReconcileAt will equal the annotation \
                                   reconcile.fluxcd.io/requestedAt when it has ended";

    /// A request that was answered is none any more.
    fn is_said(&self, known: &Known) -> bool {
        look(known) == Outlook::Pending
    }

    fn look(&self, _: &Known, known: &Known) -> Outlook {
        look(known)
    }

    async fn say(&self, origin: &Origin, source: &ExternalSource) -> kube::Result<ExternalSource> {
        origin.request(source, &Timestamp::now().to_string()).await
    }
}
