//! The model that a configuration describes.

mod common;

use latents::data::Column;
use latents::estimator::{analytic_elbo, iwae, log_weights};
use latents::model::{
    Density, Family, LIKELIHOODS, LatentModel, Likelihood, LogScale, ModelConfig, NoClosedForm, POSTERIORS, PRIORS,
    Posterior, Prior,
};
use latents::nn::{Dense, GaussianNet, LOGVAR_BOUND};
use latents::objective::{Bound, EncoderGradient, Estimation, Update};
use latents::optim::{Adam, Schedule};
use pullback::{DType, Key, Rows, Tensor, jit, vmap};

fn numbers(n: usize) -> Vec<Column> {
    (0..n).map(|i| Column::number(format!("x{i}"))).collect()
}

fn config(json: &str) -> ModelConfig {
    serde_json::from_str(json).unwrap()
}

/// What every configuration must do: build, draw, weigh, and train with one compile for all numbers of rows.
fn trains(json: &str, columns: &[Column], row: impl Fn(Key) -> Tensor) -> Density {
    let model = config(json).build(columns, Key::new(0)).unwrap_or_else(|e| panic!("{json}: {e}"));
    let (z, x) = model.ancestral(Key::new(1));
    assert_eq!(x.shape().known(), Some(vec![columns.len()]), "{json}");
    assert!(model.log_weight_of(&x, &z).item::<f32>().unwrap().is_finite(), "{json}");
    assert_eq!(model.reconstruct(&x, Key::new(2)).shape().known(), Some(vec![columns.len()]), "{json}");
    let fit = Estimation {
        bound: Bound::Iwae { samples: 3 },
        proposal: None,
        encoder_gradient: EncoderGradient::Dreg,
        update: Update { adam: Adam::new(Schedule::Constant(1e-2)), clip: Some(10.0) },
    };
    let step = jit(|state, key: Key, Rows(rows): Rows<Tensor>| fit.step(&state, key, &rows));
    let mut state = fit.init(model);
    let (mut first, mut last) = (0.0, 0.0);
    for i in 0..60u32 {
        let (data, noise) = Key::new(3).fold_in(i).split();
        let rows = vmap(&row).call(data.split_n(16 + i as usize % 3));
        let (next, metrics) = step.call((state, noise, Rows(rows))).unwrap_or_else(|e| panic!("{json}: {e}"));
        state = next;
        let value = metrics.log_evidence.item::<f32>().unwrap();
        assert!(value.is_finite(), "{json}: step {i}");
        match i {
            0..10 => first += value / 10.0,
            50.. => last += value / 10.0,
            _ => (),
        }
    }
    assert_eq!(step.compiles(), 1, "{json}");
    assert_eq!(state.adam.step.item::<i32>().unwrap(), 60, "{json}: an update was left out");
    assert!(last > first, "{json}: from {first} to {last}");
    state.model
}

#[test]
fn one_and_two_stochastic_layers_train() {
    let row = |key: Key| key.normal([3], DType::F32) * 0.3 + 1.0;
    for latent in ["[2]", "[3, 2]", "[3, 2, 2]"] {
        trains(&format!(r#"{{ "latent": {latent}, "hidden": [8] }}"#), &numbers(3), row);
    }
    let bits = |key: Key| key.bernoulli(0.8, [3]).cast(DType::F32);
    trains(r#"{ "latent": [2], "hidden": [8], "likelihood": "bernoulli" }"#, &numbers(3), bits);
}

/// The weights of two layers: their mean over many samples does not depend on the proposal.
#[test]
fn two_layers_have_the_evidence_of_any_proposal() {
    let model =
        config(r#"{ "latent": [2, 1], "hidden": [4] }"#).build_in(&numbers(1), DType::F64, Key::new(5)).unwrap();
    let other =
        config(r#"{ "latent": [2, 1], "hidden": [4] }"#).build_in(&numbers(1), DType::F64, Key::new(6)).unwrap();
    let other = Density { encoder: other.encoder, ..model.clone() };
    let x = Tensor::from([0.4f64]);
    let value = |model: &Density| iwae(Key::new(7).split_n(40_000), &x, model).item::<f64>().unwrap();
    assert!((value(&model) - value(&other)).abs() < 0.03, "{} {}", value(&model), value(&other));
}

#[test]
fn every_likelihood_trains() {
    let number = |i: usize| Column::number(format!("x{i}"));
    let category = |i: usize, n: usize| Column::categories(format!("c{i}"), (0..n).map(|j| j.to_string()).collect());
    let normal = |key: Key| key.normal([3], DType::F32) * 0.3 + 1.0;
    let count = |key: Key| (key.normal([3], DType::F32) * 2.0 + 5.0).floor().maximum(0.0);
    let of = |likelihood: &str| format!(r#"{{ "latent": [2], "hidden": [8], "likelihood": {likelihood} }}"#);
    for likelihood in [
        r#""gaussian""#,
        r#"{ "name": "gaussian", "scale": "learned" }"#,
        r#"{ "name": "gaussian", "scale": 0.5 }"#,
        r#""student-t""#,
    ] {
        trains(&of(likelihood), &numbers(3), normal);
    }
    for likelihood in
        [r#""poisson""#, r#""negative-binomial""#, r#"{ "name": "discretized-logistic", "low": 0, "high": 20 }"#]
    {
        trains(&of(likelihood), &numbers(3), count);
    }
    let dice = |key: Key| (key.uniform([3], DType::F32) * 1.8).floor();
    trains(&of(r#""categorical""#), &[category(0, 3), category(1, 3), category(2, 4)], dice);
    // Columns of one likelihood that are not neighbours, one named, the others by their kind.
    let columns = [number(0), category(1, 3), number(2), category(3, 3), number(4)];
    let rows = |key: Key| {
        let (a, b, c) = key.split3();
        let (a, b) = (a.normal([2], DType::F32) * 0.3 + 1.0, (b.uniform([2], DType::F32) * 1.8).floor());
        let part = |x: &Tensor, i: usize| x.slice(0, i, i + 1);
        let c = (c.normal([1], DType::F32) + 5.0).floor().maximum(0.0);
        Tensor::concat(&[&part(&a, 0), &part(&b, 0), &c, &part(&b, 1), &part(&a, 1)], 0)
    };
    let model = trains(&of(r#"{ "name": "mixed", "columns": { "x2": "poisson" } }"#), &columns, rows);
    let columns: Vec<&[usize]> = model.decoder.heads.iter().map(|head| &head.columns[..]).collect();
    assert_eq!(columns, [&[0, 4][..], &[1, 3], &[2]]);
    let x = model.ancestral(Key::new(9)).1.to_vec::<f32>().unwrap();
    assert!([x[1], x[3]].iter().all(|c| [0.0, 1.0, 2.0].contains(c)) && x[2].fract() == 0.0, "{x:?}");
}

#[test]
fn every_prior_and_posterior_trains() {
    let row = |key: Key| key.normal([3], DType::F32) * 0.3 + 1.0;
    for rest in [
        r#""prior": { "name": "mixture", "components": 3 }"#,
        r#""posterior": "full""#,
        r#""prior": "mixture", "posterior": "full", "activation": "relu", "init": "he-normal", "between": [5, 4]"#,
    ] {
        for latent in ["[3]", "[3, 2]"] {
            trains(&format!(r#"{{ "latent": {latent}, "hidden": [8, 6], {rest} }}"#), &numbers(3), row);
        }
    }
}

/// The linear network that is `x W + b`.
fn linear(w: &Tensor, b: &Tensor) -> Dense {
    Dense { w: w.clone(), b: b.clone() }
}

/// A density without hidden layers, whose likelihood is the oracle's linear Gaussian.
fn linear_gaussian(case: &common::Linear, posterior: &str) -> Density {
    let sizes = case.model.w.shape().known().unwrap();
    let (d, latent) = (sizes[0], sizes[1]);
    let text = format!(
        r#"{{ "latent": [{latent}], "hidden": [], "posterior": "{posterior}", "likelihood": {{ "name": "gaussian", "scale": "learned" }} }}"#
    );
    let mut model = config(&text).build_in(&numbers(d), DType::F64, Key::new(0)).unwrap();
    let bound = |v: &Tensor, c: f64| {
        Tensor::from(v.to_vec::<f64>().unwrap().iter().map(|v| c * (v / c).atanh()).collect::<Vec<_>>())
    };
    model.decoder.heads[0].family = Family::Gaussian {
        mean: linear(&case.model.w.t(), &case.model.b),
        log_scale: LogScale::Learned(bound(&(&case.model.logvar * 0.5), LOGVAR_BOUND / 2.0)),
    };
    let zero = |shape: &[usize]| Tensor::full(0.0, DType::F64, pullback::Shape::of(shape));
    let net = &mut model.encoder[0].gaussian;
    net.mean = linear(&case.model.a.t(), &-case.model.b.dot(&case.model.a.t()));
    net.logvar = linear(&zero(&[d, latent]), &bound(&case.model.proposal_logvar, LOGVAR_BOUND));
    model
}

/// The weights of the built model are those of the plain one, whatever the network's form.
#[test]
fn a_density_without_hidden_layers_is_the_linear_gaussian() {
    for case in common::linear_cases() {
        let model = linear_gaussian(&case, "diagonal");
        for i in 0..3 {
            let x = common::row(&case.x, i);
            let z = model.sample_prior(Key::new(i as u64));
            let gap = model.log_weight_of(&x, &z) - case.model.log_weight_of(&x, &z);
            assert!(gap.item::<f64>().unwrap().abs() < 1e-9, "{:?}", gap);
        }
    }
}

/// The full posterior of a linear Gaussian is exact: each weight is the evidence, where the diagonal one's are not.
#[test]
fn a_full_covariance_reaches_the_posterior_that_a_diagonal_one_cannot() {
    let case = common::linear_cases().swap_remove(1);
    let diagonal = linear_gaussian(&case, "diagonal");
    let mut model = linear_gaussian(&case, "full");
    // The posterior's covariance S = (I + Wᵀ diag(1/noise) W)⁻¹ in two dimensions, and its Cholesky factor
    // diag(s) (I + N).
    let (w, noise) = (case.model.w.to_vec::<f64>().unwrap(), case.model.logvar.exp().to_vec::<f64>().unwrap());
    let p = |i: usize, j: usize| {
        f64::from(u8::from(i == j)) + (0..noise.len()).map(|k| w[2 * k + i] * w[2 * k + j] / noise[k]).sum::<f64>()
    };
    let det = p(0, 0) * p(1, 1) - p(0, 1) * p(0, 1);
    let s = [p(1, 1) / det, -p(0, 1) / det, p(0, 0) / det];
    let rest = s[2] - s[1] * s[1] / s[0];
    let unbound = |v: f64| LOGVAR_BOUND * (v / LOGVAR_BOUND).atanh();
    model.encoder[0].gaussian.logvar.b = Tensor::from([unbound(s[0].ln()), unbound(rest.ln())]);
    let below = s[1] / s[0].sqrt() / rest.sqrt();
    let lower = model.encoder[0].lower.as_mut().unwrap();
    lower.b = Tensor::from([0.0, 0.0, below, 0.0]);
    for i in 0..3 {
        let x = common::row(&case.x, i);
        let exact = case.log_evidence[i as usize];
        let of =
            |model: &Density, seed: u64| log_weights(Key::new(seed).split_n(50), &x, model).to_vec::<f64>().unwrap();
        assert!(of(&model, 1).iter().all(|l| (l - exact).abs() < 1e-9), "{:?} {exact}", &of(&model, 1)[..3]);
        assert!(of(&diagonal, 1).iter().any(|l| (l - exact).abs() > 0.05));
        // At the posterior the sampled ELBO is exact; the one with the divergence in closed form has its mean.
        let analytic = |key: Key| analytic_elbo(key.split_n(4), &x, &model).unwrap();
        let (mean, se) = common::mean(&vmap(analytic).call(Key::new(2).split_n(4000)).to_vec::<f64>().unwrap());
        assert!((mean - exact).abs() < 4.0 * se, "{mean} ± {se}, not {exact}");
    }
}

/// `z₂ ~ N(0, 1)`, `z₁ ~ N(a z₂, s²)`, `x ~ N(b z₁, t²)`: the evidence is `N(0, b² (a² + s²) + t²)`.
#[test]
fn two_linear_layers_have_their_exact_evidence() {
    let text = r#"{ "latent": [1, 1], "hidden": [], "likelihood": { "name": "gaussian", "scale": 0.7 } }"#;
    let mut model = config(text).build_in(&numbers(1), DType::F64, Key::new(0)).unwrap();
    let (a, b, s2, t2) = (0.8f64, 1.3f64, 0.5f64, 0.49f64);
    let dense = |w: f64, b: f64| Dense { w: Tensor::from([[w]]), b: Tensor::from([b]) };
    let unbound = |v: f64| LOGVAR_BOUND * (v / LOGVAR_BOUND).atanh();
    model.between[0].mean = dense(a, 0.0);
    model.between[0].logvar = dense(0.0, unbound(s2.ln()));
    let Family::Gaussian { mean, .. } = &mut model.decoder.heads[0].family else { panic!("a Gaussian") };
    *mean = dense(b, 0.0);
    // The posterior: z₁ | x with prior variance a² + s², then z₂ | z₁.
    let v1 = a * a + s2;
    let total = b * b * v1 + t2;
    let set = |net: &mut GaussianNet, slope: f64, variance: f64| {
        net.mean = dense(slope, 0.0);
        net.logvar = dense(0.0, unbound(variance.ln()));
    };
    set(&mut model.encoder[0].gaussian, b * v1 / total, v1 * t2 / total);
    set(&mut model.encoder[1].gaussian, a / v1, s2 / v1);
    let x = Tensor::from([0.9f64]);
    let exact = -0.5 * ((2.0 * std::f64::consts::PI * total).ln() + 0.81 / total);
    let all = log_weights(Key::new(1).split_n(100), &x, &model).to_vec::<f64>().unwrap();
    assert!(all.iter().all(|l| (l - exact).abs() < 1e-9), "{:?}, not {exact}", &all[..3]);
    // Ancestral draws of x have the evidence's variance.
    let draws = vmap(|key: Key| model.ancestral(key).1.sum().square()).call(Key::new(2).split_n(20_000));
    let (variance, se) = common::mean(&draws.to_vec::<f64>().unwrap());
    assert!((variance - total).abs() < 4.0 * se, "{variance} ± {se}, not {total}");
    // Off the posterior: below the evidence, and nearer with more samples.
    set(&mut model.encoder[1].gaussian, 0.0, 2.0);
    let mean = |k: usize| {
        let values = vmap(|key: Key| iwae(key.split_n(k), &x, &model)).call(Key::new(3).split_n(4000));
        common::mean(&values.to_vec::<f64>().unwrap())
    };
    let (few, many) = (mean(2), mean(64));
    assert!(few.0 + 3.0 * few.1 < many.0 && many.0 < exact + 3.0 * many.1, "{few:?} {many:?} {exact}");
    assert!(exact - many.0 < 0.05);
    assert!(matches!(model.closed_form().err(), Some(NoClosedForm::Layers { layers: 2 })));
}

#[test]
fn wrong_configurations_are_refused() {
    let columns = [Column::number("a"), Column::categories("b", vec!["x".into(), "y".into()])];
    let message = |json: &str, columns: &[Column]| config(json).check(columns).unwrap_err().to_string();
    assert!(message("{}", &[]).contains("no columns"));
    assert!(message(r#"{ "latent": [] }"#, &columns[..1]).contains("[100, 50]"));
    assert!(message(r#"{ "latent": [3, 0] }"#, &columns[..1]).contains("stochastic layer"));
    assert!(message(r#"{ "hidden": [0] }"#, &columns[..1]).contains("hidden layer"));
    assert!(message(r#"{ "prior": { "name": "mixture", "components": 0 } }"#, &columns[..1]).contains("mixture"));
    assert!(message("{}", &columns).contains("`b`") && message("{}", &columns).contains("mixed"));
    assert!(message(r#"{ "likelihood": "categorical" }"#, &columns).contains("`a`"));
    let unknown = message(r#"{ "likelihood": { "name": "mixed", "columns": { "c": "poisson" } } }"#, &columns);
    assert!(unknown.contains("`c`") && unknown.contains("`a`, `b`"), "{unknown}");
    let within = r#"{ "likelihood": { "name": "mixed", "columns": { "a": "mixed" } } }"#;
    assert!(message(within, &columns).contains("takes one of the others"));
    let bins = r#"{ "likelihood": { "name": "discretized-logistic", "low": 3, "high": 3 } }"#;
    assert!(message(bins, &columns[..1]).contains("3 to 3"));
    for text in [
        r#"{ "latent_dim": 3 }"#,
        r#"{ "likelihood": "gausian" }"#,
        r#"{ "likelihood": { "name": "gaussian", "scale": -1.0 } }"#,
        r#"{ "likelihood": { "name": "gaussian", "width": 1.0 } }"#,
        r#"{ "prior": "uniform" }"#,
        r#"{ "posterior": "flow" }"#,
        r#"{ "activation": "gelu" }"#,
    ] {
        assert!(serde_json::from_str::<ModelConfig>(text).is_err(), "{text}");
    }
}

#[test]
fn every_row_of_the_tables_is_spelled_and_read_back() {
    for row in LIKELIHOODS {
        let likelihood = (row.new)();
        assert_eq!(likelihood.name(), row.name);
        assert_eq!(row.name.parse::<Likelihood>().unwrap(), likelihood);
        let text = serde_json::to_string(&likelihood).unwrap();
        assert_eq!(serde_json::from_str::<Likelihood>(&text).unwrap(), likelihood, "{text}");
    }
    for row in PRIORS {
        let text = serde_json::to_string(&(row.new)()).unwrap();
        assert_eq!(serde_json::from_str::<Prior>(&text).unwrap(), row.name.parse().unwrap(), "{text}");
    }
    for row in POSTERIORS {
        let text = format!("\"{}\"", row.name);
        assert_eq!(serde_json::from_str::<Posterior>(&text).unwrap(), row.name.parse().unwrap());
    }
    let config = ModelConfig { between: Some(vec![3]), ..ModelConfig::default() };
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<ModelConfig>(&text).unwrap(), config);
}

#[test]
fn values_without_a_probability_are_refused_by_row_and_column() {
    let columns = numbers(2);
    let refused = |likelihood: &str, values: &[f64]| {
        let likelihood: Likelihood = serde_json::from_str(likelihood).unwrap();
        likelihood.check(&columns, values).unwrap_err().to_string()
    };
    let fine = |likelihood: &str, values: &[f64]| {
        serde_json::from_str::<Likelihood>(likelihood).unwrap().check(&columns, values).unwrap();
    };
    fine(r#""poisson""#, &[0.0, 1.0, 1e6, 3.0]);
    assert!(refused(r#""poisson""#, &[0.0, 1.0, -1.0, 3.0]).starts_with("row 2, column `x0`: -1"));
    assert!(refused(r#""negative-binomial""#, &[0.0, 0.5]).starts_with("row 1, column `x1`: 0.5"));
    fine(r#""bernoulli""#, &[0.0, 1.0]);
    assert!(refused(r#""bernoulli""#, &[0.0, 0.5]).contains("binarisation"));
    fine(r#""discretized-logistic""#, &[0.0, 255.0]);
    assert!(refused(r#""discretized-logistic""#, &[0.0, 256.0]).contains("from 0 to 255"));
    assert!(refused(r#""gaussian""#, &[0.0, f64::NAN]).contains("finite"));
    assert!(refused(r#"{ "name": "mixed", "columns": { "x1": "poisson" } }"#, &[0.5, 0.5]).contains("column `x1`"));
}
