//! Archives that a source sends.
#![no_main]
use artifacts::fuzz::archives;

libfuzzer_sys::fuzz_target!(|input: &[u8]| archives(input));
