//! What a run leaves behind: files in a folder, a table, a JSON object.

pub mod folder;
pub mod metrics;
pub mod pictures;
pub mod report;
pub mod rows;
pub mod scores;
pub mod summary;

use crate::failure::Failure;
use latents::atomic::AtomicFile;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The format of a file of results, by its name: `csv`, `tsv` or `npy`.
///
/// # Errors
/// A name that tells none of them.
pub fn format_of(path: &Path) -> Result<&'static str, Failure> {
    let extension = path.extension().and_then(|e| e.to_str());
    ["csv", "tsv", "npy"].into_iter().find(|format| extension == Some(format)).ok_or_else(|| {
        Failure::usage(
            format!("cannot tell the format of {} by its name", path.display()),
            "name it .csv, .tsv or .npy",
        )
    })
}

/// A file of results, at its beginning.
///
/// # Errors
/// A place where no file can be made.
pub fn create(path: &Path) -> Result<AtomicFile, Failure> {
    AtomicFile::create(path)
        .map_err(|e| Failure::usage(format!("cannot write {}: {e}", path.display()), "choose another file"))
}

/// Whether the object that standard output gets has begun, with the list of its scores.
static BEGUN: AtomicBool = AtomicBool::new(false);

/// Prints why there are no results, as one object; one that has begun ends with it.
///
/// # Errors
/// As [`put`].
pub fn refuse(object: &str) -> Result<(), Failure> {
    if BEGUN.load(Ordering::Relaxed) { put(&format!("],{}\n", &object[1..])) } else { print(object) }
}

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
