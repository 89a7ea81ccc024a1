//! What two-sample tests have in common: rows of two samples on one scale, and permutations by a seed.

use pullback::{DType, Key};

/// Samples that cannot be tested.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// Too few rows on one side.
    #[error("a two-sample test needs {least} rows on each side, and got {first} and {second}")]
    TooFew {
        /// The least number.
        least: usize,
        /// Rows of the first sample.
        first: usize,
        /// Rows of the second.
        second: usize,
    },
    /// The values are no whole number of rows.
    #[error("{values} values are no whole number of rows of {columns} columns")]
    Ragged {
        /// How many values.
        values: usize,
        /// How many columns.
        columns: usize,
    },
    /// A value that is not a number, or infinite.
    #[error("row {row} of the {which} sample is not finite in column {column}")]
    NotFinite {
        /// `first` or `second`.
        which: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
    },
}

/// Rows of the first sample, then those of the second, each column with mean 0 and variance 1.
pub(crate) struct Pooled {
    pub(crate) values: Vec<f64>,
    pub(crate) columns: usize,
    pub(crate) first: usize,
    pub(crate) rows: usize,
}

impl Pooled {
    /// At most so many rows of each sample, spread evenly over it.
    pub(crate) fn new(a: &[f64], b: &[f64], columns: usize, most: usize, least: usize) -> Result<Pooled, SampleError> {
        for (which, sample) in [("first", a), ("second", b)] {
            if columns == 0 || !sample.len().is_multiple_of(columns) {
                return Err(SampleError::Ragged { values: sample.len(), columns });
            }
            if let Some(at) = sample.iter().position(|x| !x.is_finite()) {
                return Err(SampleError::NotFinite { which, row: at / columns, column: at % columns });
            }
        }
        let (n, m) = (a.len() / columns, b.len() / columns);
        if n.min(m) < least {
            return Err(SampleError::TooFew { least, first: n, second: m });
        }
        let mut values = Vec::new();
        for (sample, rows) in [(a, n), (b, m)] {
            let kept = rows.min(most);
            for i in 0..kept {
                let row = i * rows / kept;
                values.extend_from_slice(&sample[row * columns..(row + 1) * columns]);
            }
        }
        let rows = n.min(most) + m.min(most);
        for c in 0..columns {
            let column = || values.iter().skip(c).step_by(columns);
            let mean = column().sum::<f64>() / rows as f64;
            let sd = (column().map(|x| (x - mean).powi(2)).sum::<f64>() / rows as f64).sqrt();
            let scale = if sd > 0.0 { 1.0 / sd } else { 1.0 };
            values.iter_mut().skip(c).step_by(columns).for_each(|x| *x = (*x - mean) * scale);
        }
        Ok(Pooled { values, columns, first: n.min(most), rows })
    }

    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }
}

/// An order of `0..n` by a key: that of as many random numbers.
pub(crate) fn permutation(key: Key, n: usize) -> Vec<usize> {
    let numbers = key.uniform([n], DType::F64).to_vec::<f64>().unwrap_or_default();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| numbers[i].total_cmp(&numbers[j]).then(i.cmp(&j)));
    order
}
