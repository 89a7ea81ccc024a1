//! `eval`, `score`, `compare` and `check` from the outside, on models that are linear and Gaussian, so that the exact figure
//! is known.

mod comparing;
mod evaluating;
mod scoring;

use assert_cmd::Command;
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Rows of the data, more than are read at a time; the one far from all others, from 1.
const ROWS: usize = 1300;
const OUTLIER: u64 = 1137;

/// A folder with data and two runs, made once: `runs/good` and `runs/poor`.
struct Place(TempDir);

fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = Place(tempfile::tempdir().expect("a folder"));
        std::fs::write(place.at("rows.csv"), rows()).expect("written");
        let linear = "latent=1 hidden=[] likelihood=gaussian model.likelihood.scale=learned seed=1 rate=0.02 batch=20";
        done(place.latents(&format!("fit rows.csv -o runs/good --quiet {linear} epochs=30")));
        done(place.latents(&format!("fit rows.csv -o runs/poor --quiet {linear} epochs=1")));
        place
    })
}

/// `a ~ N(10, 9)`, `b = 2 (a - 10) / 3 - 5 + N(0, 1)`, and one row far off.
fn rows() -> String {
    let mut state = 12345u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    let mut normal = || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
    let mut text = "a,b\n".to_owned();
    for i in 1..=ROWS as u64 {
        let (e, f) = (normal(), normal());
        let (a, b) = if i == OUTLIER { (25.0, -15.0) } else { (10.0 + 3.0 * e, 2.0 * e - 5.0 + f) };
        let _ = writeln!(text, "{a:.4},{b:.4}");
    }
    text
}

impl Place {
    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn latents(&self, options: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latents"));
        command.current_dir(self.0.path()).args(options.split_whitespace());
        command
    }
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What a command printed: its exit code, standard output and standard error.
fn said(mut command: Command) -> (i32, String, String) {
    let output = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// The same of a command that must succeed.
fn done(command: Command) -> (String, String) {
    let (code, out, err) = said(command);
    assert_eq!(code, 0, "{out}\n{err}");
    (out, err)
}

/// The one JSON object of a command that must succeed and be silent besides.
fn json(options: &str) -> Value {
    let (out, err) = done(place().latents(&format!("{options} --json --quiet")));
    assert_eq!(err, "");
    assert_eq!(out.trim_end().lines().count(), 1, "{out}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

/// What a command that is used wrongly says; it prints no result.
fn refused(options: &str) -> String {
    let (code, out, err) = said(place().latents(options));
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    err
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}
