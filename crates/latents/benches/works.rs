//! The works that `docs/performance.md` compares with peers: rates, share of the arithmetic peak, peak memory.
//!
//! `cargo bench -p latents --bench works -- WORK [SECONDS] [profile]` prints one line of JSON; the works are those of
//! [`WORKS`]. With `profile`, what each step takes goes to standard error. `PULLBACK_THREADS` sets the number of threads.

#[path = "common/cores.rs"]
mod cores;
#[path = "common/memory.rs"]
mod memory;
#[path = "common/network.rs"]
mod network;
#[path = "common/peak.rs"]
mod peak;
#[path = "common/profile.rs"]
mod profile;
#[path = "common/timing.rs"]
mod timing;

use latents::dist::{Distribution, GaussianMixture};
use latents::estimator::{Sumo, iwae};
use latents::nn::{Activation, Dense, Init};
use latents::objective::Bound;
use memory::peak_memory_mb;
use network::{Model, Sizes, State, by_bound, state, update};
use peak::peak_gflops;
use pullback::{DType, Key, Keys, Rows, Tensor, Tree, grad, jit, vmap};
use std::error::Error;
use std::time::Instant;
use timing::rate;

/// A work: its name, what is counted, how many of that a call makes, the operations of a call's products (NaN where they
/// are not what it consists of), and how it is run.
struct Work {
    name: &'static str,
    unit: &'static str,
    each: f64,
    flops: fn() -> f64,
    run: fn(&Options) -> Result<Timed, pullback::Error>,
}

struct Options {
    seconds: f64,
    profile: bool,
}

/// Calls a second, and seconds of the first call beyond what a later one takes.
struct Timed {
    rate: f64,
    compile: f64,
}

const WORKS: &[Work] = &[
    Work {
        name: "iwae20",
        unit: "steps/s",
        each: 1.0,
        flops: || 20.0 * flops(50.0, true),
        run: |o| train(20, by_bound(Bound::Iwae { samples: 50 }), o),
    },
    Work {
        name: "iwae100",
        unit: "steps/s",
        each: 1.0,
        flops: || 100.0 * flops(50.0, true),
        run: |o| train(100, by_bound(Bound::Iwae { samples: 50 }), o),
    },
    Work {
        name: "elbo100",
        unit: "steps/s",
        each: 1.0,
        flops: || 100.0 * flops(1.0, true),
        run: |o| train(100, by_bound(Bound::Elbo { samples: 1 }), o),
    },
    Work {
        name: "sumo100",
        unit: "steps/s",
        each: 1.0,
        flops: || 100.0 * flops(15.08, true),
        run: |o| train(100, by_sumo(Sumo { min_terms: 10, ..Sumo::default() }), o),
    },
    Work {
        name: "evidence",
        unit: "images/s",
        each: 20.0,
        flops: || 20.0 * flops(5000.0, false),
        run: |o| evaluate(20, 5000, o),
    },
    Work {
        name: "evidence100000",
        unit: "images/s",
        each: 1.0,
        flops: || flops(100_000.0, false),
        run: |o| evaluate(1, 100_000, o),
    },
    Work {
        name: "residual",
        unit: "gradients/s",
        each: 1.0,
        // Forward, and twice that backward but for the first layer's operand.
        flops: || (BLOCKS as f64 * 6.0 * 2.0 - 2.0) * (WIDTH * WIDTH * ROWS) as f64,
        run: residual,
    },
    Work { name: "mixture", unit: "gradients/s", each: 1.0, flops: || f64::NAN, run: mixture },
];

/// Floating-point operations of one example, its products alone: forward, and backward for training.
fn flops(samples: f64, training: bool) -> f64 {
    let Sizes { pixels, hidden, latent } = Sizes::PAPER;
    let encoder = (pixels * hidden + hidden * hidden + 2 * hidden * latent) as f64;
    let decoder = (latent * hidden + hidden * hidden + hidden * pixels) as f64;
    let passes = if training { 3.0 } else { 1.0 };
    // The images need no gradient.
    let spared = if training { (pixels * hidden) as f64 } else { 0.0 };
    2.0 * (passes * (encoder + samples * decoder) - spared)
}

/// A step that raises SUMO, each example by its own number of samples.
fn by_sumo(sumo: Sumo) -> impl Fn(State, Key, Rows<Tensor>) -> State {
    move |state: State, key: Key, Rows(xs): Rows<Tensor>| {
        let loss = |model: Model, keys: Keys, xs: Tensor| {
            -vmap(|key: Key, x: Tensor| sumo.at(key, &x, &model).0).call((keys, xs)).mean()
        };
        let gradient = grad(loss).call((state.model.clone(), key.split_like(&xs), xs));
        let (model, adam, _) = update().apply(&state.model, &state.adam, &gradient);
        State { model, adam }
    }
}

fn train(
    batch: usize,
    step: impl Fn(State, Key, Rows<Tensor>) -> State,
    options: &Options,
) -> Result<Timed, pullback::Error> {
    let (step, xs) = (jit(step), Sizes::PAPER.images(batch));
    let mut kept = Some(state(Sizes::PAPER.model()));
    let timed = time(options, |number| {
        // Moved in, so that the step may write where the old state lay.
        if let Some(before) = kept.take() {
            kept = Some(step.call((before, Key::new(1).fold_in(number), Rows(xs.clone())))?);
        }
        Ok(())
    })?;
    if let Some(state) = kept.filter(|_| options.profile) {
        profile::print(&step.profile((state, Key::new(2), Rows(xs)), 30)?, 1.0 / timed.rate);
    }
    Ok(timed)
}

fn evaluate(batch: usize, samples: usize, options: &Options) -> Result<Timed, pullback::Error> {
    let (model, xs) = (Sizes::PAPER.model(), Sizes::PAPER.images(batch));
    let evidence = jit(move |model: Model, key: Key, Rows(xs): Rows<Tensor>| {
        let keys = key.split_like(&xs);
        vmap(|key: Key, x: Tensor| iwae(key.split_n(samples), &x, &model)).call((keys, xs))
    });
    let timed = time(options, |number| {
        evidence.call((model.clone(), Key::new(1).fold_in(number), Rows(xs.clone()))).map(drop)
    })?;
    if options.profile {
        profile::print(&evidence.profile((model, Key::new(2), Rows(xs)), 3)?, 1.0 / timed.rate);
    }
    Ok(timed)
}

const WIDTH: usize = 256;
const BLOCKS: usize = 8;
const ROWS: usize = 512;

/// A residual block, `x + W₂ relu(W₁ normalised(x))`.
#[derive(Clone, Tree)]
struct Residual {
    scale: Tensor,
    shift: Tensor,
    first: Dense,
    second: Dense,
}

impl Residual {
    fn at(&self, x: &Tensor) -> Tensor {
        let centred = x - x.mean();
        let normal = &centred * (centred.square().mean() + 1e-5).rsqrt();
        let hidden = Activation::Relu.at(&self.first.at(&(normal * &self.scale + &self.shift)));
        x + self.second.at(&hidden)
    }
}

/// The gradient of a deep network that is no latent-variable model.
fn residual(options: &Options) -> Result<Timed, pullback::Error> {
    let dense = |key| Dense::new(key, WIDTH, WIDTH, Init::GlorotUniform, DType::F32);
    let block = |key: Key| {
        let (first, second) = key.split();
        let line = |x: f64| Tensor::full(x, DType::F32, [WIDTH]);
        Residual { scale: line(1.0), shift: line(0.0), first: dense(first), second: dense(second) }
    };
    let network: Vec<Residual> = (0..BLOCKS as u32).map(|i| block(Key::new(0).fold_in(i))).collect();
    let rows = Key::new(1).normal([ROWS, WIDTH], DType::F32);
    let step = jit(|network: Vec<Residual>, Rows(xs): Rows<Tensor>| {
        let loss = |network: Vec<Residual>, xs: Tensor| {
            let one = |x: Tensor| network.iter().fold(x, |x, block| block.at(&x)).square().mean();
            vmap(one).call(xs).mean()
        };
        grad(loss).call((network, xs))
    });
    let timed = time(options, |_| step.call((network.clone(), Rows(rows.clone()))).map(drop))?;
    if options.profile {
        profile::print(&step.profile((network, Rows(rows)), 30)?, 1.0 / timed.rate);
    }
    Ok(timed)
}

/// The gradient of the mean log density of rows under a mixture of a hundred Gaussians.
fn mixture(options: &Options) -> Result<Timed, pullback::Error> {
    let normal = |seed: u64, shape: [usize; 2]| Key::new(seed).normal(shape, DType::F32);
    let law = GaussianMixture {
        logits: Tensor::full(0.0, DType::F32, [100]),
        mean: normal(0, [100, 32]),
        logvar: normal(1, [100, 32]) * 0.1,
    };
    let rows = normal(2, [2000, 32]);
    let slope = jit(|law: GaussianMixture, Rows(xs): Rows<Tensor>| {
        let mean = |law: GaussianMixture, xs: Tensor| vmap(|x: Tensor| law.log_prob(&x)).call(xs).mean();
        grad(mean).call((law, xs))
    });
    let timed = time(options, |_| slope.call((law.clone(), Rows(rows.clone()))).map(drop))?;
    if options.profile {
        profile::print(&slope.profile((law, Rows(rows)), 30)?, 1.0 / timed.rate);
    }
    Ok(timed)
}

/// Makes a call, by number, again and again.
fn time(options: &Options, mut call: impl FnMut(u32) -> Result<(), pullback::Error>) -> Result<Timed, pullback::Error> {
    let start = Instant::now();
    call(0)?;
    let first = start.elapsed().as_secs_f64();
    let mut number = 0;
    let rate = rate(options.seconds, |calls| {
        (0..calls).try_for_each(|_| {
            number += 1;
            call(number)
        })
    })?;
    Ok(Timed { rate, compile: first - 1.0 / rate })
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let names = || WORKS.iter().map(|w| w.name).collect::<Vec<_>>().join(", ");
    let work = arguments.first().and_then(|name| WORKS.iter().find(|w| w.name == *name));
    let work = work.ok_or_else(|| format!("which work? one of {}", names()))?;
    let seconds = arguments.get(1).map_or(Ok(2.0), |s| s.parse())?;
    let options = Options { seconds, profile: arguments.get(2).is_some_and(|a| a == "profile") };
    let before = cores::hand_over_ns();
    let Timed { rate, compile } = (work.run)(&options)?;
    let after = cores::hand_over_ns();
    let threads = pullback::threads();
    let (gflops, peak) = (1e-9 * rate * (work.flops)(), peak_gflops(threads));
    let number = |x: f64, digits: usize| if x.is_finite() { format!("{x:.digits$}") } else { "null".into() };
    println!(
        "{{\"work\": \"{}\", \"rate\": {:.2}, \"unit\": \"{}\", \"gflops\": {}, \"peak_gflops\": {}, \"share\": {}, \
         \"compile_seconds\": {compile:.4}, \"threads\": {threads}, \
         \"hand_over_ns\": [{}, {}], \"peak_memory_mb\": {:.1}}}",
        work.name,
        rate * work.each,
        work.unit,
        number(gflops, 1),
        number(peak, 1),
        number(gflops / peak, 3),
        number(before, 0),
        number(after, 0),
        peak_memory_mb(),
    );
    Ok(())
}
