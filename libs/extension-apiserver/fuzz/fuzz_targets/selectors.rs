//! Label and field selectors.
#![no_main]
use extension_apiserver::fuzz::selectors;

libfuzzer_sys::fuzz_target!(|input: &[u8]| selectors(input));
