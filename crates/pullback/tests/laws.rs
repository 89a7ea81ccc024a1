//! Laws that hold for every program, on random ones.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use pullback::testing::check_gradients;
use pullback::{DType, Rows, Shared, Tensor, checkpoint, eval, grad, hessian_vector_product, jit, verify, vmap};

/// One step of a random program: which operation, and which earlier values it takes.
type Step = (u8, prop::sample::Index, prop::sample::Index);

const SMOOTH: u8 = 18;
const ALL: u8 = 28;

fn programs(operations: u8) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..operations, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..12)
}

/// A random program on `x: [3]` and `w: [3, 3]`; its value is a scalar.
fn run(program: &[Step], x: &Tensor, w: &Tensor) -> Tensor {
    let mut values = vec![x.clone(), x * 0.5 + 0.1];
    for (operation, i, j) in program {
        let (a, b) = (i.get(&values).clone(), j.get(&values).clone());
        let y = match operation {
            0 => a + b,
            1 => a - b,
            2 => (a * b).tanh(),
            3 => a.sin(),
            4 => a.tanh(),
            5 => (a * 0.3).exp(),
            6 => a.softplus(),
            7 => a.sigmoid() / (b.square() + 1.0),
            8 => a.dot(w).tanh(),
            9 => w.dot(&a).sin(),
            10 => a.softmax(0),
            11 => a.logcumsumexp(0) * 0.5,
            12 => a.cumsum(0).cos(),
            13 => (a.square() + 0.5).log(),
            14 => a.reverse(0) + b.sum() * 0.1,
            15 => a.unsqueeze(1).dot(&b.unsqueeze(0)).logsumexp(1).tanh(),
            16 => Tensor::concat(&[&a.slice(0, 1, 3), &b.slice(0, 0, 1)], 0),
            17 => (a.square() + 1.0).sqrt() * b.erf(),
            18 => a.maximum(&b),
            19 => a.gt(&b).select(&a, b.sin()),
            20 => a.take(&b.argmax(0)) + b,
            21 => a.relu().abs() - b.reduce_min(&[0]),
            22 => a.slice(0, 0, 2).pad(0, 1, 0) + a.reduce_max(&[0]),
            23 => a.take(&Tensor::from([2, 0, 2])).scatter_add(&Tensor::from([1, 1, 0]), 3),
            24 => a.stop_gradient() * b,
            25 => a.shift(0, true) + b.floor(),
            26 => a.broadcast_axes([3, 2], vec![0]).reshape([2, 3]).transpose(&[1, 0]).reduce_mean(&[1]),
            _ => a.clamp(-0.5, 0.5) + a.size(0),
        };
        values.push(y);
    }
    values.iter().fold(Tensor::scalar(0.0f64), |sum, v| sum + v.sum().tanh())
}

fn weights() -> Tensor {
    Tensor::from([[0.3f64, -0.8, 0.5], [1.1, 0.2, -0.4], [-0.6, 0.9, 0.7]])
}

fn examples(n: usize) -> Tensor {
    let mut state = 0.37f64;
    let next = || {
        state = (state * 997.0 + 0.123).fract();
        state * 4.0 - 2.0
    };
    Tensor::new(std::iter::repeat_with(next).take(3 * n).collect(), &[n, 3])
}

fn floats(t: &Tensor) -> Vec<f64> {
    t.cast(DType::F64).to_vec().unwrap_or_else(|e| panic!("{e}"))
}

#[track_caller]
fn assert_close(a: &Tensor, b: &Tensor, tolerance: f64) {
    [a, b].iter().for_each(|t| assert!(t.error().is_none(), "{t}"));
    assert_eq!(a.shape(), b.shape());
    let (a, b) = (floats(a), floats(b));
    let same = |x: f64, y: f64| x == y || (x - y).abs() <= tolerance * (1.0 + y.abs());
    assert!(a.iter().zip(&b).all(|(x, y)| same(*x, *y)), "{a:?}\n{b:?}");
}

fn row(xs: &Tensor, i: usize) -> Tensor {
    xs.take(&Tensor::scalar(i as i32))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn jit_f_is_f(program in programs(ALL)) {
        let w = weights();
        let batch = |xs: Tensor, w: Tensor| vmap(|x: Tensor, w: Tensor| run(&program, &x, &w)).call((xs, Shared(w)));
        let both = |xs: Tensor, w: Tensor| {
            let slope = grad(|w: Tensor| batch(xs.clone(), w).mean()).call(w.clone());
            (batch(xs, w), slope)
        };
        let compiled = jit(|Rows(xs): Rows<Tensor>, w: Tensor| both(xs, w));
        for n in [5, 1, 17, 2] {
            let (value, slope) = compiled.call((Rows(examples(n)), w.clone())).unwrap();
            let (plain, plain_slope) = both(examples(n), w.clone());
            assert_close(&value, &plain, 1e-13);
            assert_close(&slope, &plain_slope, 1e-12);
        }
        prop_assert_eq!(compiled.compiles(), 1);
        // What was compiled is a graph that stands alone, and the interpreter agrees on it.
        let graph = compiled.graph((Rows(examples(4)), w.clone())).unwrap();
        verify(&graph).unwrap();
        let (xs, w) = (examples(4), w);
        let by_interpreter = eval(&graph, &[xs.value().unwrap(), w.value().unwrap()]).unwrap();
        assert_close(&Tensor::from(by_interpreter[0].clone()), &batch(xs, w), 1e-13);
    }

    #[test]
    fn gradients_of_examples_are_gradients_of_their_sum(program in programs(ALL)) {
        let (w, xs) = (weights(), examples(4));
        let f = |x: Tensor| run(&program, &x, &w);
        let each = vmap(|x: Tensor| grad(f).call(x)).call(xs.clone());
        let whole = grad(|xs: Tensor| vmap(f).call(xs).sum()).call(xs.clone());
        assert_close(&each, &whole, 1e-12);
        let single: Vec<Tensor> = (0..4).map(|i| grad(f).call(row(&xs, i))).collect();
        assert_close(&each, &Tensor::stack(&single.iter().collect::<Vec<_>>(), 0), 1e-12);
    }

    #[test]
    fn nested_maps_commute(program in programs(ALL)) {
        let (w, xs, ys) = (weights(), examples(2), examples(3) * 0.7);
        let f = |x: Tensor, y: Tensor| run(&program, &(&x * &y), &w) + x.sum();
        let by_x = vmap(|x: Tensor| vmap(|y: Tensor| f(x.clone(), y)).call(ys.clone())).call(xs.clone());
        let by_y = vmap(|y: Tensor| vmap(|x: Tensor| f(x, y.clone())).call(xs.clone())).call(ys.clone());
        assert_close(&by_x, &by_y.t(), 1e-13);
        prop_assert_eq!(by_x.shape().known(), Some(vec![2, 3]));
    }

    #[test]
    fn checkpoint_f_is_f(program in programs(ALL)) {
        let (w, xs) = (weights(), examples(3));
        let f = |x: Tensor, w: Tensor| run(&program, &x, &w);
        let kept = checkpoint(f);
        let g = |x: Tensor, w: Tensor| kept.call((x, w));
        let x = row(&xs, 0);
        assert_close(&g(x.clone(), w.clone()), &f(x.clone(), w.clone()), 1e-14);
        assert_close(&grad(g).call((x.clone(), w.clone())), &grad(f).call((x.clone(), w.clone())), 1e-13);
        let along = row(&xs, 1);
        let second = |h: &dyn Fn(Tensor, Tensor) -> Tensor| {
            hessian_vector_product(|x: Tensor| h(x, w.clone()), x.clone(), along.clone())
        };
        assert_close(&second(&g), &second(&f), 1e-11);
        let all = |h: &dyn Fn(Tensor, Tensor) -> Tensor| {
            grad(|w: Tensor| vmap(h).call((xs.clone(), Shared(w))).sum()).call(w.clone())
        };
        assert_close(&all(&g), &all(&f), 1e-12);
        let compiled = jit(|Rows(xs): Rows<Tensor>, w: Tensor| {
            grad(|w: Tensor| vmap(g).call((xs.clone(), Shared(w))).sum()).call(w)
        });
        for n in [1, 3] {
            let want = grad(|w: Tensor| vmap(f).call((examples(n), Shared(w))).sum()).call(w.clone());
            assert_close(&compiled.call((Rows(examples(n)), w.clone())).unwrap(), &want, 1e-12);
        }
    }

    #[test]
    fn derivatives_are_limits_of_differences(program in programs(SMOOTH)) {
        let w = weights();
        check_gradients(&|x: Tensor| run(&program, &x, &w), &row(&examples(2), 1), 2, 2e-4).unwrap();
    }

    #[test]
    fn ragged_is_one_by_one(program in programs(ALL), counts in prop::collection::vec(0i32..4, 1..5)) {
        let w = weights();
        let n = counts.len();
        let samples = |x: &Tensor, count: &Tensor| {
            let one = |k: Tensor| run(&program, &(x + (k * 0.7).sin()), &w);
            let y = vmap(one).call(count.rows().cast(DType::F64));
            let total = y.sum() + y.reduce_max(&[0]).maximum(-9.0) + y.logcumsumexp(0).sum() + y.cumsum(0).reverse(0).sin().sum();
            total + y.logsumexp(0).maximum(-9.0)
        };
        let batch = |xs: Tensor, counts: Tensor| vmap(|x: Tensor, c: Tensor| samples(&x, &c)).call((xs, counts));
        let both = |xs: Tensor, counts: Tensor| {
            (batch(xs.clone(), counts.clone()), grad(|xs: Tensor| batch(xs, counts.clone()).sum()).call(xs))
        };
        let (value, slope) = both(examples(n), Tensor::from(counts.clone()));
        for (i, &count) in counts.iter().enumerate() {
            let x = row(&examples(n), i);
            let count = Tensor::scalar(count);
            assert_close(&row(&value, i), &samples(&x, &count), 1e-12);
            assert_close(&row(&slope, i), &grad(|x: Tensor| samples(&x, &count)).call(x), 1e-11);
        }
        let compiled = jit(|Rows((xs, counts)): Rows<(Tensor, Tensor)>| both(xs, counts));
        for counts in [counts, vec![2, 0, 1], vec![5]] {
            let (xs, counts) = (examples(counts.len()), Tensor::from(counts));
            let (value, slope) = compiled.call(Rows((xs.clone(), counts.clone()))).unwrap();
            let (plain, plain_slope) = both(xs, counts);
            assert_close(&value, &plain, 1e-12);
            assert_close(&slope, &plain_slope, 1e-11);
        }
        prop_assert_eq!(compiled.compiles(), 1);
    }
}

#[test]
fn third_derivatives() {
    type Function = fn(Tensor) -> Tensor;
    type Third = fn(f64) -> f64;
    let rows: &[(Function, Third)] = &[
        (|x| x.sin(), |x| -x.cos()),
        (|x| x.exp(), f64::exp),
        (|x| x.pow(4.0), |x| 24.0 * x),
        (|x| x.log(), |x| 2.0 / x.powi(3)),
        (|x| 1.0 / x, |x| -6.0 / x.powi(4)),
        (|x| x.sqrt(), |x| 0.375 * x.powf(-2.5)),
        (|x| (&x * &x * 0.5).exp(), |x| (3.0 * x + x.powi(3)) * (x * x * 0.5).exp()),
        (
            |x| x.tanh(),
            |x| {
                let (t, s) = (x.tanh(), 1.0 - x.tanh().powi(2));
                -2.0 * s * s + 4.0 * t * t * s
            },
        ),
    ];
    for (f, third) in rows {
        for x in [0.3, 1.0, 1.7] {
            let d = grad(|x: Tensor| grad(|x: Tensor| grad(f).call(x)).call(x)).call(Tensor::scalar(x));
            let (got, want) = (d.item::<f64>().unwrap(), third(x));
            assert!((got - want).abs() < 1e-12 * (1.0 + want.abs()), "at {x}: {got}, wanted {want}");
        }
    }
}
