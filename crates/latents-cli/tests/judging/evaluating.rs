//! `latents eval`.

use super::{ROWS, done, json, number, place, refused};
use serde_json::Value;

fn estimate<'a>(found: &'a Value, name: &str) -> &'a Value {
    let all = found["estimates"].as_array().expect("a list");
    all.iter().find(|e| e["estimator"].as_str().is_some_and(|n| n.starts_with(name))).expect(name)
}

#[test]
fn estimates_agree_with_the_exact_figure_within_their_errors() {
    let found = json("eval runs/good rows.csv --estimator elbo:200,iwae:2000,miwae:50x20,sumo:40 --exact");
    assert_eq!((found["rows"].as_u64(), found["unit"].as_str()), (Some(ROWS as u64), Some("nats per row")));
    let exact = number(&estimate(&found, "exact")["test_log_density"]);
    for (name, kind) in [("elbo", "lower"), ("iwae", "lower"), ("miwae", "lower"), ("sumo", "unbiased")] {
        let e = estimate(&found, name);
        assert_eq!(e["kind"], kind);
        let away = number(&e["test_log_density"]) - exact;
        let error = number(&e["monte_carlo_error"]);
        match name {
            "iwae" | "sumo" => assert!(away.abs() < 3.0 * error + 1e-4, "{name}: {away} ± {error}"),
            _ => assert!(away < 3.0 * error, "{name}: {away} ± {error}"),
        }
        let bits = -number(&e["test_log_density"]) / (2.0 * std::f64::consts::LN_2);
        assert!((number(&e["bits_per_dimension"]) - bits).abs() < 1e-12);
        assert!(number(&e["standard_error"]) >= error && number(&e["samples"]) >= ROWS as f64);
        assert!(number(&e["effective_sample_size"]) > 0.0 && e["pareto_k"].is_f64(), "{e}");
    }
    assert_eq!(estimate(&found, "iwae")["samples"], 2000 * ROWS as u64);
    assert_eq!(found["compiles"], 1);
    assert!(estimate(&found, "sumo")["distrust"].as_str().is_some_and(|why| why.contains("infinite")));
}

#[test]
fn the_table_has_the_same_figures_and_talk_goes_elsewhere() {
    let options = "eval runs/good rows.csv --estimator iwae:50";
    let found = json(options);
    let e = estimate(&found, "iwae");
    let (out, _) = done(place().latents(options));
    let figure = format!("{:.4} ± {:.4}", number(&e["test_log_density"]), number(&e["standard_error"]));
    assert!(out.contains(&figure) && out.contains("lower") && out.contains("nats per row"), "{out}");
    assert_eq!(done(place().latents(options)).0.lines().count(), out.lines().count());
}

#[test]
fn samples_are_spent_until_the_interval_is_narrow() {
    let found = json("eval runs/good rows.csv --estimator iwae --ci 0.01 --exact");
    let (e, exact) = (estimate(&found, "iwae"), number(&estimate(&found, "exact")["test_log_density"]));
    let (low, high) = (number(&e["interval"][0]), number(&e["interval"][1]));
    assert!(e["reached"] == true && high - low <= 0.01);
    assert!(low - 0.01 < exact && exact < high + 0.01, "{low} {high} {exact}");
    let sumo = json("eval runs/good rows.csv --estimator sumo --ci 0.1");
    let sumo = estimate(&sumo, "sumo");
    assert!(sumo["interval"].is_null() && sumo["median_of_means"]["groups"] == 17, "{sumo}");
    assert!(sumo["distrust"].as_str().is_some_and(|why| why.contains("variance")));
    let (out, _) = done(place().latents("eval runs/good rows.csv --estimator sumo --ci 0.1"));
    assert!(out.contains("no interval") && out.contains("median of 17 means"), "{out}");
}

#[test]
fn wrong_use_is_refused_with_a_remedy() {
    assert!(refused("eval runs/good rows.csv --estimator iwea:50").contains("did you mean `iwae`"));
    assert!(refused("eval runs/good rows.csv --estimator iwae:0").contains("iwae:5000"));
    assert!(refused("eval runs/good rows.csv --estimator upper").contains("posterior"));
    assert!(refused("eval runs/good rows.csv --ci 0").contains("above 0"));
    assert!(refused("eval runs/good rows.csv --estimator iwae --ci 0.1 --max-samples 10").contains("--max-samples"));
    refused("eval runs/good rows.csv --max-samples 10");
    assert!(refused("eval runs/none rows.csv").contains("help:"));
    assert!(refused("eval runs/good none.csv").contains("none.csv"));
    std::fs::write(place().at("other.csv"), "a,c\n1,2\n3,4\n").expect("written");
    assert!(refused("eval runs/good other.csv").contains('b'));
}
