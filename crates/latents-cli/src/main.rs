//! The `latents` command.
fn main() {}
