//! Zero mean and unit variance.

use crate::data::error::{DataError, Fault};
use crate::data::table::Column;
use serde::{Deserialize, Serialize};

/// `y = (x - m) / s`, `log |dy/dx| = -log s`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standardise {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Standardise {
    /// The mean and the standard deviation (of the sample as a population) of each column that it acts on.
    pub fn fit(values: &[f64], columns: &[Column], acts: &[bool]) -> Result<Standardise, DataError> {
        let width = columns.len();
        let rows = values.len() / width;
        if rows < 2 {
            return Err(Fault::FewRows { found: rows, needed: 2, what: "standardisation" }.into());
        }
        let (mut mean, mut scale) = (vec![0.0; width], vec![1.0; width]);
        for j in (0..width).filter(|&j| acts[j]) {
            let column = || values.iter().skip(j).step_by(width);
            let first = values[j];
            if column().all(|&x| x == first) {
                return Err(Fault::Constant { value: first }.at(&columns[j].name));
            }
            // Divided before they are summed, so that large values do not overflow.
            mean[j] = column().map(|x| x / rows as f64).sum();
            let largest = column().map(|x| (x - mean[j]).abs()).fold(0.0, f64::max);
            let square = column().map(|x| ((x - mean[j]) / largest).powi(2)).sum::<f64>() / rows as f64;
            scale[j] = largest * square.sqrt();
            if !(scale[j].is_finite() && mean[j].is_finite()) {
                return Err(Fault::NotFinite { value: "the standard deviation".into() }.at(&columns[j].name));
            }
            // A spread within rounding of the mean is none.
            if scale[j] <= 1e-14 * mean[j].abs() {
                return Err(Fault::Constant { value: first }.at(&columns[j].name));
            }
        }
        Ok(Standardise { mean, scale })
    }

    /// The number of columns; `None` where mean and scale disagree about it.
    pub fn width(&self) -> Option<usize> {
        (self.mean.len() == self.scale.len()).then_some(self.mean.len())
    }

    pub fn forward(&self, j: usize, x: f64) -> (f64, f64) {
        ((x - self.mean[j]) / self.scale[j], -self.scale[j].ln())
    }

    pub fn inverse(&self, j: usize, y: f64) -> f64 {
        self.mean[j] + self.scale[j] * y
    }
}
