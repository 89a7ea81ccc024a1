//! A run that is killed anywhere and resumed ends in the same bytes; so does one with another number of threads.

use crate::{Place, done, read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough to be killed in the middle, and with all that is random on.
const RUN: &str = "latent=2 hidden=16 epochs=60 batch=7 bound=iwae:4 evaluation.estimator=iwae:10 \
                   evaluation.validation_samples=4 training.patience=0 --quiet";

#[test]
fn killed_anywhere_and_resumed_it_ends_in_the_same_bytes() {
    let place = Place::new();
    let begun = Instant::now();
    done(&mut place.latents(&format!("fit rows.csv -o whole {RUN}")));
    let took = begun.elapsed();
    let whole = read(place.at("whole/model.safetensors"));
    let metrics = read(place.at("whole/metrics.csv"));
    // Places in time that are spread over the run.
    for part in [0.15, 0.4, 0.62, 0.85] {
        let out = format!("part{}", (part * 100.0) as u32);
        let mut child = Command::new(env!("CARGO_BIN_EXE_latents"))
            .current_dir(place.0.path())
            // Saved after every step: it is mostly killed while it writes.
            .args(format!("fit rows.csv -o {out} {RUN} --save-every 0").split_whitespace())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        std::thread::sleep(took.mul_f64(part));
        let killed = child.try_wait().expect("a child").is_none();
        child.kill().expect("killed");
        child.wait().expect("ended");
        if !place.at(&out).join("model.safetensors").exists() {
            // It was killed before the first save: there is nothing to resume.
            done(&mut place.latents(&format!("fit rows.csv -o {out} {RUN}")));
        } else {
            done(&mut place.latents(&format!("resume {out} --quiet")));
        }
        assert_eq!(read(place.at(&out).join("model.safetensors")), whole, "killed at {part}: {killed}");
        assert_eq!(read(place.at(&out).join("metrics.csv")), metrics);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let place = Place::new();
    for threads in [1, 2, 5] {
        done(&mut place.latents(&format!("fit rows.csv -o t{threads} {RUN} epochs=4 --threads {threads}")));
    }
    let one = read(place.at("t1/model.safetensors"));
    for threads in [2, 5] {
        assert_eq!(read(place.at(&format!("t{threads}/model.safetensors"))), one, "{threads} threads");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let place = Place::new();
    let child = Command::new(env!("CARGO_BIN_EXE_latents"))
        .current_dir(place.0.path())
        .args(format!("fit rows.csv -o run {RUN} epochs=100000").split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let saved = place.at("run/model.safetensors");
    let begun = Instant::now();
    while !saved.exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(100));
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(asked.success());
    let output = child.wait_with_output().expect("ended");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("latents resume run"), "{err}");
}
