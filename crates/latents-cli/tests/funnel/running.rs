//! What a run leaves behind and says.

use crate::{Place, done, read};
use serde_json::Value;

#[test]
fn leaves_every_file_and_ends_with_one_json_object() {
    let place = Place::new();
    let (out, err) = done(&mut place.tiny("--steps 40 --seed 7 --out here --json"));
    let densities = ["density-000000.png", "density-000010.png", "density-000020.png", "density-000030.png"];
    let others = ["density-000040.png", "kl.png", "metrics.csv", "model.safetensors", "report.html"];
    assert_eq!(place.names("here"), [&densities[..], &others[..]].concat());
    for picture in ["density-000000.png", "density-000040.png", "kl.png"] {
        assert!(read(place.at("here").join(picture)).starts_with(b"\x89PNG"), "{picture}");
    }

    assert_eq!(out.lines().count(), 1, "{out}");
    let json: Value = serde_json::from_str(&out).expect("json");
    for field in [
        "steps",
        "seconds",
        "train_seconds",
        "steps_per_second",
        "reverse_kl_lower",
        "reverse_kl_upper",
        "reverse_kl_standard_error",
        "effective_sample_size",
        "best_step",
        "forward_kl",
        "compiles",
        "seed",
    ] {
        assert!(json[field].is_number(), "{field}: {json}");
    }
    assert_eq!((&json["estimator"], &json["steps"]), (&Value::from("upper"), &Value::from(40)));
    assert_eq!((&json["seed"], &json["out"]), (&Value::from(7), &Value::from("here")));
    let end = (&json["ended"], &json["broken"], &json["kind"], &json["normalised"]);
    assert_eq!(end, (&"all 40 steps are done".into(), &false.into(), &"upper".into(), &true.into()));
    assert!(json["reverse_kl_lower"].as_f64() <= json["reverse_kl_upper"].as_f64());
    assert!(err.contains("step 0 of 40") && err.contains("step 40 of 40") && err.contains("reverse KL"), "{err}");

    let metrics = String::from_utf8(read(place.at("here/metrics.csv"))).expect("text");
    let mut lines = metrics.lines();
    assert_eq!(
        lines.next(),
        Some("step,loss,reverse_kl_lower,reverse_kl_upper,reverse_kl_standard_error,effective_sample_size")
    );
    assert_eq!(lines.clone().count(), 41);
    assert!(lines.all(|line| line.split(',').count() == 6));

    let report = String::from_utf8(read(place.at("here/report.html"))).expect("text");
    assert_eq!(report.matches("data:image/png;base64,").count(), 6);
    assert!(report.contains("latent-dim") && report.contains("reverse KL, upper side"));
}

#[test]
fn prints_a_table_and_defaults_to_a_folder_of_the_target() {
    let place = Place::new();
    let (out, _) = done(&mut place.tiny("--steps 4 --target ring --estimator sumo"));
    for part in ["ring by sumo", "reverse KL, lower side", "reverse KL, upper side", "±", "forward KL", "compiles"] {
        assert!(out.contains(part), "{part} in {out}");
    }
    assert!(out.ends_with("runs/ring/report.html\n"), "{out}");
    assert!(place.names("runs/ring").contains(&"model.safetensors".to_owned()));
}

#[test]
fn every_target_and_estimator_runs() {
    let place = Place::new();
    for target in ["neal", "gaussian", "banana", "mixture"] {
        done(&mut place.tiny(&format!("--steps 2 --target {target} --json --quiet")));
    }
    for options in [
        "--estimator iwae",
        "--estimator sumo --encoder-loss sumo2 --updates separate --gradient full --cap 8",
        "--encoder-loss likelihood --decay constant --clip 0",
        "--encoder-loss upper --gap-penalty 0.5",
    ] {
        done(&mut place.tiny(&format!("--steps 2 --json --quiet {options}")));
    }
}

#[test]
fn quiet_says_nothing_and_pipes_get_no_colours() {
    let place = Place::new();
    let (out, err) = done(&mut place.tiny("--steps 4 --quiet --json"));
    assert_eq!((out.lines().count(), err.as_str()), (1, ""));
    let (out, err) = done(&mut place.tiny("--steps 4"));
    assert!(!out.contains('\x1b') && !err.contains('\x1b'), "{out}{err}");
}

#[test]
fn a_lower_bound_that_is_minimised_is_warned_of() {
    let place = Place::new();
    let (_, err) = done(&mut place.tiny("--steps 2 --estimator iwae"));
    assert!(err.contains("warning: ") && err.contains("lower bound"), "{err}");
    let (_, err) = done(&mut place.tiny("--steps 2"));
    assert!(!err.contains("warning"), "{err}");
    let (_, err) = done(&mut place.tiny("--steps 2 --min-terms 3"));
    assert!(err.contains("warning: --min-terms has no effect with the estimator upper"), "{err}");
}

/// A rate at which minimising a lower bound breaks down within moments.
#[test]
fn a_breakdown_is_stopped_explained_and_its_best_state_delivered() {
    let place = Place::new();
    let options = "--estimator iwae --lr 0.05 --decay constant --steps 40000 --check-every 50 --out x --json";
    let (out, err) = done(&mut place.tiny(options));
    let json: Value = serde_json::from_str(&out).expect("json");
    let why = json["ended"].as_str().expect("a reason");
    assert!(json["steps"].as_u64() < Some(40_000), "{json}");
    assert!(json["best_step"].as_u64() < json["steps"].as_u64(), "{json}");
    assert!(json["reverse_kl_upper"].as_f64().is_some_and(f64::is_finite), "{json}");
    assert!(err.contains("stopped: ") && err.contains(why) && err.contains("best state"), "{err}");
    let report = String::from_utf8(read(place.at("x/report.html"))).expect("text");
    assert!(report.contains("<td>stopped") || report.contains(">stopped<"), "a row says why");
    assert!(!report.contains("--steps</code>") && !report.contains("make the run longer"), "it would break down again");
    // It cannot be made longer, and what it delivered can be evaluated again.
    let (code, _, err) = crate::said(&mut place.bare("--resume x --steps 80000"));
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("broke down"), "{err}");
    let (out, err) = done(&mut place.bare("--resume x --eval-examples 20 --eval-samples 4 --json"));
    let again: Value = serde_json::from_str(&out).expect("json");
    for figure in ["reverse_kl_upper", "best_step", "steps", "ended", "broken"] {
        assert_eq!(json[figure], again[figure], "{figure}");
    }
    assert!(err.contains("broke down") && err.contains("again"), "{err}");
}

#[test]
fn only_own_files_are_replaced() {
    let place = Place::new();
    std::fs::create_dir_all(place.at("x")).expect("a folder");
    for name in ["notes.txt", "density-map.png", "density-000999.png"] {
        std::fs::write(place.at("x").join(name), b"mine").expect("written");
    }
    done(&mut place.tiny("--steps 4 --out x --quiet"));
    assert_eq!(read(place.at("x/notes.txt")), b"mine");
    assert_eq!(read(place.at("x/density-map.png")), b"mine");
    assert!(!place.at("x/density-000999.png").exists(), "a picture of an earlier run");
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let place = Place::new();
    for threads in [1, 2] {
        let sizes = "--batch-size 64 --hidden-dim 32 --check-examples 500 --eval-examples 50 --eval-samples 4";
        done(
            &mut place
                .bare(&format!("--steps 30 --estimator sumo --quiet --threads {threads} --out {threads} {sizes}")),
        );
    }
    for name in ["model.safetensors", "metrics.csv", "density-000030.png"] {
        assert!(read(place.at("1").join(name)) == read(place.at("2").join(name)), "{name}");
    }
}
