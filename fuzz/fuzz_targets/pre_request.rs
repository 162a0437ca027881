//! What a preRequest hook writes.
#![no_main]
use artifacts::fuzz::pre_request;

libfuzzer_sys::fuzz_target!(|input: &[u8]| pre_request(input));
