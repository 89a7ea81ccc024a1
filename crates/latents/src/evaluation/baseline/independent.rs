//! Independent columns, each with a law of its own kind.

use super::{Baseline, BaselineError, rows_of};
use crate::data::Column;
use crate::dist::{
    Bernoulli, Categorical, Component, DiagonalGaussian, Distribution, Mixed, NegativeBinomial, Part, Poisson,
};
use crate::evaluation::{Chunked, Figure};
use crate::model::Likelihood;
use pullback::{Tensor, vmap};
use std::collections::BTreeMap;

/// `Π p_j(x_j)`: each column's law is of the kind that its likelihood has, fitted to the training rows alone.
///
/// | likelihood of the column | its law here |
/// |---|---|
/// | `gaussian`, `student-t` | a Gaussian with the column's mean and variance |
/// | `bernoulli` | `p = (ones + 1) / (n + 2)` |
/// | `categorical`, `discretized-logistic` | `p_v = (times v + 1) / (n + values)` of each of its values |
/// | `poisson`, `negative-binomial` | the negative binomial of the column's mean `m` and variance `v`; Poisson where `v ≤ m` |
///
/// ```
/// use latents::data::Column;
/// use latents::evaluation::baseline::{Baseline, IndependentBaseline};
/// use latents::model::Likelihood;
/// let columns = [Column::number("visits")];
/// // Mean 1, and a variance below it: Poisson counts.
/// let fitted = IndependentBaseline::fit(&[0.0, 1.0, 1.0, 2.0], &columns, &Likelihood::Poisson)?;
/// assert!((fitted.log_density(&[3.0]) - (-1.0 - 6f64.ln())).abs() < 1e-12);
/// # Ok::<(), latents::evaluation::baseline::BaselineError>(())
/// ```
#[derive(Clone, Debug)]
pub struct IndependentBaseline {
    /// Of a row less `low`.
    law: Mixed,
    /// The least value of each column that has one.
    low: Vec<f64>,
    /// Numbers that a row's log density goes through.
    cells: usize,
}

/// Columns whose laws are one part of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Real,
    Bits,
    Values(usize),
    Counts,
    DispersedCounts,
}

/// The most values that all columns may have together: 32 MiB of logits.
const MOST_VALUES: usize = 1 << 22;
/// A gamma so narrow that its Poisson counts are counts at its mean; beyond, differences of log Γ cancel.
const MOST_SHAPE: f64 = 1e6;

impl IndependentBaseline {
    /// Fits it to rows of those columns, end to end.
    ///
    /// # Errors
    /// [`BaselineError`]: no row, a column of real numbers that is constant, or too many values.
    pub fn fit(
        rows: &[f64],
        columns: &[Column],
        likelihood: &Likelihood,
    ) -> Result<IndependentBaseline, BaselineError> {
        let n = rows_of("column-by-column", rows.len(), columns.len(), 1)?;
        let each = likelihood.of_columns(columns).map_err(|e| BaselineError::Likelihood(e.to_string()))?;
        let mut low = vec![0.0; columns.len()];
        let mut groups: BTreeMap<Kind, (Vec<usize>, Vec<f64>)> = BTreeMap::new();
        let mut cells = 0usize;
        for (j, (column, likelihood)) in columns.iter().zip(&each).enumerate() {
            if let Likelihood::DiscretizedLogistic { low: least, .. } = likelihood {
                low[j] = f64::from(*least);
            }
            let values = || rows.iter().skip(j).step_by(columns.len()).map(|x| x - low[j]);
            let mean = values().sum::<f64>() / n as f64;
            let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
            let (kind, parameters) = match likelihood {
                Likelihood::Gaussian { .. } | Likelihood::StudentT { .. } | Likelihood::Mixed { .. } => {
                    if variance == 0.0 {
                        return Err(BaselineError::Singular { column: j + 1 });
                    }
                    (Kind::Real, vec![mean, variance.ln()])
                }
                Likelihood::Bernoulli => {
                    let ones = values().sum::<f64>();
                    (Kind::Bits, vec![((ones + 1.0) / (n as f64 - ones + 1.0)).ln()])
                }
                Likelihood::Categorical => {
                    let count = column.levels().map_or(1, <[String]>::len);
                    (Kind::Values(count), frequencies(values(), count))
                }
                Likelihood::DiscretizedLogistic { low, high, .. } => {
                    let count = (i64::from(*high) - i64::from(*low) + 1) as usize;
                    if cells.saturating_add(count) > MOST_VALUES {
                        return Err(BaselineError::TooManyValues { most: MOST_VALUES });
                    }
                    (Kind::Values(count), frequencies(values(), count))
                }
                Likelihood::Poisson | Likelihood::NegativeBinomial { .. } => {
                    // Half a count more than there were, lest a column of zeros have no chance of a one.
                    let rate = if mean == 0.0 { 0.5 / n as f64 } else { mean };
                    let shape = rate * rate / (variance - rate);
                    match shape > 0.0 && shape < MOST_SHAPE {
                        true => (Kind::DispersedCounts, vec![rate.ln(), shape.ln()]),
                        false => (Kind::Counts, vec![rate.ln()]),
                    }
                }
            };
            cells += parameters.len();
            let (members, all) = groups.entry(kind).or_default();
            members.push(j);
            all.extend(parameters);
        }
        let parts = groups.into_iter().map(|(kind, (columns, all))| kind.part(columns, all)).collect();
        Ok(IndependentBaseline { law: Mixed { parts }, low, cells })
    }
}

/// `log (times v + 1)` of the values `0 … count - 1`: logits.
fn frequencies(values: impl Iterator<Item = f64>, count: usize) -> Vec<f64> {
    let mut times = vec![1.0; count];
    values.for_each(|x| times[(x.max(0.0) as usize).min(count - 1)] += 1.0);
    times.into_iter().map(f64::ln).collect()
}

impl Kind {
    /// The law of those columns, whose parameters come column by column.
    fn part(self, columns: Vec<usize>, parameters: Vec<f64>) -> Part {
        let n = columns.len();
        let every_second =
            |from: usize| Tensor::from(parameters.iter().skip(from).step_by(2).copied().collect::<Vec<_>>());
        let distribution = match self {
            Kind::Real => Component::Gaussian(DiagonalGaussian { mean: every_second(0), logvar: every_second(1) }),
            Kind::DispersedCounts => {
                Component::NegativeBinomial(NegativeBinomial { log_mean: every_second(0), log_count: every_second(1) })
            }
            Kind::Bits => Component::Bernoulli(Bernoulli { logits: Tensor::from(parameters) }),
            Kind::Counts => Component::Poisson(Poisson { log_rate: Tensor::from(parameters) }),
            Kind::Values(count) => Component::Categorical(Categorical { logits: Tensor::new(parameters, &[n, count]) }),
        };
        Part { columns, distribution }
    }
}

impl Baseline for IndependentBaseline {
    fn name(&self) -> &'static str {
        "independent columns"
    }

    /// Minus infinity for a value that its column cannot have.
    fn log_density(&self, row: &[f64]) -> f64 {
        let x: Vec<f64> = row.iter().zip(&self.low).map(|(x, low)| x - low).collect();
        self.law.log_prob(&Tensor::from(x)).item::<f64>().unwrap_or(f64::NAN)
    }

    fn held_out(&self, rows: &[f64], columns: usize) -> Figure {
        let width = columns.max(1);
        let x: Vec<f64> = rows.iter().enumerate().map(|(i, x)| x - self.low[i % width]).collect();
        let x = Tensor::new(x, &[rows.len() / width, width]);
        let all = Chunked::new((MOST_VALUES / self.cells.max(1)).max(1), |law: Mixed, x: Tensor| {
            vmap(|x: Tensor| law.log_prob(&x)).call(x)
        });
        let figures = all.columns(&self.law, &x).ok().and_then(|found| found.into_iter().next());
        Figure::of(&figures.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scale;

    /// Chances of every row of small columns.
    fn total(fitted: &IndependentBaseline, rows: impl Iterator<Item = Vec<f64>>) -> f64 {
        rows.map(|row| fitted.log_density(&row).exp()).sum()
    }

    #[test]
    fn chances_of_all_rows_sum_to_one() {
        let names = vec!["red".to_owned(), "blue".to_owned(), "green".to_owned()];
        let columns = [Column::categories("colour", names), Column::number("bit"), Column::number("grey")];
        let grey = Likelihood::DiscretizedLogistic { low: 3, high: 6, scale: Scale::Network };
        let named = [("bit", Likelihood::Bernoulli), ("grey", grey)];
        let mixed = Likelihood::Mixed { columns: named.map(|(n, l)| (n.to_owned(), l)).into() };
        let fitted = IndependentBaseline::fit(&[0.0, 1.0, 3.0, 2.0, 1.0, 6.0], &columns, &mixed).unwrap();
        let rows = (0..24).map(|i| vec![f64::from(i % 3), f64::from(i / 3 % 2), f64::from(3 + i / 6)]);
        assert!((total(&fitted, rows) - 1.0).abs() < 1e-12);
        // (1 + 1)/(2 + 3) of red, (2 + 1)/(2 + 2) of ones, (1 + 1)/(2 + 4) of the grey 3.
        let at = fitted.log_density(&[0.0, 1.0, 3.0]);
        assert!((at - (0.4f64 * 0.75 / 3.0).ln()).abs() < 1e-12);
        assert_eq!(fitted.log_density(&[0.0, 1.0, 7.0]), f64::NEG_INFINITY);
    }

    #[test]
    fn counts_have_the_mean_and_the_variance_of_their_column() {
        let counts = [0.0, 0.0, 1.0, 3.0, 11.0];
        let fitted = IndependentBaseline::fit(&counts, &[Column::number("n")], &Likelihood::Poisson).unwrap();
        let p: Vec<f64> = (0..400).map(|k| fitted.log_density(&[f64::from(k)]).exp()).collect();
        let moment = |f: &dyn Fn(f64) -> f64| p.iter().enumerate().map(|(k, p)| p * f(k as f64)).sum::<f64>();
        assert!((moment(&|_| 1.0) - 1.0).abs() < 1e-9);
        assert!((moment(&|k| k) - 3.0).abs() < 1e-6);
        assert!((moment(&|k| (k - 3.0).powi(2)) - 17.2).abs() < 1e-4);
        // A column of zeros leaves a one some chance.
        let zeros = IndependentBaseline::fit(&[0.0; 9], &[Column::number("n")], &Likelihood::Poisson).unwrap();
        assert!(zeros.log_density(&[1.0]).is_finite());
    }

    /// Several columns of a kind, whose parameters lie side by side, and one whose values do not begin at 0.
    #[test]
    fn rows_at_once_are_rows_one_by_one_and_their_columns_one_by_one() {
        let columns = ["a", "n", "grey", "m", "b"].map(Column::number);
        let grey = Likelihood::DiscretizedLogistic { low: 3, high: 6, scale: Scale::Network };
        let named = [("n", Likelihood::Poisson), ("m", Likelihood::Poisson), ("grey", grey)];
        let mixed = Likelihood::Mixed { columns: named.map(|(n, l)| (n.to_owned(), l)).into() };
        let rows = [0.5, 1.0, 3.0, 0.0, 7.0, -1.25, 14.0, 6.0, 9.0, 7.5, 2.0, 0.0, 6.0, 40.0, -3.0];
        let fitted = IndependentBaseline::fit(&rows, &columns, &mixed).unwrap();
        let mean = rows.chunks(5).map(|row| fitted.log_density(row)).sum::<f64>() / 3.0;
        assert!((fitted.held_out(&rows, 5).mean - mean).abs() < 1e-12);
        let each = mixed.of_columns(&columns).unwrap();
        let alone = |j: usize| {
            let column: Vec<f64> = rows.iter().skip(j).step_by(5).copied().collect();
            let fitted = IndependentBaseline::fit(&column, &columns[j..=j], &each[j]).unwrap();
            fitted.held_out(&column, 1).mean
        };
        assert!(((0..5).map(alone).sum::<f64>() - mean).abs() < 1e-12);
        let constant = IndependentBaseline::fit(&[1.0, 1.0], &columns[..1], &Likelihood::default()).unwrap_err();
        assert_eq!(constant, BaselineError::Singular { column: 1 });
    }
}
