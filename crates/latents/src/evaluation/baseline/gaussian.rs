//! The full-covariance Gaussian.

use super::{Baseline, BaselineError, rows_of};
use crate::cholesky::Cholesky;

/// `N(x; μ, Σ)` with the mean and the covariance of the training rows, by maximum likelihood.
///
/// ```
/// use latents::evaluation::baseline::{Baseline, GaussianBaseline};
/// let fitted = GaussianBaseline::fit(&[0.0, 2.0, 4.0, 2.0], 1)?;
/// // Mean 2, variance 2.
/// let at_mean = -0.5 * (2.0 * std::f64::consts::TAU).ln();
/// assert!((fitted.log_density(&[2.0]) - at_mean).abs() < 1e-14);
/// assert!((fitted.log_density(&[4.0]) - (at_mean - 1.0)).abs() < 1e-14);
/// # Ok::<(), latents::evaluation::baseline::BaselineError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GaussianBaseline {
    mean: Vec<f64>,
    covariance: Cholesky,
    constant: f64,
}

impl GaussianBaseline {
    /// Fits it to rows of so many columns, end to end.
    ///
    /// # Errors
    /// [`BaselineError`]: fewer than `columns + 1` rows, or a column that follows from others.
    pub fn fit(rows: &[f64], columns: usize) -> Result<GaussianBaseline, BaselineError> {
        let n = rows_of("Gaussian", rows.len(), columns, columns + 1)?;
        let column = |c: usize| rows.iter().skip(c).step_by(columns);
        let mean: Vec<f64> = (0..columns).map(|c| column(c).sum::<f64>() / n as f64).collect();
        let mut covariance = vec![0.0; columns * columns];
        for row in rows.chunks_exact(columns) {
            for i in 0..columns {
                let from = row[i] - mean[i];
                for j in 0..=i {
                    covariance[i * columns + j] += from * (row[j] - mean[j]);
                }
            }
        }
        for i in 0..columns {
            for j in 0..=i {
                covariance[i * columns + j] /= n as f64;
                covariance[j * columns + i] = covariance[i * columns + j];
            }
        }
        let covariance = Cholesky::new(&covariance, columns).map_err(|c| BaselineError::Singular { column: c + 1 })?;
        let constant = covariance.log_det() + columns as f64 * std::f64::consts::TAU.ln();
        Ok(GaussianBaseline { mean, covariance, constant })
    }
}

impl Baseline for GaussianBaseline {
    fn name(&self) -> &'static str {
        "gaussian"
    }

    fn log_density(&self, row: &[f64]) -> f64 {
        let from: Vec<f64> = row.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
        -0.5 * (self.covariance.quadratic(&from) + self.constant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pullback::{DType, Key};

    #[test]
    fn held_out_density_of_a_known_gaussian_is_its_negative_entropy() {
        let draw = |seed| -> Vec<f64> {
            let e = Key::new(seed).normal([20_000, 2], DType::F64).to_vec::<f64>().unwrap();
            e.chunks(2).flat_map(|e| [3.0 * e[0], e[0] + 0.5 * e[1] - 7.0]).collect()
        };
        let found = GaussianBaseline::fit(&draw(1), 2).unwrap().held_out(&draw(2), 2);
        // Entropy: 1 + log 2π + log(3 · 0.5).
        let entropy = 1.0 + std::f64::consts::TAU.ln() + 1.5f64.ln();
        assert!((found.mean + entropy).abs() < 4.0 * found.se, "{found:?} {entropy}");
    }

    #[test]
    fn rows_without_a_density_are_refused() {
        let follows: Vec<f64> = (0..9).flat_map(|i| [f64::from(i), 2.0 * f64::from(i) + 1.0]).collect();
        assert_eq!(GaussianBaseline::fit(&follows, 2).err(), Some(BaselineError::Singular { column: 2 }));
        assert_eq!(GaussianBaseline::fit(&[5.0; 6], 1).err(), Some(BaselineError::Singular { column: 1 }));
        assert!(matches!(GaussianBaseline::fit(&[1.0, 2.0], 2), Err(BaselineError::TooFew { least: 3, rows: 1, .. })));
        assert!(matches!(GaussianBaseline::fit(&[1.0, 2.0, 3.0], 2), Err(BaselineError::Ragged { .. })));
    }
}
