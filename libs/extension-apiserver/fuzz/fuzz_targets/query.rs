//! Query strings.
#![no_main]
use extension_apiserver::fuzz::query;

libfuzzer_sys::fuzz_target!(|input: &[u8]| query(input));
