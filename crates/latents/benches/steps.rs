//! Training steps: the funnel by each estimator, its gradient alone, and the compile.

use criterion::{Criterion, criterion_group, criterion_main};
use latents::dist::{Target, target};
use latents::objective::{Matching, State};
use pullback::{Key, jit, with_threads};
use std::sync::Arc;

fn density() -> Arc<dyn Target> {
    target("funnel").expect("the table of targets has the funnel")
}

fn step(c: &mut Criterion, name: &str, matching: Matching) {
    for threads in [1, 2] {
        let matching = matching.clone();
        let mut state = Some(matching.init(Key::new(0)));
        let step = jit(move |state: State, key: Key| matching.step(&state, key));
        let mut number = 0;
        c.bench_function(&format!("{name}, {threads} threads"), |b| {
            b.iter(|| {
                number += 1;
                let before = state.take().expect("a state is always put back");
                let key = Key::new(1).fold_in(number);
                let after = with_threads(threads, || step.call((before, key)));
                state = Some(after.expect("the step is traced without a fault").0);
            });
        });
    }
}

fn funnel(c: &mut Criterion) {
    step(c, "funnel step, classic SUMO (decoder, then encoder)", Matching::classic_sumo(density(), 50_000));
    step(c, "funnel step, SUMO", Matching::sumo(density(), 50_000));
    step(c, "funnel step, upper bound", Matching::upper(density(), 50_000));
}

fn compile(c: &mut Criterion) {
    let matching = Matching::classic_sumo(density(), 50_000);
    c.bench_function("compile the classic SUMO step (trace, differentiate, optimise, plan) and run it once", |b| {
        b.iter(|| {
            let matching = matching.clone();
            let state = matching.init(Key::new(0));
            let step = jit(move |state: State, key: Key| matching.step(&state, key));
            step.call((state, Key::new(1))).expect("the step is traced without a fault")
        });
    });
}

criterion_group!(benches, funnel, compile);
criterion_main!(benches);
