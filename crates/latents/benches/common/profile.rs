//! Where the time of a compiled function goes, as a table on standard error.

use pullback::StepTime;

/// Kinds of steps by the beginning of their titles.
const KINDS: &[(&str, &[&str])] = &[
    ("matrix products", &["product"]),
    ("packing weights", &["ends: packed"]),
    ("elementwise chains", &["kernel", "scalar loop"]),
    ("sums and prefixes", &["reduce", "prefix"]),
    ("random numbers", &["random"]),
    ("copies and the rest", &[""]),
];

/// Prints the steps that take over half a percent, the sum of each kind, and what is left of a call's `seconds` on one
/// thread: bookkeeping.
pub fn print(steps: &[StepTime], seconds: f64) {
    let total: f64 = steps.iter().map(|s| s.seconds).sum();
    eprintln!("{:.1} us a call, {} steps", 1e6 * seconds, steps.len());
    for s in steps.iter().filter(|s| s.seconds > 0.005 * total) {
        eprintln!("{:9.1} us  {}", 1e6 * s.seconds, s.step);
    }
    let mut left: Vec<&StepTime> = steps.iter().collect();
    for (kind, titles) in KINDS {
        let is = |s: &&&StepTime| {
            let title = s.step.trim_start_matches("stage ").trim_start_matches("begins: ").trim_start_matches("late: ");
            titles.iter().any(|t| title.starts_with(t))
        };
        let sum: f64 = left.iter().filter(is).map(|s| s.seconds).sum();
        left.retain(|s| !is(&s));
        eprintln!("{:5.1} %  {kind}", 100.0 * sum / seconds);
    }
    eprintln!("{:5.1} %  bookkeeping (where there is one thread)", 100.0 * (1.0 - total / seconds));
}
