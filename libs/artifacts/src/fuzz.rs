//! What must hold whatever a source, a user or a hook writes: a function for each kind of input, beside the code that it is
//! about. Each panics where its promise is broken.
//!
//! The crate `fuzz` at the root gives them bytes without end, on nightly; the tests here give them the seeds of its corpus, and
//! random ones.
pub use crate::{
    fetch::fuzz::{addresses, headers},
    generators::fuzz::{challenges, manifests, signatures},
    transform::document::fuzz::pre_request,
    unpack::fuzz::archives,
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TARGETS: [seeds::Target<'static>; 7] = [
        ("addresses", addresses),
        ("archives", archives),
        ("challenges", challenges),
        ("headers", headers),
        ("manifests", manifests),
        ("pre_request", pre_request),
        ("signatures", signatures),
    ];

    #[test]
    fn every_seed_is_judged() {
        seeds::replay(&TARGETS);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(input in prop::collection::vec(any::<u8>(), 0..200)) {
            TARGETS.iter().for_each(|(_, judge)| judge(&input));
        }

        #[test]
        fn any_address_and_redirect_is_judged(
            first in "https?://[0-9a-fx:.%\\[\\]@]{1,20}(/[a-z?#@]{0,6})?",
            location in "(https?:)?//?[0-9a-fx:.%\\[\\]@]{1,20}(/[a-z?#@]{0,6})?|.{0,30}"
        ) {
            addresses(format!("{first}\n{location}").as_bytes());
        }
    }
}
