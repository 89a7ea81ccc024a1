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
    let words = |n| Key::new(4).split_n(n).into_tensor();
    let args = |counts: &[i32]| {
        let n = counts.len();
        (weights(6, 4, 64), words(n), normal(5, &[n, 6]), Tensor::new(counts.to_vec(), &[n]))
    };
    // One that is long among many that are not.
    let mut mixed = vec![2; 400];
    mixed[130] = 40_000;
    for all in [vec![vec![60_000, 0, 3, 1], vec![20_000, 30_000, 10_001, 0], vec![5, 0, 1, 2]], vec![mixed]] {
        let compiled = jit(f);
        for counts in &all {
            let (w, words, xs, c) = args(counts);
            agrees(|| compiled.call(args(counts)), &f(w, words, xs, c), &format!("{:?}", &counts[..4]));
        }
        // The 64 hidden numbers of each row alone would be 20 to 31 MB.
        assert!(compiled.bytes() < 16 << 20, "{} bytes", compiled.bytes());
    }
}

/// Rows by other numbers than their own examples', and numbers into the rows themselves: of any block.
#[test]
fn numbers_that_are_not_the_examples_own() {
    let n = 200;
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
    let others: Vec<i32> = (0..n as i32).map(|i| total - n as i32 + i).collect();
    let args = || {
        let (counts, others) = (Tensor::new(counts.clone(), &[n]), Tensor::new(others.clone(), &[n]));
        (normal(1, &[10, 32]), normal(2, &[n, 10]), counts, others)
    };
    let (w, xs, c, o) = args();
    agrees(|| compiled.call(args()), &f(w, xs, c, o), "other numbers");

    // For each example a row of the last block, and nothing else that would end the stage before.
    let f = |w: Tensor, xs: Tensor, counts: Tensor, others: Tensor| {
        let rows = xs.dot(&w).tanh().repeat_rows(&counts.rows()).dot(&w.transpose(&[1, 0])).sin();
        (rows.repeat_rows(&others) * &xs).cos().dot(&w).tanh()
    };
    let compiled = jit(f);
    let (w, xs, c, o) = args();
    agrees(|| compiled.call(args()), &f(w, xs, c, o), "rows of another block");
}

/// Axes of examples and of rows beside each other, and two kinds of rows of the same examples.
#[test]
fn axes_that_meet_otherwise() {
    let n = 150;
    let f = |w: Tensor, xs: Tensor, counts: Tensor, more: Tensor| {
        let turned = xs.transpose(&[1, 0]);
        let gram = xs.dot(&w).tanh().dot(&w.transpose(&[1, 0]).dot(&turned)) * 0.1;
        let ids = counts.rows();
        let against = (xs.sin().repeat_rows(&ids).dot(&turned) * 0.1).cos().tanh();
        let each = |x: Tensor, count: Tensor, more: Tensor| {
            let rows = |count: &Tensor, f: fn(&Tensor) -> Tensor| {
                let k = (count.rows() + 1).cast(DType::F64);
                vmap(|k: Tensor| f(&(&x / k)).dot(&w).tanh().sum()).call(k)
            };
            let (some, others) = (rows(&count, Tensor::sin), rows(&more, Tensor::cos));
            some.logsumexp(0).maximum(-5.0) * others.sum() + others.cumsum(0).tanh().sum()
        };
        let both = vmap(each).call((xs.clone(), counts.clone(), more));
        (&gram + against.segment_sum(&ids, n), both, gram.reduce_sum(&[0]))
    };
    let compiled = jit(f);
    let args = || {
        let more: Vec<i32> = counts(n, 70).into_iter().rev().collect();
        (normal(1, &[12, 48]), normal(2, &[n, 12]), Tensor::new(counts(n, 60), &[n]), Tensor::new(more, &[n]))
    };
    let (w, xs, c, m) = args();
    agrees(|| compiled.call(args()), &f(w, xs, c, m), "axes beside each other");
}

/// Rows chosen, cut off or set beside others along the axis of examples: blocks of it are not blocks of what is moved.
#[test]
fn rows_that_are_moved() {
    let n = 48;
    let feature = |table: &Tensor, w: &Tensor, ids: &Tensor| {
        let rows = table.dot(w).tanh().repeat_rows(ids);
        (rows.dot(&w.transpose(&[1, 0])).tanh() + 0.1).sin()
    };
    let f = |w: Tensor, long: Tensor, short: Tensor, counts: Tensor| {
        let ids = counts.rows();
        let (sliced, padded) = (long.slice(0, 5, 5 + n), short.pad(0, 1, 2));
        let both = Tensor::concat(&[&short, &long.slice(0, 0, 3)], 0);
        let [a, b, c] = [sliced, padded, both].map(|table| feature(&table, &w, &ids));
        // A table of examples by rows, and rows along its second axis.
        let scores = short.dot(&w).dot(&c.dot(&w).transpose(&[1, 0])).tanh().reduce_sum(&[1]);
        let scored = (scores.pad(0, 3, 0).repeat_rows(&ids) * c.reduce_sum(&[1])).sin();
        (a, b.segment_sum(&ids, n), c.segment_max(&ids, n).maximum(-2.0), scored)
    };
    let compiled = jit(f);
    let counts = counts(n, 60);
    let args =
        || (normal(1, &[16, 64]), normal(2, &[n + 10, 16]), normal(3, &[n - 3, 16]), Tensor::new(counts.clone(), &[n]));
    let (w, long, short, c) = args();
    agrees(|| compiled.call(args()), &f(w, long, short, c), "rows moved");

    // The same of an axis that is cut because it is long.
    let f = |w: Tensor, x: Tensor, y: Tensor| {
        let all = Tensor::concat(&[&x, &y], 0);
        let through = |x: Tensor| x.dot(&w).tanh().dot(&w.transpose(&[1, 0])).sin();
        (through(all), through(y.pad(0, 100, 200)))
    };
    let compiled = jit(f);
    let args = || (normal(1, &[16, 64]), normal(2, &[700, 16]), normal(3, &[1000, 16]));
    let (w, x, y) = args();
    agrees(|| compiled.call(args()), &f(w, x, y), "long rows moved");
}

/// A second axis that is long and the same for all, beside ragged rows of a few of the examples alone: each example is a
/// block, however few rows it has.
#[test]
fn long_rows_beside_ragged_ones() {
    const LONG: usize = 4096;
    let f = |w: Tensor, Rows(counts): Rows<Tensor>, Rows(x): Rows<Tensor>, Rows(y): Rows<Tensor>| {
        let hidden = y.dot(&w).tanh().dot(&w.transpose(&[1, 0])).sin().dot(&w).tanh();
        let (dense, ids) = (hidden.logsumexp(1), counts.rows());
        ((dense.repeat_rows(&ids) * x.dot(&w).repeat_rows(&ids)).sin(), hidden.reduce_sum(&[1]))
    };
    let compiled = jit(f);
    for counts in [[5, 5, 5, 5], [30, 0, 0, 0], [0, 0, 0, 30], [0, 100, 0, 1]] {
        let (x, y) = (normal(2, &[4, 16]), normal(3, &[4, LONG, 16]));
        let args = || (normal(1, &[16, 64]), Rows(Tensor::from(counts)), Rows(x.clone()), Rows(y.clone()));
        let (w, c, x, y) = args();
        agrees(|| compiled.call(args()), &f(w, c, x, y), &format!("{counts:?}"));
    }
}

/// Parts of a shorter example may be longer than those of the longest.
#[test]
fn parts_of_shorter_examples() {
    for count in [4983, 453, 5889] {
        let f = |w: Tensor, x: Tensor, counts: Tensor| {
            let ids = counts.rows();
            let rows = x.repeat_rows(&ids).dot(&w).tanh().dot(&w.transpose(&[1, 0])).dot(&w).sin();
            rows.segment_sum(&ids, 2)
        };
        let compiled = jit(f);
        let args = || (normal(1, &[16, 64]), normal(2, &[2, 16]), Tensor::from([count, count * 4 / 5]));
        let (w, x, c) = args();
        agrees(|| compiled.call(args()), &f(w, x, c), &format!("{count} rows"));
    }
}

/// An axis of one example is like any axis of length one: it repeats.
#[test]
fn one_example() {
    let f = |w: Tensor, x: Tensor, counts: Tensor| {
        let ids = counts.rows();
        let rows = x.repeat_rows(&ids).dot(&w).tanh();
        let sum = rows.segment_sum(&ids, 1).tanh();
        (sum.broadcast_to([5, 64]).cumsum(0), sum.cast(DType::I32).broadcast_to([4, 64]), rows.sum())
    };
    let compiled = jit(f);
    for count in [3000, 0, 7] {
        let args = || (normal(1, &[16, 64]), normal(2, &[1, 16]), Tensor::from([count]));
        let (w, x, c) = args();
        agrees(|| compiled.call(args()), &f(w, x, c), &format!("{count} rows"));
    }
}
