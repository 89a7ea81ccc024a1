//! The model that a configuration describes.

use latents::estimator::iwae;
use latents::model::{Column, ColumnKind, Density, LatentModel, ModelConfig};
use latents::objective::{Bound, EncoderGradient, Estimation, Update};
use latents::optim::{Adam, Schedule};
use pullback::{DType, Key, Rows, Tensor, jit, vmap};

fn numbers(n: usize) -> Vec<Column> {
    (0..n).map(|i| Column { name: format!("x{i}"), kind: ColumnKind::Number }).collect()
}

fn config(json: &str) -> ModelConfig {
    serde_json::from_str(json).unwrap()
}

/// What every configuration must do: build, draw, weigh, and train with one compile for all numbers of rows.
fn trains(json: &str, columns: &[Column], row: impl Fn(Key) -> Tensor) -> Density {
    let model = config(json).build(columns, Key::new(0)).unwrap_or_else(|e| panic!("{json}: {e}"));
    let (z, x) = model.ancestral(Key::new(1));
    assert_eq!(x.shape().known(), Some(vec![columns.len()]), "{json}");
    assert!(model.log_weight_of(&x, &z).item::<f32>().unwrap().is_finite(), "{json}");
    assert_eq!(model.reconstruct(&x, Key::new(2)).shape().known(), Some(vec![columns.len()]), "{json}");
    let fit = Estimation {
        bound: Bound::Iwae { samples: 3 },
        encoder_gradient: EncoderGradient::Dreg,
        update: Update { adam: Adam::new(Schedule::Constant(1e-2)), clip: Some(10.0) },
    };
    let step = jit(|state, key: Key, Rows(rows): Rows<Tensor>| fit.step(&state, key, &rows));
    let mut state = fit.init(model);
    let (mut first, mut last) = (0.0, 0.0);
    for i in 0..60u32 {
        let (data, noise) = Key::new(3).fold_in(i).split();
        let rows = vmap(&row).call(data.split_n(16 + i as usize % 3));
        let (next, metrics) = step.call((state, noise, Rows(rows))).unwrap_or_else(|e| panic!("{json}: {e}"));
        state = next;
        let value = metrics.log_evidence.item::<f32>().unwrap();
        assert!(value.is_finite(), "{json}: step {i}");
        *(if i < 10 { &mut first } else { &mut last }) += if i < 10 || i >= 50 { value / 10.0 } else { 0.0 };
    }
    assert_eq!(step.compiles(), 1, "{json}");
    assert_eq!(state.adam.step.item::<i32>().unwrap(), 60, "{json}: an update was left out");
    assert!(last > first, "{json}: from {first} to {last}");
    state.model
}

#[test]
fn one_and_two_stochastic_layers_train() {
    let row = |key: Key| key.normal([3], DType::F32) * 0.3 + 1.0;
    for latent in ["[2]", "[3, 2]", "[3, 2, 2]"] {
        trains(&format!(r#"{{ "latent": {latent}, "hidden": [8] }}"#), &numbers(3), row);
    }
    let bits = |key: Key| key.bernoulli(0.8, [3]).cast(DType::F32);
    trains(r#"{ "latent": [2], "hidden": [8], "likelihood": "bernoulli" }"#, &numbers(3), bits);
}

/// The weights of two layers: their mean over many samples does not depend on the proposal.
#[test]
fn two_layers_have_the_evidence_of_any_proposal() {
    let model =
        config(r#"{ "latent": [2, 1], "hidden": [4] }"#).build_in(&numbers(1), DType::F64, Key::new(5)).unwrap();
    let other =
        config(r#"{ "latent": [2, 1], "hidden": [4] }"#).build_in(&numbers(1), DType::F64, Key::new(6)).unwrap();
    let other = Density { encoder: other.encoder, ..model.clone() };
    let x = Tensor::from([0.4f64]);
    let value = |model: &Density| iwae(Key::new(7).split_n(40_000), &x, model).item::<f64>().unwrap();
    assert!((value(&model) - value(&other)).abs() < 0.03, "{} {}", value(&model), value(&other));
}
