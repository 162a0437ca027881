//! A range of versions, and tags.
#![no_main]
use crds::fuzz::versions;

libfuzzer_sys::fuzz_target!(|input: &[u8]| versions(input));
