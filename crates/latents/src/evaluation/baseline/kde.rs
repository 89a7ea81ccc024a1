//! The kernel density estimate.

use super::{Baseline, BaselineError, rows_of};

/// Rows by which the bandwidth is chosen, at most: every pair is compared.
const CHOOSING: usize = 1500;
/// Rows that carry a kernel, at most.
const KERNELS: usize = 20_000;
/// The bandwidth is looked for between these, in standard deviations of each column.
const RANGE: (f64, f64) = (1e-3, 3.0);

/// `p(x) = (1/n) Σ_i Π_j N(x_j; x_ij, (h s_j)²)`: a Gaussian kernel that is a product over columns, `s_j` the standard
/// deviation of a column.
///
/// The one factor `h` is chosen by the leave-one-out log density of training rows, on a grid of its logarithm from
/// 0.001 to 3 and by golden sections around the best point; on data with equal rows it runs to the lower end, for there a
/// density has no bound. Of more than 1,500 training rows, 1,500 spread evenly choose `h`, which is then scaled to
/// the number of kernels as `n^(-1/(d+4))`, the rate of the optimum; of more than 20,000, 20,000 carry a kernel.
///
/// ```
/// use latents::evaluation::baseline::{Baseline, KdeBaseline};
/// let rows: Vec<f64> = (0..200).map(|i| f64::from(i) / 200.0).collect();
/// let fitted = KdeBaseline::fit(&rows, 1)?;
/// // Near the uniform density of 1 inside, and less outside.
/// assert!(fitted.log_density(&[0.5]).abs() < 0.1 && fitted.log_density(&[1.5]) < -2.0);
/// # Ok::<(), latents::evaluation::baseline::BaselineError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KdeBaseline {
    /// The kernels' places, each column divided by its bandwidth.
    places: Vec<f64>,
    bandwidths: Vec<f64>,
    /// `log n + Σ log(h s_j) + (d/2) log 2π`.
    constant: f64,
    factor: f64,
}

fn spread(rows: &[f64], columns: usize, most: usize) -> Vec<f64> {
    let n = rows.len() / columns;
    let kept = n.min(most);
    (0..kept).flat_map(|i| rows[i * n / kept * columns..][..columns].iter().copied()).collect()
}

/// Squared distances of each pair of rows, each row's with all others.
fn distances(rows: &[f64], columns: usize) -> Vec<f64> {
    let n = rows.len() / columns;
    let row = |i: usize| &rows[i * columns..(i + 1) * columns];
    let mut all = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..i {
            let d: f64 = row(i).iter().zip(row(j)).map(|(a, b)| (a - b) * (a - b)).sum();
            all[i * n + j] = d;
            all[j * n + i] = d;
        }
    }
    all
}

/// The mean log density of each row under the kernels of all others, up to a constant.
fn leave_one_out(distances: &[f64], n: usize, columns: usize, h: f64) -> f64 {
    let scale = -0.5 / (h * h);
    let mut total = 0.0;
    for i in 0..n {
        let others = || distances[i * n..(i + 1) * n].iter().enumerate().filter(|&(j, _)| j != i).map(|(_, d)| d);
        let nearest = others().fold(f64::INFINITY, |a, &d| a.min(d));
        total += scale * nearest + others().map(|d| (scale * (d - nearest)).exp()).sum::<f64>().ln();
    }
    total / n as f64 - columns as f64 * h.ln()
}

/// Where a function of one variable is greatest between two points, if it rises to one maximum between them.
fn golden_section(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let inner = |low: f64, high: f64| (high - ratio * (high - low), low + ratio * (high - low));
    let (mut a, mut b) = inner(low, high);
    let (mut fa, mut fb) = (f(a), f(b));
    for _ in 0..12 {
        if fa > fb {
            high = b;
            (b, fb) = (a, fa);
            a = inner(low, high).0;
            fa = f(a);
        } else {
            low = a;
            (a, fa) = (b, fb);
            b = inner(low, high).1;
            fb = f(b);
        }
    }
    (low + high) / 2.0
}

impl KdeBaseline {
    /// Fits it to rows of so many columns, end to end.
    ///
    /// # Errors
    /// [`BaselineError`]: fewer than 3 rows, or a constant column.
    pub fn fit(rows: &[f64], columns: usize) -> Result<KdeBaseline, BaselineError> {
        let n = rows_of("kernel density", rows.len(), columns, 3)?;
        let mut deviations = Vec::new();
        for c in 0..columns {
            let column = || rows.iter().skip(c).step_by(columns);
            let mean = column().sum::<f64>() / n as f64;
            let variance = column().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
            if variance.is_nan() || variance <= 0.0 {
                return Err(BaselineError::Singular { column: c + 1 });
            }
            deviations.push(variance.sqrt());
        }
        let mut kernels = spread(rows, columns, KERNELS);
        let divide = |rows: &mut [f64], by: &[f64]| {
            rows.chunks_exact_mut(columns).for_each(|row| row.iter_mut().zip(by).for_each(|(x, s)| *x /= s));
        };
        let mut chosen_by = spread(rows, columns, CHOOSING);
        divide(&mut chosen_by, &deviations);
        let m = chosen_by.len() / columns;
        let distances = distances(&chosen_by, columns);
        let at = |log_h: f64| leave_one_out(&distances, m, columns, log_h.exp());
        const POINTS: u32 = 17;
        let (low, high) = (RANGE.0.ln(), RANGE.1.ln());
        let step = (high - low) / f64::from(POINTS - 1);
        let grid = (0..POINTS).map(|i| low + step * f64::from(i)).map(|log_h| (log_h, at(log_h)));
        let best = grid.fold((low, f64::NEG_INFINITY), |best, point| if point.1 > best.1 { point } else { best });
        let log_h = golden_section((best.0 - step).max(low), (best.0 + step).min(high), at);
        let carried = kernels.len() / columns;
        let factor = log_h.exp() * (m as f64 / carried as f64).powf(1.0 / (columns as f64 + 4.0));
        let bandwidths: Vec<f64> = deviations.iter().map(|s| s * factor).collect();
        divide(&mut kernels, &bandwidths);
        let constant = (carried as f64).ln()
            + bandwidths.iter().map(|h| h.ln()).sum::<f64>()
            + 0.5 * columns as f64 * std::f64::consts::TAU.ln();
        Ok(KdeBaseline { places: kernels, bandwidths, constant, factor })
    }

    /// `h`: the bandwidth, in standard deviations of each column.
    pub fn bandwidth(&self) -> f64 {
        self.factor
    }
}

impl Baseline for KdeBaseline {
    fn name(&self) -> &'static str {
        "kde"
    }

    fn log_density(&self, row: &[f64]) -> f64 {
        let x: Vec<f64> = row.iter().zip(&self.bandwidths).map(|(x, h)| x / h).collect();
        let halves: Vec<f64> = self
            .places
            .chunks_exact(x.len().max(1))
            .map(|place| -0.5 * place.iter().zip(&x).map(|(a, b)| (a - b) * (a - b)).sum::<f64>())
            .collect();
        let greatest = halves.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        greatest + halves.iter().map(|l| (l - greatest).exp()).sum::<f64>().ln() - self.constant
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pullback::{DType, Key};

    fn normal(seed: u64, n: usize, d: usize) -> Vec<f64> {
        Key::new(seed).normal([n, d], DType::F64).to_vec::<f64>().unwrap()
    }

    #[test]
    fn the_density_integrates_to_one() {
        let fitted = KdeBaseline::fit(&normal(1, 50, 1), 1).unwrap();
        let total: f64 = (-800..800).map(|i| fitted.log_density(&[f64::from(i) / 100.0]).exp() / 100.0).sum();
        assert!((total - 1.0).abs() < 1e-6, "{total}");
    }

    #[test]
    fn the_bandwidth_is_near_the_one_that_is_best_for_a_gaussian() {
        // Silverman's rule: (4 / ((d + 2) n))^(1 / (d + 4)).
        let fitted = KdeBaseline::fit(&normal(2, 1500, 2), 2).unwrap();
        let silverman = (1.0f64 / 1500.0).powf(1.0 / 6.0);
        assert!((fitted.bandwidth() / silverman).ln().abs() < 0.35, "{} {silverman}", fitted.bandwidth());
        // And it is no worse on other rows than half or twice as much.
        let held_out = fitted.held_out(&normal(3, 500, 2), 2).mean;
        for times in [0.5, 2.0] {
            let mut other = fitted.clone();
            other.bandwidths.iter_mut().for_each(|h| *h *= times);
            other.places.iter_mut().for_each(|x| *x /= times);
            other.constant += 2.0 * f64::ln(times);
            assert!(other.held_out(&normal(3, 500, 2), 2).mean < held_out);
        }
    }

    #[test]
    fn units_shift_the_density_by_the_jacobian() {
        let rows = normal(4, 200, 2);
        let scaled: Vec<f64> = rows.chunks(2).flat_map(|r| [10.0 * r[0] + 3.0, r[1] / 4.0]).collect();
        let (a, b) = (KdeBaseline::fit(&rows, 2).unwrap(), KdeBaseline::fit(&scaled, 2).unwrap());
        let difference = a.log_density(&[0.3, -0.2]) - b.log_density(&[6.0, -0.05]);
        assert!((difference - 2.5f64.ln()).abs() < 1e-9, "{difference}");
    }
}
