//! Steps of which none waits for another, shared out over threads together: as one after the other, to the bit.

use pullback::{DType, Key, Rows, Tensor, jit, with_threads};

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

/// Maxima of columns, each on one thread, read arguments that all threads write over by chains.
#[test]
fn what_another_reads_is_not_written_over_beside_it() {
    let f = |a: Tensor, b: Tensor| {
        let across = a.transpose(&[1, 0]).reduce_max(&[1]);
        (&a * 0.5 + 1.0, (&b * 0.25).tanh(), b.reduce_max(&[0]), across)
    };
    let compiled = jit(f);
    for (seed, threads) in (0..5).flat_map(|seed| (1..=4).map(move |threads| (seed, threads))) {
        let args = || (draw(seed, &[150, 1000]), draw(seed + 100, &[150, 1000]));
        let all = |r: &(Tensor, Tensor, Tensor, Tensor)| [&r.0, &r.1, &r.2, &r.3].map(floats).concat();
        let got = all(&with_threads(threads, || compiled.call(args())).unwrap_or_else(|e| panic!("{e}")));
        let (a, b) = args();
        let worst = got.iter().zip(all(&f(a, b))).map(|(x, y)| (x - y).abs()).fold(0.0f64, f64::max);
        assert!(worst < 1e-5, "{threads} threads: {worst}");
    }
}

/// What is made of no rows takes no operations, and is made all the same. Each fold in a program of its own: two of them
/// would be a stage.
#[test]
fn a_fold_of_nothing_is_made_by_somebody() {
    let sum = |a: Tensor, b: Tensor, Rows(x): Rows<Tensor>| (a.tanh(), b.tanh(), x.reduce_sum(&[0]).sin() * 2.0);
    let most = |a: Tensor, b: Tensor, Rows(x): Rows<Tensor>| (a.tanh(), b.tanh(), x.reduce_max(&[0]));
    let (sums, mosts) = (jit(sum), jit(most));
    for (threads, rows) in (1..=3).flat_map(|threads| [5usize, 0].map(|rows| (threads, rows))) {
        let args = || (draw(1, &[400_000]), draw(2, &[300]), Rows(Tensor::new(vec![1.0f32; rows * 3], &[rows, 3])));
        let called = with_threads(threads, || Ok((sums.call(args())?.2, mosts.call(args())?.2)));
        let (got, top) = called.unwrap_or_else(|e: pullback::Error| panic!("{e}"));
        let (a, b, x) = args();
        let (want, highest) = (sum(a.clone(), b.clone(), x.clone()).2, most(a, b, x).2);
        assert_eq!(floats(&top), floats(&highest), "{threads} threads, {rows} rows");
        let near = floats(&got).iter().zip(floats(&want)).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near, "{threads} threads, {rows} rows: {got:?}");
    }
}
