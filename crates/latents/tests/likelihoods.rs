//! Every likelihood's distribution is normalised, is what it samples, and has its derivatives.

mod common;

use common::mean;
use latents::dist::{
    Categorical, DiscretizedLogistic, Distribution, FullGaussian, GaussianMixture, NegativeBinomial, Poisson, StudentT,
};
use pullback::{DType, Key, Tensor, grad, jit, vmap};

fn one(x: f64) -> Tensor {
    Tensor::from([x])
}

fn values(p: &impl Distribution, xs: &[f64]) -> Vec<f64> {
    vmap(|x: Tensor| p.log_prob(&x)).call(Tensor::new(xs.to_vec(), &[xs.len(), 1])).to_vec::<f64>().unwrap()
}

/// The sum of the probabilities of `0..n`.
fn mass(p: &impl Distribution, n: usize) -> f64 {
    let xs: Vec<f64> = (0..n).map(|x| x as f64).collect();
    values(p, &xs).iter().map(|l| l.exp()).sum()
}

/// `∫ p` of one number, substituting `x = sinh t` for the tails.
fn integral(p: &impl Distribution) -> f64 {
    let step = 0.01;
    let ts: Vec<f64> = (-4000..=4000).map(|i| f64::from(i) * step).collect();
    let xs: Vec<f64> = ts.iter().map(|t| t.sinh()).collect();
    values(p, &xs).iter().zip(&ts).map(|(l, t)| l.exp() * t.cosh()).sum::<f64>() * step
}

#[test]
fn all_are_normalised() {
    for (m, s, f) in [(0.3, -0.5, 1.2), (-2.0, 1.0, 10.0), (0.0, 0.0, 300.0)] {
        let p = StudentT { mean: one(m), log_scale: one(s), freedom: one(f) };
        assert!((integral(&p) - 1.0).abs() < 1e-6, "{f}: {}", integral(&p));
    }
    let mixture = GaussianMixture {
        logits: Tensor::from([0.3f64, -1.0, 0.0]),
        mean: Tensor::from([[-1.0f64], [2.0], [0.5]]),
        logvar: Tensor::from([[0.0f64], [-2.0], [1.0]]),
    };
    assert!((integral(&mixture) - 1.0).abs() < 1e-9);
    let logits = Tensor::from([[0.5f64, -3.0, 2.0, 0.0]]);
    assert!((mass(&Categorical { logits }, 4) - 1.0).abs() < 1e-12);
    // Narrow, wide, and beyond both ends.
    for (m, s) in [(3.2, -4.0), (4.0, 2.0), (-50.0, 0.0), (70.0, 1.0)] {
        let p = DiscretizedLogistic { mean: one(m), log_scale: one(s), low: 0.0, high: 9.0 };
        assert!((mass(&p, 10) - 1.0).abs() < 1e-12, "{m} {s}");
    }
    for l in [-3.0, 0.0, 3.0, 6.0] {
        assert!((mass(&Poisson { log_rate: one(l) }, 2000) - 1.0).abs() < 1e-10, "{l}");
        for r in [-1.0, 0.0, 3.0] {
            let p = NegativeBinomial { log_mean: one(l), log_count: one(r) };
            assert!((mass(&p, 30_000) - 1.0).abs() < 1e-8, "{l} {r}: {}", mass(&p, 30_000));
        }
    }
}

/// Draws of one number, in one compiled program.
fn draws(p: impl Distribution, seed: u64) -> Vec<f64> {
    let all = jit(|key: Key| vmap(|key: Key| p.sample(key)).call(key.split_n(40_000)));
    all.call(Key::new(seed)).unwrap().to_vec::<f64>().unwrap()
}

fn near(what: &str, values: &[f64], exact: f64) {
    let (m, se) = mean(values);
    assert!((m - exact).abs() < 4.0 * se + 1e-12, "{what}: {m} ± {se}, not {exact}");
}

fn moments(what: &str, draws: &[f64], mean: f64, variance: f64) {
    near(what, draws, mean);
    near(what, &draws.iter().map(|x| (x - mean).powi(2)).collect::<Vec<_>>(), variance);
}

/// The part of draws at each value is the value's probability.
fn frequencies(what: &str, p: &impl Distribution, draws: &[f64], xs: impl Iterator<Item = i32>) {
    for x in xs.map(f64::from) {
        let exact = values(p, &[x])[0].exp();
        let at: Vec<f64> = draws.iter().map(|d| f64::from(u8::from(*d == x))).collect();
        let se = (exact * (1.0 - exact) / draws.len() as f64).sqrt();
        let found = mean(&at).0;
        assert!((found - exact).abs() < 4.5 * se + 1e-4, "{what} at {x}: {found}, not {exact}");
    }
}

#[test]
fn draws_have_the_moments() {
    let t = StudentT { mean: one(0.3), log_scale: one(-0.5), freedom: one(9.0) };
    moments("student-t", &draws(t, 1), 0.3, (-1.0f64).exp() * 9.0 / 7.0);
    let p = Categorical { logits: Tensor::from([[0.5f64, -3.0, 2.0, 0.0]]) };
    frequencies("categorical", &p, &draws(p.clone(), 2), 0..4);
    let p = DiscretizedLogistic { mean: one(1.7), log_scale: one(0.3), low: 0.0, high: 6.0 };
    frequencies("discretized logistic", &p, &draws(p.clone(), 3), 0..7);
    // Both methods, on both sides of where they meet, and a rate whose terms f32 could not tell apart.
    for (i, rate) in [0.0f64, 0.02, 1.0, 9.9, 10.0, 11.0, 40.0, 1e3, 1e7].into_iter().enumerate() {
        let p = Poisson { log_rate: one(rate.ln()) };
        let all = draws(p.clone(), 4 + i as u64);
        moments(&format!("poisson {rate}"), &all, rate, rate);
        if rate > 0.0 && rate < 50.0 {
            let (low, high) = ((rate - 2.0 * rate.sqrt()) as i32, (rate + 2.0 * rate.sqrt()) as i32);
            frequencies(&format!("poisson {rate}"), &p, &all, low.max(0)..=high);
        }
    }
    for (i, (m, n)) in [(3.0f64, 0.5f64), (30.0, 4.0)].into_iter().enumerate() {
        let p = NegativeBinomial { log_mean: one(m.ln()), log_count: one(n.ln()) };
        let all = draws(p.clone(), 20 + i as u64);
        moments(&format!("negative binomial {m} {n}"), &all, m, m + m * m / n);
        frequencies(&format!("negative binomial {m} {n}"), &p, &all, 0..5);
    }
    let p = GaussianMixture {
        logits: Tensor::from([0.0f64, 3.0f64.ln()]),
        mean: Tensor::from([[-1.0f64], [2.0]]),
        logvar: Tensor::from([[0.0f64], [-2.0]]),
    };
    let variance = 0.25 * (1.0 + 1.0) + 0.75 * ((-2.0f64).exp() + 4.0) - 1.25 * 1.25;
    moments("mixture", &draws(p, 30), 1.25, variance);
}

fn full() -> FullGaussian {
    FullGaussian {
        mean: Tensor::from([0.5f64, -1.0, 0.2]),
        logvar: Tensor::from([-1.0f64, 0.8, 0.1]),
        // What stands on and above the diagonal must not be read.
        lower: Tensor::from([[9.0f64, 9.0, 9.0], [0.7, 9.0, 9.0], [-0.4, 1.3, 9.0]]),
    }
}

#[test]
fn a_full_gaussian_is_what_it_draws() {
    let p = full();
    let n = 40_000;
    let (z, log_p) = vmap(|key: Key| {
        let z = p.sample(key);
        (z.clone(), p.log_prob(&z))
    })
    .call(Key::new(1).split_n(n));
    let z = z.to_vec::<f64>().unwrap();
    let variance = p.variance().to_vec::<f64>().unwrap();
    for (i, m) in [0.5, -1.0, 0.2].into_iter().enumerate() {
        let column: Vec<f64> = z.iter().skip(i).step_by(3).copied().collect();
        moments("full", &column, m, variance[i]);
    }
    // The entropy, ½ Σ (1 + log 2π + v).
    let entropy = 0.5 * (3.0 * (1.0 + (2.0 * std::f64::consts::PI).ln()) - 0.1);
    near("entropy", &log_p.to_vec::<f64>().unwrap().iter().map(|l| -l).collect::<Vec<_>>(), entropy);
    // KL to the standard normal by samples.
    let kl: Vec<f64> = z
        .chunks(3)
        .zip(log_p.to_vec::<f64>().unwrap())
        .map(|(z, l)| l + 0.5 * (3.0 * (2.0 * std::f64::consts::PI).ln() + z.iter().map(|z| z * z).sum::<f64>()))
        .collect();
    near("kl", &kl, p.kl_to_standard_normal().item::<f64>().unwrap());
    let diagonal = latents::dist::DiagonalGaussian { mean: p.mean.clone(), logvar: p.logvar.clone() };
    let same = FullGaussian { lower: Tensor::full(0.0, DType::F64, [3, 3]), ..full() };
    let x = Tensor::from([0.1f64, 0.2, 0.3]);
    assert!((diagonal.log_prob(&x) - same.log_prob(&x)).item::<f64>().unwrap().abs() < 1e-12);
    let gap = diagonal.kl_to_standard_normal() - same.kl_to_standard_normal();
    assert!(gap.item::<f64>().unwrap().abs() < 1e-12);
}

/// A gradient against central differences.
fn check(what: &str, f: impl Fn(Tensor) -> Tensor, at: &[f64], shape: &[usize]) {
    let slope = grad(&f).call(Tensor::new(at.to_vec(), shape)).to_vec::<f64>().unwrap();
    for i in 0..at.len() {
        let moved = |h: f64| {
            let mut x = at.to_vec();
            x[i] += h;
            f(Tensor::new(x, shape)).item::<f64>().unwrap()
        };
        let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        let near = (difference - slope[i]).abs() < 1e-6 * difference.abs().max(1.0);
        assert!(near, "{what} {i}: {} {difference}", slope[i]);
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (x, counts) = (Tensor::from([0.2f64, 0.9]), Tensor::from([0.0f64, 7.0]));
    let (a, b) = (Tensor::from([0.3f64, -0.4]), Tensor::from([0.1f64, 0.7]));
    let t = |mean: &Tensor, s: &Tensor, f: &Tensor| {
        StudentT { mean: mean.clone(), log_scale: s.clone(), freedom: f.clone() }.log_prob(&x)
    };
    let freedom = Tensor::from([1.5f64, 8.0]);
    check("student-t mean", |m| t(&m, &b, &freedom), &[0.3, -0.4], &[2]);
    check("student-t scale", |s| t(&a, &s, &freedom), &[0.1, 0.7], &[2]);
    check("student-t freedom", |f| t(&a, &b, &f), &[1.5, 8.0], &[2]);
    let chosen = Tensor::from([2.0f64, 0.0]);
    let logits = [0.3, -1.0, 0.4, 0.0, 2.0, -0.2];
    check("categorical", |logits| Categorical { logits }.log_prob(&chosen), &logits, &[2, 3]);
    // Both ends and the middle.
    let ends = Tensor::from([0.0f64, 3.0, 9.0]);
    let logistic =
        |mean: Tensor, log_scale: Tensor| DiscretizedLogistic { mean, log_scale, low: 0.0, high: 9.0 }.log_prob(&ends);
    let (m, s) = (Tensor::from([1.0f64, 4.5, 6.0]), Tensor::from([0.2f64, -0.5, 1.0]));
    check("logistic mean", |m| logistic(m, s.clone()), &[1.0, 4.5, 6.0], &[3]);
    check("logistic scale", |s| logistic(m.clone(), s), &[0.2, -0.5, 1.0], &[3]);
    check("poisson", |log_rate| Poisson { log_rate }.log_prob(&counts), &[0.3, 1.0], &[2]);
    let nb = |log_mean: Tensor, log_count: Tensor| NegativeBinomial { log_mean, log_count }.log_prob(&counts);
    check("nb mean", |m| nb(m, b.clone()), &[0.3, -0.4], &[2]);
    check("nb count", |r| nb(a.clone(), r), &[0.1, 0.7], &[2]);
    let mixture = |logits: Tensor, mean: Tensor, logvar: Tensor| GaussianMixture { logits, mean, logvar }.log_prob(&x);
    let (l, m, v) = ([0.3, -0.2], [0.1, 0.5, -0.6, 1.0], [0.0, 0.2, -0.4, 0.3]);
    let of = |x: &[f64], shape: &[usize]| Tensor::new(x.to_vec(), shape);
    check("mixture logits", |l| mixture(l, of(&m, &[2, 2]), of(&v, &[2, 2])), &l, &[2]);
    check("mixture mean", |m| mixture(of(&l, &[2]), m, of(&v, &[2, 2])), &m, &[2, 2]);
    check("mixture logvar", |v| mixture(of(&l, &[2]), of(&m, &[2, 2]), v), &v, &[2, 2]);
    let z = Tensor::from([0.2f64, 0.9, -0.5]);
    let lower = full().lower.to_vec::<f64>().unwrap();
    check("full x", |z| full().log_prob(&z), &[0.2, 0.9, -0.5], &[3]);
    check("full lower", |lower| FullGaussian { lower, ..full() }.log_prob(&z), &lower, &[3, 3]);
    let moved = |lower| FullGaussian { lower, ..full() }.sample(Key::new(4)).square().sum();
    check("full draw", moved, &lower, &[3, 3]);
}
