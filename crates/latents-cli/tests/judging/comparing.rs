//! `latents compare` and `latents check`.

use super::{ROWS, done, json, number, place, refused};

#[test]
fn a_longer_fit_is_better_and_a_run_is_as_good_as_itself() {
    let found = json("compare runs/poor runs/good runs/poor rows.csv --estimator iwae:200");
    let runs = found["runs"].as_array().expect("a list");
    assert!(runs.len() == 3 && runs[0]["difference"].is_null());
    let better = &runs[1]["difference"];
    assert_eq!(better["verdict"], "better");
    let mean = number(&runs[1]["test_log_density"]) - number(&runs[0]["test_log_density"]);
    assert!((number(&better["mean"]) - mean).abs() < 1e-9);
    assert!(number(&better["interval"][0]) > 0.0 && number(&better["wins"]) > 0.5);
    assert_eq!(
        (number(&runs[2]["difference"]["mean"]), runs[2]["difference"]["verdict"].as_str()),
        (0.0, Some("open"))
    );
    let (out, _) = done(place().latents("compare runs/poor runs/good rows.csv"));
    assert!(out.contains("better") && out.contains("runs/good"), "{out}");
}

#[test]
fn runs_that_cannot_be_compared_are_refused() {
    refused("compare runs/good rows.csv");
    assert!(refused("compare runs/good runs/poor -").contains("file"));
    done(place().latents("fit rows.csv -o runs/narrow --columns a --quiet latent=1 hidden=[4] epochs=1"));
    assert!(refused("compare runs/good runs/narrow rows.csv").contains("different things"));
    // Counts have a probability, and real numbers a density.
    let counts: String = (0..60).map(|i| format!("{}\n", i % 7)).collect();
    std::fs::write(place().at("whole.csv"), "n\n".to_owned() + &counts).expect("written");
    for likelihood in ["poisson", "gaussian", "student-t"] {
        let tiny = "--quiet latent=1 hidden=4 epochs=1";
        done(place().latents(&format!("fit whole.csv -o runs/{likelihood} --likelihood {likelihood} {tiny}")));
    }
    assert!(refused("compare runs/poisson runs/gaussian whole.csv").contains("different things"));
    done(place().latents("compare runs/student-t runs/gaussian whole.csv --estimator iwae:20"));
    assert!(refused("eval runs/narrow rows.csv --exact").contains("not linear and Gaussian"));
}

#[test]
fn a_check_says_what_it_found_in_words() {
    let found = json("check runs/good rows.csv");
    assert_eq!((found["rows"].as_u64(), found["active_units"].as_u64()), (Some(ROWS as u64), Some(1)));
    assert_eq!(found["findings"].as_array().map(Vec::len), Some(3));
    for name in ["mmd_p_value", "classifier_p_value", "classifier_accuracy", "effective_sample_size", "pareto_k"] {
        assert!(found[name].is_f64(), "{name}");
    }
    assert!(found["unit_kl"][0].as_f64().is_some_and(|kl| kl > 0.1));
    let (out, _) = done(place().latents("check runs/good rows.csv"));
    assert!(out.contains(found["verdict"].as_str().expect("words")) && out.contains("latent units"), "{out}");
    // A model that was hardly trained draws other rows than the data's.
    let poor = json("check runs/poor rows.csv");
    assert!(number(&poor["classifier_accuracy"]) > number(&found["classifier_accuracy"]), "{poor}");
    assert_ne!(poor["verdict"], "sound");
}
