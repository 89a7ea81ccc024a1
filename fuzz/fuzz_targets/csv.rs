//! The csv reader.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| latents_fuzz::survive("a.csv", bytes));
