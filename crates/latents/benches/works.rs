//! The works that `docs/performance.md` compares with peers: rates, share of the arithmetic peak, peak memory.
//!
//! `cargo bench -p latents --bench works -- WORK [SECONDS]` prints one line of JSON; the works are those of [`WORKS`].
//! `PULLBACK_THREADS` sets the number of threads.

#[path = "common/memory.rs"]
mod memory;
#[path = "common/peak.rs"]
mod peak;
#[path = "common/profile.rs"]
mod profile;

use latents::dist::Bernoulli;
use latents::estimator::{Sumo, iwae};
use latents::model::{Conditional, Vae};
use latents::nn::{Activation, GaussianNet, Init, Mlp};
use latents::objective::{Bound, EncoderGradient, Estimation, EstimationState, Update};
use latents::optim::{Adam, Schedule};
use memory::peak_memory_mb;
use peak::peak_gflops;
use profile::profile;
use pullback::{DType, Key, Keys, Rows, Tensor, Tree, grad, jit, vmap};
use std::error::Error;
use std::time::Instant;

/// The decoder of Burda et al. (2016): logits of pixels.
#[derive(Clone, Tree)]
struct Pixels(Mlp);

impl Conditional for Pixels {
    type Distribution = Bernoulli;
    #[track_caller]
    fn at(&self, z: &Tensor) -> Bernoulli {
        Bernoulli { logits: self.0.at(z) }
    }
}

type Model = Vae<GaussianNet, Pixels>;

const PIXELS: usize = 784;
const HIDDEN: usize = 200;
const LATENT: usize = 50;

/// 784-200-200-50 and back, tanh, f32.
fn model() -> Model {
    let (encoder, decoder) = Key::new(0).split();
    let sizes = [LATENT, HIDDEN, HIDDEN, PIXELS];
    Vae {
        encoder: GaussianNet::new(encoder, PIXELS, &[HIDDEN, HIDDEN], LATENT, DType::F32),
        decoder: Pixels(Mlp::new(decoder, &sizes, Activation::Tanh, Init::GlorotUniform, DType::F32)),
        latent_dim: LATENT,
    }
}

/// Binary images; what they show does not matter to the arithmetic.
fn images(n: usize) -> Tensor {
    Key::new(7).bernoulli(0.13, [n, PIXELS]).cast(DType::F32)
}

/// Floating-point operations of one example, its products alone: forward, and backward for training.
fn flops(samples: f64, training: bool) -> f64 {
    let encoder = (PIXELS * HIDDEN + HIDDEN * HIDDEN + 2 * HIDDEN * LATENT) as f64;
    let decoder = (LATENT * HIDDEN + HIDDEN * HIDDEN + HIDDEN * PIXELS) as f64;
    let passes = if training { 3.0 } else { 1.0 };
    // The images need no gradient.
    let spared = if training { (PIXELS * HIDDEN) as f64 } else { 0.0 };
    2.0 * (passes * (encoder + samples * decoder) - spared)
}

/// What is timed.
struct Work {
    name: &'static str,
    /// Examples of one call, samples of each (on average), and whether it is a training step.
    batch: usize,
    samples: f64,
    training: bool,
}

const WORKS: &[Work] = &[
    Work { name: "iwae20", batch: 20, samples: 50.0, training: true },
    Work { name: "iwae100", batch: 100, samples: 50.0, training: true },
    Work { name: "elbo100", batch: 100, samples: 1.0, training: true },
    Work { name: "sumo100", batch: 100, samples: 15.08, training: true },
    Work { name: "evidence", batch: 20, samples: 5000.0, training: false },
    Work { name: "evidence100000", batch: 1, samples: 100_000.0, training: false },
];

type State = EstimationState<Model>;

fn update() -> Update {
    Update { adam: Adam::new(Schedule::Constant(1e-3)), clip: None }
}

/// A step that raises a bound, the state before it in and that after it out.
fn by_bound(bound: Bound) -> impl Fn(State, Key, Rows<Tensor>) -> State {
    let fit = Estimation { bound, proposal: None, encoder_gradient: EncoderGradient::Plain, update: update() };
    move |state: State, key: Key, Rows(xs): Rows<Tensor>| fit.step(&state, key, &xs).0
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

/// Runs training steps for so many seconds; calls a second and seconds until the first is done.
fn train(
    work: &Work,
    step: impl Fn(State, Key, Rows<Tensor>) -> State,
    seconds: f64,
) -> Result<(f64, f64), pullback::Error> {
    let start = Instant::now();
    let step = jit(step);
    let model = model();
    let state = State { adam: update().adam.init(&model), model };
    let xs = images(work.batch);
    let mut state = step.call((state, Key::new(1), Rows(xs.clone())))?;
    let first = start.elapsed().as_secs_f64();
    let mut number = 0;
    let rate = rate(seconds, |calls| {
        let mut moved = state.clone();
        for _ in 0..calls {
            number += 1;
            moved = step.call((moved, Key::new(1).fold_in(number), Rows(xs.clone())))?;
        }
        state = moved;
        Ok(())
    })?;
    if std::env::var_os("PROFILE").is_some() {
        profile(&step.profile((state, Key::new(2), Rows(xs)), 50)?);
    }
    Ok((rate, first))
}

fn evaluate(work: &Work, seconds: f64) -> Result<(f64, f64), pullback::Error> {
    let start = Instant::now();
    let (model, samples) = (model(), work.samples as usize);
    let evidence = jit(move |model: Model, key: Key, Rows(xs): Rows<Tensor>| {
        let keys = key.split_like(&xs);
        vmap(|key: Key, x: Tensor| iwae(key.split_n(samples), &x, &model)).call((keys, xs))
    });
    let xs = images(work.batch);
    evidence.call((model.clone(), Key::new(1), Rows(xs.clone())))?;
    let first = start.elapsed().as_secs_f64();
    let rate = rate(seconds, |calls| {
        (0..calls).try_for_each(|_| evidence.call((model.clone(), Key::new(1), Rows(xs.clone()))).map(drop))
    })?;
    if std::env::var_os("PROFILE").is_some() {
        profile(&evidence.profile((model, Key::new(2), Rows(xs)), 3)?);
    }
    Ok((rate, first))
}

/// Calls a second: the median of slices of a fifth of the time each.
fn rate(seconds: f64, mut run: impl FnMut(u32) -> Result<(), pullback::Error>) -> Result<f64, pullback::Error> {
    let start = Instant::now();
    run(1)?;
    let calls = (seconds / 5.0 / start.elapsed().as_secs_f64()).clamp(1.0, 1e6) as u32;
    let mut rates = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        run(calls)?;
        rates.push(f64::from(calls) / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[2])
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let names: Vec<&str> = WORKS.iter().map(|w| w.name).collect();
    let name = arguments.next().ok_or_else(|| format!("which work? one of {}", names.join(", ")))?;
    let seconds = arguments.next().map_or(Ok(2.0), |s| s.parse())?;
    let work = WORKS.iter().find(|w| w.name == name).ok_or_else(|| format!("one of {}", names.join(", ")))?;
    let (rate, first) = match name.as_str() {
        "elbo100" => train(work, by_bound(Bound::Elbo { samples: 1 }), seconds)?,
        "sumo100" => train(work, by_sumo(Sumo { min_terms: 10, ..Sumo::default() }), seconds)?,
        _ if work.training => train(work, by_bound(Bound::Iwae { samples: work.samples as usize }), seconds)?,
        _ => evaluate(work, seconds)?,
    };
    let gflops = 1e-9 * rate * work.batch as f64 * flops(work.samples, work.training);
    let threads = pullback::threads();
    let peak = peak_gflops(threads);
    let unit = if work.training { "steps/s" } else { "images/s" };
    let shown = if work.training { rate } else { rate * work.batch as f64 };
    println!(
        "{{\"work\": \"{name}\", \"rate\": {shown:.2}, \"unit\": \"{unit}\", \"gflops\": {gflops:.1}, \"peak_gflops\": \
         {peak:.1}, \"share\": {:.3}, \"first_seconds\": {first:.4}, \"threads\": {threads}, \"peak_memory_mb\": {:.1}}}",
        gflops / peak,
        peak_memory_mb(),
    );
    Ok(())
}
