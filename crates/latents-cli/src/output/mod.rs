//! What a run leaves behind: files in a folder, a table, a JSON object.

pub mod folder;
pub mod metrics;
pub mod pictures;
pub mod report;
pub mod rows;
pub mod scores;
pub mod summary;

use crate::failure::Failure;
use std::io::{ErrorKind, Write};

/// Prints a line of results.
///
/// # Errors
/// As [`put`].
pub fn print(text: &str) -> Result<(), Failure> {
    put(&format!("{text}\n"))
}

/// Prints a part of the results. A reader that has gone away, as in `latents funnel | head -1`, is no failure of the run.
///
/// # Errors
/// Standard output that takes no more, such as a file on a full disk.
pub fn put(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::run(format!("cannot write to standard output: {e}"), "free some space, or send it elsewhere"))
        }
        _ => Ok(()),
    }
}
