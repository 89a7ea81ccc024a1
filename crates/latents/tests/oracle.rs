//! `data/iwae.json`: one small amortised model in value and gradient, as JAX computes it in f64.

mod common;

use common::{Given, Json, given_keys, net};
use latents::estimator::{Sumo, dreg_encoder, elbo_of, iwae_of, log_weights, stl};
use latents::model::Vae;
use latents::nn::GaussianNet;
use pullback::{Tensor, leaves, value_and_grad, vmap};

const TOLERANCE: f64 = 1e-10;

/// The model whose noise is given, example by example.
fn model(encoder: &GaussianNet, decoder: &GaussianNet, eps: &Tensor) -> Vae<Given> {
    Vae { encoder: Given { net: encoder.clone(), eps: eps.clone() }, decoder: decoder.clone(), latent_dim: 2 }
}

/// The mean over the batch of a function of one example.
fn batch(
    json: &Json,
    encoder: &GaussianNet,
    decoder: &GaussianNet,
    f: impl Fn(&Tensor, &Vae<Given>) -> Tensor,
) -> Tensor {
    let one = |x: Tensor, eps: Tensor| f(&x, &model(encoder, decoder, &eps));
    vmap(one).call((json.at("x").tensor(), json.at("eps").tensor())).mean()
}

fn near(what: &str, found: &Tensor, expected: &Json) {
    let (found, expected) = (found.to_vec::<f64>().unwrap(), expected.numbers());
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() <= TOLERANCE * b.abs().max(1.0), "{what}: {a} against {b}");
    }
}

/// A gradient's leaves against those of a JSON tree, whose only hidden layer has no number.
fn near_tree(what: &str, found: &GaussianNet, expected: &Json) {
    for leaf in leaves(found) {
        let path = leaf.name.replace("hidden.0", "hidden");
        let expected = path.split('.').fold(expected.clone(), |json, part| json.at(part));
        near(&format!("{what} {path}"), &leaf.tensor, &expected);
    }
}

type Estimator = fn(&Tensor, &Vae<Given>) -> Tensor;

fn weights(x: &Tensor, model: &Vae<Given>) -> Tensor {
    log_weights(given_keys(12), x, model)
}

fn sumo(x: &Tensor, model: &Vae<Given>) -> Tensor {
    Sumo::default().of(&weights(x, model), &Tensor::scalar(12i32))
}

#[test]
fn log_weights_and_their_prefix_bounds() {
    let json = Json::read("iwae.json");
    let (encoder, decoder) = (net(&json.at("encoder")), net(&json.at("decoder")));
    let one = |x: Tensor, eps: Tensor| {
        let log_w = weights(&x, &model(&encoder, &decoder, &eps));
        let prefixes: Vec<Tensor> = (1..=12).map(|k| iwae_of(&log_w.slice(0, 0, k))).collect();
        (log_w, Tensor::stack(&prefixes.iter().collect::<Vec<_>>(), 0))
    };
    let (log_w, prefixes) = vmap(one).call((json.at("x").tensor(), json.at("eps").tensor()));
    near("log_weights", &log_w, &json.at("log_weights"));
    near("iwelbo_k", &prefixes, &json.at("iwelbo_k"));
}

#[test]
fn values() {
    let json = Json::read("iwae.json");
    let (encoder, decoder) = (net(&json.at("encoder")), net(&json.at("decoder")));
    let table: [(&str, Estimator); 4] = [
        ("elbo", |x, m| elbo_of(&weights(x, m))),
        ("iwelbo", |x, m| iwae_of(&weights(x, m))),
        ("sumo", sumo),
        ("sumo_squared", |x, m| sumo(x, m).square()),
    ];
    for (name, f) in table {
        near(name, &batch(&json, &encoder, &decoder, f), &json.at("value").at(name));
    }
    let one = |x: Tensor, eps: Tensor| sumo(&x, &model(&encoder, &decoder, &eps));
    let each = vmap(one).call((json.at("x").tensor(), json.at("eps").tensor()));
    near("per_example_sumo", &each, &json.at("per_example_sumo"));
    for pair in json.at("survival").list() {
        let pair = pair.numbers();
        assert!((Sumo::default().tail.survival(pair[0] as u32) / pair[1] - 1.0).abs() < 1e-12, "S({})", pair[0]);
    }
}

#[test]
fn encoder_gradients() {
    let json = Json::read("iwae.json");
    let (encoder, decoder) = (net(&json.at("encoder")), net(&json.at("decoder")));
    let table: [(&str, Estimator); 5] = [
        ("elbo", |x, m| elbo_of(&weights(x, m))),
        ("iwelbo", |x, m| iwae_of(&weights(x, m))),
        ("sumo_squared", |x, m| sumo(x, m).square()),
        ("stl", |x, m| stl(given_keys(12), x, m)),
        ("dreg", |x, m| dreg_encoder(given_keys(12), x, m)),
    ];
    for (name, f) in table {
        let loss = |encoder: GaussianNet| batch(&json, &encoder, &decoder, f);
        let (_, gradient) = value_and_grad(loss).call(encoder.clone());
        near_tree(name, &gradient, &json.at("grad_encoder").at(name));
    }
}

#[test]
fn dreg_is_the_plain_gradient_in_the_decoder_and_its_own_in_the_encoder() {
    let json = Json::read("iwae.json");
    let (encoder, decoder) = (net(&json.at("encoder")), net(&json.at("decoder")));
    let dreg: Estimator = |x, m| latents::estimator::dreg(given_keys(12), x, m);
    let (value, gradient) = value_and_grad(|d: GaussianNet| batch(&json, &encoder, &d, dreg)).call(decoder.clone());
    near("value", &value, &json.at("value").at("iwelbo"));
    near_tree("decoder", &gradient, &json.at("grad_decoder").at("iwelbo"));
    let (_, gradient) = value_and_grad(|e: GaussianNet| batch(&json, &e, &decoder, dreg)).call(encoder.clone());
    near_tree("encoder", &gradient, &json.at("grad_encoder").at("dreg"));
}

#[test]
fn decoder_gradients() {
    let json = Json::read("iwae.json");
    let (encoder, decoder) = (net(&json.at("encoder")), net(&json.at("decoder")));
    let table: [(&str, Estimator); 3] =
        [("elbo", |x, m| elbo_of(&weights(x, m))), ("iwelbo", |x, m| iwae_of(&weights(x, m))), ("sumo", sumo)];
    for (name, f) in table {
        let loss = |decoder: GaussianNet| batch(&json, &encoder, &decoder, f);
        let (_, gradient) = value_and_grad(loss).call(decoder.clone());
        near_tree(name, &gradient, &json.at("grad_decoder").at(name));
    }
}
