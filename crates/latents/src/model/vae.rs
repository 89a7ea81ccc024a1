//! The amortised model: a conditional each way, and a standard normal prior.

use crate::dist::{DiagonalGaussian, Distribution, StandardNormal};
use crate::model::LatentModel;
use crate::nn::GaussianNet;
use pullback::{DType, Key, Tensor, Tree, leaves};

/// A distribution as a function of one example's condition.
///
/// A likelihood of your own is one function of one `z`:
///
/// ```
/// use latents::dist::Bernoulli;
/// use latents::estimator::iwae;
/// use latents::model::{Conditional, Vae};
/// use latents::nn::{Activation, GaussianNet, Init, Mlp};
/// use pullback::{DType, Key, Tensor, Tree};
///
/// #[derive(Clone, Tree)]
/// struct Pixels(Mlp);
///
/// impl Conditional for Pixels {
///     type Distribution = Bernoulli;
///     fn at(&self, z: &Tensor) -> Bernoulli {
///         Bernoulli { logits: self.0.at(z) }
///     }
/// }
///
/// let (e, d) = Key::new(0).split();
/// let vae = Vae {
///     encoder: GaussianNet::new(e, 6, &[8], 2, DType::F32),
///     decoder: Pixels(Mlp::new(d, &[2, 8, 6], Activation::Tanh, Init::GlorotUniform, DType::F32)),
///     latent_dim: 2,
/// };
/// let x = Tensor::from([1.0f32, 0.0, 0.0, 1.0, 1.0, 0.0]);
/// assert!(iwae(Key::new(1).split_n(50), &x, &vae).item::<f32>()? < 0.0);
/// # Ok::<(), pullback::Error>(())
/// ```
pub trait Conditional: Tree {
    /// Its kind.
    type Distribution: Distribution + Tree;

    /// The distribution at a condition.
    fn at(&self, condition: &Tensor) -> Self::Distribution;
}

impl Conditional for GaussianNet {
    type Distribution = DiagonalGaussian;

    #[track_caller]
    fn at(&self, condition: &Tensor) -> DiagonalGaussian {
        GaussianNet::at(self, condition)
    }
}

/// `z ~ N(0, I)`, `x|z ~ decoder(z)`, proposed by `z|x ~ encoder(x)` (Kingma & Welling 2014).
///
/// ```
/// use latents::model::{LatentModel, Vae};
/// use pullback::{DType, Key};
/// let vae = Vae::new(Key::new(0), 2, 8, &[32], DType::F32);
/// let (z, x) = vae.ancestral(Key::new(1));
/// assert_eq!((z.shape().known(), x.shape().known()), (Some(vec![8]), Some(vec![2])));
/// assert!(vae.log_weight_of(&x, &z).item::<f32>()?.is_finite());
/// # Ok::<(), pullback::Error>(())
/// ```
#[derive(Clone, Debug, Tree)]
pub struct Vae<E = GaussianNet, D = GaussianNet> {
    /// `q(z|x)`.
    pub encoder: E,
    /// `p(x|z)`.
    pub decoder: D,
    /// How many numbers `z` is.
    pub latent_dim: usize,
}

impl Vae {
    /// A model of `dim` numbers with Gaussian networks of the same hidden sizes each way.
    #[track_caller]
    pub fn new(key: Key, dim: usize, latent_dim: usize, hidden: &[usize], dtype: DType) -> Vae {
        let (encoder, decoder) = key.split();
        Vae {
            encoder: GaussianNet::new(encoder, dim, hidden, latent_dim, dtype),
            decoder: GaussianNet::new(decoder, latent_dim, hidden, dim, dtype),
            latent_dim,
        }
    }
}

impl<E: Conditional, D: Conditional> Vae<E, D> {
    /// `p(z)`, in the type of the decoder's parameters.
    pub fn prior(&self) -> StandardNormal {
        let dtype = leaves(&self.decoder).first().map_or(DType::F32, |leaf| leaf.tensor.dtype());
        StandardNormal { dim: self.latent_dim, dtype }
    }
}

impl<E: Conditional, D: Conditional> LatentModel for Vae<E, D> {
    type Proposal = E::Distribution;

    #[track_caller]
    fn sample_prior(&self, key: Key) -> Tensor {
        self.prior().sample(key)
    }

    #[track_caller]
    fn sample_conditional(&self, key: Key, z: &Tensor) -> Tensor {
        self.decoder.at(z).sample(key)
    }

    #[track_caller]
    fn log_joint(&self, x: &Tensor, z: &Tensor) -> Tensor {
        self.decoder.at(z).log_prob(x) + self.prior().log_prob(z)
    }

    #[track_caller]
    fn proposal(&self, x: &Tensor) -> E::Distribution {
        self.encoder.at(x)
    }
}
