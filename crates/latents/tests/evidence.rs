//! Linear-Gaussian models, whose evidence is known: exact figures, and every estimator on its side of them.

mod common;

use common::{linear_cases, mean};
use latents::data::Column;
use latents::estimator::{Kind, upper_bound};
use latents::evaluation::{EstimatorSpec, Evaluator, EvidenceError, linear_gaussian, log_evidence};
use latents::model::{LatentModel, LinearGaussian, ModelConfig};
use pullback::{DType, Key, Tensor, vmap};

#[test]
fn exact_evidence_is_that_of_the_oracle() {
    let cases = linear_cases();
    assert!(cases.len() >= 3);
    for case in &cases {
        for (found, expected) in log_evidence(&case.model, &case.x).unwrap().iter().zip(&case.log_evidence) {
            assert!((found - expected).abs() < 1e-11 * expected.abs().max(1.0), "{found} {expected}");
        }
    }
    let narrow = cases[1].x.slice(1, 0, 2);
    let refused = log_evidence(&cases[1].model, &narrow);
    assert!(matches!(refused, Err(EvidenceError::Columns { found: 2, needed: 3 })));
    let noiseless = LinearGaussian { logvar: cases[1].model.logvar.full_like(-1000.0), ..cases[1].model.clone() };
    assert!(matches!(log_evidence(&noiseless, &cases[1].x), Err(EvidenceError::NotPositiveDefinite { .. })));
}

/// A proposal wider than the posterior and off its mean: every weight has a variance.
fn off(model: &LinearGaussian) -> LinearGaussian {
    LinearGaussian { a: &model.a * 0.8, proposal_logvar: &model.proposal_logvar + 0.6, ..model.clone() }
}

#[test]
fn estimators_lie_on_their_sides_and_the_unbiased_within_three_standard_errors() {
    for (i, case) in linear_cases().iter().enumerate() {
        let model = off(&case.model);
        let evaluator = Evaluator::new(1 << 15);
        for text in ["elbo:20000", "miwae:12000x5", "iwae:20000", "sumo:4000"] {
            let spec: EstimatorSpec = text.parse().unwrap();
            for (row, exact) in evaluator.rows(&model, &spec, 11, 0, &case.x).unwrap().iter().zip(&case.log_evidence) {
                let se = row.se.unwrap();
                let away = row.value - exact;
                match spec {
                    EstimatorSpec::Sumo { .. } => {
                        assert_eq!(spec.kind(), Kind::Unbiased);
                        assert!(away.abs() < 3.0 * se, "case {i}: {text} is {away} ± {se} from the evidence");
                    }
                    // 20,000 weights: the bias is a small part of the error.
                    EstimatorSpec::Iwae { .. } => assert!(away.abs() < 3.0 * se, "case {i}: {text}: {away} ± {se}"),
                    _ => assert!(away < -5.0 * se, "case {i}: {text} is {away} ± {se} from the evidence"),
                }
                assert!(row.pareto.is_some_and(|tail| tail.k < 0.7), "{:?}", row.pareto);
            }
        }
        assert_eq!(evaluator.compiles(), 1);
    }
}

#[test]
fn upper_bounds_of_rows_drawn_from_the_model_lie_above() {
    let model = off(&linear_cases()[1].model);
    let draw = |key: Key| {
        let (ancestral, proposal) = key.split();
        let (z, x) = model.ancestral(ancestral);
        (upper_bound(proposal.split_n(4), &x, &z, &model), x)
    };
    let (upper, x): (Tensor, Tensor) = vmap(draw).call(Key::new(5).split_n(20_000));
    let exact = log_evidence(&model, &x).unwrap();
    let away: Vec<f64> = upper.to_vec::<f64>().unwrap().iter().zip(&exact).map(|(u, e)| u - e).collect();
    let (above, se) = mean(&away);
    assert!(above > 5.0 * se, "{above} ± {se}");
}

#[test]
fn at_the_posterior_every_estimator_is_the_evidence() {
    // One latent dimension: the proposal is the posterior.
    let case = &linear_cases()[0];
    let evaluator = Evaluator::new(1 << 15);
    for text in ["elbo:50", "iwae:50", "miwae:4x10", "ciwae:0.3x20", "sumo:5"] {
        for (row, exact) in
            evaluator.rows(&case.model, &text.parse().unwrap(), 1, 0, &case.x).unwrap().iter().zip(&case.log_evidence)
        {
            assert!((row.value - exact).abs() < 1e-12, "{text}: {} {exact}", row.value);
            assert!((row.ess - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn a_configured_model_without_hidden_layers_has_an_exact_figure() {
    // Two heads whose columns interleave: a learned scale and two fixed ones.
    let config = r#"{ "latent": [2], "hidden": [], "likelihood": { "name": "mixed", "columns": {
        "b": { "name": "gaussian", "scale": "learned" },
        "a": { "name": "gaussian", "scale": 0.7 }, "c": { "name": "gaussian", "scale": 0.7 } } } }"#;
    let config: ModelConfig = serde_json::from_str(config).unwrap();
    let columns = ["a", "b", "c"].map(Column::number);
    let model = config.build_in(&columns, DType::F64, Key::new(4)).unwrap();
    let rows = Key::new(5).normal([4, 3], DType::F64);
    let exact = log_evidence(&linear_gaussian(&model).unwrap(), &rows).unwrap();
    let found = Evaluator::new(1 << 15).rows(&model, &"iwae:40000".parse().unwrap(), 3, 0, &rows).unwrap();
    for (row, exact) in found.iter().zip(exact) {
        let (away, se) = (row.value - exact, row.se.unwrap());
        assert!(away.abs() < 3.0 * se, "{away} ± {se}, {:?}", row.pareto);
    }
}
