//! Which resources there are, in which versions, with which verbs.
use crate::{
    flunders::Flunders,
    v1alpha1::{self, Fischer},
    v1beta1::Flunder,
    validation::violations,
};
use extension_apiserver::{
    access::{Authenticate, Authorize},
    collection::{Collection, Strategy},
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
    let fischers = Collection::<Fischer>::new().checked(Versioned);
    let flunders = Flunders { kept: Collection::new().checked(Versioned), fischers: fischers.clone() };
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

/// The strategies of the sample: an update says which version it replaces, and is not checked otherwise.
struct Versioned;

impl Strategy<Flunder> for Versioned {
    fn violations(&self, flunder: &Flunder, before: Option<&Flunder>) -> Vec<Cause> {
        if before.is_some() { Vec::new() } else { violations(&flunder.spec.spec) }
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}

impl Strategy<Fischer> for Versioned {
    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
