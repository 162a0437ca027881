//! Which resources there are, in which versions, with which verbs.
use crate::{
    flunders::Flunders,
    v1alpha1::{self, Fischer},
    v1beta1::Flunder,
    validation::violations,
};
use extension_apiserver::{
    access::{Authenticate, Authorize},
    collection::Collection,
    convert::Converted,
    server::{BuildError, Builder, Server},
    status::Cause,
};

/// A builder that has been told who callers are and what they may do.
pub type Delegated<A, Z> = Builder<A, Z>;

/// The server, empty.
///
/// # Errors
/// None that a test would not see at once.
pub fn server<A: Authenticate, Z: Authorize>(builder: Delegated<A, Z>) -> Result<Server, BuildError> {
    let fischers = Collection::<Fischer>::new();
    // As in Go, a replacement is not checked.
    let check = |flunder: &Flunder, before: Option<&Flunder>| -> Vec<Cause> {
        if before.is_some() { Vec::new() } else { violations(&flunder.spec.spec) }
    };
    let flunders = Flunders { kept: Collection::new().checked(check), fischers: fischers.clone() };
    let older = Converted::<_, v1alpha1::Flunder>::new(flunders.clone());
    builder
        .resource(flunders, |flunder| {
            flunder.get().watch().create().update().patch().delete().delete_collection()
        })
        .resource(older, |flunder| {
            flunder.get().watch().create().update().patch().delete().delete_collection()
        })
        .resource(fischers, |fischer| {
            fischer.get().watch().create().update().patch().delete().delete_collection()
        })
        .build()
}
