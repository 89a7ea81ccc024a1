//! A disk that is full: a clear message, exit code 1, and nothing half-written.

use crate::{Place, TINY, done, read};
use std::process::{Command, Output};

/// A command line of `sh` in the place's folder, with the program as `$LATENTS`.
fn sh(place: &Place, script: &str) -> Output {
    let mut command = Command::new("sh");
    command.current_dir(place.0.path()).args(["-c", script]).env("LATENTS", env!("CARGO_BIN_EXE_latents"));
    command.output().expect("sh runs")
}

fn failed(output: &Output, parts: &[&str]) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    for part in parts {
        assert!(err.contains(part), "no {part:?} in {err}");
    }
}

fn names(place: &Place, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(place.at(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The system refuses whatever makes a file longer than so many blocks of 512 bytes, in the middle of a write.
const REFUSING: &str = "trap '' XFSZ; ulimit -f";

#[test]
fn a_write_that_fails_in_the_middle_leaves_nothing() {
    let place = Place::new();
    let fit = format!("exec $LATENTS fit rows.csv -o run {TINY} --quiet");
    // Before the first step: not even room for the weights.
    let output = sh(&place, &format!("{REFUSING} 4; {fit}"));
    failed(&output, &["run/model.safetensors", "cannot be written", "help: free some space"]);
    assert!(output.stdout.is_empty() && names(&place, "run").is_empty(), "{:?}", names(&place, "run"));
    // At the end: the weights have room, the report has not. The run is there, whole, and its report comes later.
    let output = sh(&place, &format!("{REFUSING} 60; {fit}"));
    failed(&output, &["cannot write run/", "help: choose a folder that you may write to, and with space"]);
    let left = names(&place, "run");
    assert!(left.contains(&"model.safetensors".to_owned()) && !left.contains(&"report.html".to_owned()), "{left:?}");
    assert!(left.iter().all(|name| !name.ends_with(".tmp")), "{left:?}");
    done(&mut place.latents("resume run --quiet"));
    place.fit("whole");
    assert_eq!(read(place.at("run/model.safetensors")), read(place.at("whole/model.safetensors")));
    assert_eq!(names(&place, "run"), names(&place, "whole"));
    // Rows that are drawn or scored.
    let before = read(place.at("rows.csv"));
    for command in ["sample run -n 5000 -o rows.csv", "sample run -n 5000 -o new.npy", "score run rows.csv -o new.csv"]
    {
        failed(&sh(&place, &format!("{REFUSING} 2; exec $LATENTS {command}")), &["cannot write", "help: "]);
    }
    assert_eq!(read(place.at("rows.csv")), before);
    assert_eq!(names(&place, "."), ["rows.csv", "run", "whole"]);
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_standard_output_does_not_take_are_a_failure() {
    let place = Place::new();
    place.fit("run");
    for command in [
        "sample run -n 5",
        "show run",
        "score run rows.csv",
        "score run rows.csv --json",
        "eval run rows.csv",
        "encode run rows.csv",
    ] {
        let output = sh(&place, &format!("exec $LATENTS {command} > /dev/full"));
        failed(&output, &["cannot write to standard output", "No space left", "help: free some space"]);
    }
    // A reader that has gone away is none.
    let output = sh(&place, "$LATENTS sample run -n 100000 | head -n 1");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A file system of that many kilobytes, where the system lets a user mount one.
#[cfg(target_os = "linux")]
#[test]
fn a_file_system_without_room_is_said_to_be_full() {
    let place = Place::new();
    let inside = |script: &str| {
        sh(
            &place,
            &format!("mkdir -p small; exec unshare -rm sh -c 'mount -t tmpfs -o size=32k none small && {script}'"),
        )
    };
    if !inside("true").status.success() {
        eprintln!("not tested: no file system can be mounted here");
        return;
    }
    let output = inside(&format!(
        "$LATENTS fit rows.csv -o small/run {TINY} hidden=128 --quiet; code=$?; find small -type f; exit $code"
    ));
    failed(&output, &["small/run/model.safetensors", "No space left", "help: free some space"]);
    assert!(output.stdout.is_empty(), "left: {}", String::from_utf8_lossy(&output.stdout));
}
