//! Texts of expressions.
#![no_main]
use expressions::fuzz::expressions;

libfuzzer_sys::fuzz_target!(|input: &[u8]| expressions(input));
