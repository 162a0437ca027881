//! A command line, and a file that lists commands.
#![no_main]
use hooks::fuzz::whitelist;

libfuzzer_sys::fuzz_target!(|input: &[u8]| whitelist(input));
