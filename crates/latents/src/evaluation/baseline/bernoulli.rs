//! Independent Bernoulli columns.

use super::{Baseline, BaselineError, rows_of};

/// `Π p_j^x_j (1 - p_j)^(1 - x_j)`, `p_j = (ones_j + 1) / (n + 2)`: Laplace's rule keeps a column that was never seen to
/// change from giving a held-out row no chance at all.
///
/// ```
/// use latents::evaluation::baseline::{Baseline, BernoulliBaseline};
/// let fitted = BernoulliBaseline::fit(&[1.0, 0.0, 1.0, 0.0], 2)?;
/// // p = (3/4, 1/4).
/// assert!((fitted.log_density(&[1.0, 1.0]) - (0.75f64 * 0.25).ln()).abs() < 1e-14);
/// # Ok::<(), latents::evaluation::baseline::BaselineError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BernoulliBaseline {
    /// `log(1 - p)` and `log p` of each column.
    logs: Vec<[f64; 2]>,
}

impl BernoulliBaseline {
    /// Fits it to rows of so many columns, end to end.
    ///
    /// # Errors
    /// [`BaselineError`]: no row, or a value that is not 0 or 1.
    pub fn fit(rows: &[f64], columns: usize) -> Result<BernoulliBaseline, BaselineError> {
        let n = rows_of("Bernoulli", rows.len(), columns, 1)?;
        if let Some(i) = rows.iter().position(|&x| x != 0.0 && x != 1.0) {
            let (row, column) = (i / columns + 1, i % columns + 1);
            return Err(BaselineError::NotBinary { row, column, value: rows[i] });
        }
        let log = |count: f64| ((count + 1.0) / (n as f64 + 2.0)).ln();
        let ones = |c: usize| rows.iter().skip(c).step_by(columns).sum::<f64>();
        Ok(BernoulliBaseline { logs: (0..columns).map(|c| [log(n as f64 - ones(c)), log(ones(c))]).collect() })
    }
}

impl Baseline for BernoulliBaseline {
    fn name(&self) -> &'static str {
        "bernoulli"
    }

    /// Minus infinity for a value that is not 0 or 1.
    fn log_density(&self, row: &[f64]) -> f64 {
        let one = |(&x, logs): (&f64, &[f64; 2])| match x {
            0.0 => logs[0],
            1.0 => logs[1],
            _ => f64::NEG_INFINITY,
        };
        row.iter().zip(&self.logs).map(one).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_of_all_rows_sum_to_one() {
        let fitted = BernoulliBaseline::fit(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0], 3).unwrap();
        let bits = |i: u32| [0, 1, 2].map(|b| f64::from(i >> b & 1));
        let total: f64 = (0..8).map(|i| fitted.log_density(&bits(i)).exp()).sum();
        assert!((total - 1.0).abs() < 1e-14);
        let error = BernoulliBaseline::fit(&[1.0, 0.0, 0.5, 1.0], 2).unwrap_err();
        assert_eq!(error, BaselineError::NotBinary { row: 2, column: 1, value: 0.5 });
    }
}
