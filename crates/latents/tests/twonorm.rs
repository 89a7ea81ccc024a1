//! Breiman's twonorm, whose density is known: `x ~ ½ N(a 1, I) + ½ N(-a 1, I)`, `a = 2 / √20`, in twenty dimensions.

use latents::data::{Column, Table};
use latents::run::FitConfig;
use pullback::{DType, Key};

const DIM: usize = 20;

fn twonorm(key: Key, n: usize) -> Table {
    let (noise, side) = key.split();
    let noise = noise.normal([n, DIM], DType::F64).to_vec::<f64>().expect("values");
    let side = side.uniform([n], DType::F64).to_vec::<f64>().expect("values");
    let a = 2.0 / (DIM as f64).sqrt();
    let values = noise.iter().enumerate().map(|(i, x)| x + if side[i / DIM] < 0.5 { a } else { -a }).collect();
    Table::new((1..=DIM).map(|j| Column::number(format!("x{j}"))).collect(), values).expect("a table")
}

fn log_density(row: &[f64]) -> f64 {
    let a = 2.0 / (DIM as f64).sqrt();
    let part = |sign: f64| -0.5 * row.iter().map(|x| (x - sign * a).powi(2)).sum::<f64>();
    let (left, right) = (part(-1.0), part(1.0));
    let most = left.max(right);
    most + (((left - most).exp() + (right - most).exp()) * 0.5).ln()
        - 0.5 * DIM as f64 * (2.0 * std::f64::consts::PI).ln()
}

#[test]
fn held_out_rows_are_nearly_as_likely_as_they_truly_are() {
    let (train, test) = Key::new(0).split();
    let (train, test) = (twonorm(train, 4000), twonorm(test, 1000));
    let config = FitConfig::resolve(
        "[data]\ntest = 0.0",
        &["latent=2", "hidden=32", "epochs=50", "bound=iwae:5", "rate=3e-3", "evaluation.estimator=iwae:100"],
    )
    .expect("a configuration");
    let fitted = latents::fit(&train, &config).expect("fits");
    let scores = fitted.score(&test).expect("scores");
    let gaps: Vec<f64> = scores.rows.iter().enumerate().map(|(i, r)| log_density(test.row(i)) - r.value).collect();
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let se = (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
    eprintln!("true minus model: {mean:.4} ± {se:.4} nats per row, model {:.4}", scores.evidence.mean);
    // The gap is the forward KL and that of the bound, so it is not below 0 but for noise; a Gaussian is at 0.17.
    assert!(mean > -4.0 * se && mean < 0.15, "{mean} ± {se}");
}
