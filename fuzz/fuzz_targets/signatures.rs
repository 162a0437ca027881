//! Bundles, signatures and keys.
#![no_main]
use artifacts::fuzz::signatures;

libfuzzer_sys::fuzz_target!(|input: &[u8]| signatures(input));
