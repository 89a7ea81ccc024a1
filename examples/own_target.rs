//! A model matched to a log density of your own, known up to a constant.
//!
//! `cargo run --release -p latents --example own_target`

use latents::dist::Custom;
use latents::evaluation::Divergence;
use latents::objective::Matching;
use pullback::{DType, Key, Tensor, jit};
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two wells, one deeper than the other; x: [2], no batch dimension, any tensor operation.
    let wells = Custom::new("wells", 2, |x: &Tensor| {
        let (a, b) = (x.slice(0, 0, 1).sum(), x.slice(0, 1, 2).sum());
        (&a * 0.5) - (a.square() - 2.0).square() * 0.5 - (b - a.square() * 0.25).square() * 2.0
    });
    let target = Arc::new(wells);

    let steps = 400;
    let matching = Matching { hidden: vec![32], latent_dim: 4, ..Matching::upper(target.clone(), steps) };
    matching.check()?;
    for warning in matching.warnings() {
        eprintln!("warning: {warning}");
    }

    // The normaliser is not known: figures are up to it, and the less the better.
    let divergence = Divergence::new(target, DType::F32, 64, 50);
    let mut state = matching.init(Key::new(0));
    let step = jit(|state, key: Key| matching.step(&state, key));
    for i in 0..=steps {
        if i % 100 == 0 {
            let kl = divergence.reverse(&state.model, Key::new(1), 400)?;
            println!(
                "step {i:>4}: reverse KL + log Z between {:.3} and {:.3} (± {:.3}), effective samples {:.0} %",
                kl.lower.mean,
                kl.upper.mean,
                kl.upper.se,
                100.0 * kl.ess
            );
        }
        (state, _) = step.call((state, Key::new(2).fold_in(i)))?;
    }
    println!("compiles of the step: {}", step.compiles());
    Ok(())
}
