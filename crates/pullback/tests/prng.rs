//! Keys and draws: equal to `jax.random`, and of the distributions that they are named after.

use pullback::{DType, Element, Key, Tensor, vmap};
use serde_json::Value;

fn oracle() -> Value {
    serde_json::from_str(include_str!("data/prng.json")).unwrap()
}

fn numbers(v: &Value) -> Vec<f64> {
    match v {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        Value::Bool(b) => vec![f64::from(u8::from(*b))],
        other => vec![other.as_f64().unwrap()],
    }
}

fn floats(t: &Tensor) -> Vec<f64> {
    t.cast(DType::F64).to_vec().unwrap()
}

fn exactly(t: Tensor, want: &Value) {
    assert_eq!(floats(&t), numbers(want));
}

fn nearly(t: Tensor, want: &Value, tolerance: f64) {
    for (got, want) in floats(&t).into_iter().zip(numbers(want)) {
        assert!((got - want).abs() <= tolerance * want.abs(), "{got} is not {want}");
    }
}

#[test]
fn every_case_of_jax() {
    for case in oracle()["cases"].as_array().unwrap() {
        let key = || Key::new(case["seed"].as_u64().unwrap());
        exactly(key().into_tensor(), &case["key"]);
        let (a, b) = key().split();
        exactly(Tensor::stack(&[&a.into_tensor(), &b.into_tensor()], 0), &case["split2"]);
        exactly(key().split_n(7).into_tensor(), &case["split7"]);
        let seven = key().split_array::<7>().map(Key::into_tensor);
        exactly(Tensor::stack(&seven.iter().collect::<Vec<_>>(), 0), &case["split7"]);
        for (number, want) in case["fold_in"].as_object().unwrap() {
            exactly(key().fold_in(number.parse().unwrap()).into_tensor(), want);
        }
        exactly(key().bits([5]), &case["bits_u32_5"]);
        exactly(key().bits([3, 4]), &case["bits_u32_3x4"]);
        exactly(key().uniform([6], DType::F32), &case["uniform_f32_6"]);
        exactly(key().uniform([6], DType::F64), &case["uniform_f64_6"]);
        nearly(key().normal([6], DType::F32), &case["normal_f32_6"], 2e-6);
        nearly(key().normal([6], DType::F64), &case["normal_f64_6"], 1e-12);
        exactly(key().bernoulli(0.3, [8]), &case["bernoulli_0.3_8"]);
        exactly(key().randint(0, 100, [6]), &case["randint_0_100_6_i32"]);
    }
}

#[test]
fn a_mapped_key_draws_what_each_draws_alone() {
    let all = vmap(|key: Key| key.normal([3], DType::F64)).call(Key::new(5).split_n(4)).to_vec::<f64>().unwrap();
    let words = Key::new(5).split_n(4).into_tensor().to_vec::<u32>().unwrap();
    for (words, part) in words.chunks(2).zip(all.chunks(3)) {
        let one = Key::from_words([words[0], words[1]]).normal([3], DType::F64);
        assert_eq!(one.to_vec::<f64>().unwrap(), part);
    }
    let like = Key::new(5).split_like(&Tensor::from([[0.0f32], [1.0], [2.0], [3.0]])).into_tensor();
    assert_eq!(like.to_vec::<u32>().unwrap(), words);
}

/// The mean of draws lies within 5 standard errors of what it should be.
fn mean_is<T: Element + Into<f64>>(t: &Tensor, f: impl Fn(f64) -> f64, want: f64) {
    let x: Vec<f64> = t.to_vec::<T>().unwrap().into_iter().map(|x| f(x.into())).collect();
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n).sqrt().max(1e-12);
    assert!((mean - want).abs() < 5.0 * error, "mean {mean}, wanted {want} ± {error}");
}

const N: usize = 200_000;

#[test]
fn normal_has_its_moments() {
    let z = Key::new(1).normal([N], DType::F64);
    for (power, want) in [(1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)] {
        mean_is::<f64>(&z, |z| z.powi(power), want);
    }
    mean_is::<f32>(&Key::new(2).normal([N], DType::F32), |z| f64::from(u8::from(z < -1.0)), 0.158_655_253_931_457);
}

#[test]
fn exponential_has_its_tail() {
    let x = Key::new(3).exponential([N], DType::F64);
    mean_is::<f64>(&x, |x| x, 1.0);
    mean_is::<f64>(&x, |x| x * x, 2.0);
    mean_is::<f64>(&x, |x| f64::from(u8::from(x > 3.0)), (-3.0f64).exp());
    assert!(x.to_vec::<f64>().unwrap().iter().all(|x| *x >= 0.0 && x.is_finite()));
}

#[test]
fn gamma_has_its_moments() {
    for (i, a) in [0.05, 0.3, 1.0, 2.5, 40.0].into_iter().enumerate() {
        let x = Key::new(10 + i as u64).gamma(&Tensor::full(a, DType::F64, [N / 4]));
        mean_is::<f64>(&x, |x| x, a);
        mean_is::<f64>(&x, |x| x * x, a * (a + 1.0));
        mean_is::<f64>(&x, |x| x * x * x, a * (a + 1.0) * (a + 2.0));
    }
}

#[test]
fn categorical_and_randint_and_bernoulli_have_their_frequencies() {
    let p = [0.1, 0.0, 0.6, 0.3];
    let logits = Tensor::from(p.map(f64::ln)).broadcast_to([N / 2, 4]);
    let k = Key::new(20).categorical(&logits);
    for (i, p) in p.into_iter().enumerate() {
        mean_is::<i32>(&k, |k| f64::from(u8::from(k == i as f64)), p);
    }
    let k = Key::new(21).randint(-3, 4, [N]);
    for i in -3..4 {
        mean_is::<i32>(&k, |k| f64::from(u8::from(k == f64::from(i))), 1.0 / 7.0);
    }
    mean_is::<f64>(&Key::new(22).bernoulli(0.25, [N]).cast(DType::F64), |x| x, 0.25);
    let p = Tensor::full(0.75, DType::F32, [N]);
    mean_is::<f64>(&Key::new(23).bernoulli_of(&p).cast(DType::F64), |x| x, 0.75);
}

#[test]
fn ends_of_the_range_of_integers() {
    let k = Key::new(4).randint(i32::MIN, i32::MAX, [1000]).to_vec::<i32>().unwrap();
    assert!(k.iter().any(|&k| k < -1_000_000_000) && k.iter().any(|&k| k > 1_000_000_000));
    assert!(Key::new(4).randint(3, 3, [2]).error().is_some());
}
