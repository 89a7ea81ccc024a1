//! The exact evidence of a linear-Gaussian model.

use crate::cholesky::Cholesky;
use crate::dist::Component;
use crate::model::{Density, Family, LinearGaussian, LogScale, PriorLaw};
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
    /// A model whose evidence is not known.
    #[error("the model is not linear and Gaussian: {0}")]
    NotLinear(&'static str),
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

/// A model of a configuration as the linear-Gaussian model that it is: one stochastic layer with a standard normal prior, no
/// hidden layer, and a Gaussian likelihood whose scale does not depend on `z`. The proposal is left at the prior.
///
/// # Errors
/// [`EvidenceError::NotLinear`] with what is in the way.
///
/// ```
/// use latents::evaluation::{linear_gaussian, log_evidence};
/// use latents::data::Column;
/// use latents::model::ModelConfig;
/// use pullback::{Key, Tensor};
/// let config = r#"{ "latent": [1], "hidden": [], "likelihood": { "name": "gaussian", "scale": "learned" } }"#;
/// let config: ModelConfig = serde_json::from_str(config)?;
/// let model = config.build(&[Column::number("a"), Column::number("b")], Key::new(0))?;
/// let exact = log_evidence(&linear_gaussian(&model)?, &Tensor::from([[0.3f32, -1.0]]))?;
/// assert!(exact[0].is_finite());
/// let deep = ModelConfig { hidden: vec![8], ..config }.build(&[Column::number("a")], Key::new(0))?;
/// assert!(linear_gaussian(&deep).unwrap_err().to_string().contains("hidden layer"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn linear_gaussian(model: &Density) -> Result<LinearGaussian, EvidenceError> {
    let fixed = |head: &crate::model::Head| match &head.family {
        Family::Gaussian { log_scale, .. } => !matches!(log_scale, LogScale::Network(_)),
        _ => false,
    };
    let gaussian = |head: &crate::model::Head| matches!(head.family, Family::Gaussian { .. });
    let conditions = [
        (model.latent.len() == 1, "it has several stochastic layers"),
        (matches!(model.prior, PriorLaw::Normal(_)), "its prior is not a standard normal"),
        (model.decoder.hidden.layers.is_empty(), "its decoder has a hidden layer"),
        (model.decoder.heads.iter().all(gaussian), "its likelihood is not Gaussian"),
        (model.decoder.heads.iter().all(fixed), "its scale depends on the latent numbers"),
    ];
    if let Some((_, why)) = conditions.into_iter().find(|(holds, _)| !holds) {
        return Err(EvidenceError::NotLinear(why));
    }
    let latent = model.latent[0];
    // The mean is affine: its value at 0, and from there along each coordinate.
    let (b, logvar) = mean_and_logvar(model, vec![0.0; latent])?;
    let mut w = vec![0.0; b.len() * latent];
    for k in 0..latent {
        let unit = (0..latent).map(|i| f64::from(u8::from(i == k))).collect();
        for (j, (there, here)) in mean_and_logvar(model, unit)?.0.iter().zip(&b).enumerate() {
            w[j * latent + k] = there - here;
        }
    }
    let d = b.len();
    Ok(LinearGaussian {
        w: Tensor::new(w, &[d, latent]),
        b: Tensor::from(b),
        logvar: Tensor::from(logvar),
        a: Tensor::new(vec![0.0f64; latent * d], &[latent, d]),
        proposal_logvar: Tensor::from(vec![0.0f64; latent]),
    })
}

/// Of `p(x|z)`, column by column.
fn mean_and_logvar(model: &Density, z: Vec<f64>) -> Result<(Vec<f64>, Vec<f64>), EvidenceError> {
    let x = model.decoder.at(&Tensor::from(z).cast(model.dtype()));
    let d = x.parts.iter().map(|part| part.columns.len()).sum();
    let (mut mean, mut logvar) = (vec![0.0; d], vec![0.0; d]);
    for part in &x.parts {
        let Component::Gaussian(p) = &part.distribution else {
            return Err(EvidenceError::NotLinear("its likelihood is not Gaussian"));
        };
        let numbers = |t: &Tensor| t.cast(DType::F64).to_vec::<f64>();
        let (means, logvars) = (numbers(&p.mean)?, numbers(&p.logvar)?);
        for ((&column, m), v) in part.columns.iter().zip(means).zip(logvars) {
            (mean[column], logvar[column]) = (m, v);
        }
    }
    Ok((mean, logvar))
}
