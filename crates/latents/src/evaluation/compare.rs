//! Two models on the same rows.

use crate::evaluation::Figure;

/// Figures of two models that cannot be paired.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// Not of the same rows.
    #[error("the first model has figures of {first} rows, and the second of {second}: they are not paired")]
    Lengths {
        /// Rows of the first.
        first: usize,
        /// Rows of the second.
        second: usize,
    },
    /// Too few rows for an error.
    #[error("a paired difference needs at least 2 rows, and got {0}")]
    TooFew(usize),
    /// A row whose figure is not finite.
    #[error("the figure of row {row} (counted from 1) is not finite in the {which} model")]
    NotFinite {
        /// The row, from 1.
        row: usize,
        /// `first` or `second`.
        which: &'static str,
    },
}

/// The mean over rows of the difference of two models' `log p(x)`, first minus second, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    /// The mean and its standard error: that of the differences, from which what makes a row hard for both has gone.
    pub difference: Figure,
    /// The lower end of the 95 % interval, by Student's t.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The part of the rows that are likelier under the first.
    pub wins: f64,
    /// How many rows.
    pub rows: usize,
}

impl PairedDifference {
    /// What it says: 1 where the first model is better beyond the interval, -1 where the second is, 0 where it is open.
    pub fn verdict(&self) -> i32 {
        i32::from(self.low > 0.0) - i32::from(self.high < 0.0)
    }
}

/// Pairs the figures of two models row by row.
///
/// # Errors
/// [`CompareError`].
///
/// ```
/// use latents::evaluation::paired_difference;
/// // Rows differ by far more than the models do.
/// let a = [-10.0, -52.1, -31.0, -77.9, -20.0];
/// let b = [-10.5, -52.5, -31.6, -78.5, -20.4];
/// let found = paired_difference(&a, &b)?;
/// assert!((found.difference.mean - 0.5).abs() < 1e-12 && found.verdict() == 1 && found.wins == 1.0);
/// # Ok::<(), latents::evaluation::CompareError>(())
/// ```
pub fn paired_difference(first: &[f64], second: &[f64]) -> Result<PairedDifference, CompareError> {
    let rows = first.len();
    if rows != second.len() {
        return Err(CompareError::Lengths { first: rows, second: second.len() });
    }
    if rows < 2 {
        return Err(CompareError::TooFew(rows));
    }
    for (which, values) in [("first", first), ("second", second)] {
        if let Some(row) = values.iter().position(|v| !v.is_finite()) {
            return Err(CompareError::NotFinite { row: row + 1, which });
        }
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let difference = Figure::of(&differences);
    let half = student_t_975(rows - 1) * difference.se;
    let wins = differences.iter().filter(|&&d| d > 0.0).count() as f64 / rows as f64;
    Ok(PairedDifference { difference, low: difference.mean - half, high: difference.mean + half, wins, rows })
}

/// The 97.5 % quantile of Student's t.
///
/// Exact for 1 and 2 degrees of freedom, else by the expansion around the normal quantile (Abramowitz & Stegun 26.7.5),
/// to 0.3 % for 3 and better beyond.
pub(crate) fn student_t_975(degrees: usize) -> f64 {
    let z = 1.959_963_984_540_054_f64;
    let v = degrees as f64;
    match degrees {
        0 => f64::INFINITY,
        1 => 12.706_204_736_432_1,
        2 => 4.302_652_729_911_28,
        _ => {
            let p = |c: &[f64]| c.iter().rev().fold(0.0, |sum, c| sum * z * z + c) * z;
            z + p(&[1.0, 1.0]) / 4.0 / v
                + p(&[3.0, 16.0, 5.0]) / 96.0 / v.powi(2)
                + p(&[-15.0, 17.0, 19.0, 3.0]) / 384.0 / v.powi(3)
                + p(&[-945.0, -1920.0, 1482.0, 776.0, 79.0]) / 92160.0 / v.powi(4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pullback::{DType, Key};

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (degrees, t) in [(3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042), (100_000, 1.960)] {
            assert!((student_t_975(degrees) / t - 1.0).abs() < 3e-3, "{degrees}: {}", student_t_975(degrees));
        }
    }

    #[test]
    fn the_interval_covers_as_often_as_it_says() {
        let mut covered = 0;
        for seed in 0..400 {
            let noise = Key::new(seed).normal([6], DType::F64).to_vec::<f64>().unwrap();
            let first: Vec<f64> = noise.iter().map(|e| e + 0.3).collect();
            let found = paired_difference(&first, &[0.0; 6]).unwrap();
            covered += u32::from(found.low <= 0.3 && 0.3 <= found.high);
        }
        // 380 expected, with a standard deviation of 4.4; a normal quantile would give 357.
        assert!((367..=393).contains(&covered), "{covered}");
    }

    #[test]
    fn figures_that_are_not_paired_are_refused() {
        assert_eq!(paired_difference(&[1.0], &[1.0]), Err(CompareError::TooFew(1)));
        assert_eq!(paired_difference(&[1.0], &[1.0, 2.0]), Err(CompareError::Lengths { first: 1, second: 2 }));
        let found = paired_difference(&[1.0, 2.0], &[1.0, f64::NEG_INFINITY]);
        assert_eq!(found, Err(CompareError::NotFinite { row: 2, which: "second" }));
    }
}
