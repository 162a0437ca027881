//! Addresses that a user or a redirect names.
#![no_main]
use artifacts::fuzz::addresses;

libfuzzer_sys::fuzz_target!(|input: &[u8]| addresses(input));
