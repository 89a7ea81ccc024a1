//! Latent-variable models: `p(x) = ∫ p(x|z) p(z) dz` with a proposal `q(z|x)`.

mod config;
mod decoder;
mod density;
mod error;
mod likelihood;
mod linear_gaussian;
mod posterior;
mod prior;
mod scale;
mod spelling;
mod vae;

pub use config::ModelConfig;
pub use decoder::{Decoder, Family, Head, LogScale};
pub use density::{Density, Proposal};
pub use error::ModelError;
pub use likelihood::{LIKELIHOODS, Likelihood, LikelihoodRow};
pub use linear_gaussian::LinearGaussian;
pub use posterior::{Gaussian, POSTERIORS, Posterior, PosteriorNet, PosteriorRow};
pub use prior::{PRIORS, Prior, PriorLaw, PriorRow};
pub use scale::Scale;
pub use vae::{Conditional, Vae};

use crate::dist::Distribution;
use pullback::{Key, Tensor, Tree};

/// A latent-variable model of one example, with the proposal that its integral is sampled from.
///
/// A model of your own is these four functions of one example and one sample; every estimator takes it.
///
/// ```
/// use latents::dist::{DiagonalGaussian, Distribution, StandardNormal};
/// use latents::estimator::iwae;
/// use latents::model::LatentModel;
/// use pullback::{DType, Key, Tensor, Tree};
///
/// /// z ~ N(0, 1), x | z ~ N(z, 1): p(x) = N(0, 2), p(z | x) = N(x / 2, 1 / 2).
/// #[derive(Tree)]
/// struct Sum;
///
/// impl LatentModel for Sum {
///     type Proposal = DiagonalGaussian;
///     fn sample_prior(&self, key: Key) -> Tensor {
///         key.normal([1], DType::F64)
///     }
///     fn sample_conditional(&self, key: Key, z: &Tensor) -> Tensor {
///         z + key.normal([1], DType::F64)
///     }
///     fn log_joint(&self, x: &Tensor, z: &Tensor) -> Tensor {
///         let p = StandardNormal { dim: 1, dtype: DType::F64 };
///         p.log_prob(z) + p.log_prob(&(x - z))
///     }
///     fn proposal(&self, x: &Tensor) -> DiagonalGaussian {
///         DiagonalGaussian { mean: x * 0.5, logvar: x.full_like(0.5f64.ln()) }
///     }
/// }
///
/// let exact = -0.5 * (4.0 * std::f64::consts::PI).ln() - 0.25;
/// let found = iwae(Key::new(0).split_n(3), &Tensor::from([1.0f64]), &Sum).item::<f64>()?;
/// assert!((found - exact).abs() < 1e-12, "the proposal is the posterior");
/// # Ok::<(), pullback::Error>(())
/// ```
pub trait LatentModel: Tree {
    /// What `z` is proposed from.
    type Proposal: Distribution + Tree;

    /// A draw of `z ~ p(z)`.
    fn sample_prior(&self, key: Key) -> Tensor;

    /// A draw of `x ~ p(x|z)`.
    fn sample_conditional(&self, key: Key, z: &Tensor) -> Tensor;

    /// `log p(x, z)`; scalar.
    fn log_joint(&self, x: &Tensor, z: &Tensor) -> Tensor;

    /// `q(z|x)`.
    fn proposal(&self, x: &Tensor) -> Self::Proposal;

    /// The parts of the evidence lower bound whose divergence has a closed form, where there is one.
    ///
    /// # Errors
    /// [`NoClosedForm`], which says why there is none.
    fn closed_form(&self) -> Result<&dyn ClosedForm<Self::Proposal>, NoClosedForm> {
        Err(NoClosedForm::Unstated)
    }

    /// `z ~ q(z|x)` and `log w = log p(x, z) - log q(z|x)`.
    #[track_caller]
    fn log_weight(&self, key: Key, x: &Tensor) -> (Tensor, Tensor) {
        let q = self.proposal(x);
        let z = q.sample(key);
        let log_w = self.log_joint(x, &z) - q.log_prob(&z);
        (z, log_w)
    }

    /// `log p(x, z) - log q(z|x)` of a given `z`.
    #[track_caller]
    fn log_weight_of(&self, x: &Tensor, z: &Tensor) -> Tensor {
        self.log_joint(x, z) - self.proposal(x).log_prob(z)
    }

    /// `z ~ p(z)`, `x ~ p(x|z)`: the `z` is an exact draw from the posterior of the `x`.
    #[track_caller]
    fn ancestral(&self, key: Key) -> (Tensor, Tensor) {
        let (prior, conditional) = key.split();
        let z = self.sample_prior(prior);
        let x = self.sample_conditional(conditional, &z);
        (z, x)
    }
}

/// A model whose `KL(q(z|x) ‖ p(z))` has a closed form: the ELBO is `E_q log p(x|z) - KL`.
pub trait ClosedForm<Q> {
    /// `log p(x|z)`; scalar.
    fn log_conditional(&self, x: &Tensor, z: &Tensor) -> Tensor;

    /// `KL(q ‖ p(z))`; scalar.
    fn divergence(&self, q: &Q) -> Tensor;
}

/// Why a model's divergence has no closed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoClosedForm {
    /// The model gives none.
    #[error("the model states no closed form of KL(q(z|x) ‖ p(z))")]
    Unstated,
    /// A prior other than the standard normal.
    #[error("KL(q(z|x) ‖ p(z)) has no closed form where the prior is a mixture")]
    Prior,
    /// More than one stochastic layer.
    #[error(
        "KL(q(z|x) ‖ p(z)) has no closed form where there are {layers} stochastic layers, the upper given the lower"
    )]
    Layers {
        /// How many.
        layers: usize,
    },
}
