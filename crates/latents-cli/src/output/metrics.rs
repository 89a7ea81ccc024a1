//! `metrics.csv`: a line for every check. No times, so that equal runs give equal files.

use crate::failure::Failure;
use latents::atomic::write_atomically;
use latents::train::Check;
use std::fmt::Write;
use std::path::Path;

/// Writes the file.
///
/// # Errors
/// Where it cannot be written.
pub fn write(path: &Path, checks: &[Check]) -> Result<(), Failure> {
    write_atomically(path, table(checks).as_bytes()).map_err(|e| Failure::write(path, &e))
}

fn table(checks: &[Check]) -> String {
    let mut out =
        String::from("step,loss,reverse_kl_lower,reverse_kl_upper,reverse_kl_standard_error,effective_sample_size\n");
    for Check { step, loss, lower, upper, se, ess } in checks {
        let _ = write!(out, "{step}");
        for value in [loss, lower, upper, se, ess] {
            // An empty cell where there is no number, as before the first loss.
            let _ = if value.is_nan() { write!(out, ",") } else { write!(out, ",{value}") };
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_gaps_are_empty() {
        let checks = [
            Check { step: 0, loss: f64::NAN, lower: 1.5, upper: 2.0, se: 0.1, ess: 0.75 },
            Check { step: 50, loss: 0.1 + 0.2, lower: -1e-9, upper: f64::INFINITY, se: 0.0, ess: 1.0 },
        ];
        let lines: Vec<String> = table(&checks).lines().map(str::to_owned).collect();
        assert_eq!(lines[1], "0,,1.5,2,0.1,0.75");
        assert_eq!(lines[2], "50,0.30000000000000004,-0.000000001,inf,0,1");
    }
}
