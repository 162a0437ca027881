//! `externalsources/rollback`: an earlier revision is published again, and stays so until the pin is taken away.
use super::{
    follow::{Follow, Followed, Wish},
    revision::{self, Unnamed},
    stored::Stored,
};
use crate::{
    origin::Origin,
    outlook::Outlook,
    rollback::{Rollback, decide::look, outcome},
    shelf::Shelf,
    source_view::SourceView,
    sources::Known,
};
use crds::ExternalSource;
use extension_apiserver::{
    api::{Call, CreateNamed, Resource, Subresource, WriteOptions},
    object::{Item, Key},
    status::{Cause, Status},
};
use kube::Resource as _;

/// The field of the body that names the revision.
const FIELD: &str = "revision";

/// Sets `spec.pin`, and watches for the controller to obey.
pub(crate) struct RollingBack {
    pub(crate) follow: Follow,
    pub(crate) shelf: Shelf,
}

impl Resource for RollingBack {
    type Object = Rollback;
}

impl Subresource for RollingBack {
    type Parent = SourceView;
    const NAME: &'static str = "rollback";
}

impl CreateNamed for RollingBack {
    async fn create_named(
        &self,
        call: &Call,
        key: &Key,
        asked: Rollback,
        options: &WriteOptions,
    ) -> Result<Item<Rollback>, Status> {
        let pinning = match asked.spec.revision.as_deref() {
            None => {
                let why = "name the revision to publish again, or \"\" to publish the newest";
                return Err(invalid(call, Cause::required(FIELD, why)));
            }
            Some("") => Pinning::default(),
            Some(wanted) => self.named(call, key, wanted).await?,
        };
        let Followed { before, after } = self.follow.wish(&pinning, (call, key), options.dry_run).await?;
        Ok(outcome(pinning.revision.as_deref().unwrap_or_default(), &before, &after).into())
    }
}

impl RollingBack {
    /// The stored revision of that name, whose blob is whole.
    async fn named(&self, call: &Call, key: &Key, wanted: &str) -> Result<Pinning, Status> {
        let source = self.follow.read(call, key).await?;
        let found = revision::of(&source, Some(wanted), (&self.follow.sources, &self.shelf), (call, key));
        let artifact = found.await.map_err(|unnamed| match unnamed {
            Unnamed::Malformed(why) => invalid(call, Cause::invalid(FIELD, wanted, why)),
            Unnamed::Unknown { digits, .. } if self.follow.sources.has_another(key, &digits) => {
                let why = "is a revision of another source of this namespace";
                invalid(call, Cause::invalid(FIELD, wanted, why))
            }
            Unnamed::Unknown { refusal, .. } | Unnamed::Refused(refusal) => refusal,
        })?;
        Stored::new(call, key, &artifact)?.stat(&self.shelf).await?;
        Ok(Pinning { digest: Some(artifact.spec.digest), revision: Some(artifact.spec.revision) })
    }
}

/// 422, for a body that names nothing that could be published.
fn invalid(call: &Call, cause: Cause) -> Status {
    let (group, kind) = (Rollback::group(&()), Rollback::kind(&()));
    Status::invalid(&group, &kind, &call.request.name, vec![cause])
}

/// The revision that is to stay published, or none.
#[derive(Default)]
struct Pinning {
    digest: Option<String>,
    revision: Option<String>,
}

impl Wish for Pinning {
    const STAYS: &'static str = "spec.pin stays as it was set";
    const GOES_ON: &'static str = "it takes longer than a request may; spec.pin stays as it was set, and the condition \
                                   Pinned will say when it is obeyed";

    fn is_said(&self, known: &Known) -> bool {
        known.pin == self.digest
    }

    fn look(&self, asked: &Known, known: &Known) -> Outlook {
        look(known, self.digest.as_deref(), asked.source.metadata.generation)
    }

    async fn say(&self, origin: &Origin, source: &ExternalSource) -> kube::Result<ExternalSource> {
        origin.pin(source, self.revision.as_deref()).await
    }
}
