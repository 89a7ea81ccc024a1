//! A likelihood of your own: one example, one sample, one file.
//!
//! Waiting times are positive and skewed; here each is gamma with a mean that the network gives and a shape that is
//! learned. No batch dimension appears: `vmap` brings it.
//!
//! `cargo run --release -p latents --example own_likelihood`

use latents::dist::Distribution;
use latents::evaluation::LogDensity;
use latents::model::{Conditional, LatentModel, Vae};
use latents::nn::{Activation, GaussianNet, Init, Mlp};
use latents::objective::{Bound, EncoderGradient, Estimation, Update};
use latents::optim::{Adam, Schedule};
use pullback::{DType, Key, Rows, Tensor, Tree, jit, vmap};

/// Independent gamma variables with mean `e^m_i` and shape `e^k_i`.
#[derive(Clone, Tree)]
struct Gamma {
    log_mean: Tensor,
    log_shape: Tensor,
}

impl Distribution for Gamma {
    fn sample(&self, key: Key) -> Tensor {
        key.gamma(&self.log_shape.exp()) * (&self.log_mean - &self.log_shape).exp()
    }

    fn log_prob(&self, x: &Tensor) -> Tensor {
        let (shape, log_rate) = (self.log_shape.exp(), &self.log_shape - &self.log_mean);
        (&shape * &log_rate - shape.log_gamma() + (&shape - 1.0) * x.log() - log_rate.exp() * x).sum()
    }
}

/// `p(x|z)`: a network for the means, a parameter for the shapes.
#[derive(Clone, Tree)]
struct Times {
    log_mean: Mlp,
    log_shape: Tensor,
}

impl Conditional for Times {
    type Distribution = Gamma;

    fn at(&self, z: &Tensor) -> Gamma {
        Gamma { log_mean: self.log_mean.at(z), log_shape: self.log_shape.clone() }
    }
}

/// Two waiting times, both short or both long.
fn row(key: Key) -> Tensor {
    let (long, times) = key.split();
    let mean = long.bernoulli(0.4, []).select(Tensor::scalar(8.0f32), Tensor::scalar(1.0f32));
    times.gamma(&Tensor::from([5.0f32, 5.0])) * (mean / 5.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (encoder, decoder) = Key::new(0).split();
    let model = Vae {
        encoder: GaussianNet::new(encoder, 2, &[32], 2, DType::F32),
        decoder: Times {
            log_mean: Mlp::new(decoder, &[2, 32, 2], Activation::Tanh, Init::GlorotUniform, DType::F32),
            log_shape: Tensor::from([0.0f32, 0.0]),
        },
        latent_dim: 2,
    };
    let steps = 400;
    let fit = Estimation {
        bound: Bound::Iwae { samples: 8 },
        proposal: None,
        encoder_gradient: EncoderGradient::Dreg,
        update: Update { adam: Adam::new(Schedule::Cosine { peak: 1e-2, steps }), clip: Some(5.0) },
    };
    fit.check_model(&model)?;
    let held_out = vmap(row).call(Key::new(1).split_n(500));
    let density = LogDensity::new(200, 100);
    let mut state = fit.init(model);
    let step = jit(|state, key: Key, Rows(rows): Rows<Tensor>| fit.step(&state, key, &rows));
    for i in 0..=steps {
        if i % 100 == 0 {
            let values = density.at(&state.model, Key::new(2), &held_out)?;
            println!(
                "step {i:>4}: held-out L_200 {:>7.3} nats a row",
                values.iter().sum::<f64>() / values.len() as f64
            );
        }
        let (data, noise) = Key::new(3).fold_in(i).split();
        (state, _) = step.call((state, noise, Rows(vmap(row).call(data.split_n(64)))))?;
    }
    let shape = state.model.decoder.log_shape.exp().to_vec::<f32>()?;
    println!("shapes learned: {shape:.1?} (the data's is 5)");
    let x = vmap(|key: Key| state.model.ancestral(key).1).call(Key::new(4).split_n(4)).to_vec::<f32>()?;
    println!("four rows drawn: {x:.2?}");
    Ok(())
}
