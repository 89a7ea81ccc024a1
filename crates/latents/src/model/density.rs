//! The model that a configuration describes.

use crate::dist::Distribution;
use crate::model::{ClosedForm, Decoder, Gaussian, LatentModel, NoClosedForm, PosteriorNet, PriorLaw};
use crate::nn::GaussianNet;
use pullback::{DType, Key, Tensor, Tree};

/// A latent-variable model of a table's rows with one or more stochastic layers,
/// `p(x) = ∫ p(x|z₁) p(z₁|z₂) … p(z_L) dz`, proposed by `q(z₁|x) q(z₂|z₁) …`.
///
/// All layers together are one `z`, the first layer's numbers first. Made by
/// [`ModelConfig::build`](crate::model::ModelConfig::build).
#[derive(Clone, Debug, Tree)]
pub struct Density {
    /// `q(z₁|x)`, `q(z₂|z₁)`, ….
    pub encoder: Vec<PosteriorNet>,
    /// `p(x|z₁)`.
    pub decoder: Decoder,
    /// `p(z₁|z₂)`, ….
    pub between: Vec<GaussianNet>,
    /// Of the last layer.
    pub prior: PriorLaw,
    /// How many numbers each layer is.
    pub latent: Vec<usize>,
}

/// `q(z|x)` of all layers: the first at `x`, each other one at the one below it.
#[derive(Clone, Debug, Tree)]
pub struct Proposal {
    first: Gaussian,
    others: Vec<PosteriorNet>,
    latent: Vec<usize>,
}

impl Proposal {
    /// The first layer's distribution.
    pub fn first(&self) -> &Gaussian {
        &self.first
    }

    /// Mean and variance: of the first layer as they are, of every other one given that the layer below is at its
    /// mean.
    ///
    /// # Shapes
    /// Results `[latent]`.
    #[track_caller]
    pub fn moments(&self) -> (Tensor, Tensor) {
        let mut layers = vec![self.first.clone()];
        for net in &self.others {
            layers.extend(layers.last().map(|below| net.at(below.mean())));
        }
        let (means, variances): (Vec<Tensor>, Vec<Tensor>) =
            layers.iter().map(|q| (q.mean().clone(), q.variance())).unzip();
        (joined(&means), joined(&variances))
    }
}

impl Distribution for Proposal {
    #[track_caller]
    fn sample(&self, key: Key) -> Tensor {
        let (here, mut key) = if self.others.is_empty() { (key, Key::new(0)) } else { key.split() };
        let mut layers = vec![self.first.sample(here)];
        for net in &self.others {
            let (here, rest) = key.split();
            layers.extend(layers.last().map(|below| net.at(below).sample(here)));
            key = rest;
        }
        joined(&layers)
    }

    #[track_caller]
    fn log_prob(&self, z: &Tensor) -> Tensor {
        let layers = parted(z, &self.latent);
        let first = self.first.log_prob(&layers[0]);
        let above = self.others.iter().zip(layers.windows(2));
        above.fold(first, |sum, (net, pair)| sum + net.at(&pair[0]).log_prob(&pair[1]))
    }
}

impl Density {
    /// The mean and the variance of `q(z|x)`; see [`Proposal::moments`].
    ///
    /// # Shapes
    /// `x: [d]`, results `[latent]`.
    #[track_caller]
    pub fn encode(&self, x: &Tensor) -> (Tensor, Tensor) {
        self.proposal(x).moments()
    }

    /// The centre of `p(x|z)` at a draw of `z ~ q(z|x)`; see [`Component::centre`](crate::dist::Component::centre).
    ///
    /// # Shapes
    /// `x: [d]`, result `[d]`.
    #[track_caller]
    pub fn reconstruct(&self, x: &Tensor, key: Key) -> Tensor {
        let z = self.proposal(x).sample(key);
        self.decoder.at(&z.slice(0, 0, self.latent[0])).centre()
    }

    /// The element type of its parameters.
    pub fn dtype(&self) -> DType {
        self.encoder.first().map_or(DType::F32, |net| net.gaussian.dtype())
    }

    /// `log p(z)` of all layers.
    #[track_caller]
    fn log_prior(&self, layers: &[Tensor]) -> Tensor {
        let last = self.prior.log_prob(&layers[layers.len() - 1]);
        let below = self.between.iter().zip(layers.windows(2));
        below.fold(last, |sum, (net, pair)| sum + net.at(&pair[1]).log_prob(&pair[0]))
    }
}

impl LatentModel for Density {
    type Proposal = Proposal;

    #[track_caller]
    fn sample_prior(&self, key: Key) -> Tensor {
        let (here, mut key) = key.split();
        let mut layers = vec![self.prior.sample(here, self.dtype())];
        for net in self.between.iter().rev() {
            let (here, rest) = key.split();
            layers.extend(layers.last().map(|above| net.at(above).sample(here)));
            key = rest;
        }
        layers.reverse();
        joined(&layers)
    }

    #[track_caller]
    fn sample_conditional(&self, key: Key, z: &Tensor) -> Tensor {
        self.decoder.at(&z.slice(0, 0, self.latent[0])).sample(key)
    }

    #[track_caller]
    fn log_joint(&self, x: &Tensor, z: &Tensor) -> Tensor {
        let layers = parted(z, &self.latent);
        self.decoder.at(&layers[0]).log_prob(x) + self.log_prior(&layers)
    }

    #[track_caller]
    fn proposal(&self, x: &Tensor) -> Proposal {
        Proposal {
            first: self.encoder[0].at(&self.decoder.features(x)),
            others: self.encoder[1..].to_vec(),
            latent: self.latent.clone(),
        }
    }

    fn closed_form(&self) -> Result<&dyn ClosedForm<Proposal>, NoClosedForm> {
        match (&self.prior, self.latent.len()) {
            (PriorLaw::Normal(_), 1) => Ok(self),
            (PriorLaw::Mixture(_), _) => Err(NoClosedForm::Prior),
            (_, layers) => Err(NoClosedForm::Layers { layers }),
        }
    }
}

impl ClosedForm<Proposal> for Density {
    #[track_caller]
    fn log_conditional(&self, x: &Tensor, z: &Tensor) -> Tensor {
        self.decoder.at(z).log_prob(x)
    }

    #[track_caller]
    fn divergence(&self, q: &Proposal) -> Tensor {
        q.first.kl_to_standard_normal()
    }
}

/// The layers' numbers end to end.
#[track_caller]
fn joined(layers: &[Tensor]) -> Tensor {
    Tensor::concat(&layers.iter().collect::<Vec<_>>(), 0)
}

/// The numbers of each layer.
#[track_caller]
fn parted(z: &Tensor, latent: &[usize]) -> Vec<Tensor> {
    if latent.len() == 1 {
        return vec![z.clone()];
    }
    let mut start = 0;
    let part = |&n: &usize| {
        start += n;
        z.slice(0, start - n, start)
    };
    latent.iter().map(part).collect()
}
