//! The linear-Gaussian model, whose evidence is known.

use crate::dist::{DiagonalGaussian, Distribution, StandardNormal};
use crate::model::{ClosedForm, LatentModel, NoClosedForm};
use pullback::{Key, Tensor, Tree};

/// `z ~ N(0, I)`, `x|z ~ N(W z + b, diag e^v)`, so that `p(x) = N(b, W Wᵀ + diag e^v)`; the proposal is linear too,
/// `z|x ~ N(A (x - b), diag e^s)`.
///
/// With `A = S Wᵀ diag e^-v`, `S = (I + Wᵀ diag e^-v W)⁻¹`, the proposal has the posterior's mean; where `S` is
/// diagonal and `s = log diag S`, it is the posterior.
///
/// ```
/// use latents::model::{LatentModel, LinearGaussian};
/// use pullback::Tensor;
/// // x = z + noise: the posterior is N(x / 2, 1 / 2), and every weight is p(x).
/// let model = LinearGaussian {
///     w: Tensor::from([[1.0f64]]),
///     b: Tensor::from([0.0f64]),
///     logvar: Tensor::from([0.0f64]),
///     a: Tensor::from([[0.5f64]]),
///     proposal_logvar: Tensor::from([0.5f64.ln()]),
/// };
/// let x = Tensor::from([1.0f64]);
/// let log_p = -0.5 * (4.0 * std::f64::consts::PI).ln() - 0.25;
/// for z in [-1.0f64, 0.0, 2.0] {
///     let log_w = model.log_weight_of(&x, &Tensor::from([z])).item::<f64>()?;
///     assert!((log_w - log_p).abs() < 1e-12);
/// }
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct LinearGaussian {
    /// `W`; `[d, latent]`.
    pub w: Tensor,
    /// `b`; `[d]`.
    pub b: Tensor,
    /// `v`; `[d]`.
    pub logvar: Tensor,
    /// `A`; `[latent, d]`.
    pub a: Tensor,
    /// `s`; `[latent]`.
    pub proposal_logvar: Tensor,
}

impl LinearGaussian {
    fn prior(&self) -> StandardNormal {
        let dim = self.proposal_logvar.shape().dims().first().and_then(|d| d.known()).unwrap_or(0);
        StandardNormal { dim, dtype: self.proposal_logvar.dtype() }
    }

    fn conditional(&self, z: &Tensor) -> DiagonalGaussian {
        DiagonalGaussian { mean: z.dot(&self.w.t()) + &self.b, logvar: self.logvar.clone() }
    }
}

impl LatentModel for LinearGaussian {
    type Proposal = DiagonalGaussian;

    #[track_caller]
    fn sample_prior(&self, key: Key) -> Tensor {
        self.prior().sample(key)
    }

    #[track_caller]
    fn sample_conditional(&self, key: Key, z: &Tensor) -> Tensor {
        self.conditional(z).sample(key)
    }

    #[track_caller]
    fn log_joint(&self, x: &Tensor, z: &Tensor) -> Tensor {
        self.conditional(z).log_prob(x) + self.prior().log_prob(z)
    }

    #[track_caller]
    fn proposal(&self, x: &Tensor) -> DiagonalGaussian {
        DiagonalGaussian { mean: (x - &self.b).dot(&self.a.t()), logvar: self.proposal_logvar.clone() }
    }

    fn closed_form(&self) -> Result<&dyn ClosedForm<DiagonalGaussian>, NoClosedForm> {
        Ok(self)
    }
}

impl ClosedForm<DiagonalGaussian> for LinearGaussian {
    #[track_caller]
    fn log_conditional(&self, x: &Tensor, z: &Tensor) -> Tensor {
        self.conditional(z).log_prob(x)
    }

    #[track_caller]
    fn divergence(&self, q: &DiagonalGaussian) -> Tensor {
        q.kl_to_standard_normal()
    }
}
