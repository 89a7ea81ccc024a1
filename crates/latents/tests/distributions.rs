//! Every distribution is normalised, is what it samples, and has its derivatives.

mod common;

use common::mean;
use latents::dist::{Bernoulli, DiagonalGaussian, Distribution, StandardNormal};
use pullback::{DType, Key, Tensor, grad, vmap};

fn gaussian() -> DiagonalGaussian {
    DiagonalGaussian { mean: Tensor::from([0.5f64, -1.0]), logvar: Tensor::from([-1.0f64, 0.8]) }
}

/// `∫ p` over the plane.
fn mass(p: &impl Distribution) -> f64 {
    let step = 0.05;
    let axis: Vec<f64> = (-200..=200).map(|i| f64::from(i) * step).collect();
    let points: Vec<f64> = axis.iter().flat_map(|a| axis.iter().flat_map(move |b| [*a, *b])).collect();
    let n = points.len() / 2;
    let values = vmap(|x: Tensor| p.log_prob(&x)).call(Tensor::new(points, &[n, 2])).to_vec::<f64>().unwrap();
    values.iter().map(|l| l.exp()).sum::<f64>() * step * step
}

#[test]
fn densities_are_normalised() {
    assert!((mass(&gaussian()) - 1.0).abs() < 1e-9);
    assert!((mass(&StandardNormal { dim: 2, dtype: DType::F64 }) - 1.0).abs() < 1e-9);
    let p = Bernoulli { logits: Tensor::from([0.3f64, -2.0, 40.0]) };
    let all = (0..8).map(|i| {
        let x = Tensor::from([f64::from(i & 1), f64::from(i >> 1 & 1), f64::from(i >> 2)]);
        p.log_prob(&x).item::<f64>().unwrap().exp()
    });
    assert!((all.sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn samples_have_the_moments() {
    let n = 40_000;
    let columns = |draws: Tensor, d: usize| -> Vec<Vec<f64>> {
        let all = draws.to_vec::<f64>().unwrap();
        (0..d).map(|i| all.iter().skip(i).step_by(d).copied().collect()).collect()
    };
    let near = |values: &[f64], exact: f64| {
        let (m, se) = mean(values);
        assert!((m - exact).abs() < 4.0 * se, "{m} ± {se}, not {exact}");
    };
    let p = gaussian();
    let draws = columns(vmap(|key: Key| p.sample(key)).call(Key::new(1).split_n(n)), 2);
    for (x, (m, v)) in draws.iter().zip([(0.5, (-1.0f64).exp()), (-1.0, 0.8f64.exp())]) {
        near(x, m);
        near(&x.iter().map(|x| (x - m).powi(2)).collect::<Vec<_>>(), v);
    }
    let p = StandardNormal { dim: 1, dtype: DType::F64 };
    let x = &columns(vmap(|key: Key| p.sample(key)).call(Key::new(2).split_n(n)), 1)[0];
    near(x, 0.0);
    near(&x.iter().map(|x| x.powi(4)).collect::<Vec<_>>(), 3.0);
    let p = Bernoulli { logits: Tensor::from([0.3f64, -2.0]) };
    let draws = columns(vmap(|key: Key| p.sample(key)).call(Key::new(3).split_n(n)), 2);
    for (x, l) in draws.iter().zip([0.3f64, -2.0]) {
        near(x, 1.0 / (1.0 + (-l).exp()));
    }
}

/// A gradient against central differences.
fn check(f: impl Fn(Tensor) -> Tensor, at: &[f64]) {
    let slope = grad(&f).call(Tensor::from(at.to_vec())).to_vec::<f64>().unwrap();
    for i in 0..at.len() {
        let moved = |h: f64| {
            let mut x = at.to_vec();
            x[i] += h;
            f(Tensor::from(x)).item::<f64>().unwrap()
        };
        let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!((difference - slope[i]).abs() < 1e-7 * difference.abs().max(1.0), "{i}: {} {difference}", slope[i]);
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let x = Tensor::from([0.2f64, 0.9]);
    check(|x| gaussian().log_prob(&x), &[0.2, 0.9]);
    check(|mean| DiagonalGaussian { mean, ..gaussian() }.log_prob(&x), &[0.5, -1.0]);
    check(|logvar| DiagonalGaussian { logvar, ..gaussian() }.log_prob(&x), &[-1.0, 0.8]);
    // Draws move with the parameters.
    check(|mean| DiagonalGaussian { mean, ..gaussian() }.sample(Key::new(4)).square().sum(), &[0.5, -1.0]);
    check(|logvar| DiagonalGaussian { logvar, ..gaussian() }.sample(Key::new(4)).square().sum(), &[-1.0, 0.8]);
    check(|x| StandardNormal { dim: 2, dtype: DType::F64 }.log_prob(&x), &[0.2, 0.9]);
    check(|logits| Bernoulli { logits }.log_prob(&Tensor::from([1.0f64, 0.0])), &[0.3, -2.0]);
}
