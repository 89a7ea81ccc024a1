//! One compile for every number of samples and of rows, and training steps that do what they say.

mod common;

use latents::dist::target;
use latents::estimator::Sumo;
use latents::evaluation::{Divergence, LogDensity};
use latents::model::{LatentModel, Vae};
use latents::objective::{Bound, DecoderLoss, EncoderGradient, EncoderLoss, Estimation, Matching, Update};
use latents::optim::{Adam, Schedule};
use pullback::{DType, Key, Rows, Tensor, jit, leaves, value_and_grad, vmap};

fn small(matching: Matching) -> Matching {
    Matching { latent_dim: 2, hidden: vec![6], batch_size: 5, ..matching }
}

#[test]
fn sumo_with_random_stopping_times_compiles_once() {
    let vae = Vae::new(Key::new(0), 2, 2, &[4], DType::F64);
    let sumo = Sumo::default();
    let step = jit(|vae: Vae, key: Key, Rows(xs): Rows<Tensor>| {
        let loss = |vae: Vae| {
            let one = |words: Tensor, x: Tensor| sumo.at(Key::from_tensor(words), &x, &vae);
            let (value, count) = vmap(one).call((key_words(&key, &xs), xs.clone()));
            (value.mean(), count)
        };
        let ((value, count), gradient) = value_and_grad(loss).call(vae);
        (value, count, gradient)
    });
    let mut seen = std::collections::BTreeSet::new();
    for i in 0..10_000 {
        let rows = 1 + i % 4;
        let xs = Key::new(7).fold_in(i).normal([rows as usize, 2], DType::F64);
        let (value, count, _) = step.call((vae.clone(), Key::new(u64::from(i)), Rows(xs))).unwrap();
        assert!(value.item::<f64>().unwrap().is_finite());
        seen.insert(count.to_vec::<i32>().unwrap().iter().sum::<i32>());
    }
    assert_eq!(step.compiles(), 1);
    assert!(seen.len() > 30, "only {} totals of samples", seen.len());
}

/// The words of a key for each row; the key itself stays.
fn key_words(key: &Key, rows: &Tensor) -> Tensor {
    Key::from_tensor(leaves(key)[0].tensor.clone()).split_like(rows).into_tensor()
}

#[test]
fn every_configuration_steps_with_one_compile() {
    let funnel = || target("funnel").unwrap();
    let sumo = || small(Matching::sumo(funnel(), 20));
    let table = [
        ("upper", small(Matching::upper(funnel(), 20))),
        ("iwae", small(Matching::iwae(funnel(), 20))),
        ("sumo", sumo()),
        ("classic", small(Matching::classic_sumo(funnel(), 20))),
        ("sumo, encoder by the bound", Matching { encoder_loss: EncoderLoss::UpperBound, ..sumo() }),
        ("sumo, encoder by likelihood", Matching { encoder_loss: EncoderLoss::MaximumLikelihood, ..sumo() }),
        ("sumo squared, apart", Matching { encoder_loss: EncoderLoss::SumoSquared, joint: false, ..sumo() }),
        ("ten dimensions", small(Matching::upper(target("neal").unwrap(), 20))),
    ];
    for (name, matching) in table {
        matching.check().unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut state = matching.init(Key::new(3));
        let before: Vec<Tensor> = leaves(&state.model).into_iter().map(|l| l.tensor).collect();
        let step = jit(|state, key: Key| matching.step(&state, key));
        for i in 0..12 {
            let (next, metrics) = step.call((state, Key::new(4).fold_in(i))).unwrap_or_else(|e| panic!("{name}: {e}"));
            state = next;
            for leaf in leaves(&metrics) {
                assert!(leaf.tensor.item::<f32>().unwrap().is_finite(), "{name}: {}", leaf.name);
            }
            let ess = metrics.ess.item::<f32>().unwrap();
            assert!(ess > 0.0 && ess <= 1.0001, "{name}: {ess}");
        }
        assert_eq!(step.compiles(), 1, "{name}");
        assert_eq!(state.decoder_adam.step.item::<i32>().unwrap(), 12, "{name}");
        for (leaf, old) in leaves(&state.model).into_iter().zip(before) {
            let moved = leaf.tensor.to_vec::<f32>().unwrap() != old.to_vec::<f32>().unwrap();
            assert!(moved, "{name}: {} did not move", leaf.name);
        }
    }
}

#[test]
fn the_compiled_step_is_the_plain_one() {
    let matching = small(Matching { dtype: DType::F64, ..Matching::sumo(target("funnel").unwrap(), 20) });
    let state = matching.init(Key::new(3));
    let (plain, _) = matching.step(&state, Key::new(9));
    let (compiled, _) = jit(|state, key: Key| matching.step(&state, key)).call((state, Key::new(9))).unwrap();
    for (a, b) in leaves(&plain).into_iter().zip(leaves(&compiled)) {
        if a.tensor.dtype() == DType::F64 {
            let (x, y) = (a.tensor.to_vec::<f64>().unwrap(), b.tensor.to_vec::<f64>().unwrap());
            assert!(x.iter().zip(&y).all(|(x, y)| (x - y).abs() <= 1e-9 * x.abs().max(1e-6)), "{}", a.name);
        }
    }
}

/// The mean over many keys of the decoder's gradient along the path is that of the plain gradient.
#[test]
fn the_path_gradient_is_unbiased_for_many_samples() {
    let one = |path_gradient: bool| {
        let matching = Matching {
            dtype: DType::F64,
            latent_dim: 1,
            hidden: vec![3],
            batch_size: 1500,
            decoder_loss: DecoderLoss::Upper { samples: 64 },
            path_gradient,
            decoder_update: Update { adam: Adam::new(Schedule::Constant(1e-3)), clip: None },
            ..Matching::upper(target("gaussian").unwrap(), 20)
        };
        let state = matching.init(Key::new(3));
        // The first mean of gradients is a tenth of the gradient.
        let seeds = 6;
        let gradients: Vec<Vec<f64>> = (0..seeds)
            .map(|seed| {
                let (next, _) = matching.step(&state, Key::new(100 + seed));
                leaves(&next.decoder_adam.m).iter().flat_map(|l| l.tensor.to_vec::<f64>().unwrap()).collect()
            })
            .collect();
        let n = gradients[0].len();
        (0..n).map(|i| common::mean(&gradients.iter().map(|g| g[i] * 10.0).collect::<Vec<_>>())).collect::<Vec<_>>()
    };
    let (path, plain) = (one(true), one(false));
    let wide = |a: &(f64, f64), b: &(f64, f64)| 6.0 * a.1.hypot(b.1) + 0.02;
    for (a, b) in path.iter().zip(&plain) {
        assert!((a.0 - b.0).abs() < wide(a, b), "{a:?} {b:?}");
    }
    let noise = |g: &[(f64, f64)]| g.iter().map(|g| g.1 * g.1).sum::<f64>();
    assert!(noise(&path) < noise(&plain), "the path gradient varies less");
}

#[test]
fn chunks_change_nothing_and_compile_once() {
    let vae = Vae::new(Key::new(0), 2, 2, &[6], DType::F32);
    let funnel = || target("funnel").unwrap();
    let one = Divergence::new(funnel(), DType::F32, 8, 100);
    let many = Divergence::new(funnel(), DType::F32, 8, 7);
    let (a, b) = (one.reverse(&vae, Key::new(1), 30).unwrap(), many.reverse(&vae, Key::new(1), 30).unwrap());
    assert!((a.upper.mean - b.upper.mean).abs() < 1e-4 && (a.lower.se - b.lower.se).abs() < 1e-4);
    assert_eq!((one.compiles(), many.compiles()), (1, 1));
    many.reverse(&vae, Key::new(1), 11).unwrap();
    assert_eq!(many.compiles(), 1, "a chunk of another size is no new program");
    let (a, b) = (one.forward(&vae, Key::new(1), 30).unwrap(), many.forward(&vae, Key::new(1), 30).unwrap());
    assert!((a.unwrap().upper.mean - b.unwrap().upper.mean).abs() < 1e-4);
    let xs = vmap(|key: Key| vae.ancestral(key).1).call(Key::new(5).split_n(10));
    let (a, b) = (LogDensity::new(4, 3).at(&vae, Key::new(2), &xs), LogDensity::new(4, 50).at(&vae, Key::new(2), &xs));
    assert!(a.unwrap().iter().zip(&b.unwrap()).all(|(a, b)| (a - b).abs() < 1e-4));
}

/// `x ~ N(2, ½²)` is fitted by every bound.
#[test]
fn every_bound_fits_a_gaussian() {
    let (elbo, iwae) = (Bound::Elbo { samples: 2 }, Bound::Iwae { samples: 4 });
    let miwae = Bound::Miwae { groups: 2, samples: 2 };
    let bounds = [
        (elbo, None, EncoderGradient::Plain),
        (elbo, None, EncoderGradient::Stl),
        (iwae, None, EncoderGradient::Plain),
        (iwae, None, EncoderGradient::Dreg),
        (miwae, None, EncoderGradient::Dreg),
        (iwae, Some(miwae), EncoderGradient::Plain),
        (Bound::Ciwae { beta: 0.5, samples: 4 }, None, EncoderGradient::Dreg),
        (Bound::Sumo(Sumo::default()), Some(iwae), EncoderGradient::Dreg),
    ];
    let entropy = 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E * 0.25).ln();
    for (bound, proposal, encoder_gradient) in bounds {
        let update = Update { adam: Adam::new(Schedule::Constant(2e-2)), clip: Some(10.0) };
        let fit = Estimation { bound, proposal, encoder_gradient, update };
        fit.check().unwrap();
        let mut state = fit.init(Vae::new(Key::new(0), 1, 1, &[4], DType::F32));
        let step = jit(|state, key: Key, Rows(rows): Rows<Tensor>| fit.step(&state, key, &rows));
        let mut last = Vec::new();
        for i in 0..400 {
            let rows = Key::new(50).fold_in(i).normal([64, 1], DType::F32) * 0.5 + 2.0;
            let (next, metrics) = step.call((state, Key::new(51).fold_in(i), Rows(rows))).unwrap();
            state = next;
            if i >= 350 {
                last.push(f64::from(metrics.log_evidence.item::<f32>().unwrap()));
            }
        }
        let (mean, _) = common::mean(&last);
        assert!((mean + entropy).abs() < 0.12, "{bound} {proposal:?} {encoder_gradient}: {mean}, not {}", -entropy);
        assert_eq!(step.compiles(), 1);
    }
}

#[test]
fn wrong_configurations_are_refused_and_doubtful_ones_warned_of() {
    let funnel = || target("funnel").unwrap();
    let upper = || Matching::upper(funnel(), 10);
    let message = |m: Matching| m.check().unwrap_err().to_string();
    assert_eq!(message(Matching { latent_dim: 0, ..upper() }), "latent_dim is 0; it must be at least 1");
    assert_eq!(
        message(Matching { hidden: vec![3, 0], ..upper() }),
        "a hidden layer's size is 0; it must be at least 1"
    );
    assert_eq!(message(Matching { gap_penalty: -1.0, ..upper() }), "gap_penalty is -1; it must be 0 or more");
    assert!(
        message(Matching { encoder_loss: EncoderLoss::SumoSquared, ..upper() }).contains("needs the estimator `sumo`")
    );
    assert!(message(upper().with_rate(Schedule::Constant(f64::NAN))).contains("learning rate"));
    let none = Sumo { min_terms: 0, ..Sumo::default() };
    assert!(message(Matching { decoder_loss: DecoderLoss::Sumo(none), ..upper() }).contains("min_terms is 0"));

    assert!(upper().warnings().is_empty());
    assert!(Matching::sumo(funnel(), 10).warnings().is_empty());
    let iwae = Matching::iwae(funnel(), 10).warnings();
    assert!(iwae.len() == 1 && iwae[0].to_string().contains("lower bound"));
    assert!(Matching::classic_sumo(funnel(), 10).warnings()[0].to_string().contains("without a penalty"));
    let capped = Sumo { cap: Some(60), ..Sumo::default() };
    let capped = Matching { decoder_loss: DecoderLoss::Sumo(capped), ..Matching::sumo(funnel(), 10) }.warnings();
    assert!(capped[0].to_string().contains("IWAE with 64 samples"));
}
