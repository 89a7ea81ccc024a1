//! Blocks of whole examples with their ragged rows: forward and backward pass in one stage, against the plain interpreter,
//! and the same to the bit on every number of threads.

use pullback::{DType, Error, Key, Rows, Tensor, Tree, jit, value_and_grad, vmap, with_threads};

type Weights = (Tensor, Tensor, Tensor);

fn normal(seed: u64, shape: &[usize]) -> Tensor {
    Key::new(seed).normal(shape, DType::F64) * 0.4
}

/// An encoder of the example, a network for each of its samples, log-weights, and what SUMO does with them: prefixes that are
/// shifted, sums over them, a log-sum-exp.
fn example((a, b, c): &Weights, words: Tensor, x: Tensor, count: Tensor) -> Tensor {
    let mean = (x.dot(a) + 0.1).tanh();
    let sample = |key: Key| {
        let z = key.normal([b.shape().known().map_or(0, |s| s[0])], DType::F64) * 0.3 + &mean;
        let hidden = z.dot(b).tanh();
        (hidden.dot(c) * &x).sum() - (&z * &z).sum() * 0.5
    };
    let log_w = vmap(sample).call(Key::from_tensor(words).split_rows(&count));
    let k = (count.rows() + 1).cast(DType::F64);
    let sums = log_w.logcumsumexp(0);
    let gains = (&sums - sums.shift(0, false)) / &k;
    let mean_weight = log_w.logsumexp(0).maximum(-50.0);
    (gains.tanh() * (&log_w - &mean_weight).tanh()).sum() + mean_weight * 0.1 + log_w.cumsum(0).tanh().sum()
}

fn loss(weights: &Weights, words: &Tensor, xs: &Tensor, counts: &Tensor) -> Tensor {
    vmap(|words: Tensor, x: Tensor, count: Tensor| example(weights, words, x, count))
        .call((words.clone(), xs.clone(), counts.clone()))
        .sum()
}

fn slopes(weights: Weights, words: Tensor, xs: Tensor, counts: Tensor) -> (Tensor, Weights) {
    value_and_grad(|w: Weights| loss(&w, &words, &xs, &counts)).call(weights)
}

fn floats(tree: &impl Tree) -> Vec<f64> {
    let leaves = pullback::leaves(tree).into_iter();
    leaves.flat_map(|l| l.tensor.cast(DType::F64).to_vec::<f64>().unwrap_or_else(|e| panic!("{e}"))).collect()
}

/// What a compiled function gives on several numbers of threads, which is to be the same, and about what the interpreter gives.
fn agrees<T: Tree>(run: impl Fn() -> Result<T, Error> + Sync, plain: &impl Tree, what: &str) {
    let on = |threads| floats(&with_threads(threads, &run).unwrap_or_else(|e| panic!("{what}: {e}")));
    let one = on(1);
    for (at, (got, want)) in one.iter().zip(&floats(plain)).enumerate() {
        let near = got == want || (got - want).abs() <= 1e-9 * (1.0 + want.abs());
        assert!(near, "{what}, number {at}: {got} {want}");
    }
    for threads in [2, 3, 5, 16] {
        assert!(
            on(threads).iter().map(|x| x.to_bits()).eq(one.iter().map(|x| x.to_bits())),
            "{what}, {threads} threads"
        );
    }
}

/// Counts that differ: none, few, sometimes many.
fn counts(n: usize, most: i32) -> Vec<i32> {
    (0..n as i32).map(|i| if i % 7 == 3 { 0 } else { 1 + (i * i * 31 + 5 * i) % most }).collect()
}

fn weights(data: usize, latent: usize, hidden: usize) -> Weights {
    (normal(1, &[data, latent]), normal(2, &[latent, hidden]), normal(3, &[hidden, data]))
}

#[test]
fn whole_examples_go_through_both_passes() {
    // The third has as many examples as numbers of everything else: their axis is told by what meets it.
    for (n, most, [data, latent, hidden]) in
        [(60, 40, [12, 8, 48]), (150, 90, [6, 4, 32]), (24, 60, [24, 24, 24]), (9, 12, [3, 2, 4])]
    {
        let compiled = jit(slopes);
        let words = Key::new(4).split_n(n).into_tensor();
        let args = |counts: &[i32]| {
            (weights(data, latent, hidden), words.clone(), normal(5, &[n, data]), Tensor::new(counts.to_vec(), &[n]))
        };
        for counts in [counts(n, most), vec![0; n], counts(n, most / 3 + 1)] {
            let (w, words, xs, c) = args(&counts);
            agrees(|| compiled.call(args(&counts)), &slopes(w, words, xs, c), &format!("{n} examples, {counts:?}"));
        }
        assert_eq!(compiled.compiles(), 1);
        let steps = compiled.profile(args(&counts(n, most)), 1).unwrap_or_else(|e| panic!("{e}"));
        let at = |what: &str| steps.iter().position(|s| s.step.starts_with("stage") && s.step.contains(what));
        let (folded, slope) = (at("by segments"), at("TanhSlope"));
        assert!(folded < slope && folded.is_some(), "{n}: both passes are in stages: {steps:#?}");
        let between = &steps[folded.unwrap_or(0)..slope.unwrap_or(0)];
        assert!(!between.iter().any(|s| s.step.contains("begins")), "{n}: and in one: {steps:#?}");
    }
}

#[test]
fn a_number_of_examples_that_a_call_brings() {
    let f =
        |w: Weights, words: Rows<Tensor>, xs: Rows<Tensor>, counts: Rows<Tensor>| slopes(w, words.0, xs.0, counts.0);
    let compiled = jit(f);
    for n in [40, 7, 90, 1] {
        let counts = Tensor::new(counts(n, 50), &[n]);
        let (words, xs) = (Key::new(4).split_n(n).into_tensor(), normal(5, &[n, 10]));
        let plain = slopes(weights(10, 6, 40), words.clone(), xs.clone(), counts.clone());
        let args = || (weights(10, 6, 40), Rows(words.clone()), Rows(xs.clone()), Rows(counts.clone()));
        agrees(|| compiled.call(args()), &plain, &format!("{n} examples of a call"));
    }
    assert_eq!(compiled.compiles(), 1);
}

/// One example has nearly all rows, or a few have very many: then its own rows are cut, and memory does not grow with them.
#[test]
fn rows_of_one_example_are_cut() {
    let f = |(a, b, c): Weights, words: Tensor, xs: Tensor, counts: Tensor| {
        let each = |words: Tensor, x: Tensor, count: Tensor| {
            let mean = x.dot(&a).tanh();
            let sample = |key: Key| ((key.normal([4], DType::F64) + &mean).dot(&b).tanh().dot(&c) * &x).sum();
            vmap(sample).call(Key::from_tensor(words).split_rows(&count)).logsumexp(0)
        };
        vmap(each).call((words, xs, counts))
    };
    let compiled = jit(f);
    let words = Key::new(4).split_n(4).into_tensor();
    let args = |counts: [i32; 4]| (weights(6, 4, 64), words.clone(), normal(5, &[4, 6]), Tensor::from(counts));
    for counts in [[60_000, 0, 3, 1], [20_000, 30_000, 10_001, 0], [5, 0, 1, 2]] {
        let (w, words, xs, c) = args(counts);
        agrees(|| compiled.call(args(counts)), &f(w, words, xs, c), &format!("{counts:?}"));
    }
    // Their 64 hidden numbers alone would be 31 MB.
    assert!(compiled.bytes() < 16 << 20, "{} bytes", compiled.bytes());
}

/// Rows by other numbers than their own examples', and numbers into the rows themselves: of any block.
#[test]
fn numbers_that_are_not_the_examples_own() {
    let n = 48;
    let f = |w: Tensor, xs: Tensor, counts: Tensor, others: Tensor| {
        let ids = counts.rows();
        let table = xs.dot(&w).tanh();
        let own = table.repeat_rows(&ids);
        let rows = (own.dot(&w.transpose(&[1, 0])) * 0.3).sin();
        // The example's neighbour, the sums of pairs of examples, and for each example some row of anyone's.
        let neighbour = table.repeat_rows(&(&ids - 1).maximum(0));
        let pairs = (&rows * neighbour.dot(&w.transpose(&[1, 0]))).cos();
        let halves = (ids.cast(DType::F64) * 0.5).floor().cast(DType::I32);
        let by_two = pairs.segment_sum(&halves, n / 2);
        let moved = pairs.segment_sum(&(&ids - 1).maximum(0), n) * table.sum();
        let chosen = (pairs.repeat_rows(&others) + &xs).sin();
        let prefixes = pairs.segment_logcumsumexp(&halves).segment_sum(&ids, n);
        let moved = moved + pairs.segment_max(&ids, n).maximum(-9.0) + xs;
        (prefixes, by_two, chosen, moved, (&rows * &pairs).cumsum(0).segment_sum(&ids, n))
    };
    let compiled = jit(f);
    let counts = counts(n, 60);
    let total: i32 = counts.iter().sum();
    let others: Vec<i32> = (0..n as i32).map(|i| i * (total - 1) / n as i32).collect();
    let args = || {
        let (counts, others) = (Tensor::new(counts.clone(), &[n]), Tensor::new(others.clone(), &[n]));
        (normal(1, &[10, 32]), normal(2, &[n, 10]), counts, others)
    };
    let (w, xs, c, o) = args();
    agrees(|| compiled.call(args()), &f(w, xs, c, o), "other numbers");
}
