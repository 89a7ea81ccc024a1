//! Blocks of rows on several threads: as many rows as make the executor cut them, against the plain interpreter.

use pullback::{DType, Key, Rows, Tensor, jit, value_and_grad, vmap, with_threads};

/// For each example a network over so many samples as it asks for: a table of the example's own repeated by row
/// number, random numbers of each row, products, sums over rows and over segments, truth values, row numbers; some have none.
fn loss(weights: &(Tensor, Tensor, Tensor), words: &Tensor, xs: &Tensor, counts: &Tensor) -> Tensor {
    let (a, b, c) = weights;
    let example = |words: Tensor, x: Tensor, count: Tensor| {
        let sample = |key: Key| {
            let z = key.normal([24], DType::F64) + &x;
            let hidden = (z.dot(a) + b).tanh();
            let y = hidden.dot(c);
            let kept = y.gt(&(&y * 0.0)).select(&y, &(&y * 0.1));
            (kept * x.sum()).logsumexp(0) + hidden.sum() * 0.01
        };
        let terms = vmap(sample).call(Key::from_tensor(words).split_rows(&count));
        (&terms * (count.rows() + 1).cast(DType::F64).sin()).sum() + (terms * 0.01).exp().sum().log1p()
    };
    vmap(example).call((words.clone(), xs.clone(), counts.clone())).sum()
}

fn floats(t: &Tensor) -> Vec<f64> {
    t.to_vec().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn blocks_of_rows_give_what_the_interpreter_gives() {
    let normal = |seed: u64, shape: [usize; 2]| Key::new(seed).normal(shape, DType::F64) * 0.3;
    let weights = || (normal(1, [24, 32]), normal(2, [1, 32]).reshape([32]), normal(3, [32, 8]));
    let words = Key::new(4).split_n(6).into_tensor();
    let xs = normal(5, [6, 24]);
    let slope = |weights: (Tensor, Tensor, Tensor), words: Tensor, xs: Tensor, counts: Tensor| {
        value_and_grad(|w: (Tensor, Tensor, Tensor)| loss(&w, &words, &xs, &counts)).call(weights)
    };
    let compiled = jit(slope);
    // About 13,000 operations a row: some thousands of rows are several blocks, some hundreds are one.
    for counts in [[900, 0, 1300, 1, 700, 1500], [3, 1, 0, 2, 9, 1], [2000, 2500, 1, 1, 2000, 2001]] {
        let counts = Tensor::from(counts);
        let args = || (weights(), words.clone(), xs.clone(), counts.clone());
        let (value, slopes) = slope(weights(), words.clone(), xs.clone(), counts.clone());
        let plain = [&value, &slopes.0, &slopes.1, &slopes.2].map(floats);
        let of = |threads: usize| {
            let (value, slopes) = with_threads(threads, || compiled.call(args())).unwrap_or_else(|e| panic!("{e}"));
            [&value, &slopes.0, &slopes.1, &slopes.2].map(floats)
        };
        let one = of(1);
        for (a, b) in one.iter().flatten().zip(plain.iter().flatten()) {
            assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{a} {b}");
        }
        let bits = |all: &[Vec<f64>; 4]| all.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
        for threads in [2, 3, 5] {
            assert_eq!(bits(&of(threads)), bits(&one), "{threads} threads");
        }
    }
    assert_eq!(compiled.compiles(), 1);
    let stages = compiled.profile((weights(), words, xs, Tensor::from([900, 0, 1300, 1, 700, 1500])), 1);
    let stages: Vec<String> = stages.unwrap_or_else(|e| panic!("{e}")).into_iter().map(|s| s.step).collect();
    assert!(stages.iter().any(|s| s.starts_with("stage") && s.contains("product")), "{stages:#?}");
}

/// Rows chosen by number from among as many rows: they may lie in any block, so no block may read its own alone.
#[test]
fn rows_by_number_among_as_many_rows() {
    let f = |Rows(x): Rows<Tensor>, Rows(ids): Rows<Tensor>| {
        // Whole numbers are copied, and others read in place by a kernel; the product is work for several blocks.
        let chosen = x.repeat_rows(&ids).cast(DType::F64) + (&x.cast(DType::F64) * 0.1).repeat_rows(&ids);
        let weights = Tensor::iota([8, 64], 1, DType::F64) * 0.01;
        (chosen.dot(&weights).tanh() + 0.5).sin().reduce_sum(&[1])
    };
    let n = 20_000;
    let x = Key::new(1).randint(-5, 5, [n, 8]);
    let ids: Vec<i32> = (0..n as i32).map(|i| (i / 3) * 2).collect();
    let ids = Tensor::new(ids, &[n]);
    let compiled = jit(f);
    let got = with_threads(2, || compiled.call((Rows(x.clone()), Rows(ids.clone())))).unwrap_or_else(|e| panic!("{e}"));
    let want = f(Rows(x.clone()), Rows(ids.clone()));
    let steps = compiled.profile((Rows(x), Rows(ids)), 1).unwrap_or_else(|e| panic!("{e}"));
    assert!(steps.iter().any(|s| s.step.starts_with("stage")), "{steps:#?}");
    assert!(steps.iter().any(|s| s.step == "copy"), "{steps:#?}");
    for (row, (a, b)) in floats(&got).into_iter().zip(floats(&want)).enumerate() {
        assert!((a - b).abs() < 1e-9, "row {row}: {a} {b}; {steps:#?}");
    }
}
