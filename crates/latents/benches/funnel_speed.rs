//! Iterations a second on the workload of `benches/peers/funnel_jax.py`, as one line of JSON like the peer's.
//!
//! One iteration is a decoder update and an encoder update by SUMO, batch 32, each example with its own stopping time.
//! `cargo bench -p latents --bench funnel_speed -- cold` times the first 2,000 iterations from the start of the
//! process, compiling included; without it the median of seven repeats of 5,000 iterations is reported. With `profile`
//! instead, what each step of the compiled program takes goes to standard error as well.

#[path = "common/memory.rs"]
mod memory;
#[path = "common/profile.rs"]
mod profile;

use latents::dist::target;
use latents::objective::{Matching, State};
use memory::peak_memory_mb;
use pullback::{Key, compiles, jit};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let cold = std::env::args().any(|a| a == "cold");
    let matching = Matching::classic_sumo(target("funnel").ok_or("the table has no funnel")?, 50_000);
    let mut state = matching.init(Key::new(0));
    let step = jit(move |state: State, key: Key| matching.step(&state, key));
    let mut number = 0;
    let mut iterate = |state: State, n: u32| -> Result<State, pullback::Error> {
        let mut state = state;
        for _ in 0..n {
            number += 1;
            state = step.call((state, Key::new(1).fold_in(number)))?.0;
        }
        Ok(state)
    };
    state = iterate(state, 1)?;
    let first = start.elapsed().as_secs_f64();
    let (iterations, seconds) = if cold {
        iterate(state, 1_999)?;
        (2_000, start.elapsed().as_secs_f64())
    } else {
        let mut times = Vec::new();
        for _ in 0..7 {
            let start = Instant::now();
            state = iterate(state, 5_000)?;
            times.push(start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        if std::env::args().any(|a| a == "profile") {
            profile::print(&step.profile((state, Key::new(2)), 2_000)?, times[3] / 5_000.0);
        }
        (5_000, times[3])
    };
    println!(
        "{{\"mode\": \"{}\", \"iterations\": {iterations}, \"seconds\": {seconds:.4}, \"first_step_seconds\": {first:.4}, \
         \"iterations_per_second\": {:.1}, \"compiles\": {}, \"peak_memory_mb\": {:.1}}}",
        if cold { "cold" } else { "steady" },
        f64::from(iterations) / seconds,
        compiles(),
        peak_memory_mb(),
    );
    Ok(())
}
