//! Blocks of rows on several threads: as many rows as make the executor cut them, against the plain interpreter.

use pullback::{DType, Key, Keys, Rows, Tensor, jit, value_and_grad, vmap, with_threads};

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
    t.cast(DType::F64).to_vec().unwrap_or_else(|e| panic!("{e}"))
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
        for threads in [2, 3, 5, 16] {
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
        let sums = x.reduce_sum(&[1]).repeat_rows(&ids).cast(DType::F64);
        (chosen.dot(&weights).tanh() + 0.5).sin().reduce_sum(&[1]) + sums
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
    for copy in ["copy [rows, 8] by number", "copy [rows] by number"] {
        assert!(steps.iter().any(|s| s.step == copy), "{steps:#?}");
    }
    for (row, (a, b)) in floats(&got).into_iter().zip(floats(&want)).enumerate() {
        assert!((a - b).abs() < 1e-9, "row {row}: {a} {b}; {steps:#?}");
    }
}

/// One layer, a bound of the log-mean-exp kind over samples, and its gradient.
fn bound(w: &Tensor, key: Key, x: &Tensor, samples: usize) -> Tensor {
    let x = x.clone();
    let one = |key: Key| {
        let z = key.normal([8], DType::F32) + &x;
        (z.dot(w).tanh() * 0.3).sum() - (&z * &z).sum() * 0.1
    };
    vmap(one).call(key.split_n(samples)).log_mean_exp(0)
}

fn weights() -> Tensor {
    Key::new(3).normal([8, 48], DType::F32) * 0.3
}

/// So many samples of one example that not all are there at once: parts of rows, and folds of parts.
#[test]
fn long_rows_are_cut_and_their_samples_never_all_there() {
    const SAMPLES: usize = 40_000;
    let f = |w: Tensor, key: Key, Rows(xs): Rows<Tensor>| {
        vmap(|key: Key, x: Tensor| bound(&w, key, &x, SAMPLES)).call((key.split_like(&xs), xs))
    };
    let xs = Key::new(5).normal([3, 8], DType::F32);
    let args = || (weights(), Key::new(4), Rows(xs.clone()));
    let compiled = jit(f);
    let run = |threads| floats(&with_threads(threads, || compiled.call(args())).unwrap_or_else(|e| panic!("{e}")));
    let got = run(1);
    assert_eq!(got, run(2), "two threads");
    assert_eq!(got, run(3), "three threads");
    for (row, (a, b)) in got.iter().zip(floats(&f(weights(), Key::new(4), Rows(xs.clone())))).enumerate() {
        assert!((a - b).abs() < 1e-4, "row {row}: {a} {b}");
    }
    // One number of every sample's 48 hidden units alone would be 7.7 MB.
    assert!(compiled.bytes() < 4 << 20, "{} bytes", compiled.bytes());
}

/// The same without an axis of examples: the samples are the rows.
#[test]
fn samples_of_one_example_are_rows() {
    const SAMPLES: usize = 40_000;
    let f = |w: Tensor, key: Key, x: Tensor| bound(&w, key, &x, SAMPLES);
    let x = Key::new(5).normal([8], DType::F32);
    let compiled = jit(f);
    let run = |threads| {
        floats(
            &with_threads(threads, || compiled.call((weights(), Key::new(4), x.clone())))
                .unwrap_or_else(|e| panic!("{e}")),
        )
    };
    let got = run(1);
    assert_eq!(got, run(2), "two threads");
    let want = floats(&f(weights(), Key::new(4), x.clone()));
    assert!((got[0] - want[0]).abs() < 1e-4, "{got:?} {want:?}");
    assert!(compiled.bytes() < 4 << 20, "{} bytes", compiled.bytes());
}

/// Where the samples are the rows, no layer is kept of all of them, not even one that is narrow beside the rest.
#[test]
fn what_is_kept_for_gradients_does_not_grow_with_samples() {
    let loss = |(x, w): (Tensor, Tensor), keys: Keys| {
        let one = |key: Key| (key.normal([8], DType::F32) + &x).dot(&w).tanh().sum();
        vmap(one).call(keys).mean()
    };
    let (x, w) = (Key::new(5).normal([8], DType::F32), Key::new(3).normal([8, 400], DType::F32) * 0.1);
    let bytes = |samples: usize| {
        let step = move |args: (Tensor, Tensor), key: Key| value_and_grad(loss).call((args, key.split_n(samples)));
        let compiled = jit(step);
        let called = with_threads(2, || compiled.call(((x.clone(), w.clone()), Key::new(4))));
        called.unwrap_or_else(|e| panic!("{e}"));
        compiled.bytes()
    };
    let (some, more) = (bytes(60_000), bytes(180_000));
    // A number of each sample, of which the mean is made, and no more than one other: eight are the narrowest of a layer.
    assert!(more < some + 120_000 * 8, "{some} and {more} bytes");
}

/// Gradients of weights take in one wave of rows after the other: as exact as sums in f64 allow to tell.
#[test]
fn waves_of_rows_make_the_gradient_of_all() {
    let loss =
        |w: Tensor, keys: Keys, xs: Tensor| vmap(|key: Key, x: Tensor| bound(&w, key, &x, 64)).call((keys, xs)).mean();
    let n = 300;
    let xs = Key::new(5).normal([n, 8], DType::F32);
    let compiled =
        jit(move |w: Tensor, key: Key, Rows(xs): Rows<Tensor>| value_and_grad(loss).call((w, key.split_like(&xs), xs)));
    let run = |threads| {
        let called = with_threads(threads, || compiled.call((weights(), Key::new(4), Rows(xs.clone()))));
        called.unwrap_or_else(|e| panic!("{e}"))
    };
    let (value, gradient) = run(1);
    for threads in [2, 3, 4, 5, 16] {
        let (value_n, gradient_n) = run(threads);
        assert_eq!(floats(&value), floats(&value_n), "{threads} threads");
        assert!(floats(&gradient) == floats(&gradient_n), "{threads} threads");
    }
    let (want, slope) = value_and_grad(loss).call((weights(), Key::new(4).split_like(&xs), xs.clone()));
    assert!((floats(&value)[0] - floats(&want)[0]).abs() < 1e-5);
    let size = floats(&slope).iter().fold(0.0f64, |m, x| m.max(x.abs()));
    for (i, (a, b)) in floats(&gradient).into_iter().zip(floats(&slope)).enumerate() {
        assert!((a - b).abs() < 1e-5 * size, "{i}: {a} {b}, of {size}");
    }
    let steps = compiled.profile((weights(), Key::new(4), Rows(xs.clone())), 1).unwrap_or_else(|e| panic!("{e}"));
    assert!(steps.iter().any(|s| s.step.starts_with("stage product") && s.step.contains("·rows] ·")), "{steps:#?}");
}

/// Of each example a layer of its own, and a network over its samples, 40 or as many as a number of its own says, of some none:
/// sums over examples, of which a wave has few, beside sums over samples. Numbers of examples that no wave divides.
#[test]
fn sums_over_examples_are_taken_beside_those_over_samples() {
    type Two = (Tensor, Tensor);
    for (n, ragged, dtype) in [(150, false, DType::F32), (203, false, DType::F64), (203, true, DType::F32)] {
        let draw = move |seed: u64, shape: [usize; 2]| Key::new(seed).normal(shape, dtype) * 0.2;
        let sample = move |key: Key, h: &Tensor, b: &Tensor| {
            let hidden = ((key.normal([32], dtype) + h).dot(b)).tanh();
            (hidden * 0.3).sin().sum()
        };
        let step = move |w: Two, key: Key, xs: Tensor| {
            let loss = |(a, b): Two, keys: Keys, xs: Tensor| {
                let example = |key: Key, x: Tensor| {
                    let h = x.slice(0, 0, 48).dot(&a).tanh();
                    let count = x.slice(0, 48, 49).sum().cast(DType::I32);
                    let keys = if ragged { key.split_rows(&count) } else { key.split_n(40) };
                    (vmap(|key: Key| sample(key, &h, &b)).call(keys) * 0.1).exp().sum().log1p() + h.sum() * 0.1
                };
                vmap(example).call((keys, xs)).mean()
            };
            value_and_grad(loss).call((w, key.split_like(&xs), xs))
        };
        let counts = Tensor::new((0..n as i32).map(|i| (i * 37) % 83).collect::<Vec<_>>(), &[n, 1]);
        let xs = Tensor::concat(&[&Key::new(5).normal([n, 48], dtype), &counts.cast(dtype)], 1);
        let args = || ((draw(1, [48, 32]), draw(2, [32, 160])), Key::new(4), xs.clone());
        let rows = || {
            let (w, key, xs) = args();
            (w, key, Rows(xs))
        };
        let compiled = jit(move |w: Two, key: Key, Rows(xs): Rows<Tensor>| step(w, key, xs));
        let flat = |r: (Tensor, Two)| [&r.0, &r.1.0, &r.1.1].map(floats);
        let run = |threads| flat(with_threads(threads, || compiled.call(rows())).unwrap_or_else(|e| panic!("{e}")));
        let one = run(1);
        for threads in [2, 3, 4, 6, 16] {
            assert!(run(threads) == one, "{n} examples, {threads} threads");
        }
        let (w, key, xs) = args();
        let tolerance = if dtype == DType::F64 { 1e-10 } else { 1e-4 };
        for (i, (got, want)) in one.iter().zip(&flat(step(w, key, xs))).enumerate() {
            let size = want.iter().fold(1e-6f64, |m, x| m.max(x.abs()));
            let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst <= tolerance * size, "{n} examples, ragged {ragged}, value {i}: {worst} of {size}");
        }
        let steps = compiled.profile(rows(), 1).unwrap_or_else(|e| panic!("{e}"));
        assert!(steps.iter().any(|s| s.step.starts_with("stage late: product [48, rows]")), "{steps:#?}");
        // That the slope of the second term waits for no other number of that size.
        let begin = steps.iter().filter(|s| s.step.starts_with("stage begins")).count();
        assert_eq!(begin, if ragged { 2 } else { 1 }, "{steps:#?}");
    }
}

/// Maxima, minima and log-sums over examples beside sums over their samples; the same once nested, where there are too many of
/// the samples between to be kept.
#[test]
fn folds_of_every_kind_are_taken_late() {
    let f = |key: Key, Rows(xs): Rows<Tensor>| {
        let example = |key: Key, x: Tensor| {
            let of_sample = |key: Key| {
                let h = (key.normal([24], DType::F32) + &x).sin();
                let inner = vmap(|key: Key| (key.normal([24], DType::F32) + &h).cos());
                (h.clone(), inner.call(Key::new(9).split_n(20)).exp())
            };
            let (h, table) = vmap(of_sample).call(key.split_n(60));
            (x.tanh(), h, table)
        };
        let (x, h, table) = vmap(example).call((key.split_like(&xs), xs));
        let of_x = (x.reduce_max(&[0]), x.reduce_min(&[0]), x.logsumexp(0));
        (of_x, h.reduce_max(&[0]), table.reduce_sum(&[0]))
    };
    let xs = Key::new(5).normal([203, 24], DType::F32);
    let compiled = jit(f);
    let flat = |r: ((Tensor, Tensor, Tensor), Tensor, Tensor)| [&r.0.0, &r.0.1, &r.0.2, &r.1, &r.2].map(floats);
    let run = |threads| {
        let called = with_threads(threads, || compiled.call((Key::new(4), Rows(xs.clone()))));
        flat(called.unwrap_or_else(|e| panic!("{e}")))
    };
    let one = run(1);
    assert!(run(2) == one && run(5) == one);
    for (got, want) in one.iter().flatten().zip(flat(f(Key::new(4), Rows(xs.clone()))).iter().flatten()) {
        assert!((got - want).abs() <= 1e-5 * (1.0 + want.abs()), "{got} {want}");
    }
    let steps = compiled.profile((Key::new(4), Rows(xs.clone())), 1).unwrap_or_else(|e| panic!("{e}"));
    let late: Vec<&str> = steps.iter().map(|s| &s.step[..]).filter(|s| s.starts_with("stage late: ")).collect();
    assert_eq!(late.len(), 3, "{steps:#?}");
}

/// Both layers of a network have one weight.
fn tied(w: Tensor, Rows(x): Rows<Tensor>) -> (Tensor, Tensor) {
    let loss = |w: Tensor| vmap(|x: Tensor| x.dot(&w).tanh().dot(&w).tanh().sum()).call(x.clone()).mean();
    value_and_grad(loss).call(w)
}

fn tied_weight() -> Tensor {
    Key::new(6).normal([96, 96], DType::F32) * 0.1
}

/// Whether a gradient of [`tied`] is that of the interpreter.
fn holds_for_tied(got: &[f64], x: &Tensor) {
    let want = floats(&tied(tied_weight(), Rows(x.clone())).1);
    let size = want.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let worst = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0f64, f64::max);
    assert!(worst < 1e-5 * size, "{worst} of {size}");
}

/// Sums of products that make much, of rows for several waves: of two parts, each added to wave after wave. A thread
/// more or less changes no bit.
#[test]
fn sums_of_products_of_two_parts_are_those_of_all_rows() {
    let x = Key::new(7).normal([1_501, 96], DType::F32);
    let compiled = jit(tied);
    let run = |threads| {
        let called = with_threads(threads, || compiled.call((tied_weight(), Rows(x.clone()))));
        floats(&called.unwrap_or_else(|e| panic!("{e}")).1)
    };
    let one = run(1);
    for threads in [2, 3, 4, 5, 16] {
        assert!(run(threads) == one, "{threads} threads");
    }
    // A later call begins anew.
    assert!(run(1) == one);
    holds_for_tied(&one, &x);
}

/// The two gradients of a weight that is used twice take in the same blocks of rows, in one stage, so that memory does not
/// grow with the rows.
#[test]
fn gradients_of_a_weight_used_twice_are_sums_of_one_stage() {
    let x = Key::new(7).normal([20_000, 96], DType::F32);
    let compiled = jit(tied);
    // Each thread has buffers of its own.
    let called = with_threads(2, || compiled.call((tied_weight(), Rows(x.clone()))));
    holds_for_tied(&floats(&called.unwrap_or_else(|e| panic!("{e}")).1), &x);
    // One layer of all rows takes 7.7 MB.
    assert!(compiled.bytes() < 8 << 20, "{} bytes", compiled.bytes());
    let steps = compiled.profile((tied_weight(), Rows(x)), 1).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(steps.iter().filter(|s| s.step.starts_with("stage begins")).count(), 1, "{steps:#?}");
}

/// Waves of which some parts have 512 rows and some 513, where products of few rows take another way: threads that share out
/// a part still have the same elements of it in every wave.
#[test]
fn threads_share_a_product_alike_in_waves_of_other_lengths() {
    let wide = || Key::new(6).normal([16, 384], DType::F32) * 0.3;
    let f = |w: Tensor, Rows(x): Rows<Tensor>| {
        let loss = |w: Tensor| vmap(|x: Tensor| x.dot(&w).tanh().sin().exp().sum()).call(x.clone()).mean();
        value_and_grad(loss).call(w)
    };
    let compiled = jit(f);
    for n in 4_096..4_104 {
        let x = Key::new(7).normal([n, 16], DType::F32);
        let run = |threads| {
            let called = with_threads(threads, || compiled.call((wide(), Rows(x.clone()))));
            floats(&called.unwrap_or_else(|e| panic!("{e}")).1)
        };
        let one = run(1);
        for threads in [2, 4, 5, 8, 16, 16, 16] {
            assert!(run(threads) == one, "{n} rows, {threads} threads");
        }
    }
}

/// So many layers that a row takes more than a block's share, and that sums make more than a wave of second caches: blocks and
/// waves of their own size.
#[test]
fn deep_networks_are_the_same_by_any_threads() {
    let weights = || (0..40).map(|i| Key::new(i).normal([128, 128], DType::F32) * 0.1).collect::<Vec<_>>();
    let slope = |ws: Vec<Tensor>, Rows(xs): Rows<Tensor>| {
        let loss = |ws: Vec<Tensor>| {
            vmap(|x: Tensor| ws.iter().fold(x, |x, w| &x + x.dot(w).tanh()).sum()).call(xs.clone()).mean()
        };
        value_and_grad(loss).call(ws)
    };
    let x = Key::new(99).normal([700, 128], DType::F32);
    let compiled = jit(slope);
    let flat = |(value, ws): (Tensor, Vec<Tensor>)| [value].iter().chain(&ws).flat_map(floats).collect::<Vec<_>>();
    let run = |threads| {
        let result = with_threads(threads, || compiled.call((weights(), Rows(x.clone()))));
        flat(result.unwrap_or_else(|e| panic!("{e}")))
    };
    let one = run(1);
    for threads in [2, 3, 16] {
        assert!(run(threads) == one, "{threads} threads");
    }
    let want = flat(slope(weights(), Rows(x.clone())));
    let size = want.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let worst = one.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0f64, f64::max);
    assert!(worst < 1e-4 * size, "{worst} of {size}");
}

/// Steps of training of networks of many widths and batches: weights used once or twice, something of their own added to
/// their gradients or not, a norm of all gradients. Against the interpreter, and bit against bit.
#[test]
fn networks_of_many_sizes_are_trained_alike_by_any_threads() {
    type Three = (Tensor, Tensor, Tensor);
    let sizes = [(1, 8), (3, 200), (64, 97), (300, 16), (701, 65), (1_501, 96), (2_047, 130), (5_000, 24), (9_001, 48)];
    for (round, (n, k)) in sizes.into_iter().enumerate() {
        let (h, dtype) = ([50, 96, 4, 200, 33][round % 5], [DType::F32, DType::F32, DType::F64][round % 3]);
        let (twice, inside) = (round % 2 == 0, round % 4 < 2);
        let step = move |w: Three, Rows(x): Rows<Tensor>| {
            let loss = |w: Three| {
                let layers = |x: &Tensor| (x.dot(&w.0) + &w.1).tanh().dot(&w.2).tanh();
                let one = |x: Tensor| if twice { layers(&layers(&x)).sum() } else { layers(&x).sum() };
                let terms = vmap(one).call(x.clone());
                let sizes = ((&w.0 * &w.0).sum() + (&w.2 * &w.2).sum()) * 0.01;
                if inside { terms.mean() + sizes } else { terms.logsumexp(0) }
            };
            let (value, g) = value_and_grad(loss).call(w.clone());
            let norm = ((&g.0 * &g.0).sum() + (&g.1 * &g.1).sum() + (&g.2 * &g.2).sum()).sqrt();
            (value, (w.0 - &g.0 / &norm, w.1 - &g.1 / &norm, w.2 - &g.2 / &norm), g)
        };
        let draw = |seed: u64, shape: &[usize]| Key::new(seed).normal(shape, dtype);
        let args = || {
            let weights = (draw(1, &[k, h]) * 0.2, draw(2, &[h]) * 0.2, draw(3, &[h, k]) * 0.2);
            (weights, Rows(draw(4 + round as u64, &[n, k])))
        };
        let compiled = jit(step);
        let flat = |r: &(Tensor, Three, Three)| [&r.0, &r.1.0, &r.1.1, &r.1.2, &r.2.0, &r.2.1, &r.2.2].map(floats);
        let run = |threads| flat(&with_threads(threads, || compiled.call(args())).unwrap_or_else(|e| panic!("{e}")));
        let one = run(1);
        for threads in [2, 3, 4, 6] {
            assert!(run(threads) == one, "{n} rows, widths {k} and {h}, {dtype:?}: {threads} threads");
        }
        let (weights, x) = args();
        let tolerance = if dtype == DType::F64 { 1e-10 } else { 3e-4 };
        for (i, (got, want)) in one.iter().zip(&flat(&step(weights, x))).enumerate() {
            let size = want.iter().fold(1e-6f64, |m, x| m.max(x.abs()));
            let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst <= tolerance * size, "{n} rows, widths {k} and {h}, {dtype:?}, value {i}: {worst} of {size}");
        }
    }
}

/// Maxima, minima and log-sums over all rows, taken in wave by wave; infinities and NaN among them.
#[test]
fn folds_of_every_kind_take_in_waves() {
    let f = |Rows(x): Rows<Tensor>| {
        let h = (&x.dot(&(Tensor::iota([64, 64], 1, DType::F32) * 0.01)) + &x).sin() * 3.0 + x.slice(1, 0, 1);
        (h.reduce_max(&[0]), h.reduce_min(&[0]), h.logsumexp(0), h.reduce_sum(&[0]))
    };
    let n = 20_000;
    for special in [0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut rows = vec![0.0f32; n * 64];
        rows.iter_mut().enumerate().for_each(|(i, x)| *x = ((i * 7919) % 1000) as f32 * 1e-3 - 0.5);
        // In the last wave, where it must not be lost.
        rows[(n - 5) * 64 + 3] += special as f32;
        let x = Tensor::new(rows, &[n, 64]);
        let compiled = jit(f);
        let run = |threads| with_threads(threads, || compiled.call(Rows(x.clone()))).unwrap_or_else(|e| panic!("{e}"));
        let (got, two, want) = (run(1), run(2), f(Rows(x.clone())));
        let all = |t: &(Tensor, Tensor, Tensor, Tensor)| [&t.0, &t.1, &t.2, &t.3].map(floats).concat();
        for (i, ((a, b), c)) in all(&got).into_iter().zip(all(&two)).zip(all(&want)).enumerate() {
            assert!(a.to_bits() == b.to_bits(), "{special} {i}: {a} {b}");
            // Sums of 20,000 terms of up to 3, the plain one added up one by one.
            let near = (a - c).abs() <= 1e-5 * (1.0 + c.abs()) + if i >= 192 { 2e-2 } else { 0.0 }
                || a == c
                || (a.is_nan() && c.is_nan());
            assert!(near || (special.abs() > 0.0 && !c.is_finite() && !a.is_finite()), "{special} {i}: {a} {c}");
        }
    }
}

/// The gradient by very many samples: sums over the rows of examples, one long row at a time.
#[test]
fn gradients_of_long_rows_are_those_of_all() {
    const SAMPLES: usize = 30_000;
    let loss = |w: Tensor, keys: Keys, xs: Tensor| {
        vmap(|key: Key, x: Tensor| bound(&w, key, &x, SAMPLES)).call((keys, xs)).mean()
    };
    let xs = Key::new(5).normal([5, 8], DType::F32);
    let compiled =
        jit(move |w: Tensor, key: Key, Rows(xs): Rows<Tensor>| value_and_grad(loss).call((w, key.split_like(&xs), xs)));
    let run = |threads| {
        let called = with_threads(threads, || compiled.call((weights(), Key::new(4), Rows(xs.clone()))));
        called.unwrap_or_else(|e| panic!("{e}"))
    };
    let ((value, gradient), (_, gradient_2)) = (run(1), run(2));
    assert_eq!(floats(&gradient), floats(&gradient_2));
    let (want, slope) = value_and_grad(loss).call((weights(), Key::new(4).split_like(&xs), xs.clone()));
    assert!((floats(&value)[0] - floats(&want)[0]).abs() < 1e-4);
    for (i, (a, b)) in floats(&gradient).into_iter().zip(floats(&slope)).enumerate() {
        assert!((a - b).abs() < 1e-4, "{i}: {a} {b}");
    }
    // Of one example, not of five: a table of 48 hidden units of each of its samples is 5.8 MB, and nine such are kept.
    assert!(compiled.bytes() < 64 << 20, "{} bytes", compiled.bytes());
}

/// A short program is timed on all threads and on one in turns: no call differs from the others in a bit.
#[test]
fn calls_on_other_numbers_of_threads_give_the_same() {
    let loss = |w: Tensor, x: Tensor| x.dot(&w).tanh().dot(&w).sin().sum();
    let f = jit(move |w: Tensor, Rows(x): Rows<Tensor>| value_and_grad(loss).call((w, x)));
    let (w, x) = (Key::new(1).normal([16, 16], DType::F32) * 0.3, Key::new(2).normal([700, 16], DType::F32));
    let call = || f.call((w.clone(), Rows(x.clone()))).unwrap_or_else(|e| panic!("{e}"));
    let bits =
        |(a, b): &(Tensor, Tensor)| [floats(a), floats(b)].concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let want = bits(&with_threads(1, call));
    for number in 0..1_030 {
        assert_eq!(bits(&with_threads(2, call)), want, "call {number}");
    }
}
