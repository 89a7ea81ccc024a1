//! How a training step's time grows with the number of samples, the batch and the width, one after the other from the
//! IWAE paper's model (batch 20, k = 50, two layers of 200): a table, the slope of the last doublings in logarithms, and a
//! picture.
//!
//! `cargo bench -p latents --bench scaling [-- /PATH/OF/PICTURE.png]`

#[path = "common/network.rs"]
mod network;
#[path = "common/timing.rs"]
mod timing;

use latents::objective::Bound;
use latents::plot::{CurveOptions, Series, draw_curves};
use network::{Sizes, by_bound, state};
use pullback::{Key, Rows, jit};
use std::error::Error;
use timing::rate;

/// Seconds of a step.
fn step(sizes: Sizes, batch: usize, samples: usize) -> Result<f64, pullback::Error> {
    let step = jit(by_bound(Bound::Iwae { samples }));
    let xs = sizes.images(batch);
    let mut before = Some(state(sizes.model()));
    let mut number = 0;
    let per_second = rate(1.0, |calls| {
        for _ in 0..calls {
            number += 1;
            if let Some(state) = before.take() {
                before = Some(step.call((state, Key::new(1).fold_in(number), Rows(xs.clone())))?);
            }
        }
        Ok(())
    })?;
    Ok(1.0 / per_second)
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`.
    let picture = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    let picture = picture.unwrap_or_else(|| concat!(env!("CARGO_TARGET_TMPDIR"), "/scaling.png").into());
    let paper = Sizes::PAPER;
    let doublings = |least: usize, count: u32| (0..count).map(move |i| least << i).collect::<Vec<_>>();
    type Step = fn(Sizes, usize) -> Result<f64, pullback::Error>;
    let axes: [(&str, Vec<usize>, Step); 3] = [
        ("samples k", doublings(1, 10), |paper, k| step(paper, 20, k)),
        ("batch", doublings(1, 9), |paper, batch| step(paper, batch, 50)),
        ("width", doublings(25, 6), |paper, hidden| step(Sizes { hidden, ..paper }, 20, 50)),
    ];
    let mut lines: Vec<(String, Vec<[f64; 2]>)> = Vec::new();
    for (name, values, step) in axes {
        println!("{name:>10}  {:>12}  {:>14}", "ms a step", "us of one more");
        let mut points = Vec::new();
        let mut before: Option<(usize, f64)> = None;
        for n in values {
            let seconds = step(paper, n)?;
            let more = before.map(|(m, s)| 1e6 * (seconds - s) / (n - m) as f64);
            println!("{n:>10}  {:>12.3}  {:>14}", 1e3 * seconds, more.map_or(String::new(), |us| format!("{us:.2}")));
            points.push([(n as f64).log2(), 1e3 * seconds]);
            before = Some((n, seconds));
        }
        let slope = points.windows(3).last().map_or(f64::NAN, |w| (w[2][1] / w[0][1]).log2() / (w[2][0] - w[0][0]));
        println!("{:>10}  {slope:.2} over the last two doublings\n", "slope");
        lines.push((format!("{name}, slope {slope:.2}"), points));
    }
    let series: Vec<Series<'_>> = lines.iter().map(|(label, points)| Series::new(label, points)).collect();
    let options = CurveOptions {
        title: "A training step against samples, batch and width".into(),
        x_label: "log2 of the number".into(),
        y_label: "milliseconds".into(),
        log_y: true,
        ..CurveOptions::default()
    };
    draw_curves(&picture, &series, &options)?;
    println!("drawn to {picture}");
    Ok(())
}
