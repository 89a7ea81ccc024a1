//! Which latent units a model uses.

/// Above this variance a unit counts as active (Burda et al. 2016, section 5).
pub const ACTIVE: f64 = 0.01;

/// Running sums over rows of the proposal's means and variances.
///
/// `A_u = Var_x(E_{q(z|x)} z_u)` tells whether the proposal's mean depends on the row (Burda et al. 2016);
/// `KL_u = E_x KL(q(z_u|x) ‖ N(0, 1)) = ½ E_x (m² + s² - 1 - log s²)` how far it is from a prior that is standard normal.
///
/// ```
/// use latents::diagnostics::ActiveUnits;
/// let mut units = ActiveUnits::new(2);
/// for row in 0..100 {
///     // The second unit follows the row; the first has collapsed to the prior.
///     units.push(&[0.0, f64::from(row % 2)], &[1.0, 0.1]);
/// }
/// let found = units.finish();
/// assert_eq!((found.active(), found.collapsed()), (1, 1));
/// assert!(found.variances[1] > 0.25 && found.kl[0] == 0.0);
/// assert_eq!(found.by_activity(), [1, 0]);
/// ```
#[derive(Clone, Debug)]
pub struct ActiveUnits {
    rows: u64,
    mean: Vec<f64>,
    squares: Vec<f64>,
    kl: Vec<f64>,
}

/// What the units do.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitActivity {
    /// Rows seen.
    pub rows: u64,
    /// `A_u` for each unit.
    pub variances: Vec<f64>,
    /// `KL_u` in nats for each unit.
    pub kl: Vec<f64>,
}

impl ActiveUnits {
    /// Of so many units, before the first row.
    pub fn new(units: usize) -> ActiveUnits {
        ActiveUnits { rows: 0, mean: vec![0.0; units], squares: vec![0.0; units], kl: vec![0.0; units] }
    }

    /// One more row's proposal: a mean and a variance for each unit.
    pub fn push(&mut self, mean: &[f64], variance: &[f64]) {
        self.rows += 1;
        for (u, (&m, &v)) in mean.iter().zip(variance).enumerate().take(self.mean.len()) {
            let from = m - self.mean[u];
            self.mean[u] += from / self.rows as f64;
            self.squares[u] += from * (m - self.mean[u]);
            self.kl[u] += 0.5 * (m * m + v - 1.0 - v.ln());
        }
    }

    /// The figures.
    pub fn finish(&self) -> UnitActivity {
        let n = self.rows as f64;
        UnitActivity {
            rows: self.rows,
            variances: self.squares.iter().map(|s| s / (n - 1.0)).collect(),
            kl: self.kl.iter().map(|s| s / n).collect(),
        }
    }
}

impl UnitActivity {
    /// The units, from 0, the most active first.
    pub fn by_activity(&self) -> Vec<usize> {
        let mut units: Vec<usize> = (0..self.variances.len()).collect();
        units.sort_by(|&a, &b| self.variances[b].total_cmp(&self.variances[a]));
        units
    }

    /// How many units are [`ACTIVE`].
    pub fn active(&self) -> usize {
        self.variances.iter().filter(|&&v| v > ACTIVE).count()
    }

    /// How many have collapsed: not active, and within a hundredth of a nat of the prior.
    pub fn collapsed(&self) -> usize {
        self.variances.iter().zip(&self.kl).filter(|&(&v, &kl)| v <= ACTIVE && kl < 0.01).count()
    }
}
