//! Continue tokens.
#![no_main]
use extension_apiserver::fuzz::continue_token;

libfuzzer_sys::fuzz_target!(|input: &[u8]| continue_token(input));
