//! Sums over the last axis that a chain takes of its own lines, and those it must not, against the plain interpreter.

use pullback::{DType, Error, Key, Rows, Tensor, jit, vmap, with_threads};

fn draws(seed: u64, shape: [usize; 2], dtype: DType) -> Tensor {
    Key::new(seed).normal(shape, DType::F64).cast(dtype)
}

fn floats(t: &Tensor) -> Result<Vec<f64>, Error> {
    t.cast(DType::F64).to_vec()
}

type Given = fn(&Tensor, &Tensor) -> Tensor;

/// `log p(c)` by the logits `l`.
fn logistic(l: &Tensor, c: &Tensor) -> Tensor {
    c * l - l.softplus()
}

/// `(name, f(x, c), how many sums are a chain's)`; x is `[rows, n]`, c `[n]`.
const CASES: &[(&str, Given, usize)] = &[
    ("a chain and its sum", |x, c| (x * c + x.tanh()).reduce_sum(&[1]), 1),
    ("log-probabilities of truth values", |x, c| logistic(&(x + c), &c.sin()).reduce_sum(&[1]), 1),
    ("the same of a product", |x, c| logistic(&(x * c), &c.sin()).reduce_sum(&[1]), 1),
    ("two of one shape", |x, c| (x * c).exp().reduce_sum(&[1]) + (x - c).abs().reduce_sum(&[1]), 2),
    ("under another shape", |x, c| (x * c).unsqueeze(1).reduce_sum(&[2]), 1),
    (
        "of each of several",
        |x, c| {
            let one = |k: Tensor| logistic(&(x * k), &c.cos()).reduce_sum(&[1]);
            vmap(one).call(Tensor::from(vec![0.5, -1.0, 2.0]).cast(x.dtype()))
        },
        1,
    ),
    (
        "read by something else, too",
        |x, c| {
            let y = (x * c).tanh();
            y.reduce_sum(&[1]).unsqueeze(1) + y
        },
        0,
    ),
    ("over rows", |x, c| (x * c).tanh().reduce_sum(&[0]), 0),
    ("a maximum", |x, c| (x * c).tanh().reduce_max(&[1]), 0),
];

#[test]
fn chains_sum_their_own_lines() -> Result<(), Error> {
    let columns = [784, 50, 1500, 1, 3, 48];
    for (n, dtype) in columns.map(|n| (n, DType::F32)).into_iter().chain([(784, DType::F64)]) {
        let near = if dtype == DType::F32 { 2e-6 } else { 1e-14 };
        for &(name, f, sums) in CASES {
            let step = jit(move |x: Tensor, c: Tensor| f(&x, &c));
            for rows in [1, 2, 3, 40] {
                let (x, c) = (draws(1, [rows, n], dtype), draws(2, [1, n], dtype).reshape([n]));
                let got = floats(&step.call((x.clone(), c.clone()))?)?;
                let want = floats(&f(&x, &c))?;
                for (a, b) in got.iter().zip(&want) {
                    assert!((a - b).abs() <= near * (n as f64 + b.abs()), "{name}, {rows} rows of {n}: {a} for {b}");
                }
                assert_eq!(got.len(), want.len());
                // A line of one number is none, and a longer one than a tile is in parts.
                if n > 1 {
                    let steps = step.profile((x, c), 1)?;
                    let chains: String = steps.iter().map(|s| &*s.step).filter(|s| s.contains("kernel")).collect();
                    let sums = if n <= 1024 { sums } else { 0 };
                    assert_eq!(chains.matches(" Sum").count(), sums, "{name}, {rows} rows of {n}: {chains}");
                }
            }
        }
    }
    Ok(())
}

/// Blocks of rows would have other sums than lines, where these are summed under a shape that joins or splits axes.
#[test]
fn under_other_leading_axes_there_are_other_blocks() -> Result<(), Error> {
    let joined = |x: &Tensor| x.tanh().reshape([2_048, 64]).reduce_sum(&[1]).exp();
    let split = |x: &Tensor| x.tanh().reshape([2, 1_024, 8]).reduce_sum(&[2]).exp();
    let of_each = |x: &Tensor| vmap(|x: Tensor| joined(&x)).call(x.clone());
    let x = draws(1, [2 * 1_024, 64], DType::F64).reshape([2, 1_024, 64]) * 0.1;
    let y = draws(2, [2_048, 8], DType::F64);
    let z = draws(3, [3 * 2_048, 64], DType::F64).reshape([3, 2, 1_024, 64]) * 0.1;
    let rows = jit(move |Rows(z): Rows<Tensor>| Rows(of_each(&z)));
    let (joins, splits) = (jit(move |x: Tensor| joined(&x)), jit(move |y: Tensor| split(&y)));
    for threads in [1, 2, 3] {
        let Rows(got) = with_threads(threads, || rows.call(Rows(z.clone())))?;
        let pairs = [
            (with_threads(threads, || joins.call(x.clone()))?, joined(&x)),
            (with_threads(threads, || splits.call(y.clone()))?, split(&y)),
            (got, of_each(&z)),
        ];
        for (k, (got, want)) in pairs.iter().enumerate() {
            let near = floats(got)?.iter().zip(&floats(want)?).all(|(a, b)| (a - b).abs() < 1e-11 * (1.0 + b.abs()));
            assert!(near, "{k}, {threads} threads");
        }
    }
    Ok(())
}

/// With so many operands that it is cut, each part still has lines of its own.
#[test]
fn a_chain_in_parts_sums_its_lines() -> Result<(), Error> {
    let shifts: Vec<Tensor> = (0..20).map(|k| draws(k, [1, 8], DType::F64).reshape([1, 8, 1])).collect();
    let factors: Vec<Tensor> = (20..40).map(|k| draws(k, [4, 8], DType::F64).reshape([4, 8, 1])).collect();
    let f = |x: Tensor, shifts: Vec<Tensor>, factors: Vec<Tensor>| {
        let y = shifts.iter().fold(x, |x, b| x + b);
        factors.iter().fold(y, |y, w| y * w).reduce_sum(&[1])
    };
    let x = draws(50, [4, 8], DType::F64).reshape([4, 8, 1]);
    let step = jit(move |(x, shifts, factors): (Tensor, Vec<Tensor>, Vec<Tensor>)| f(x, shifts, factors));
    let got = floats(&step.call((x.clone(), shifts.clone(), factors.clone()))?)?;
    let want = floats(&f(x, shifts, factors))?;
    assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b.abs())), "{got:?} for {want:?}");
    Ok(())
}

#[test]
fn a_line_has_the_same_sum_among_any_others() -> Result<(), Error> {
    for n in [784, 64, 100, 50, 2] {
        let of_each = jit(|Rows(x): Rows<Tensor>, c: Tensor| {
            Rows(vmap(|x: Tensor| logistic(&(x + &c), &c.sin()).sum() + (&c * 2.0).exp().sum()).call(x))
        });
        let (x, c) = (draws(1, [300, n], DType::F32), draws(2, [1, n], DType::F32).reshape([n]));
        let Rows(all) = of_each.call((Rows(x.clone()), c.clone()))?;
        let all: Vec<f32> = all.to_vec()?;
        for (first, rows) in [(0, 1), (7, 2), (100, 19), (299, 1)] {
            let some = x.slice(0, first, first + rows);
            let Rows(some) = of_each.call((Rows(some), c.clone()))?;
            assert_eq!(some.to_vec::<f32>()?, all[first..first + rows], "{rows} of {n} from {first} on");
        }
    }
    Ok(())
}
