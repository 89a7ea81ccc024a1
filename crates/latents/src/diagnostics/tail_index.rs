//! The tail index of values.

use crate::diagnostics::pareto_k;

/// `α`, where `P(|x - median| > t)` falls about as `t^-α`: moments of order below `α` are finite.
///
/// `1/k̂` of the distances from the median, by the fit of [`pareto_k`]; infinite where `k̂ ≤ 0`. A normal confidence
/// interval of the mean needs a variance, hence `α > 2`. `None` for fewer than 25 values.
///
/// ```
/// use latents::diagnostics::tail_index;
/// let uniform: Vec<f64> = (1..5000).map(|i| f64::from(i) / 5000.0).collect();
/// let heavy: Vec<f64> = uniform.iter().map(|u| u.powf(-1.0 / 1.5)).collect();
/// assert!((tail_index(&heavy).ok_or("too few")? - 1.5).abs() < 0.2);
/// assert!(tail_index(&uniform).ok_or("too few")? > 10.0);
/// # Ok::<(), &str>(())
/// ```
pub fn tail_index(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = *sorted.get(sorted.len() / 2)?;
    let tail = pareto_k(values.iter().map(|x| (x - median).abs().ln()))?;
    Some(if tail.k > 0.0 { 1.0 / tail.k } else { f64::INFINITY })
}
