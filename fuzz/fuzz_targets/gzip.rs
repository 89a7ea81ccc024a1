//! Compressed text: the bytes after a gzip header, so that not every input fails at its first two bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    latents_fuzz::survive("a.csv", &[&header[..], bytes].concat());
});
