//! Stopping, going on, and ending in the same bytes.

use crate::{Place, done, read};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const RUN: &str = "--latent-dim 2 --hidden-dim 8 --batch-size 4 --check-examples 20 --eval-examples 20 --eval-samples 4 \
                   --estimator sumo --steps 4000 --check-every 500 --quiet";

/// Starts a run, and interrupts it once it has saved something and then run for a while.
fn interrupted(place: &Place, out: &str, signal: &str, wait: Duration) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_latents"))
        .current_dir(place.at("."))
        .arg("funnel")
        .args(RUN.split_whitespace())
        .args(["--out", out])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let begun = Instant::now();
    while !place.at(out).join("model.safetensors").exists() && begun.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(2));
    }
    sleep(wait);
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success() || child.try_wait().expect("a child").is_some());
    child.wait_with_output().expect("it ends")
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_the_resumed_run_ends_in_the_same_bytes() {
    let place = Place::new();
    done(place.bare(RUN).args(["--out", "whole"]));
    let mut stopped = 0;
    for (i, (signal, wait)) in [("-INT", 0), ("-TERM", 40), ("-INT", 150)].into_iter().enumerate() {
        let out = format!("part{i}");
        let output = interrupted(&place, &out, signal, Duration::from_millis(wait));
        let err = String::from_utf8(output.stderr).expect("text");
        // On a fast machine the run may have ended before the signal came.
        if output.status.code() == Some(0) {
            continue;
        }
        assert_eq!(output.status.code(), Some(130), "{err}");
        assert!(output.stdout.is_empty());
        assert!(err.contains("interrupted at step ") && err.contains(" of 4,000"), "{err}");
        let how = format!("latents funnel --resume {out}");
        assert!(err.contains(&how), "{err}");
        stopped += 1;
        done(&mut place.bare(&format!("--resume {out} --eval-examples 20 --eval-samples 4 --quiet")));
        for name in ["model.safetensors", "metrics.csv"] {
            assert!(read(place.at(&out).join(name)) == read(place.at("whole").join(name)), "{name} of {out}");
        }
    }
    assert!(stopped > 0, "no run was interrupted in time");
}

#[test]
fn a_finished_run_can_be_looked_at_again() {
    let place = Place::new();
    let (first, _) = done(&mut place.tiny("--steps 8 --out x --json --quiet"));
    let before = read(place.at("x/model.safetensors"));
    std::fs::remove_file(place.at("x/report.html")).expect("removed");
    let (again, _) = done(&mut place.bare("--resume x --eval-examples 20 --eval-samples 4 --json --quiet"));
    let figure = |out: &str| {
        let json: serde_json::Value = serde_json::from_str(out).expect("json");
        (json["reverse_kl_upper"].clone(), json["forward_kl"].clone(), json["steps"].clone())
    };
    assert_eq!(figure(&first), figure(&again));
    assert_eq!(before, read(place.at("x/model.safetensors")));
    assert!(place.at("x/report.html").exists());
    // The file, its folder, and no value at all are three ways to say the same.
    for options in ["--resume x/model.safetensors", "--resume --out x", "--resume x --out y --seed 0"] {
        done(&mut place.bare(&format!("{options} --eval-examples 20 --eval-samples 4 --json --quiet")));
    }
    assert_eq!(before, read(place.at("y/model.safetensors")));
}

#[test]
fn a_finished_run_can_be_made_longer() {
    let place = Place::new();
    done(&mut place.tiny("--steps 8 --check-every 4 --decay constant --out short --quiet"));
    let options = "--resume short --steps 16 --eval-examples 20 --eval-samples 4";
    let (_, err) = done(&mut place.bare(options));
    assert!(err.contains("16 steps instead of 8") && !err.contains("learning rate"), "{err}");
    // At a constant rate it is the run that was so long from the beginning, unless an earlier state was delivered.
    if !err.contains("better than the last") {
        done(&mut place.tiny("--steps 16 --check-every 4 --decay constant --out long --quiet"));
        let metrics = |name: &str| String::from_utf8(read(place.at(name).join("metrics.csv"))).expect("text");
        assert_eq!(metrics("short").lines().count(), metrics("long").lines().count());
    }
    done(&mut place.tiny("--steps 8 --check-every 4 --out cosine --quiet"));
    let (_, err) = done(&mut place.bare("--resume cosine --steps 16 --eval-examples 20 --eval-samples 4"));
    assert!(err.contains("the learning rate follows the cosine") && err.contains("from 0.00e0 to 1.00e-3"), "{err}");
    assert!(String::from_utf8(read(place.at("cosine/metrics.csv"))).expect("text").contains("\n16,"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_during_the_evaluation_leaves_a_run_that_can_be_evaluated() {
    let place = Place::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_latents"))
        .current_dir(place.at("."))
        .args(["funnel", "--out", "my run", "--eval-examples", "10000000"])
        .args("--latent-dim 2 --hidden-dim 8 --batch-size 4 --check-examples 20 --steps 2".split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut err = String::new();
    while !err.contains("evaluating on") && said.read_line(&mut err).expect("text") > 0 {}
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    said.read_to_string(&mut err).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{err}");
    assert!(err.contains("interrupted while evaluating") && err.contains("--resume 'my run'"), "{err}");
    done(place.bare("--eval-examples 20 --eval-samples 4 --quiet").args(["--resume", "my run"]));
}
