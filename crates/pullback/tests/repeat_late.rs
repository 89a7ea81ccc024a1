//! What is the same along an axis, computed once and repeated afterwards, against the plain interpreter.

use pullback::{DType, Error, Key, Tensor, grad, jit, vmap};

/// A gradient that is the same along an axis is summed over rows before it is repeated.
#[test]
fn what_is_repeated_is_summed_once() -> Result<(), Error> {
    let (x, scale) = (Key::new(1).normal([40, 12], DType::F64), Key::new(2).normal([8, 12], DType::F64));
    // A Gaussian's density at each row, by each of eight scales of twelve numbers.
    let loss = |x: &Tensor, scale: &Tensor| {
        let one = |x: Tensor| {
            let by = |s: Tensor| ((&x * (&s * -1.0).exp()).tanh() - s * 3.0).sum();
            vmap(by).call(scale.clone()).logsumexp(0)
        };
        vmap(one).call(x.clone()).sum()
    };
    let gradient = |x: Tensor, scale: Tensor| grad(move |scale: Tensor| loss(&x, &scale)).call(scale);
    let step = jit(gradient);
    let (got, want) =
        (step.call((x.clone(), scale.clone()))?.to_vec::<f64>()?, gradient(x.clone(), scale.clone()).to_vec::<f64>()?);
    assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b.abs())), "{got:?} for {want:?}");
    let steps: Vec<String> = step.profile((x, scale), 1)?.into_iter().map(|s| s.step).collect();
    let sums = |of: &str| steps.iter().filter(|s| s.contains("reduce Sum") && s.contains(of)).count();
    assert_eq!((sums("[1, 40, 8]"), sums("[1, 40, 96]")), (1, 1), "{steps:?}");
    Ok(())
}

/// What is folded, or worked on, before it is repeated: of every fold, of integers, of no copies.
#[test]
fn of_every_fold_and_of_integers() -> Result<(), Error> {
    for copies in [0, 1, 12] {
        let numbers = integers();
        let f = move |x: &Tensor| {
            let repeat = |x: &Tensor| x.broadcast_axes([copies, 5, 7], vec![1, 2]);
            let floats = x.cast(DType::F32);
            let all = repeat(&floats);
            let folds = [-all.reduce_sum(&[1]), all.reduce_max(&[2]), all.reduce_min(&[1]), (all * 2.0).logsumexp(1)];
            let integers = (repeat(x) * 3).reduce_sum(&[2]);
            folds
                .into_iter()
                .map(|y| y.reduce_sum(&[0]))
                .chain([integers.reduce_sum(&[0]).cast(DType::F32)])
                .collect::<Vec<_>>()
        };
        let got = jit(move |x: Tensor| f(&x)).call(numbers.clone())?;
        for (k, (got, want)) in got.iter().zip(f(&numbers)).enumerate() {
            let (got, want) = (got.to_vec::<f32>()?, want.to_vec::<f32>()?);
            let near = got.iter().zip(&want).all(|(a, b)| (a - b).abs() <= 1e-5 * (1.0 + b.abs()));
            assert!(near && got.len() == want.len(), "{k}, {copies} copies: {got:?} for {want:?}");
        }
    }
    Ok(())
}

fn integers() -> Tensor {
    Tensor::from((0..35).map(|i| i * 37 % 11 - 5).collect::<Vec<i32>>()).reshape([5, 7])
}
