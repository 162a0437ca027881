//! Manifests and indexes of a registry.
#![no_main]
use artifacts::fuzz::manifests;

libfuzzer_sys::fuzz_target!(|input: &[u8]| manifests(input));
