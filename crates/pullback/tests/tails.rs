//! What a product takes in of the chain that reads it, and what it must not, against the plain interpreter.

use pullback::{DType, Key, Rows, Tensor, grad, jit};

fn draws(seed: u64, shape: [usize; 2]) -> Tensor {
    Key::new(seed).normal(shape, DType::F64)
}

fn floats(t: &Tensor) -> Vec<f64> {
    t.to_vec().unwrap_or_else(|e| panic!("{e}"))
}

type Args = (Rows<Tensor>, Tensor, Tensor);
type Given = fn(&Tensor, &Tensor, &Tensor) -> Tensor;

/// `(name, f(x, w, b), how many products have a tail)`; x is `[rows, 12]`, w `[12, 12]`, b `[12]`.
const CASES: &[(&str, Given, usize)] = &[
    ("bias and tanh", |x, w, b| (x.dot(w) + b).tanh(), 1),
    ("the bias first", |x, w, b| (b + x.dot(w)).tanh(), 1),
    ("another table instead of a bias", |x, w, _| (x.dot(w) + x).tanh(), 1),
    ("two layers", |x, w, b| ((x.dot(w) + b).tanh().dot(w) + b).tanh(), 2),
    (
        "read twice",
        |x, w, b| {
            let y = x.dot(w);
            (&y + b).tanh() * y.sin()
        },
        0,
    ),
    (
        "read by another product",
        |x, w, b| {
            let y = x.dot(w);
            (&y + b).tanh().dot(w) * y.dot(w)
        },
        0,
    ),
    ("one number a row", |x, w, _| (x.dot(w) + x.reduce_sum(&[1]).unsqueeze(1)).tanh(), 0),
    ("two products", |x, w, b| (x.dot(w) + (x * b).dot(w)).tanh(), 0),
    (
        "two layers and their slopes",
        |x, w, b| {
            let loss = |x: Tensor| ((x.dot(w) + b).tanh().dot(w) + b).tanh().sum();
            grad(loss).call(x.clone())
        },
        2,
    ),
    (
        "the slope at a product",
        |x, w, _| {
            let y = x.dot(w);
            x * (1.0 - &y * &y)
        },
        0,
    ),
];

#[test]
fn products_end_with_what_alone_reads_them() {
    for &(name, f, tails) in CASES {
        let step = jit(move |Rows(x): Rows<Tensor>, w: Tensor, b: Tensor| f(&x, &w, &b));
        // As many rows as columns, one, and more than are done at a time.
        for rows in [12, 1, 61] {
            let (x, w, b) = (draws(1, [rows, 12]), draws(2, [12, 12]), draws(3, [1, 12]).reshape([12]));
            let args: Args = (Rows(x.clone()), w.clone(), b.clone());
            let got = floats(&step.call(args.clone()).unwrap_or_else(|e| panic!("{name}: {e}")));
            let want = floats(&f(&x, &w, &b));
            let near = got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b.abs()));
            assert!(near, "{name}, {rows} rows: {got:?} for {want:?}");
            let steps = step.profile(args, 1).unwrap_or_else(|e| panic!("{name}: {e}"));
            let ends = |s: &str| s.contains("product") && s.contains("Tanh");
            assert_eq!(steps.iter().filter(|s| ends(&s.step)).count(), tails, "{name}");
        }
    }
}
