//! Every row of the table of targets: normalised, with the moments of its sampler, and with its derivative.

mod common;

use common::mean;
use latents::dist::{TARGETS, Target};
use pullback::{DType, Key, Tensor, grad, vmap};

/// A lattice over the plane, stretched so that it resolves a funnel's mouth and its tip, and its cells' log areas.
fn lattice(target: &dyn Target) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (x0, w0) = if target.name() == "funnel" { stretched() } else { even(11.0, 0.04) };
    let (x1, w1) = if target.name() == "funnel" { even(9.0, 0.05) } else { even(32.0, 0.06) };
    let mut points = Vec::new();
    let mut areas = Vec::new();
    for (x0, w0) in x0.iter().zip(&w0) {
        for (x1, w1) in x1.iter().zip(&w1) {
            points.extend([*x0, *x1]);
            areas.push(w0 * w1);
        }
    }
    let log_density = |x: Tensor| target.log_density(&x);
    let n = areas.len();
    let values = vmap(log_density).call(Tensor::new(points.clone(), &[n, 2])).to_vec::<f64>().unwrap();
    let mass = values.iter().zip(&areas).map(|(l, a)| l.exp() * a).collect();
    (points.iter().step_by(2).copied().collect(), points.iter().skip(1).step_by(2).copied().collect(), mass)
}

/// `±reach` in even steps.
fn even(reach: f64, step: f64) -> (Vec<f64>, Vec<f64>) {
    let n = (reach / step) as i32;
    ((-n..=n).map(|i| f64::from(i) * step).collect(), vec![step; 2 * n as usize + 1])
}

/// `1e-4 sinh t`.
fn stretched() -> (Vec<f64>, Vec<f64>) {
    let (t, dt) = even(19.0, 0.05);
    (t.iter().map(|t| 1e-4 * t.sinh()).collect(), t.iter().zip(dt).map(|(t, dt)| 1e-4 * t.cosh() * dt).collect())
}

#[test]
fn planar_targets_have_their_normaliser_and_their_sampler_its_moments() {
    for row in TARGETS.iter().filter(|row| (row.new)().dim() == 2) {
        let target = (row.new)();
        assert_eq!(target.name(), row.name);
        let (x0, x1, mass) = lattice(&*target);
        let total: f64 = mass.iter().sum();
        let log_normalizer = target.log_normalizer().unwrap();
        assert!((total.ln() - log_normalizer).abs() < 1e-6, "{}: {} not {log_normalizer}", row.name, total.ln());

        let draw = |key: Key| target.sample(key, DType::F64).unwrap();
        let draws = vmap(draw).call(Key::new(8).split_n(40_000)).to_vec::<f64>().unwrap();
        // Bounded functions, so that a funnel's mouth does not decide.
        type Feature = fn(f64, f64) -> f64;
        let features: [Feature; 7] = [
            |a, _| a.tanh(),
            |_, b| b.tanh(),
            |a, b| (a * b).tanh(),
            |a, _| (a * a).tanh(),
            |_, b| (0.1 * b * b).tanh(),
            |a, b| (a.hypot(b) - 2.0).tanh(),
            |a, b| ((a * b.abs()).sin() * 3.0).cos(),
        ];
        for (i, f) in features.into_iter().enumerate() {
            let exact = x0.iter().zip(&x1).zip(&mass).map(|((a, b), m)| f(*a, *b) * m).sum::<f64>() / total;
            let found: Vec<f64> = draws.chunks(2).map(|x| f(x[0], x[1])).collect();
            let (mean, se) = mean(&found);
            assert!((mean - exact).abs() < 4.0 * se + 1e-6, "{} feature {i}: {mean} ± {se}, not {exact}", row.name);
        }
    }
}

#[test]
fn the_funnel_of_ten_dimensions_is_the_product_of_its_conditionals() {
    let target = latents::dist::target("neal").unwrap();
    let draw = |key: Key| {
        let x = target.sample(key, DType::F64).unwrap();
        let log_p = target.log_density(&x);
        (x, log_p)
    };
    let n = 20_000;
    let (x, log_p) = vmap(draw).call(Key::new(2).split_n(n));
    let (x, log_p) = (x.to_vec::<f64>().unwrap(), log_p.to_vec::<f64>().unwrap());
    let normal =
        |x: f64, log_sd: f64| -0.5 * (2.0 * std::f64::consts::PI).ln() - log_sd - 0.5 * (x * (-log_sd).exp()).powi(2);
    let mut shares = Vec::new();
    for (x, log_p) in x.chunks(10).zip(&log_p) {
        let v = x[1];
        let others = || (0..10).filter(|&i| i != 1).map(|i| x[i]);
        let exact = normal(v, 3.0f64.ln()) + others().map(|x| normal(x, 0.5 * v)).sum::<f64>();
        assert!((log_p - exact).abs() < 1e-9 * exact.abs().max(1.0));
        // A narrower density, whose ratio is bounded: its mean over the target is 1 where the sampler is the target's.
        let narrow = normal(v, 2.0f64.ln()) + others().map(|x| normal(x, 0.5 * v + 0.9f64.ln())).sum::<f64>();
        shares.push((narrow - log_p).exp());
    }
    let (mean, se) = mean(&shares);
    assert!((mean - 1.0).abs() < 4.0 * se, "{mean} ± {se}");
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for row in TARGETS {
        let target = (row.new)();
        let d = target.dim();
        for point in 0..5u64 {
            let x = Key::new(point).normal([d], DType::F64).to_vec::<f64>().unwrap();
            let slope = grad(|x: Tensor| target.log_density(&x)).call(Tensor::from(x.clone())).to_vec::<f64>().unwrap();
            for i in 0..d {
                let at = |h: f64| {
                    let mut y = x.clone();
                    y[i] += h;
                    target.log_density(&Tensor::from(y)).item::<f64>().unwrap()
                };
                let h = 1e-5;
                let difference = (at(h) - at(-h)) / (2.0 * h);
                let error = (difference - slope[i]).abs();
                assert!(error < 1e-6 * difference.abs().max(1.0), "{} {i}: {} not {difference}", row.name, slope[i]);
            }
        }
    }
}

#[test]
fn a_picture_sees_the_mass() {
    for row in TARGETS {
        let target = (row.new)();
        let [(a, b), (c, d)] = target.bounds();
        let draw = |key: Key| target.sample(key, DType::F64).unwrap();
        let draws = vmap(draw).call(Key::new(1).split_n(2000)).to_vec::<f64>().unwrap();
        let inside = |x: &[f64]| x[0] > a && x[0] < b && x[1] > c && x[1] < d;
        let share = draws.chunks(target.dim()).filter(|x| inside(x)).count() as f64 / 2000.0;
        assert!(share > 0.8, "{}: {share}", row.name);
    }
}
