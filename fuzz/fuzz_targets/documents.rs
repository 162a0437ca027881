//! Data that expressions are asked about.
#![no_main]
use expressions::fuzz::documents;

libfuzzer_sys::fuzz_target!(|input: &[u8]| documents(input));
