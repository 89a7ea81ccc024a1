//! An interval becomes the line.

use crate::data::error::{DataError, Fault};
use serde::{Deserialize, Serialize};

/// `y = log(t / (1 - t))`, `t = alpha + (1 - 2 alpha) (x - low) / (high - low)`;
/// `log |dy/dx| = log((1 - 2 alpha) / (high - low)) - log t - log(1 - t)` (Dinh et al. 2017, section 4.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logit {
    low: f64,
    high: f64,
    alpha: f64,
}

impl Logit {
    pub fn new(low: f64, high: f64, alpha: f64) -> Result<Logit, DataError> {
        if !(low < high && (high - low).is_finite() && (0.0..0.5).contains(&alpha)) {
            let text = format!("logit of {low} to {high} with alpha {alpha}: it takes low < high and 0 <= alpha < 0.5");
            return Err(Fault::Option(text).into());
        }
        Ok(Logit { low, high, alpha })
    }

    pub fn forward(&self, x: f64) -> Result<(f64, f64), Fault> {
        let Logit { low, high, alpha } = *self;
        // Both from their own end: near `high` the difference 1 - t would be lost in rounding.
        let t = alpha + (1.0 - 2.0 * alpha) * ((x - low) / (high - low));
        let rest = alpha + (1.0 - 2.0 * alpha) * ((high - x) / (high - low));
        if !(low..=high).contains(&x) || t <= 0.0 || rest <= 0.0 {
            return Err(Fault::Outside { value: x, low, high });
        }
        let log = ((1.0 - 2.0 * alpha) / (high - low)).ln() - t.ln() - rest.ln();
        Ok((t.ln() - rest.ln(), log))
    }

    /// A `y` beyond what the interval gives falls on the nearer end.
    pub fn inverse(&self, y: f64) -> f64 {
        let Logit { low, high, alpha } = *self;
        let from = |y: f64| ((1.0 / (1.0 + (-y).exp()) - alpha) / (1.0 - 2.0 * alpha)).clamp(0.0, 1.0);
        if y < 0.0 { low + (high - low) * from(y) } else { high - (high - low) * from(-y) }
    }
}
