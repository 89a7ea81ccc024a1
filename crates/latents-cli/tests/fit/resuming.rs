//! A run that is killed anywhere and resumed ends in the same bytes; so does one with another number of threads.

use crate::{Place, done, read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough to be killed in the middle, and with all that is random on.
const RUN: &str = "latent=2 hidden=16 epochs=60 batch=7 bound=iwae:4 evaluation.estimator=iwae:10 \
                   evaluation.validation_samples=4 training.patience=0 --quiet";

/// Delays at random from a fixed seed, as parts of a whole.
fn parts(n: usize) -> Vec<f64> {
    let drawn = pullback::Key::new(20_240_611).uniform([n], pullback::DType::F64);
    drawn.to_vec::<f64>().expect("numbers")
}

/// Starts a command and kills it after a while; whether it was still there to be killed.
fn killed(place: &Place, arguments: &str, after: Duration) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_latents"))
        .current_dir(place.0.path())
        .args(arguments.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    std::thread::sleep(after);
    let there = child.try_wait().expect("a child").is_none();
    child.kill().expect("killed");
    child.wait().expect("ended");
    there
}

#[test]
fn killed_at_random_moments_and_resumed_it_ends_in_the_same_bytes() {
    let place = Place::new();
    let begun = Instant::now();
    // Saved after every step: it is mostly killed while it writes.
    done(&mut place.latents(&format!("fit rows.csv -o whole {RUN} --save-every 0")));
    let took = begun.elapsed();
    let names = ["model.safetensors", "metrics.csv", "report.html", "samples.png"];
    let whole = names.map(|name| read(place.at("whole").join(name)));
    let (mut first, mut again) = (0, 0);
    // On a slower or faster day a run may be over, or not yet begun, at a moment: more are tried then.
    for (run, pair) in parts(64).chunks(2).enumerate() {
        if run >= 8 && first >= 4 && again >= 3 {
            break;
        }
        let out = format!("run{run}");
        first +=
            usize::from(killed(&place, &format!("fit rows.csv -o {out} {RUN} --save-every 0"), took.mul_f64(pair[0])));
        let saved = || place.at(&out).join("model.safetensors").exists();
        // The resumed run is killed too, and resumed by another number of threads.
        if saved() {
            let resumed = format!("resume {out} --quiet --save-every 0");
            again += usize::from(killed(&place, &resumed, took.mul_f64(0.5 * pair[1])));
        }
        if saved() {
            done(&mut place.latents(&format!("resume {out} --quiet --threads {}", 1 + run % 2)));
        } else {
            // It was killed before the first save: there is nothing to resume.
            done(&mut place.latents(&format!("fit rows.csv -o {out} {RUN}")));
        }
        for (name, wanted) in names.iter().zip(&whole) {
            assert!(&read(place.at(&out).join(name)) == wanted, "{name} of {out}, killed at {pair:?} of {took:?}");
        }
        let entries = std::fs::read_dir(place.at(&out)).expect("a folder").flatten();
        let left: Vec<_> = entries.map(|e| e.file_name()).filter(|n| n.to_string_lossy().ends_with(".tmp")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    assert!(first >= 4 && again >= 3, "of 32 runs {first} were killed, and {again} of those again");
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
