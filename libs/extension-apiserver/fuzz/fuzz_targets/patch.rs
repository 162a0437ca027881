//! An object and a patch for it.
#![no_main]
use extension_apiserver::fuzz::patch;

libfuzzer_sys::fuzz_target!(|input: &[u8]| patch(input));
