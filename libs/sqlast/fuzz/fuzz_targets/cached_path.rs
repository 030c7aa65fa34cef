//! See [`sqlast_fuzz::cached_path`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sqlast_fuzz::cached_path(data));
