//! Where bytes come from: one value of `spec.generator.type` each, and a file of that name.
//!
//! A generator is planned from its settings and Secrets, which is pure, and then asked for its bytes. Whatever it is, the
//! rest of the pipeline is the same: the limits and the deadline of [`Body`](crate::fetch::Body), hooks, unpacking,
//! packing, the store. `docs/add-a-generator.md` says how to add one.
mod archive;
mod http;
mod oci;
mod release;
mod s3;

pub(crate) use http::{Expected, HttpRequest};
#[cfg(any(test, fuzzing))]
pub(crate) use oci::fuzz;

use crate::{
    Error,
    fetch::{Bounds, Fetcher, Reply, Validators},
    plan::{Inputs, Secrets},
};
use crds::external_source::{Generator as Settings, GeneratorType, Unpack};
use futures::future::BoxFuture;
use std::sync::Arc;

/// How to get bytes, worked out.
pub(crate) trait Generator: Send + Sync {
    /// Who is asked, as messages name it.
    fn host(&self) -> String;

    /// Whether what comes is an archive whose files make up the artifact.
    fn unpack(&self) -> Unpack;

    /// Asks for the bytes. All that it connects to must go through the clients of `fetcher`, which are guarded.
    fn fetch<'a>(&'a self, fetcher: &'a Fetcher, ask: Ask<'a>) -> BoxFuture<'a, Result<Reply, Error>>;

    /// The request that preRequest hooks may change, if there is one.
    fn request(&self) -> Option<&HttpRequest> {
        None
    }
}

/// What a fetch is asked for with.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// What the last answer can be recognized by, as the same generator has told it: what still has them need not come
    /// again.
    pub(crate) validators: Option<&'a Validators>,
    pub(crate) bounds: Bounds,
}

/// Works out how to get the bytes, and writes all that decides what they are to `inputs`.
///
/// # Errors
/// A Secret is missing, lacks a key, or holds what cannot be used.
pub(crate) fn plan(
    generator: &Settings,
    secrets: &Secrets,
    inputs: &mut Inputs,
) -> Result<Arc<dyn Generator>, Error> {
    match generator.type_ {
        GeneratorType::Http => http::plan(generator, secrets, inputs),
        GeneratorType::Oci => oci::plan(generator, secrets, inputs),
        GeneratorType::Release => release::plan(generator, secrets, inputs),
        GeneratorType::S3 => s3::plan(generator, secrets, inputs),
    }
}
