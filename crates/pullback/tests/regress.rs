//! What broke once, by name.

use pullback::{DType, Key, Rows, Tensor, checkpoint, grad, jit, jvp, vmap, with_threads};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn floats(t: &Tensor) -> Vec<f64> {
    t.to_vec().unwrap_or_else(|e| panic!("{e}"))
}

/// The tangent of a checkpoint was asked how it lowers while its trace was locked, and traced to answer.
#[test]
fn a_checkpoint_differentiated_inside_jit_waited_for_itself() {
    let step = jit(|Rows(x): Rows<Tensor>| {
        let f = checkpoint(|x: Tensor| (x.reduce_max(&[1]) * x.tanh().reduce_sum(&[1])).sum());
        grad(|x: Tensor| grad(|x: Tensor| f.call(x)).call(x).sin().sum()).call(x)
    });
    let f = |x: Tensor| (x.reduce_max(&[1]) * x.tanh().reduce_sum(&[1])).sum();
    for n in [1, 3] {
        let x = Tensor::iota([n, 2], 0, DType::F64) * 0.3 + Tensor::iota([n, 2], 1, DType::F64);
        let want = grad(|x: Tensor| grad(f).call(x).sin().sum()).call(x.clone());
        let got = step.call(Rows(x)).unwrap();
        assert!(floats(&got).iter().zip(floats(&want)).all(|(a, b)| (a - b).abs() < 1e-13));
    }
}

/// Closures inside `#[track_caller]` functions are their own callers: every error pointed into this crate.
#[test]
fn errors_pointed_into_the_crate() {
    let e = (Tensor::from([1.0f32, 2.0]) + Tensor::from([1.0f32, 2.0, 3.0])).error().cloned().unwrap();
    assert_eq!((e.at().unwrap().file(), e.at().unwrap().line()), (file!(), line!() - 1));
    let e = Tensor::from([1.0f32]).to_vec::<f64>().unwrap_err();
    assert_eq!((e.at().unwrap().file(), e.at().unwrap().line()), (file!(), line!() - 1));
}

/// A size of 1 stretched over ragged rows put two axes in one place, and every row took the first one's value.
#[test]
fn an_axis_of_one_stretched_over_ragged_rows() {
    let f = |x: Tensor, count: Tensor| (x * count.rows().cast(DType::F64)).sum();
    let x = Tensor::from([[2.0f64], [3.0], [5.0]]);
    let y = vmap(f).call((x, Tensor::from([2, 0, 3])));
    assert_eq!(floats(&y), [2.0, 0.0, 15.0]);
}

/// An example without rows read, and added to, its neighbour's.
#[test]
fn an_example_without_rows_took_its_neighbours() {
    let counts = Tensor::from([1, 0, 2]);
    let read = |c: Tensor| (c.rows().cast(DType::F64) + 7.0).take(&Tensor::scalar(0i32));
    assert_eq!(floats(&vmap(read).call(counts.clone())), [7.0, 0.0, 7.0]);
    let write = |x: Tensor, c: Tensor| {
        let rows = c.rows();
        x.scatter_add(&Tensor::scalar(0i32), rows.shape().dims()[0]) + rows.cast(DType::F64) * 0.0
    };
    let x = Tensor::from([1.0f64, 10.0, 100.0]);
    assert_eq!(floats(&vmap(write).call((x, counts))), [1.0, 100.0, 0.0]);
}

/// Rows chosen by numbers that differ from example to example, along every axis of a ragged tensor.
#[test]
fn gathers_across_ragged_rows_were_refused() {
    let f = |table: Tensor, pick: Tensor, c: Tensor| {
        let x = table.unsqueeze(1).broadcast_to(vec![3.into(), c.rows().shape().dims()[0]]);
        x.take(&pick).reduce_sum(&[0])
    };
    let table = Tensor::from([[1.0f64, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let y = vmap(f).call((table, Tensor::from([[0, 1], [2, 2]]), Tensor::from([1, 2])));
    assert_eq!(floats(&y), [3.0, 12.0, 12.0]);
}

/// Sums of whole numbers went through floats, which saturate where integers wrap.
#[test]
fn ragged_prefixes_of_integers_wrap() {
    let f = |x: Tensor, c: Tensor| (c.rows().minimum(0) + x).cumsum(0);
    let y = vmap(f).call((Tensor::from([i32::MAX, 5]), Tensor::from([2, 3])));
    assert_eq!(y.to_vec::<i32>().unwrap(), [i32::MAX, -2, 5, 10, 15]);
}

/// Turning ragged rows of which there are none was an error.
#[test]
fn reversed_ragged_rows_of_which_there_are_none() {
    let f = |c: Tensor| (c.rows() + 1).reverse(0).cumsum(0).reduce_sum(&[0]);
    assert_eq!(vmap(f).call(Tensor::from([0, 0])).to_vec::<i32>().unwrap(), [0, 0]);
    assert_eq!(vmap(f).call(Tensor::from([0, 3])).to_vec::<i32>().unwrap(), [0, 14]);
}

/// `bernoulli` compared single-precision uniforms where JAX, for a 64-bit probability, takes double ones.
#[test]
fn bernoulli_draws_as_jax_does() {
    let u = floats(&Key::new(1).uniform([100], DType::F64));
    let b = Key::new(1).bernoulli(0.3, [100]).to_vec::<bool>().unwrap();
    assert!(u.iter().zip(b).all(|(u, b)| (*u < 0.3) == b));
}

/// The tangent of a maximum over nothing was 0/0.
#[test]
fn the_tangent_of_a_maximum_of_nothing() {
    let none = Tensor::new(Vec::<f64>::new(), &[0, 2]);
    let (y, dy) = jvp(|x: Tensor| x.reduce_max(&[0])).call(none.clone(), none);
    assert_eq!((floats(&y), floats(&dy)), (vec![f64::NEG_INFINITY; 2], vec![0.0; 2]));
}

/// A fault has no shape: what asked for one put its own fault, or a panic, in the place of the first.
#[test]
fn a_fault_was_replaced_by_a_later_one() {
    let bad = Tensor::from([1.0f32, 2.0]).dot(&Tensor::from([1.0f32]));
    for later in [bad.unsqueeze(3), bad.t(), bad.logsumexp(2), bad.size(4), bad.mean(), bad.argmax(1)] {
        assert_eq!(later.error().unwrap().op(), "dot");
    }
    let mapped = vmap(|x: Tensor| x.dot(&Tensor::from([1.0f32])).unsqueeze(4)).call(Tensor::from([[1.0f32, 2.0]]));
    assert_eq!(mapped.error().unwrap().op(), "dot");
}

/// Each region of a checkpoint asks for the same rows again when its derivative runs it twice.
#[test]
fn rows_made_inside_a_checkpoint() {
    let f = |x: Tensor, count: Tensor| (count.rows().cast(DType::F64) * &x).sin().sum();
    let kept = checkpoint(f);
    let slopes = |inside: bool| {
        let one = |x: Tensor, count: Tensor| {
            grad(|x: Tensor| if inside { kept.call((x, count.clone())) } else { f(x, count.clone()) }).call(x)
        };
        floats(&vmap(one).call((Tensor::from([0.5f64, 0.7]), Tensor::from([3, 2]))))
    };
    assert_eq!(slopes(true), slopes(false));
}

#[test]
fn a_panic_leaves_no_trace_open() {
    let x = Tensor::from([1.0f64, 2.0]);
    for _ in 0..2 {
        let panics = |x: Tensor| if x.rank() == 1 { panic!("on purpose") } else { x };
        assert!(catch_unwind(AssertUnwindSafe(|| grad(panics).call(x.clone()))).is_err());
        let count = Tensor::from([1, 2]);
        let inner = |c: Tensor| if c.rows().rank() == 1 { panic!("on purpose") } else { c };
        assert!(catch_unwind(AssertUnwindSafe(|| vmap(inner).call(count))).is_err());
    }
    assert_eq!(floats(&grad(|x: Tensor| (&x * &x).sum()).call(x)), [2.0, 4.0]);
    let e = (Tensor::from([1.0f32, 2.0]) + Tensor::from([1.0f32, 2.0, 3.0])).error().cloned().unwrap();
    assert_eq!(e.at().unwrap().line(), line!() - 1);
}

#[test]
fn a_compiled_function_in_several_threads() {
    let f = jit(|Rows(x): Rows<Tensor>, w: Tensor| grad(|w: Tensor| x.dot(&w).tanh().sum()).call(w));
    let w = Tensor::from([0.5f64, -0.2]);
    let want = |n: usize| {
        let x = Tensor::iota([n, 2], 0, DType::F64);
        floats(&grad(|w: Tensor| x.dot(&w).tanh().sum()).call(w.clone()))
    };
    std::thread::scope(|s| {
        for n in 1..5 {
            let (f, w, want) = (&f, &w, &want);
            s.spawn(move || {
                for _ in 0..20 {
                    let x = Tensor::iota([n, 2], 0, DType::F64);
                    let got = floats(&f.call((Rows(x), w.clone())).unwrap());
                    assert!(got.iter().zip(want(n)).all(|(a, b)| (a - b).abs() < 1e-13));
                }
            });
        }
    });
    assert_eq!(f.compiles(), 1);
}

#[test]
fn compiled_functions_inside_other_transforms() {
    let f = jit(|x: Tensor, w: Tensor| (&x * &w).sin().sum());
    let g = |x: Tensor, w: Tensor| f.call((x, w)).unwrap();
    let (xs, w) = (Tensor::from([[1.0f64, 2.0], [3.0, 4.0]]), Tensor::from([0.1f64, 0.2]));
    let each = vmap(|x: Tensor| grad(|x: Tensor| g(x, w.clone())).call(x)).call(xs.clone());
    let want: Vec<f64> = floats(&xs).iter().zip([0.1, 0.2].iter().cycle()).map(|(x, w)| w * (x * w).cos()).collect();
    assert!(floats(&each).iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-14));
    let outer = jit(|xs: Tensor, w: Tensor| vmap(|x: Tensor| g(x, w.clone())).call(xs).sum());
    assert!(
        (outer.call((xs.clone(), w.clone())).unwrap().item::<f64>().unwrap()
            - vmap(|x: Tensor| g(x, w.clone())).call(xs).sum().item::<f64>().unwrap())
        .abs()
            < 1e-14
    );
    assert_eq!(f.compiles(), 0, "inside another function it is part of that one");
}

#[test]
fn maps_over_no_examples() {
    let none = Tensor::new(Vec::<f64>::new(), &[0, 3]);
    let w = Tensor::from([1.0f64, 2.0, 3.0]);
    let f = |x: Tensor, w: &Tensor| x.dot(w).tanh() + x.logcumsumexp(0).reverse(0).cumsum(0).reduce_max(&[0]);
    assert_eq!(vmap(|x: Tensor| f(x, &w)).call(none.clone()).shape().known(), Some(vec![0]));
    let slope = grad(|w: Tensor| vmap(|x: Tensor| f(x, &w)).call(none.clone()).sum()).call(w.clone());
    assert_eq!(floats(&slope), [0.0; 3]);
    let draws = vmap(|key: Key| key.normal([2], DType::F64)).call(Key::new(0).split_n(0));
    assert_eq!(draws.shape().known(), Some(vec![0, 2]));
}

/// A compiled function that captures a tensor under way, called on values, asked that tensor for its value.
#[test]
fn a_compiled_function_inside_a_traced_one() {
    let f = |x: Tensor| {
        let inner = jit(|y: Tensor| (&y * &x).sum());
        inner.call(Tensor::from([1.0f64, 2.0])).unwrap_or_else(|e| panic!("{e}"))
    };
    assert_eq!(grad(f).call(Tensor::from([3.0f64, 4.0])).to_vec::<f64>().unwrap(), [1.0, 2.0]);
}

/// A product added to what is also one of its operands was run where that operand lay.
#[test]
fn a_product_added_to_its_own_operand() {
    let (a, b, c) = (
        Tensor::from([[1.0f64, 2.0], [3.0, 4.0]]),
        Tensor::from([[0.5f64, 1.0], [1.5, -1.0]]),
        Tensor::from([[1.0f64, 0.0], [2.0, 1.0]]),
    );
    // The sum is read once more: a result is never written where an operand lay.
    let twice = |a: Tensor, b: Tensor, c: Tensor| (a.dot(&b) + a.dot(&b).dot(&c)) * 2.0;
    let renamed = |a: Tensor, b: Tensor, c: Tensor| {
        let y = a.dot(&b) * 1.0;
        (&y + y.dot(&c)) * 2.0
    };
    let plain = floats(&twice(a.clone(), b.clone(), c.clone()));
    assert_eq!(floats(&jit(twice).call((a.clone(), b.clone(), c.clone())).unwrap()), plain);
    assert_eq!(floats(&jit(renamed).call((a, b, c)).unwrap()), plain);
}

/// A fold over rows of no columns divided by their number.
#[test]
fn a_fold_of_rows_without_columns() {
    let sum = jit(|x: Tensor| x.reduce_sum(&[0]));
    assert_eq!(sum.call(Tensor::new(Vec::<f64>::new(), &[3, 0])).unwrap().shape().known(), Some(vec![0]));
    let top = jit(|Rows(x): Rows<Tensor>| x.transpose(&[1, 0]).reduce_max(&[0]));
    assert_eq!(top.call(Rows(Tensor::new(Vec::<f64>::new(), &[0, 3]))).unwrap().shape().known(), Some(vec![0]));
}

/// A stage read all rows of a value that its own blocks wrote, under another shape, before it was there.
#[test]
fn a_value_read_whole_under_another_shape_is_there() {
    // Many columns and few, so that the product packs its right operand and not; with the value returned and not.
    for (rows, across) in [(64, 64), (256, 16)] {
        let f = move |h: Tensor, x: Tensor| {
            let w = h.tanh();
            let square = w.reshape([rows, across]);
            (w, x.dot(&square), x.dot(&square) + x.dot(&square.sin()))
        };
        let g = move |h: Tensor, x: Tensor| x.dot(&h.tanh().reshape([rows, across])).sin();
        let h = Key::new(0).normal([4096], DType::F32);
        let x = Key::new(1).normal([4096, rows], DType::F32);
        let near = |a: &Tensor, b: &Tensor| {
            let (a, b) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
            a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-3)
        };
        for threads in [1, 2, 3] {
            with_threads(threads, || {
                let (_, y, z) = jit(f).call((h.clone(), x.clone())).unwrap();
                let (_, y0, z0) = f(h.clone(), x.clone());
                assert!(near(&y, &y0) && near(&z, &z0), "{threads} threads, {rows} x {across}");
                assert!(near(&jit(g).call((h.clone(), x.clone())).unwrap(), &g(h.clone(), x.clone())));
            });
        }
    }
}

/// The same along the second axis of each row.
#[test]
fn a_long_row_read_whole_under_another_shape_is_there() {
    let f = |Rows(h): Rows<Tensor>, Rows(x): Rows<Tensor>| {
        vmap(|h: Tensor, x: Tensor| x.dot(&h.tanh().reshape([128, 128])).sin().sum()).call((h, x))
    };
    let h = Key::new(0).normal([2, 16384], DType::F32);
    let x = Key::new(1).normal([2, 16384, 128], DType::F32);
    let want = f(Rows(h.clone()), Rows(x.clone())).to_vec::<f32>().unwrap();
    let got = jit(f).call((Rows(h), Rows(x))).unwrap().to_vec::<f32>().unwrap();
    assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1.0), "{got:?} {want:?}");
}

/// Two kernels that both repeat an equation and are both too large to stay whole once waited for each other.
#[test]
fn repeated_equations_of_kernels_that_are_cut() {
    let f = |x: Tensor, y: Tensor, c: Tensor, e: Tensor| {
        let d = &x - &y;
        let term = |t: &Tensor, k: usize| &d * t.slice(0, k, k + 1).reshape([300]);
        let a = (1..40).fold(term(&c, 0), |a, k| a + term(&c, k));
        let s = a.sum();
        (0..40).fold(&a * 0.0 + s, |out, k| out + term(&e, k))
    };
    let normal = |seed: u64, shape: &[usize]| Key::new(seed).normal(shape, DType::F64);
    let args = || (normal(0, &[300]), normal(1, &[300]), normal(2, &[40, 300]), normal(3, &[40, 300]));
    let got = jit(f).call(args()).unwrap().to_vec::<f64>().unwrap();
    let (x, y, c, e) = args();
    let want = f(x, y, c, e).to_vec::<f64>().unwrap();
    assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-9));
}

/// What a call finds out itself, a number of rows, is the shape of its result, also where memory of an earlier argument
/// or result is used again.
#[test]
fn a_result_has_the_rows_of_its_own_call() {
    let f = jit(|Rows(state): Rows<Tensor>, count: Tensor| {
        let numbers = count.rows().cast(DType::F32) * 2.0;
        (numbers, state.sum())
    });
    let mut state = Tensor::from(vec![1f32; 4]);
    for n in [4, 4, 6, 6, 3, 0, 2] {
        state = f.call((Rows(state), Tensor::scalar(n))).unwrap().0;
        let want: Vec<f32> = (0..n).map(|i| 2.0 * i as f32).collect();
        assert_eq!(state.to_vec::<f32>().unwrap(), want);
        assert_eq!(state.shape().known(), Some(vec![n as usize]));
    }
}

/// A chain that made a value and also read it under another name, as behind the barrier of a checkpoint, read what its memory
/// held before; where nothing else read it, it had no memory at all.
#[test]
fn a_barrier_around_what_its_own_chain_spells_out() {
    let f = |x: Tensor| {
        let k = x.sum().broadcast_to(x.shape());
        let inside = |x: Tensor| {
            let k = k.clone();
            checkpoint(move |x: Tensor| x.sin() * &k * &x).call(x).sin().sum()
        };
        grad(inside).call(x)
    };
    let twos = |x: Tensor| {
        let inside = |x: Tensor| checkpoint(|x: Tensor| x.sin() * x.full_like(2.0) * &x).call(x).sin().sum();
        grad(inside).call(x)
    };
    let ones = |x: Tensor| {
        let q = |x: &Tensor| {
            let m = x.reduce_sum(&[1]);
            &m + m.full_like(1.0)
        };
        grad(|x: Tensor| checkpoint(|x: Tensor| q(&x).sin()).call(x).sum()).call(x)
    };
    let fs: [&dyn Fn(Tensor) -> Tensor; 3] = [&f, &twos, &ones];
    let x = || (Tensor::iota([2, 3], 0, DType::F64) - 1.0) * 0.7 + Tensor::iota([2, 3], 1, DType::F64);
    for (i, f) in fs.into_iter().enumerate() {
        let want = floats(&f(x()));
        for got in [jit(f).call(x()).unwrap(), jit(|Rows(x): Rows<Tensor>| f(x)).call(Rows(x())).unwrap()] {
            let got = floats(&got);
            assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-13), "{i}: {got:?} for {want:?}");
        }
    }
}
