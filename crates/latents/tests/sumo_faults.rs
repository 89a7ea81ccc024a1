//! Each known way to get SUMO wrong, and the check that tells.
//!
//! A check takes an implementation apart from what it looks like: every one accepts the library's and rejects at least
//! the broken variant that is named after it.

mod common;

use common::{linear_cases, mean, row};
use latents::estimator::{Sumo, Tail, iwae};
use latents::model::{LatentModel, LinearGaussian};
use pullback::{DType, Key, Keys, Tensor, grad, jit, vmap};

/// How many samples, `m + J`, for a uniform on (0, 1].
type Count = fn(&Tensor) -> Tensor;
/// The estimate by the log-weights of so many samples.
type Value = fn(&Tensor, &Tensor) -> Tensor;

const M: u32 = 4;

fn sumo() -> Sumo {
    Sumo { min_terms: M, ..Sumo::default() }
}

fn one_term() -> Sumo {
    Sumo { min_terms: 1, ..Sumo::default() }
}

fn count(u: &Tensor) -> Tensor {
    sumo().tail.count_of(u) + M as i32
}

fn value(log_w: &Tensor, count: &Tensor) -> Tensor {
    sumo().of(log_w, count)
}

/// `P(N ≥ n)` of a sampler that falls with `u`: the greatest `u` that still gives `n`.
fn survival(count: Count, n: i32) -> f64 {
    let at = |u: f64| count(&Tensor::scalar(u)).item::<i32>().unwrap();
    let (mut inside, mut outside) = (0.0f64, 1.0f64);
    if at(outside) >= n {
        return 1.0;
    }
    for _ in 0..100 {
        let middle = 0.5 * (inside + outside);
        if middle > 0.0 && at(middle) >= n { inside = middle } else { outside = middle }
    }
    inside
}

/// The factor of `L_k - L_{k-1}` in an estimate by `n` samples: weights are 1 up to `k - 1` and then such that the
/// bound jumps once, to 1, and stays.
fn factor(value: Value, k: usize, n: usize) -> f64 {
    let e = 1.0f64.exp();
    let mut w = vec![1.0f64; n];
    w[k - 1] = k as f64 * e - (k - 1) as f64;
    w[k..].fill(e);
    let log_w: Vec<f64> = w.into_iter().map(f64::ln).collect();
    value(&Tensor::from(log_w), &Tensor::scalar(n as i32)).item::<f64>().unwrap()
}

/// The rule of randomised truncation: every increment's factor times the chance that it is drawn is 1.
fn rule(count: Count, value: Value) -> Result<(), String> {
    for k in (2..=120).chain([160, 200]) {
        let drawn = survival(count, k as i32);
        let n = k.max(M as usize + 1) + 7;
        let product = if k <= M as usize { factor(value, k, n) } else { factor(value, k, n) * drawn };
        if k <= M as usize && (drawn - 1.0).abs() > 1e-9 {
            return Err(format!("sample {k} is not always drawn"));
        }
        if (product - 1.0).abs() > 1e-6 {
            return Err(format!("increment {k} counts {product} times"));
        }
    }
    Ok(())
}

#[test]
fn the_rule_holds() {
    rule(count, value).unwrap();
}

/// The estimate whose weights are those numbers of the position `j ≥ 1` after `m`.
fn weighted(log_w: &Tensor, count: &Tensor, weight: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let k = (count.rows() + 1).cast(log_w.dtype());
    let bound = log_w.logcumsumexp(0) - k.log();
    let j = &k - f64::from(M);
    let first = k.eq(f64::from(M)).select(&bound, 0.0).sum();
    first + j.gt(0.0).select(&((&bound - bound.shift(0, false)) * weight(&j)), 0.0).sum()
}

#[test]
fn the_rule_rejects_weights_of_the_total() {
    // 1 / S(m + j) for 1 / S(j).
    let broken: Value = |log_w, n| weighted(log_w, n, |j| Tail::default().weight(&(j + f64::from(M))));
    assert!(rule(count, broken).is_err());
    // The same function with the right weight passes: it is the weight that the check rejects.
    rule(count, |log_w, n| weighted(log_w, n, |j| Tail::default().weight(j))).unwrap();
}

#[test]
fn the_rule_rejects_a_zero_based_count() {
    // ⌊u / (1 - u)⌋ of a uniform counts from 0: P(J ≥ j) = 1 / (1 + j), and not the 1 / j of the weights. It rises with
    // its uniform; seen from 1 - u it falls.
    let broken: Count = |u| ((1.0 - u) / u).floor().minimum(1e9).cast(DType::I32) + M as i32;
    assert!(rule(broken, value).is_err());
}

#[test]
fn the_rule_rejects_a_minimum_that_is_counted_twice() {
    // J is started at m, and m is added once more.
    let broken: Count = |u| sumo().tail.count_of(u).maximum(M) + M as i32;
    assert!(rule(broken, value).is_err());
}

/// Draws of the stopping time against its law.
fn law(sample: impl Fn(Key) -> Tensor) -> Result<(), String> {
    let n = 200_000;
    let draws = vmap(sample).call(Key::new(5).split_n(n)).to_vec::<i32>().unwrap();
    for j in [1, 2, 3, 4, 5, 8, 10, 20, 40, 79, 80, 81, 90, 110] {
        let s = Tail::default().survival(j);
        let found = draws.iter().filter(|&&d| d >= j as i32).count() as f64 / n as f64;
        let error = (s * (1.0 - s) / n as f64).sqrt().max(1e-12);
        if (found - s).abs() > 4.5 * error {
            return Err(format!("P(J ≥ {j}) is {found}, not {s}"));
        }
    }
    Ok(())
}

#[test]
fn the_law_is_that_of_the_paper() {
    law(|key| Tail::default().sample(key)).unwrap();
}

#[test]
fn the_law_rejects_a_step_by_step_sampler_that_goes_on_with_s() {
    // Goes on from j to j + 1 with probability S(j + 1), where it should be S(j + 1) / S(j).
    let stepwise = |probability: fn(u32) -> f64| {
        move |key: Key| {
            let steps = 400;
            let u = key.uniform([steps], DType::F64);
            let goes_on: Vec<f64> = (1..=steps as u32).map(probability).collect();
            let stays = u.lt(Tensor::from(goes_on)).cast(DType::I32);
            // The number of steps before the first that does not go on.
            (stays.eq(0).cast(DType::I32).cumsum(0).eq(0).cast(DType::I32)).sum() + 1
        }
    };
    let tail = Tail::default;
    assert!(law_of_few(stepwise(|j| Tail { alpha: 80, b: 0.1 }.survival(j + 1))).is_err());
    law_of_few(stepwise(|j| Tail { alpha: 80, b: 0.1 }.survival(j + 1) / Tail { alpha: 80, b: 0.1 }.survival(j)))
        .unwrap();
    assert!(tail().survival(2) / tail().survival(1) == 0.5);
}

/// [`law`] of a sampler that is slow.
fn law_of_few(sample: impl Fn(Key) -> Tensor) -> Result<(), String> {
    let n = 20_000;
    let draws = vmap(sample).call(Key::new(6).split_n(n)).to_vec::<i32>().unwrap();
    for j in [2, 3, 4, 5, 10, 20] {
        let s = Tail::default().survival(j);
        let found = draws.iter().filter(|&&d| d >= j as i32).count() as f64 / n as f64;
        if (found - s).abs() > 4.5 * (s * (1.0 - s) / n as f64).sqrt() {
            return Err(format!("P(J ≥ {j}) is {found}, not {s}"));
        }
    }
    Ok(())
}

/// Counts of a compiled function: they differ from example to example, and from call to call.
fn fresh(counts: impl Fn(Keys) -> Tensor) -> Result<(), String> {
    let compiled = jit(counts);
    let call = |seed| compiled.call(Key::new(seed).split_n(64)).unwrap().to_vec::<i32>().unwrap();
    let (first, second) = (call(0), call(1));
    if first.iter().all(|j| *j == first[0]) {
        return Err("one count for the whole batch".into());
    }
    if first == second {
        return Err("the counts are those of the first call".into());
    }
    Ok(())
}

#[test]
fn counts_are_fresh() {
    fresh(|keys| vmap(|key: Key| sumo().count(key)).call(keys)).unwrap();
}

#[test]
fn freshness_rejects_a_count_frozen_at_trace_time() {
    // Drawn while the function is traced, from a key that is no argument.
    let frozen = vmap(|key: Key| sumo().count(key)).call(Key::new(9).split_n(64));
    let broken = |_: Keys| frozen.clone();
    assert_eq!(fresh(broken), Err("the counts are those of the first call".into()));
}

#[test]
fn freshness_rejects_one_count_for_the_batch() {
    let broken = |keys: Keys| {
        let words = keys.into_tensor();
        let first = Key::from_tensor(words.slice(0, 0, 1).reduce_sum(&[0]));
        sumo().count(first).broadcast_to([64])
    };
    assert_eq!(fresh(broken), Err("one count for the whole batch".into()));
}

/// A proposal that is wider than the posterior and off it, so that weights vary and their variance is finite.
fn off(model: &LinearGaussian) -> LinearGaussian {
    LinearGaussian { proposal_logvar: &model.proposal_logvar + 0.7, a: &model.a * 0.8, ..model.clone() }
}

/// `log p(x)` of `z ~ N(0, 1)`, `x|z ~ N(w z + b, noise)`.
fn exact(model: &LinearGaussian, x: &Tensor) -> Tensor {
    let variance = model.w.square().sum() + model.logvar.exp().sum();
    let d = (x - &model.b).sum();
    (d.square() / &variance + variance.log() + (2.0 * std::f64::consts::PI).ln()) * -0.5
}

/// A one-dimensional model in which the latent variable matters.
fn strong() -> LinearGaussian {
    LinearGaussian {
        w: Tensor::from([[1.0f64]]),
        b: Tensor::from([0.3f64]),
        logvar: Tensor::from([0.5f64.ln()]),
        a: Tensor::from([[2.0f64 / 3.0]]),
        proposal_logvar: Tensor::from([(1.0f64 / 3.0).ln()]),
    }
}

/// The mean of an error is 0.
fn unbiased(error: impl Fn(Key, &LinearGaussian) -> Tensor, n: usize) -> Result<(), String> {
    // The further out the example, the worse the proposal.
    let model = LinearGaussian { a: Tensor::from([[0.3f64]]), ..off(&strong()) };
    let errors = vmap(|key: Key| error(key, &model)).call(Key::new(17).split_n(n)).to_vec::<f64>().unwrap();
    let (bias, se) = mean(&errors);
    if bias.abs() > 3.5 * se { Err(format!("bias {bias} ± {se}")) } else { Ok(()) }
}

/// SUMO of an example of the model, less its exact evidence.
fn error_of(sumo: Sumo) -> impl Fn(Key, &LinearGaussian) -> Tensor {
    move |key, model| {
        let (ancestral, rest) = key.split();
        let (_, x) = model.ancestral(ancestral);
        sumo.at(rest, &x, model).0 - exact(model, &x)
    }
}

#[test]
fn estimates_of_ancestral_examples_are_unbiased() {
    unbiased(error_of(sumo()), 40_000).unwrap();
}

#[test]
fn unbiasedness_rejects_a_cap() {
    assert!(unbiased(error_of(Sumo { cap: Some(1), ..one_term() }), 40_000).is_err());
}

/// A capped SUMO, whose variance is finite, less the bound that it is unbiased for, by samples of its own; `reused`
/// draws the samples by the very key that the example was made of.
fn error_of_capped(reused: bool) -> impl Fn(Key, &LinearGaussian) -> Tensor {
    move |key, model| {
        let (ancestral, rest, apart) = key.split3();
        // Keys cannot be used twice; the words that they are saved as can.
        let words = ancestral.into_tensor();
        let (_, x) = model.ancestral(Key::from_tensor(words.clone()));
        let key = if reused { Key::from_tensor(words) } else { rest };
        let value = Sumo { cap: Some(12), ..one_term() }.at(key, &x, model).0;
        value - iwae(apart.split_n(13), &x, model)
    }
}

#[test]
fn a_capped_sumo_is_unbiased_for_the_bound_of_its_greatest_count() {
    unbiased(error_of_capped(false), 40_000).unwrap();
}

#[test]
fn unbiasedness_rejects_the_ancestral_key_used_again() {
    // The same bits make the latent number large and the stopping time long.
    assert!(unbiased(error_of_capped(true), 40_000).is_err());
}

/// Prefixes far below the greatest weight keep their value.
fn deep(value: Value) -> Result<(), String> {
    let log_w = [-2000.0f64, -1999.0, -2001.0, -1998.0, -1500.0, 0.0];
    let l = |k: usize| {
        let top = log_w[..k].iter().cloned().fold(f64::MIN, f64::max);
        top + (log_w[..k].iter().map(|w| (w - top).exp()).sum::<f64>() / k as f64).ln()
    };
    let expected = l(4) + (l(5) - l(4)) + 2.0 * (l(6) - l(5));
    let found = value(&Tensor::from(log_w), &Tensor::scalar(6i32)).item::<f64>().unwrap();
    if (found - expected).abs() > 1e-9 * expected.abs() || !found.is_finite() {
        return Err(format!("{found}, not {expected}"));
    }
    let slope = grad(|w: Tensor| value(&w, &Tensor::scalar(6i32))).call(Tensor::from(log_w)).to_vec::<f64>().unwrap();
    if slope.iter().all(|s| s.is_finite()) { Ok(()) } else { Err(format!("gradient {slope:?}")) }
}

#[test]
fn small_prefixes_keep_their_value() {
    deep(value).unwrap();
}

#[test]
fn depth_rejects_prefix_sums_scaled_by_one_maximum() {
    let broken: Value = |log_w, count| {
        let k = (count.rows() + 1).cast(DType::F64);
        let top = log_w.reduce_max(&[0]);
        let bound = (log_w - &top).exp().cumsum(0).log() + &top - k.log();
        let j = &k - f64::from(M);
        let first = k.eq(f64::from(M)).select(&bound, 0.0).sum();
        first + j.gt(0.0).select(&((&bound - bound.shift(0, false)) * Tail::default().weight(&j)), 0.0).sum()
    };
    assert!(deep(broken).is_err());
    // Where no prefix underflows, it is the same.
    let log_w = Tensor::from([0.1f64, -1.0, 0.3, 0.7, -0.2, 1.1]);
    let n = Tensor::scalar(6i32);
    let gap = (broken(&log_w, &n) - value(&log_w, &n)).item::<f64>().unwrap();
    assert!(gap.abs() < 1e-12);
}

/// The mean of what the encoder's `SUMO²` takes for unbiased does not move with the proposal: its gradient is noise.
fn still(sumo: Sumo) -> Result<(), String> {
    let model = off(&strong());
    let x = Tensor::from([1.1f64]);
    let slope = |key: Key| {
        let words = key.into_tensor();
        let f = |shift: Tensor| {
            let model = LinearGaussian { proposal_logvar: &model.proposal_logvar + shift, ..model.clone() };
            sumo.at(Key::from_tensor(words.clone()), &x, &model).0
        };
        grad(f).call(Tensor::from([0.0f64])).sum()
    };
    let slopes = vmap(slope).call(Key::new(23).split_n(20_000)).to_vec::<f64>().unwrap();
    let (mean, se) = mean(&slopes);
    if mean.abs() > 4.0 * se { Err(format!("slope {mean} ± {se}")) } else { Ok(()) }
}

#[test]
fn the_mean_of_sumo_does_not_move_with_the_proposal() {
    still(sumo()).unwrap();
}

#[test]
fn stillness_rejects_a_biased_sumo_under_the_square() {
    assert!(still(Sumo { cap: Some(1), ..one_term() }).is_err());
}

#[test]
fn the_oracle_models_are_met_within_the_error() {
    for case in linear_cases().into_iter().take(2) {
        let x = row(&case.x, 0);
        let model = LinearGaussian { proposal_logvar: &case.model.proposal_logvar + 0.5, ..case.model };
        let one = |key: Key| sumo().at(key, &x, &model).0;
        let values = vmap(one).call(Key::new(31).split_n(20_000)).to_vec::<f64>().unwrap();
        let (mean, se) = mean(&values);
        assert!((mean - case.log_evidence[0]).abs() <= 3.0 * se, "{mean} ± {se}, not {}", case.log_evidence[0]);
    }
}
