//! Headers of an answer, a line each.
#![no_main]
use artifacts::fuzz::headers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| headers(input));
