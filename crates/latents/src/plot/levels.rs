//! The densities at which the colours of a picture change.

use super::ticks::power_of_ten;
use super::{Grid, PlotError};

/// The densities separating the colours.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Levels {
    /// [`nice_density_levels`] from the peak of the first panel that has one, so that the scale
    /// stays the same while a later panel is being fitted.
    Auto {
        /// Powers of ten below the peak.
        decades: u32,
    },
    /// These densities: positive, finite and strictly increasing.
    Density(Vec<f64>),
}

impl Levels {
    /// The levels for panels with these logarithms of densities, checked.
    pub(super) fn resolve<'a>(&self, fields: impl Iterator<Item = &'a Grid>) -> Result<Vec<f64>, PlotError> {
        match self {
            Self::Auto { decades } => {
                let mut peaks = fields.map(|field| {
                    let finite = field.values().iter().filter(|v| v.is_finite());
                    finite.copied().fold(f64::NAN, f64::max)
                });
                let peak = peaks.find(|p| p.is_finite()).map_or(1.0, f64::exp);
                Ok(nice_density_levels(peak, *decades))
            }
            Self::Density(given) => {
                let positive = given.iter().all(|v| *v > 0.0 && v.is_finite());
                let increasing = given.windows(2).all(|pair| pair[0] < pair[1]);
                if positive && increasing && (1..=256).contains(&given.len()) {
                    return Ok(given.clone());
                }
                Err(PlotError::Input("density levels must be 1 to 256 positive, increasing numbers".to_owned()))
            }
        }
    }
}

/// Levels at 1, 2 and 5 times powers of ten, from `decades` below `peak` up to the first at or above
/// it; above four decades only 1 and 3, above eight only powers of ten, above 30 as if 30.
///
/// A peak that is not positive and finite counts as 1.
///
/// ```
/// use latents::plot::nice_density_levels;
/// assert_eq!(nice_density_levels(0.29, 1), [0.05, 0.1, 0.2, 0.5]);
/// ```
#[must_use]
pub fn nice_density_levels(peak: f64, decades: u32) -> Vec<f64> {
    // The limits keep every level a normal number.
    let peak = if peak > 0.0 && peak.is_finite() { peak.clamp(1e-250, 1e250) } else { 1.0 };
    let decades = decades.clamp(1, 30);
    let factors: &[f64] = match decades {
        1..=4 => &[1.0, 2.0, 5.0],
        5..=8 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let depth = decades as i32;
    let top = peak.log10().floor() as i32;
    let candidates =
        (top - depth - 1..=top + 1).flat_map(|exponent| factors.iter().map(move |f| power_of_ten(*f, exponent)));
    let lowest = peak * 10_f64.powi(-depth);
    let mut levels: Vec<f64> = candidates.filter(|level| *level >= lowest).collect();
    let below = levels.partition_point(|level| *level < peak);
    levels.truncate(below + 1);
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nice_levels_reach_from_tail_to_peak() {
        for peak in [1e-300, 3e-7, 0.2933, 1.0, 5.0, 1e300, f64::NAN, 0.0, -1.0] {
            for decades in [0, 1, 4, 5, 8, 9, 30, u32::MAX] {
                let levels = nice_density_levels(peak, decades);
                assert!((2..=32).contains(&levels.len()), "{peak} {decades}: {levels:?}");
                assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
                assert!(levels.iter().all(|level| level.is_normal()));
            }
        }
        let funnel = nice_density_levels(0.2933, 4);
        assert_eq!((funnel[0], funnel[funnel.len() - 1]), (5e-5, 0.5));
    }
}
