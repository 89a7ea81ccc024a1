//! The importance-weighted bound and SUMO, written out from one example and one sample.
//!
//! `cargo run --release -p latents --example sumo`

use latents::dist::{Distribution, StandardNormal};
use latents::estimator::Tail;
use latents::nn::GaussianNet;
use pullback::{DType, Error, Key, Tensor, Tree, jit, vmap};

#[derive(Clone, Tree)]
struct Vae {
    encoder: GaussianNet,
    decoder: GaussianNet,
}

/// log p(x, z) - log q(z|x) for one example and one sample.
fn log_weight(key: Key, x: &Tensor, vae: &Vae) -> Tensor {
    let q = vae.encoder.at(x);
    let z = q.sample(key);
    let prior = StandardNormal { dim: 4, dtype: DType::F64 };
    vae.decoder.at(&z).log_prob(x) + prior.log_prob(&z) - q.log_prob(&z)
}

/// The importance-weighted bound by k samples; the encoder runs once, for it does not depend on the sample's key.
fn iwelbo(key: Key, x: &Tensor, vae: &Vae, k: usize) -> Tensor {
    vmap(|key: Key| log_weight(key, x, vae)).call(key.split_n(k)).log_mean_exp(0)
}

/// SUMO: L_m + Σ_{j=1..J} (L_{m+j} - L_{m+j-1}) / P(J ≥ j); each example draws a J of its own.
fn sumo(key: Key, x: &Tensor, vae: &Vae, tail: &Tail, m: i32) -> (Tensor, Tensor) {
    let (stop, samples) = key.split();
    let count = tail.sample(stop) + m;
    let log_w = vmap(|key: Key| log_weight(key, x, vae)).call(samples.split_rows(&count));
    let k = (count.rows() + 1).cast(log_w.dtype());
    let bounds = log_w.logcumsumexp(0) - k.log();
    let j = &k - f64::from(m);
    let increments = &bounds - bounds.shift(0, false);
    let first = j.eq(0.0).select(&bounds, 0.0).sum();
    (first + j.gt(0.0).select(&(increments * tail.weight(&j)), 0.0).sum(), count)
}

fn main() -> Result<(), Error> {
    let (e, d) = Key::new(0).split();
    let vae = Vae {
        encoder: GaussianNet::new(e, 2, &[16], 4, DType::F64),
        decoder: GaussianNet::new(d, 4, &[16], 2, DType::F64),
    };
    let x = Tensor::from([0.7f64, -1.2]);
    let examples = 4000;
    println!("log p(x) of one x by {examples} independent estimates each");
    println!("{:>10} {:>10} {:>10} {:>10}", "estimator", "mean", "± error", "samples");
    let report = |name: &str, values: Vec<f64>, samples: f64| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let se = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
        println!("{name:>10} {mean:>10.4} {se:>10.4} {samples:>10.2}");
    };
    for k in [1, 4, 16, 64] {
        let bound = jit(|key: Key| vmap(|key: Key| iwelbo(key, &x, &vae, k)).call(key.split_n(examples)));
        report(&format!("L_{k}"), bound.call(Key::new(k as u64))?.to_vec()?, k as f64);
    }
    let tail = Tail::default();
    let estimate = jit(|key: Key| vmap(|key: Key| sumo(key, &x, &vae, &tail, 4)).call(key.split_n(examples)));
    for seed in [1, 2] {
        let (values, counts) = estimate.call(Key::new(seed))?;
        let counts = counts.to_vec::<i32>()?;
        let drawn = counts.iter().sum::<i32>() as f64 / examples as f64;
        report("SUMO", values.to_vec()?, drawn);
        let longest = counts.iter().max().copied().unwrap_or(0);
        println!("{:>10} the longest drew {longest} samples; compiles so far: {}", "", estimate.compiles());
    }
    Ok(())
}
