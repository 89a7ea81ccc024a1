//! How exact sums of f32 numbers are: the bound that `docs/performance.md` states, against sums in f64.

use pullback::{DType, Key, Rows, Tensor, jit, with_threads};

/// Sums of `n` terms are taken in chains of at most 512, whose results are added up: `n / 512` further additions, and a
/// few for the lanes of a vector.
fn bound(n: usize) -> f64 {
    (512 + n.div_ceil(512) + 16) as f64 * 0.5f64.powi(24)
}

fn numbers(t: &Tensor) -> Vec<f64> {
    t.cast(DType::F64).to_vec().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn sums_and_products_over_rows_keep_their_bound() {
    let f = |Rows(x): Rows<Tensor>, Rows(y): Rows<Tensor>| {
        let h = &x * &y;
        (h.reduce_sum(&[0]), h.reduce_sum(&[1]), h.sum(), x.transpose(&[1, 0]).dot(&y))
    };
    let compiled = jit(f);
    for n in [1, 100, 5_000, 60_000] {
        // All of one sign: the sums grow, and so does the error.
        let x = Key::new(1).uniform([n, 24], DType::F32) + 0.5;
        let y = Key::new(2).uniform([n, 24], DType::F32) + 0.5;
        let called = with_threads(2, || compiled.call((Rows(x.clone()), Rows(y.clone()))));
        let got = called.unwrap_or_else(|e| panic!("{e}"));
        // The products of f32 numbers are exact in f64; the terms of `h` are rounded once.
        let h = (&x * &y).cast(DType::F64);
        let (x, y) = (x.cast(DType::F64), y.cast(DType::F64));
        let want = [h.reduce_sum(&[0]), h.reduce_sum(&[1]), h.sum(), x.transpose(&[1, 0]).dot(&y)];
        let terms = [n, 24, 24 * n, n];
        for (k, (got, want)) in [got.0, got.1, got.2, got.3].iter().zip(&want).enumerate() {
            for (a, b) in numbers(got).into_iter().zip(numbers(want)) {
                assert!((a - b).abs() <= bound(terms[k]) * b, "sum {k} of {n} rows: {a} for {b}");
            }
        }
    }
}

#[test]
fn a_long_sum_is_the_same_whatever_its_thread_did_before() {
    // Many lines: a sum's last bit is seldom that of its logarithm.
    let x = Key::new(3).normal([200, 3_000], DType::F32);
    let long = Key::new(4).normal([20_000], DType::F32);
    let (sum, prefixes) = (jit(|x: Tensor| x.logsumexp(1)), jit(|x: Tensor| x.logcumsumexp(0)));
    let bits = || -> Vec<u32> {
        let got = sum.call(x.clone()).and_then(|y| y.to_vec::<f32>()).unwrap_or_else(|e| panic!("{e}"));
        got.into_iter().map(f32::to_bits).collect()
    };
    with_threads(1, || {
        let before = bits();
        prefixes.call(long.clone()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(before, bits());
    });
}
