//! The two-sample test by maximum mean discrepancy.

use crate::diagnostics::SampleError;
use crate::diagnostics::two_sample::{Pooled, permutation};
use pullback::Key;

/// Rows of each sample that are compared at most: the kernel of every pair is held.
const MOST: usize = 600;

/// What the test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MmdTest {
    /// The unbiased estimate of the squared discrepancy; around 0 where the samples have one law.
    pub squared: f64,
    /// The chance of one at least as large under one law, by permutations.
    pub p_value: f64,
    /// The kernel's bandwidth, in standard deviations of the pooled columns.
    pub bandwidth: f64,
    /// How many rows of both samples were compared.
    pub rows: usize,
}

/// Whether two samples have one law (Gretton et al. 2012).
///
/// `MMD² = E k(a, a') + E k(b, b') - 2 E k(a, b)` by its unbiased estimate (their equation 3), with
/// `k(a, b) = exp(-|a - b|² / (2 h²))` on columns of pooled variance 1 and `h` the median distance of a pair. The p-value
/// is exact for any sizes: the rank of the estimate among those of `permutations` reassignments of the rows.
///
/// # Shapes
/// `a`, `b`: rows of `columns` numbers each, end to end. Of more than 600 rows, 600 spread evenly are used.
///
/// # Errors
/// [`SampleError`] for samples that cannot be compared.
///
/// ```
/// use latents::diagnostics::mmd_test;
/// use pullback::{DType, Key};
/// let normal = |seed| Key::new(seed).normal([400], DType::F64).to_vec::<f64>();
/// let (a, b) = (normal(1)?, normal(2)?);
/// let moved: Vec<f64> = b.iter().map(|x| x + 0.5).collect();
/// assert!(mmd_test(&a, &b, 2, 200, Key::new(3))?.p_value > 0.05);
/// assert!(mmd_test(&a, &moved, 2, 200, Key::new(3))?.p_value < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn mmd_test(a: &[f64], b: &[f64], columns: usize, permutations: u32, key: Key) -> Result<MmdTest, SampleError> {
    let pooled = Pooled::new(a, b, columns, MOST, 10)?;
    let n = pooled.rows;
    let mut kernel = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..i {
            let distance: f64 = pooled.row(i).iter().zip(pooled.row(j)).map(|(x, y)| (x - y).powi(2)).sum();
            kernel[i * n + j] = distance;
            kernel[j * n + i] = distance;
        }
    }
    let mut distances: Vec<f64> =
        (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| kernel[i * n + j]).collect();
    let middle = distances.len() / 2;
    let median = *distances.select_nth_unstable_by(middle, f64::total_cmp).1;
    // More than half of all pairs equal: any bandwidth tells equal from unequal.
    let squared_bandwidth = if median > 0.0 { median } else { 1.0 };
    kernel.iter_mut().for_each(|d| *d = (-*d / (2.0 * squared_bandwidth)).exp());

    // Each row with all others.
    let sums: Vec<f64> = kernel.chunks_exact(n).map(|row| row.iter().sum::<f64>() - 1.0).collect();
    let whole: f64 = sums.iter().sum();
    let discrepancy = |members: &[usize]| {
        // The sum over pairs inside the first sample and its row sums give those of the other two kinds.
        let (mut inside, mut rows) = (0.0, 0.0);
        let mut is_member = vec![0.0; n];
        members.iter().for_each(|&i| is_member[i] = 1.0);
        for &i in members {
            let row = &kernel[i * n..(i + 1) * n];
            rows += sums[i];
            inside += row.iter().zip(&is_member).map(|(k, m)| k * m).sum::<f64>() - 1.0;
        }
        let across = rows - inside;
        let others = whole - inside - 2.0 * across;
        let (m, l) = (members.len() as f64, (n - members.len()) as f64);
        inside / (m * (m - 1.0)) + others / (l * (l - 1.0)) - 2.0 * across / (m * l)
    };
    let squared = discrepancy(&(0..pooled.first).collect::<Vec<_>>());
    let mut key = key;
    let mut at_least = 1u32;
    for _ in 0..permutations {
        let (here, rest) = key.split();
        key = rest;
        if discrepancy(&permutation(here, n)[..pooled.first]) >= squared {
            at_least += 1;
        }
    }
    let p_value = f64::from(at_least) / f64::from(permutations + 1);
    Ok(MmdTest { squared, p_value, bandwidth: squared_bandwidth.sqrt(), rows: n })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pullback::DType;

    #[test]
    fn the_p_value_is_uniform_under_one_law() {
        let mut below = 0;
        for seed in 0..60 {
            let (a, b) = Key::new(seed).split();
            let draw = |k: Key| k.normal([30], DType::F64).to_vec::<f64>().unwrap();
            let found = mmd_test(&draw(a), &draw(b), 1, 99, Key::new(seed + 1000)).unwrap();
            below += u32::from(found.p_value <= 0.2);
        }
        // 12 expected of 60, with a standard deviation of 3.1.
        assert!((3..=21).contains(&below), "{below}");
    }

    #[test]
    fn the_estimate_is_that_of_the_formula() {
        let (a, b): (Vec<f64>, Vec<f64>) =
            ((0..12).map(f64::from).collect(), (0..10).map(|i| f64::from(i) * 1.7).collect());
        let found = mmd_test(&a, &b, 1, 1, Key::new(0)).unwrap();
        let pooled = Pooled::new(&a, &b, 1, 100, 2).unwrap();
        let k = |i: usize, j: usize| {
            (-(pooled.values[i] - pooled.values[j]).powi(2) / (2.0 * found.bandwidth * found.bandwidth)).exp()
        };
        let mean = |i: std::ops::Range<usize>, j: std::ops::Range<usize>| {
            let pairs: Vec<f64> =
                i.flat_map(|i| j.clone().map(move |j| (i, j))).filter(|(i, j)| i != j).map(|(i, j)| k(i, j)).collect();
            pairs.iter().sum::<f64>() / pairs.len() as f64
        };
        let expected = mean(0..12, 0..12) + mean(12..22, 12..22) - 2.0 * mean(0..12, 12..22);
        assert!((found.squared - expected).abs() < 1e-12, "{} {expected}", found.squared);
    }

    #[test]
    fn samples_that_cannot_be_compared() {
        let few = mmd_test(&[0.0; 4], &[0.0; 20], 1, 9, Key::new(0));
        assert_eq!(few, Err(SampleError::TooFew { least: 10, first: 4, second: 20 }));
        let mut broken = vec![0.0; 20];
        broken[5] = f64::NAN;
        let found = mmd_test(&[0.0; 20], &broken, 2, 9, Key::new(0));
        assert_eq!(found, Err(SampleError::NotFinite { which: "second", row: 2, column: 1 }));
    }
}
