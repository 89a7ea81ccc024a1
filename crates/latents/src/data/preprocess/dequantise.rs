//! Values on a grid get a density.

use crate::data::error::{DataError, Fault};
use serde::{Deserialize, Serialize};

/// The noise stays this far inside its bin, so that rounding never carries a value into the next one. What that does
/// to a density, 2e-7 of it, is below every error that is reported.
const MARGIN: f64 = 1e-7;

/// With more bins than this the margin would be lost in rounding.
const MOST_BINS: f64 = 67_108_864.0;

/// `y = x + bin u`; `|dy/dx| = 1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dequantise {
    bin: f64,
}

impl Dequantise {
    pub fn new(bin: f64) -> Result<Dequantise, DataError> {
        if !(bin > 0.0 && bin.is_finite()) {
            return Err(Fault::Option(format!("dequantise with bin {bin}: it takes a number above 0")).into());
        }
        Ok(Dequantise { bin })
    }

    pub fn forward(&self, x: f64, u: f64) -> Result<f64, Fault> {
        let count = (x / self.bin).round();
        if count.abs() > MOST_BINS {
            return Err(Fault::Outside { value: x, low: -MOST_BINS * self.bin, high: MOST_BINS * self.bin });
        }
        if (x / self.bin - count).abs() > 1e-6 {
            return Err(Fault::OffGrid { value: x, bin: self.bin });
        }
        Ok((count + MARGIN + (1.0 - 2.0 * MARGIN) * u) * self.bin)
    }

    /// The grid's value at or below `y`, as a decimal literal reads it: with 10 bins to 1, `0.3` and not `3 · 0.1`.
    pub fn inverse(&self, y: f64) -> f64 {
        let (count, per_one) = ((y / self.bin).floor(), 1.0 / self.bin);
        if (per_one - per_one.round()).abs() < 1e-9 * per_one { count / per_one.round() } else { count * self.bin }
    }
}
