//! The median of means, which heavy tails move less than a mean.

/// The median of independent means, and an interval of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MedianOfMeans {
    /// The median.
    pub median: f64,
    /// The lower end of an interval that holds the law's median with a chance of at least 95 %.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How many means.
    pub groups: usize,
}

/// The median of the means of groups.
///
/// It is near the mean of the law, with exponentially small chances of error, where a variance exists, and with a slower
/// rate where only moments of lower order do (Bubeck, Cesa-Bianchi & Lugosi 2013, lemma 2). The interval lies between
/// order statistics and supposes nothing: a group's mean is above its law's median with chance 1/2. That median is not the
/// law's mean where the law is skewed; more units in a group bring the two together. `None` for fewer than 6 groups, whose
/// extremes hold the median less often than that, and for more than 1000.
///
/// ```
/// use latents::evaluation::median_of_means;
/// let means: Vec<f64> = (1..=17).map(f64::from).collect();
/// let found = median_of_means(&means).ok_or("too few")?;
/// assert_eq!((found.median, found.low, found.high), (9.0, 5.0, 13.0));
/// # Ok::<(), &str>(())
/// ```
pub fn median_of_means(means: &[f64]) -> Option<MedianOfMeans> {
    let groups = means.len();
    if !(6..=1000).contains(&groups) {
        return None;
    }
    let mut sorted = means.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = if groups % 2 == 1 { sorted[groups / 2] } else { (sorted[groups / 2 - 1] + sorted[groups / 2]) / 2.0 };
    // The greatest r with P(Binomial(g, 1/2) < r) at most 2.5 %: the r-th from below and from above.
    let mut chance = 0.5f64.powi(groups as i32);
    let (mut below, mut r) = (chance, 0usize);
    while below <= 0.025 {
        r += 1;
        chance *= (groups - r + 1) as f64 / r as f64;
        below += chance;
    }
    Some(MedianOfMeans { median, low: sorted[r - 1], high: sorted[groups - r], groups })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pullback::{DType, Key};

    #[test]
    fn one_wild_mean_changes_little_and_few_means_give_nothing() {
        let mut means = [1.0, 1.1, 0.9, 1.2, 0.8, 1.0, 1e9];
        assert_eq!(median_of_means(&means).unwrap().median, 1.0);
        means[6] = 1.05;
        assert_eq!(median_of_means(&means).unwrap().median, 1.0);
        assert_eq!(median_of_means(&means[..5]), None);
    }

    #[test]
    fn the_interval_covers_at_least_as_often_as_it_says() {
        let mut covered = 0;
        for seed in 0..300 {
            // A Cauchy law has no mean at all; its median is 0.
            let u = Key::new(seed).uniform([17], DType::F64).to_vec::<f64>().unwrap();
            let means: Vec<f64> = u.iter().map(|u| (std::f64::consts::PI * (u - 0.5)).tan()).collect();
            let found = median_of_means(&means).unwrap();
            covered += u32::from(found.low <= 0.0 && 0.0 <= found.high);
        }
        assert!((276..=299).contains(&covered), "{covered} of 300 where 285 are expected");
    }
}
