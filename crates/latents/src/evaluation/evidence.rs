//! The exact evidence of a linear-Gaussian model.

use crate::cholesky::Cholesky;
use crate::model::LinearGaussian;
use pullback::{DType, Error, Tensor};

/// Why there is no exact evidence.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The covariance of the data cannot be factored.
    #[error(
        "the model's covariance W Wᵀ + diag e^v is not positive definite at column {column}: its noise variances are too \
             small"
    )]
    NotPositiveDefinite {
        /// The column, from 0.
        column: usize,
    },
    /// A row that the model is not for.
    #[error("rows have {found} columns, and the model {needed}")]
    Columns {
        /// Those of the rows.
        found: usize,
        /// Those of the model.
        needed: usize,
    },
    /// A tensor at fault.
    #[error(transparent)]
    Tensor(#[from] Error),
}

/// `log p(x) = log N(x; b, W Wᵀ + diag e^v)` of each row, in f64.
///
/// # Shapes
/// `rows: [n, d]`; `n` numbers.
///
/// # Errors
/// [`EvidenceError`].
///
/// ```
/// use latents::evaluation::log_evidence;
/// use latents::model::LinearGaussian;
/// use pullback::Tensor;
/// // x = 2 z + noise of variance 5: N(1, 9).
/// let model = LinearGaussian {
///     w: Tensor::from([[2.0f64]]),
///     b: Tensor::from([1.0f64]),
///     logvar: Tensor::from([5f64.ln()]),
///     a: Tensor::from([[0.0f64]]),
///     proposal_logvar: Tensor::from([0.0f64]),
/// };
/// let found = log_evidence(&model, &Tensor::from([[4.0f64]]))?;
/// assert!((found[0] - (-0.5 - 3f64.ln() - 0.5 * std::f64::consts::TAU.ln())).abs() < 1e-14);
/// # Ok::<(), latents::evaluation::EvidenceError>(())
/// ```
pub fn log_evidence(model: &LinearGaussian, rows: &Tensor) -> Result<Vec<f64>, EvidenceError> {
    let numbers = |t: &Tensor| t.cast(DType::F64).to_vec::<f64>();
    let (w, b, logvar) = (numbers(&model.w)?, numbers(&model.b)?, numbers(&model.logvar)?);
    let d = b.len();
    let x = numbers(rows)?;
    let found = rows.value()?.shape().get(1).copied().unwrap_or(0);
    if found != d {
        return Err(EvidenceError::Columns { found, needed: d });
    }
    let latent = w.len() / d.max(1);
    let mut covariance = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..d {
            covariance[i * d + j] = (0..latent).map(|k| w[i * latent + k] * w[j * latent + k]).sum();
        }
        covariance[i * d + i] += logvar[i].exp();
    }
    let factor = Cholesky::new(&covariance, d).map_err(|column| EvidenceError::NotPositiveDefinite { column })?;
    let constant = factor.log_det() + d as f64 * std::f64::consts::TAU.ln();
    Ok(x.chunks_exact(d)
        .map(|row| {
            let from: Vec<f64> = row.iter().zip(&b).map(|(x, b)| x - b).collect();
            -0.5 * (factor.quadratic(&from) + constant)
        })
        .collect())
}
