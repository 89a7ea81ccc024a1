//! A small model of the 8x8 digits: what it reaches on held-out rows, and what it is better than.

use latents::data::{ReadOptions, read};
use latents::run::FitConfig;
use std::path::Path;

#[test]
fn held_out_digits_are_as_likely_as_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/digits.csv.gz");
    let options = ReadOptions { without: vec!["65".to_owned()], ..ReadOptions::default() };
    let table = read(&path, &options).expect("digits");
    assert_eq!((table.rows(), table.width()), (1797, 64));
    let config = FitConfig::resolve(
        "[data]\nbinarise = { fixed = { seed = 0 } }\n[model]\nlikelihood = 'bernoulli'",
        &[
            "latent=8",
            "hidden=64",
            "epochs=40",
            "batch=64",
            "bound=iwae:5",
            "rate=3e-3",
            "evaluation.estimator=iwae:200",
        ],
    )
    .expect("a configuration");
    let fitted = latents::fit(&table, &config).expect("fits");
    let figures = fitted.header().figures.as_ref().expect("test rows");
    let (model, bernoulli) = (&figures.model, &figures.baselines[0]);
    eprintln!("{:.3} ± {:.3}, baseline {:.3}", model.log_density, model.standard_error, bernoulli.log_density);
    // What this seed gave when the test was written; the arithmetic of other processors may move it a little.
    assert!((model.log_density - REACHED).abs() < 0.3, "{}", model.log_density);
    assert!(model.log_density > bernoulli.log_density + 3.0, "{}", bernoulli.log_density);
}

/// Nats per row.
const REACHED: f64 = -23.80;
