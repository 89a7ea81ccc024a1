//! How long calls take.

use std::time::Instant;

/// Calls a second: the median of slices of a fifth of the time each. `run` makes so many calls.
pub fn rate(seconds: f64, mut run: impl FnMut(u32) -> Result<(), pullback::Error>) -> Result<f64, pullback::Error> {
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
