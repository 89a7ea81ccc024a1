//! Stopping, going on, and ending in the same bytes.

use crate::{Place, done, read};
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
