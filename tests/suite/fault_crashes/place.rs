//! Where the store lies of a Postern that is ended again and again: in a directory, or in S3.
use super::shelf::Shelf;
use anyhow::Result;
use artifacts::failpoint::Step;
use cluster::{Cluster, Postern, S3Gateway};
use std::time::Duration;

/// Where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Directory,
    S3,
}

/// What the prefix is called.
const PREFIX: &str = "crashes";

impl Place {
    /// One artifact that waits in memory until it is whole, and one that waits in a file and, if it goes to S3, goes there in
    /// parts: by name and size.
    pub(super) fn sources(self) -> [(&'static str, usize); 2] {
        let large = match self {
            Self::Directory => 400_000,
            Self::S3 => 9 << 20,
        };
        [("small", 2_000), ("large", large)]
    }

    /// The steps of a pass that it comes to.
    pub(crate) fn steps(self) -> impl Iterator<Item = Step> {
        Step::ALL.into_iter().filter(move |step| match step {
            Step::Synced => self == Self::Directory,
            Step::Sent | Step::Completed => self == Self::S3,
            _ => true,
        })
    }

    /// Those that only what is large comes to.
    pub(super) fn is_of_large(step: Step) -> bool {
        matches!(step, Step::Synced | Step::Sent | Step::Completed)
    }

    /// How long collectors wait. S3 tells when something was stored in whole seconds.
    fn grace(self) -> Duration {
        match self {
            Self::Directory => Duration::from_millis(200),
            Self::S3 => Duration::from_secs(2),
        }
    }

    /// Has Postern keep its store there, and tells how it looks from outside, and who keeps it if that is a process.
    pub(super) async fn furnish(
        self,
        cluster: &Cluster,
        postern: &mut Postern,
        namespace: &str,
    ) -> Result<(Shelf, Option<S3Gateway>)> {
        let grace = ("POSTERN_FAILPOINT_GRACE_MS", self.grace().as_millis().to_string());
        postern.environment = vec![grace];
        match self {
            Self::Directory => {
                let store = cluster.directory().file("store-crashes");
                postern.flags.push(format!("--store=file://{}", store.display()));
                Ok((Shelf::of(store, namespace), None))
            }
            Self::S3 => {
                let gateway = cluster.s3_gateway("s3-crashes").await?;
                postern.flags.push(format!("--store={}", gateway.store(PREFIX)));
                postern.environment.extend(gateway.environment());
                let shelf = Shelf::of(gateway.bucket().join(PREFIX), namespace).and_parts(gateway.parts());
                Ok((shelf, Some(gateway)))
            }
        }
    }
}
