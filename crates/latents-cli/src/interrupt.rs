//! Ctrl-C: the first asks the run to save and stop, the second ends the process.

use crate::failure::Failure;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens from now on, to SIGTERM as well.
///
/// # Errors
/// Where the system does not let it.
pub fn listen() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|e| Failure::run(format!("cannot listen for Ctrl-C: {e}"), "run in another terminal"))
}

/// Whether the run was asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
