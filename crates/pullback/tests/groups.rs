//! Steps of which none waits for another, shared out over threads together: as one after the other, to the bit.

use pullback::{DType, Key, Tensor, jit, with_threads};

fn floats(t: &Tensor) -> Vec<f64> {
    t.cast(DType::F64).to_vec().unwrap_or_else(|e| panic!("{e}"))
}

fn draw(seed: u64, shape: &[usize]) -> Tensor {
    Key::new(seed).normal(shape, DType::F32)
}

/// Gradients of many sizes, cut to one norm and added to averages.
fn moved(averages: Vec<Tensor>, gradients: Vec<Tensor>) -> (Vec<Tensor>, Tensor) {
    let norm = gradients.iter().map(|g| (g * g).sum()).fold(Tensor::from(0.0f32), |all, g| all + g).sqrt();
    let scale = norm.gt(Tensor::from(1.0f32)).select(&(1.0 / &norm), Tensor::from(1.0f32));
    let move_one = |(m, g): (Tensor, Tensor)| &m * 0.9 + (g * &scale).tanh() * 0.1;
    (averages.into_iter().zip(gradients).map(move_one).collect(), norm)
}

#[test]
fn shares_of_chains_and_whole_steps_give_what_the_interpreter_gives() {
    let shapes: [&[usize]; 7] = [&[300, 200], &[200], &[200, 64], &[64], &[3], &[500, 100], &[]];
    let of = |seed: u64| (0..).zip(shapes).map(move |(i, s)| draw(seed + i, s)).collect::<Vec<_>>();
    let compiled = jit(moved);
    let run = |threads| {
        let (averages, norm) =
            with_threads(threads, || compiled.call((of(1), of(100)))).unwrap_or_else(|e| panic!("{e}"));
        averages.iter().chain([&norm]).flat_map(floats).collect::<Vec<_>>()
    };
    let one = run(1);
    for threads in 2..=5 {
        assert!(run(threads) == one, "{threads} threads");
    }
    let (averages, norm) = moved(of(1), of(100));
    let want: Vec<f64> = averages.iter().chain([&norm]).flat_map(floats).collect();
    assert_eq!(one.len(), want.len());
    for (i, (a, b)) in one.iter().zip(&want).enumerate() {
        assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{i}: {a} {b}");
    }
}

/// The sums read arguments that chains write over.
#[test]
fn what_another_reads_is_not_written_over_beside_it() {
    let f = |a: Tensor, b: Tensor| {
        let sums = ((&a * &a).sum(), (&b * &b).sum());
        (&a * 0.5 + 1.0, (&b * 0.25).tanh(), sums.0, sums.1)
    };
    let (n, compiled) = (300_000, jit(f));
    let want: Vec<f64> = [1, 2].map(|seed| floats(&draw(seed, &[n])).iter().map(|x| x * x).sum::<f64>()).to_vec();
    for threads in 1..=4 {
        let called = with_threads(threads, || compiled.call((draw(1, &[n]), draw(2, &[n]))));
        let (.., first, second) = called.unwrap_or_else(|e| panic!("{e}"));
        for (got, want) in [first, second].iter().zip(&want) {
            assert!((floats(got)[0] - want).abs() < 1e-5 * want, "{threads} threads: {got:?}, not {want}");
        }
    }
}
