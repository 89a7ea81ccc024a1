//! The Cholesky factor of a covariance matrix, for figures that are exact.

/// `L` of `Σ = L Lᵀ`, lower triangular, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cholesky {
    factor: Vec<f64>,
    n: usize,
}

impl Cholesky {
    /// The factor of a symmetric matrix of `n` rows; where it is not positive definite, the column at which that shows.
    pub(crate) fn new(matrix: &[f64], n: usize) -> Result<Cholesky, usize> {
        let mut l = matrix.to_vec();
        for j in 0..n {
            for i in j..n {
                let known: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
                let rest = matrix[i * n + j] - known;
                if i == j {
                    // What is left of the diagonal must stand out of its own rounding.
                    if rest.is_nan() || rest <= 1e-12 * matrix[j * n + j].abs() {
                        return Err(j);
                    }
                    l[j * n + j] = rest.sqrt();
                } else {
                    l[i * n + j] = rest / l[j * n + j];
                    l[j * n + i] = 0.0;
                }
            }
        }
        Ok(Cholesky { factor: l, n })
    }

    /// `log det Σ`.
    pub(crate) fn log_det(&self) -> f64 {
        (0..self.n).map(|i| 2.0 * self.factor[i * self.n + i].ln()).sum()
    }

    /// `xᵀ Σ⁻¹ x`.
    pub(crate) fn quadratic(&self, x: &[f64]) -> f64 {
        let n = self.n;
        let mut y = vec![0.0; n];
        for i in 0..n {
            let known: f64 = (0..i).map(|k| self.factor[i * n + k] * y[k]).sum();
            y[i] = (x[i] - known) / self.factor[i * n + i];
        }
        y.iter().map(|y| y * y).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_three() {
        let sigma = [4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let c = Cholesky::new(&sigma, 3).unwrap();
        let det: f64 = 4.0 * (15.0 - 1.0) - 2.0 * (6.0 - 0.6) + 0.6 * (2.0 - 3.0);
        assert!((c.log_det() - det.ln()).abs() < 1e-14);
        // Σ (1, -1, 2) = (3.2, -1, 5.6), so that its form is 3.2 + 1 + 11.2.
        assert!((c.quadratic(&[3.2, -1.0, 5.6]) - 15.4).abs() < 1e-13);
    }

    #[test]
    fn a_column_that_follows_from_others() {
        assert_eq!(Cholesky::new(&[1.0, 2.0, 2.0, 4.0], 2), Err(1));
        assert_eq!(Cholesky::new(&[0.0], 1), Err(0));
        assert_eq!(Cholesky::new(&[f64::NAN], 1), Err(0));
    }
}
