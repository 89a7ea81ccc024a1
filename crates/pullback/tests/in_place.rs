//! Results that are written where arguments lay: what somebody else holds stays as it was.

use pullback::{Error, Rows, Tensor, jit};

fn numbers(n: usize, scale: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.37).sin() * scale).collect()
}

/// A step of gradient descent with momentum, which reads its state element by element for the last time.
fn step((x, m): (Tensor, Tensor), g: Tensor) -> (Tensor, Tensor) {
    let m = &m * 0.9 + &g * 0.1;
    (&x - &m * 0.5 / (g.square().sqrt() + 1.0), m)
}

/// The same, number by number.
fn by_hand(x: &mut [f32], m: &mut [f32], g: &[f32]) {
    for ((x, m), &g) in x.iter_mut().zip(m).zip(g) {
        *m = *m * 0.9 + g * 0.1;
        *x -= *m * 0.5 / ((g * g).sqrt() + 1.0);
    }
}

#[test]
fn a_state_that_is_handed_on_goes_through_many_steps() -> Result<(), Error> {
    // A whole number of vectors, less, one number, several tiles and a rest, work for several threads.
    for n in [16, 7, 1, 1029, 300_000] {
        let step = jit(step);
        let g = numbers(n, 2.0);
        let (mut x, mut m) = (numbers(n, 1.0), numbers(n, 0.5));
        let mut state = (Tensor::from(x.clone()), Tensor::from(m.clone()));
        for _ in 0..5 {
            state = step.call((state, Tensor::from(g.clone())))?;
            by_hand(&mut x, &mut m, &g);
        }
        assert_eq!(state.0.to_vec::<f32>()?, x);
        assert_eq!(state.1.to_vec::<f32>()?, m);
    }
    Ok(())
}

#[test]
fn what_somebody_else_holds_stays() -> Result<(), Error> {
    let step = jit(step);
    let (n, g) = (1029, numbers(1029, 2.0));
    let (x, m) = (Tensor::from(numbers(n, 1.0)), Tensor::from(numbers(n, 0.5)));
    let mut wanted = (numbers(n, 1.0), numbers(n, 0.5));
    by_hand(&mut wanted.0, &mut wanted.1, &g);
    // Held here in every call, in some, after one that was not held: always the same.
    for k in 0..6 {
        let state = if k % 3 == 2 {
            (Tensor::from(numbers(n, 1.0)), Tensor::from(numbers(n, 0.5)))
        } else {
            (x.clone(), m.clone())
        };
        let (y, next) = step.call((state, Tensor::from(g.clone())))?;
        assert_eq!((y.to_vec::<f32>()?, next.to_vec::<f32>()?), wanted);
        assert_eq!((x.to_vec::<f32>()?, m.to_vec::<f32>()?), (numbers(n, 1.0), numbers(n, 0.5)));
    }
    Ok(())
}

#[test]
fn one_array_as_several_arguments_is_each_of_them() -> Result<(), Error> {
    let step = jit(step);
    let n = 64;
    let zeros = Tensor::from(numbers(n, 1.0));
    let (y, m) = step.call(((zeros.clone(), zeros.clone()), zeros))?;
    let mut wanted = (numbers(n, 1.0), numbers(n, 1.0));
    by_hand(&mut wanted.0, &mut wanted.1, &numbers(n, 1.0));
    assert_eq!((y.to_vec::<f32>()?, m.to_vec::<f32>()?), wanted);
    Ok(())
}

#[test]
fn an_argument_that_is_read_again_is_not_written_over() -> Result<(), Error> {
    let n = 2048;
    let x = || Tensor::from(numbers(n, 1.0));
    let after = |f: &dyn Fn(f32) -> f32| numbers(n, 1.0).into_iter().map(f).collect::<Vec<_>>();
    // By a later step.
    let both = jit(|x: Tensor| (&x * 3.0 + 1.0, x.square().sum()));
    let (y, sum) = both.call(x())?;
    assert_eq!(y.to_vec::<f32>()?, after(&|x| x * 3.0 + 1.0));
    assert!((sum.to_vec::<f32>()?[0] - after(&|x| x * x).iter().sum::<f32>()).abs() < 1e-2);
    // By a later operation of the same chain.
    let twice = jit(|x: Tensor| {
        let y = &x + 1.0;
        let z = &y * &x;
        (y, z)
    });
    let (y, z) = twice.call(x())?;
    assert_eq!(y.to_vec::<f32>()?, after(&|x| x + 1.0));
    assert_eq!(z.to_vec::<f32>()?, after(&|x| (x + 1.0) * x));
    // In another order than its own.
    let turned = jit(|x: Tensor| {
        let x = x.reshape([32, 64]);
        x.transpose(&[1, 0]).reshape([32, 64]) + x
    });
    let turned_here = |x: Vec<f32>| -> Vec<f32> {
        let at = |k: usize| x[k % 32 * 64 + k / 32];
        (0..n).map(|k| at(k) + x[k]).collect()
    };
    assert_eq!(turned.call(x())?.to_vec::<f32>()?, turned_here(numbers(n, 1.0)));
    // As a result of its own.
    let same = jit(|x: Tensor| (&x * 2.0, x));
    let (y, kept) = same.call(x())?;
    assert_eq!((y.to_vec::<f32>()?, kept.to_vec::<f32>()?), (after(&|x| x * 2.0), numbers(n, 1.0)));
    Ok(())
}

#[test]
fn one_result_may_be_handed_out_twice_and_in_another_shape() -> Result<(), Error> {
    let twice = jit(|x: Tensor| {
        let y = &x * 2.0 + 1.0;
        (y.clone(), y.reshape([16, 4]), y)
    });
    for _ in 0..3 {
        let x: Vec<f64> = numbers(64, 1.0).into_iter().map(f64::from).collect();
        let wanted: Vec<f64> = x.iter().map(|x| x * 2.0 + 1.0).collect();
        let (a, b, c) = twice.call(Tensor::from(x).reshape([4, 16]))?;
        assert_eq!((a.to_vec::<f64>()?, b.to_vec::<f64>()?), (wanted.clone(), wanted.clone()));
        assert_eq!((c.to_vec::<f64>()?, b.shape().to_string()), (wanted, "[16, 4]".to_string()));
    }
    // Flat, of a table that goes.
    let flat = jit(|x: Tensor| x.reshape([64]) * 3.0);
    for _ in 0..3 {
        let y = flat.call(Tensor::from(numbers(64, 1.0)).reshape([4, 16]))?;
        assert_eq!(y.to_vec::<f32>()?, numbers(64, 1.0).iter().map(|x| x * 3.0).collect::<Vec<_>>());
        assert_eq!(y.shape().to_string(), "[64]");
    }
    Ok(())
}

#[test]
fn rows_may_be_more_or_fewer_in_each_call() -> Result<(), Error> {
    let step = jit(|Rows(x): Rows<Tensor>| Rows(&x * 2.0 + 1.0));
    for n in [5, 33, 2, 0, 1, 100] {
        let x = numbers(n * 3, 1.0);
        let Rows(y) = step.call(Rows(Tensor::from(x.clone()).reshape([n, 3])))?;
        assert_eq!(y.to_vec::<f32>()?, x.iter().map(|x| x * 2.0 + 1.0).collect::<Vec<_>>());
    }
    Ok(())
}
