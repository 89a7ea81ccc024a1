//! What several test files need: oracles in JSON, models with given noise, and means with their errors.
#![allow(dead_code, reason = "each test file uses its own part")]

use latents::dist::{DiagonalGaussian, Distribution};
use latents::model::{Conditional, LinearGaussian};
use latents::nn::{Activation, Dense, GaussianNet};
use pullback::{DType, Key, Keys, Tensor, Tree, unflatten};
use serde_json::Value;

/// A node of an oracle file.
#[derive(Clone)]
pub struct Json(Value);

impl Json {
    pub fn read(name: &str) -> Json {
        let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
        Json(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    pub fn at(&self, name: &str) -> Json {
        Json(self.0.get(name).unwrap_or_else(|| panic!("no `{name}`")).clone())
    }

    pub fn list(&self) -> Vec<Json> {
        self.0.as_array().unwrap().iter().cloned().map(Json).collect()
    }

    /// Every number below this node, in order.
    pub fn numbers(&self) -> Vec<f64> {
        match &self.0 {
            Value::Array(items) => items.iter().flat_map(|v| Json(v.clone()).numbers()).collect(),
            v => vec![v.as_f64().unwrap()],
        }
    }

    /// A nested list as a tensor of f64.
    pub fn tensor(&self) -> Tensor {
        let mut shape = Vec::new();
        let mut v = &self.0;
        while let Value::Array(items) = v {
            shape.push(items.len());
            v = &items[0];
        }
        Tensor::new(self.numbers(), &shape)
    }
}

fn dense(json: &Json) -> Dense {
    Dense { w: json.at("w").tensor(), b: json.at("b").tensor() }
}

/// A network of an oracle file.
pub fn net(json: &Json) -> GaussianNet {
    GaussianNet {
        hidden: vec![dense(&json.at("hidden"))],
        mean: dense(&json.at("mean")),
        logvar: dense(&json.at("logvar")),
        activation: Activation::Tanh,
        bound: None,
    }
}

/// Keys that are not random: the words of key `i` are `(i, 0)`.
pub fn given_keys(n: usize) -> Keys {
    let words: Vec<u32> = (0..n as u32).flat_map(|i| [i, 0]).collect();
    unflatten(&Key::new(0).split_n(n), [Tensor::new(words, &[n, 2])])
}

/// An encoder whose noise is a row of a table, found by the key's first word.
#[derive(Clone, Tree)]
pub struct Given {
    pub net: GaussianNet,
    pub eps: Tensor,
}

#[derive(Clone, Tree)]
pub struct GivenGaussian {
    gaussian: DiagonalGaussian,
    eps: Tensor,
}

impl Conditional for Given {
    type Distribution = GivenGaussian;
    fn at(&self, x: &Tensor) -> GivenGaussian {
        GivenGaussian { gaussian: self.net.at(x), eps: self.eps.clone() }
    }
}

impl Distribution for GivenGaussian {
    fn sample(&self, key: Key) -> Tensor {
        let row = key.into_tensor().slice(0, 0, 1).cast(DType::I32).reduce_sum(&[0]);
        &self.gaussian.mean + (&self.gaussian.logvar * 0.5).exp() * self.eps.take(&row)
    }
    fn log_prob(&self, z: &Tensor) -> Tensor {
        self.gaussian.log_prob(z)
    }
}

/// A case of `linear_gaussian.json`.
pub struct Linear {
    pub model: LinearGaussian,
    pub x: Tensor,
    pub log_evidence: Vec<f64>,
}

/// The cases of the oracle, each with the proposal of the posterior's mean and marginal variances: the posterior
/// itself in one latent dimension, and narrower than it otherwise.
pub fn linear_cases() -> Vec<Linear> {
    let json = Json::read("linear_gaussian.json");
    json.at("cases").list().iter().map(linear_case).collect()
}

fn linear_case(case: &Json) -> Linear {
    let (w, s) = (case.at("W").tensor(), case.at("posterior_covariance").tensor());
    let noise = case.at("noise_variance").tensor();
    // A = S Wᵀ diag(1 / noise).
    let a = s.dot(&w.t()) / &noise;
    let z = s.shape().known().unwrap()[0];
    let diagonal: Vec<f64> = (0..z).map(|i| s.to_vec::<f64>().unwrap()[i * z + i]).collect();
    Linear {
        model: LinearGaussian {
            w,
            b: case.at("b").tensor(),
            logvar: noise.log(),
            a,
            proposal_logvar: Tensor::from(diagonal).log(),
        },
        x: case.at("x").tensor(),
        log_evidence: case.at("log_evidence").numbers(),
    }
}

/// The row of a matrix.
pub fn row(x: &Tensor, i: i32) -> Tensor {
    x.take(&Tensor::scalar(i))
}

/// A mean and its standard error.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}
