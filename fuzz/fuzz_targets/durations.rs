//! Durations.
#![no_main]
use crds::fuzz::durations;

libfuzzer_sys::fuzz_target!(|input: &[u8]| durations(input));
