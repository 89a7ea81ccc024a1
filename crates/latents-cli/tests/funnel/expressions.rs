//! `latents match`: densities that are written out.

use crate::{Place, done, read, said};
use serde_json::Value;

#[test]
fn an_energy_is_matched_and_the_run_gone_on_with() {
    let place = Place::new();
    let energy = ["--energy", "(x^2 - 1)^2 + y^2/2", "--vars", "x,y", "--steps", "8", "--json"];
    let (out, err) = done(&mut place.matching(&energy));
    assert!(err.contains("log p*(x,y) = -((x^2 - 1)^2 + y^2/2) + constant"), "{err}");
    let json: Value = serde_json::from_str(&out).expect("json");
    assert_eq!((&json["target"], &json["normalised"]), (&Value::from("expression"), &Value::from(false)));
    assert_eq!(json["log_normaliser_lower"].as_f64(), json["reverse_kl_upper"].as_f64().map(|x| -x));
    assert!(json["forward_kl"].is_null());
    let report = String::from_utf8(read(place.at("runs/expression/report.html"))).expect("text");
    assert!(report.contains("latents match --resume runs/expression"), "how to go on");
    assert!(report.contains("(x^2 - 1)^2"), "the density");
    // The checkpoint knows the density.
    let (out, _) = done(&mut place.matching(&["--resume", "runs/expression", "--json"]));
    let again: Value = serde_json::from_str(&out).expect("json");
    assert_eq!(json["reverse_kl_upper"], again["reverse_kl_upper"]);
    done(&mut place.matching(&["--resume", "runs/expression", "--steps", "12", "--quiet"]));
    let other = ["--energy", "x^2 + y^2", "--vars", "x,y", "--resume", "runs/expression"];
    let (code, _, err) = said(&mut place.matching(&other));
    assert!(code == 2 && err.contains("x^2 + y^2") && err.contains("begun with (x^2 - 1)^2"), "{err}");
    let (code, _, err) = said(&mut place.bare("--resume runs/expression"));
    assert!(code == 2 && err.contains("latents match --resume"), "{err}");
}

#[test]
fn both_signs_are_the_same_density() {
    let place = Place::new();
    let figure = |arguments: &[&str]| {
        let (out, _) = done(&mut place.matching(&[arguments, &["--steps", "3", "--json", "--quiet"]].concat()));
        serde_json::from_str::<Value>(&out).expect("json")["reverse_kl_upper"].clone()
    };
    let energy = figure(&["--energy", "x^2/2 + y^2", "--vars", "x,y", "--out", "a"]);
    let log_density = figure(&["--log-density", "-(x^2/2 + y^2)", "--vars", "x,y", "--out", "b"]);
    assert_eq!(energy, log_density);
}

#[test]
fn any_number_of_coordinates_is_drawn() {
    let place = Place::new();
    for (vars, energy) in [("x", "x^2"), ("x[3]", "sum(x^2)"), ("a,b[2]", "a^2 + sum(b^2)")] {
        done(&mut place.matching(&["--energy", energy, "--vars", vars, "--steps", "2", "--quiet", "--out", vars]));
        for picture in ["density-000000.png", "density-000002.png", "kl.png"] {
            assert!(read(place.at(vars).join(picture)).starts_with(b"\x89PNG"), "{vars}: {picture}");
        }
    }
    done(&mut place.matching(&["--target", "banana", "--steps", "2", "--quiet"]));
    assert!(place.at("runs/banana/report.html").exists());
}

#[test]
fn mistakes_are_pointed_at_and_nothing_is_written() {
    let place = Place::new();
    for (arguments, parts) in [
        (
            &["--energy", "x^2 + epx(y)", "--vars", "x,y"][..],
            &["  x^2 + epx(y)\n        ^^^\n", "did you mean `exp`"][..],
        ),
        (&["--energy", "x^2", "--vars", "x,y"], &["does not depend on `y`", "  x,y\n    ^\n"]),
        (&["--energy", "x^2", "--vars", "x,exp"], &["`exp` cannot name a variable"]),
        (&["--energy", "x^2"], &["--vars"]),
        (&["--energy", "x", "--log-density", "x", "--vars", "x"], &["cannot be used with"]),
        (&["--energy", "x", "--vars", "x", "--target", "ring"], &["cannot be used with"]),
        (&["--target", "ring", "--vars", "x"], &["belong to an expression"]),
        (&["--energy", "x^2", "--vars", "x", "--view", "1,2,3"], &["four numbers"]),
        (&["--steps", "3"], &["--energy", "--log-density", "--target"]),
    ] {
        let (code, out, err) = said(&mut place.matching(arguments));
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        for part in parts {
            assert!(err.contains(part), "{part:?} in {err}");
        }
        assert!(place.names(".").is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_expression_that_is_not_finite_is_named_with_a_point_and_nothing_is_written() {
    let place = Place::new();
    for (sense, text, what) in [
        ("--log-density", "log(-1 - x^2) - y^2", "not finite at 1000 of 1000 points"),
        ("--log-density", "log(x) - x^2 - y^2", "it is NaN at (x,y) = (-"),
        ("--energy", "x^2 + y^2 + where(x > 0, 1/0, 0)", "it is inf at (x,y) = ("),
        ("--energy", "abs(y) + x^2 + where(x > 0, sqrt(x), 0)", "it has a slope that is no finite number"),
    ] {
        let (code, out, err) = said(&mut place.matching(&[sense, text, "--vars", "x,y", "--steps", "8"]));
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(&format!("`{text}`")) && err.contains(what) && err.contains("help: write"), "{err}");
        assert!(!err.contains("encoder") && place.names(".").is_empty(), "{err}");
    }
}

#[test]
fn a_run_is_shown_and_other_commands_name_the_one_that_reads_it() {
    let place = Place::new();
    done(&mut place.matching(&["--energy", "x^2/2", "--vars", "x", "--steps", "4", "--quiet", "-o", "my run"]));
    let latents = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_latents"));
        command.current_dir(place.at(".")).args(arguments);
        command
    };
    let (shown, _) = done(&mut latents(&["show", "my run"]));
    for part in ["latents match", "log p*(x) = -(x^2/2)", "all 4 steps", "reverse KL", "batch-size"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    let json: Value = serde_json::from_str(&done(&mut latents(&["show", "my run", "--json"])).0).expect("json");
    assert_eq!((&json["kind"], &json["step"]), (&Value::from("latents match"), &Value::from(4)));
    for arguments in [&["sample", "my run"][..], &["resume", "my run"], &["eval", "my run", "rows.csv"]] {
        let (code, out, err) = said(&mut latents(arguments));
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains("`latents match --resume 'my run'`") && err.contains("latents show 'my run'"), "{err}");
    }
}

#[test]
fn a_density_without_a_finite_integral_is_refused_or_warned_of() {
    let place = Place::new();
    for (sense, text, other) in [("--energy", "-x^2-y^2", "--log-density"), ("--log-density", "x^2/2 - y", "--energy")]
    {
        let energy = &[&format!("{sense}={text}")[..], "--vars", "x,y", "--steps", "5"];
        let (code, out, err) = said(&mut place.matching(energy));
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains("rises without bound") && err.contains(&format!("is {other} meant")), "{err}");
        assert!(place.names(".").is_empty(), "{err}");
    }
    // A floor under the density: it can be trained where the model begins, but it is no density.
    let floor = ["--log-density", "log(max(exp(-x^2), 1e-9))", "--vars", "x", "--steps", "5", "--json"];
    let (out, err) = done(&mut place.matching(&floor));
    assert!(err.starts_with("warning: ") && err.contains("hardly falls"), "{err}");
    let json: Value = serde_json::from_str(&out).expect("json");
    assert!(json["endless"].as_str().is_some_and(|why| why.contains("integral is infinite")), "{out}");
    assert!(json["log_normaliser_lower"].is_null(), "{out}");
    let (out, _) = done(&mut place.matching(&[&floor[..4], &["--steps", "2", "--out", "table"]].concat()));
    assert!(out.contains("the figures are of no density") && !out.contains("log normaliser"), "{out}");
    // Heavy tails that can be normalised, and a maximum that narrows as it rises.
    for (energy, vars) in
        [("2*log1p((x^2 + y^2)/2)", "x,y"), ("v^2/18 + sum(x^2)/(2*exp(v)) + 9*v/2", "v,x[9]"), ("log1p(x^2)", "x")]
    {
        let (out, err) =
            done(&mut place.matching(&["--energy", energy, "--vars", vars, "--steps", "5", "--out", "fine"]));
        assert!(!out.contains("warning") && !err.contains("warning"), "{out}\n{err}");
    }
}
