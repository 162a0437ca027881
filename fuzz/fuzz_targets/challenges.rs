//! Headers of a registry, a line each.
#![no_main]
use artifacts::fuzz::challenges;

libfuzzer_sys::fuzz_target!(|input: &[u8]| challenges(input));
