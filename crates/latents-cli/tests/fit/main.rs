//! `latents fit` and what follows it, from the outside: what it leaves behind, what it refuses, and that a run can be
//! killed and resumed. Sizes are tiny; what it learns is tested elsewhere.

#[cfg(unix)]
mod full_disk;
mod refusals;
mod resuming;
mod running;

use assert_cmd::Command;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder of its own for each test, with a small file of data in it.
struct Place(TempDir);

/// Few weights, few steps, few samples.
const TINY: &str = "latent=2 hidden=8 epochs=3 batch=16 training.validate_every=1 evaluation.estimator=iwae:20 \
                    evaluation.validation_samples=4";

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a folder"));
        place.write("rows.csv", &rows(120));
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.at(name), text).expect("written");
    }

    /// The command in this folder, with these arguments.
    fn latents(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latents"));
        command.current_dir(self.0.path()).args(arguments.split_whitespace()).env_remove("TERM");
        command
    }

    /// A tiny fit of the small file.
    fn fit(&self, out: &str) -> (String, String) {
        done(&mut self.latents(&format!("fit rows.csv -o {out} {TINY}")))
    }
}

/// Two correlated columns with a header.
fn rows(n: usize) -> String {
    let mut text = String::from("height,weight\n");
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    };
    for _ in 0..n {
        let (a, b) = (next() + next() + next(), next() + next());
        let _ = writeln!(text, "{:.4},{:.4}", 150.0 + 10.0 * a, 40.0 + 12.0 * a + 3.0 * b);
    }
    text
}

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

/// The same of a command that is refused with this exit code: its standard error.
fn refused(command: &mut Command, code: i32) -> String {
    let (found, out, err) = said(command);
    assert_eq!(found, code, "{out}\n{err}");
    assert!(out.is_empty(), "results of a refused command: {out}");
    assert!(err.contains("error: ") && err.contains("help: "), "{err}");
    err
}
