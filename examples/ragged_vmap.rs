//! Each example its own number of samples: `vmap` over a ragged axis, in one compiled program.
//!
//! `cargo run --release -p latents --example ragged_vmap`

use pullback::{DType, Error, Key, Rows, Tensor, grad, jit, vmap};

fn main() -> Result<(), Error> {
    // The mean of `count` draws of N(x, 1), and how far they spread, for one example.
    let one = |key: Key, x: Tensor, count: Tensor| {
        let draws = vmap(|key: Key| &x + key.normal([], DType::F64)).call(key.split_rows(&count));
        let n = count.cast(DType::F64);
        let mean = draws.sum() / &n;
        let spread = (vmap(|d: Tensor| (d - &mean).square()).call(draws.clone()).sum() / n).sqrt();
        (mean, spread)
    };

    // Many examples: the draws of all are laid end to end, and what belongs to the example is repeated where they meet.
    let many = jit(|key: Key, Rows(xs): Rows<Tensor>, Rows(counts): Rows<Tensor>| {
        vmap(one).call((key.split_like(&xs), xs, counts))
    });
    let batches = [
        (vec![0.0f64, 10.0, 100.0], vec![1, 100, 10_000]),
        (vec![5.0, -5.0], vec![3, 30_000]),
        (vec![1.0, 2.0, 3.0, 4.0, 5.0], vec![1000; 5]),
    ];
    for (xs, counts) in batches {
        let rows = counts.iter().sum::<i32>();
        let args = (Key::new(1), Rows(Tensor::from(xs.clone())), Rows(Tensor::from(counts.clone())));
        let (means, spreads) = many.call(args)?;
        println!("{} examples, {rows} rows, compiles: {}", xs.len(), many.compiles());
        for ((x, n), (m, s)) in
            xs.iter().zip(counts).zip(means.to_vec::<f64>()?.into_iter().zip(spreads.to_vec::<f64>()?))
        {
            println!("  N({x}, 1): the mean of {n:>5} draws is {m:>9.4}, their spread {s:.4}");
        }
    }

    // Gradients sum over each example's rows: of Σ_i (x + i)² over i < count it is Σ_i 2 (x + i).
    let sum_of_squares = |x: Tensor, count: Tensor| (count.rows().cast(DType::F64) + x).square().sum();
    let slope = |x: Tensor, count: Tensor| grad(sum_of_squares).call((x, count));
    let slopes = vmap(slope).call((Tensor::from([1.0f64, 1.0]), Tensor::from([1, 3])));
    println!("d/dx Σ_(i<n) (x + i)² at x = 1 for n = 1 and n = 3: {:?}", slopes.to_vec::<f64>()?);
    assert_eq!(slopes.to_vec::<f64>()?, [2.0, 12.0]);
    Ok(())
}
