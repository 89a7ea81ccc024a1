//! Where the time of a compiled program goes.

use pullback::StepTime;

/// Prints the steps that take more than a fivehundredth of the time.
pub fn profile(steps: &[StepTime]) {
    let total: f64 = steps.iter().map(|s| s.seconds).sum();
    eprintln!("{:.1} us in {} steps", 1e6 * total, steps.len());
    for s in steps.iter().filter(|s| s.seconds > 0.002 * total) {
        eprintln!("{:9.1} us  {}", 1e6 * s.seconds, s.step);
    }
}
