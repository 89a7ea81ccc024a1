//! `latents funnel` and `latents match` from the outside: what it leaves behind, what it refuses, and that a run can be stopped and
//! resumed. Sizes are tiny; what it learns is tested elsewhere.

mod expressions;
mod refusals;
mod resuming;
mod running;

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder of its own for each test.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().expect("a folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.at(folder)).expect("a folder");
        let mut names: Vec<String> = entries.map(|e| e.expect("entry").file_name().to_string_lossy().into()).collect();
        names.sort();
        names
    }

    /// The command in this folder, with these options and nothing else.
    fn bare(&self, options: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latents"));
        command.current_dir(self.0.path()).arg("funnel").args(options.split_whitespace());
        command
    }

    /// `latents match` with tiny sizes and these arguments.
    fn matching(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latents"));
        command.current_dir(self.0.path()).arg("match").args(TINY.split_whitespace()).args(arguments);
        command
    }

    /// The same with tiny sizes.
    fn tiny(&self, options: &str) -> Command {
        let mut command = self.bare(TINY);
        command.args(options.split_whitespace());
        command
    }
}

const TINY: &str =
    "--latent-dim 2 --hidden-dim 8 --batch-size 4 --check-examples 20 --eval-examples 20 --eval-samples 4";

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What a command printed, as text: standard output and standard error.
fn said(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// The same of a command that must succeed.
fn done(command: &mut Command) -> (String, String) {
    let (code, out, err) = said(command);
    assert_eq!(code, 0, "{out}\n{err}");
    (out, err)
}
