//! See [`sqlast_fuzz::lexer`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sqlast_fuzz::lexer(data));
