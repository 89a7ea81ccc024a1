//! `vmap` over rows whose number differs from example to example: one by one, and end to end.

use pullback::{DType, Key, Keys, Rows, Shared, Tensor, Tree, Visitor, checkpoint, compiles, grad, jit, vmap};

/// Keys that a function may use again: what a derivative does when it runs a function twice.
struct Words(Tensor);

impl Tree for Words {
    fn visit(&self, visitor: &mut Visitor<'_>) -> Words {
        Words(visitor.leaf(&self.0))
    }
}

/// A sum over the samples of one example that meets every ragged rule: rows with the example's own, prefixes, a
/// reduction, a gather by a number that differs, row numbers.
fn one(w: &Tensor, key: Key, x: &Tensor, count: &Tensor) -> Tensor {
    let log_weight = |key: Key| {
        let z = key.normal([2], DType::F64);
        ((x + &z) * w).sum().tanh() * x.sum()
    };
    let log_weights = vmap(log_weight).call(key.split_rows(count));
    let prefixes = log_weights.logcumsumexp(0);
    let k = count.rows();
    let last = log_weights.take(&(count - 1));
    (prefixes * (k + 1).cast(DType::F64).sin()).sum() + last + log_weights.log_mean_exp(0).exp()
}

fn xs() -> Tensor {
    Tensor::from([[1.0f64, 2.0], [0.5, -1.0], [0.1, 0.2], [-0.3, 0.7]])
}

fn keys() -> Tensor {
    Key::new(3).split_n(4).into_tensor()
}

fn all(w: &Tensor, words: &Tensor, xs: &Tensor, counts: &Tensor) -> Tensor {
    let f = |key: Words, x: Tensor, count: Tensor| one(w, Key::from_tensor(key.0), &x, &count);
    vmap(f).call((Words(words.clone()), xs.clone(), counts.clone()))
}

fn floats(t: &Tensor) -> Vec<f64> {
    t.to_vec().unwrap()
}

fn assert_close(a: &Tensor, b: &Tensor, tolerance: f64) {
    let (a, b) = (floats(a), floats(b));
    assert_eq!(a.len(), b.len());
    a.iter().zip(&b).for_each(|(x, y)| assert!((x - y).abs() <= tolerance * (1.0 + y.abs()), "{a:?}\n{b:?}"));
}

/// Each example alone, by known counts.
fn one_by_one(w: &Tensor, counts: &[i32]) -> Tensor {
    let row = |t: &Tensor, i: usize| t.take(&Tensor::scalar(i as i32));
    let single = |i: usize| one(w, Key::from_tensor(row(&keys(), i)), &row(&xs(), i), &Tensor::scalar(counts[i]));
    let values: Vec<Tensor> = (0..counts.len()).map(single).collect();
    Tensor::stack(&values.iter().collect::<Vec<_>>(), 0)
}

const COUNTS: [i32; 4] = [1, 4, 2, 3];

#[test]
fn end_to_end_is_one_by_one() {
    let w = Tensor::from([0.3f64, -0.7]);
    assert_close(&all(&w, &keys(), &xs(), &Tensor::from(COUNTS)), &one_by_one(&w, &COUNTS), 1e-13);
}

#[test]
fn gradients_of_each_and_of_the_sum_agree() {
    let w = Tensor::from([0.3f64, -0.7]);
    let counts = Tensor::from(COUNTS);
    let sum = |w: Tensor| all(&w, &keys(), &xs(), &counts).sum();
    let whole = grad(sum).call(w.clone());
    let each = |key: Words, x: Tensor, count: Tensor| {
        grad(|w: Tensor| one(&w, Key::from_tensor(key.0.clone()), &x, &count)).call(w.clone())
    };
    let each = vmap(each).call((Words(keys()), xs(), counts.clone()));
    assert_close(&each.reduce_sum(&[0]), &whole, 1e-12);
    pullback::testing::check_gradients(&sum, &w, 2, 1e-6).unwrap();
}

#[test]
fn one_compile_serves_every_layout() {
    let step = jit(|w: Tensor, Rows((keys, xs, counts)): Rows<(Words, Tensor, Tensor)>| {
        let value = all(&w, &keys.0, &xs, &counts);
        (value, grad(|w: Tensor| all(&w, &keys.0, &xs, &counts).sum()).call(w))
    });
    let w = Tensor::from([0.3f64, -0.7]);
    for counts in [vec![1, 4, 2, 3], vec![2, 1, 1, 1], vec![3], vec![9, 30], vec![1, 1, 1]] {
        let n = counts.len();
        let (k, x) = (keys().slice(0, 0, n), xs().slice(0, 0, n));
        let counts = Tensor::from(counts);
        let (value, slope) = step.call((w.clone(), Rows((Words(k.clone()), x.clone(), counts.clone())))).unwrap();
        assert_close(&value, &all(&w, &k, &x, &counts), 1e-12);
        let plain = grad(|w: Tensor| all(&w, &k, &x, &counts).sum()).call(w.clone());
        assert_close(&slope, &plain, 1e-11);
    }
    assert_eq!(step.compiles(), 1);
    assert!(compiles() >= 1);
}

#[test]
fn examples_without_rows() {
    let f = |key: Key, x: Tensor, count: Tensor| {
        let z = vmap(|key: Key, x: Tensor| key.normal([], DType::F64) * x).call((key.split_rows(&count), Shared(x)));
        z.sum() + z.take(&Tensor::scalar(0i32))
    };
    let at = |counts: [i32; 3]| {
        let x = Tensor::from([1.0f64, 2.0, 3.0]);
        let g = |x: Tensor| vmap(f).call((Key::new(1).split_n(3), x, Tensor::from(counts)));
        (floats(&g(x.clone())), floats(&grad(|x: Tensor| g(x).sum()).call(x)))
    };
    let (some, slopes) = at([2, 1, 3]);
    // What the others have does not depend on it.
    let (fewer, fewer_slopes) = at([2, 0, 3]);
    assert_eq!((fewer[0], fewer[1], fewer[2]), (some[0], 0.0, some[2]));
    assert_eq!((fewer_slopes[0], fewer_slopes[1], fewer_slopes[2]), (slopes[0], 0.0, slopes[2]));
    assert_eq!(at([0, 0, 0]), (vec![0.0; 3], vec![0.0; 3]));
    assert_eq!(at([-1, 0, 2]).0[0], 0.0);
}

#[test]
fn rows_may_be_returned() {
    let ids = vmap(|count: Tensor| count.rows()).call(Tensor::from([2, 0, 3]));
    assert_eq!(ids.to_vec::<i32>().unwrap(), [0, 1, 0, 1, 2]);
}

#[test]
fn a_checkpoint_over_the_rows() {
    let sum = |w: Tensor, inside: bool| {
        let example = |key: Key, count: Tensor| {
            let z = vmap(|key: Key| key.normal([], DType::F64)).call(key.split_rows(&count));
            let f = |z: Tensor, w: Tensor| (&z * &w).tanh().logsumexp(0);
            if inside { checkpoint(f).call((z, w.clone())) } else { f(z, w.clone()) }
        };
        vmap(example).call((Key::new(9).split_n(3), Tensor::from([2, 5, 1]))).sum()
    };
    let w = Tensor::scalar(0.7f64);
    assert_close(&sum(w.clone(), true), &sum(w.clone(), false), 1e-14);
    let slope = |inside: bool| grad(move |w: Tensor| sum(w, inside)).call(w.clone());
    assert_close(&slope(true), &slope(false), 1e-13);
    pullback::testing::check_gradients(&|w: Tensor| sum(w, true), &w, 3, 1e-5).unwrap();
}

#[test]
fn keys_for_known_and_traced_counts_are_the_same() {
    let known: Keys = Key::new(8).split_n(5);
    let counted = Key::new(8).split_rows(&Tensor::scalar(5i32));
    let words = |k: Keys| k.into_tensor().to_vec::<u32>().unwrap();
    assert_eq!(words(known), words(counted));
}

/// An example whose prefixes end at infinity says nothing about the next.
#[test]
fn prefixes_of_one_example_know_nothing_of_another() {
    let prefixes = |count: Tensor, scale: Tensor| {
        let row = (count.rows() + 1).cast(DType::F64) * scale;
        (row.cumsum(0) + row.shift(0, false)).sum() + row.logcumsumexp(0).sum()
    };
    let all = vmap(prefixes);
    let counts = Tensor::from([2, 1, 0, 2]);
    let got = floats(&all.call((counts.clone(), Tensor::from([1e308, 1.0, 2.0, 0.5]))));
    let log_sum = |a: f64, b: f64| (a.exp() + b.exp()).ln();
    assert_eq!(got[0], f64::INFINITY);
    assert!((got[1] - 2.0).abs() < 1e-12, "{got:?}");
    assert_eq!(got[2], 0.0);
    assert!((got[3] - (0.5 + 1.5 + 0.5 + 0.5 + log_sum(0.5, 1.0))).abs() < 1e-12, "{got:?}");
    let compiled = jit(|counts: Tensor, scales: Tensor| vmap(prefixes).call((counts, scales)));
    assert_eq!(floats(&compiled.call((counts, Tensor::from([1e308, 1.0, 2.0, 0.5]))).unwrap()), got);
}
