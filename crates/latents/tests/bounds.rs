//! What holds of the bounds that a fit raises, and of their gradients in the model and in the proposal.

mod common;

use common::{linear_cases, mean, row};
use latents::estimator::{Sumo, ciwae_of, elbo_of, iwae_of, miwae_of};
use latents::model::LinearGaussian;
use latents::objective::{Bound, EncoderGradient, Estimation, EstimationError, Update};
use latents::optim::{Adam, Schedule};
use pullback::{Key, Tensor, grad, vmap};

const LOG_W: [f64; 6] = [-1.3, 0.4, -7.0, 2.2, 0.1, -0.6];

const ELBO: Bound = Bound::Elbo { samples: 6 };
const ANALYTIC: Bound = Bound::AnalyticElbo { samples: 6 };
const IWAE: Bound = Bound::Iwae { samples: 6 };
const MIWAE: Bound = Bound::Miwae { groups: 2, samples: 3 };
const CIWAE: Bound = Bound::Ciwae { beta: 0.3, samples: 6 };

fn number(t: &Tensor) -> f64 {
    t.item::<f64>().unwrap()
}

fn fit(bound: Bound, proposal: Option<Bound>, encoder_gradient: EncoderGradient) -> Estimation {
    let update = Update { adam: Adam::new(Schedule::Constant(1e-3)), clip: None };
    Estimation { bound, proposal, encoder_gradient, update }
}

/// The oracle's model with a proposal that is off.
fn off() -> (LinearGaussian, Tensor, f64) {
    let case = linear_cases().swap_remove(1);
    let model =
        LinearGaussian { a: &case.model.a * 0.7, proposal_logvar: &case.model.proposal_logvar + 0.6, ..case.model };
    (model, row(&case.x, 0), case.log_evidence[0])
}

/// The gradient in what is the model's alone, `W` and `v`, and in what is the proposal's alone, `A` and `s`; one
/// after the other.
fn gradients(fit: &Estimation, key: Key, x: &Tensor, model: &LinearGaussian) -> (Tensor, Tensor) {
    let words = key.into_tensor();
    let slope = |model: LinearGaussian| fit.example(Key::from_tensor(words.clone()), x, &model).1;
    let g = grad(slope).call(model.clone());
    let flat = |a: &Tensor, n: usize, b: &Tensor| Tensor::concat(&[&a.reshape([n]), b], 0);
    (flat(&g.w, 6, &g.logvar), flat(&g.a, 6, &g.proposal_logvar))
}

fn same(what: &str, a: &Tensor, b: &Tensor) {
    let (a, b) = (a.to_vec::<f64>().unwrap(), b.to_vec::<f64>().unwrap());
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-10 * b.abs().max(1.0)), "{what}: {a:?} {b:?}");
    assert!(a.iter().any(|a| a.abs() > 1e-6), "{what}: all zero");
}

#[test]
fn the_ends_of_the_families_are_their_members() {
    let w = Tensor::from(LOG_W);
    let pairs = [
        (miwae_of(&w, 1), iwae_of(&w)),
        (miwae_of(&w, 6), elbo_of(&w)),
        (ciwae_of(&w, 0.0), iwae_of(&w)),
        (ciwae_of(&w, 1.0), elbo_of(&w)),
    ];
    for (a, b) in pairs {
        assert!((number(&a) - number(&b)).abs() < 1e-12);
    }
    assert!(number(&miwae_of(&w, 2)) < number(&iwae_of(&w)) && number(&miwae_of(&w, 2)) > number(&elbo_of(&w)));
    // Groups are neighbours, and an order within one changes nothing.
    let swapped = w.take(&Tensor::from([1i32, 2, 0, 5, 4, 3]));
    assert!((number(&miwae_of(&w, 2)) - number(&miwae_of(&swapped, 2))).abs() < 1e-12);
    let across = w.take(&Tensor::from([3i32, 1, 2, 0, 4, 5]));
    assert!((number(&miwae_of(&w, 2)) - number(&miwae_of(&across, 2))).abs() > 1e-3);
    let c = 3.7;
    for f in [(|w| miwae_of(w, 3)) as fn(&Tensor) -> Tensor, |w| ciwae_of(w, 0.4)] {
        assert!((number(&f(&w)) + c - number(&f(&(&w + c)))).abs() < 1e-12);
    }
}

#[test]
fn the_ends_of_the_families_have_their_members_gradients() {
    let (model, x, _) = off();
    let of = |bound, gradient| gradients(&fit(bound, None, gradient), Key::new(3), &x, &model);
    for gradient in [EncoderGradient::Plain, EncoderGradient::Dreg] {
        let pairs = [(Bound::Miwae { groups: 1, samples: 6 }, IWAE), (Bound::Ciwae { beta: 0.0, samples: 6 }, IWAE)];
        for (a, b) in pairs {
            let ((a_model, a_q), (b_model, b_q)) = (of(a, gradient), of(b, gradient));
            same(&format!("{a} {gradient}, model"), &a_model, &b_model);
            same(&format!("{a} {gradient}, proposal"), &a_q, &b_q);
        }
    }
    // With one sample in each group DReG is the path derivative of the ELBO.
    let stl = of(ELBO, EncoderGradient::Stl);
    for bound in [Bound::Miwae { groups: 6, samples: 1 }, Bound::Ciwae { beta: 1.0, samples: 6 }] {
        let dreg = of(bound, EncoderGradient::Dreg);
        same(&format!("{bound}, model"), &dreg.0, &stl.0);
        same(&format!("{bound}, proposal"), &dreg.1, &stl.1);
    }
}

/// The gradient of a fit with two bounds is the one's in the model and the other's in the proposal.
#[test]
fn model_and_proposal_each_raise_their_own_bound() {
    let (model, x, _) = off();
    let bounds = [ELBO, ANALYTIC, IWAE, MIWAE, CIWAE];
    let alone = |bound| gradients(&fit(bound, None, EncoderGradient::Plain), Key::new(5), &x, &model);
    for a in bounds {
        for b in bounds {
            let both = gradients(&fit(a, Some(b), EncoderGradient::Plain), Key::new(5), &x, &model);
            same(&format!("{a} of the model, beside {b}"), &both.0, &alone(a).0);
            same(&format!("{b} of the proposal, beside {a}"), &both.1, &alone(b).1);
            let value = number(&fit(a, Some(b), EncoderGradient::Plain).example(Key::new(5), &x, &model).0);
            let expected = number(&fit(a, None, EncoderGradient::Plain).example(Key::new(5), &x, &model).0);
            assert!((value - expected).abs() < 1e-12, "{a} beside {b}: {value} {expected}");
        }
        // The encoder's gradient is no matter of the model's.
        let both = gradients(&fit(a, Some(IWAE), EncoderGradient::Dreg), Key::new(5), &x, &model);
        same(&format!("{a} of the model, beside DReG"), &both.0, &alone(a).0);
        let dreg = gradients(&fit(IWAE, None, EncoderGradient::Dreg), Key::new(5), &x, &model);
        same(&format!("DReG beside {a}"), &both.1, &dreg.1);
    }
    let sumo = fit(Bound::Sumo(Sumo::default()), Some(MIWAE), EncoderGradient::Dreg);
    sumo.check().unwrap();
    let (model_slope, proposal_slope) = gradients(&sumo, Key::new(5), &x, &model);
    assert!(number(&model_slope.square().sum()) > 0.0 && number(&proposal_slope.square().sum()) > 0.0);
}

/// The first oracle case has one latent number: its proposal is the posterior.
#[test]
fn at_the_posterior_every_bound_is_the_evidence_and_every_path_derivative_0() {
    let case = &linear_cases()[0];
    for i in 0..3 {
        let (x, exact) = (row(&case.x, i), case.log_evidence[i as usize]);
        for (bound, gradient) in [
            (ELBO, EncoderGradient::Stl),
            (IWAE, EncoderGradient::Dreg),
            (MIWAE, EncoderGradient::Dreg),
            (CIWAE, EncoderGradient::Dreg),
        ] {
            let fit = fit(bound, None, gradient);
            let value = number(&fit.example(Key::new(i as u64), &x, &case.model).0);
            assert!((value - exact).abs() < 1e-11, "{bound}: {value} is not {exact}");
            let slope = |(a, proposal_logvar): (Tensor, Tensor)| {
                let model = LinearGaussian { a, proposal_logvar, ..case.model.clone() };
                fit.example(Key::new(i as u64), &x, &model).1
            };
            let (a, s) = grad(slope).call((case.model.a.clone(), case.model.proposal_logvar.clone()));
            let all = [a.to_vec::<f64>().unwrap(), s.to_vec::<f64>().unwrap()].concat();
            assert!(all.iter().all(|g| g.abs() < 1e-11), "{bound} {gradient}: {all:?}");
        }
    }
}

/// Means and standard errors of the sum of the proposal's gradient, over many keys.
fn proposal_slope(fit: &Estimation, x: &Tensor, model: &LinearGaussian, seed: u64) -> (f64, f64) {
    let one = |key: Key| gradients(fit, key, x, model).1.sum();
    mean(&vmap(one).call(Key::new(seed).split_n(20_000)).to_vec::<f64>().unwrap())
}

#[test]
fn every_allowed_encoder_gradient_has_the_mean_of_the_plain_one() {
    let (model, x, _) = off();
    let table = [
        (ELBO, ELBO, EncoderGradient::Stl),
        (ANALYTIC, ELBO, EncoderGradient::Plain),
        (IWAE, IWAE, EncoderGradient::Dreg),
        (MIWAE, Bound::Iwae { samples: 3 }, EncoderGradient::Dreg),
        (CIWAE, CIWAE, EncoderGradient::Dreg),
    ];
    for (i, (bound, plain, gradient)) in table.into_iter().enumerate() {
        let found = proposal_slope(&fit(bound, None, gradient), &x, &model, 10 + i as u64);
        let plain = proposal_slope(&fit(plain, None, EncoderGradient::Plain), &x, &model, 30 + i as u64);
        assert!((found.0 - plain.0).abs() < 4.0 * found.1.hypot(plain.1), "{bound} {gradient}: {found:?} {plain:?}");
        assert!(found.1 < plain.1, "{bound} {gradient} varies less: {found:?} {plain:?}");
    }
}

#[test]
fn all_lie_below_the_evidence_in_the_mean() {
    let (model, x, exact) = off();
    let value = |bound: Bound| {
        let fit = fit(bound, None, EncoderGradient::Plain);
        let all = vmap(|key: Key| fit.example(key, &x, &model).0).call(Key::new(7).split_n(8000));
        mean(&all.to_vec::<f64>().unwrap())
    };
    let (elbo, iwae, three) = (value(ELBO), value(IWAE), value(Bound::Iwae { samples: 3 }));
    for (bound, expected) in [(ANALYTIC, elbo.0), (MIWAE, three.0), (CIWAE, 0.3 * elbo.0 + 0.7 * iwae.0)] {
        let found = value(bound);
        assert!(found.0 < exact + 3.0 * found.1, "{bound}: {found:?} above {exact}");
        assert!((found.0 - expected).abs() < 4.0 * found.1 + 0.01, "{bound}: {found:?}, not {expected}");
    }
}

#[test]
fn invalid_pairs_are_refused_and_say_why() {
    let refused = |bound, gradient| fit(bound, None, gradient).check().unwrap_err().to_string();
    use EncoderGradient::{Dreg, Plain, Stl};
    for bound in [IWAE, MIWAE, CIWAE] {
        assert!(refused(bound, Stl).contains("biased"), "{bound}");
        fit(bound, None, Dreg).check().unwrap();
    }
    assert!(refused(ELBO, Dreg).contains("`stl`"));
    assert!(refused(ANALYTIC, Stl).contains("plain") && refused(ANALYTIC, Dreg).contains("plain"));
    assert!(refused(Bound::Sumo(Sumo::default()), Dreg).contains("bound of its own"));
    // One sample is not weighted: the path derivative holds.
    fit(Bound::Miwae { groups: 4, samples: 1 }, None, Stl).check().unwrap();
    assert_eq!(refused(Bound::Iwae { samples: 0 }, Plain), "samples is 0; it must be at least 1");
    assert!(refused(Bound::Miwae { groups: 0, samples: 2 }, Plain).contains("groups is 0"));
    assert!(refused(Bound::Ciwae { beta: 1.5, samples: 2 }, Plain).contains("1.5"));
    assert!(matches!(fit(IWAE, Some(ELBO), Dreg).check(), Err(EstimationError::EncoderGradient { bound: "elbo", .. })));
    let rate = Update { adam: Adam::new(Schedule::Constant(-1.0)), clip: None };
    assert!(Estimation { update: rate, ..fit(IWAE, None, Plain) }.check().unwrap_err().to_string().contains("rate"));
}

#[test]
fn the_analytic_elbo_is_refused_where_there_is_none() {
    let vae = latents::model::Vae::new(Key::new(0), 1, 1, &[2], pullback::DType::F64);
    let why = fit(ANALYTIC, None, EncoderGradient::Plain).check_model(&vae).unwrap_err().to_string();
    assert!(why.contains("closed form") && why.contains("`elbo`"), "{why}");
    fit(ANALYTIC, None, EncoderGradient::Plain).check_model(&off().0).unwrap();
    // Not checked, nothing is trained by a number that there is not.
    let state = fit(ANALYTIC, None, EncoderGradient::Plain).init(vae);
    let (next, metrics) =
        fit(ANALYTIC, None, EncoderGradient::Plain).step(&state, Key::new(1), &Tensor::from([[0.5f64]]));
    assert!(metrics.log_evidence.item::<f64>().unwrap().is_nan());
    assert_eq!(next.adam.step.item::<i32>().unwrap(), 0);
}
