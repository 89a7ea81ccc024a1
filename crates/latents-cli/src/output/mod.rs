//! What a run leaves behind: files in a folder, a table, a JSON object.

pub mod folder;
pub mod metrics;
pub mod pictures;
pub mod report;
pub mod rows;
pub mod scores;
pub mod summary;

use std::io::Write;

/// Prints a result. A reader that has gone away, as in `latents funnel | head -1`, is no failure of the run.
pub fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
