//! Headers that name a user, a line each.
#![no_main]
use extension_apiserver::fuzz::identity;

libfuzzer_sys::fuzz_target!(|input: &[u8]| identity(input));
