//! The linear-Gaussian toy of Rainforth et al. (2018), section 4, and the signal-to-noise of its encoder's gradient.

use latents::dist::{DiagonalGaussian, Distribution, StandardNormal};
use latents::model::LatentModel;
use latents::objective::{Bound, EncoderGradient, Estimation, Update};
use latents::optim::{Adam, Schedule};
use pullback::{DType, Key, Tensor, Tree, grad, jit, vmap};

const D: usize = 20;

/// `z ~ N(θ, I)`, `x|z ~ N(z, I)`, `q(z|x) = N(A x + b, ⅔ I)`.
#[derive(Clone, Tree)]
pub struct Toy {
    theta: Tensor,
    a: Tensor,
    b: Tensor,
}

impl Toy {
    /// `A = I/2` and `b = θ/2`, where the proposal's mean is the posterior's, each moved by noise of size 0.01.
    pub fn new(key: Key) -> Toy {
        let (theta, a, b) = key.split3();
        let theta = theta.normal([D], DType::F64);
        let half: Vec<f64> = (0..D * D).map(|i| if i / D == i % D { 0.5 } else { 0.0 }).collect();
        Toy {
            a: Tensor::new(half, &[D, D]) + a.normal([D, D], DType::F64) * 0.01,
            b: &theta * 0.5 + b.normal([D], DType::F64) * 0.01,
            theta,
        }
    }

    fn standard(&self) -> StandardNormal {
        StandardNormal { dim: D, dtype: DType::F64 }
    }
}

impl LatentModel for Toy {
    type Proposal = DiagonalGaussian;
    fn sample_prior(&self, key: Key) -> Tensor {
        self.standard().sample(key) + &self.theta
    }
    fn sample_conditional(&self, key: Key, z: &Tensor) -> Tensor {
        self.standard().sample(key) + z
    }
    fn log_joint(&self, x: &Tensor, z: &Tensor) -> Tensor {
        self.standard().log_prob(&(z - &self.theta)) + self.standard().log_prob(&(x - z))
    }
    fn proposal(&self, x: &Tensor) -> DiagonalGaussian {
        let mean = x.dot(&self.a.t()) + &self.b;
        DiagonalGaussian { logvar: mean.full_like((2.0f64 / 3.0).ln()), mean }
    }
}

/// The signal-to-noise ratio of the gradient in `b` by that many samples.
pub struct Ratio {
    pub samples: usize,
    pub iwae: f64,
    pub dreg: f64,
}

/// The mean over the coordinates of `b` of `|E g| / sd g`, for the plain gradient of IWAE and for DReG's, by about
/// `draws` samples in all for each number of samples.
///
/// Both gradients have one expectation, and DReG's is estimated with far less noise: it is the signal of both. By the
/// plain gradient's own mean its ratio would be that of the noise that is left in the mean.
pub fn ratios(samples: impl IntoIterator<Item = usize>, draws: usize) -> Vec<Ratio> {
    let toy = Toy::new(Key::new(0));
    let x = toy.ancestral(Key::new(1)).1;
    let update = || Update { adam: Adam::new(Schedule::Constant(1e-3)), clip: None };
    let one = |samples: usize| {
        let fit = |encoder_gradient| Estimation {
            bound: Bound::Iwae { samples },
            proposal: None,
            encoder_gradient,
            update: update(),
        };
        let (plain, dreg) = (fit(EncoderGradient::Plain), fit(EncoderGradient::Dreg));
        let slope = |fit: &Estimation, words: &Tensor| {
            let at = |b: Tensor| fit.example(Key::from_tensor(words.clone()), &x, &Toy { b, ..toy.clone() }).1;
            grad(at).call(toy.b.clone())
        };
        let both = |words: Tensor| (slope(&plain, &words), slope(&dreg, &words));
        // Some runs at a time: 65,536 samples.
        let runs = (65_536 / samples).clamp(1, 4096);
        let some = jit(|key: Key| vmap(both).call(key.split_n(runs).into_tensor()));
        let (mut of_plain, mut of_dreg) = (Vec::new(), Vec::new());
        for i in 0..(draws / samples / runs).max(1) {
            let (p, d) = some.call(Key::new(2).fold_in(i as u32)).expect("the toy is traced without a fault");
            of_plain.extend(p.to_vec::<f64>().expect("a concrete tensor"));
            of_dreg.extend(d.to_vec::<f64>().expect("a concrete tensor"));
        }
        let (mut iwae, mut dreg) = (0.0, 0.0);
        for i in 0..D {
            let column = |all: &[f64]| all.iter().skip(i).step_by(D).copied().collect::<Vec<_>>();
            let (p, d) = (column(&of_plain), column(&of_dreg));
            let signal = mean(&d).abs();
            iwae += signal / deviation(&p) / D as f64;
            dreg += signal / deviation(&d) / D as f64;
        }
        Ratio { samples, iwae, dreg }
    };
    samples.into_iter().map(one).collect()
}

/// The slope of `log y` against `log x`, by least squares.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let (mx, my) =
        (mean(&logs.iter().map(|p| p.0).collect::<Vec<_>>()), mean(&logs.iter().map(|p| p.1).collect::<Vec<_>>()));
    let (mut xy, mut xx) = (0.0, 0.0);
    for (x, y) in logs {
        xy += (x - mx) * (y - my);
        xx += (x - mx) * (x - mx);
    }
    xy / xx
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let m = mean(values);
    (values.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
}
