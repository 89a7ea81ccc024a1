//! What holds of the estimators for every model.

mod common;

use common::{linear_cases, mean, row};
use latents::estimator::{
    Sumo, dreg_encoder, effective_sample_size, elbo, elbo_of, iwae, iwae_of, log_weights, sandwich, sandwich_of, stl,
    upper_bound, upper_bound_of,
};
use latents::model::{LatentModel, LinearGaussian};
use pullback::{Key, Keys, Tensor, grad, leaves, vmap};

fn number(t: &Tensor) -> f64 {
    t.item::<f64>().unwrap()
}

/// Two scalars are equal but for rounding.
#[track_caller]
fn same(a: &Tensor, b: &Tensor) {
    assert!((number(a) - number(b)).abs() < 1e-12, "{} and {}", number(a), number(b));
}

const LOG_W: [f64; 6] = [-1.3, 0.4, -7.0, 2.2, 0.1, -0.6];

#[test]
fn a_factor_of_the_weights_shifts_every_estimate() {
    let (w, c) = (Tensor::from(LOG_W), 3.7);
    let (shifted, w0) = (&w + c, Tensor::scalar(0.9f64));
    let n = Tensor::scalar(6i32);
    let pairs = [
        (elbo_of(&w), elbo_of(&shifted)),
        (iwae_of(&w), iwae_of(&shifted)),
        (Sumo::default().of(&w, &n), Sumo::default().of(&shifted, &n)),
        (upper_bound_of(&w, &w0), upper_bound_of(&shifted, &(&w0 + c))),
    ];
    for (plain, shifted) in pairs {
        same(&(plain + c), &shifted);
    }
    same(&effective_sample_size(&w), &effective_sample_size(&shifted));
}

#[test]
fn an_order_of_the_samples_changes_no_symmetric_estimate() {
    let w = Tensor::from(LOG_W);
    let other = w.take(&Tensor::from([3i32, 0, 5, 1, 4, 2]));
    let w0 = Tensor::scalar(0.9f64);
    for f in [elbo_of, iwae_of, effective_sample_size] {
        same(&f(&w), &f(&other));
    }
    same(&upper_bound_of(&w, &w0), &upper_bound_of(&other, &w0));
    // SUMO is symmetric only in its first m samples.
    let n = Tensor::scalar(6i32);
    let within = w.take(&Tensor::from([3i32, 0, 2, 1, 4, 5]));
    let sumo = Sumo::default();
    same(&sumo.of(&w, &n), &sumo.of(&within, &n));
    assert!((number(&sumo.of(&w, &n)) - number(&sumo.of(&other, &n))).abs() > 1e-3);
}

#[test]
fn one_sample_is_the_elbo_and_the_bounds_are_ordered() {
    let one = Tensor::from([0.7f64]);
    same(&elbo_of(&one), &iwae_of(&one));
    let w = Tensor::from(LOG_W);
    assert!(number(&elbo_of(&w)) < number(&iwae_of(&w)), "Jensen");
    let s = sandwich_of(&w, &Tensor::scalar(9.0f64));
    same(&s.lower, &iwae_of(&w));
}

/// The first oracle case has one latent number: its proposal is the posterior.
#[test]
fn at_the_posterior_every_bound_is_the_evidence_and_every_gradient_0() {
    let case = &linear_cases()[0];
    for i in 0..3 {
        let x = row(&case.x, i);
        let exact = case.log_evidence[i as usize];
        let key = || Key::new(i as u64 + 40);
        let (z, _) = case.model.log_weight(key(), &x);
        let s = sandwich(key().split_n(9), &x, &z, &case.model);
        let (sumo, _) = Sumo::default().at(key(), &x, &case.model);
        let all = [
            elbo(key().split_n(5), &x, &case.model),
            iwae(key().split_n(5), &x, &case.model),
            stl(key().split_n(5), &x, &case.model),
            upper_bound(key().split_n(5), &x, &z, &case.model),
            s.lower,
            s.upper,
            sumo,
        ];
        for value in all {
            assert!((number(&value) - exact).abs() < 1e-11, "{} is not {exact}", number(&value));
        }
        assert!((number(&s.ess) - 1.0).abs() < 1e-11);
        let by_proposal = |f: &dyn Fn(&LinearGaussian) -> Tensor| {
            let at = |(a, proposal_logvar): (Tensor, Tensor)| {
                f(&LinearGaussian { a, proposal_logvar, ..case.model.clone() })
            };
            grad(at).call((case.model.a.clone(), case.model.proposal_logvar.clone()))
        };
        for slope in
            [by_proposal(&|m| dreg_encoder(key().split_n(5), &x, m)), by_proposal(&|m| stl(key().split_n(5), &x, m))]
        {
            for leaf in leaves(&slope) {
                assert!(leaf.tensor.to_vec::<f64>().unwrap().iter().all(|g| g.abs() < 1e-11), "{}", leaf.name);
            }
        }
    }
}

/// Increments of SUMO are 0 at the posterior, whatever their weights.
#[test]
fn equal_weights_make_sumo_exact_for_every_count() {
    for n in [5, 6, 20, 90, 150] {
        let w = Tensor::full(-1234.5, pullback::DType::F64, [n]);
        let value = number(&Sumo::default().of(&w, &Tensor::scalar(n as i32)));
        assert!((value + 1234.5).abs() < 1e-7, "{n}: {value}");
    }
}

/// The oracle's model with a proposal that is off.
fn off() -> (LinearGaussian, Tensor, f64) {
    let case = linear_cases().swap_remove(1);
    let model =
        LinearGaussian { a: &case.model.a * 0.7, proposal_logvar: &case.model.proposal_logvar + 0.6, ..case.model };
    (model, row(&case.x, 0), case.log_evidence[0])
}

#[test]
fn lower_bounds_lie_below_and_rise() {
    let (model, x, exact) = off();
    let mut before = f64::NEG_INFINITY;
    for k in [1, 2, 4, 8, 32] {
        let values = vmap(|key: Key| iwae(key.split_n(k), &x, &model)).call(Key::new(k as u64).split_n(8000));
        let (mean, se) = mean(&values.to_vec::<f64>().unwrap());
        assert!(mean < exact + 3.0 * se, "L_{k} {mean} ± {se} above {exact}");
        assert!(mean > before - 4.0 * se, "L_{k} {mean} ± {se} below {before}");
        before = mean;
    }
    assert!(exact - before < 0.1, "L_32 {before} is far from {exact}");
}

#[test]
fn bounds_of_ancestral_examples_lie_on_their_sides() {
    let (model, _, _) = off();
    let case = linear_cases().swap_remove(1);
    // E log p(x) of the model's own examples: -½ (d log 2π + log det C + d).
    let c = model.w.dot(&model.w.t()).to_vec::<f64>().unwrap();
    let noise = model.logvar.exp().to_vec::<f64>().unwrap();
    let m = |i: usize, j: usize| c[3 * i + j] + if i == j { noise[i] } else { 0.0 };
    let det = m(0, 0) * (m(1, 1) * m(2, 2) - m(1, 2) * m(2, 1)) - m(0, 1) * (m(1, 0) * m(2, 2) - m(1, 2) * m(2, 0))
        + m(0, 2) * (m(1, 0) * m(2, 1) - m(1, 1) * m(2, 0));
    let exact = -0.5 * (3.0 * (2.0 * std::f64::consts::PI).ln() + det.ln() + 3.0);
    let one = |key: Key| {
        let (ancestral, proposal) = key.split();
        let (z, x) = model.ancestral(ancestral);
        let s = sandwich(proposal.split_n(6), &x, &z, &model);
        (s.lower, s.upper)
    };
    let (lower, upper) = vmap(one).call(Key::new(77).split_n(20_000));
    let (lower, upper) = (mean(&lower.to_vec::<f64>().unwrap()), mean(&upper.to_vec::<f64>().unwrap()));
    assert!(lower.0 + 3.0 * lower.1 < exact, "{lower:?} is not below {exact}");
    assert!(upper.0 - 3.0 * upper.1 > exact, "{upper:?} is not above {exact}");
    assert_eq!(case.log_evidence.len(), 3);
}

/// The mean of an estimator's gradient in the proposal's log-variances, added up, and its standard error.
fn slope(f: fn(Keys, &Tensor, &LinearGaussian) -> Tensor, samples: usize, seed: u64) -> (f64, f64) {
    let (model, x, _) = off();
    // The key is an argument beside the one that is differentiated.
    let at = |proposal_logvar: Tensor, key: Key| {
        f(key.split_n(samples), &x, &LinearGaussian { proposal_logvar, ..model.clone() })
    };
    let one = |key: Key| grad(at).call((model.proposal_logvar.clone(), key)).sum();
    mean(&vmap(one).call(Key::new(seed).split_n(20_000)).to_vec::<f64>().unwrap())
}

/// How many standard errors two means are apart.
fn apart(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).abs() / a.1.hypot(b.1)
}

#[test]
fn the_plain_gradient_of_the_elbo_and_stl_agree_in_the_mean() {
    let (plain, path) = (slope(elbo, 1, 1), slope(stl, 1, 2));
    assert!(apart(plain, path) < 4.0, "{plain:?} {path:?}");
}

#[test]
fn dreg_is_the_gradient_of_the_bound_in_the_mean() {
    let (plain, dreg, biased) = (slope(iwae, 5, 1), slope(dreg_encoder, 5, 2), slope(stl, 5, 3));
    assert!(apart(plain, dreg) < 4.0, "{plain:?} {dreg:?}");
    assert!(dreg.1 < plain.1, "DReG varies less: {} against {}", dreg.1, plain.1);
    assert!(apart(plain, biased) > 4.0, "STL is biased for 5 weighted samples");
}

#[test]
fn log_weights_are_one_for_each_key() {
    let (model, x, _) = off();
    let all = log_weights(Key::new(3).split_n(4), &x, &model).to_vec::<f64>().unwrap();
    let count = Tensor::scalar(4i32);
    let ragged = log_weights(Key::new(3).split_rows(&count), &x, &model).to_vec::<f64>().unwrap();
    assert_eq!(all, ragged);
    assert_eq!(all.len(), 4);
}
