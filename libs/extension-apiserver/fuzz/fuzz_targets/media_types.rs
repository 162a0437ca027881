//! `Accept` and `Content-Type`.
#![no_main]
use extension_apiserver::fuzz::media_types;

libfuzzer_sys::fuzz_target!(|input: &[u8]| media_types(input));
